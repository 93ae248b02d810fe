"""The commands. Each parses, calls one function that returns data, and prints.

Heavy imports stand inside the commands: a spawned worker imports this file again.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from core.errors import GenrewatchError
from daemon.app import App, set_up_logging
from daemon.commands.files import exit_if_any, files_named, report_each

if TYPE_CHECKING:
    pass

__all__ = ["cli", "main"]

SECTIONS = {
    "Every day": ("run", "status", "classify", "tag", "undo", "history", "pause", "resume"),
    "Review": ("review", "feedback", "stats", "genres", "web"),
    "Model": ("learn", "train", "retrain", "models", "evaluate"),
    "Service and set-up": ("service", "doctor", "restore", "config", "completion"),
}
NOT_RUNNING = 3


class Sectioned(click.Group):
    """A group whose help lists the commands by what they are for."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in SECTIONS.items():
            rows = [(name, self._short(ctx, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl(rows)

    def _short(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(limit=80) if command else ""


@click.group(cls=Sectioned, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "config_flag", metavar="FILE", help="use this configuration file")
@click.option("--state-dir", "state_flag", metavar="DIR", help="keep the record and models here")
@click.option("-v", "--verbose", count=True, help="log more; twice for everything")
@click.version_option(package_name="genrewatch")
@click.pass_context
def cli(ctx: click.Context, config_flag: str | None, state_flag: str | None, verbose: int) -> None:
    """Watch music folders, tag the genre of each new file, and learn from every correction."""
    ctx.obj = App(config_flag=config_flag, state_flag=state_flag, verbose=verbose)
    if verbose:
        set_up_logging("warning", verbose)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program: exit 0 done, 1 some files failed, 2 wrong usage, 3 no daemon running."""
    from core.library.faults import Fault, told

    try:
        cli.main(args=None if arguments is None else list(arguments), prog_name="genrewatch")
    except (GenrewatchError, Fault) as error:
        from daemon.showing.show import say

        known = told(error) if isinstance(error, Fault) else error
        say(f"genrewatch: {known}", err=True)
        sys.exit(known.exit_code)


# every day -------------------------------------------------------------------------------


@cli.command()
@click.option("--folder", "folders", metavar="DIR", multiple=True, help="watch this folder instead")
@click.option("--service", is_flag=True, help="as a service: never end with an error for ever")
@click.pass_obj
def run(app: App, folders: tuple[str, ...], service: bool) -> None:
    """watch the folders and tag what is dropped there, until stopped"""
    from daemon.daemon import run_daemon

    run_daemon(app, folders, service=service)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def status(app: App, as_json: bool) -> None:
    """show what is watched, what was done, and what needs you"""
    from daemon.showing import show
    from daemon.telling.status import collect, status_json

    config, fault = app.config_or_defaults()
    found = collect(app.db, app.state, app.models, config, _now(), fault)
    if as_json:
        show.print_json(status_json(found))
    else:
        show.show_status(found)
    if not found.running:
        sys.exit(NOT_RUNNING)


@cli.command()
@click.option("--plot", metavar="FILE", help="draw it as a picture, FILE.svg")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def stats(app: App, plot: str | None, as_json: bool) -> None:
    """show how far it has learned: wrong first guesses, the promise, last night"""
    from daemon.showing import show
    from daemon.showing.plot_stats import write_plot
    from daemon.showing.show_stats import show_stats
    from daemon.telling.stats import collect, stats_json

    found = collect(app.db, app.models, app.config.policy)
    if plot:
        write_plot(found, plot)
    if as_json:
        show.print_json(stats_json(found))
    else:
        show_stats(found)


@cli.command()
@click.argument("paths", nargs=-1, metavar="PATH…")
@click.option("--explain", is_flag=True, help="say why: parts, members, features, tags, likeness")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def classify(app: App, paths: tuple[str, ...], explain: bool, as_json: bool) -> None:
    """say what genre files are and how surely, writing nothing"""
    from daemon.judging.why import document
    from daemon.showing import show
    from daemon.showing.show_why import show_why

    found = []
    with app.desk() as desk, show.progress("Listening", files_named(app, paths)) as each:
        for path in each:
            found.append(desk.classify(path, explain=explain))
            if not as_json:
                show.show_classification(found[-1])
                if explain:
                    show_why(found[-1])
    if as_json:
        show.print_json([document(item, explain=explain) for item in found])
    exit_if_any(item.decision == "error" for item in found)


@cli.command()
@click.argument("paths", nargs=-1, metavar="PATH…")
@click.option("--genre", "genres", metavar="G", multiple=True, help="write this genre, as yours")
@click.option("--existing", is_flag=True, help="all that lay there before its folder was watched")
@click.option("--dry-run", is_flag=True, help="only say what would be written")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def tag(
    app: App,
    paths: tuple[str, ...],
    genres: tuple[str, ...],
    existing: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """write the genre of files, folders, or paths on standard input"""
    with app.desk() as desk:
        names = desk.existing_without_genre() if existing and not paths else files_named(app, paths)
        report_each(
            "Tagging",
            names,
            lambda path: desk.tag(path, genres, _now(), dry_run=dry_run),
            as_json=as_json,
        )


@cli.command()
@click.pass_obj
def pause(app: App) -> None:
    """let the daemon rest until resumed"""
    _set_paused(app, True)


@cli.command()
@click.pass_obj
def resume(app: App) -> None:
    """let the daemon go on"""
    _set_paused(app, False)


# review ----------------------------------------------------------------------------------


@cli.command()
@click.option("--conflicts", is_flag=True, help="only where your words contradict each other")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def feedback(app: App, conflicts: bool, as_json: bool) -> None:
    """list what you said of genres, the oldest first"""
    from core.library.feedback_log import feedback_after
    from daemon.showing import show

    if conflicts:
        _show_conflicts(app, as_json=as_json)
        return
    rows = feedback_after(app.db, 0)
    if as_json:
        show.print_json([show.feedback_json(row) for row in rows])
        return
    for row in rows:
        show.show_feedback(row)
    if not rows:
        click.echo("No feedback yet: change a genre in any tag editor, or: genrewatch review")


def _show_conflicts(app: App, *, as_json: bool) -> None:
    from dataclasses import asdict

    from daemon.showing import show
    from daemon.telling.questions import contradictions

    found = contradictions(app.db)
    if as_json:
        show.print_json([asdict(item) for item in found])
        return
    for item in found:
        show.say(item.reason)
    if not found:
        click.echo("Your words do not contradict each other.")


def _set_paused(app: App, paused: bool) -> None:
    from core.library.runs import set_setting

    set_setting(app.db, "paused", paused)
    click.echo("Paused; go on with: genrewatch resume" if paused else "Going on.")


def _now() -> datetime:
    return datetime.now(UTC)


def _add_other_commands() -> None:
    from daemon.commands import genres, learn, model, review, setup, undo

    for module in (undo, review, genres, learn, model, setup):
        for command in module.COMMANDS:
            cli.add_command(command)


_add_other_commands()
