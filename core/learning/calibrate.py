"""From out-of-fold predictions to honest confidences, and to the threshold of the promise.

Temperature and a shrunk bias per genre (Guo et al. 2017), kept only if they help artists
they were not fitted on. The threshold follows Geifman & El-Yaniv 2017, tested in a fixed
order and counted by artist. Never given predictions on tracks that the model was trained on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.decision.verdict import calibrate

__all__ = [
    "Calibration",
    "Promise",
    "cross_fitted",
    "fit_calibration",
    "identity",
    "log_loss",
    "promise_threshold",
    "upper_error",
]

Probabilities = NDArray[np.float64]

# Shares of the tracks answered, from the surest few to most. At most ten are tested, and
# they are fixed before any answer is compared with the truth.
COVERAGES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
STRENGTHS = (0.01, 0.1, 1.0)  # L2 on the bias, per track: from free to nearly none
CROSS_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """What turns pooled probabilities into confidences, as `verdict.calibrate` takes it."""

    temperature: float
    bias: NDArray[np.float64]  # [G]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The confidence from which the promise holds, and the evidence for it."""

    precision: float  # what was promised
    threshold: float | None  # None: not enough evidence
    coverage: float  # share of the tracks answered at the threshold
    artists: int  # with a track answered at the threshold, or at the strictest one tested
    errors: float  # among them; an artist half of whose tracks are wrong counts a half
    upper: float  # bound on the error rate, at the confidence asked for


def identity(genres: int) -> Calibration:
    """Return the calibration that changes nothing."""
    return Calibration(temperature=1.0, bias=np.zeros(genres))


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
    calibrated = np.empty_like(pooled)
    fold = _folds(groups)
    for number in range(CROSS_FOLDS):
        out = fold == number
        if out.all() or not out.any():
            calibrated[out] = pooled[out]
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
    calibrated, fold = pooled.copy(), _folds(groups)
    for number in range(CROSS_FOLDS):
        out = fold == number
        if out.any() and not out.all():
            weight = artist_weight(groups[~out])
            fitted = _fit(pooled[~out], truth[~out], weight, strength)
            calibrated[out] = calibrate(pooled[out], fitted.temperature, fitted.bias)
    return calibrated


def _folds(groups: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
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


def upper_error(errors: float, n: int, *, confidence: float) -> float:
    """Clopper-Pearson upper bound on an error rate after *errors* in *n*; 1 for n = 0."""
    from scipy.stats import beta

    if n == 0 or errors >= n:
        return 1.0
    return float(beta.ppf(confidence, errors + 1, n - errors))


def promise_threshold(
    probabilities: Probabilities,
    truth: NDArray[np.int64],
    groups: NDArray[np.integer[Any]],
    *,
    precision: float = 0.9,
    confidence: float = 0.9,
) -> Promise:
    """Return the lowest threshold at which *precision* holds with *confidence*.

    *probabilities* [tracks, G] are out of fold and cross-fitted. The candidates depend on
    the confidences alone and are tested from strict to loose until one fails, so testing
    several costs nothing (fixed sequence). Each artist counts once.
    """
    best, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    needed = int(np.ceil(np.log(1 - confidence) / np.log(precision)))  # 22 for .9 at .9
    kept: Promise | None = None
    for coverage in COVERAGES:
        threshold = float(np.quantile(best, 1 - coverage))
        tested = _tested(best >= threshold, right, groups, threshold, precision, confidence)
        if tested.artists < needed:
            continue  # could not pass whatever the answers are, so nothing was tested
        if tested.upper > 1 - precision:
            return kept or _nothing(tested)
        kept = tested
    return kept or _nothing(tested)


def _tested(
    answered: NDArray[np.bool_],
    right: NDArray[np.bool_],
    groups: NDArray[np.integer[Any]],
    threshold: float,
    precision: float,
    confidence: float,
) -> Promise:
    _, index = np.unique(groups[answered], return_inverse=True)
    share = np.bincount(index, ~right[answered]) / np.maximum(np.bincount(index), 1)
    errors = float(share.sum())
    return Promise(
        precision=precision,
        threshold=threshold,
        coverage=float(answered.mean()),
        artists=len(share),
        errors=errors,
        upper=upper_error(errors, len(share), confidence=confidence),
    )


def _nothing(tested: Promise) -> Promise:
    return Promise(
        precision=tested.precision,
        threshold=None,
        coverage=0.0,
        artists=tested.artists,
        errors=tested.errors,
        upper=tested.upper,
    )
