"""The learning benchmark: its libraries, its house, its people, and its short form."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.made_up import made_up, quick
from benchmarks.accuracy.store import Store
from benchmarks.learning.library import Half, albums, half, shipped
from core import registry


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Made-up excerpts, whose fits are kept for all tests here."""
    return made_up(Store(tmp_path_factory.mktemp("kept")), quick(), artists=12)


def artists(side: Half) -> set[str]:
    """Return whose music the library holds."""
    return {clip.who for clip in side.library}


def test_no_artist_is_on_both_sides(bench: Bench) -> None:
    """Swapped, the two sides change places; the library is P1's, each clip once."""
    one, other = half(bench, 3), half(bench, 3, swapped=True)

    for side in (one, other):
        assert not artists(side) & {track.group for track in side.base}
        assert len({clip.fingerprint for clip in side.library}) == len(side.library)
    assert artists(one) | artists(other) == {track.group for track in bench.tracks}
    assert not artists(one) & artists(other)
    assert len(one.library) + len(other.library) == bench.short.sum()
    assert np.array_equal(one.judged, [len(track.features) == 1 for track in one.base])


def test_the_same_seed_makes_the_same_library(bench: Bench) -> None:
    """In the same order, on the same albums; another one another."""
    paths = [[clip.path for clip in half(bench, seed).library] for seed in (1, 1, 2)]

    assert paths[0] == paths[1] != paths[2]


def test_albums_are_of_one_artist_and_not_large(bench: Bench) -> None:
    """Two to six files each, but for what is left over; nobody knows an unknown artist."""
    known = frozenset(sorted({track.group for track in bench.tracks})[:5])
    clips = albums(bench.tracks, known, seed=1)
    found = {(clip.artist, clip.album) for clip in clips if clip.artist}

    for artist, album in found:
        mine = [clip for clip in clips if (clip.artist, clip.album) == (artist, album)]
        assert len(mine) <= 6
        assert {clip.who for clip in mine} == {artist}
    assert {clip.who for clip in clips if clip.artist} == known
    assert all(clip.album is None for clip in clips if clip.artist is None)


def test_what_is_shipped_is_a_whole_model_of_the_base_side(bench: Bench, tmp_path: Path) -> None:
    """It knows no track of the library; the second time it comes from the store."""
    side = half(bench, 3)
    folders = [shipped(bench, side, tmp_path / name) for name in ("a", "b")]
    found = registry.load(folders[0])

    assert found.fingerprints == {track.fingerprint for track in side.base}
    assert not found.fingerprints & {clip.fingerprint for clip in side.library}
    assert registry.load(folders[1]).fingerprints == found.fingerprints
