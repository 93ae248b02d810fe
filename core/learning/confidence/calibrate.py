"""From out-of-fold predictions to honest confidences, and to the cases for the promise.

Temperature and a shrunk bias per genre (Guo et al. 2017), kept only if they help artists
they were not fitted on. Never given predictions on tracks that the model was trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.decision.promise import Cases
from core.decision.verdict import calibrate

__all__ = [
    "Calibration",
    "artist_folds",
    "artist_weight",
    "blind_cases",
    "cross_fitted",
    "fit_calibration",
    "identity",
    "left_out",
    "log_loss",
    "longest_calibrated",
]

Probabilities = NDArray[np.float64]

STRENGTHS = (0.01, 0.1, 1.0)  # L2 on the bias, per track: from free to nearly none
CROSS_FOLDS = 5
ENOUGH = 22  # tracks of a length before a calibration holds for it: as many as the promise asks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """What turns pooled probabilities into confidences, as `verdict.calibrate` takes it."""

    temperature: float
    bias: NDArray[np.float64]  # [G]


def identity(genres: int) -> Calibration:
    """Return the calibration that changes nothing."""
    return Calibration(temperature=1.0, bias=np.zeros(genres))


def longest_calibrated(lengths: Sequence[int]) -> int:
    """Return the length that enough of the tracks calibrated on reach, by their *lengths*."""
    return sorted(lengths, reverse=True)[:ENOUGH][-1]


def log_loss(
    probabilities: Probabilities, truth: NDArray[np.int64], weight: NDArray[np.float64]
) -> float:
    """Return the weighted mean of -log p(truth), [tracks, G] and [tracks]."""
    right = probabilities[np.arange(len(truth)), truth]
    return float(np.average(-np.log(np.maximum(right, 1e-12)), weights=weight))


def fit_calibration(
    pooled: Probabilities, truth: NDArray[np.int64], groups: NDArray[np.integer[Any]]
) -> Calibration:
    """Fit temperature and bias on out-of-fold *pooled* [tracks, G] of *groups* [tracks].

    The strength of the shrinkage is the one that does best on artists left out; where none
    beats no calibration at all, nothing is changed.
    """
    weight = artist_weight(groups)
    losses = [
        log_loss(_cross_fit(pooled, truth, groups, strength), truth, weight)
        for strength in STRENGTHS
    ]
    if min(losses) >= log_loss(pooled, truth, weight):
        return identity(pooled.shape[1])
    return _fit(pooled, truth, weight, STRENGTHS[int(np.argmin(losses))])


def cross_fitted(
    pooled: Probabilities, truth: NDArray[np.int64], groups: NDArray[np.integer[Any]]
) -> Probabilities:
    """Return *pooled* calibrated [tracks, G], each track by a fit without its artist.

    This is what a figure or a threshold may rest on: the final fit has seen every truth.
    """
    calibrated = pooled.copy()
    for out in left_out(groups):
        if out.all():
            continue
        fitted = fit_calibration(pooled[~out], truth[~out], groups[~out])
        calibrated[out] = calibrate(pooled[out], fitted.temperature, fitted.bias)
    return calibrated


def artist_weight(groups: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Weigh tracks [tracks] by 1/sqrt(tracks of their artist): many by one say little more."""
    _, index, count = np.unique(groups, return_inverse=True, return_counts=True)
    weight: NDArray[np.float64] = 1 / np.sqrt(count[index])
    return weight


def _cross_fit(
    pooled: Probabilities,
    truth: NDArray[np.int64],
    groups: NDArray[np.integer[Any]],
    strength: float,
) -> Probabilities:
    calibrated = pooled.copy()
    for out in left_out(groups):
        if not out.all():
            weight = artist_weight(groups[~out])
            fitted = _fit(pooled[~out], truth[~out], weight, strength)
            calibrated[out] = calibrate(pooled[out], fitted.temperature, fitted.bias)
    return calibrated


def left_out(groups: NDArray[np.integer[Any]]) -> tuple[NDArray[np.bool_], ...]:
    """Return which tracks [tracks] are left out in turn: whole artists, each track once."""
    fold = artist_folds(groups)
    return tuple(fold == number for number in np.unique(fold))


def artist_folds(groups: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Deal the groups round, in order of first sight: artists apart, no chance involved."""
    _, first, index = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return np.asarray(rank[index] % CROSS_FOLDS, dtype=np.int64)


def _fit(
    pooled: Probabilities,
    truth: NDArray[np.int64],
    weight: NDArray[np.float64],
    strength: float,
) -> Calibration:
    """Minimise the log loss plus strength * mean(bias^2) over (log temperature, bias)."""
    from scipy.optimize import minimize

    genres = pooled.shape[1]
    logs = np.log(np.maximum(pooled, 1e-12))
    target = np.eye(genres)[truth]
    share = weight / weight.sum()

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        cool, bias = np.exp(-point[0]), point[1:]
        scaled = (logs + bias) * cool
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        likely = np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)
        slope = (likely - target) * share[:, None]
        value = -float(share @ np.log(np.maximum(likely[np.arange(len(truth)), truth], 1e-12)))
        value += strength * float(bias @ bias) / genres
        by_bias = cool * slope.sum(axis=0) + 2 * strength * bias / genres
        by_log_temperature = -cool * float(np.sum(slope * (logs + bias)))
        return value, np.concatenate([[by_log_temperature], by_bias])

    limits = [(np.log(0.2), np.log(5.0))] + [(-3.0, 3.0)] * genres
    best = minimize(loss, np.zeros(1 + genres), jac=True, method="L-BFGS-B", bounds=limits).x
    return Calibration(temperature=float(np.exp(best[0])), bias=best[1:] - best[1:].mean())


# --- the promise ----------------------------------------------------------------------------


def blind_cases(
    probabilities: Probabilities,
    truth: NDArray[np.int64],
    groups: NDArray[np.integer[Any]],
    sure: NDArray[np.float64] | None = None,
) -> Cases:
    """Return the cases for a promise in out-of-fold, cross-fitted *probabilities* [tracks, G].

    *sure* [tracks] is how sure the first genres are, by default their probabilities.
    """
    return Cases(
        sure=probabilities.max(axis=1) if sure is None else sure,
        right=probabilities.argmax(axis=1) == truth,
        artist=groups.astype(np.int64),
    )
