"""Commands about the program itself: the page, the service, the check-up, the options."""

import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.app import App

if TYPE_CHECKING:
    from daemon.judging.classification import Classification
    from daemon.service import Manager

__all__ = ["COMMANDS"]


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="first port to try")
@click.pass_obj
def web(app: App, port: int | None) -> None:
    """open the page where files can be dropped and seen through"""
    from daemon.web.app import create_app
    from daemon.web.server import free_port, serve

    wanted = port or app.config.web.port
    found = free_port(wanted)
    if found != wanted:
        click.echo(f"Port {wanted} is taken, so another is used.")
    with app.desk() as desk:
        one_at_a_time = threading.Lock()

        def classify(path: Path) -> "Classification":
            with one_at_a_time:
                return desk.classify(str(path), explain=True)

        limit = app.config.web.max_upload_mb
        page = create_app(classify, max_upload_mb=limit, port=found)
        click.echo(f"Open http://localhost:{found} in a browser. Stop with Ctrl-C.")
        serve(page, found)


@click.group()
def service() -> None:
    """start at login, by launchd or systemd"""


@service.command("install")
@click.pass_obj
def install(app: App) -> None:
    """start now and at each login"""
    click.echo(_manager(app).install())


@service.command("uninstall")
@click.pass_obj
def uninstall(app: App) -> None:
    """start no more; record and models stay"""
    click.echo(_manager(app).uninstall())


@service.command("start")
@click.pass_obj
def start(app: App) -> None:
    """start the installed service"""
    click.echo(_manager(app).start())


@service.command("stop")
@click.pass_obj
def stop(app: App) -> None:
    """stop the service until the next login"""
    click.echo(_manager(app).stop())


@service.command("status")
@click.pass_obj
def service_status(app: App) -> None:
    """say what the service manager knows"""
    found = _manager(app).status()
    click.echo(found.detail)
    if found.installed and not found.current:
        click.echo("The installed file is of another set-up; run: genrewatch service install")
    if not found.running:
        sys.exit(3)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def doctor(app: App, as_json: bool) -> None:
    """check that everything that is needed is there and works"""
    from daemon.commands.doctor import examine
    from daemon.showing import show

    findings = examine(app)
    if as_json:
        show.print_json([{"check": f.check, "ok": f.ok, "detail": f.detail} for f in findings])
    else:
        for finding in findings:
            mark = click.style("ok  ", fg="green") if finding.ok else click.style("bad ", fg="red")
            click.echo(f"{mark} {show.readable(f'{finding.check}: {finding.detail}')}")
    if not all(finding.ok for finding in findings):
        sys.exit(1)


@click.command()
@click.argument("day", metavar="[DATE]", required=False, type=click.DateTime(["%Y-%m-%d"]))
@click.option("--list", "only_list", is_flag=True, help="show the backups, each checked")
@click.option("--empty", is_flag=True, help="start anew, with what the log of writes knows")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def restore(app: App, day: datetime | None, only_list: bool, empty: bool, as_json: bool) -> None:
    """put the newest backup of the record, or that of a day, in its place"""
    from daemon.restore import copies
    from daemon.restore import restore as put_back
    from daemon.showing import show

    if only_list:
        found = copies(app.state)
        if as_json:
            show.print_json([show.copy_json(copy) for copy in found])
        else:
            show.show_copies(found)
        return
    done = put_back(app.state, day.date() if day else None, datetime.now(UTC), empty=empty)
    if as_json:
        show.print_json(show.restored_json(done))
        return
    for sentence in done.sentences:
        click.echo(sentence)


@click.command("config")
@click.option("--path", "only_path", is_flag=True, help="print where the options are read from")
@click.option("--defaults", is_flag=True, help="print every option with its default")
@click.pass_obj
def config_command(app: App, only_path: bool, defaults: bool) -> None:
    """show the options in use, where they are read from, or the defaults"""
    from daemon import config

    if defaults:
        click.echo(config.packaged_config().read_text("utf-8"), nl=False)
    elif only_path:
        click.echo(app.config_path or config.user_config_path(os.environ))
    else:
        click.echo(f"# {app.config_path}\n{config.as_toml(app.config)}", nl=False)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """print the completion script for a shell"""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    program = click.get_current_context().find_root().command
    click.echo(kind(program, {}, "genrewatch", "_GENREWATCH_COMPLETE").source())


COMMANDS = (web, service, doctor, restore, config_command, completion)


def _manager(app: App) -> "Manager":
    from daemon.service import facts_here, manager

    # what was given as a flag now must hold when the service manager starts us
    given = {"GENREWATCH_CONFIG": app.config_flag, "GENREWATCH_STATE_DIR": app.state_flag}
    return manager(facts_here(os.environ | {name: value for name, value in given.items() if value}))
