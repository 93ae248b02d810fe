"""From tracks to a model folder, on synthetic artists and with few epochs."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import registry
from core.errors import TrainingError
from core.learning.confidence.calibrate import log_loss
from core.learning.ensemble import fitting
from core.learning.ensemble.export import Paper, Trained, write_model
from core.learning.ensemble.fitting import Recipe, Studio
from core.learning.tracks import dataset
from core.learning.tracks.dataset import Track
from core.learning.train import feature_groups, train

QUICK = Recipe(epochs=2, members=1, folds=3)
PAPER = Paper(version="test-1", created="2026-01-01T00:00:00+00:00", provenance="p", licence="l")


def silent(_stage: str, _done: int, _total: int) -> None:
    """Report to nobody."""


def test_unknown_artists_are_judged_above_chance(trained: Trained) -> None:
    """Out of fold, and with an interval by artist."""
    assert trained.accuracy.value > 0.6
    assert trained.accuracy.low < trained.accuracy.value < trained.accuracy.high
    assert trained.accuracy.artists == 24
    assert trained.protocol == "out of fold, 3 folds apart by artist"


def test_out_of_fold_words_are_probabilities(trained: Trained) -> None:
    """One row a track, each summing to one."""
    assert trained.out_of_fold.shape == (96, 3)
    assert np.allclose(trained.out_of_fold.sum(axis=1), 1)


def test_the_folder_is_a_model(model_dir: Path, trained: Trained) -> None:
    """The registry accepts it and finds what was promised."""
    manifest = registry.load(model_dir)

    assert manifest.genres == ("Jazz", "Metal", "Rock")
    assert manifest.fingerprints == {track.fingerprint for track in trained.tracks}
    assert manifest.metrics["n"] == 96
    assert manifest.weights == trained.ensemble.weights
    assert registry.load_calibration(manifest).promise == 0.9


def test_exported_members_say_what_keras_says(model_dir: Path, trained: Trained) -> None:
    """On segments that neither has seen, one or many at once."""
    from core.analysis.runtime import Ensemble

    fresh = np.random.default_rng(5).normal(size=(7, 135)).astype(np.float32)
    runtime = Ensemble(model_dir)

    assert np.allclose(runtime.score(fresh), trained.ensemble.scores(fresh), atol=1e-3)
    assert np.allclose(runtime.score(fresh[:1]), runtime.score(fresh)[:, :1], atol=1e-4)


def test_a_model_that_differs_from_keras_is_thrown_away(trained: Trained, tmp_path: Path) -> None:
    """Nothing is left of it, not even a part."""
    from core.learning.ensemble import export

    class Liar:
        """Says something else than what was exported."""

        members, weights = trained.ensemble.members, trained.ensemble.weights

        embedded, plain = trained.ensemble.embedded, trained.ensemble.plain

        def scores(self, *heard: np.ndarray) -> np.ndarray:
            """Be off by one."""
            return trained.ensemble.scores(*heard) + 1

    with pytest.raises(TrainingError, match="differs from the trained one by 1"):
        export.write_model(replace(trained, ensemble=Liar()), PAPER, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_version_is_never_overwritten(model_dir: Path, trained: Trained) -> None:
    """Model folders do not change."""
    before = (model_dir / "manifest.json").read_bytes()

    with pytest.raises(TrainingError, match="exists already"):
        write_model(trained, PAPER, model_dir.parent)

    assert (model_dir / "manifest.json").read_bytes() == before


def test_the_folder_names_no_artist(model_dir: Path, trained: Trained) -> None:
    """Groups are numbers; neither names nor paths travel with a model."""
    everything = b"".join(path.read_bytes() for path in model_dir.iterdir())
    with np.load(model_dir / "replay.npz", allow_pickle=False) as replay:
        held = {name: replay[name] for name in replay.files}

    assert all(track.group.encode() not in everything for track in trained.tracks)
    assert held["group"].dtype == np.int32
    assert all(values.dtype.kind in "fiSb" for values in held.values())


def test_replay_gives_the_tracks_back(model_dir: Path, trained: Trained) -> None:
    """Features to half precision, groups as before, words as before."""
    replay = dataset.from_replay(model_dir)

    assert [t.fingerprint for t in replay.tracks] == [t.fingerprint for t in trained.tracks]
    assert [t.genre for t in replay.tracks] == [t.genre for t in trained.tracks]
    assert np.allclose(replay.tracks[5].features, trained.tracks[5].features, atol=1e-2)
    assert np.allclose(replay.words, trained.out_of_fold, atol=1e-3)
    assert len({t.group for t in replay.tracks}) == 24


def test_a_damaged_replay_is_an_error(tmp_path: Path) -> None:
    """Never a traceback, never an unpickled object."""
    (tmp_path / "manifest.json").write_text(json.dumps({"genres": ["Jazz"]}))
    np.savez(tmp_path / "replay.npz", genre=np.array([None], dtype=object))

    with pytest.raises(TrainingError, match="replay of the model cannot be read"):
        dataset.from_replay(tmp_path)


def test_same_seed_same_model(some_tracks: tuple[Track, ...]) -> None:
    """Also from a studio that trained something else before."""
    genres = dataset.genres_of(some_tracks)
    used = Studio(genres, feature_groups(), QUICK)
    used.train(some_tracks[::-1])
    fresh = Studio(genres, feature_groups(), QUICK)
    rows = some_tracks[0].features

    assert np.array_equal(
        used.train(some_tracks).scores(rows), fresh.train(some_tracks).scores(rows)
    )


def test_curves_never_see_the_held_out(some_tracks: tuple[Track, ...]) -> None:
    """Whatever is held out, the squashing of the others is the same."""
    held = np.array([t.group.endswith("0") for t in some_tracks])
    wild = [
        replace(t, features=t.features * 1e6) if out else t
        for t, out in zip(some_tracks, held, strict=True)
    ]

    plain = fitting.curves(dataset.apart(some_tracks, held)[0])
    beside_wild = fitting.curves(dataset.apart(wild, held)[0])

    assert np.array_equal(plain.start, beside_wild.start)


def test_regression_finds_the_one_optimum() -> None:
    """Two clouds on a line: the sign is right, the heavier penalty the smaller weight."""
    rows = np.array([[-1.0], [-0.8], [0.9], [1.1]], dtype=np.float32)
    labels = np.eye(2, dtype=np.float32)[[0, 0, 1, 1]]

    loose = fitting.regress(rows, labels, np.ones(4), 0.01)[0]
    strict = fitting.regress(rows, labels, np.ones(4), 1.0)[0]

    assert loose[0, 1] > 0 > loose[0, 0]
    assert 0 < strict[0, 1] < loose[0, 1]
    assert loose.sum() == pytest.approx(0, abs=1e-4)


def test_calibration_helped_or_was_left_out(trained: Trained) -> None:
    """Honest words are never worse than even odds would be."""
    truth = np.array([trained.genres.index(t.genre) for t in trained.tracks])

    assert log_loss(trained.out_of_fold, truth, np.ones(96)) < np.log(3)


def test_training_error_survives_pickling() -> None:
    """It crosses from the trainer to the daemon."""
    error = pickle.loads(pickle.dumps(TrainingError("what", "path", "remedy")))  # noqa: S301

    assert (error.what, error.path, error.remedy) == ("what", "path", "remedy")


def test_check_stops_a_training(some_tracks: tuple[Track, ...]) -> None:
    """Between two epochs, with the reason."""

    def check() -> None:
        raise TrainingError("it took longer than 1 minutes")

    with pytest.raises(TrainingError, match="longer than 1"):
        train(some_tracks, QUICK, silent, check)


def test_copies_have_half_of_their_tracks_weight_and_of_its_draws(
    some_tracks: tuple[Track, ...],
) -> None:
    """However many there are; a track without copies keeps all for itself."""
    one, two = some_tracks[0], next(t for t in some_tracks if t.genre == "Rock")
    copied = replace(one, copies=tuple(one.features + 1 for _ in range(5)))
    studio = Studio(("Jazz", "Rock"), feature_groups(), QUICK)
    rows = studio._rows((copied, two), fitting.curves((one, two)), copies=True)
    own = len(one.features)
    epochs = fitting.Epochs(rows, replace(QUICK, draws=2000), seed=1)

    assert np.isclose(rows.part[:own].sum(), 0.5)
    assert np.allclose(np.bincount(rows.track, rows.part), 1.0)
    assert np.allclose(np.bincount(rows.track, rows.row_weight), 1.0)
    drawn = epochs._order[rows.track[epochs._order] == 0]
    assert len(drawn) == 2000
    assert abs(float(np.mean(drawn < own)) - 0.5) < 0.05
