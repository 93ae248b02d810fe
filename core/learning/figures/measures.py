"""Measures of predictions under weights, for a whole bootstrap in a few matrix operations.

Axes: D draws, n tracks, G genres. Each measure takes what was said of each track and
weights [D, n], how often each draw holds each track, and returns [D]. It draws nothing
itself and knows no artist.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BINS",
    "MEASURES",
    "Answers",
    "accuracy",
    "answers",
    "area",
    "bin_edges",
    "brier",
    "calibration_gap",
    "gap_of",
    "loss",
    "macro_f1",
    "slope",
    "top_3",
]

Floats = NDArray[np.float64]
Measure = Callable[["Answers", Floats], Floats]

BINS = 5  # equally full; more would be narrower than a few hundred tracks can tell apart
STEPS = 30  # of Newton's method at most; it needs about six
# The slope is drawn towards 1 with the force of a hundredth of a track: nothing where it can
# be told, and an end to the climb where every answer is right and it would be infinite.
RIDGE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What was said of each track against the truth, the surest first."""

    right: Floats  # [n], 1 where the first genre is right
    among_3: Floats  # [n], 1 where the truth is among the first three
    loss: Floats  # [n], -ln of what was given to the truth
    brier: Floats  # [n], squared distance of all G probabilities from the truth
    confidence: Floats  # [n], of the first genre, falling
    truth: Floats  # [n, G], one hot
    guess: Floats  # [n, G], one hot
    order: NDArray[np.intp]  # [n], the row that each was given in


def answers(words: NDArray[np.floating[Any]], truth: NDArray[np.integer[Any]]) -> Answers:
    """Hold *words* [n, G] against *truth* [n]."""
    order = np.argsort(-words.max(axis=1), kind="stable")
    said, true = words[order].astype(np.float64), truth[order]
    hot, row = np.eye(words.shape[1]), np.arange(len(true))
    first = said.argmax(axis=1)
    ahead = np.argsort(-said, axis=1, kind="stable")[:, :3] == true[:, None]
    return Answers(
        right=(first == true).astype(np.float64),
        among_3=ahead.any(axis=1).astype(np.float64),
        loss=-np.log(np.maximum(said[row, true], 1e-12)),
        brier=np.sum((said - hot[true]) ** 2, axis=1),
        confidence=said.max(axis=1),
        truth=hot[true],
        guess=hot[first],
        order=order,
    )


def accuracy(given: Answers, weights: Floats) -> Floats:
    """Return the share of tracks whose first genre is right."""
    return _mean(given.right, weights)


def top_3(given: Answers, weights: Floats) -> Floats:
    """Return the share of tracks whose genre is among the first three."""
    return _mean(given.among_3, weights)


def loss(given: Answers, weights: Floats) -> Floats:
    """Return the mean negative log-likelihood, in nats."""
    return _mean(given.loss, weights)


def brier(given: Answers, weights: Floats) -> Floats:
    """Return the mean Brier score over all genres, 0 to 2 (Brier 1950)."""
    return _mean(given.brier, weights)


def macro_f1(given: Answers, weights: Floats) -> Floats:
    """Return the mean F1 over the genres that occur in each draw."""
    hits = weights @ (given.truth * given.guess)  # [D, G]
    there = weights @ given.truth
    both = there + weights @ given.guess
    f1 = np.divide(2 * hits, both, out=np.zeros_like(hits), where=both > 0)
    occurs = there > 0
    mean: Floats = np.sum(f1 * occurs, axis=1) / occurs.sum(axis=1)
    return mean


def calibration_gap(given: Answers, weights: Floats) -> Floats:
    """Return the expected calibration error in BINS equally full bins (Naeini et al. 2015)."""
    return gap_of(given.confidence - given.right, weights)


def gap_of(surplus: Floats, weights: Floats) -> Floats:
    """Return the error [D] of *surplus* [n] or [D, n], confidence less truth, surest first."""
    summed = np.cumsum(surplus * weights, axis=1)
    upto = np.pad(summed, ((0, 0), (1, 0)))
    edges = bin_edges(weights)
    bins = np.diff(np.take_along_axis(upto, edges, axis=1), axis=1)
    return np.asarray(np.abs(bins).sum(axis=1) / weights.sum(axis=1))


def bin_edges(weights: Floats, bins: int = BINS) -> NDArray[np.int64]:
    """Return [D, bins + 1]: how many tracks lie before each edge of equally full bins.

    A track lies where its middle lies, so that none is cut in two.
    """
    full = np.cumsum(weights, axis=1)
    middle = (full - weights / 2) / full[:, -1:]
    inner = [np.sum(middle < edge / bins, axis=1) for edge in range(1, bins)]
    ends = np.full(len(weights), weights.shape[1])
    edges: NDArray[np.int64] = np.stack([np.zeros_like(ends), *inner, ends], axis=1)
    return edges


def area(given: Answers, weights: Floats) -> Floats:
    """Return the area under the risk-coverage curve (Geifman et al. 2019).

    The mean error among the tracks at least as sure, over all tracks: the lower, the better
    doubt tells the wrong answers from the right ones. Equally sure tracks are one step.
    """
    last = np.searchsorted(-given.confidence, -given.confidence, side="right") - 1
    wrong = np.cumsum((1 - given.right) * weights, axis=1)[:, last]
    taken = np.cumsum(weights, axis=1)[:, last]
    risk = np.divide(wrong, taken, out=np.zeros_like(wrong), where=taken > 0)
    summed: Floats = np.sum(risk * weights, axis=1) / weights.sum(axis=1)
    return summed


def slope(given: Answers, weights: Floats) -> Floats:
    """Return the calibration slope: 1 is calibrated, less is too sure, more too timid.

    The slope b of the logistic regression  right ~ a + b * log-odds of the confidence in the
    first genre, a free (Cox 1958; Miller et al. 1991; weak calibration in Van Calster et
    al. 2019).
    """
    odds = np.clip(given.confidence, 1e-6, 1 - 1e-6)
    stated = np.log(odds / (1 - odds))  # [n]
    point = np.tile([0.0, 1.0], (len(weights), 1))  # [D, 2]
    for _ in range(STEPS):
        step = _newton(point, stated, given.right, weights)
        point = point - np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-6:  # noqa: PLR2004
            break
    return np.asarray(point[:, 1])


def _newton(point: Floats, stated: Floats, right: Floats, weights: Floats) -> Floats:
    """One step [D, 2] towards the least log loss plus RIDGE / 2 * (a² + (b - 1)²)."""
    likely = 1 / (1 + np.exp(-(point[:, :1] + point[:, 1:] * stated)))
    off = (likely - right) * weights
    bend = likely * (1 - likely) * weights
    down = np.stack([off.sum(axis=1), off @ stated], axis=1) + RIDGE * (point - [0.0, 1.0])
    flat, tilt, steep = bend.sum(axis=1) + RIDGE, bend @ stated, bend @ stated**2 + RIDGE
    whole = flat * steep - tilt**2
    by_a = (steep * down[:, 0] - tilt * down[:, 1]) / whole
    by_b = (flat * down[:, 1] - tilt * down[:, 0]) / whole
    return np.stack([by_a, by_b], axis=1)


def _mean(values: Floats, weights: Floats) -> Floats:
    mean: Floats = weights @ values / weights.sum(axis=1)
    return mean


MEASURES: dict[str, Measure] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "top_3": top_3,
    "ece": calibration_gap,
    "nll": loss,
    "brier": brier,
    "aurc": area,
    "slope": slope,
}
