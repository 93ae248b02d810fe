"""A run of `learn` as others see it: what it does now, what it waits for, how it ended.

Kept in the record, so that `status` tells of a run that no terminal shows and another command
can end it. It neither hears nor trains.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from types import FrameType
from typing import Any

from sqlite_utils import Database

from core.errors import TrainingError
from core.library import lessons, runs
from core.library.codec import as_time, time_text
from core.tags.journal import Writer
from daemon import processes
from daemon.config import Training
from daemon.learning.patience import Machine, why_not_now
from daemon.learning.power import load_per_core
from daemon.state import State, is_locked

__all__ = [
    "BUSY",
    "DOUBTING",
    "HEARING",
    "READING",
    "STOPPED",
    "TRAINING",
    "Held",
    "Run",
    "Teller",
    "last_run",
    "lessons_of",
    "machine_beside",
    "stop",
    "stoppable",
    "wait_while",
    "why_waits",
]

KEY = "learning"  # the setting that says it
READING, HEARING = "reading tags", "hearing"
DOUBTING, TRAINING = "looking for wrong tags", "training"
LOOK_S = 60.0  # how often a run that nobody waits for asks the machine
PACE = timedelta(minutes=5)  # the pace is that of the last minutes
TELL = timedelta(seconds=5)  # how often a step is told
STOP_S, STOP_LOOK_S = 30.0, 0.1  # how long a run may take to end when it is told to
PAUSED = "genrewatch is paused"
STOPPED = "stopped"  # how a run ended that somebody ended
BUSY = TrainingError(
    "another process learns from a library",
    None,
    "see how far it is with: genrewatch status; or end it with: genrewatch learn --stop",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The newest run of `learn`; *ended* is None while it goes on, or where it was killed."""

    pid: int
    started: str
    boot: str
    since: str  # ISO 8601 UTC
    stage: str = READING
    stage_since: str = ""
    done: int = 0  # steps of the training, of so many
    total: int = 0
    log: str | None = None  # where it goes on to speak when no terminal shows it
    waits: str | None = None  # for what
    ended: str | None = None
    how: str = ""  # it ended, in a sentence

    @property
    def process(self) -> Writer:
        """Who it is."""
        return Writer(pid=self.pid, started=self.started, boot=self.boot)


def last_run(db: Database) -> Run | None:
    """Return the newest run, whether it goes on or not."""
    told = runs.get_setting(db, KEY)
    return Run(**told) if told else None


class Teller:
    """Tells the record of this process's run."""

    def __init__(self, db: Database, now: Callable[[], datetime], log: str | None = None) -> None:
        """Begin a run in the record at *db*; what it says goes to *log*, None: to a terminal."""
        who, begun = processes.this_process(), time_text(now())
        self._db, self._now, self._told_at = db, now, now()
        self._run = Run(pid=who.pid, started=who.started, boot=who.boot, since=begun, log=log)
        self._tell()

    def stage(self, name: str) -> None:
        """Say what is done from now on."""
        begun = time_text(self._now())
        self._run = replace(self._run, stage=name, stage_since=begun, done=0, total=0, waits=None)
        self._tell()

    def progress(self, done: int, total: int) -> None:
        """Say how far the stage is, now and then."""
        now = self._now()
        if now - self._told_at >= TELL:
            self._told_at = now
            self._run = replace(self._run, done=done, total=total)
            self._tell()

    def waits(self, why: str | None) -> None:
        """Say what is waited for; None: for nothing any more."""
        self._run = replace(self._run, waits=why)
        self._tell()

    def end(self, how: str) -> None:
        """Say how it ended."""
        self._run = replace(self._run, waits=None, ended=time_text(self._now()), how=how)
        self._tell()

    def _tell(self) -> None:
        runs.set_setting(self._db, KEY, asdict(self._run))


# --- whether it may go on -------------------------------------------------------------------


class Held:
    """Whether a run that nobody waits for has to hold still; asked often, found out seldom."""

    def __init__(
        self,
        why: Callable[[], str | None],
        tell: Callable[[str | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask *why* not each LOOK_S, and *tell* when the answer changes."""
        self._why, self._tell, self._clock = why, tell, clock
        self._due = clock()
        self._told: str | None = None

    def __call__(self) -> bool:
        """Say whether nothing may be begun now."""
        if self._clock() >= self._due:
            self._due = self._clock() + LOOK_S
            why = self._why()
            if why != self._told:
                self._tell(why)
            self._told = why
        return self._told is not None


def wait_while(held: Held) -> None:
    """Return once nothing has to be waited for."""
    while held():
        time.sleep(STOP_LOOK_S)


def machine_beside(db: Database, state: State, workers: Callable[[], int]) -> Machine:
    """Return the machine as it is beside our own *workers*, which would else wait for themselves.

    Busy is it where a daemon of this record reads new files.
    """

    def load() -> float:
        return load_per_core() - workers() / (os.cpu_count() or 1)

    def busy() -> bool:
        return is_locked(state.daemon_lock) and bool(runs.get_setting(db, "queue"))

    return Machine(load=load, busy=busy)


def why_waits(db: Database, training: Training, machine: Machine) -> str | None:
    """Say what a run that nobody waits for waits for, by the rules of the night; None: nothing."""
    return PAUSED if runs.get_setting(db, "paused") else why_not_now(training, machine)


# --- ending it ------------------------------------------------------------------------------


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that what is under way is put in order."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def stop(db: Database, state: State) -> bool:
    """End the run under way and wait until it has ended; False where there is none.

    Raises TrainingError where it does not end in time.
    """
    run = last_run(db)
    if run is None or not is_locked(state.lessons_lock) or not processes.is_alive(run.process):
        return False
    with suppress(ProcessLookupError):
        os.kill(run.pid, signal.SIGTERM)
    end = time.monotonic() + STOP_S
    while processes.is_alive(run.process) and is_locked(state.lessons_lock):
        if time.monotonic() > end:
            raise TrainingError(f"process {run.pid} does not end", None, "end it by hand")
        time.sleep(STOP_LOOK_S)
    return True


# --- what status says -----------------------------------------------------------------------


def lessons_of(db: Database, state: State, now: datetime) -> dict[str, Any]:
    """Return how far the hearing of tagged libraries has come, and the run that does it."""
    found, run = lessons.progress(db), last_run(db)
    going = run if is_locked(state.lessons_lock) else None
    past = None if going else run
    return {
        **asdict(found),
        "running": going is not None,
        "stage": going and going.stage,
        "steps": [going.done, going.total] if going and going.total else None,
        "waits": going and going.waits,
        "ends": _ends(db, going, found.waiting, now) if going else None,
        "ended": past and past.ended,
        "how": past.how if past else "",
        "log": run and run.log,
    }


def _ends(db: Database, run: Run, waiting: int, now: datetime) -> str | None:
    """Return when the last file will be heard, at the pace of the last minutes; None: unknown."""
    if run.stage != HEARING or run.waits or not waiting:
        return None
    since = max(now - PACE, as_time(run.stage_since))
    done = lessons.count_done_since(db, since)
    return time_text(now + (now - since) * (waiting / done)) if done else None
