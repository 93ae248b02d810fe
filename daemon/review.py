"""Ask the person about the files that we are not sure of: one key each, each a word of theirs."""

from collections.abc import Callable
from datetime import datetime

import click

from daemon.acts import Desk
from daemon.show import percent, say, show_tagged
from daemon.status import Judged

__all__ = ["walk_through"]

HELP = "1–3 take that guess · name another genre · n not the first guess · Enter later · q end"


def walk_through(waiting: tuple[Judged, ...], desk: Desk, now: Callable[[], datetime]) -> None:
    """Ask about each file in turn until all are answered or the person has enough."""
    if not waiting:
        click.echo("Nothing to review.")
        return
    click.echo(f"{len(waiting)} files. {HELP}")
    for item in waiting:
        if not _ask(item, desk, now):
            return


def _ask(item: Judged, desk: Desk, now: Callable[[], datetime]) -> bool:
    guesses = item.guesses()
    say()
    say(item.row.path, bold=True)
    say(f"  {item.row.reason}")
    for number, guess in enumerate(guesses, start=1):
        say(f"  {number}  {guess['genre']} ({percent(guess['confidence'])})")
    try:
        answer = click.prompt("  genre", default="", show_default=False).strip()
    except click.Abort:  # end of input, or Ctrl-C: what was answered stands
        click.echo()
        return False
    if answer == "q":
        return False
    names = [guess["genre"] for guess in guesses]
    if answer == "n" and names:
        show_tagged(desk.confirm_not(item.row.path, names[0], now()))
    elif answer:
        genre = _chosen(answer, names)
        show_tagged(desk.tag(item.row.path, (genre,), now(), dry_run=False, via="review"))
    return True


def _chosen(answer: str, guesses: list[str]) -> str:
    if answer.isdigit() and 1 <= int(answer) <= len(guesses):
        return guesses[int(answer) - 1]
    return answer
