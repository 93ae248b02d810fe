"""The program's own training, scored from outside: no choice ever sees the fold it is judged on.

For each outer fold the other folds are predicted by fits that know neither; on these words
the calibration and the threshold of the promise are fitted, as `core.learning.train` does it,
and then the outer fold is judged once by a fit on all others. A fit without folds i and j
serves both of them, so five folds take fifteen fits and not thirty.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.bench import Bench, over_folds
from benchmarks.accuracy.fits import Fit, without_folds
from benchmarks.accuracy.store import Arrays
from core.decision.verdict import calibrate
from core.learning.calibrate import cross_fitted, fit_calibration, promise_threshold

__all__ = ["Judged", "inner_words", "nested", "outer_words"]

Words = NDArray[np.float64]  # [tracks, G]
By = Callable[[Fit, NDArray[np.integer[Any]]], Words]  # what a fit says of some tracks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What is said of every track by models that know nothing of its fold."""

    pooled: Words  # before calibration
    words: Words  # calibrated by the other folds
    written: NDArray[np.bool_]  # [tracks], above the threshold that the other folds gave
    thresholds: NDArray[np.float64]  # [folds], infinite where nothing may be written


def outer_words(bench: Bench, by: By) -> Words:
    """Return what *by* says of every track, by fits on all other folds."""
    words = np.zeros((len(bench.tracks), len(bench.genres)))
    for fold in over_folds(bench.folds):
        places = np.flatnonzero(bench.folds == fold)
        words[places] = by(without_folds(bench, fold), places)
    return words


def inner_words(bench: Bench, outer: int, by: By) -> Words:
    """Return what *by* says of all tracks not in *outer*, by fits that never met that fold.

    The rows of *outer* itself are zeros.
    """
    words = np.zeros((len(bench.tracks), len(bench.genres)))
    for fold in over_folds(bench.folds):
        if fold != outer:
            places = np.flatnonzero(bench.folds == fold)
            words[places] = by(without_folds(bench, *sorted((outer, fold))), places)
    return words


def nested(bench: Bench, name: str, by: By) -> Judged:
    """Judge every track, calibrated and thresholded by other folds alone.

    *name* says what *by* does, since the result is kept.
    """
    key = f"nested {name} {bench.recipe} {bench.identity}"
    kept = bench.store.kept(key, lambda: _nested(bench, by))
    return Judged(**kept)


def _nested(bench: Bench, by: By) -> Arrays:
    pooled = outer_words(bench, by)
    words, written = pooled.copy(), np.zeros(len(pooled), dtype=bool)
    thresholds = []
    for fold in over_folds(bench.folds):
        mine, others = bench.folds == fold, bench.folds != fold
        inner = inner_words(bench, fold, by)[others]
        truth, groups = bench.truth[others], bench.groups[others]
        fitted = fit_calibration(inner, truth, groups)
        promise = promise_threshold(cross_fitted(inner, truth, groups), truth, groups)
        threshold = np.inf if promise.threshold is None else promise.threshold
        words[mine] = calibrate(pooled[mine], fitted.temperature, fitted.bias)
        written[mine] = words[mine].max(axis=1) >= threshold
        thresholds.append(threshold)
    return {
        "pooled": pooled,
        "words": words,
        "written": written,
        "thresholds": np.array(thresholds),
    }
