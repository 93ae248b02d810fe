"""Keep the first guess of each track, as it was made, beside what was decided by it.

Only the first one counts, so it may be called at every verdict.
"""

from datetime import datetime

from sqlite_utils import Database

from core.decision.policy import Action, Decision
from core.decision.verdict import Verdict
from core.library import arrivals
from core.library.arrivals import ArrivalRow
from core.library.files import FileRow

__all__ = ["keep_first_guess"]

DECIDED = {Action.WRITE: "written", Action.NOT_SURE: "not sure", Action.LEAVE: "left"}


def keep_first_guess(
    db: Database, row: FileRow, verdict: Verdict, decision: Decision, now: datetime
) -> None:
    """Record what was guessed of the track of *row*, unless it was judged or named before."""
    if row.fingerprint is None:
        return
    best = verdict.best
    first = ArrivalRow(
        fingerprint=row.fingerprint,
        genre=best.genre if best else None,
        confidence=round(best.confidence, 4) if best else 0.0,
        sure=round(verdict.sure, 4),
        source=verdict.evidence,
        model_version=verdict.model_version,
        met=arrivals.is_met(db, row.keys, but=row.fingerprint),
        decision="guessed" if decision.guessed else DECIDED[decision.action],
    )
    arrivals.record_arrival(db, first, now)
