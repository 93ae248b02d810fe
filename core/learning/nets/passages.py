"""Passages of tracks for nets over segments: drawn anew each epoch, mixed, padded.

A passage is a run of a track's segments, or of a copy's, from one to all of them, so that
nets hear the short and the long. Knows no net and no fold. Axes: B passages, L segments
of the longest, F features, E the embedding, G genres.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

__all__ = ["Drawing", "Passages", "Takes", "padded", "takes_of", "whole"]

WHOLE = 0.5  # share of the passages that are whole takes
Batch = tuple[NDArray[np.float32], ...]  # features, where they are, the embedding if any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Takes:
    """Tracks and their copies, squashed, one after the other."""

    rows: NDArray[np.float32]  # [R, F]
    counts: NDArray[np.int64]  # [takes], segments of each; their sum is R
    track: NDArray[np.int64]  # [takes], ascending
    labels: NDArray[np.float32]  # [tracks, G]
    weight: NDArray[np.float64]  # [tracks]
    known: NDArray[np.float32] | None = None  # [tracks, E], standardised


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How passages are drawn."""

    seed: int
    batch_size: int
    draws: int  # passages of each track in an epoch
    mixup: float  # Beta(a, a) of the mixing share


def takes_of(
    pieces: Sequence[Sequence[NDArray[np.float32]]],
    labels: NDArray[np.float32],
    weight: NDArray[np.float64],
    known: NDArray[np.float32] | None,
) -> Takes:
    """Return the takes of tracks, each with its *pieces* [n, F], at least one."""
    flat = [piece for some in pieces for piece in some]
    return Takes(
        rows=np.concatenate(flat),
        counts=np.array([len(piece) for piece in flat]),
        track=np.repeat(np.arange(len(pieces)), [len(some) for some in pieces]),
        labels=labels,
        weight=weight,
        known=known,
    )


def padded(
    rows: NDArray[np.float32], counts: NDArray[np.int64], length: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return tracks [tracks, L, F] padded to *length*, and where they are [tracks, L, 1]."""
    first = np.cumsum(counts) - counts
    return _passages(rows, first, counts, counts, length)


def _passages(
    rows: NDArray[np.float32],
    first: NDArray[np.int64],
    counts: NDArray[np.int64],
    shown: NDArray[np.int64],
    length: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Runs [B, L, F] of *counts* [B] rows from *first* [B], repeated until *shown* [B] are full."""
    place = np.arange(length)
    there = (place < shown[:, None]).astype(np.float32)[:, :, None]
    picked = first[:, None] + place % counts[:, None]
    return rows[picked] * there, there


def whole(takes: Takes) -> tuple[Batch, NDArray[np.float32], NDArray[np.float64]]:
    """Return all takes as one batch, their labels [takes, G] and weights [takes]."""
    features, there = padded(takes.rows, takes.counts, int(takes.counts.max()))
    known = () if takes.known is None else (takes.known[takes.track],)
    return (features, there, *known), takes.labels[takes.track], takes.weight[takes.track]


class Passages(keras.utils.PyDataset):  # type: ignore[misc]
    """An epoch: some random passages of every track, mixed in pairs."""

    def __init__(self, takes: Takes, drawing: Drawing) -> None:
        super().__init__()
        self.takes, self.drawing = takes, drawing
        self._random = np.random.default_rng(drawing.seed)
        self._begin = np.cumsum(takes.counts) - takes.counts  # [takes], rows
        self._first = np.searchsorted(takes.track, np.arange(len(takes.labels)))  # [tracks], takes
        self._several = np.bincount(takes.track)  # [tracks], takes
        self._length = int(takes.counts.max())
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._take) / self.drawing.batch_size)

    def on_epoch_end(self) -> None:
        """Draw the passages of the next epoch: half of them whole, half of them parts."""
        draw = self._random
        track = draw.permutation(np.repeat(np.arange(len(self._first)), self.drawing.draws))
        self._take = self._first[track] + (draw.random(len(track)) * self._several[track]).astype(
            int
        )
        full = self.takes.counts[self._take]
        part = 1 + (draw.random(len(track)) * full).astype(int)
        self._counts = np.where(draw.random(len(track)) < WHOLE, full, part)
        late = (draw.random(len(track)) * (full - self._counts + 1)).astype(int)
        self._start = self._begin[self._take] + late

    def __getitem__(self, number: int) -> tuple[Batch, NDArray[np.float32], NDArray[np.float32]]:
        size, takes = self.drawing.batch_size, self.takes
        mine = np.arange(number * size, min((number + 1) * size, len(self._take)))
        other = self._random.permutation(mine)
        drawn = self._random.beta(self.drawing.mixup, self.drawing.mixup, (len(mine), 1))
        share: NDArray[np.float32] = drawn.astype(np.float32)
        track, mixed = takes.track[self._take[mine]], takes.track[self._take[other]]
        features, there = self._drawn(mine, mine)
        features = _mixed(features, self._drawn(other, mine)[0], share[:, :, None])
        labels = _mixed(takes.labels[track], takes.labels[mixed], share)
        weight = _mixed(takes.weight[track], takes.weight[mixed], share[:, 0])
        if takes.known is None:
            return (features, there), labels, weight
        return (
            (features, there, _mixed(takes.known[track], takes.known[mixed], share)),
            labels,
            weight,
        )

    def _drawn(
        self, whose: NDArray[np.int64], shown: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Passages *whose*, as long as those *shown*: a shorter one is repeated."""
        return _passages(
            self.takes.rows,
            self._start[whose],
            self._counts[whose],
            self._counts[shown],
            self._length,
        )


def _mixed(
    mine: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.asarray(share * mine + (1 - share) * other, dtype=np.float32)
