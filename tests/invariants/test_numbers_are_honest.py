"""Invariant 8: splits never share an artist, and what is shown comes from unheard artists.

Two canaries sing when a split leaks: a nearest neighbour must find artists it has met and
fail on those it has not, and shuffled labels must leave nothing but chance.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import TrainingError
from core.learning.confidence.calibrate import cross_fitted
from core.learning.ensemble.fitting import regress
from core.learning.nets.networks import fit_knots, squashed
from core.learning.proving.gate import require_unseen
from core.learning.tracks.dataset import Track, apart, genres_of, group_numbers, split_groups

GENRES = ("Blues", "Jazz", "Metal", "Pop", "Rock")


def artists(*, seed: int, each: int = 6) -> tuple[Track, ...]:
    """Return tracks of ten artists a genre, whose own sound is stronger than the genre's."""
    rng = np.random.default_rng(seed)
    tracks = []
    for genre in GENRES:
        sound = rng.normal(0, 0.35, 60)
        for artist in range(10):
            studio = sound + rng.normal(0, 1, 60)
            for number in range(each):
                features = (studio + rng.normal(0, 0.4, (1, 60))).astype(np.float32)
                name = f"{genre}{artist}"
                tracks.append(
                    Track(
                        fingerprint=f"{name}/{number}", genre=genre, group=name, features=features
                    )
                )
    return tuple(tracks)


def numbers(tracks: Sequence[Track]) -> NDArray[np.int64]:
    """Return the genres of *tracks* as numbers."""
    return np.array([GENRES.index(track.genre) for track in tracks])


def neighbour_accuracy(tracks: Sequence[Track], folds: NDArray[np.int64]) -> float:
    """Return how often the nearest track outside the fold has the same genre."""
    rows, truth = np.concatenate([t.features for t in tracks]), numbers(tracks)
    distance = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    distance[folds[:, None] == folds[None]] = np.inf
    return float(np.mean(truth[distance.argmin(axis=1)] == truth))


def regression_accuracy(
    tracks: Sequence[Track], folds: NDArray[np.int64], truth: NDArray[np.int64]
) -> float:
    """Return how often softmax regression is right on the folds it was not fitted on."""
    right = []
    for fold in np.unique(folds):
        held = folds == fold
        fitted, judged = apart(tracks, held)
        rows = np.concatenate([t.features for t in fitted])
        knots = fit_knots(rows, np.ones(len(rows)))
        labels = np.eye(len(GENRES), dtype=np.float32)[truth[~held]]
        weights, bias = regress(squashed(rows, knots), labels, np.ones(len(rows)), 0.05)
        scores = squashed(np.concatenate([t.features for t in judged]), knots) @ weights + bias
        right += (scores.argmax(axis=1) == truth[held]).tolist()
    return float(np.mean(right))


def test_the_canary_sings_on_folds_over_tracks() -> None:
    """A nearest neighbour finds the artist where artists are mixed, and fails where not."""
    tracks = artists(seed=1)
    mixed = np.random.default_rng(1).permutation(np.arange(len(tracks)) % 5)

    leaky = neighbour_accuracy(tracks, mixed)
    honest = neighbour_accuracy(tracks, split_groups(tracks, folds=5, seed=1))

    assert leaky > 0.9
    assert honest < 0.6


def test_shuffled_labels_leave_chance() -> None:
    """When labels mean nothing, five genres are right in one case of five."""
    tracks = artists(seed=2)
    folds = split_groups(tracks, folds=5, seed=1)
    genre_of = np.random.default_rng(2).permutation(np.arange(50) % 5)  # per artist
    shuffled = genre_of[group_numbers(tracks)]

    assert regression_accuracy(tracks, folds, numbers(tracks)) > 0.5
    assert regression_accuracy(tracks, folds, shuffled) < 0.32


@pytest.mark.parametrize("seed", range(20))
def test_no_split_shares_an_artist(seed: int) -> None:
    """Whatever the seed and however uneven the artists; the code refuses it besides."""
    rng = np.random.default_rng(seed)
    tracks = [t for t in artists(seed=seed, each=12) if rng.random() < rng.choice([0.1, 0.9])]

    folds = split_groups(tracks, folds=5, seed=seed)

    for fold in np.unique(folds):
        fitted, held = apart(tracks, folds == fold)
        assert not {t.group for t in fitted} & {t.group for t in held}
    one = np.arange(len(tracks)) == len(tracks) // 2
    crowded = sum(t.group == tracks[len(tracks) // 2].group for t in tracks) > 1
    if crowded:
        with pytest.raises(TrainingError):
            apart(tracks, one)


def test_confidences_shown_never_saw_their_artist() -> None:
    """Turning one artist's truths around does not move that artist's own confidences."""
    rng = np.random.default_rng(5)
    words = rng.dirichlet(np.ones(5), 80)
    truth, groups = rng.integers(0, 5, 80), np.arange(80) // 4
    for group in (0, 7, 19):
        turned = np.where(groups == group, (truth + 1) % 5, truth)

        before, after = (cross_fitted(words, labels, groups) for labels in (truth, turned))

        assert np.allclose(before[groups == group], after[groups == group])


@pytest.mark.parametrize("backbone", [False, True])
def test_the_shipped_models_tell_what_they_learned_from(backbone: bool) -> None:
    """Its manifest lists the tracks, says that they carry no licence, and how it was judged."""
    from core import registry

    manifest = registry.load(registry.base_dir(backbone=backbone))

    assert (manifest.backbone is not None) == backbone
    assert len(manifest.fingerprints) == 544
    assert "carry no licence" in manifest.licence
    assert "GTZAN" in manifest.provenance
    assert manifest.metrics["n"] == 451
    assert manifest.metrics["low"] < manifest.metrics["accuracy"] < manifest.metrics["high"]
    assert len(genres_of_replay(manifest.folder)) == len(manifest.genres) == 10


def genres_of_replay(folder: Path) -> tuple[str, ...]:
    """Return the genres in a model's replay."""
    from core.learning.tracks.dataset import from_replay

    return genres_of(from_replay(folder).tracks)


def test_the_benchmark_refuses_a_model_that_knows_the_test() -> None:
    """One track in common is enough, and a model without its list is refused as well."""
    from benchmarks.accuracy.fits import refuse_known

    refuse_known(["a"], {"b"})
    for trained_on in ({"a", "b"}, set()):
        with pytest.raises(TrainingError):
            refuse_known(["a"], trained_on)
    with pytest.raises(TrainingError):
        require_unseen(["a"], None, out_of_fold={"a"})
