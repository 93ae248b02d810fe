"""How much each member counts, from what all said of artists that they had not met.

Late fusion averages log-probabilities, so the log loss is convex in the weights. They are
none negative, drawn towards what is used without evidence, and each track is judged with
weights in which its artist had no say. Never given words on tracks that were trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from core.decision.verdict import pool
from core.learning.confidence.calibrate import artist_weight, left_out, log_loss

__all__ = [
    "LEAST",
    "Said",
    "counting",
    "cross_weighted",
    "fit_shares",
    "fused",
    "granted",
    "shared",
]

# What each kind counts without evidence. The head on the embedding counts twice as much as
# those that hear the 135 features: on unknown artists it is right far more often, and they
# still say something else.
GRANTED = {"transformer": 1.0, "linear": 1.0, "embedding": 4.0}
LEAST = 0.03  # a smaller share is none
# Never left out where the tracks have embeddings: by one night's chance the model would need no
# backbone any more, and no later night could find its way back.
STAYS = "embedding"
STRENGTHS = (3.0, 30.0, 300.0)  # artists that the granted shares count as


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Said:
    """What the members said of tracks whose artist they had not met."""

    scores: NDArray[np.float32]  # [members, R, G], logits, segments one after the other
    counts: NDArray[np.int64]  # [tracks], segments of each
    kinds: tuple[str, ...]  # [members]
    truth: NDArray[np.int64]  # [tracks]
    groups: NDArray[np.integer[Any]]  # [tracks], artists
    # of each fold the fingerprints that those who spoke of it were trained on
    lessons: Mapping[int, frozenset[str]] = field(default_factory=dict)


def granted(kinds: Sequence[str]) -> dict[str, float]:
    """Return the share of each of *kinds* without evidence; their sum is 1.

    A kind that has to earn its place gets 0, unless there is no other.
    """
    given = {kind: GRANTED.get(kind, 0.0) for kind in kinds}
    if not sum(given.values()):
        given = dict.fromkeys(given, 1.0)
    return {kind: value / sum(given.values()) for kind, value in given.items()}


def shared(kinds: Sequence[str], shares: Mapping[str, float]) -> tuple[float, ...]:
    """Return the weights [members] of members of *kinds*: those of a kind split its share."""
    each = [shares[kind] / kinds.count(kind) for kind in kinds]
    return tuple(weight / sum(each) for weight in each)


def fit_shares(said: Said) -> dict[str, float]:
    """Return the share of each kind, sum 1, that makes the truth likeliest.

    How strongly they are drawn to the granted ones is what does best on artists left out.
    """
    if len(set(said.kinds)) == 1:  # nothing to share
        return dict.fromkeys(said.kinds, 1.0)
    losses = [_loss(said, _cross_fused(said, strength)) for strength in STRENGTHS]
    return _fit(said, STRENGTHS[int(np.argmin(losses))])


def cross_weighted(said: Said) -> NDArray[np.float64]:
    """Return pooled probabilities [tracks, G], each track's with shares fitted without its artist.

    This is what calibration, figures and the promise may rest on.
    """
    pooled = np.empty((len(said.truth), said.scores.shape[2]))
    for out in left_out(said.groups):
        pooled[out] = fused(_only(said, out), fit_shares(_only(said, ~out)))
    return pooled


def fused(said: Said, shares: Mapping[str, float]) -> NDArray[np.float64]:
    """Return pooled probabilities [tracks, G], kinds counting *shares*."""
    parts, weights = counting(said, shares)
    return np.stack([pool(part, weights) for part in parts])


def counting(
    said: Said, shares: Mapping[str, float]
) -> tuple[list[NDArray[np.float32]], NDArray[np.float64]]:
    """Return each track's scores [m, n, G] by the members that count, and what they count [m]."""
    weights = np.array(shared(said.kinds, shares))
    parts = np.split(said.scores[weights > 0], np.cumsum(said.counts)[:-1], axis=1)
    return parts, weights[weights > 0]


def _cross_fused(said: Said, strength: float) -> NDArray[np.float64]:
    pooled = np.empty((len(said.truth), said.scores.shape[2]))
    for out in left_out(said.groups):
        pooled[out] = fused(_only(said, out), _fit(_only(said, ~out), strength))
    return pooled


def _fit(said: Said, strength: float) -> dict[str, float]:
    """Minimise the log loss of the fused segments plus the pull towards the granted shares.

    The sum is free while fitting, since calibration sets the temperature afterwards.
    """
    names = tuple(dict.fromkeys(said.kinds))
    start = np.array(list(granted(names).values()))
    if not len(said.truth):
        return granted(names)
    logs, truth, share = _by_kind(said, names), np.repeat(said.truth, said.counts), _rows(said)
    right = np.take_along_axis(logs, truth[None, :, None], axis=2)[:, :, 0]  # (kinds, R)
    pull = strength / len(np.unique(said.groups))

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        together = log_softmax(np.tensordot(point, logs, axes=1), axis=1)  # (R, G)
        value = -share @ np.take_along_axis(together, truth[:, None], axis=1)[:, 0]
        slope = (np.einsum("krg,rg->kr", logs, np.exp(together)) - right) @ share
        away = point - start
        return float(value + pull * away @ away), slope + 2 * pull * away

    limits = [(0.0, None)] * len(names)
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits).x
    return _normed(names, best) if best.sum() > 0 else granted(names)


def _normed(names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    """Shares with the sum 1, those too small to matter left out."""
    share = values / values.sum()
    stays = np.array([name == STAYS for name in names])
    share = np.where(share < LEAST, LEAST * stays, share)
    return dict(zip(names, (share / share.sum()).tolist(), strict=True))


def _by_kind(said: Said, names: Sequence[str]) -> NDArray[np.float64]:
    """Log-probabilities [kinds, R, G]: the members of a kind count alike."""
    logs = log_softmax(said.scores.astype(np.float64), axis=2)
    kinds = np.array(said.kinds)
    return np.stack([logs[kinds == name].mean(axis=0) for name in names])


def _rows(said: Said) -> NDArray[np.float64]:
    """[R], sum 1: a track's weight shared by its segments."""
    weight = artist_weight(said.groups) / said.counts
    spread = np.repeat(weight, said.counts)
    return np.asarray(spread / spread.sum(), dtype=np.float64)


def _loss(said: Said, pooled: NDArray[np.float64]) -> float:
    return log_loss(pooled, said.truth, artist_weight(said.groups))


def _only(said: Said, tracks: NDArray[np.bool_]) -> Said:
    """The same of some *tracks* [tracks] alone."""
    return Said(
        scores=said.scores[:, np.repeat(tracks, said.counts)],
        counts=said.counts[tracks],
        kinds=said.kinds,
        truth=said.truth[tracks],
        groups=said.groups[tracks],
    )
