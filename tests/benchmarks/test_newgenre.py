"""The benchmark of new genres: its short form, and what is drawn."""

import numpy as np
import pytest

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.made_up import made_up, quick
from benchmarks.accuracy.store import Store
from benchmarks.newgenre import few
from core.decision.vocabulary import LEARNED
from core.learning.tracks.dataset import genres_of


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Made-up excerpts of six artists a genre."""
    return made_up(Store(tmp_path_factory.mktemp("kept")), quick(), artists=6, each=2)


def test_what_is_drawn_is_of_artists_enough_and_none_that_is_judged(bench: Bench) -> None:
    """Eight short excerpts of three artists of the other folds."""
    for fold in range(3):
        for drawn in few.draws_of(bench, 0, fold):
            artists = set(bench.groups[drawn])

            assert len(drawn) == LEARNED.tracks
            assert len(artists) >= LEARNED.artists
            assert not artists & set(bench.groups[bench.folds == fold])
            assert bench.short[drawn].all()


def test_the_base_has_not_the_genre_and_the_night_has(bench: Bench) -> None:
    """The few labels make a class of their own, under whatever name."""
    known = [track for track in bench.tracks if track.genre != bench.genres[0]]
    drawn = next(few.draws_of(bench, 0, 0))

    learned = few.taught(bench, known, drawn, "Zzyzx")

    assert genres_of(known) == bench.genres[1:]
    assert genres_of(learned) == (*bench.genres[1:], "Zzyzx")
    assert sum(track.labelled for track in learned) == LEARNED.tracks


def test_each_genre_is_measured_after_eight_files(bench: Bench) -> None:
    """By as many tracks as there are of artists unheard; kept, so that a run resumes."""
    row = few.rows(bench, {"strange": "Zzyzx"})["strange"]

    assert set(row["genres"]) == set(bench.genres)
    assert 0 <= row["mean recall"] <= 1
    assert row["n"] == int(np.sum(bench.short))
    assert few.rows(bench, {"strange": "Zzyzx"})["strange"] == row
