"""What the model says of its own words, nested as the words are.

For each outer fold the other folds, judged by fits that know neither, teach whether a word
will be right (`core.learning.doubt`), and set the threshold of the promise; then the outer
fold is judged once. Where nothing is learned, confidence alone decides, as in the program.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.bench import Bench, over_folds
from benchmarks.accuracy.fits import Fit, without_folds
from benchmarks.accuracy.store import LEARNING, Arrays
from core.decision.promise import promise
from core.decision.surety import Surety, signs, sureness
from core.decision.verdict import calibrate, pool
from core.learning.calibrate import Calibration, blind_cases, cross_fitted, fit_calibration
from core.learning.doubt import Blind, Learned, learn_surety

__all__ = ["Doubted", "doubted"]

Words = NDArray[np.float64]
PRECISION = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Doubted:
    """How sure the model is of its first genres, and what it would write."""

    sure: NDArray[np.float64]  # [tracks]
    written: NDArray[np.bool_]  # [tracks]
    thresholds: NDArray[np.float64]  # [folds], infinite where nothing may be written
    learned: NDArray[np.bool_]  # [folds], whether more than the confidence is asked


def doubted(bench: Bench, *, plain: bool) -> Doubted:
    """Judge every track; with *plain* by the 135 features alone."""
    key = f"doubted {plain} {bench.recipe} {bench.identity}"
    code = (*LEARNING, "core.learning.doubt")
    return Doubted(**bench.store.kept(key, lambda: _doubted(bench, plain), code=code))


def _doubted(bench: Bench, plain: bool) -> Arrays:
    count = len(bench.tracks)
    sure, written = np.zeros(count), np.zeros(count, dtype=bool)
    thresholds, learned = [], []
    for fold in over_folds(bench.folds):
        blind = _blind(bench, fold, plain)
        found = learn_surety(blind)
        cases = blind_cases(blind.words, blind.truth, blind.groups, found.sure if found else None)
        bar = promise(cases, PRECISION).threshold
        mine = np.flatnonzero(bench.folds == fold)
        fit = without_folds(bench, fold)
        sure[mine] = [_said(bench, fit, place, blind.calibration, found, plain) for place in mine]
        written[mine] = sure[mine] >= (np.inf if bar is None else bar)
        thresholds.append(np.inf if bar is None else bar)
        learned.append(found is not None)
    return {
        "sure": sure,
        "written": written,
        "thresholds": np.array(thresholds),
        "learned": np.array(learned),
    }


def _blind(bench: Bench, outer: int, plain: bool) -> Blind:
    """What fits that never met *outer* say of the other folds, each of one that it left out."""
    others = np.flatnonzero(bench.folds != outer)
    scores, weights = [], np.zeros(0)
    for place in others.tolist():
        fit = without_folds(bench, *sorted((outer, int(bench.folds[place]))))
        said, weights = fit.said(place, plain=plain)
        scores.append(said)
    pooled = np.stack([pool(each, weights) for each in scores])
    truth, groups = bench.truth[others], bench.groups[others]
    embedding = None if plain or bench.embedding is None else bench.embedding[others]
    return Blind(
        scores=scores,
        weights=weights,
        words=cross_fitted(pooled, truth, groups),
        calibration=fit_calibration(pooled, truth, groups),
        truth=truth,
        groups=groups,
        folds=bench.folds[others],
        embedding=embedding,
    )


def _said(
    bench: Bench, fit: Fit, place: int, fitted: Calibration, found: Learned | None, plain: bool
) -> float:
    scores, weights = fit.said(place, plain=plain)
    words = calibrate(pool(scores, weights), fitted.temperature, fitted.bias)
    if found is None:
        return float(words.max())
    return _surely(bench, place, scores, weights, words, found.surety)


def _surely(
    bench: Bench,
    place: int,
    scores: NDArray[np.float32],
    weights: NDArray[np.float64],
    words: Words,
    surety: Surety,
) -> float:
    known = surety.places is not None and bench.embedding is not None
    embedding = bench.embedding[place] if known and bench.embedding is not None else None
    return sureness(
        float(words.max()), signs(scores, weights, words, embedding, surety.places), surety
    )
