"""Commands that look back: take writes back, let their records go, show what was done to a file."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from daemon.app import App
from daemon.commands.files import files_named, report_each

if TYPE_CHECKING:
    from daemon.acts import Desk, Tagged
    from daemon.life.undoing import Choice

__all__ = ["COMMANDS"]


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE]…")
@click.option("--last", metavar="N", type=click.IntRange(min=1), help="the last N acts")
@click.option("--since", metavar="TIME", help='all since "2 hours", "yesterday", 2026-05-01T12:00')
@click.option("--all", "everything", is_flag=True, help="every write of ours that stands")
@click.option("--guesses", is_flag=True, help="every best guess that the promise does not cover")
@click.option("--forget", is_flag=True, help="drop what takes writes back: of FILE, or --before")
@click.option("--before", metavar="TIME", help="with --forget: of all writes before")
@click.option("--dry-run", is_flag=True, help="only say what would be undone")
@click.option("-y", "--yes", is_flag=True, help="do not ask")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def undo(
    app: App,
    paths: tuple[str, ...],
    last: int | None,
    since: str | None,
    everything: bool,
    guesses: bool,
    forget: bool,
    before: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """take back writes and "not this": of the last act or N acts, of files, since a time, all"""
    _check_combination(paths, last, since, everything, guesses, before, forget=forget)
    if forget:
        _forget(app, paths, before, yes=yes or dry_run, dry_run=dry_run)
        return
    choices = _choices(app, paths, last, since, everything=everything, guesses=guesses)
    if everything and choices and not (yes or dry_run):
        from daemon.showing.show import counted

        all_of_them = counted(len(choices), "file")
        click.confirm(f"Take back all that was written to {all_of_them}?", abort=True)
    _undo(app, choices, dry_run=dry_run, as_json=as_json)


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_obj
def history(app: App, file: str, as_json: bool) -> None:
    """show every write and every feedback of a file, the oldest first"""
    from daemon.showing import show
    from daemon.telling.history import history_of

    events = history_of(app.db, os.path.abspath(os.path.expanduser(file)))  # noqa: PTH100, PTH111
    if as_json:
        show.print_json([event.as_json() for event in events])
        return
    for event in events:
        show.show_event(event)
    if not events:
        click.echo("Nothing was ever written to this file, and nothing said of it.")


def _check_combination(*ways: object, forget: bool) -> None:
    if sum(bool(way) for way in ways) > 1:
        raise click.UsageError("name files, --last, --since, --guesses or --all: one of them")
    *others, before = ways[1:]
    if forget and (any(others) or not (ways[0] or before)):
        raise click.UsageError("--forget goes with FILE or --before TIME")
    if before and not forget:
        raise click.UsageError("--before goes with --forget; to take back, give --since")


def _choices(
    app: App,
    paths: tuple[str, ...],
    last: int | None,
    since: str | None,
    *,
    everything: bool,
    guesses: bool,
) -> "list[Choice]":
    from core.library import lots, writes
    from daemon.life.undoing import chosen, chosen_acts, chosen_at, chosen_since, moment_of

    if paths:
        return [chosen_at(app.db, path) for path in files_named(app, paths)]
    if guesses:
        return chosen(writes.guesses_standing(app.db))
    if since is not None:
        return chosen_since(app.db, moment_of(since, _now()))
    if everything:
        return chosen(writes.last_writes(app.db, -1))
    return chosen_acts(lots.last_acts(app.db, last or 1))


def _undo(app: App, choices: "list[Choice]", *, dry_run: bool, as_json: bool) -> None:

    if not choices and not as_json:
        click.echo("Nothing to undo.")
    with app.desk() as desk:

        def take_back(choice: "Choice") -> "Tagged":
            if choice.refusal is not None:
                return desk.withdraw(choice.refusal, _now(), dry_run=dry_run)
            return desk.undo(choice.path, _now(), dry_run=dry_run, back_to=choice.back_to)

        try:
            report_each("Undoing", choices, take_back, as_json=as_json)
        finally:
            if not dry_run:
                _judge_anew(app, desk, [item.path for item in choices if item.refusal is not None])


def _judge_anew(app: App, desk: "Desk", paths: list[str]) -> None:
    """Guess anew at what waits, where "not this" was taken back."""
    from core.library.files import file_at
    from daemon.review.renewing import renew_at
    from daemon.telling.status import judged

    rows = [row for path in paths if (row := file_at(app.db, path)) is not None]
    renew_at(desk, judged(app.db, rows), _now)


def _forget(
    app: App, paths: tuple[str, ...], before: str | None, *, yes: bool, dry_run: bool
) -> None:
    from daemon.life.undoing import forget, forgettable, moment_of

    moment = None if before is None else moment_of(before, _now())
    rows = forgettable(app.db, files_named(app, paths) if paths else [], moment)
    size = sum(row.undo_size for row in rows) / 1e6
    from daemon.showing.show import counted

    what = f"what takes {counted(len(rows), 'write')} back byte by byte ({size:.1f} MB)"
    if dry_run or not rows:
        click.echo(f"Would forget {what}." if rows else "Nothing to forget.")
        return
    if not yes:
        click.confirm(f"Forget {what}? Their genre alone can still be put back.", abort=True)
    forget(app.db, rows)
    click.echo(f"Forgot {what}.")


def _now() -> datetime:
    return datetime.now(UTC)


COMMANDS = (undo, history)
