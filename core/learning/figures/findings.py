"""What an evaluation found, as data that JSON and the report are made of; measures no model.

Axes: tracks (n), G genres. Everything shown is worked out here from what was said of each
track, so that a picture and a number can never disagree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.learning.figures import evaluate, measures
from core.learning.figures.evaluate import Figure, Summary

__all__ = [
    "Bin",
    "Brings",
    "Findings",
    "Genre",
    "InUse",
    "Leak",
    "as_json",
    "brings",
    "curve",
    "per_genre",
    "reliability",
]

LEAKY = "LEAKY"
NOTHING = "not shown to help"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brings:
    """What one part brings: all parts against all but this one, track by track."""

    name: str
    accuracy: Figure  # gain in accuracy
    log_loss: Figure  # fall of the log loss, in nats

    @property
    def judgement(self) -> str:
        """Say whether it helps, as far as chance lets us know; accuracy has the first word."""
        if self.accuracy.low > 0 or self.accuracy.high < 0:
            return "helps" if self.accuracy.low > 0 else "hurts"
        if self.log_loss.low > 0 or self.log_loss.high < 0:
            return f"{'helps' if self.log_loss.low > 0 else 'hurts'} the confidence alone"
        return NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """The same model under the honest protocol and the leaky one."""

    model: str
    apart: Figure  # accuracy, no artist on both sides
    leaky: Figure  # accuracy, artists on both sides
    gain: Figure  # what the leak is worth


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """The model in use, on labels that it was not trained on."""

    version: str
    unseen: Summary  # tracks that it never saw
    new_artists: Summary | None  # those among them whose artist it never saw under your labels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Findings:
    """All that one evaluation found."""

    subject: str  # what was evaluated on
    protocol: str
    genres: tuple[str, ...]
    words: NDArray[np.float64]  # [n, G], each said by a model that never met the artist
    truth: NDArray[np.int64]  # [n]
    groups: NDArray[np.int32]  # [n]
    summary: Summary
    leak: Leak
    members: tuple[Brings, ...]
    blocks: tuple[Brings, ...]
    fair: Summary | None = None  # on labels that nobody chose by what the program had said
    in_use: InUse | None = None
    notes: tuple[str, ...] = ()

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Tracks [G true, G guessed]."""
        return evaluate.confusion(self.words.argmax(axis=1), self.truth, len(self.genres))


def brings(
    name: str,
    without: NDArray[np.float64],
    whole: NDArray[np.float64],
    truth: NDArray[np.int64],
    groups: NDArray[np.int32],
) -> Brings:
    """Compare what is said *without* a part [n, G] with what the *whole* says [n, G]."""
    lost, kept = evaluate.losses(without, truth), evaluate.losses(whole, truth)
    return Brings(
        name=name,
        accuracy=evaluate.paired(without, whole, truth, groups),
        log_loss=evaluate.difference(kept, lost, groups),
    )


# --- what pictures are drawn of -------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Tracks of about one confidence."""

    n: int
    confidence: float  # stated, on average
    right: Figure  # share that was right


@dataclass(frozen=True, slots=True, kw_only=True)
class Genre:
    """One genre: tracks of it, tracks taken for it, and those that are both."""

    name: str
    n: int
    guessed: int
    right: int

    @property
    def recall(self) -> float | None:
        """Share of its tracks that were found; None where it has none."""
        return self.right / self.n if self.n else None

    @property
    def precision(self) -> float | None:
        """Share of the guesses that were right; None where it was never guessed."""
        return self.right / self.guessed if self.guessed else None


def reliability(
    words: NDArray[np.float64], truth: NDArray[np.int64], groups: NDArray[np.int32]
) -> tuple[Bin, ...]:
    """Return equally full bins from the least sure to the surest; few tracks make fewer bins."""
    given = measures.answers(words, truth)
    edges = measures.bin_edges(np.ones((1, len(truth))))[0]
    parts = [slice(*pair) for pair in pairwise(edges) if pair[0] < pair[1]]
    return tuple(_bin(given, groups[given.order], part) for part in reversed(parts))


def _bin(given: measures.Answers, groups: NDArray[np.int32], part: slice) -> Bin:
    right = given.right[part]
    return Bin(
        n=len(right),
        confidence=float(given.confidence[part].mean()),
        right=evaluate.difference(np.zeros(len(right)), right, groups[part]),
    )


def curve(words: NDArray[np.float64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the risk-coverage curve [k, 2]: share answered, share wrong among these.

    Equally sure tracks are answered together, so there is a point for each confidence.
    """
    given = measures.answers(words, truth)
    count = np.arange(1, len(truth) + 1)
    steps = np.append(np.diff(given.confidence) < 0, True)
    points = np.stack([count / len(truth), np.cumsum(1 - given.right) / count], axis=1)
    return np.asarray(points[steps])


def per_genre(genres: Sequence[str], table: NDArray[np.int64]) -> tuple[Genre, ...]:
    """Return each genre's counts from the confusion *table* [G true, G guessed]."""
    return tuple(
        Genre(
            name=name,
            n=int(table[number].sum()),
            guessed=int(table[:, number].sum()),
            right=int(table[number, number]),
        )
        for number, name in enumerate(genres)
    )


# --- JSON -----------------------------------------------------------------------------------


def as_json(found: Findings) -> dict[str, Any]:
    """Return *found* as one JSON document; the leaky figure says that it is."""
    table = found.confusion
    return {
        "subject": found.subject,
        "protocol": found.protocol,
        "genres": list(found.genres),
        "figures": evaluate.as_json(found.summary),
        "fair_sample": None if found.fair is None else evaluate.as_json(found.fair),
        "per_genre": [_genre_json(genre) for genre in per_genre(found.genres, table)],
        "confusion": table.tolist(),
        "reliability": [_bin_json(one) for one in reliability(*_said(found))],
        "leak": _leak_json(found.leak),
        "members": [_brings_json(part) for part in found.members],
        "blocks": [_brings_json(part) for part in found.blocks],
        "in_use": None if found.in_use is None else _in_use_json(found.in_use),
        "notes": list(found.notes),
    }


def _said(
    found: Findings,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int32]]:
    return found.words, found.truth, found.groups


def _figure_json(figure: Figure) -> dict[str, float]:
    ends = (figure.value, figure.low, figure.high)
    return {k: round(v, 4) for k, v in zip(("value", "low", "high"), ends, strict=True)}


def _genre_json(genre: Genre) -> dict[str, Any]:
    shares = {"precision": genre.precision, "recall": genre.recall}
    rounded = {name: None if share is None else round(share, 4) for name, share in shares.items()}
    return {"genre": genre.name, "n": genre.n, "guessed": genre.guessed, **rounded}


def _bin_json(one: Bin) -> dict[str, Any]:
    return {"n": one.n, "confidence": round(one.confidence, 4), "right": _figure_json(one.right)}


def _leak_json(leak: Leak) -> dict[str, Any]:
    return {
        "model": leak.model,
        "artists_apart": _figure_json(leak.apart),
        f"random_folds_{LEAKY}": _figure_json(leak.leaky),
        "worth": _figure_json(leak.gain),
    }


def _brings_json(part: Brings) -> dict[str, Any]:
    return {
        "name": part.name,
        "accuracy": _figure_json(part.accuracy),
        "log_loss": _figure_json(part.log_loss),
        "judgement": part.judgement,
    }


def _in_use_json(model: InUse) -> dict[str, Any]:
    new = None if model.new_artists is None else evaluate.as_json(model.new_artists)
    return {
        "version": model.version,
        "unseen_tracks": evaluate.as_json(model.unseen),
        "unseen_artists": new,
    }
