"""From a hearing to a verdict: the genres of a track in order, each with a confidence.

Pure and cheap, so it is done anew whenever the calibration, the memory or the taxonomy
changes. Training pools with these same functions, so what is calibrated is what is used.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "GenreConfidence",
    "Verdict",
    "calibrate",
    "confidences",
    "pool",
    "segment_probabilities",
]

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenreConfidence:
    """One genre and how sure we are of it, calibrated, in [0, 1]."""

    genre: str
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The genres of a track, surest first, and what the verdict rests on."""

    genres: tuple[GenreConfidence, ...]
    model_version: str
    segments: int
    evidence: str = "model"  # "model", "album and model" and the like, or "your word …"
    right: float | None = None  # chance that the first genre is right, where the model says it
    outside: float = 0.0  # how likely it is of none of the genres that the model learned
    suggested: tuple[GenreConfidence, ...] = ()  # genres beyond those, never written
    parent: GenreConfidence | None = None  # what the first genre belongs to, and how sure that is
    unproven: bool = False  # the first genre is the person's own, and no promise covers it yet

    @property
    def best(self) -> GenreConfidence | None:
        """The surest genre; None where nothing was heard."""
        return self.genres[0] if self.genres else None

    @property
    def sure(self) -> float:
        """What the promise's threshold is held against, in [0, 1]; 0 where nothing was heard."""
        if self.right is not None:
            return self.right
        return self.genres[0].confidence if self.genres else 0.0


def segment_probabilities(
    scores: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]]
) -> Probabilities:
    """Late fusion of the members' raw scores [members, n, genres] to probabilities [n, genres].

    The members' log-probabilities are averaged with *weights* [members] and renormalised.
    """
    logs = _log_softmax(np.asarray(scores, dtype=np.float64))
    share = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    return np.exp(_log_softmax(np.tensordot(share, logs, axes=1)))


def pool(scores: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]]) -> Probabilities:
    """Average the segments' probabilities [n, genres] to [genres], the surer the heavier.

    A segment weighs exp(-entropy): 1 where the ensemble is certain, 1/genres where it
    knows nothing. Needs at least one segment.
    """
    segments = segment_probabilities(scores, weights)
    entropy = -np.sum(segments * np.log(np.maximum(segments, 1e-12)), axis=1)
    weight = np.exp(-entropy)
    pooled: Probabilities = weight @ segments / weight.sum()
    return pooled


def calibrate(
    pooled: Probabilities, temperature: float, bias: NDArray[np.floating[Any]]
) -> Probabilities:
    """Temperature and per-genre bias on pooled probabilities [..., genres] (Guo et al. 2017)."""
    logs = np.log(np.maximum(pooled, 1e-12))
    return np.exp(_log_softmax((logs + bias) / temperature))


def confidences(
    scores: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]],
    temperature: float,
    bias: NDArray[np.floating[Any]],
    longest: int | None = None,
) -> Probabilities:
    """Return the calibrated confidences [G] of a track's *scores* [members, n, G], n at least 1.

    A calibration holds for tracks of the length that it was learned on. One of more than
    *longest* segments is judged part by part, none longer than that, and gets the mean of
    what is said of the parts: no surer than of a part, however long it goes on.
    """
    parts = -(-scores.shape[1] // longest) if longest else 1
    pooled = [pool(part, weights) for part in np.array_split(scores, parts, axis=1)]
    mean: Probabilities = calibrate(np.stack(pooled), temperature, bias).mean(axis=0)
    return mean


def _log_softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = scores - scores.max(axis=-1, keepdims=True)
    logs: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return logs
