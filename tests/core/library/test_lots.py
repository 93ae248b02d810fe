"""What one act wrote and refused, on a real record."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.library import evidence, feedback_log, lots, writes
from core.library.feedback_log import FeedbackRow
from core.library.schema import migrations, open_library
from core.library.writes import WriteRow
from core.names import Keys
from tests.factories import NOON


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "library.db")


def write(db: Database, path: str, second: int, lot: str | None = None) -> None:
    row = WriteRow(
        path=path,
        scratch=f"{path}.tmp",
        fingerprint=path,
        old=(),
        new=("Rock",),
        old_origin="none",
        origin="person",
        cause="review",
        writer_pid=1,
        writer_started="then",
        lot=lot,
    )
    moment = NOON + timedelta(seconds=second)
    writes.close_write(db, writes.open_write(db, row, moment), "done", moment)


def refuse(db: Database, path: str, second: int, lot: str | None = None) -> None:
    said = FeedbackRow(
        path=path,
        fingerprint=path,
        kind="rejection",
        old=("Rock",),
        new=(),
        via="review",
        artist="Ann",
        lot=lot,
    )
    feedback_log.record_feedback(db, said, NOON + timedelta(seconds=second))


def acts(db: Database, limit: int) -> list[str]:
    found = lots.last_acts(db, limit)
    return sorted(row.path for row in (*found.writes, *found.refusals))


def test_acts_follow_one_another_whatever_they_are(db: Database) -> None:
    """A write, an answer that refused, one that did both, a write of the daemon's."""
    write(db, "/a", 1)
    refuse(db, "/b", 2, "two")
    refuse(db, "/c", 2, "two")
    refuse(db, "/d", 3, "three")
    write(db, "/e", 4, "three")
    write(db, "/f", 5)

    assert [acts(db, limit) for limit in (1, 2, 3)] == [
        ["/f"],
        ["/d", "/e", "/f"],
        ["/b", "/c", "/d", "/e", "/f"],
    ]
    assert len(acts(db, -1)) == 6
    assert [row.path for row in lots.refusals_since(db, NOON + timedelta(seconds=3))] == ["/d"]


def test_what_was_taken_back_counts_no_more_and_is_told(db: Database) -> None:
    """Neither for its track nor for its artist's; what was said before it is in force again."""
    refuse(db, "/a", 1, "one")
    refuse(db, "/b", 2)  # by a file that lost its genre: not ours to take back
    (word,) = lots.last_acts(db, 5).refusals

    lots.withdraw(db, word, NOON)

    heard_of = evidence.said_of(db, Keys(artist="ann"), but="")
    assert acts(db, 5) == []
    assert lots.refusal_of(db, word.id) is None
    assert lots.newest_refusal(db, "/a") is None
    assert [said.fingerprint for said in heard_of] == ["/b"]
    assert [row.kind for row in feedback_log.story_of_track(db, "/a")] == ["rejection", "reversion"]
    assert feedback_log.feedback_of_track(db, "/a") == []
    assert [row.path for row in feedback_log.all_feedback(db)] == ["/b"]


def test_names_of_lots_differ(db: Database) -> None:
    """Also of those begun in one instant, one by a refusal and one by a write."""
    names = [lots.new_name(db, 1, NOON)]
    refuse(db, "/a", 0, names[0])
    names.append(lots.new_name(db, 1, NOON))
    write(db, "/b", 0, names[1])
    names.append(lots.new_name(db, 1, NOON))

    assert len(set(names)) == 3


def test_lots_of_an_older_record_are_kept(tmp_path: Path) -> None:
    """They had the number of their first write for a name."""
    path = tmp_path / "old.db"
    old = Database(path)
    migrations.apply(old, stop_before="m009_lots")
    for number in (7, 8, 9):
        old.execute(
            """
            insert into tag_writes (id, path, scratch, old, new, old_origin, origin, cause, state,
                writer_pid, writer_started, begun_at, lot)
            values (?, x'2f61', x'2f62', '[]', '["Rock"]', 'none', 'person', 'review', 'done',
                1, '', '2026', ?)
            """,
            [number, 7 if number < 9 else None],
        )
    old.execute("pragma user_version = 8")
    old.conn.commit()
    old.close()

    db = open_library(path)

    assert [row.lot for row in writes.writes_at(db, "/a")] == ["7", "7", None]
    assert [row.id for row in lots.last_acts(db, 2).writes] == [9, 8, 7]
    assert [row.id for row in lots.last_acts(db, 1).writes] == [9]
