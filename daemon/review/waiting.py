"""What there is to review, from the record: the files, and the genres that are known."""

from collections.abc import Iterable, Mapping

from sqlite_utils import Database

from core.decision.vocabulary import vocabulary
from core.library import feedback_log, files, hearings, taxonomy, writes
from core.library.files import FileRow
from core.taxonomy import KNOWN, fold
from daemon.telling.status import GUESSES, Judged, judged

__all__ = ["guesses_of", "known_genres", "parents_of", "unsure"]


def unsure(db: Database) -> tuple[Judged, ...]:
    """Return the files that wait for an answer, each with its last verdict.

    Those that bear our best guess are among them, for that is as unsure as no genre, and those
    whose answer was taken back.
    """
    paths = [write.path for write in writes.guesses_standing(db)]
    others = [files.file_at(db, path) for path in [*paths, *writes.answers_taken_back(db)]]
    rows = files.files_in_state(db, "not_sure")
    return judged(db, [*rows, *(row for row in others if row is not None)])


def parents_of(db: Database) -> Mapping[str, str]:
    """Return what the person's genres belong to: folded → spelled."""
    return vocabulary(taxonomy.relations(db), taxonomy.named(db), (), ()).parents


def guesses_of(db: Database, row: FileRow) -> tuple[str, ...]:
    """Return the genres that the last verdict on the file names first."""
    verdict = hearings.verdict_of(db, row.fingerprint)
    return tuple(genre for genre, _ in verdict.genres[: GUESSES + 1]) if verdict else ()


def known_genres(db: Database, learned: Iterable[str]) -> dict[str, str]:
    """Return folded → spelled: the genres *learned* by the model, a person's, other common ones."""
    known = {fold(genre): genre for genre in (*KNOWN, *learned)}
    return known | feedback_log.spellings(db)
