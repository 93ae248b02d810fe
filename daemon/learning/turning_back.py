"""Go back to the model before where people correct the one in use more often than that.

Asked after each word. Only a model that the gate put to use is taken back, never one that a
person chose; files stay as they are.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from core.decision.rollback import BEFORE, Tally, is_worse, looked_at, tally
from core.library import runs, trials
from core.library.codec import time_text
from core.library.schema import writing
from core.registry import Registry

__all__ = ["Return", "go_back_if_worse", "last_return"]

SETTING = "went_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A model that was taken back, to which one, and what people had corrected."""

    version: str
    to: str
    at: str  # ISO 8601 UTC
    corrected: int
    checks: int
    corrected_before: int
    checks_before: int

    @property
    def reason(self) -> str:
        """Say why in one sentence."""
        return (
            f"of {self.checks} files tagged by model {self.version} you corrected"
            f" {self.corrected}, of {self.checks_before} before it {self.corrected_before}, so"
            f" model {self.to} is in use again"
        )


def go_back_if_worse(db: Database, models: Registry, now: datetime) -> Return | None:
    """Put the model before to use again where people's corrections say so; None where not.

    What was taken back is not promoted again by itself, under no condition: a night makes a
    model of another name. Raises ModelError where there is no whole model to go back to.
    """
    version = models.proven()
    counted = None if version is None else _counted(db, version)
    if version is None or counted is None or not is_worse(*counted):
        return None
    before, by_it = counted
    done = Return(
        version=version,
        to=models.rollback().version,
        at=time_text(now),
        corrected=by_it.corrected,
        checks=by_it.checks,
        corrected_before=before.corrected,
        checks_before=before.checks,
    )
    with writing(db):
        runs.set_setting(db, SETTING, [*(runs.get_setting(db, SETTING) or []), asdict(done)])
    return done


def last_return(db: Database) -> Return | None:
    """Return the last model that was taken back."""
    told: list[dict[str, Any]] = runs.get_setting(db, SETTING) or []
    return Return(**told[-1]) if told else None


def _counted(db: Database, version: str) -> tuple[Tally, Tally] | None:
    """What was corrected before *version*, and of its own writes; None where it wrote nothing."""
    since = trials.first_written_by(db, version)
    if since is None:
        return None
    mine = trials.written_by(db, version)
    before = trials.written_before(db, version, since, BEFORE)
    return tally(before), tally(mine[: looked_at(len(mine))])
