"""Lots: what one act of a person wrote and refused, to be taken back as one.

A lot is known by a name that stays the same wherever the record is put back. A refusal is
"not this" in an answer: a word without a write. Reads and withdraws; undoes no write.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlite_utils import Database

from core.library import feedback_log, writes
from core.library.codec import path_bytes, time_text
from core.library.feedback_log import FeedbackRow
from core.library.writes import STANDING, WriteRow

__all__ = [
    "Acts",
    "is_withdrawal",
    "last_acts",
    "new_name",
    "newest_refusal",
    "refusal_of",
    "refusals_of",
    "refusals_since",
    "withdraw",
]

REFUSAL = "kind = 'rejection' and lot is not null and not withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acts:
    """What some acts wrote and refused, as far as it stands, the latest first."""

    writes: Sequence[WriteRow]
    refusals: Sequence[FeedbackRow]


def new_name(db: Database, pid: int, now: datetime) -> str:
    """Return the name of a lot that begins now, inside one transaction.

    The numbers tell apart what is begun in one instant, the rest what was lost since.
    """
    place = f"{writes.next_write(db)}.{feedback_log.last_feedback_id(db)}"
    return f"{pid}-{now:%Y%m%d%H%M%S%f}-{place}"


def last_acts(db: Database, limit: int) -> Acts:
    """Return the last *limit* acts.

    An act is one write, or all that one answer wrote and refused.
    """
    acts = f"""
        select act from (
            select coalesce(lot, 'write ' || id) as act, begun_at as at, 0 as said, id
            from tag_writes where {STANDING}
            union all
            select lot, at, 1, id from feedback where {REFUSAL}
        )
        group by act
        order by max(at) desc, max(said) desc, max(id) desc
        limit ?
    """
    return Acts(
        writes=writes.rows_where(
            db,
            f"where {STANDING} and coalesce(lot, 'write ' || id) in ({acts}) order by id desc",
            [limit],
        ),
        refusals=feedback_log.rows_where(
            db, f"where {REFUSAL} and lot in ({acts}) order by id desc", [limit]
        ),
    )


def refusals_since(db: Database, moment: datetime) -> list[FeedbackRow]:
    """Return the refusals since *moment* that stand, the latest first."""
    clause = f"where {REFUSAL} and at >= ? order by id desc"
    return feedback_log.rows_where(db, clause, [time_text(moment)])


def newest_refusal(db: Database, path: str) -> FeedbackRow | None:
    """Return the last refusal on this file that stands."""
    clause = f"where {REFUSAL} and path = ? order by id desc limit 1"
    return next(iter(feedback_log.rows_where(db, clause, [path_bytes(path)])), None)


def refusals_of(db: Database, fingerprint: str) -> list[FeedbackRow]:
    """Return the refusals for this track that stand, the latest first."""
    clause = f"where {REFUSAL} and fingerprint = ? order by id desc"
    return feedback_log.rows_where(db, clause, [fingerprint])


def refusal_of(db: Database, word: int) -> FeedbackRow | None:
    """Return the refusal with this id, None where there is none that stands."""
    return next(iter(feedback_log.rows_where(db, f"where {REFUSAL} and id = ?", [word])), None)


def is_withdrawal(word: FeedbackRow) -> bool:
    """Say whether a word takes a refusal back."""
    return word.kind == "reversion" and word.via == "undo"


def withdraw(db: Database, refusal: FeedbackRow, now: datetime) -> None:
    """Record that a refusal was taken back: it counts no more, and both words are kept."""
    taken_back = replace(
        refusal,
        kind="reversion",
        old=(),
        new=refusal.old,
        via="undo",
        lot=None,
        batch=None,
        withdrawn=True,
    )
    feedback_log.record_feedback(db, taken_back, now)
    db.execute("update feedback set withdrawn = 1 where id = ?", [refusal.id])
