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
from core.library.codec import time_text
from daemon import processes, training
from daemon.app import App, set_up_logging
from daemon.backbone import backbone_trouble
from daemon.config import Config, expand
from daemon.processes import Workers
from daemon.schedule import missed_night, start_schedule
from daemon.show import readable
from daemon.state import locked
from daemon.steps import Clock
from daemon.supervisor import Supervisor

__all__ = ["run_daemon"]

log = structlog.get_logger(__name__)


def run_daemon(app: App, folders: tuple[str, ...], *, service: bool) -> None:
    """Watch until SIGTERM or SIGINT.

    As a service a broken configuration is stored for `status` and ends without an error,
    so that launchd and systemd do not start us again for ever; else it is raised.
    """
    try:
        config = app.with_folders(folders)
        set_up_logging(config.log.level, app.verbose)
    except ConfigError as error:
        if not service:
            raise
        runs.set_setting(app.db, "config_error", str(error))
        log.error("broken configuration", reason=str(error))
        return
    busy = LibraryError(
        "a daemon is running with this state already", str(app.state.root), "stop it first"
    )
    with locked(app.state.daemon_lock, busy):
        _watch(app, config)


def _watch(app: App, config: Config) -> None:
    app.models.champion()  # a damaged model is told now, not at the first file
    processes.one_thread_each(os.environ)
    _introduce(app, config)
    options = config.workers
    workers = Workers(
        count=options.count,
        idle_seconds=options.idle_seconds,
        nice=options.nice,
        memory_mb=options.max_memory_mb,
    )
    trainer = training.Background(app.state, config)
    supervisor = Supervisor(
        app.db,
        app.models,
        config,
        workers,
        writer=processes.this_process(),
        clock=Clock(monotonic=monotonic, now=_now),
        retrain=trainer.start,
        report=_say,
    )
    schedule = start_schedule(config.training, supervisor.night)
    last = runs.last_run(app.db)
    if missed_night(config.training, _now(), last.ended_at if last else None):
        supervisor.night()
    with _stopped_by_signals(supervisor):
        try:
            supervisor.run()
        finally:
            schedule.shutdown(wait=False)
            trainer.stop()
            click.echo("Stopped.")


def _introduce(app: App, config: Config) -> None:
    folders = [expand(folder) for folder in config.watch.folders]
    runs.set_setting(app.db, "config_error", None)
    runs.set_setting(
        app.db,
        "daemon",
        {"pid": os.getpid(), "since": time_text(_now()), "folders": folders},
    )
    for folder in folders:
        click.echo(f"Watching {readable(folder)} and all below it.")
    click.echo(f"The record and the models are in {readable(str(app.state.root))}")
    click.echo(f"Options are read from {readable(str(app.config_path))}")
    if trouble := backbone_trouble(config.model):
        click.echo(f"Note: {trouble}")
    program = shlex.quote(readable(str(Path(sys.executable).with_name("genrewatch"))))
    click.echo(
        "Drop music into the folder: each new file without a genre gets one, or an honest "
        '"not sure".\n'
        f"In another terminal: {program} status (or review, feedback, undo). Stop with Ctrl-C."
    )


def _say(path: str, outcome: str) -> None:
    click.echo(f"{readable(path.rpartition('/')[2])}: {outcome}")


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
