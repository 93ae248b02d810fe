"""Is this track of none of the genres that the model learned, and of which other, perhaps?

Judged by the backbone's embedding alone, in which its tags are linear. Pure numpy, the same
in training and in use; the weights are learned with genres left out (core/learning). What
is found here is suggested or keeps the program from writing; it is never written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.decision.verdict import GenreConfidence
from core.taxonomy import KNOWN, TAGS, fold, tags_of

__all__ = [
    "SIGNS",
    "Beyond",
    "Known",
    "Spread",
    "beyond",
    "library_spread",
    "logistic",
    "outside",
    "signs",
    "tag_means",
    "unexpected",
    "unlearned",
]

Floats = NDArray[np.floating[Any]]
Rows = NDArray[np.float64]

SIGNS = ("others", "unlike", "unspoken")  # columns of `signs`
OWN = 100  # tracks from which on the user's library says how tags spread in it
WORTH = 50.0  # tracks of each genre that what the model learned from counts as, beside those
SUGGESTED = 2  # at most; a longer list says nothing
WILD = 5.0  # standard deviations; beyond, an embedding says no more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """Mean and standard deviation of the tags' logits over some tracks."""

    mean: Floats  # [50]
    deviation: Floats  # [50]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """What one model has learned, as far as it tells what it has not; plain arrays."""

    genres: NDArray[np.str_]  # [G], learned
    others: NDArray[np.str_]  # [K], beyond them
    kernel: Floats  # [200, 50], embedding to the tags' logits
    bias: Floats  # [50]
    tag_mean: Floats  # [50], of those logits over the tracks learned from
    tag_deviation: Floats  # [50]
    centre: Floats  # [200], mean embedding
    width: Floats  # [200], its standard deviation
    weights: Floats  # [200, G], softmax regression on the standardised embedding
    offset: Floats  # [G]
    places: Floats  # [G, 200], mean embedding of each genre
    within: Floats  # [200, 200], whitens what is left around those
    whole: Floats  # [200, 200], whitens all of it around the centre
    expected: Floats  # [G, K], what they say of the others on tracks of each learned genre
    deviation: Floats  # [K], around that
    usual: Floats  # [], what 9 in 10 tracks of learned genres stay below in all of `unexpected`
    outside: Floats  # [1 + signs], logistic weights, the constant first
    limit: Floats  # [], the probability from which on nothing is written

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> "Known":
        """Return what *arrays* by name say; raises KeyError where one is missing."""
        return cls(**{field.name: np.asarray(arrays[field.name]) for field in fields(cls)})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the same by name, as a model keeps it: numbers as float32."""
        held = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        return {
            name: values.astype(np.float32) if values.dtype.kind == "f" else values
            for name, values in held.items()
        }

    @property
    def spread(self) -> Spread:
        """How the tags spread over the tracks that the model learned from."""
        return Spread(mean=self.tag_mean, deviation=self.tag_deviation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """How likely a track is of none of the learned genres, and what it may be instead."""

    outside: float  # as if as many tracks came from outside as from within
    suggested: tuple[GenreConfidence, ...] = ()  # the likeliest first


def unlearned(genres: Sequence[str]) -> tuple[str, ...]:
    """Return the genres that the tags know and a model of *genres* has not learned."""
    learned = {fold(genre) for genre in genres}
    return tuple(genre for genre in KNOWN if fold(genre) not in learned)


def beyond(embedding: Floats, known: Known, spread: Spread | None = None) -> Beyond:
    """Return what lies beyond the learned genres in the track with this *embedding* [200].

    *spread* is that of the tags in the user's library, by default in what was learned from;
    it changes what is suggested, never how likely the track is of no learned genre.
    """
    row = np.asarray(embedding, np.float64)[None]
    likely = float(outside(row, known)[0])
    spoken = unexpected(row, known, spread or known.spread)[0]
    best = [int(place) for place in np.argsort(-spoken)[:SUGGESTED]]
    share = np.exp(spoken - spoken.max(initial=0.0))
    share /= max(1e-9, share.sum())
    return Beyond(
        outside=likely,
        suggested=tuple(
            GenreConfidence(genre=str(known.others[place]), confidence=likely * float(share[place]))
            for place in best
            if spoken[place] >= float(known.usual)
        ),
    )


def library_spread(embedding: Floats, known: Known) -> Spread:
    """Return how the tags spread in a library of tracks with *embedding* [n, 200].

    What all its genres have in common moves the mean; which genres there are does not. Plain
    means would make Metal ordinary where there is much of it: on libraries of two or three
    genres z-scores by those name the right genre half as often, in an even mix by a point or
    two more often. With few tracks it is the spread that the model learned.
    """
    if len(embedding) < OWN:
        return known.spread
    scores = _scores(embedding, known)
    likely = np.exp(scores - _log_sum(scores)[:, None])
    learned = known.places @ known.kernel + known.bias
    heard = likely.T @ _logits(embedding, known) + WORTH * learned
    moved = heard / (likely.sum(axis=0)[:, None] + WORTH) - learned
    return Spread(mean=known.tag_mean + moved.mean(axis=0), deviation=known.tag_deviation)


def outside(embedding: Floats, known: Known) -> Rows:
    """Return how likely each track [n] with *embedding* [n, 200] is of no learned genre."""
    return logistic(signs(embedding, known), known.outside)


def logistic(rows: Floats, weights: Floats) -> Rows:
    """Return probabilities [n] by logistic *weights* [1 + d], the constant first, of *rows*."""
    odds = np.clip(weights[0] + rows @ weights[1:], -30.0, 30.0)
    likely: Rows = 1 / (1 + np.exp(-odds))
    return likely


def signs(embedding: Floats, known: Known) -> Rows:
    """Return what speaks for "none of the learned genres" [n, signs] in *embedding* [n, 200].

    In order: how much the tags say of other genres against how much the scores say of the
    learned ones (free energies, Liu et al. 2020); how much nearer it lies to music in general
    than to any one genre (relative Mahalanobis distance, Ren et al. 2021); how little the tags
    say of the genre that scores best.
    """
    scores = _scores(embedding, known)
    others, own = _said(embedding, known, known.spread)
    columns = (
        _log_sum(others) - _log_sum(scores),
        _relative_distance(embedding, known),
        -own[np.arange(len(own)), scores.argmax(axis=1)],
    )
    return np.stack(columns, axis=1)


def unexpected(embedding: Floats, known: Known, spread: Spread) -> Rows:
    """Return [n, K]: what the tags say of each other genre beyond what such tracks make them say.

    In standard deviations around what is expected of the learned genres, each as likely as
    the scores have it.
    """
    scores = _scores(embedding, known)
    likely = np.exp(scores - _log_sum(scores)[:, None])
    others, _ = _said(embedding, known, spread)
    return np.asarray((others - likely @ known.expected) / known.deviation, np.float64)


def tag_means(genres: Iterable[str]) -> Rows:
    """Return [50, genres]: a genre is the mean of its tags; of one without, nothing is said."""
    names = [str(genre) for genre in genres]
    table = np.zeros((len(TAGS), len(names)))
    for column, genre in enumerate(names):
        tags = tags_of(genre)
        table[[TAGS.index(tag) for tag in tags], column] = 1 / max(1, len(tags))
    return table


def _said(embedding: Floats, known: Known, spread: Spread) -> tuple[Rows, Rows]:
    """What the tags say of the others [n, K] and of the learned genres [n, G]."""
    away = (_logits(embedding, known) - spread.mean) / np.maximum(spread.deviation, 1e-6)
    return away @ _table(tuple(known.others)), away @ _table(tuple(known.genres))


@lru_cache(maxsize=8)  # of a model's genres it never changes, and it is asked for every file
def _table(genres: tuple[str, ...]) -> Rows:
    return tag_means(genres)


def _logits(embedding: Floats, known: Known) -> Rows:
    return np.asarray(embedding @ known.kernel + known.bias, np.float64)


def _scores(embedding: Floats, known: Known) -> Rows:
    """Logits [n, G] of the learned genres."""
    scaled = np.clip((embedding - known.centre) / known.width, -WILD, WILD)
    return np.asarray(scaled @ known.weights + known.offset, np.float64)


def _relative_distance(embedding: Floats, known: Known) -> Rows:
    here, places = embedding @ known.within, known.places @ known.within
    nearest = ((here[:, None] - places[None]) ** 2).sum(axis=2).min(axis=1)
    general = (((embedding - known.centre) @ known.whole) ** 2).sum(axis=1)
    return np.asarray(nearest - general, np.float64)


def _log_sum(scores: Rows) -> Rows:
    top = scores.max(axis=1)
    total: Rows = top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
    return total
