"""A run of `learn` in the background: what status says of it, what it waits for, how it ends."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlite_utils import Database

from core.errors import TrainingError
from core.library import files, lessons, runs
from core.library.lessons import LessonRow
from core.library.schema import open_library
from daemon import processes
from daemon.app import App
from daemon.cli import cli
from daemon.commands import learn as cli_learn
from daemon.config import Training
from daemon.learning import learning_run
from daemon.learning.learning_run import Held, Run, Teller, lessons_of, machine_beside, why_waits
from daemon.learning.patience import Machine
from daemon.state import State, locked
from tests.factories import NOON

IDLE = Machine(on_battery=lambda: False, load=lambda: 0.0)
BUSY = TrainingError("busy")


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(root=tmp_path / "state")
    state.create()
    return state


@pytest.fixture
def db(state: State) -> Iterator[Database]:
    record = open_library(state.library)
    yield record
    record.close()


@pytest.fixture
def paused(state: State, db: Database) -> Iterator[None]:
    """What goes on in the background waits, and has ended when the test has."""
    runs.set_setting(db, "paused", True)
    yield
    learning_run.stop(db, state)


def waiting(db: Database, *paths: str) -> None:
    rows = [
        LessonRow(path=path, tagged=("Jazz",), genre="Jazz", artist_key="x", turn=turn)
        for turn, path in enumerate(paths)
    ]
    lessons.set_lessons(db, rows, (), NOON)


def run(state: State, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--state-dir", str(state.root), *arguments])


def status_line(state: State) -> str:
    lines = run(state, "status").stdout.splitlines()
    return next((line for line in lines if line.startswith("Tagged library")), "")


# --- what status says -----------------------------------------------------------------------


def test_status_says_what_a_run_does_and_until_when(state: State, db: Database) -> None:
    """At the pace of the hearing so far; then the steps of the training; then how it ended."""
    waiting(db, *(f"/m/{n}.mp3" for n in range(10)))
    minute = timedelta(minutes=1)
    teller = Teller(db, lambda: NOON)
    teller.stage(learning_run.HEARING)
    for n in range(4):
        lessons.mark_failed(db, f"/m/{n}.mp3", "torn", NOON + minute)
    with locked(state.lessons_lock, BUSY):
        hearing = lessons_of(db, state, NOON + 2 * minute)
        teller.stage(learning_run.TRAINING)
        training = lessons_of(db, state, NOON + 2 * minute)
        words = status_line(state)

    assert hearing["ends"] == "2026-05-01T12:05:00.000Z"  # six more, at four in two minutes
    assert (hearing["stage"], training["stage"], training["ends"]) == ("hearing", "training", None)
    assert words == "Tagged library: 4 of 10 files heard, training"
    teller.end("refused: it is no better")
    assert "stopped (refused: it is no better); go on with" in status_line(state)
    for n in range(4, 10):
        lessons.mark_failed(db, f"/m/{n}.mp3", "torn", NOON + minute)
    assert status_line(state).endswith(": refused: it is no better")


def test_the_steps_of_a_training_are_told_now_and_then(state: State, db: Database) -> None:
    """Not each of thousands is a write to the record."""
    moments = iter([NOON, NOON, *(NOON + timedelta(seconds=s) for s in (1, 6, 7))])
    teller = Teller(db, lambda: next(moments))
    told = []
    for done in (1, 2, 3):
        teller.progress(done, 9)
        last = learning_run.last_run(db)
        told.append(last and (last.done, last.total))

    assert told == [(0, 0), (2, 9), (2, 9)]


def test_a_run_that_was_killed_is_not_under_way(state: State, db: Database) -> None:
    """Its lock went with it."""
    waiting(db, "/m/a.mp3")
    Teller(db, lambda: NOON).stage(learning_run.HEARING)

    assert not lessons_of(db, state, NOON)["running"]
    assert "stopped; go on with: genrewatch learn" in status_line(state)


# --- what it waits for ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (IDLE, None),
        (replace(IDLE, on_battery=lambda: True), "the machine runs on its battery"),
        (replace(IDLE, busy=lambda: True), "new files are being read"),
        (replace(IDLE, load=lambda: 2.0), "the machine is busy (load 2.0 per core)"),
    ],
)
def test_it_waits_for_what_the_night_waits_for(
    db: Database, machine: Machine, reason: str | None
) -> None:
    """And for the end of a pause."""
    assert why_waits(db, Training(), machine) == reason
    runs.set_setting(db, "paused", True)
    assert why_waits(db, Training(), machine) == learning_run.PAUSED


def test_it_does_not_wait_for_itself(
    state: State, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own workers are a load, too; and only a daemon that runs can read new files."""
    cores = os.cpu_count() or 1
    monkeypatch.setattr(learning_run, "load_per_core", lambda: 0.4 + 2 / cores)
    runs.set_setting(db, "queue", 3)

    machine = machine_beside(db, state, lambda: 2)

    assert machine.load() == pytest.approx(0.4)
    assert not machine.busy()
    with locked(state.daemon_lock, BUSY):
        assert machine.busy()


