"""Will the first genre be right? What speaks for and against it beside its confidence.

Pure numpy, the same in training and in use. The confidence stays what it is; what is said
here starts from it, and is only held against the promise's threshold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.decision.verdict import pool, segment_probabilities

__all__ = [
    "SIGNS",
    "Places",
    "Surety",
    "likely",
    "log_odds",
    "signs",
    "spread",
    "sureness",
]

Floats = NDArray[np.float64]

# Columns of `signs`: how far the members and the segments disagree, how close the second
# genre comes, how far from where the first one lies, and how much was heard.
SIGNS = ("members", "segments", "margin", "distance", "audio")
EDGE = 1e-6  # no confidence is taken for more certain than this


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where the embeddings of each genre lie that were learned from."""

    centre: Floats  # [E], of all
    width: Floats  # [E]
    genres: Floats  # [G, E], of each genre, in widths from the centre

    @classmethod
    def of(
        cls,
        embedding: NDArray[np.floating[Any]],
        genre: NDArray[np.integer[Any]],
        genres: int,
    ) -> "Places":
        """Return the places of tracks with *embedding* [n, E] and *genre* [n] of that many.

        A genre without a track lies at the centre, at distance 1 from everything; what never
        changes keeps its own unit, so that it says little.
        """
        raw = embedding.astype(np.float64)
        centre, width = raw.mean(axis=0), spread(raw)
        sums = np.eye(genres)[genre].T @ ((raw - centre) / width)
        counts = np.maximum(np.bincount(genre, minlength=genres), 1)
        return cls(centre=centre, width=width, genres=sums / counts[:, None])

    def only(self, kept: NDArray[np.bool_]) -> "Places":
        """Return the same of the genres that are *kept* [G]."""
        return replace(self, genres=self.genres[kept])

    def distance(self, embedding: NDArray[np.floating[Any]], genre: int) -> float:
        """Return 1 - the cosine between *embedding* [E] and the place of *genre*."""
        away, place = (embedding - self.centre) / self.width, self.genres[genre]
        length = float(np.linalg.norm(away) * np.linalg.norm(place))
        return 1 - float(away @ place) / max(length, EDGE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surety:
    """What each sign changes in the log-odds of the confidence."""

    centre: Floats  # [signs]
    width: Floats  # [signs]
    weights: Floats  # [signs]
    bias: float
    places: Places | None = None  # None: it does not judge embeddings

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Surety":
        """Return what a model keeps; raises KeyError, TypeError or ValueError where damaged."""
        rows = {name: np.array(document[name], np.float64) for name in ("centre", "width")}
        weights = np.array(document["weights"], np.float64)
        if not weights.shape == rows["centre"].shape == rows["width"].shape == (len(SIGNS),):
            raise ValueError(f"it does not weigh the {len(SIGNS)} signs")
        held = document.get("places")
        places = None if held is None else Places(**{k: np.array(v) for k, v in held.items()})
        if places is not None:
            places = replace(places, width=_not_nothing(places.width))
        rows["width"] = _not_nothing(rows["width"])
        return cls(**rows, weights=weights, bias=float(document["bias"]), places=places)

    def document(self) -> dict[str, Any]:
        """Return the same as lists, for JSON."""
        kept = {name: _short(getattr(self, name)) for name in ("centre", "width", "weights")}
        places = self.places and {
            item.name: _short(getattr(self.places, item.name)) for item in fields(Places)
        }
        return {**kept, "bias": round(self.bias, 5), "places": places}


def signs(
    scores: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]],
    words: Floats,
    embedding: NDArray[np.floating[Any]] | None,
    places: Places | None,
) -> Floats:
    """Return SIGNS [signs] of a track from its *scores* [members, n, G] and confidences [G].

    The distance is 0 where there is no *embedding* [E] or nothing to compare it with.
    """
    ordered = np.sort(words)[::-1]
    far = 0.0
    if embedding is not None and places is not None:
        far = places.distance(embedding, int(words.argmax()))
    each = np.stack([pool(member[None], np.ones(1)) for member in scores])
    return np.array(
        [
            _disagreement(each, np.asarray(weights, np.float64)),
            _disagreement(segment_probabilities(scores, weights), np.ones(scores.shape[1])),
            np.log(max(ordered[0], EDGE) / max(ordered[1], EDGE)),
            far,
            np.log(scores.shape[1]),
        ]
    )


def sureness(confidence: float, found: Floats, surety: Surety) -> float:
    """Return the chance that the first genre is right, by its *confidence* and SIGNS *found*."""
    odds = log_odds(np.array(confidence)) + surety.bias
    return float(likely(odds + (found - surety.centre) / surety.width @ surety.weights))


def spread(table: Floats) -> Floats:
    """Return the standard deviations of *table* [n, F]; 1 where nothing changes."""
    return np.asarray(np.where(table.std(axis=0) > EDGE, table.std(axis=0), 1.0))


def log_odds(chance: Floats) -> Floats:
    """Return log(p / (1 - p)) of any shape."""
    certain = np.clip(chance, EDGE, 1 - EDGE)
    return np.asarray(np.log(certain / (1 - certain)))


def likely(odds: Floats) -> Floats:
    """Return the chance with log-odds *odds*, of any shape."""
    return np.asarray(1 / (1 + np.exp(-odds)))


def _disagreement(each: Floats, weights: Floats) -> float:
    """Jensen-Shannon divergence of distributions [n, G] with *weights* [n], in nats."""
    share = weights / weights.sum()
    return float(_entropy(share @ each) - share @ _entropy(each))


def _entropy(each: Floats) -> Floats:
    return np.asarray(-np.sum(each * np.log(np.maximum(each, 1e-12)), axis=-1))


def _not_nothing(width: Floats) -> Floats:
    """*width*, of which an older model rounded what was small away."""
    return np.where(width > 0, width, 1.0)


def _short(values: Floats) -> list[Any]:
    """*values* to five digits, however small they are."""
    shortened = np.array([float(f"{value:.5g}") for value in values.ravel()])
    kept: list[Any] = shortened.reshape(values.shape).tolist()
    return kept
