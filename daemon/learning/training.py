"""Have a model trained, by night or by command: one at a time, in a process of its own.

A night waits for something to learn and for the machine; a command does not. Whatever keeps
the trainer from starting is one stated reason, however many nights it lasts.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from sqlite_utils import Database

from core import registry
from core.errors import GenrewatchError, TrainingError
from core.library import feedback_log, runs
from core.library.schema import open_library
from daemon import processes
from daemon.backbone import backbone_folder, open_models
from daemon.config import Config
from daemon.learning.patience import NO_START, WAITS, Machine, to_learn, too_little, wait
from daemon.limits import trainer_mb
from daemon.state import State, locked

__all__ = ["Background", "Outcome", "finish", "retrain", "train_from_samples"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a training ended."""

    outcome: str  # "promoted", "refused", "skipped" or "failed"
    reason: str
    version: str | None = None


Progress = Callable[[dict[str, Any]], None]


def retrain(
    db: Database,
    state: State,
    config: Config,
    *,
    asked_by: str,
    progress: Progress = lambda message: None,
    stopped: threading.Event | None = None,
) -> Outcome:
    """Train on base replay and people's labels; put the result to use only if it is no worse.

    The outcome is recorded with its reason. Raises TrainingError where another training runs.
    """
    busy = TrainingError("another training is running", None, "wait for it to end")
    with locked(state.training_lock, busy):
        run = runs.begin_run(db, asked_by, _now())
        newest = feedback_log.last_feedback_id(db)
        outcome = _outcome(db, state, config, asked_by, progress, stopped)
        learned = newest if outcome.outcome in ("promoted", "refused") else 0
        _end(db, run, outcome, learned)
        open_models(state.models, config.model).prune()
        return outcome


def train_from_samples(
    db: Database, state: State, config: Config, arguments: list[str], progress: Progress
) -> Outcome:
    """Train a model from nothing on a folder of samples and use it; raises TrainingError."""
    busy = TrainingError("another training is running", None, "wait for it to end")
    with locked(state.training_lock, busy):
        models = open_models(state.models, config.model)
        now = _now()
        version = models.new_version(f"{now:%Y-%m-%d}")
        run = runs.begin_run(db, "train", now)
        try:
            heard_with = [*arguments, "--heard", str(state.heard), *_backbone(config)]
            reason = _train_samples(models, heard_with, version, now, progress)
        except GenrewatchError as error:
            runs.end_run(db, run, "failed", error.reason, _now())
            raise
        runs.end_run(db, run, "promoted", reason, _now(), version=version)
        models.prune()
        return Outcome(outcome="promoted", reason=reason, version=version)


class Background:
    """The nightly training on a thread of its own, so that watching goes on."""

    def __init__(self, state: State, config: Config, machine: Machine | None = None) -> None:
        self._state = state
        self._config = config
        self._machine = machine or Machine()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin a training unless one is running."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="trainer")
            self._thread.start()

    def stop(self) -> None:
        """Give up the training under way."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            with closing(open_library(self._state.library)) as db:
                outcome = self._night(db)
            log.info("nightly training", outcome=outcome.outcome, reason=outcome.reason)
        except GenrewatchError as error:
            log.warning("no training tonight", reason=error.reason)

    def _night(self, db: Database) -> Outcome:
        """Wait for the machine where there is something to learn, then train."""
        late = None if _nothing_new(db, self._config) else self._waited(db)
        if self._stopped.is_set():  # unrecorded, so that the next start makes up for the night
            return Outcome(outcome="skipped", reason="stopped with the daemon")
        if late is not None:
            return _given_up(db, late)
        return retrain(db, self._state, self._config, asked_by="night", stopped=self._stopped)

    def _waited(self, db: Database) -> str | None:
        return wait(
            self._config.training,
            self._machine,
            lambda why: runs.set_setting(db, WAITS, why),
            self._stopped.wait,
        )


def _given_up(db: Database, reason: str) -> Outcome:
    outcome = Outcome(outcome="skipped", reason=reason)
    _end(db, runs.begin_run(db, "night", _now()), outcome)
    return outcome


def _end(db: Database, run: int, outcome: Outcome, learned: int = 0) -> None:
    runs.end_run(
        db,
        run,
        outcome.outcome,
        outcome.reason,
        _now(),
        version=outcome.version,
        last_feedback=learned,
    )
    runs.forget_same_before(db, run)


def _outcome(
    db: Database,
    state: State,
    config: Config,
    asked_by: str,
    progress: Progress,
    stopped: threading.Event | None,
) -> Outcome:
    reason = _nothing_new(db, config) if asked_by == "night" else None
    if reason:
        return Outcome(outcome="skipped", reason=reason)
    try:
        return _train(state, config, progress, stopped)
    except GenrewatchError as error:
        return Outcome(outcome="failed", reason=error.reason)


def _nothing_new(db: Database, config: Config) -> str | None:
    return too_little(config.training, *to_learn(db))


def _train(
    state: State, config: Config, progress: Progress, stopped: threading.Event | None
) -> Outcome:
    models = open_models(state.models, config.model)
    champion = models.champion_dir()
    now = _now()
    version = models.new_version(f"{now:%Y-%m-%d}")
    began = False
    try:
        for message in _messages(state, config, models, version, now, stopped):
            began = True
            progress(message)
            if message.get("event") == "done":
                return finish(models, message, version, champion)
    except TrainingError as error:
        if began or (stopped is not None and stopped.is_set()):
            raise
        return Outcome(outcome="skipped", reason=f"{NO_START}: {error.what}; run `make setup`")
    return Outcome(outcome="failed", reason="the training ended without a word")


def _messages(
    state: State,
    config: Config,
    models: registry.Registry,
    version: str,
    now: datetime,
    stopped: threading.Event | None,
) -> Iterator[dict[str, Any]]:
    limits = config.training
    yield from processes.run_trainer(
        processes.NIGHTLY,
        [
            *("--library", str(state.library)),
            *("--champion", str(models.champion_dir())),
            *("--out", str(models.root())),
            *("--version", version),
            *("--created", now.isoformat(timespec="seconds")),
            *("--finished", str(state.finished)),
            *("--max-minutes", str(limits.max_minutes)),
            *("--max-memory-mb", str(trainer_mb(limits.max_memory_mb))),
            *_backbone(config),
        ],
        seconds=limits.max_minutes * 60 + 60,
        stopped=stopped,
    )


def _train_samples(
    models: registry.Registry,
    arguments: list[str],
    version: str,
    now: datetime,
    progress: Progress,
) -> str:
    named = ["--out", str(models.root()), "--version", version]
    created = ["--created", now.isoformat(timespec="seconds")]
    for message in processes.run_trainer(processes.TRAIN, [*arguments, *named, *created]):
        progress(message)
    metrics = models.use(version).metrics
    return f"{metrics['accuracy']:.0%} right on {metrics['n']} tracks ({metrics['protocol']})"


def _backbone(config: Config) -> list[str]:
    return ["--backbone", backbone_folder(config.model) or "none"]


def finish(
    models: registry.Registry, message: dict[str, Any], version: str, champion: Path
) -> Outcome:
    """Put the challenger to use if it won, and against the model that is still in use."""
    outcome, reason = message["outcome"], message["reason"]
    if outcome == "promoted" and models.champion_dir() != champion:
        outcome, reason = "refused", "another model was put to use while it was trained"
    if outcome == "promoted":
        models.use(version, proven=True)
    made = version if outcome in ("promoted", "refused") else None
    return Outcome(outcome=outcome, reason=reason, version=made)


def _now() -> datetime:
    return datetime.now(UTC)