def test_it_holds_still_until_the_reason_is_gone_and_says_so_once() -> None:
    """The machine is asked once a minute, however often it wants to go on."""
    answers = iter(["battery", "battery", None])
    told: list[str | None] = []
    clock = iter([0.0, *(n * 15.0 for n in range(20) for _ in range(2))])
    held = Held(lambda: next(answers), told.append, lambda: next(clock))

    found = []
    while len(told) < 2:
        found.append(held())

    assert found[-1] is False
    assert all(found[:-1])
    assert told == ["battery", None]


# --- a process of its own -------------------------------------------------------------------


@pytest.mark.usefixtures("paused")
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_it_goes_on_in_the_background_and_says_how_it_ended(state: State, db: Database) -> None:
    """In a session of its own, with a log; here none of its files is there any more."""
    waiting(db, "/nowhere/a.mp3")

    begun = run(state, "learn", "--background")
    process = _told(db)
    session = os.getsid(process.pid)
    held = _until(lambda: _told(db).waits)
    second = run(state, "learn", "/")
    stopped = run(state, "learn", "--stop")

    assert begun.exit_code == 0, begun.output
    assert "genrewatch learn --stop" in begun.stdout
    assert session == process.pid != os.getpid()
    assert held == learning_run.PAUSED
    assert "another process learns" in str(second.exception)
    assert "--stop" in str(second.exception)
    assert stopped.stdout == "Stopped: 1 file still to hear; go on with: genrewatch learn\n"
    assert _told(db).how == learning_run.STOPPED
    assert "Stopped: 1 file still to hear" in state.lessons_log.read_text("utf-8")
    assert run(state, "learn", "--stop").stdout == "Nothing learns from a library now.\n"


def test_a_background_that_cannot_begin_is_an_error(state: State, db: Database) -> None:
    """With the last word of its log, into which nobody would look."""
    waiting(db, "/nowhere/a.mp3")

    with (
        locked(state.lessons_lock, BUSY),
        pytest.raises(TrainingError, match="did not start in the background") as caught,
    ):
        cli_learn._leave_running(App(state_flag=str(state.root)), None)

    assert "another process learns" in str(caught.value)


@pytest.mark.usefixtures("paused")
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_a_background_that_is_slow_to_begin_is_no_error(
    state: State, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine with much else to do."""
    waiting(db, "/nowhere/a.mp3")
    monkeypatch.setattr(cli_learn, "START_S", 0.0)

    assert run(state, "learn", "--background").exit_code == 0
    _until(lambda: learning_run.last_run(db) and _told(db).waits)


def test_what_is_stopped_while_it_trains_says_how_to_go_on(
    state: State, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Ctrl-C or --stop; another reason is told, too."""
    waiting(db, "/m/a.mp3")
    files.remember_track(db, "fa", 30.0, NOON)
    lessons.mark_heard(db, "/m/a.mp3", "fa", NOON)
    ends: list[BaseException] = [KeyboardInterrupt(), TrainingError("no memory left")]

    def ended(*_: object, **__: object) -> Iterator[dict[str, Any]]:
        raise ends.pop(0)

    monkeypatch.setattr(processes, "run_trainer", ended)

    stopped = run(state, "learn")
    assert (stopped.exit_code, _told(db).how) == (1, learning_run.STOPPED)
    assert "Stopped; what was done stays, go on with: genrewatch learn" in stopped.stdout
    assert isinstance(run(state, "learn").exception, TrainingError)
    assert _told(db).how == "no memory left"
    assert status_line(state).endswith(": no memory left")


def _told(db: Database) -> Run:
    found = learning_run.last_run(db)
    assert found is not None
    return found


def _until(ask: Any, seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found
