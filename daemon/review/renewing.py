"""Bring the guesses on what waits up to date: after another name, an answer, an undo."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlite_utils import Database

from core.library import files
from daemon.acts import Desk
from daemon.judging.anew import by_album, judge_anew
from daemon.judging.judge import Judge
from daemon.showing.show import progress
from daemon.telling.status import Judged

__all__ = ["renew", "renew_at"]


def renew(db: Database, judge: Judge, now: Callable[[], datetime]) -> None:
    """Judge every not-sure file anew by all that is said by now, album by album."""
    waiting = by_album(judge, files.files_in_state(db, "not_sure"))
    with progress("Judging anew", waiting) as albums:
        for rows in albums:
            judge_anew(db, judge, rows, now())


def renew_at(desk: Desk, items: Sequence[Judged], now: Callable[[], datetime]) -> None:
    """Judge these files anew, those that wait still, with the rest of their albums."""
    with progress("Judging anew", desk.by_album(items)) as albums:
        for some in albums:
            desk.judged_anew(some, now())
