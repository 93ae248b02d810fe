"""Simulated artists of two genres: two artists under one name, and a line by sound."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.made_up import made_up, quick
from benchmarks.accuracy.store import Store
from benchmarks.learning.library import Clip, Half, half
from benchmarks.learning.namesakes import NEAREST, WHOEVER, joined
from benchmarks.learning.people import centres, second_genre
from benchmarks.newgenre import line


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Half:
    """A half of made-up excerpts: four files of each artist."""
    bench: Bench = made_up(Store(tmp_path_factory.mktemp("kept")), quick(), artists=8, each=4)
    return half(bench, 0)


def directed(clip: Clip, angle: float, name: str) -> Clip:
    """Return the clip as one that sounds like *angle*, called *name*."""
    heard = np.array([np.cos(angle), np.sin(angle)], np.float32)
    track = replace(clip.track, embedding=heard, fingerprint=name)
    return replace(clip, track=track)


def genres_of(clips: tuple[Clip, ...]) -> dict[str, set[str]]:
    """Return which genres each artist has."""
    found: dict[str, set[str]] = {}
    for clip in clips:
        found.setdefault(clip.who, set()).add(clip.genre)
    return found


@pytest.mark.parametrize("which", [NEAREST, WHOEVER])
def test_two_artists_of_different_genres_go_by_one_name(side: Half, which: str) -> None:
    """In no more than two; no file is lost, changes its genre or shares another's album."""
    made = joined(side, which)
    two = {who for who, genres in genres_of(made.library).items() if len(genres) > 1}

    assert two
    assert {len(genres) for genres in genres_of(made.library).values()} == {1, 2}
    for old, new in zip(side.library, made.library, strict=True):
        assert (old.fingerprint, old.genre) == (new.fingerprint, new.genre)
        assert new == old or new.who in two
    albums = {(clip.artist, clip.album, clip.genre) for clip in made.library}
    assert max(Counter((artist, album) for artist, album, _ in albums).values()) == 1
    assert made.name != side.name


def test_the_nearest_is_the_one_that_sounds_most_alike(side: Half) -> None:
    """Of the artists whose music is of another genre."""
    first, alike, other = (
        [clip for clip in side.library if clip.genre == genre][:4]
        for genre in sorted({clip.genre for clip in side.library})[:3]
    )
    angles = {"first": (first, 0.0), "alike": (alike, 0.3), "other": (other, 1.5)}
    clips = tuple(
        replace(directed(clip, angle, f"{name} {place}"), who=name, artist=name)
        for name, (mine, angle) in angles.items()
        for place, clip in enumerate(mine)
    )
    for seed in range(20):
        made = joined(replace(side, seed=seed, library=clips), NEAREST)
        assert {clip.who for clip in made.library if clip.genre == other[0].genre} == {"other"}


def test_who_knows_the_line_is_right_beyond_what_was_said(side: Half) -> None:
    """Between two words it is the middle; with one, the same side of it."""
    genres = sorted({clip.genre for clip in side.library})[:2]
    mine = [clip for clip in side.library if clip.genre == genres[0]][:1] * 4
    there = [clip for clip in side.library if clip.genre == genres[1]][:1]
    angles = (0.6, 0.2, 0.7, 0.1)  # the larger, the closer to the second genre
    clips = [directed(clip, angle, f"{angle}") for clip, angle in zip(mine, angles, strict=True)]
    clips = [replace(clip, who="both", artist="both") for clip in clips]
    far = [replace(directed(there[0], 1.5, "there"), who="there", artist="there")]
    called = {c.fingerprint: genres[float(c.fingerprint) > 0.4] for c in clips} | {"there": "x"}
    first = {clip.fingerprint: "wrong" for clip in (*clips, *far)}

    def told(from_the_start: bool) -> list[bool]:
        every = [*clips, *far]
        return [
            right for _, right in line.knowing(every, called, first, from_the_start=from_the_start)
        ]

    assert second_genre(clips, centres([*clips, *far]))[0] == genres[1]
    assert told(from_the_start=True) == [True]  # below .6, so of the first
    assert told(from_the_start=False) == [False, True]  # told twice, then the line is at .4
