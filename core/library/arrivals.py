"""The first guess of each track, kept as it was made: what progress is measured by.

Recorded once, never changed: what is guessed later, when more is known, says nothing of how
good the first guess was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from core.library.codec import time_text
from core.library.feedback_log import NAMED
from core.names import Keys

__all__ = [
    "COLUMNS",
    "ArrivalRow",
    "arrival_of",
    "arrivals",
    "as_arrival",
    "is_met",
    "record_arrival",
]

COLUMNS = "fingerprint, genre, confidence, sure, source, model_version, met, decision, at"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalRow:
    """What was guessed of a track when it was judged for the first time."""

    fingerprint: str
    genre: str | None  # None where nothing was heard
    confidence: float
    sure: float  # what was held against the threshold
    source: str  # the verdict's evidence: "model", "artist and model" and the like
    model_version: str
    met: bool  # whether a person had named its artist before
    decision: str  # "written", "guessed", "not sure" or "left"
    at: str = ""


def record_arrival(db: Database, row: ArrivalRow, now: datetime) -> None:
    """Keep the first guess of a track, before its verdict is saved.

    Of one that was judged or named before nothing is kept: that would be no first guess.
    """
    db.execute(
        f"insert or ignore into arrivals ({COLUMNS}) select ?, ?, ?, ?, ?, ?, ?, ?, ? "
        "where not exists (select 1 from feedback where fingerprint = ?) "
        "and not exists (select 1 from verdicts where fingerprint = ?)",
        [
            row.fingerprint,
            row.genre,
            row.confidence,
            row.sure,
            row.source,
            row.model_version,
            int(row.met),
            row.decision,
            time_text(now),
            row.fingerprint,
            row.fingerprint,
        ],
    )


def arrivals(db: Database) -> list[ArrivalRow]:
    """Return every first guess, the oldest first."""
    rows = db.execute(f"select {COLUMNS} from arrivals order by at, rowid")
    return [as_arrival(row) for row in rows]


def arrival_of(db: Database, fingerprint: str | None) -> ArrivalRow | None:
    """Return what was guessed first of this track."""
    query = f"select {COLUMNS} from arrivals where fingerprint = ?"
    row = db.execute(query, [fingerprint]).fetchone()
    return as_arrival(row) if row else None


def is_met(db: Database, keys: Keys, *, but: str) -> bool:
    """Say whether a person named the genre of another track by this artist than *but*.

    False for nobody in particular, and for what a program did.
    """
    if not keys.artist:
        return False
    kinds = ", ".join("?" * len(NAMED))
    found = db.execute(
        f"""
        select exists (
            select 1
            from words
            where artist_key = ?
                and artist_key != ''
                and fingerprint != ?
                and kind in ({kinds})
        )
        """,
        [keys.artist, but, *NAMED],
    ).fetchone()
    return bool(found[0])


def as_arrival(row: Sequence[Any]) -> ArrivalRow:
    """Return what a row of COLUMNS says."""
    return ArrivalRow(
        fingerprint=row[0],
        genre=row[1],
        confidence=row[2],
        sure=row[3],
        source=row[4],
        model_version=row[5],
        met=bool(row[6]),
        decision=row[7],
        at=row[8],
    )
