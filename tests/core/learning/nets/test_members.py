"""Members that judge a whole track: in training, in the folder, and as a worker runs them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import registry
from core.analysis.runtime import Ensemble as Runtime
from core.errors import ModelError
from core.learning.ensemble.export import Paper, Trained, write_model
from core.learning.ensemble.fitting import Recipe, Studio
from core.learning.nets import networks, sequence
from core.learning.nets.members import Ensemble, SequenceNet
from core.learning.tracks.dataset import Track
from core.learning.train import feature_groups, pooled_by

PAPER = Paper(
    version="test-1",
    created="2026-01-01T00:00:00+00:00",
    provenance="p",
    licence="l",
    backbone="abc",
)
SHARES = {"linear": 0.1, "statistics": 0.3, "convolution": 0.3, "both": 0.3}


def net_of(kind: str, **shape: Any) -> SequenceNet:
    """A small net over segments that nobody trained."""
    small = sequence.Shape(features=135, genres=3, width=8, heads=2, head=(16, 8), **shape)
    rng = np.random.default_rng(1)
    raw = rng.normal(size=(50, 135)).astype(np.float32)
    return SequenceNet(
        kind=kind,
        shape=small,
        knots=networks.fit_knots(raw, np.ones(50)),
        weights=sequence.net(small, seed=1).get_weights(),
        centre=rng.normal(size=200).astype(np.float32) if small.embedding else None,
        width=np.full(200, 2.0, np.float32) if small.embedding else None,
    )


@pytest.fixture(scope="module")
def judging(rich_trained: Trained) -> Trained:
    """An ensemble with members that judge whole tracks."""
    recipe = Recipe(kinds=("linear", "statistics"))
    made = Studio(rich_trained.genres, feature_groups(), recipe).train(rich_trained.tracks)
    nets = net_of("convolution", convolving=True), net_of("both", embedding=200)
    ensemble = Ensemble(members=(*made.members, *nets), weights=tuple(SHARES.values()))
    return replace(rich_trained, ensemble=ensemble, shares=SHARES)


@pytest.fixture(scope="module")
def folder(judging: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its model folder."""
    return write_model(judging, PAPER, tmp_path_factory.mktemp("judging"))


def embedding(seed: int = 4) -> np.ndarray:
    """Return an embedding nobody has seen, with wild values."""
    return np.random.default_rng(seed).normal(0, 20, 200).astype(np.float32)


@pytest.mark.parametrize("segments", [1, 2, 7, 24])
def test_a_worker_says_what_was_trained(judging: Trained, folder: Path, segments: int) -> None:
    """On tracks of any length, in any order of lengths."""
    fresh = np.random.default_rng(segments).normal(size=(segments, 135)).astype(np.float32)

    each = np.repeat(embedding()[None], segments, axis=0)

    said = Runtime(folder).score(fresh, embedding())

    assert said.shape == (len(SHARES), segments, 3)
    assert np.allclose(said, judging.ensemble.scores(fresh, each), atol=1e-3)


def test_whoever_judges_the_track_says_one_thing(folder: Path) -> None:
    """Of each of its segments, and something else when one of them changes."""
    fresh = np.random.default_rng(1).normal(size=(5, 135)).astype(np.float32)
    members = json.loads((folder / "manifest.json").read_text("utf-8"))["members"]
    runtime = Runtime(folder)

    said, less = (runtime.score(rows, embedding())[1:] for rows in (fresh, fresh[:4]))

    kinds = [(member["kind"], member["input"]) for member in members[1:]]
    assert kinds == [("statistics", "track"), ("convolution", "track"), ("both", "track+embedding")]
    assert (np.ptp(said, axis=1) == 0).all()
    assert (said[:, 0] != less[:, 0]).any(axis=1).all()


def test_what_takes_both_cannot_do_without_the_embedding(folder: Path) -> None:
    """The error says what to do."""
    with pytest.raises(ModelError, match="there is no embedding"):
        Runtime(folder).score(np.zeros((2, 135), np.float32))


def test_a_net_on_both_begins_where_regression_ends(rich_trained: Trained) -> None:
    """So it is not worse for having few artists to learn from."""
    studio = Studio(rich_trained.genres, feature_groups(), Recipe(epochs=1, kinds=("both",)))

    ensemble = studio.train(rich_trained.tracks)

    said = pooled_by(ensemble, rich_trained.tracks)
    truth = [rich_trained.genres.index(track.genre) for track in rich_trained.tracks]
    assert ensemble.embedded
    assert ensemble.weights == (1.0,)
    assert (said.argmax(axis=1) == truth).mean() > 0.9


def test_without_embeddings_no_kind_judges_them(some_tracks: tuple[Track, ...]) -> None:
    """A track without one leaves all such kinds out, in every fold alike."""
    studio = Studio(("Jazz", "Metal", "Rock"), feature_groups(), Recipe(kinds=tuple(SHARES)))

    assert studio.kinds(some_tracks) == ("linear", "statistics", "convolution")


def test_each_track_is_judged_by_its_own_segments(judging: Trained) -> None:
    """All in one go says the same as one by one."""
    some = judging.tracks[::13]

    together = pooled_by(judging.ensemble, some)

    alone = np.concatenate([pooled_by(judging.ensemble, [track]) for track in some])
    assert np.allclose(together, alone, atol=1e-5)


def test_one_segment_shows_no_spread() -> None:
    """It counts as the usual one, and many segments come near to their own."""
    rng = np.random.default_rng(2)
    rows = rng.normal(0, 3.0, (1001, 4)).astype(np.float32)

    said = sequence.described(rows, np.array([1, 1000]), np.ones(4, np.float32))

    assert np.allclose(said[0], [*rows[0], 0, 0, 0, 0])
    assert np.allclose(said[1, 4:], np.log(9), atol=0.2)


def test_the_usual_spread_is_that_within_tracks() -> None:
    """However far the tracks lie apart; tracks of one segment say nothing of it."""
    rng = np.random.default_rng(3)
    counts = np.array([1, 200, 200, 1])
    rows = np.repeat(rng.normal(0, 50, (4, 1)), counts, axis=0) + rng.normal(0, 2.0, (402, 3))

    assert np.allclose(sequence.usual_spread(rows, counts), 2.0, rtol=0.15)


def test_a_kind_without_a_share_is_tried_and_left_out(folder: Path, judging: Trained) -> None:
    """The folder says that it was tried, and holds no file of it."""
    recipe = Recipe(epochs=1, kinds=("linear", "statistics"))
    shares = {"linear": 1.0, "statistics": 0.0}
    ensemble = Studio(judging.genres, feature_groups(), recipe).train(judging.tracks, shares=shares)
    paper = replace(PAPER, version="test-2", backbone=None)

    manifest = registry.load(
        write_model(replace(judging, ensemble=ensemble, shares=shares), paper, folder.parent)
    )

    assert manifest.metrics["members"] == shares
    assert manifest.weights == (1.0,)
    assert manifest.backbone is None
