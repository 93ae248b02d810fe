"""Which tracks a person is asked about, whatever we had guessed of them, and what was written.

Rows of questions and a read of our writes; which to draw is decided elsewhere.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from core.library.codec import as_list, as_time, path_text, time_text
from core.library.writes import GUESS, PROPAGATION

__all__ = ["Asked", "Promised", "asked", "promised", "record_answered", "record_asked", "reopen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """The first genre that we wrote to a track under the promise; taken back since or not."""

    fingerprint: str
    path: str
    genres: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A track that was drawn for a question."""

    fingerprint: str
    why: str  # "first writes" or "random"
    at: datetime
    answered: bool


def promised(db: Database) -> list[Promised]:
    """Return the tracks that we wrote a genre to under the promise, in the order of writing.

    Best guesses and what followed a correction are none of them: no threshold chose those.
    """
    rows = db.execute(
        f"""
        select fingerprint, path, new, begun_at, min(id) as first
        from tag_writes
        where origin = 'ours' and undoes is null and state in ('done', 'undone')
            and cause not in ('{GUESS}', '{PROPAGATION}', 'undo') and fingerprint is not null
        group by fingerprint
        order by first
        """
    )
    return [
        Promised(
            fingerprint=row[0], path=path_text(row[1]), genres=as_list(row[2]), at=as_time(row[3])
        )
        for row in rows
    ]


def asked(db: Database) -> list[Asked]:
    """Return every track that was drawn, the first drawn first."""
    rows = db.execute(
        "select fingerprint, why, asked_at, answered_at from audits order by asked_at, rowid"
    )
    return [
        Asked(fingerprint=row[0], why=row[1], at=as_time(row[2]), answered=row[3] is not None)
        for row in rows
    ]


def record_asked(db: Database, fingerprint: str, why: str, now: datetime) -> None:
    """Record that the track was drawn; it stays drawn, whatever is answered."""
    db.execute(
        "insert or ignore into audits (fingerprint, why, asked_at) values (?, ?, ?)",
        [fingerprint, why, time_text(now)],
    )


def reopen(db: Database, fingerprint: str) -> None:
    """Record that the answer for a track was taken back: it is to be asked about again."""
    db.execute("update audits set answered_at = null where fingerprint = ?", [fingerprint])


def record_answered(db: Database, fingerprint: str, now: datetime) -> None:
    """Record that a person said what the track is, or that it is not what we wrote."""
    db.execute(
        "update audits set answered_at = ? where fingerprint = ? and answered_at is null",
        [time_text(now), fingerprint],
    )
