"""Figures about predictions, each with what it rests on; never sees a model.

Axes: tracks (n), G genres. Intervals draw whole artists, since tracks of one artist stand
or fall together (a bootstrap over tracks would be far too sure of itself).
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.learning.figures import measures

__all__ = [
    "Accuracy",
    "Figure",
    "Summary",
    "accuracy",
    "artist_counts",
    "as_json",
    "calibration_change",
    "calibration_error",
    "confusion",
    "difference",
    "draw_confusion",
    "losses",
    "macro_f1",
    "paired",
    "paired_gain",
    "rights",
    "summary",
    "top_k",
]

Probabilities = NDArray[np.floating[Any]]  # [tracks, G]
Numbers = NDArray[np.integer[Any]]  # [tracks]

DRAWS = 2000  # of the bootstrap: the ends of a 95 % interval are then good to half a point
AT_ONCE = 1_000_000  # weights held in memory, so that a large library is no trouble
BINS = 15  # of the calibration error, equally full
ENDS = (0.025, 0.975)  # of a 95 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All that can be said of some predictions; intervals by artist, of the floor by chance."""

    n: int
    artists: int
    accuracy: Figure
    macro_f1: Figure
    top_3: Figure
    ece: Figure  # in 5 equally full bins
    ece_floor: Figure  # what a perfectly calibrated model of these confidences would have
    nll: Figure
    brier: Figure
    aurc: Figure
    slope: Figure

    @property
    def ece_excess(self) -> float:
        """The calibration error less what chance alone makes of perfect calibration."""
        return self.ece.value - self.ece_floor.value


def summary(words: Probabilities, truth: Numbers, groups: Numbers, *, seed: int = 0) -> Summary:
    """Return every figure about *words* [n, G] against *truth* [n]; *groups* [n] are artists.

    Intervals are percentiles of 2,000 draws of artists. Those of the calibration error lie
    a little high, since each draw adds a gap of its own. What each figure is and where it
    comes from stands in `measures`.
    """
    given = measures.answers(words, truth)
    each = np.ones((1, len(truth)))
    drawn = [
        {name: measure(given, weights) for name, measure in measures.MEASURES.items()}
        for weights in _weights(groups[given.order], seed)
    ]
    figures = {
        name: _figure(float(measure(given, each)[0]), np.concatenate([d[name] for d in drawn]))
        for name, measure in measures.MEASURES.items()
    }
    artists, floor = len(np.unique(groups)), _floor(given, seed)
    return Summary(n=len(truth), artists=artists, ece_floor=floor, **figures)


