"""What the record says of an artist's other music is found, not searched for."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.library import arrivals, evidence, files
from core.library.schema import open_library
from core.names import Keys

KEYS = Keys(composer="bach", artist="gould", album="gould/goldberg")


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "library.db")


@pytest.mark.parametrize(
    "read",
    [
        lambda db: evidence.said_of(db, KEYS, but="x"),
        lambda db: arrivals.is_met(db, KEYS, but="x"),
        lambda db: files.unsure_sharing(db, KEYS),
        lambda db: files.ours_sharing(db, KEYS),
    ],
    ids=["said of", "met", "unsure", "ours"],
)
def test_who_shares_a_key_is_found_by_an_index(
    db: Database, read: Callable[[Database], object]
) -> None:
    """However large the library: no read for one file looks at all files or at all words."""
    asked: list[str] = []
    db.conn.set_trace_callback(asked.append)
    read(db)
    db.conn.set_trace_callback(None)

    plans = [row[3] for sql in asked for row in db.execute(f"explain query plan {sql}")]

    assert plans
    assert not [plan for plan in plans if re.match(r"SCAN (files|feedback|hearings)\b", plan)]
