"""Why a track was judged so: who said what, which numbers moved it, what it resembles.

Pure arithmetic on what was heard. It explains and never judges: whatever it is asked, the
verdict is the same. Axes: M members, n segments, G genres, F features, K knots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.decision.verdict import GenreConfidence, pool

__all__ = ["BlockShare", "Linear", "TagShare", "by_block", "nearest", "opinions", "telling_tags"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear:
    """The linear member in plain numbers: squashed features times weights, plus a bias.

    A feature is squashed by a curve of K pieces, so that 0 is what is typical.
    """

    start: Floats  # [F, K], the raw value at which each piece begins
    width: Floats  # [F, K]
    slope: Floats  # [F, K]
    foot: Floats  # [F], the squashed value left of the first piece
    weights: Floats  # [F, G]
    bias: Floats  # [G]
    blocks: tuple[str, ...]  # [F], "A" … "H"

    def squashed(self, raw: Floats) -> NDArray[np.float64]:
        """Return *raw* features [n, F] squashed [n, F], as the member's own graph does it."""
        past = np.clip(np.asarray(raw, np.float64)[:, :, None] - self.start, 0.0, self.width)
        squashed: NDArray[np.float64] = self.foot + np.sum(past * self.slope, axis=-1)
        return squashed


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockShare:
    """What a block of features adds to the log odds of one genre against another."""

    block: str  # "" is what the member says of a track that is typical in everything
    log_odds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TagShare:
    """A tag that the backbone heard."""

    tag: str
    probability: float
    deviations: float | None  # standard deviations above what is usual, where that is known


def opinions(scores: Floats, genres: Sequence[str]) -> tuple[GenreConfidence, ...]:
    """Return each member's own first genre by its raw *scores* [M, n, G], n > 0.

    Pooled over the segments as the ensemble is; the confidence is not calibrated.
    """
    one = np.ones(1)
    each = [pool(member[None], one) for member in scores]
    return tuple(
        GenreConfidence(genre=genres[int(np.argmax(row))], confidence=float(row.max()))
        for row in each
    )


def by_block(features: Floats, linear: Linear, first: int, second: int) -> tuple[BlockShare, ...]:
    """Return what each block of *features* [n, F] adds for genre *first* against *second*.

    Exact, since the member is linear: all shares together are its log odds, averaged over
    the segments. The largest come first.
    """
    towards = linear.weights[:, first] - linear.weights[:, second]  # [F]
    each = linear.squashed(features).mean(axis=0) * towards
    blocks = np.array(linear.blocks)
    shares = [
        BlockShare(block=str(block), log_odds=float(each[blocks == block].sum()))
        for block in np.unique(blocks)
    ]
    usual = BlockShare(block="", log_odds=float(linear.bias[first] - linear.bias[second]))
    return tuple(sorted([*shares, usual], key=lambda share: -abs(share.log_odds)))


def telling_tags(
    tags: Floats, names: Sequence[str], usual: tuple[Floats, Floats] | None, count: int
) -> tuple[TagShare, ...]:
    """Return the *count* tags that say most, of a track's mean probabilities *tags* [50].

    *usual* are mean and standard deviation [50] of their log odds over other music; where it
    is unknown the most probable come first.
    """
    above = _deviations(tags, *usual) if usual else None
    order = np.argsort(-(tags if above is None else above), kind="stable")[:count]
    return tuple(
        TagShare(
            tag=names[index],
            probability=float(tags[index]),
            deviations=None if above is None else float(above[index]),
        )
        for index in order
    )


def nearest(own: Floats, others: Floats, count: int) -> list[tuple[int, float]]:
    """Return (row, cosine) of the *count* rows of *others* [m, d] most like *own* [d]."""
    lengths = np.linalg.norm(others, axis=1) * np.linalg.norm(own)
    likeness = np.asarray(others, np.float64) @ own / np.maximum(lengths, 1e-12)
    order = np.argsort(-likeness, kind="stable")[:count]
    return [(int(row), float(likeness[row])) for row in order]


def _deviations(tags: Floats, mean: Floats, spread: Floats) -> NDArray[np.float64]:
    held = np.clip(np.asarray(tags, np.float64), 1e-6, 1 - 1e-6)
    above: NDArray[np.float64] = (np.log(held / (1 - held)) - mean) / np.maximum(spread, 1e-6)
    return above
