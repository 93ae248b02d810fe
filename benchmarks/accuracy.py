"""How often the first genre is right on artists never heard (P1): `python -m benchmarks accuracy`.

Five folds apart by artist: train on four (short and long excerpts), export, judge the short
excerpts of the fifth, pool all answers; once with the backbone, where it is, and once by the
135 features alone. Beside it softmax regression on either, and the figure that folds over
clips would give (LEAKY: an artist stands on both sides). All else is the program's own.
"""

import argparse
import json
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import registry
from core.analysis.runtime import Ensemble as Runtime
from core.decision.verdict import calibrate, pool, segment_probabilities
from core.learning import evaluate, fitting
from core.learning.base import Excerpts, hear_excerpts
from core.learning.dataset import (
    Track,
    apart,
    embeddings,
    genres_of,
    group_numbers,
    without_embeddings,
)
from core.learning.export import Paper, write_model
from core.learning.fitting import Recipe, no_check
from core.learning.gate import require_unseen
from core.learning.networks import Knots, fit_knots, scaled, squashed, use_cores
from core.learning.prior import TagLayer
from core.learning.train import backbone_named, feature_groups, tags_in, train

__all__ = ["main", "random_folds", "refuse_known", "regression_words"]

RICH_FLOOR = 0.65  # regression on the embedding alone reaches .70-.73
FLOOR = 0.45  # hand-made features on 2-3 s of artists never heard; linear models reach .49-.52
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Confidences [clips, G] on the short excerpts, and what was written above the promise."""

    words: NDArray[np.float64]
    written: NDArray[np.bool_]  # [clips], above the threshold of the model that judged


def main(argv: Sequence[str]) -> dict[str, Any]:
    """Measure P1 on the excerpts under --data and return the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks accuracy")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--leaky", action="store_true", help="also train the ensemble leakily")
    parser.add_argument(
        "--backbone", default=str(registry.backbone_dir()), help='its folder, or "none"'
    )
    wishes = parser.parse_args(argv)
    use_cores(1)
    recipe = Recipe()
    folder, _ = backbone_named(wishes.backbone)
    excerpts = hear_excerpts(wishes.data, _silent, seed=recipe.seed, factor=5, backbone=folder)
    figures = _figures(excerpts, recipe, tags_in(folder), leaky=wishes.leaky)
    for name, figure in figures.items():
        print(f"{name}: {figure}")
    return figures


def _figures(
    excerpts: Excerpts, recipe: Recipe, tags: TagLayer | None, *, leaky: bool
) -> dict[str, Any]:
    rich = embeddings(excerpts.tracks) is not None
    plain_excerpts = replace(excerpts, tracks=without_embeddings(excerpts.tracks))
    tracks, short = plain_excerpts.tracks, excerpts.short
    genres = genres_of(tracks)
    truth = np.array([genres.index(t.genre) for t in tracks])[short]
    groups = group_numbers(tracks)[short]
    studio = Frugal(genres, feature_groups(), recipe, tags)
    judged = judge(plain_excerpts, excerpts.folds, studio)
    plain = regression_words(tracks, excerpts.folds, recipe)[short]
    mixed = random_folds(excerpts.clips, 5, seed=recipe.seed)
    report: dict[str, Any] = {
        "protocol": "P1: short excerpts, fault-filtered, five folds apart by artist, pooled",
        "ensemble": _report(judged.words, truth, groups),
        "written": _precision(judged, truth),
        "regression": _report(plain, truth, groups),
        "LEAKY regression, folds over clips": _report(
            regression_words(tracks, mixed, recipe)[short], truth, groups
        ),
        "floor": FLOOR,
        "picture": str(_draw(judged.words, truth, genres, "accuracy_confusion")),
    }
    report["passed"] = report["ensemble"]["accuracy"] >= FLOOR
    if rich:
        report["with backbone"] = _with_backbone(excerpts, judged, truth, groups, studio)
        report["passed"] &= report["with backbone"]["ensemble"]["accuracy"] >= RICH_FLOOR
    if leaky:
        report["LEAKY ensemble, folds over clips"] = _report(
            _leaky(plain_excerpts, mixed, studio), truth, groups
        )
    return report


