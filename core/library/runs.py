"""Trainings that were begun, skipped, refused or promoted, and the few settings that persist."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from core.library.codec import time_text

__all__ = [
    "RunRow",
    "begin_run",
    "data_version",
    "end_run",
    "forget_same_before",
    "get_setting",
    "last_learned_feedback",
    "last_run",
    "run_of",
    "set_setting",
]

COLUMNS = "id, asked_by, started_at, ended_at, outcome, reason, version, last_feedback"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One training; *outcome* is None while it runs (or died)."""

    id: int
    asked_by: str  # "night", "command" or "train"
    started_at: str
    ended_at: str | None
    outcome: str | None  # "promoted", "refused", "skipped" or "failed"
    reason: str
    version: str | None
    last_feedback: int


def begin_run(db: Database, asked_by: str, now: datetime) -> int:
    """Record that a training begins and return its id."""
    cursor = db.execute(
        "insert into runs (asked_by, started_at) values (?, ?)", [asked_by, time_text(now)]
    )
    return int(cursor.lastrowid or 0)


def end_run(
    db: Database,
    run: int,
    outcome: str,
    reason: str,
    now: datetime,
    *,
    version: str | None = None,
    last_feedback: int = 0,
) -> None:
    """Record how a training ended and up to which feedback it learned."""
    db.execute(
        "update runs set ended_at = ?, outcome = ?, reason = ?, version = ?, last_feedback = ? "
        "where id = ?",
        [time_text(now), outcome, reason, version, last_feedback, run],
    )


def forget_same_before(db: Database, run: int) -> bool:
    """Forget the training before *run* where both were skipped for one reason; say whether.

    What keeps us from training for a month is one fact, not thirty.
    """
    found = db.execute(
        """
        delete from runs
        where id = (select max(id) from runs where id < :run and ended_at is not null)
            and outcome = 'skipped'
            and (asked_by, outcome, reason) = (
                select asked_by, outcome, reason from runs where id = :run
            )
        """,
        {"run": run},
    )
    return found.rowcount > 0


def last_run(db: Database) -> RunRow | None:
    """Return the newest training that ended."""
    row = db.execute(
        f"select {COLUMNS} from runs where ended_at is not null order by id desc limit 1"
    ).fetchone()
    return _run(row) if row else None


def run_of(db: Database, version: str) -> RunRow | None:
    """Return the training that made the model *version*."""
    row = db.execute(
        f"select {COLUMNS} from runs where version = ? order by id desc limit 1", [version]
    ).fetchone()
    return _run(row) if row else None


def last_learned_feedback(db: Database) -> int:
    """Return the id of the newest feedback that a finished training has seen."""
    newest: int = db.execute(
        "select coalesce(max(last_feedback), 0) from runs where outcome in ('promoted', 'refused')"
    ).fetchone()[0]
    return newest


def set_setting(db: Database, key: str, value: Any) -> None:
    """Keep *value* (anything JSON knows) under *key*."""
    db.execute(
        "insert or replace into settings (key, value) values (?, ?)", [key, json.dumps(value)]
    )


def get_setting(db: Database, key: str) -> Any:
    """Return what is kept under *key*, None where nothing is."""
    row = db.execute("select value from settings where key = ?", [key]).fetchone()
    return json.loads(row[0]) if row else None


def data_version(db: Database) -> int:
    """Return a number that changes when another connection has written."""
    version: int = db.execute("pragma data_version").fetchone()[0]
    return version


def _run(row: Sequence[Any]) -> RunRow:
    return RunRow(
        id=row[0],
        asked_by=row[1],
        started_at=row[2],
        ended_at=row[3],
        outcome=row[4],
        reason=row[5],
        version=row[6],
        last_feedback=row[7],
    )
