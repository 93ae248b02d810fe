"""Start and end the daemon: one a state directory, told how to stop, honest about trouble."""

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import click
import structlog

from core.errors import ConfigError, LibraryError
from core.library import runs
from core.library.backup import trouble_of
from core.library.codec import time_text
from core.library.faults import RESTORE, Fault, told
from daemon import processes
from daemon.app import App, set_up_logging
from daemon.backbone import backbone_trouble
from daemon.config import Config, expand
from daemon.first_run import ask_at_first_run
from daemon.learning import training
from daemon.learning.patience import WAITS, Machine
from daemon.learning.power import on_battery
from daemon.learning.schedule import missed_night, start_over, start_schedule
from daemon.life.steps import Clock
from daemon.processes import Workers
from daemon.restore import back_up_daily
from daemon.showing.show import readable, say
from daemon.state import State, locked
from daemon.supervisor import Supervisor

__all__ = ["run_daemon"]

log = structlog.get_logger(__name__)


def run_daemon(app: App, folders: tuple[str, ...], *, service: bool) -> None:
    """Watch until SIGTERM or SIGINT.

    As a service a broken configuration (stored for `status`) or a damaged record ends without
    an error, so that launchd and systemd do not start us again for ever; else it is raised.
    """
    if not service:
        ask_at_first_run(app)
    try:
        config = app.with_folders(folders)
        set_up_logging(config.log.level, app.verbose)
    except ConfigError as error:
        _end_for(error, app, service=service)
        return
    busy = LibraryError(
        "a daemon is running with this state already", str(app.state.root), "stop it first"
    )
    try:
        with locked(app.state.daemon_lock, busy):
            _watch(app, config)
    except ConfigError as error:
        _end_for(error, app, service=service)
    except (LibraryError, Fault) as error:
        known = told(error, str(app.state.library)) if isinstance(error, Fault) else error
        if not service or known.remedy != RESTORE:
            raise known from error
        log.error("damaged record", reason=str(known))


def _end_for(error: ConfigError, app: App, *, service: bool) -> None:
    """Raise the *error*; as a service, keep it for `status` instead."""
    if not service:
        raise error
    runs.set_setting(app.db, "config_error", str(error))
    log.error("broken configuration", reason=str(error))


def _watch(app: App, config: Config) -> None:
    app.witness.settle(app.db)
    app.models.champion()  # a damaged model is told now, not at the first file
    processes.one_thread_each(os.environ)
    options = config.workers
    workers = Workers(
        count=options.count,
        idle_seconds=options.idle_seconds,
        nice=options.nice,
        memory_mb=options.max_memory_mb,
    )
    machine = Machine(busy=lambda: not supervisor.is_at_rest())
    trainer = training.Background(app.state, config, machine)
    supervisor = Supervisor(
        app.db,
        app.models,
        config,
        workers,
        writer=processes.this_process(),
        clock=Clock(monotonic=monotonic, now=_now),
        on_battery=on_battery,
        retrain=trainer.start,
        report=_say,
        settle_witness=lambda: app.witness.settle(app.db),
        clock_set_back=lambda: start_over(schedule, config.training),
        witness=app.witness.recorder(app.db),
    )
    schedule = start_schedule(
        config.training,
        supervisor.night,
        check=lambda: _check_record(app.state, supervisor),
        back_up=lambda: _back_up(app.state, supervisor),
    )
    last = runs.last_run(app.db)
    if missed_night(config.training, _now(), last.ended_at if last else None):
        supervisor.night()
    with _stopped_by_signals(supervisor):  # before it is said how to stop it
        try:
            _introduce(app, config)
            supervisor.run()
        finally:
            schedule.shutdown(wait=False)
            trainer.stop()
            click.echo("Stopped.")


def _introduce(app: App, config: Config) -> None:
    folders = [expand(folder) for folder in config.watch.folders]
    runs.set_setting(app.db, "config_error", None)
    runs.set_setting(app.db, WAITS, None)
    runs.set_setting(
        app.db,
        "daemon",
        {"pid": os.getpid(), "since": time_text(_now()), "folders": folders},
    )
    for folder in folders:
        say(f"Watching {folder} and all below it.")
    say(f"The record and the models are in {app.state.root}")
    say(f"Options are read from {app.config_path}")
    if trouble := backbone_trouble(config.model):
        say(f"Note: {trouble}")
    program = shlex.quote(readable(str(Path(sys.executable).with_name("genrewatch"))))
    click.echo(
        "Drop music into the folder: each new file without a genre gets one, or an honest "
        '"not sure".\n'
        f"In another terminal: {program} status (or review, feedback, undo). Stop with Ctrl-C."
    )


def _check_record(state: State, supervisor: Supervisor) -> None:
    """Look through the whole record, on a thread of the schedule's: a second for 400 MB."""
    damage = trouble_of(state.library)
    if damage is not None:
        supervisor.fail(LibraryError(f"the record is damaged ({damage})", None, RESTORE))


def _back_up(state: State, supervisor: Supervisor) -> None:
    """Make the day's backup, on a thread of the schedule's, while nothing else is to be done."""
    if not supervisor.is_at_rest():
        return
    try:
        back_up_daily(state, _now().date())
    except LibraryError as error:
        log.warning("no backup", reason=str(error))


def _say(path: str, outcome: str) -> None:
    say(f"{path.rpartition('/')[2]}: {outcome}")


@contextmanager
def _stopped_by_signals(supervisor: Supervisor) -> Iterator[None]:
    def stop(_signal: int, _frame: object) -> None:
        supervisor.stop()

    before = {name: signal.signal(name, stop) for name in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _now() -> datetime:
    return datetime.now(UTC)
