"""The command that asks: what we are not sure of, in groups, on the terminal or as a list."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from daemon.app import App

if TYPE_CHECKING:
    from core.decision.vocabulary import Rename
    from core.library.files import FileRow
    from daemon.acts import Desk

__all__ = ["COMMANDS"]


@click.command()
@click.option("--m3u", "playlist", metavar="FILE", help="write a playlist of them and ask nothing")
@click.option("--json", "as_json", is_flag=True, help="print the groups and ask nothing")
@click.pass_obj
def review(app: App, playlist: str | None, as_json: bool) -> None:
    """answer for the files that we are not sure of, one key for a whole group"""
    if playlist is None and not as_json:
        _ask(app)
        return
    from daemon.review.groups import group_json, grouped
    from daemon.review.waiting import unsure
    from daemon.showing import show

    groups = grouped(unsure(app.db))
    if playlist is not None:
        _write_playlist(app, playlist, [item.row for group in groups for item in group.files])
    if as_json:
        show.print_json([group_json(group) for group in groups])


def _ask(app: App) -> None:
    from daemon.judging.following import settle
    from daemon.review.ask_following import ask_to_follow
    from daemon.review.asking import Enough
    from daemon.review.groups import grouped
    from daemon.review.waiting import known_genres, parents_of, unsure
    from daemon.review.walk import walk_through

    known = known_genres(app.db, app.models.champion().genres)
    with suppress(Enough), app.desk() as desk:
        _audit(app, desk, known)
        _ask_small_questions(app)
        left = ask_to_follow(desk, _now)
        walk_through(grouped(unsure(app.db)), desk, _now, known, parents_of(app.db))
        newest = desk.last_word()  # what is said while it asks was not asked about
        if not ask_to_follow(desk, _now, left):
            settle(app.db, newest)


def _audit(app: App, desk: "Desk", known: dict[str, str]) -> None:
    from random import SystemRandom

    from daemon.review.ask_audits import ask_audits
    from daemon.review.waiting import guesses_of
    from daemon.telling.audits import due

    found = due(app.db, _now(), SystemRandom(), app.config.review.audits_per_week)
    if found:
        ask_audits(found, desk, _now, lambda item: guesses_of(app.db, item.row), known)


def _ask_small_questions(app: App) -> None:
    from core.library import batches, taxonomy
    from daemon.judging.judge import Judge
    from daemon.review.ask_questions import ask_of_batches, ask_of_renames, show_conflicts
    from daemon.review.renewing import renew
    from daemon.telling import genres
    from daemon.telling.questions import contradictions

    changed: list[object] = []

    def answer(batch: int, whose: str) -> bool:
        changed.append(batch)
        return batches.answer(app.db, batch, whose, _now())

    def rename(offer: "Rename") -> None:
        genres.rename(app.db, offer.old, offer.new, _now())
        changed.append(offer)

    try:
        ask_of_batches(batches.unanswered(app.db), answer)
        ask_of_renames(
            genres.offered_renames(app.db),
            rename,
            lambda offer: taxonomy.decline_rename(app.db, offer.old, offer.new),
        )
    finally:
        if changed:  # whose a batch is and what a name means may change every guess
            renew(app.db, Judge(app.db, app.models, app.config.policy), _now)
    show_conflicts(contradictions(app.db))


def _write_playlist(app: App, path: str, rows: "list[FileRow]") -> None:
    from core.library.files import duration_of_track
    from daemon.review.playlist import write_playlist
    from daemon.showing import show

    count = write_playlist(path, rows, lambda row: duration_of_track(app.db, row.fingerprint or ""))
    show.say(f"{show.counted(count, 'file')} in {path}", err=True)


def _now() -> datetime:
    return datetime.now(UTC)


COMMANDS = (review,)