def _with_backbone(
    excerpts: Excerpts,
    plain: Judged,
    truth: NDArray[np.int64],
    groups: NDArray[np.int32],
    studio: "Frugal",
) -> dict[str, Any]:
    """The same by models that judge the embedding too, and what that gains on each artist."""
    judged = judge(excerpts, excerpts.folds, studio)
    plainly = fitting.Studio(studio.genres, feature_groups(), studio.recipe)
    alone, drawn = (
        head_words(excerpts.tracks, excerpts.folds, by)[excerpts.short] for by in (plainly, studio)
    )
    cold = cold_words(excerpts.tracks, excerpts.folds, studio)[excerpts.short]
    right = [said.argmax(axis=1) == truth for said in (plain.words, judged.words)]
    gain = evaluate.paired_gain(right[0], right[1], groups)
    genres = genres_of(excerpts.tracks)
    return {
        "ensemble": _report(judged.words, truth, groups),
        "written": _precision(judged, truth),
        "regression on the embedding": _report(alone, truth, groups),
        "the same, drawn towards the tags": _report(drawn, truth, groups),
        "by the tags alone, no label": _report(cold, truth, groups),
        "gain over the 135 alone, with its 5 % and 95 % points": [round(g, 4) for g in gain],
        "floor": RICH_FLOOR,
        "picture": str(_draw(judged.words, truth, genres, "accuracy_confusion_backbone")),
    }


class Frugal(fitting.Studio):
    """Trains each transformer once: what it learns is the same with and without embeddings."""

    def __init__(
        self,
        genres: Sequence[str],
        groups: tuple[int, ...],
        recipe: Recipe,
        tags: TagLayer | None = None,
    ) -> None:
        super().__init__(genres, groups, recipe, tags)
        self._trained: dict[tuple[object, ...], fitting.Weights] = {}

    def transformer(
        self, tracks: Sequence[Track], knots: Knots, number: int, check: fitting.Check
    ) -> fitting.Weights:
        """Return transformer *number* of these *tracks*, from memory where it was trained."""
        key = (number, *((track.fingerprint, track.group) for track in tracks))
        if key not in self._trained:
            self._trained[key] = super().transformer(tracks, knots, number, check)
        return self._trained[key]


def judge(excerpts: Excerpts, folds: NDArray[np.int64], studio: Frugal) -> Judged:
    """Judge each fold's short excerpts by a model written to disk that never met the artists."""
    genres = genres_of(excerpts.tracks)
    words = np.zeros((len(excerpts.tracks), len(genres)))
    written = np.zeros(len(excerpts.tracks), dtype=bool)
    for fold in np.unique(folds):
        out = folds == fold
        fitted, _ = apart(excerpts.tracks, out)
        places = np.flatnonzero(out & excerpts.short)
        with tempfile.TemporaryDirectory() as room:
            trained = train(fitted, studio.recipe, _silent, no_check, studio=studio)
            folder = write_model(trained, _paper(int(fold)), Path(room))
            words[places], written[places] = _said(folder, [excerpts.tracks[i] for i in places])
    return Judged(words=words[excerpts.short], written=written[excerpts.short])


