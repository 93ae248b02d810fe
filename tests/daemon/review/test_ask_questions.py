"""The small questions of review: one key each, and Enter is another time."""

from contextlib import suppress

import pytest
from click.testing import CliRunner

from core.decision.conflicts import Conflict
from core.decision.vocabulary import Rename
from core.library.batches import Batch
from daemon.review.ask_questions import ask_of_batches, ask_of_renames, show_conflicts
from daemon.review.asking import Enough

BATCH = Batch(
    id=7,
    files=43,
    genres=("Rock", "Pop", "Jazz", "Folk"),
    whose="program",
    begun_at="2026-05-01T14:03:00.000Z",
    ended_at="2026-05-01T14:04:00.000Z",
)
RENAME = Rename(old="Rap", new="Hip-Hop", tracks=12, renamed=11)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("m\n", [(7, "person")]),
        ("P\n", [(7, "program")]),
        ("x\nm\n", [(7, "person")]),  # no key: asked again
        ("\n", []),
        ("", []),
    ],
)
def test_one_key_says_whose_a_batch_was(answers: str, expected: list[tuple[int, str]]) -> None:
    """And what it was is shown."""
    given: list[tuple[int, str]] = []

    with CliRunner().isolation(input=answers) as (out, _, _):
        with suppress(Enough):
            ask_of_batches([BATCH], lambda *answer: given.append(answer) is None)
        told = out.getvalue().decode()

    assert given == expected
    assert "43 files were changed at 2026-05-01" in told
    assert "(4 genres: Rock, Pop, Jazz, …)" in told


@pytest.mark.parametrize(
    ("answers", "expected"), [("y\n", ["yes"]), ("n\n", ["no"]), ("\n", []), ("", [])]
)
def test_a_rename_is_taken_over_declined_or_left(answers: str, expected: list[str]) -> None:
    """By one key."""
    given: list[str] = []

    with CliRunner().isolation(input=answers) as (out, _, _):
        with suppress(Enough):
            ask_of_renames([RENAME], lambda _: given.append("yes"), lambda _: given.append("no"))
        told = out.getvalue().decode()

    assert given == expected
    assert "11 of 12 tracks of Rap became Hip-Hop" in told


def test_who_has_enough_is_asked_nothing_more() -> None:
    """One Ctrl-C ends the whole review, not one question of many."""
    with CliRunner().isolation(input="") as (out, _, _):
        with pytest.raises(Enough):
            ask_of_batches([BATCH, BATCH], lambda batch, whose: True)
        told = out.getvalue().decode()

    assert told.count("Was that you?") == 1


def test_an_answer_about_what_grew_meanwhile_is_not_taken_for_noted() -> None:
    """The daemon may join a batch to another while the question stands there."""
    with CliRunner().isolation(input="m\n") as (out, _, _):
        ask_of_batches([BATCH], lambda batch, whose: False)
        told = out.getvalue().decode()

    assert "noted" not in told
    assert "you will be asked about all" in told


def test_a_short_list_of_conflicts_is_shown() -> None:
    """The latest first; the rest is counted."""
    found = [
        Conflict(kind="alike", fingerprints=(), paths=(), genres=(), reason=f"reason {number}")
        for number in range(8)
    ]

    with CliRunner().isolation() as (out, _, _):
        show_conflicts(found)
        show_conflicts([])
        told = out.getvalue().decode()

    assert "reason 7\n  reason 6" in told
    assert "reason 2" not in told
    assert "and 3 more" in told
