"""Plain softmax regression, beside which every ensemble has to show what it is worth.

Its strength C is chosen by the log loss on inner folds of the training artists, so it is
given every chance. Axes: tracks, F inputs, G genres.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.decision.verdict import pool, segment_probabilities
from core.learning.confidence.calibrate import artist_weight, log_loss
from core.learning.ensemble.fitting import Recipe, curves, regress
from core.learning.nets.networks import scaled, squashed
from core.learning.tracks.dataset import Track, genres_of

__all__ = ["STRENGTHS", "chosen", "random_folds", "regression_words", "ridge", "rows_of"]

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1)  # C, per track
Words = NDArray[np.float64]
Judge = Callable[[NDArray[np.bool_], float], Words]  # tracks to fit on, C -> words on all


def rows_of(tracks: Sequence[Track], fitted: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the tracks' mean squashed features [tracks, 135]; curves by the *fitted* alone."""
    mine = [track for track, known in zip(tracks, fitted, strict=True) if known]
    knots = curves(mine)
    return np.stack([squashed(track.features, knots).mean(axis=0) for track in tracks])


def ridge(
    rows: NDArray[np.float32],
    truth: NDArray[np.int64],
    fitted: NDArray[np.bool_],
    c: float,
    towards: NDArray[np.float64] | None = None,
) -> Words:
    """Return probabilities [tracks, G] of all *rows* [tracks, F] by regression on the *fitted*.

    Rows are standardised by the fitted ones; each genre weighs the same in all.
    """
    centre, width = rows[fitted].mean(axis=0), np.maximum(rows[fitted].std(axis=0), 1e-6)
    count = np.bincount(truth[fitted], minlength=int(truth.max()) + 1)
    labels = np.eye(len(count), dtype=np.float32)[truth[fitted]]
    weight = (1 / np.maximum(count, 1))[truth[fitted]]
    inputs = scaled(rows, centre, width)
    weights, bias = regress(inputs[fitted], labels, weight, 1 / (c * fitted.sum()), towards)
    return segment_probabilities((inputs @ weights + bias)[None], np.ones(1))


def chosen(
    folds: NDArray[np.int64],
    truth: NDArray[np.int64],
    groups: NDArray[np.int32],
    judges: Mapping[str, Judge],
) -> tuple[Words, list[str]]:
    """Judge each fold by the judge and the C that do best on the other folds, by log loss.

    Returns the words [tracks, G] and what was chosen for each fold.
    """
    said = cache(lambda name, c, left: judges[name](~np.isin(folds, left), c))
    words = np.zeros((len(folds), int(truth.max()) + 1))
    choices = []
    for outer in np.unique(folds).tolist():
        others = folds != outer

        def loss(choice: tuple[str, float], outer: int = outer) -> float:
            inner = np.zeros_like(words)
            for fold in np.unique(folds[folds != outer]).tolist():
                left = tuple(sorted((outer, fold)))  # one fit serves both
                inner[folds == fold] = said(*choice, left)[folds == fold]
            weight = artist_weight(groups[folds != outer])
            return log_loss(inner[folds != outer], truth[folds != outer], weight)

        name, c = min(itertools.product(judges, STRENGTHS), key=loss)
        words[~others] = said(name, c, (outer,))[~others]
        choices.append(f"{name}, C = {c:g}")
    return words, choices


def regression_words(
    tracks: Sequence[Track], folds: NDArray[np.int64], recipe: Recipe
) -> NDArray[np.float64]:
    """Judge all *tracks* by the plain member's regression on their segments, out of *folds*."""
    genres = genres_of(tracks)
    words = np.zeros((len(tracks), len(genres)))
    for fold in np.unique(folds):
        fitted = [t for t, f in zip(tracks, folds, strict=True) if f != fold]
        features = np.concatenate([t.features for t in fitted])
        counts = [len(t.features) for t in fitted]
        share = np.repeat([1 / count for count in counts], counts)
        knots = curves(fitted)
        genre = np.repeat([genres.index(t.genre) for t in fitted], counts)
        labels = np.eye(len(genres), dtype=np.float32)[genre]
        strength = 1 / (recipe.linear_c * len(fitted))
        weights, bias = regress(squashed(features, knots), labels, share, strength)
        for place in np.flatnonzero(folds == fold):
            scores = squashed(tracks[place].features, knots) @ weights + bias
            words[place] = pool(scores[None], np.ones(1))
    return words


def random_folds(clips: NDArray[np.str_], folds: int, *, seed: int) -> NDArray[np.int64]:
    """Deal whole clips at random, artists mixed: what must not be done, for comparison."""
    names, index = np.unique(clips, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(np.arange(len(names)) % folds)
    return np.asarray(dealt[index], dtype=np.int64)