def _weights(groups: Numbers, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield [draws, n] until there are DRAWS: how often each track is in each draw."""
    _, index = np.unique(groups, return_inverse=True)
    drawn = _drawn(int(index.max()) + 1, seed)
    for part in np.array_split(drawn, -(-DRAWS * len(groups) // AT_ONCE)):
        yield part[:, index]


def _drawn(artists: int, seed: int) -> NDArray[np.float64]:
    """How often each artist is in each draw with replacement, [DRAWS, artists]."""
    picks = np.random.default_rng(seed).integers(0, artists, (DRAWS, artists))
    counts = np.zeros((DRAWS, artists))
    np.add.at(counts, (np.arange(DRAWS)[:, None], picks), 1.0)
    return counts


def _floor(given: measures.Answers, seed: int) -> Figure:
    """The calibration error if each answer were right just as often as was said."""
    random = np.random.default_rng(seed)
    size = max(1, AT_ONCE // len(given.right))
    gaps: list[NDArray[np.float64]] = []
    for start in range(0, DRAWS, size):
        luck = random.random((min(size, DRAWS - start), len(given.right)))
        surplus = given.confidence - (luck < given.confidence)
        gaps.append(measures.gap_of(surplus, np.ones_like(surplus)))
    drawn = np.concatenate(gaps)
    return _figure(float(drawn.mean()), drawn)


def _figure(value: float, drawn: NDArray[np.float64]) -> Figure:
    low, high = np.quantile(drawn, ENDS)
    return Figure(value=value, low=float(low), high=float(high))


def as_json(found: Summary) -> dict[str, Any]:
    """Return *found* as JSON takes it: n, artists, and value, low, high of each figure."""
    figures = asdict(found)
    counts = {name: figures.pop(name) for name in ("n", "artists")}
    rounded = {
        name: {end: round(number, 4) for end, number in figure.items()}
        for name, figure in figures.items()
    }
    return {**counts, **rounded, "ece_excess": round(found.ece_excess, 4)}


def rights(words: Probabilities, truth: Numbers) -> NDArray[np.float64]:
    """Return 1 for each track [n] whose first genre is right, else 0."""
    return np.asarray(words.argmax(axis=1) == truth, dtype=np.float64)


def losses(words: Probabilities, truth: Numbers) -> NDArray[np.float64]:
    """Return the negative log-likelihood of each track [n], in nats."""
    given: NDArray[np.float64] = words[np.arange(len(truth)), truth].astype(np.float64)
    lost: NDArray[np.float64] = -np.log(np.maximum(given, 1e-12))
    return lost


def paired(
    words_a: Probabilities,
    words_b: Probabilities,
    truth: Numbers,
    groups: Numbers,
    *,
    seed: int = 0,
) -> Figure:
    """Return how much more often *words_b* [n, G] are right than *words_a*, with 95 %."""
    return difference(rights(words_a, truth), rights(words_b, truth), groups, seed=seed)


def difference(
    old: NDArray[np.float64], new: NDArray[np.float64], groups: Numbers, *, seed: int = 0
) -> Figure:
    """Return the mean of *new* - *old* [n], track by track, with 95 % over *groups* [n]."""
    gain = new - old
    return _figure(float(gain.mean()), _drawn_means(gain, groups, seed))


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
    low, high = np.quantile(_drawn_means(right, groups, seed), ENDS)
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

    The lower one is the one-sided 95 % bound. Artists count as in `artist_counts`.
    """
    counts = artist_counts(groups)
    _, index = np.unique(groups, return_inverse=True)
    gains = np.bincount(index, (new.astype(float) - old) * counts)
    sizes = np.bincount(index, counts)
    drawn = _drawn(len(sizes), seed)
    low, high = np.quantile((drawn @ gains) / (drawn @ sizes), (0.05, 0.95))
    return float(gains.sum() / sizes.sum()), float(low), float(high)


def calibration_change(
    old: Probabilities, new: Probabilities, truth: Numbers, groups: Numbers, *, seed: int = 0
) -> tuple[float, float]:
    """Return how much larger the calibration error of *new* [n, G] is, and its chance.

    The chance is how often luck alone makes so much of none: the basic bootstrap (Davison &
    Hinkley 1997, 5.2), since each draw of artists adds a gap of its own to both errors. In
    BINS of `measures`, artists counting as in `artist_counts`.
    """
    first, second = measures.answers(old, truth), measures.answers(new, truth)
    counts = artist_counts(groups)

    def of(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        was = measures.calibration_gap(first, weights[:, first.order])
        return measures.calibration_gap(second, weights[:, second.order]) - was

    excess = float(of(counts[None, :])[0])
    drawn = np.concatenate([of(weights * counts) for weights in _weights(groups, seed)])
    return excess, float(np.mean(drawn >= 2 * excess))


def artist_counts(groups: Numbers) -> NDArray[np.float64]:
    """Return what each track [n] counts where n tracks of one of *groups* [n] count as √n.

    So do a person's words in training. One who fills half of a genre would else decide alone,
    most of all where it is he who is held out.
    """
    _, index, many = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(1 / np.sqrt(many[index]))


def _drawn_means(values: NDArray[np.float64], groups: Numbers, seed: int) -> NDArray[np.float64]:
    """Means of *values* over artists drawn with replacement, [DRAWS]."""
    _, index = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(index, values), np.bincount(index)
    drawn = _drawn(len(sums), seed)
    means: NDArray[np.float64] = (drawn @ sums) / (drawn @ counts)
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
