"""Commands about the model: train, retrain on what was said, choose a version, evaluate."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from daemon.app import App

__all__ = ["COMMANDS", "trainer_bar"]


@click.command()
@click.option("--sample-dir", metavar="DIR", required=True, help="genre = name of the subfolder")
@click.option("--groups", metavar="CSV", help="columns file,artist: whose music each file is")
@click.option(
    "--augment-factor",
    default=5,
    show_default=True,
    type=click.IntRange(min=0),
    help="disturbed copies of a file of the commonest genre; rarer ones get more",
)
@click.option("--no-advanced-aug", is_flag=True, help="only equaliser, noise and loudness")
@click.option("--epochs", default=100, show_default=True, type=click.IntRange(min=1))
@click.option("--batch-size", default=32, show_default=True, type=click.IntRange(min=1))
@click.option("--test-file", metavar="F", help="classify this file with the new model")
@click.option("--seed", default=0, show_default=True, help="fixes every random choice")
@click.pass_obj
def train(
    app: App,
    sample_dir: str,
    groups: str | None,
    augment_factor: int,
    no_advanced_aug: bool,
    epochs: int,
    batch_size: int,
    test_file: str | None,
    seed: int,
) -> None:
    """train a model from nothing on a folder of samples, and use it"""
    from daemon.learning.training import train_from_samples

    arguments = [*_named("--sample-dir", sample_dir), *_named("--groups", groups)]
    arguments += ["--augment-factor", str(augment_factor), "--seed", str(seed)]
    arguments += ["--epochs", str(epochs), "--batch-size", str(batch_size)]
    arguments += ["--no-advanced-aug"] if no_advanced_aug else []
    with trainer_bar() as progress:
        done = train_from_samples(app.db, app.state, app.config, arguments, progress)
    click.echo(f"Model {done.version} is in use: {done.reason}")
    if test_file:
        _classify(app, test_file)


@click.command()
@click.pass_obj
def retrain(app: App) -> None:
    """learn now from what was said, as each night"""
    from daemon.learning import training

    with trainer_bar() as progress:
        done = training.retrain(
            app.db, app.state, app.config, asked_by="command", progress=progress
        )
    click.echo(f"{done.outcome}: {done.reason}")
    if done.outcome == "failed":
        sys.exit(1)


@click.group(invoke_without_command=True)
@click.pass_context
def models(ctx: click.Context) -> None:
    """list the model versions, use one, or go back"""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_models)


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def list_models(app: App, as_json: bool = False) -> None:
    """list the versions with their figures and what they were trained on"""
    from daemon.showing import show
    from daemon.telling import versions

    found = versions.all_versions(app.db, app.models)
    if as_json:
        show.print_json([versions.version_json(item) for item in found])
        return
    for item in found:
        show.show_version(item)


@models.command("show")
@click.argument("version", required=False)
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def show_model(app: App, version: str | None, as_json: bool) -> None:
    """show all that is known of a version, by default the one in use"""
    from daemon.showing import show
    from daemon.telling import versions

    found = versions.version_named(app.db, app.models, version)
    if as_json:
        show.print_json(versions.version_json(found, whole=True))
    else:
        show.show_whole_version(found)


@models.command("use")
@click.argument("version")
@click.pass_obj
def use_model(app: App, version: str) -> None:
    """use this version from the next file on"""
    click.echo(f"Using {app.models.use(version).version}.")


@models.command("rollback")
@click.pass_obj
def roll_back(app: App) -> None:
    """go back to the version used before"""
    click.echo(f"Back to {app.models.rollback().version}.")


@click.command()
@click.option("--sample-dir", metavar="DIR", help="a folder instead; genre = name of the subfolder")
@click.option("--groups", metavar="CSV", help="columns file,artist: whose music each file is")
@click.option("--augment-factor", default=5, show_default=True, type=click.IntRange(min=0))
@click.option("--seed", default=1, show_default=True, help="fixes every random choice")
@click.option("--report", metavar="FILE", help="write one HTML page with all pictures")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def evaluate(
    app: App,
    sample_dir: str | None,
    groups: str | None,
    augment_factor: int,
    seed: int,
    report: str | None,
    as_json: bool,
) -> None:
    """say how good it is on your labels, or on a folder of samples"""
    from daemon.learning import evaluation
    from daemon.showing import show

    if groups and not sample_dir:
        raise click.UsageError("--groups goes with --sample-dir")
    arguments = [*_named("--sample-dir", sample_dir), *_named("--groups", groups)]
    arguments += ["--augment-factor", str(augment_factor), "--seed", str(seed)]
    arguments += _named("--report", report)
    with trainer_bar() as progress:
        document = evaluation.evaluate(app.state, app.models, app.config, arguments, progress)
    if as_json:
        show.print_json(document)
        return
    for line in evaluation.in_words(document, report):
        show.say(line)


COMMANDS = (train, retrain, models, evaluate)


def _named(option: str, path: str | None) -> list[str]:
    """Name a path to a trainer, which works in a folder of its own."""
    return [option, os.path.abspath(path)] if path else []  # noqa: PTH100  links stay


def _classify(app: App, path: str) -> None:
    from daemon.showing import show

    with app.desk() as desk:
        show.show_classification(desk.classify(path))


@contextmanager
def trainer_bar() -> Iterator[Any]:
    """Yield a function that shows a trainer's messages; bars on a terminal only."""
    if not sys.stderr.isatty():
        yield _say
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(message: dict[str, Any]) -> None:
            _say(message)
            if message.get("event") == "progress":
                stage = message["stage"]
                if stage not in tasks:
                    tasks[stage] = bar.add_task(stage.capitalize(), total=message["total"])
                bar.update(tasks[stage], completed=message["done"], total=message["total"])

        yield show


def _say(message: dict[str, Any]) -> None:
    """Print what a trainer remarks: where artists come from, which files it left out."""
    from daemon.showing.show import say

    if message.get("event") == "note":
        say(message["text"], err=True)
    elif message.get("event") == "left_out":
        say(f"left out {message['path']}: {message['reason']}", err=True)
