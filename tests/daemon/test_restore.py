"""The way back from a damaged or lost record, by the commands a person types."""

import json
import os
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.library import feedback_log, writes
from core.library.feedback_log import FeedbackRow
from core.library.schema import open_library, writing
from core.library.witness import Witness
from core.library.writes import WriteRow
from daemon.cli import cli, main
from daemon.daemon import _back_up
from daemon.restore import back_up_daily
from daemon.state import State, locked
from tests.factories import NOON

TODAY = date(2026, 5, 1)


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A state with a write in its backup, and one that came after, with a correction."""
    made = State(root=tmp_path / "state")
    made.create()
    tag(made, 1)
    assert back_up_daily(made, TODAY)
    tag(made, 2)
    with closing(open_library(made.library)) as db:
        said = FeedbackRow(
            path="/m/2.mp3", fingerprint="2", kind="correction", old=("Rock",), new=("Jazz",),
            via="retag",
        )  # fmt: skip
        feedback_log.record_feedback(db, said, NOON)
        Witness(made.witness).settle(db)
    return made


def tag(state: State, number: int) -> None:
    with closing(open_library(state.library)) as db:
        row = WriteRow(
            path=f"/m/{number}.mp3",
            scratch=f"/m/.genrewatch-{number}.tmp",
            fingerprint=str(number),
            old=(),
            new=("Rock",),
            old_origin="none",
            origin="ours",
            cause="drop",
            writer_pid=1,
            writer_started="then",
        )
        write = writes.open_write(db, row, NOON)
        with writing(db):
            writes.close_write(db, write, "done", NOON)
            found = writes.write_of(db, write)
            assert found is not None
            Witness(state.witness).recorder(db)(found)


def damage(state: State) -> None:
    with closing(sqlite3.connect(state.library)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    data = bytearray(state.library.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    state.library.write_bytes(data)


def run(state: State, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--state-dir", str(state.root), *arguments])


def known(state: State) -> tuple[list[str], list[str]]:
    """Return the files written and the words said, as the record has them."""
    with closing(open_library(state.library)) as db:
        rows = writes.finished_writes(db)
        return [row.path for row in rows], [row.kind for row in feedback_log.all_feedback(db)]


ALL = (["/m/1.mp3", "/m/2.mp3"], ["correction"])


def test_a_damaged_record_is_told_with_the_way_back(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, no traceback, exit code 1."""
    damage(state)

    for command in (["pause"], ["feedback"], ["status"]):
        with pytest.raises(SystemExit) as end:
            main(["--state-dir", str(state.root), *command])

        said = capsys.readouterr().err
        assert end.value.code == 1
        assert "damaged" in said
        assert "genrewatch restore" in said
        assert len(said.splitlines()) == 1


def test_restore_brings_back_what_was_written_and_said_since(state: State) -> None:
    """The backup and the log together know all of it; the damaged record lies aside."""
    damage(state)
    before = state.library.read_bytes()

    done = json.loads(run(state, "restore", "--json").stdout)

    assert (done["writes"], done["feedback"], done["unreadable"]) == (1, 1, 0)
    assert known(state) == ALL
    assert Path(done["aside"]).read_bytes() == before
    assert run(state, "feedback").exit_code == 0


def test_restore_says_what_came_back_and_what_is_lost(state: State) -> None:
    """In sentences."""
    said = run(state, "restore", "2026-05-01").stdout

    assert "The record is the backup of 2026-05-01." in said
    assert "by their genre only: 1; words of yours: 1" in said
    assert "Lost is what was heard and judged since" in said
    assert "must be said again" in said


def test_a_lost_record_learns_from_the_log(state: State) -> None:
    """At the first command that opens a new one."""
    state.library.unlink()

    assert run(state, "feedback").exit_code == 0

    assert known(state) == ALL


def test_without_a_backup_the_log_alone_is_a_way_back(state: State) -> None:
    """It is named when there is no other, and works."""
    damage(state)
    for backup in state.backups.iterdir():
        backup.unlink()

    assert "restore --empty" in str(run(state, "restore").exception)
    assert run(state, "restore", "--empty").exit_code == 0
    assert known(state) == ALL


def test_a_damaged_backup_is_passed_over(state: State) -> None:
    """The newest whole one is taken; asked for by its day, it is refused."""
    bad = state.backups / "library-2026-05-02.db"
    bad.write_bytes(b"torn" * 1000)

    listed = json.loads(run(state, "restore", "--list", "--json").stdout)

    assert [(item["day"], item["trouble"] is None) for item in listed] == [
        ("2026-05-02", False),
        ("2026-05-01", True),
    ]
    assert "damaged" in run(state, "restore", "--list").stdout
    assert "damaged" in str(run(state, "restore", "2026-05-02").exception)
    assert json.loads(run(state, "restore", "--json").stdout)["backup"].endswith("05-01.db")


def test_nothing_is_restored_below_a_running_daemon(state: State) -> None:
    """It would go on writing to what was put aside."""
    before = state.library.read_bytes()

    with locked(state.daemon_lock, RuntimeError()):  # type: ignore[arg-type]
        assert "a daemon is running" in str(run(state, "restore").exception)

    assert state.library.read_bytes() == before
    assert not state.damaged.exists()


def test_a_day_without_a_backup_is_wrong_usage(state: State) -> None:
    """Exit code 2, and where to look."""
    result = run(state, "restore", "2020-01-01")

    assert "restore --list" in str(result.exception)
    assert run(state, "restore", "yesterday").exit_code == 2


def test_one_backup_a_day(state: State) -> None:
    """However often one asks."""
    assert not back_up_daily(state, TODAY)
    assert back_up_daily(state, date(2026, 5, 2))


class Resting:
    """A supervisor, as far as the backup asks it."""

    def __init__(self, at_rest: bool) -> None:
        self.at_rest = at_rest

    def is_at_rest(self) -> bool:
        return self.at_rest


def test_the_daemon_makes_the_backup_when_it_is_at_rest(state: State) -> None:
    """Not in the middle of work; and a damaged record is a warning, no fault."""
    before = {path.name for path in state.backups.iterdir()}

    _back_up(state, Resting(False))  # type: ignore[arg-type]
    assert {path.name for path in state.backups.iterdir()} == before
    _back_up(state, Resting(True))  # type: ignore[arg-type]
    made = {path.name for path in state.backups.iterdir()} - before
    assert len(made) == 1
    (state.backups / made.pop()).unlink()
    damage(state)
    _back_up(state, Resting(True))  # type: ignore[arg-type]
    assert {path.name for path in state.backups.iterdir()} == before