def _said(folder: Path, tracks: Sequence[Track]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return confidences of *tracks* by the model in *folder*, and which would be written."""
    manifest = registry.load(folder)
    refuse_known([track.fingerprint for track in tracks], manifest.fingerprints)
    calibration = registry.load_calibration(manifest)
    runtime, weights = Runtime(folder), np.array(manifest.weights)
    pooled = np.stack([pool(runtime.score(t.features, t.embedding), weights) for t in tracks])
    words = calibrate(pooled, calibration.temperature, np.array(calibration.bias))
    return words, words.max(axis=1) >= (calibration.threshold or np.inf)


def refuse_known(scored: Sequence[str], trained_on: Collection[str]) -> None:
    """Raise TrainingError where a model was trained on a track that it is to be judged by."""
    require_unseen(scored, trained_on, out_of_fold=())


def regression_words(
    tracks: Sequence[Track], folds: NDArray[np.int64], recipe: Recipe
) -> NDArray[np.float64]:
    """Judge all *tracks* by softmax regression on their squashed features, out of *folds*."""
    genres = genres_of(tracks)
    words = np.zeros((len(tracks), len(genres)))
    for fold in np.unique(folds):
        fitted = [t for t, f in zip(tracks, folds, strict=True) if f != fold]
        features = np.concatenate([t.features for t in fitted])
        share = np.repeat([1 / len(t.features) for t in fitted], [len(t.features) for t in fitted])
        knots = fit_knots(features, share)
        genre = np.repeat(
            [genres.index(t.genre) for t in fitted], [len(t.features) for t in fitted]
        )
        labels = np.eye(len(genres), dtype=np.float32)[genre]
        strength = 1 / (recipe.linear_c * len(fitted))
        weights, bias = fitting.regress(squashed(features, knots), labels, share, strength)
        for place in np.flatnonzero(folds == fold):
            scores = squashed(tracks[place].features, knots) @ weights + bias
            words[place] = pool(scores[None], np.ones(1))
    return words


def head_words(
    tracks: Sequence[Track], folds: NDArray[np.int64], studio: Frugal
) -> NDArray[np.float64]:
    """Judge all *tracks* by softmax regression on their embeddings alone, out of *folds*."""
    genres = genres_of(tracks)
    words = np.zeros((len(tracks), len(genres)))
    raw = embeddings(tracks)
    for fold in np.unique(folds):
        head = studio.head([t for t, f in zip(tracks, folds, strict=True) if f != fold])
        if raw is not None and head is not None:
            held = folds == fold
            words[held] = segment_probabilities(head.scores(raw[held])[None], np.ones(1))
    return words


def cold_words(
    tracks: Sequence[Track], folds: NDArray[np.int64], studio: Frugal
) -> NDArray[np.float64]:
    """Judge all *tracks* by the tags alone; how tags spread is learned out of *folds*."""
    words = np.zeros((len(tracks), len(studio.genres)))
    raw = embeddings(tracks)
    if raw is None or studio.tags is None:
        return words
    for fold in np.unique(folds):
        held = folds == fold
        centre, width = raw[~held].mean(axis=0), np.maximum(raw[~held].std(axis=0), 1e-6)
        scores = scaled(raw[held], centre, width) @ studio.tags.weights(
            studio.genres, raw[~held], width
        )
        words[held] = segment_probabilities(scores[None], np.ones(1))
    return words


def random_folds(clips: NDArray[np.str_], folds: int, *, seed: int) -> NDArray[np.int64]:
    """Deal whole clips at random, artists mixed: what must not be done, for comparison."""
    names, index = np.unique(clips, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(np.arange(len(names)) % folds)
    return np.asarray(dealt[index], dtype=np.int64)


def _leaky(excerpts: Excerpts, folds: NDArray[np.int64], studio: Frugal) -> NDArray[np.float64]:
    """Train the ensemble with artists on both sides, each clip as if it were an artist."""
    alone = [
        replace(t, group=str(clip)) for t, clip in zip(excerpts.tracks, excerpts.clips, strict=True)
    ]
    return judge(replace(excerpts, tracks=tuple(alone)), folds, studio).words


def _report(
    words: NDArray[np.float64], truth: NDArray[np.int64], groups: NDArray[np.int32]
) -> dict[str, Any]:
    found = evaluate.accuracy(words, truth, groups)
    table = evaluate.confusion(words.argmax(axis=1), truth, words.shape[1])
    return {
        "accuracy": round(found.value, 4),
        "interval_95": [round(found.low, 4), round(found.high, 4)],
        "n": found.n,
        "artists": found.artists,
        "macro_f1": round(evaluate.macro_f1(table), 4),
        "top_3": round(evaluate.top_k(words, truth, 3), 4),
        "calibration_error": round(evaluate.calibration_error(words, truth), 4),
    }


def _precision(judged: Judged, truth: NDArray[np.int64]) -> dict[str, Any]:
    """Of what the promise would have written by itself: how much, and how much of it right."""
    right = (judged.words.argmax(axis=1) == truth)[judged.written]
    precision = round(float(right.mean()), 4) if right.size else None
    return {"coverage": round(float(judged.written.mean()), 4), "precision": precision}


def _draw(
    words: NDArray[np.float64], truth: NDArray[np.int64], genres: Sequence[str], name: str
) -> Path:
    target = RESULTS / f"{name}.png"
    table = evaluate.confusion(words.argmax(axis=1), truth, len(genres))
    share = np.diag(table).sum() / table.sum()
    title = f"Artists never heard, 2-3 s of audio: {share:.1%} of {table.sum()} right"
    evaluate.draw_confusion(table, genres, title, target)
    target.with_suffix(".json").write_text(
        json.dumps({"genres": list(genres), "table": table.tolist()}) + "\n", "utf-8"
    )
    return target.relative_to(RESULTS.parent.parent)


def _paper(fold: int) -> Paper:
    return Paper(
        version=f"fold-{fold}",
        created="2026-01-01T00:00:00+00:00",
        provenance="a benchmark",
        licence="none",
        backbone="as installed",
    )


def _silent(_stage: str, _done: int, _total: int) -> None: ...
