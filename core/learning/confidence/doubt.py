"""Learn to say whether the first genre will be right, from answers given blind.

Logistic regression on the signs of `core/decision/surety.py`, from the confidence on. It
learns also from strangers: each track once more, judged without its own genre, so that any
answer is wrong. Kept only if it ranks better answers about artists it never saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from core.decision.surety import SIGNS, Places, Surety, likely, log_odds, signs, spread
from core.decision.verdict import calibrate, pool
from core.learning.confidence.calibrate import Calibration, artist_folds, artist_weight

__all__ = ["Blind", "Learned", "learn_surety", "risk"]

Floats = NDArray[np.float64]
Kept = slice | NDArray[np.bool_]
EVERY = slice(None)

# Signs that are tried together; the others then have no weight.
CANDIDATES = (("distance",), ("members", "distance"), ("members",), SIGNS)
STRENGTHS = (0.003, 0.03, 0.3)  # L2 on the weights
FEWEST = 3  # genres; of two, what is left to a stranger is no choice
STRANGERS = 0.3  # what all strangers weigh, as a share of what all tracks do


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blind:
    """What was said of tracks whose artists nobody in it had met, and what is true."""

    scores: Sequence[NDArray[np.floating[Any]]]  # of each track, [members, n, G]
    weights: NDArray[np.float64]  # [members]
    words: Floats  # [tracks, G], confidences, calibrated without the artist
    calibration: Calibration
    truth: NDArray[np.int64]  # [tracks]
    groups: NDArray[np.integer[Any]]  # [tracks], artists
    folds: NDArray[np.integer[Any]]  # [tracks], which were judged by the same members
    embedding: NDArray[np.floating[Any]] | None  # [tracks, E]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """A surety, and what it says of each track [tracks] when fitted without the artist."""

    surety: Surety
    sure: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Answers to learn from: the tracks, then the strangers."""

    signs: Floats  # [rows, signs]
    centre: Floats  # [signs]
    width: Floats  # [signs]
    odds: Floats  # [rows], log-odds of the confidence
    right: Floats  # [rows], 1 or 0
    weight: Floats  # [rows]
    fold: NDArray[np.int64]  # [rows], artists apart


def learn_surety(blind: Blind) -> Learned | None:
    """Return what ranks the answers better than confidence alone, None where nothing does.

    Among the candidates that rank no worse on artists left out, the one that makes right and
    wrong likeliest there, strangers among them.
    """
    if blind.words.shape[1] < FEWEST:
        return None
    rows, tracks = _rows(blind), len(blind.truth)
    alone = likely(rows.odds)
    best, least = None, _loss(alone, rows)
    for names, strength in product(CANDIDATES, STRENGTHS):
        used = np.array([name in names for name in SIGNS])
        sure = _cross_fitted(rows, used, strength)
        ranks = risk(sure[:tracks], rows.right[:tracks])
        if ranks < risk(alone[:tracks], rows.right[:tracks]) and _loss(sure, rows) < least:
            best, least = (used, strength, sure), _loss(sure, rows)
    if best is None:
        return None
    used, strength, sure = best
    weights, bias = _fit(rows, used, strength, np.ones(len(rows.odds), bool))
    places, size = None, blind.words.shape[1]
    if blind.embedding is not None:
        places = Places.of(blind.embedding, blind.truth, size)
    surety = Surety(centre=rows.centre, width=rows.width, weights=weights, bias=bias, places=places)
    return Learned(surety=surety, sure=sure[:tracks])


