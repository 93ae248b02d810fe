"""Leaving out each genre in turn teaches what a track of none of them looks like."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core import registry
from core.decision.beyond import Known, beyond, outside
from core.learning.ensemble.export import Paper, Trained, write_model
from core.learning.ensemble.fitting import Recipe
from core.learning.ensemble.outsiders import Outsiders, learn_outsiders, limited
from core.learning.nets.prior import TagLayer
from core.taxonomy import TAGS

GENRES = ("Blues", "Hip-Hop", "Jazz", "Metal", "Pop")
SPOKEN = ("blues", "Hip-Hop", "jazz", "metal", "pop")
LAYER = TagLayer(kernel=np.eye(200, 50, dtype=np.float32), bias=np.zeros(50, np.float32))


def sounding(tag: str, count: int, seed: int) -> NDArray[np.float32]:
    """*count* embeddings in which *tag* is heard, with noise around it."""
    rows = np.random.default_rng(seed).normal(size=(count, 200)).astype(np.float32)
    rows[:, TAGS.index(tag)] += 10
    return rows


@pytest.fixture(scope="module")
def learned() -> Outsiders:
    """From 24 tracks of each of five genres, in two folds."""
    rows = np.concatenate([sounding(tag, 24, seed) for seed, tag in enumerate(SPOKEN)])
    genre = np.repeat(np.arange(len(GENRES)), 24)
    found = learn_outsiders(rows, genre, np.arange(120) % 2, GENRES, LAYER, Recipe())
    assert found is not None
    return found


def test_a_genre_that_nobody_told_of_is_outside(learned: Outsiders) -> None:
    """House and Folk were in no training, more Jazz is more of the same."""
    strange = np.concatenate([sounding("House", 20, 90), sounding("folk", 20, 91)])
    more = sounding("jazz", 20, 92)

    assert np.mean(outside(strange, learned.known) > 0.5) > 0.8
    assert np.mean(outside(more, learned.known) > 0.5) < 0.1


def test_what_it_is_instead_is_suggested(learned: Outsiders) -> None:
    """By the tag that is called like it."""
    first = [beyond(row, learned.known).suggested[:1] for row in sounding("House", 20, 93)]

    assert sum(bool(some) and some[0].genre == "House" for some in first) >= 18


def test_each_track_is_judged_without_its_fold(learned: Outsiders) -> None:
    """In the order of the tracks; and most are at home."""
    assert learned.outside.shape == (120,)
    assert np.mean(learned.outside > 0.5) < 0.15


def test_one_in_twenty_of_what_would_be_written_is_held_back(learned: Outsiders) -> None:
    """Not more, and only those count that would be."""
    answered = np.arange(120) < 60
    known = limited(learned, answered)

    assert np.sum(learned.outside[answered] >= known.limit) == 3
    assert limited(learned, np.zeros(120, bool)).limit > 0


@pytest.mark.parametrize(("genres", "tracks"), [(3, 120), (5, 30)])
def test_too_little_teaches_nothing(genres: int, tracks: int) -> None:
    """With three genres, what is left when one is out says little of the rest."""
    rows = sounding("jazz", tracks, 5)
    genre = np.arange(tracks) % genres

    assert (
        learn_outsiders(rows, genre, np.arange(tracks) % 2, GENRES[:genres], LAYER, Recipe())
        is None
    )


def test_the_model_keeps_it(learned: Outsiders, rich_trained: Trained, tmp_path: Path) -> None:
    """In a file of its own, with a hash like every other; it judges as before."""
    paper = Paper(version="m", created="", provenance="p", licence="l", backbone="abc")
    folder = write_model(replace(rich_trained, known=learned.known), paper, tmp_path)
    held = registry.load_beyond(registry.load(folder))

    assert held is not None
    rows = sounding("House", 5, 94)
    assert outside(rows, Known.of(held)) == pytest.approx(outside(rows, learned.known), abs=1e-3)
    assert "beyond.npz" in (folder / "manifest.json").read_text("utf-8")


def test_an_older_model_knows_nothing_of_it() -> None:
    """None, and no error: so it is with the shipped one that needs no backbone."""
    assert registry.load_beyond(registry.load(registry.base_dir(backbone=False))) is None
