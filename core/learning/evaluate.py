"""Figures about predictions, each with what it rests on; never sees a model.

Axes: tracks, G genres. Intervals draw whole artists, since tracks of one artist stand or
fall together (a bootstrap over tracks would be far too sure of itself).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Accuracy",
    "accuracy",
    "calibration_error",
    "confusion",
    "draw_confusion",
    "macro_f1",
    "paired_gain",
    "top_k",
]

Probabilities = NDArray[np.floating[Any]]  # [tracks, G]
Numbers = NDArray[np.integer[Any]]  # [tracks]

DRAWS = 2000  # of the bootstrap: the ends of a 95 % interval are then good to half a point
BINS = 15  # of the calibration error, equally full


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Share of tracks whose first genre is right, with a 95 % interval over artists."""

    value: float
    low: float
    high: float
    n: int
    artists: int

    def __str__(self) -> str:
        """Write it as "52.3 % (44.9-59.8), n = 451"."""
        return f"{self.value:.1%} ({self.low:.1%}-{self.high:.1%}), n = {self.n}"


def accuracy(
    probabilities: Probabilities,
    truth: Numbers,
    groups: Numbers,
    *,
    seed: int = 0,
) -> Accuracy:
    """Return the accuracy of *probabilities* [tracks, G]; *groups* [tracks] are artists."""
    right = (probabilities.argmax(axis=1) == truth).astype(float)
    low, high = np.quantile(_drawn_means(right, groups, seed), (0.025, 0.975))
    return Accuracy(
        value=float(right.mean()),
        low=float(low),
        high=float(high),
        n=len(right),
        artists=len(np.unique(groups)),
    )


def paired_gain(
    old: NDArray[np.bool_],
    new: NDArray[np.bool_],
    groups: Numbers,
    *,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return the gain in accuracy from *old* to *new* [tracks], and its 5 % and 95 % points.

    The lower one is the one-sided 95 % bound.
    """
    gain = new.astype(float) - old.astype(float)
    low, high = np.quantile(_drawn_means(gain, groups, seed), (0.05, 0.95))
    return float(gain.mean()), float(low), float(high)


def _drawn_means(values: NDArray[np.float64], groups: Numbers, seed: int) -> NDArray[np.float64]:
    """Means of *values* over artists drawn with replacement, [DRAWS]."""
    _, index = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(index, values), np.bincount(index)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (DRAWS, len(sums)))
    means: NDArray[np.float64] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return means


def top_k(probabilities: Probabilities, truth: Numbers, k: int) -> float:
    """Return the share of tracks whose genre is among the first *k*."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return float(np.mean((best == truth[:, None]).any(axis=1)))


def confusion(guess: Numbers, truth: Numbers, genres: int) -> NDArray[np.int64]:
    """Count tracks [G true, G guessed]."""
    table = np.zeros((genres, genres), dtype=np.int64)
    np.add.at(table, (truth, guess), 1)
    return table


def macro_f1(table: NDArray[np.int64]) -> float:
    """Return the mean F1 over the genres that occur, of a confusion table [G, G]."""
    right = np.diag(table)
    both = table.sum(axis=0) + table.sum(axis=1)
    occurs = table.sum(axis=1) > 0
    return float(np.mean(2 * right[occurs] / np.maximum(both[occurs], 1)))


def calibration_error(probabilities: Probabilities, truth: Numbers) -> float:
    """Return the expected calibration error over equally full bins (Naeini et al. 2015)."""
    best = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    order = np.argsort(best, kind="stable")
    bins = np.array_split(order, min(BINS, len(order)))
    gaps = [len(b) * abs(float(best[b].mean() - right[b].mean())) for b in bins]
    return sum(gaps) / len(order)


def draw_confusion(
    table: NDArray[np.int64], genres: Sequence[str], title: str, target: Path
) -> None:
    """Draw *table* [G true, G guessed] as a picture at *target* (needs matplotlib)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(7, 6.4), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(genres)), genres, rotation=45, ha="right")
    axes.set_yticks(range(len(genres)), genres)
    axes.set_xlabel("guessed")
    axes.set_ylabel("true")
    axes.set_title(title, fontsize=10)
    for (row, column), count in np.ndenumerate(table):
        if count:
            ink = "white" if share[row, column] > 0.5 else "black"  # noqa: PLR2004
            axes.text(column, row, str(count), ha="center", va="center", color=ink, fontsize=8)
    target.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure)
    figure.savefig(target)
