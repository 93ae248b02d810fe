"""What became of the genres that each model version wrote: corrected since, or left to stand.

A read over first guesses and feedback. Only writes that a person could have looked at count:
those made before the last word. It concludes nothing.
"""

from typing import Any

from sqlite_utils import Database

__all__ = ["first_written_by", "written_before", "written_by"]

# Of a write what a person said of it later; what a program put there in a batch is no word.
CORRECTED = """
    exists (
        select 1
        from words
        where words.fingerprint = arrivals.fingerprint
            and words.kind in ('correction', 'rejection')
            and words.at >= arrivals.at
    )
"""
LOOKED_AT = """
    decision = 'written'
    and at <= (select max(at) from words where kind != 'reversion')
"""


def written_by(db: Database, version: str) -> list[bool]:
    """Return whether each first write under *version* was corrected, the oldest first."""
    rows = db.execute(
        f"""
        select {CORRECTED}
        from arrivals
        where model_version = ? and {LOOKED_AT}
        order by at
        """,
        [version],
    )
    return _flags(rows)


def first_written_by(db: Database, version: str) -> str | None:
    """Return when something was first written under *version*, ISO 8601 UTC."""
    found: str | None = db.execute(
        "select min(at) from arrivals where model_version = ? and decision = 'written'", [version]
    ).fetchone()[0]
    return found


def written_before(db: Database, version: str, moment: str, limit: int) -> list[bool]:
    """Return whether each of the last *limit* writes before *moment* was corrected.

    Those of all models but *version*, the newest first.
    """
    rows = db.execute(
        f"""
        select {CORRECTED}
        from arrivals
        where model_version != ? and at < ? and {LOOKED_AT}
        order by at desc
        limit ?
        """,
        [version, moment, limit],
    )
    return _flags(rows)


def _flags(rows: Any) -> list[bool]:
    return [bool(row[0]) for row in rows]
