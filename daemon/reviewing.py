"""What there is to review, from the record: the files, and the genres that are known."""

from collections.abc import Iterable

from sqlite_utils import Database

from core.library import feedback_log, files
from core.taxonomy import KNOWN, fold
from daemon.groups import Group
from daemon.status import Judged, judged

__all__ = ["known_genres", "unsure"]


def unsure(db: Database) -> tuple[Judged, ...]:
    """Return the files that wait for an answer, each with its last verdict."""
    return judged(db, files.files_in_state(db, "not_sure"))


def known_genres(db: Database, groups: Iterable[Group]) -> dict[str, str]:
    """Return folded → spelled: genres that a person or the model names, and other common ones."""
    known = {fold(genre): genre for genre in KNOWN}
    for group in groups:
        for item in group.files:
            said = item.verdict.genres if item.verdict else ()
            known |= {fold(genre): genre for genre, _ in said}
    return known | feedback_log.spellings(db)
