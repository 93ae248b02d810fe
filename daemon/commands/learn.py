"""The command that learns from the tags of a library: in the foreground, cut off, resumed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.app import App

if TYPE_CHECKING:
    from daemon.learning.learning_from import Choice
    from daemon.learning.learning_run import Held, Teller
    from daemon.processes import Workers

__all__ = ["COMMANDS"]

SAMPLE = 5000  # files that are heard: some hours, once
NICE = 19  # nobody waits for a worker of ours
START_S, START_LOOK_S = 20.0, 0.1  # how long to look whether the background has begun
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
@click.option("--stop", is_flag=True, help="end the learning that is under way")
@click.option("--doubted", is_flag=True, help="list the tags that looked wrong, from the record")
@click.option("--workers", type=click.IntRange(min=1, max=64), help="hear so many files at once")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.option("--patient", is_flag=True, hidden=True)  # what goes on in the background is told so
@click.pass_obj
def learn(
    app: App,
    folders: tuple[str, ...],
    sample: int,
    dry_run: bool,
    background: bool,
    stop: bool,
    doubted: bool,
    workers: int | None,
    as_json: bool,
    patient: bool,
) -> None:
    """learn from the genres that a library is tagged with, writing nothing

    Reads the tags in each DIR, hears a sample of the files at low priority, says which tags
    look wrong, trains, and says how often the new model is right about artists that it had not
    met. May be stopped at any time: the same command, or `genrewatch learn` alone, goes on
    where it was. In the background it waits for mains power and an idle machine, as each night.
    """
    from daemon.learning.learning_run import BUSY, stoppable
    from daemon.state import locked

    if stop:
        _stop(app)
        return
    if doubted:
        _list_doubted(app, as_json=as_json)
        return
    said: dict[str, Any] = {}
    if dry_run:
        _require(folders)
        with _crew(app, workers) as crew:
            said["library"] = _told_choice(_choose(app, crew, folders, sample), quiet=as_json)
        _end(said, as_json=as_json)
        return
    with locked(app.state.lessons_lock, BUSY), stoppable():
        _require(folders or _asked_for(app))
        with _told(app, patient=patient) as run:
            if folders:
                said |= _choose_from(app, folders, sample, workers, quiet=as_json)
            if not background:
                said |= _learn(app, run, workers, patient=patient, quiet=as_json)
    if background:
        _leave_running(app, workers)
        return
    _end(said, as_json=as_json)
    if said.get("training", {"outcome": "failed"})["outcome"] == "failed":
        sys.exit(1)


COMMANDS = (learn,)


def _require(library: object) -> None:
    if not library:
        raise click.UsageError("name the folders of the library")


def _choose_from(
    app: App, folders: tuple[str, ...], sample: int, workers: int | None, *, quiet: bool
) -> dict[str, Any]:
    """Choose what is to be heard, say it, and keep it in the record."""
    with _crew(app, workers) as crew:
        choice = _choose(app, crew, folders, sample)
    told = _told_choice(choice, quiet=quiet)
    _queue(app, choice, folders)
    return {"library": told}


@contextmanager
def _told(app: App, *, patient: bool) -> "Iterator[Teller]":
    """Yield what tells the record of this run, and tell how it ended, however it does."""
    from core.errors import GenrewatchError
    from daemon.learning.learning_run import STOPPED, Teller

    run = Teller(app.db, _now, str(app.state.lessons_log) if patient else None)
    try:
        yield run
    except GenrewatchError as error:
        run.end(error.reason)
        raise
    except KeyboardInterrupt:
        run.end(STOPPED)
        _say(["Stopped; what was done stays, go on with: genrewatch learn"])
        sys.exit(1)


def _stop(app: App) -> None:
    from core.library import lessons
    from daemon.commands.taught import stopped_line
    from daemon.learning.learning_run import stop

    done = stop(app.db, app.state)
    waiting = lessons.progress(app.db).waiting
    _say([stopped_line(waiting) if done else "Nothing learns from a library now."])


def _list_doubted(app: App, *, as_json: bool) -> None:
    from core.library import lessons
    from daemon.commands import taught
    from daemon.showing import show

    found = lessons.doubted(app.db)
    if as_json:
        show.print_json(taught.kept_doubt_json(found))
    else:
        _say(taught.kept_doubt_lines(found))


def _learn(
    app: App, run: "Teller", workers: int | None, *, patient: bool, quiet: bool
) -> dict[str, Any]:
    """Hear, look for wrong tags, train; say each, and tell the record how it ended."""
    from daemon.learning.learning_run import STOPPED

    said = _hear(app, run, workers, patient=patient, quiet=quiet)
    done = said["hearing"]
    if done["waiting"]:
        run.end(STOPPED)
    elif not done["in_all"]["heard"]:
        run.end("there was nothing to learn from")
    else:
        said |= _train(app, run, patient=patient, quiet=quiet)
    return said


def _held(app: App, run: "Teller", busy: Callable[[], int]) -> "Held":
    """Whether a run in the background has to wait; *busy* are our own workers."""
    from daemon.learning.learning_run import Held, machine_beside, why_waits

    machine = machine_beside(app.db, app.state, busy)
    return Held(lambda: why_waits(app.db, app.config.training, machine), run.waits)


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
    from daemon.learning.learning_from import choose, read, wishes_of
    from daemon.watching.scan import rules_of

    paths = list(dict.fromkeys(expand_paths(folders, rules_of(app.config.watch))))
    with _bar("Reading tags") as tell:
        reading = read(app.db, crew, paths, app.config, tell)
    champion = registry.load(app.models.champion_dir())
    return choose(reading, wishes_of(app.db, champion, app.config), sample)


def _asked_for(app: App) -> bool:
    from core.library import lessons

    return lessons.progress(app.db).total > 0


def _told_choice(choice: "Choice", *, quiet: bool) -> dict[str, Any]:
    from daemon.commands import taught

    _say(taught.choice_lines(choice), quiet=quiet)
    return taught.choice_json(choice)


def _queue(app: App, choice: "Choice", folders: tuple[str, ...]) -> None:
    from daemon.learning.learning_from import queue_up

    roots = [os.path.abspath(os.path.expanduser(folder)) for folder in folders]  # noqa: PTH100, PTH111
    queue_up(app.db, choice, roots, _now())


def _hear(
    app: App, run: "Teller", workers: int | None, *, patient: bool, quiet: bool
) -> dict[str, Any]:
    from dataclasses import asdict

    from core.library import lessons
    from daemon.commands import taught
    from daemon.judging.judge import Judge
    from daemon.learning.learning_from import hear
    from daemon.learning.learning_run import HEARING

    judge = Judge(app.db, app.models, app.config.policy)
    run.stage(HEARING)
    with _crew(app, workers) as crew, _bar("Hearing") as tell:
        done = hear(
            app.db,
            crew,
            lambda: judge.model().manifest,
            app.config,
            now=_now,
            tell=tell,
            held=_held(app, run, crew.busy) if patient else lambda: False,
        )
    whole, reasons = lessons.progress(app.db), lessons.reasons(app.db)
    _say(taught.heard_lines(done, whole, reasons), quiet=quiet)
    return {"hearing": {**asdict(done), "in_all": asdict(whole), "reasons": reasons}}


def _train(app: App, run: "Teller", *, patient: bool, quiet: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from daemon.commands import taught
    from daemon.learning.learning_run import DOUBTING, TRAINING, wait_while

    run.stage(DOUBTING)
    if patient:
        wait_while(_held(app, run, lambda: 0))
    with _trainer(run) as tell:
        doubts = taught.look_for_wrong_tags(app.db, app.state, app.models, app.config, tell)
    _say(taught.doubt_lines(doubts), quiet=quiet)
    run.stage(TRAINING)
    with _trainer(run) as tell:
        result = taught.train(app.db, app.state, app.config, tell)
    _say(taught.result_lines(result), quiet=quiet)
    run.end(taught.in_short(result))
    return {"doubted": [asdict(doubt) for doubt in doubts], "training": taught.result_json(result)}


@contextmanager
def _trainer(run: "Teller") -> Iterator[Callable[[dict[str, Any]], None]]:
    """Yield what hears a trainer: the bar, and the record, which `status` reads."""
    from daemon.commands.model import trainer_bar

    with trainer_bar() as show:

        def tell(message: dict[str, Any]) -> None:
            show(message)
            if message.get("event") == "progress":
                run.progress(message["done"], message["total"])

        yield tell


def _leave_running(app: App, workers: int | None) -> None:
    """Let a process of its own go on with what waits; it says in a log how it ends."""
    command = [sys.executable, "-m", "daemon", "--state-dir", str(app.state.root)]
    command += ["--config", os.path.abspath(app.config_flag)] if app.config_flag else []  # noqa: PTH100
    command += ["learn", "--patient", *(["--workers", str(workers)] if workers else [])]
    with app.state.lessons_log.open("wb") as log:
        os.chmod(log.fileno(), 0o600)  # noqa: PTH101
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).resolve().parents[2],
            start_new_session=True,
        )
    _see_it_start(app, process)
    _say(
        [
            "Learning goes on in the background while the machine is idle and on mains power.",
            "See how far it is, and how it ended, with: genrewatch status",
            f"End it with: genrewatch learn --stop. What it says is in {app.state.lessons_log}",
        ]
    )


def _see_it_start(app: App, process: "subprocess.Popen[bytes]") -> None:
    """Return once the process is at work, or has done its work; raises TrainingError."""
    from core.errors import TrainingError
    from daemon.learning.learning_run import last_run

    end = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < end:
        run = last_run(app.db)
        if run is not None and run.pid == process.pid:
            return
        time.sleep(START_LOOK_S)
    if process.poll() in (None, 0):  # slow to begin, on a machine that is busy, is no failure
        return
    said = app.state.lessons_log.read_text("utf-8", "replace").strip().splitlines()
    raise TrainingError("learning did not start in the background", None, (said or ["no word"])[-1])


def _end(said: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        from daemon.showing import show

        show.print_json(said)


def _say(lines: list[str], *, quiet: bool = False) -> None:
    from daemon.showing import show

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
