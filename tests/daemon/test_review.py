"""One key a file; each answer is a word of the person's."""

from datetime import datetime

import pytest
from click.testing import CliRunner

from core.library.hearings import VerdictRow
from daemon.acts import Tagged
from daemon.review import walk_through
from daemon.status import Judged
from tests.factories import NOON, file_row


class Desk:
    """Stands in for the desk, to see what the answers ask of it; the real one is tested e2e."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def tag(
        self, path: str, genres: tuple[str, ...], now: datetime, *, dry_run: bool, via: str
    ) -> Tagged:
        self.asked.append((path, *genres, via))
        return Tagged(path=path, new=genres, written=True, reason="written")

    def confirm_not(self, path: str, genre: str, now: datetime) -> Tagged:
        self.asked.append((path, f"not {genre}"))
        return Tagged(path=path, reason="remembered")


def waiting(*paths: str) -> tuple[Judged, ...]:
    verdict = VerdictRow(
        fingerprint="f1",
        model_version="m",
        genres=(("Rock", 0.5), ("Jazz", 0.3), ("Pop", 0.2), ("Blues", 0.0)),
        evidence="model",
        segments=1,
    )
    return tuple(Judged(row=file_row(path, state="not_sure"), verdict=verdict) for path in paths)


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ("1\n2\n", [("/a", "Rock", "review"), ("/b", "Jazz", "review")]),
        ("Doom\n\n", [("/a", "Doom", "review")]),  # another genre; later
        ("n\nq\n", [("/a", "not Rock")]),
        ("q\n", []),
        ("4\n1\n", [("/a", "4", "review"), ("/b", "Rock", "review")]),  # no such guess: a name
        ("1\n", [("/a", "Rock", "review")]),  # the input ends: what was answered stands
    ],
)
def test_answers_are_carried_out_one_by_one(answers: str, asked: list[tuple[str, ...]]) -> None:
    """Until all are answered or the person has enough."""
    desk = Desk()

    with CliRunner().isolation(input=answers):
        walk_through(waiting("/a", "/b"), desk, lambda: NOON)  # type: ignore[arg-type]

    assert desk.asked == asked
