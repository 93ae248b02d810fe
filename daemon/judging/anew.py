"""Files judged anew by what was kept of their hearing, the tracks of an album as one.

The one place for it: the daemon decides about what comes out, a command only keeps it for
review. Nothing is heard here, and no tag written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from core.decision.album import albums
from core.decision.verdict import Verdict
from core.library import files, hearings
from core.library.files import FileRow
from core.library.hearings import HearingRow
from core.library.schema import writing
from daemon.judging.judge import Judge, verdict_row

__all__ = ["Anew", "by_album", "judge_anew", "judged_together", "rest_of_albums"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anew:
    """A file, what was heard of it, and what is made of that now."""

    row: FileRow
    hearing: HearingRow
    verdict: Verdict


def by_album(judge: Judge, rows: Iterable[FileRow]) -> list[list[FileRow]]:
    """Return *rows* by the album that each is judged with; who has none is alone."""
    return albums(rows, judge.album)


def rest_of_albums(db: Database, judge: Judge, rows: Sequence[FileRow]) -> list[FileRow]:
    """Return the not-sure files that are of one album with any of *rows* and none of them."""
    mine = {row.path for row in rows}
    found: dict[str, FileRow] = {}
    for first, *_ in by_album(judge, rows):
        album = judge.album(first)
        for other in files.unsure_sharing(db, first.keys) if album else []:
            if other.path not in mine and judge.album(other) == album:
                found[other.path] = other
    return list(found.values())


def judged_together(judge: Judge, rows: Iterable[FileRow]) -> list[Anew]:
    """Return what is made of *rows* now, by all that was heard in those of one album.

    Without those of which nothing is kept that the model in use can go by.
    """
    kept = [(judge.kept_hearing(row.fingerprint), row) for row in rows]
    heard = [(hearing, row) for hearing, row in kept if hearing is not None]
    found = judge.album_verdicts(heard)
    return [
        Anew(row=row, hearing=hearing, verdict=found[hearing.fingerprint]) for hearing, row in heard
    ]


def judge_anew(db: Database, judge: Judge, rows: Sequence[FileRow], now: datetime) -> None:
    """Keep what is made of *rows* now, and of what waits with them on their albums."""
    found = judged_together(judge, [*rows, *rest_of_albums(db, judge, rows)])
    with writing(db):
        for item in found:
            hearings.save_verdict(db, verdict_row(item.hearing.fingerprint, item.verdict), now)
