"""The rows that a fit is fed: squashed segments, what is to be said of them, what each counts.

A track's weight is shared by its segments and its augmented copies; a replayed track's label
is softened by what the model before says of it. Knows no network and no fold.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from core.learning.ensemble.recipe import Recipe
from core.learning.tracks.dataset import Track

__all__ = ["Epochs", "Rows", "class_weight", "one_hot", "softened", "split_weight", "targets"]

# Of a track's weight what its copies have, all together. As heavy as originals, they cost accuracy
# on music as it was (inner folds, plain member: log loss 1.332; with half 1.302, without copies
# 1.286), and with half answers change as seldom when the music is disturbed.
COPIES_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """The squashed segments of some tracks, ready for batches."""

    features: NDArray[np.float32]  # [R, F]
    track: NDArray[np.int64]  # [R], row -> track
    genre: NDArray[np.int64]  # [tracks]
    target: NDArray[np.float32]  # [tracks, G], what is to be said of each
    weight: NDArray[np.float64]  # [tracks], mean 1
    part: NDArray[np.float64]  # [R], of its track's weight; those of a track sum to 1
    genres: int

    @property
    def row_weight(self) -> NDArray[np.float64]:
        """[R]: a track's weight shared by its rows."""
        shared: NDArray[np.float64] = self.weight[self.track] * self.part
        return shared


class Epochs(keras.utils.PyDataset):  # type: ignore[misc]
    """An epoch: *draws* random segments of every track, mixed in pairs, labels softened."""

    def __init__(self, rows: Rows, recipe: Recipe, seed: int) -> None:
        super().__init__()
        self.rows, self.recipe = rows, recipe
        self._random = np.random.default_rng(seed)
        self._ends = np.cumsum(rows.part)  # a track's rows lie between its number and the next
        self._first = np.searchsorted(rows.track, np.arange(len(rows.genre)))
        self._last = np.searchsorted(rows.track, np.arange(len(rows.genre)), side="right") - 1
        self._labels = softened(rows, recipe.smoothing)
        self._weight = (class_weight(rows)[rows.genre] * rows.weight)[rows.track]  # [R]
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self.recipe.batch_size)

    def on_epoch_end(self) -> None:
        """Draw the rows of the next epoch."""
        tracks = np.tile(np.arange(len(self._first)), self.recipe.draws)
        places = tracks + self._random.random(len(tracks))
        picks = np.searchsorted(self._ends, places, side="right")
        picks = np.clip(picks, self._first[tracks], self._last[tracks])  # sums are not exact
        self._order = self._random.permutation(picks)[: self.recipe.epoch_rows]

    def __getitem__(self, number: int) -> tuple[NDArray[np.float32], ...]:
        size = self.recipe.batch_size
        mine = self._order[number * size : (number + 1) * size]
        other = self._random.permutation(mine)
        share = self._random.beta(self.recipe.mixup, self.recipe.mixup, (len(mine), 1))
        return (
            _mixed(self.rows.features, mine, other, share),
            _mixed(self._labels, mine, other, share),
            _mixed(self._weight[:, None], mine, other, share)[:, 0],
        )


def _mixed(
    values: NDArray[np.floating[Any]],
    mine: NDArray[np.int64],
    other: NDArray[np.int64],
    share: NDArray[np.float64],
) -> NDArray[np.float32]:
    return np.asarray(share * values[mine] + (1 - share) * values[other], dtype=np.float32)


def split_weight(own: int, rows: int) -> NDArray[np.float64]:
    """Return what part of a track's weight each of its *rows* has: its *own*, then its copies'."""
    copied = COPIES_SHARE if rows > own else 0.0
    each = [np.full(own, (1 - copied) / own), np.full(rows - own, copied / max(1, rows - own))]
    return np.concatenate(each)


def one_hot(rows: Rows) -> NDArray[np.float32]:
    """Return the labels alone, [R, G]: what a fit is judged by."""
    hot: NDArray[np.float32] = np.eye(rows.genres, dtype=np.float32)[rows.genre[rows.track]]
    return hot


def targets(
    tracks: Sequence[Track], genre: NDArray[np.int64], genres: int, taught: float
) -> NDArray[np.float32]:
    """Return what is to be said, [tracks, G]: the label of *genre* [tracks].

    Of that the share *taught* is what the model before says, where it says anything.
    """
    target = np.eye(genres, dtype=np.float32)[genre]
    for row, track in enumerate(tracks):
        if track.taught is not None:
            target[row] = (1 - taught) * target[row] + taught * track.taught
    return target


def softened(rows: Rows, smoothing: float) -> NDArray[np.float32]:
    """Return what is to be said of each row, [R, G], *smoothing* of it spread over all genres."""
    target = rows.target[rows.track]
    return np.asarray(target * (1 - smoothing) + smoothing / rows.genres, np.float32)


def class_weight(rows: Rows) -> NDArray[np.float64]:
    """Return what genres count, [G]: the rarer the more, so that each weighs the same in all."""
    mass = np.bincount(rows.genre, rows.weight, minlength=rows.genres)
    balanced: NDArray[np.float64] = mass.sum() / (rows.genres * np.maximum(mass, 1e-9))
    return balanced
