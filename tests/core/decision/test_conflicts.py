"""Words that contradict each other."""

from dataclasses import replace

import numpy as np
import pytest

from core.decision.conflicts import Conflict, conflicts, doubtful
from core.library.feedback_log import FeedbackRow

NOTHING: dict[str, np.ndarray] = {}


def words(*said: tuple[str, str, str]) -> list[FeedbackRow]:
    """Return feedback of (path, fingerprint, genre), in order of time; "-X" refuses X."""
    return [
        FeedbackRow(
            id=number,
            path=f"/m/{path}",
            fingerprint=track,
            kind="rejection" if genre.startswith("-") else "correction",
            old=(genre[1:],) if genre.startswith("-") else (),
            new=() if genre.startswith("-") else (genre,),
            via="retag",
        )
        for number, (path, track, genre) in enumerate(said, 1)
    ]


def test_one_track_under_two_names() -> None:
    """The later word is learned with its full weight; both files and the sentence are told."""
    found = conflicts(words(("a.mp3", "t", "Rock"), ("b.mp3", "t", "Jazz")), NOTHING)

    assert found == (
        Conflict(
            kind="two names",
            fingerprints=("t",),
            paths=("/m/a.mp3", "/m/b.mp3"),
            genres=("Rock", "Jazz"),
            reason="the same music is Rock in a.mp3 and Jazz in b.mp3; what was said last is"
            " learned",
        ),
    )
    assert doubtful(found) == frozenset()


@pytest.mark.parametrize(
    "said",
    [
        (("a.mp3", "t", "Rock"), ("a.mp3", "t", "Jazz")),  # a mind that changed
        (("a.mp3", "t", "Hip-Hop"), ("b.mp3", "t", "hip hop")),  # one genre, spelled twice
        (("a.mp3", "t", "Rock"), ("b.mp3", "u", "Jazz")),  # two tracks
        (("a.mp3", "t", "Rock"), ("b.mp3", "t", "-Jazz")),  # a name and a refusal of another
        (("a.mp3", "t", "-Rock"), ("a.mp3", "t", "-Jazz"), ("a.mp3", "t", "Folk")),
    ],
)
def test_what_is_no_conflict(said: tuple[tuple[str, str, str], ...]) -> None:
    """A word that is only later, spelled otherwise, or of other music."""
    assert conflicts(words(*said), NOTHING) == ()


def test_a_genre_that_comes_back() -> None:
    """A third word that repeats the first makes all of them doubtful."""
    said = words(("a.mp3", "t", "Rock"), ("a.mp3", "t", "Jazz"), ("a.mp3", "t", "rock"))

    (found,) = conflicts(said, NOTHING)

    assert (found.kind, found.genres) == ("back and forth", ("Rock", "Jazz", "rock"))
    assert found.reason == "a.mp3 went back and forth: Rock, Jazz, rock"
    assert doubtful([found]) == {"t"}


@pytest.mark.parametrize("before", [True, False])
def test_what_was_undone_was_not_said(before: bool) -> None:
    """A slip of a key that was taken back is no change of mind."""
    first, slip, again = words(("a.mp3", "t", "Rock"), ("a.mp3", "t", "Jazz"), ("a.mp3", "t", "-x"))
    undo = replace(again, kind="label", old=(), new=("Rock",), via="undo")
    if before:  # there was a word of the person's, and it is said again
        assert conflicts([first, slip, undo], NOTHING) == ()
        assert conflicts([first, slip, replace(undo, via="retag")], NOTHING) != ()
    else:  # what stood there was ours
        undo = replace(undo, kind="rejection")
        once_more = replace(slip, id=4)
        assert conflicts([slip, undo, once_more], NOTHING) == ()


def test_a_player_that_puts_back_is_nobody() -> None:
    """Reversions are no words, so they contradict nobody."""
    rows = words(("a.mp3", "t", "Rock"), ("a.mp3", "t", "Jazz"), ("a.mp3", "t", "Rock"))
    by_player = [
        FeedbackRow(path=r.path, fingerprint="t", kind="reversion", old=(), new=r.new, via="retag")
        for r in rows[1:]
    ]

    by_program = [replace(row, whose="program") for row in rows]

    assert conflicts([rows[0], *by_player], NOTHING) == ()
    assert conflicts(by_program, NOTHING) == ()


def test_two_tracks_that_sound_the_same() -> None:
    """Above .98 they are one recording: with two genres both are doubtful, with one neither."""
    rng = np.random.default_rng(1)
    one, far = rng.normal(size=(2, 200))
    near = one + 0.05 * rng.normal(size=200)
    said = words(
        ("a.mp3", "a", "Rock"), ("b.mp3", "b", "Jazz"), ("c.mp3", "c", "Jazz"), ("d", "d", "Folk")
    )

    (found,) = conflicts(said, {"a": one, "b": near, "c": far})
    agreed = conflicts(words(("a.mp3", "a", "Rock"), ("b.mp3", "b", "ROCK")), {"a": one, "b": near})

    assert found.reason == "a.mp3 is Rock and b.mp3, which sounds the same, Jazz"
    assert doubtful([found]) == {"a", "b"}
    assert agreed == ()


def test_many_tracks_are_compared_a_part_at_a_time() -> None:
    """Each pair is found once, across the parts."""
    heard = np.random.default_rng(2).normal(size=(600, 200))
    heard[599] = heard[0]
    said = words(*((f"{i}.mp3", str(i), "Jazz" if i == 599 else "Rock") for i in range(600)))

    found = conflicts(said, {str(i): row for i, row in enumerate(heard)})

    assert [conflict.fingerprints for conflict in found] == [("0", "599")]
