"""The command that asks: what we are not sure of, in groups, on the terminal or as a list."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from daemon.app import App

if TYPE_CHECKING:
    from daemon.acts import Desk

__all__ = ["COMMANDS"]


@click.command()
@click.option("--m3u", "playlist", metavar="FILE", help="write a playlist of them and ask nothing")
@click.option("--json", "as_json", is_flag=True, help="print the groups and ask nothing")
@click.pass_obj
def review(app: App, playlist: str | None, as_json: bool) -> None:
    """answer for the files that we are not sure of, one key for a whole group"""
    from daemon import show
    from daemon.groups import group_json, grouped
    from daemon.reviewing import known_genres, parents_of, unsure

    groups = grouped(unsure(app.db))
    if playlist is not None:
        _write_playlist(app, playlist)
    if as_json:
        show.print_json([group_json(group) for group in groups])
    if playlist is not None or as_json:
        return
    from daemon.following import settle
    from daemon.review import walk_through
    from daemon.review_following import ask_to_follow

    known = known_genres(app.db, groups)
    with app.desk() as desk:
        _audit(app, desk, known)
        left = ask_to_follow(desk, _now)
        walk_through(groups, desk, _now, known, parents_of(app.db))
        if not ask_to_follow(desk, _now, left):
            settle(app.db)


def _audit(app: App, desk: "Desk", known: dict[str, str]) -> None:
    from random import SystemRandom

    from daemon.audits import due
    from daemon.review_audits import ask_audits
    from daemon.reviewing import guesses_of

    found = due(app.db, _now(), SystemRandom(), app.config.review.audits_per_week)
    if found:
        ask_audits(found, desk, _now, lambda item: guesses_of(app.db, item.row), known)


def _write_playlist(app: App, path: str) -> None:
    from core.library.files import duration_of_track
    from daemon.groups import grouped
    from daemon.playlist import write_playlist
    from daemon.reviewing import unsure

    rows = [item.row for group in grouped(unsure(app.db)) for item in group.files]
    count = write_playlist(path, rows, lambda row: duration_of_track(app.db, row.fingerprint or ""))
    click.echo(f"{count} files in {path}", err=True)


def _now() -> datetime:
    return datetime.now(UTC)


COMMANDS = (review,)
