"""Commands about the person's genres: what they mean, what they belong to, what is used."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from daemon.app import App

if TYPE_CHECKING:
    from core.decision.vocabulary import Rename
    from daemon.telling.genres import Genre

__all__ = ["COMMANDS"]

SHOWN = 10  # files that are named where the rest is counted


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
@click.pass_context
def genres(ctx: click.Context, as_json: bool) -> None:
    """list your genres, or say what one means, belongs to or is called"""
    if ctx.invoked_subcommand is None:
        _list(ctx.obj, as_json=as_json)


@genres.command()
@click.argument("old", metavar="X")
@click.argument("new", metavar="Y")
@click.pass_obj
def alias(app: App, old: str, new: str) -> None:
    """let X be another name of Y: what is said of X counts as said of Y"""
    from daemon.telling.genres import alias

    alias(app.db, old, new, _now())
    _tell(app, f"{old} means {new} from now on.", old, new)


@genres.command()
@click.argument("old", metavar="X")
@click.argument("new", metavar="Y")
@click.pass_obj
def merge(app: App, old: str, new: str) -> None:
    """make X and Y one genre, called Y, with what belongs to either"""
    from daemon.telling.genres import merge

    merge(app.db, old, new, _now())
    _tell(app, f"{old} and {new} are one genre from now on, called {new}.", old, new)


@genres.command()
@click.argument("old", metavar="X")
@click.argument("new", metavar="Y")
@click.pass_obj
def rename(app: App, old: str, new: str) -> None:
    """call the genre X by its new name Y, or spell it so"""
    from daemon.telling.genres import rename

    rename(app.db, old, new, _now())
    _tell(app, f"{old} is called {new} from now on.", old, new)


@genres.command()
@click.argument("child", metavar="CHILD")
@click.argument("above", metavar="PARENT")
@click.pass_obj
def parent(app: App, child: str, above: str) -> None:
    """let CHILD belong to PARENT, offered where CHILD is in doubt"""
    from daemon.telling.genres import parent

    parent(app.db, child, above, _now())
    _judge_anew(app)
    _say(f"{child} belongs to {above} from now on.")


@genres.command()
@click.argument("genre", metavar="X")
@click.pass_obj
def forget(app: App, genre: str) -> None:
    """take back what X means and what it belongs to"""
    from daemon.telling.genres import forget

    gone = forget(app.db, genre)
    _judge_anew(app)
    _say(f"No more: {', '.join(gone)}.")


def _list(app: App, *, as_json: bool) -> None:
    from daemon.showing import show
    from daemon.telling.genres import collect, genres_json

    found = collect(app.db, app.models.champion().genres)
    if as_json:
        show.print_json(genres_json(found))
        return
    width = max(len(item.genre) for item in found.genres)
    _say(f"{'Genre':<{width}}  Files  By you")
    for item in found.genres:
        _say(f"{item.genre:<{width}}  {item.files:>5}  {item.named:>6}  {_remarks(item)}".rstrip())
    for offer in found.renames:
        _say(_offer(offer))


def _remarks(item: "Genre") -> str:
    whose = {"yours": "yours", "arrived": "came with files"}.get(item.origin, "")
    remarks = [
        f"{whose}: {item.stage}" if item.stage else whose,
        f"belongs to {item.parent}" if item.parent else "",
        f"also {', '.join(item.aliases)}" if item.aliases else "",
        "faded: you no longer use it, so it is not proposed" if item.faded else "",
    ]
    return "; ".join(filter(None, remarks))


def _offer(offer: "Rename") -> str:
    return (
        f"{offer.renamed} of {offer.tracks} tracks of {offer.old} became {offer.new}."
        f' Is it called so now? genrewatch genres rename "{offer.old}" "{offer.new}"'
    )


def _tell(app: App, said: str, old: str, new: str) -> None:
    """Say what changed, and which files carry the old name still: none is rewritten."""
    from core.taxonomy import fold
    from daemon.telling.genres import still_called

    _judge_anew(app)
    _say(said)
    left = still_called(app.db, old) if fold(old) != fold(new) else []
    for path, _ in left[:SHOWN]:
        _say(f"  {path}")
    if len(left) > SHOWN:
        _say(f"  and {len(left) - SHOWN} more")
    if left:
        _say(f'No file was changed. To change one: genrewatch tag --genre "{new}" FILE')


def _judge_anew(app: App) -> None:
    """Put what waits in review into the names of now."""
    from daemon.judging.judge import Judge
    from daemon.review.renewing import renew

    renew(app.db, Judge(app.db, app.models, app.config.policy), _now)


def _say(line: str) -> None:
    from daemon.showing.show import say

    say(line)


def _now() -> datetime:
    return datetime.now(UTC)


COMMANDS = (genres,)
