"""Bring the guesses on all that waits up to date, after another name or an answer on a batch."""

from collections.abc import Callable
from datetime import datetime

from sqlite_utils import Database

from core.library import files
from daemon.anew import by_album, judge_anew
from daemon.judge import Judge
from daemon.show import progress

__all__ = ["renew"]


def renew(db: Database, judge: Judge, now: Callable[[], datetime]) -> None:
    """Judge every not-sure file anew by all that is said by now, album by album."""
    waiting = by_album(judge, files.files_in_state(db, "not_sure"))
    with progress("Judging anew", waiting) as albums:
        for rows in albums:
            judge_anew(db, judge, rows, now())
