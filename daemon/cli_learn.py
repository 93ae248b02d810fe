"""The command that learns from the tags of a library: in the foreground, cut off, resumed."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.app import App

if TYPE_CHECKING:
    from daemon.learning_from import Choice
    from daemon.processes import Workers

__all__ = ["COMMANDS"]

SAMPLE = 5000  # files that are heard: some hours, once
NICE = 19  # nobody waits for a worker of ours
EVERY = 100  # files between two lines where there is no terminal for a bar


@click.command()
@click.argument("folders", nargs=-1, metavar="DIR…", type=click.Path(exists=True))
@click.option(
    "--sample",
    default=SAMPLE,
    show_default=True,
    type=click.IntRange(min=1),
    help="hear at most so many files, each artist and genre early",
)
@click.option("--dry-run", is_flag=True, help="only say what would be learned, and from what")
@click.option("--background", is_flag=True, help="go on when this terminal is closed")
@click.option("--workers", type=click.IntRange(min=1, max=64), help="hear so many files at once")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def learn(
    app: App,
    folders: tuple[str, ...],
    sample: int,
    dry_run: bool,
    background: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """learn from the genres that a library is tagged with, writing nothing

    Reads the tags in each DIR, hears a sample of the files at low priority, says which tags
    look wrong, trains, and says how often the new model is right about artists that it had not
    met. May be stopped at any time: the same command, or `genrewatch learn` alone, goes on
    where it was.
    """
    from core.errors import TrainingError
    from daemon.state import locked

    busy = TrainingError("another process learns from a library", None, "wait for it to end")
    with locked(app.state.lessons_lock, busy), _crew(app, workers) as crew:
        said: dict[str, Any] = {}
        if folders:
            choice = _choose(app, crew, folders, sample)
            said["library"] = _told_choice(choice, quiet=as_json)
            if dry_run:
                _end(said, as_json=as_json)
                return
            _queue(app, choice, folders)
        elif dry_run or not _asked_for(app):
            raise click.UsageError("name the folders of the library")
        if not background:
            said |= _hear(app, crew, quiet=as_json)
    if background:
        _leave_running(app, workers)
        return
    done = said["hearing"]
    if done["in_all"]["heard"] and not done["waiting"]:
        said |= _train(app, quiet=as_json)
    _end(said, as_json=as_json)
    if said.get("training", {"outcome": "failed"})["outcome"] == "failed":
        sys.exit(1)


COMMANDS = (learn,)


@contextmanager
def _crew(app: App, count: int | None) -> "Iterator[Workers]":
    from daemon import processes
    from daemon.processes import Workers

    processes.one_thread_each(os.environ)
    options = app.config.workers
    with Workers(
        count=count or options.count,
        idle_seconds=options.idle_seconds,
        nice=NICE,
        memory_mb=options.max_memory_mb,
    ) as workers:
        yield workers


def _choose(app: App, crew: "Workers", folders: tuple[str, ...], sample: int) -> "Choice":
    from core import registry
    from daemon.acts import expand_paths
    from daemon.learning_from import choose, read, wishes_of
    from daemon.scan import rules_of

    paths = list(dict.fromkeys(expand_paths(folders, rules_of(app.config.watch))))
    with _bar("Reading tags") as tell:
        reading = read(app.db, crew, paths, app.config, tell)
    champion = registry.load(app.models.champion_dir())
    return choose(reading, wishes_of(app.db, champion, app.config), sample)


def _asked_for(app: App) -> bool:
    from core.library import lessons

    return lessons.progress(app.db).total > 0


def _told_choice(choice: "Choice", *, quiet: bool) -> dict[str, Any]:
    from daemon import taught

    _say(taught.choice_lines(choice), quiet=quiet)
    return taught.choice_json(choice)


def _queue(app: App, choice: "Choice", folders: tuple[str, ...]) -> None:
    from daemon.learning_from import queue_up

    roots = [os.path.abspath(os.path.expanduser(folder)) for folder in folders]  # noqa: PTH100, PTH111
    queue_up(app.db, choice, roots, _now())


def _hear(app: App, crew: "Workers", *, quiet: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from core.library import lessons
    from daemon import taught
    from daemon.judge import Judge
    from daemon.learning_from import hear

    judge = Judge(app.db, app.models, app.config.policy)
    with _bar("Hearing") as tell:
        done = hear(app.db, crew, lambda: judge.model().manifest, app.config, now=_now, tell=tell)
    whole, reasons = lessons.progress(app.db), lessons.reasons(app.db)
    _say(taught.heard_lines(done, whole, reasons), quiet=quiet)
    return {"hearing": {**asdict(done), "in_all": asdict(whole), "reasons": reasons}}


def _train(app: App, *, quiet: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from daemon import taught
    from daemon.cli_model import trainer_bar

    with trainer_bar() as tell:
        doubts = taught.look_for_wrong_tags(app.db, app.state, app.models, app.config, tell)
    _say(taught.doubt_lines(doubts), quiet=quiet)
    with trainer_bar() as tell:
        result = taught.train(app.db, app.state, app.config, tell)
    _say(taught.result_lines(result), quiet=quiet)
    return {"doubted": [asdict(doubt) for doubt in doubts], "training": taught.result_json(result)}


def _leave_running(app: App, workers: int | None) -> None:
    """Let a process of its own go on with what waits; it says in a log how it ends."""
    command = [sys.executable, "-m", "daemon", "--state-dir", str(app.state.root)]
    command += ["--config", os.path.abspath(app.config_flag)] if app.config_flag else []  # noqa: PTH100
    command += ["learn", *(["--workers", str(workers)] if workers else [])]
    with app.state.lessons_log.open("wb") as log:
        os.chmod(log.fileno(), 0o600)  # noqa: PTH101
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).resolve().parent.parent,
            start_new_session=True,
        )
    _say([f"Learning goes on in the background; it says how it went in {app.state.lessons_log}"])


def _end(said: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        from daemon import show

        show.print_json(said)


def _say(lines: list[str], *, quiet: bool = False) -> None:
    from daemon import show

    for line in [] if quiet else lines:
        show.say(line)


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what shows how far it is: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        told = {0}
        yield lambda done, total: _say_now_and_then(label, done, total, told)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _say_now_and_then(label: str, done: int, total: int, told: set[int]) -> None:
    if (done % EVERY == 0 or done == total) and done not in told:
        told.add(done)
        click.echo(f"{label}: {done:,} of {total:,}", err=True)


def _now() -> datetime:
    return datetime.now(UTC)