def _rows(blind: Blind) -> Rows:
    places, tracks = _places(blind), range(len(blind.truth))
    known = [_answer(blind, i, blind.words[i], places[i]) for i in tracks]
    strange = [_stranger(blind, i, places[i]) for i in tracks]
    found, confidence = zip(*known, *strange, strict=True)
    right = (blind.words.argmax(axis=1) == blind.truth).astype(float)
    weight = artist_weight(blind.groups)
    table = np.array(found)
    return Rows(
        signs=table,
        centre=table.mean(axis=0),
        width=spread(table),
        odds=log_odds(np.array(confidence)),
        right=np.concatenate([right, np.zeros(len(right))]),
        weight=np.concatenate([weight, STRANGERS * weight]) / weight.sum(),
        fold=np.tile(artist_folds(blind.groups), 2),
    )


def _answer(
    blind: Blind, i: int, words: Floats, places: Places | None, kept: Kept = EVERY
) -> tuple[Floats, float]:
    """The signs of track *i*, judged by the genres *kept*, and its confidence."""
    embedding = None if blind.embedding is None else blind.embedding[i]
    found = signs(blind.scores[i][:, :, kept], blind.weights, words, embedding, places)
    return found, float(words.max())


def _stranger(blind: Blind, i: int, places: Places | None) -> tuple[Floats, float]:
    """The same of track *i* as if nobody had learned its genre."""
    kept = np.arange(blind.words.shape[1]) != blind.truth[i]
    pooled = pool(blind.scores[i][:, :, kept], blind.weights)
    words = calibrate(pooled, blind.calibration.temperature, blind.calibration.bias[kept])
    return _answer(blind, i, words, places and places.only(kept), kept)


def _places(blind: Blind) -> list[Places | None]:
    """Of each track [tracks], where genres lie by the tracks that its members learned from."""
    if blind.embedding is None:
        return [None] * len(blind.truth)
    made = {}
    for number in np.unique(blind.folds).tolist():
        others, size = blind.folds != number, blind.words.shape[1]
        made[number] = Places.of(blind.embedding[others], blind.truth[others], size)
    return [made[number] for number in blind.folds.tolist()]


def _cross_fitted(rows: Rows, used: NDArray[np.bool_], strength: float) -> Floats:
    """What is said of each row [rows] when fitted without its artist."""
    odds = rows.odds.copy()
    for number in np.unique(rows.fold):
        out = rows.fold == number
        weights, bias = _fit(rows, used, strength, ~out)
        odds[out] += _scaled(rows)[out] @ weights + bias
    return likely(odds)


def _fit(
    rows: Rows, used: NDArray[np.bool_], strength: float, mine: NDArray[np.bool_]
) -> tuple[Floats, float]:
    """Weights [signs] and bias on top of the confidence, from the rows that are *mine*."""
    found = np.hstack([_scaled(rows)[mine][:, used], np.ones((int(mine.sum()), 1))])
    odds, right = rows.odds[mine], rows.right[mine]
    weight = rows.weight[mine] / rows.weight[mine].sum()

    def loss(point: Floats) -> tuple[float, Floats]:
        said, drawn = odds + found @ point, np.append(point[:-1], 0.0)  # the bias is free
        value = weight @ (np.logaddexp(0, said) - right * said) + strength / 2 * drawn @ drawn
        return float(value), found.T @ (weight * (likely(said) - right)) + strength * drawn

    best = minimize(loss, np.zeros(found.shape[1]), jac=True, method="L-BFGS-B").x
    weights = np.zeros(len(used))
    weights[used] = best[:-1]
    return weights, float(best[-1])


def _scaled(rows: Rows) -> Floats:
    return (rows.signs - rows.centre) / rows.width


def _loss(sure: Floats, rows: Rows) -> float:
    said = np.clip(np.where(rows.right > 0, sure, 1 - sure), 1e-12, None)
    return float(np.average(-np.log(said), weights=rows.weight))


def risk(sure: Floats, right: NDArray[Any]) -> float:
    """Return the area under the risk-coverage curve, the mean error rate of the surest 1 to n."""
    wrong = 1 - right[np.argsort(-sure, kind="stable")]
    return float(np.mean(np.cumsum(wrong) / np.arange(1, len(wrong) + 1)))
