"""Learn what a track of none of the learned genres looks like, by leaving out each in turn.

A model without Jazz hears Jazz of artists it never met: so it will be with music of which
nobody told it. From all genres together `core/decision/beyond.py` gets its weights. Knows
nothing of speech, noise or any other audio that is no music of its tracks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from core.decision.beyond import SIGNS, Known, logistic, signs, tag_means, unexpected, unlearned
from core.learning.ensemble.fitting import Check, Recipe, no_check, regress
from core.learning.nets.prior import TagLayer

__all__ = ["Outsiders", "learn_outsiders", "limited"]

MIN_GENRES = 4  # with fewer, what is left when one is out says little of the rest
MIN_TRACKS = 40
USUAL = 0.9  # share of tracks of learned genres of which nothing else is suggested
BLOCKED = 0.05  # share of what would be written that "none of the learned genres" may cost
SHRINK = 0.5  # of the covariance of embeddings
PENALTY = 1e-3  # of the squared logistic weights, which are of standardised signs

Numbers = NDArray[np.int64]
Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outsiders:
    """What was learned, and what it says of each track without having met its artist."""

    known: Known
    outside: Rows  # [tracks]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Left:
    """Signs of tracks held out, by a model from which a genre was left out."""

    signs: Rows  # [n, signs]
    spoken: Rows  # [n], the most that the tags say of another genre than expected
    strange: NDArray[np.bool_]  # [n], the track's genre was not learned
    fold: Numbers  # [n]


def learn_outsiders(
    embedding: NDArray[np.float32],
    genre: Numbers,
    folds: NDArray[np.integer[Any]],
    genres: Sequence[str],
    tags: TagLayer,
    recipe: Recipe,
    check: Check = no_check,
) -> Outsiders | None:
    """Learn from tracks with *embedding* [n, 200] and *genre* [n], by artist in *folds* [n].

    None where there are too few tracks or genres, or none that the tags know beyond them.
    *check* is called between fits, of which there are genres x folds, and may raise.
    """
    tutor = Tutor(embedding, genre, genres, tags, recipe, check)
    if len(genres) < MIN_GENRES or len(genre) < MIN_TRACKS or not unlearned(genres):
        return None
    parts = np.unique(folds)
    left = _joined([*_each_left_out(tutor, folds, parts)])
    here = _joined([_judged(tutor, folds == part, None, int(part)) for part in parts])
    said = np.concatenate(
        [
            logistic(here.signs[here.fold == part], _weights(left, left.fold != part))
            for part in parts
        ]
    )
    order = np.argsort(np.concatenate([np.flatnonzero(folds == part) for part in parts]))
    known = replace(
        tutor.known(np.ones(len(genre), bool), range(len(genres))),
        usual=np.array(np.quantile(here.spoken, USUAL)),
        outside=_weights(left, np.ones(len(left.fold), bool)),
    )
    return Outsiders(known=known, outside=said[order])


def limited(outsiders: Outsiders, answered: NDArray[np.bool_]) -> Known:
    """Return what was learned, with the limit that costs one in twenty of the *answered* [n]."""
    said = outsiders.outside[answered] if answered.any() else outsiders.outside
    return replace(outsiders.known, limit=np.array(np.quantile(said, 1 - BLOCKED)))


class Tutor:
    """Describes what a model learns from some of the tracks and some of the genres."""

    def __init__(
        self,
        embedding: NDArray[np.float32],
        genre: Numbers,
        genres: Sequence[str],
        tags: TagLayer,
        recipe: Recipe,
        check: Check,
    ) -> None:
        self.embedding, self.genre, self.genres = embedding, genre, tuple(genres)
        self.tags, self.recipe, self.check = tags, recipe, check

    def known(self, rows: NDArray[np.bool_], kept: Sequence[int]) -> Known:
        """Return what is learned from *rows* [n] with the genres *kept*; all rows are of these."""
        self.check()
        raw, names = self.embedding[rows], [self.genres[number] for number in kept]
        place = np.searchsorted(np.asarray(kept), self.genre[rows])
        centre, width = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-6)
        scaled = ((raw - centre) / width).astype(np.float32)
        logits = raw @ self.tags.kernel + self.tags.bias
        weights, offset = self._head(raw, scaled, width, place, names)
        others = unlearned(names)
        away = (logits - logits.mean(axis=0)) / np.maximum(logits.std(axis=0), 1e-6)
        said = away @ tag_means(others)
        expected = _by_genre(said, place, len(names))
        places = _by_genre(raw, place, len(names))
        return Known(
            genres=np.array(names),
            others=np.array(others),
            kernel=self.tags.kernel,
            bias=self.tags.bias,
            tag_mean=logits.mean(axis=0),
            tag_deviation=logits.std(axis=0),
            centre=centre,
            width=width,
            weights=weights,
            offset=offset,
            places=places,
            within=_whitening(raw - places[place]),
            whole=_whitening(raw - centre),
            expected=expected,
            deviation=np.maximum((said - expected[place]).std(axis=0), 1e-6),
            usual=np.array(np.inf),
            outside=np.zeros(1 + len(SIGNS)),
            limit=np.array(1.0),
        )

    def _head(
        self,
        raw: NDArray[np.float32],
        scaled: NDArray[np.float32],
        width: NDArray[np.float32],
        place: Numbers,
        names: Sequence[str],
    ) -> tuple[Rows, Rows]:
        """Softmax regression as the member on the embedding does it, each genre weighing alike."""
        count = np.bincount(place, minlength=len(names))
        labels = np.eye(len(names), dtype=np.float32)[place]
        towards = self.recipe.prior * self.tags.weights(names, raw, width)
        strength = 1 / (self.recipe.head_c * len(place))
        return regress(scaled, labels, 1 / count[place], strength, towards)


def _each_left_out(
    tutor: Tutor, folds: NDArray[np.integer[Any]], parts: NDArray[np.integer[Any]]
) -> Iterator[Left]:
    for number in range(len(tutor.genres)):
        for part in parts:
            yield _judged(tutor, folds == part, number, int(part))


def _judged(tutor: Tutor, held: NDArray[np.bool_], without: int | None, part: int) -> Left:
    """Signs of the tracks *held* by a model that learned from the rest *without* a genre."""
    rows = ~held if without is None else ~held & (tutor.genre != without)
    kept = np.unique(tutor.genre[rows])
    known = tutor.known(rows, kept.tolist())
    return Left(
        signs=signs(tutor.embedding[held], known),
        spoken=unexpected(tutor.embedding[held], known, known.spread).max(axis=1),
        strange=~np.isin(tutor.genre[held], kept),
        fold=np.full(int(held.sum()), part),
    )


def _joined(parts: Sequence[Left]) -> Left:
    return Left(
        signs=np.concatenate([part.signs for part in parts]),
        spoken=np.concatenate([part.spoken for part in parts]),
        strange=np.concatenate([part.strange for part in parts]),
        fold=np.concatenate([part.fold for part in parts]),
    )


def _weights(left: Left, some: NDArray[np.bool_]) -> Rows:
    """Logistic weights, the constant first, as if as many tracks were strange as not.

    None is negative: each sign was thought of as speaking for what is strange.
    """
    rows, strange = left.signs[some], left.strange[some]
    centre, width = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-9)
    scaled = np.hstack([np.ones((len(rows), 1)), (rows - centre) / width])
    share = np.where(strange, 0.5 / max(1, strange.sum()), 0.5 / max(1, (~strange).sum()))

    def loss(point: Rows) -> tuple[float, Rows]:
        odds = scaled @ point
        value = float(share @ (np.logaddexp(0, odds) - strange * odds))
        slope = scaled.T @ (share * (1 / (1 + np.exp(-odds)) - strange))
        free = np.concatenate([[0.0], point[1:]])
        return value + PENALTY * float(free @ free), slope + 2 * PENALTY * free

    limits = [(None, None)] + [(0.0, None)] * rows.shape[1]
    start = np.zeros(scaled.shape[1])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits).x
    each = best[1:] / width
    return np.concatenate([[best[0] - float(each @ centre)], each])


def _by_genre(values: NDArray[np.floating[Any]], place: Numbers, count: int) -> Rows:
    return np.stack([values[place == number].mean(axis=0) for number in range(count)])


def _whitening(away: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """[d, d]: *away* [n, d] times it has about unit variance in each direction.

    The covariance is shrunk half-way to a ball: there are hardly more tracks than directions.
    """
    covariance = np.cov(away.T.astype(np.float64))
    size = len(covariance)
    ball = np.eye(size) * np.trace(covariance) / size
    shrunk = (1 - SHRINK) * covariance + SHRINK * ball + 1e-9 * np.eye(size)
    return np.linalg.cholesky(np.linalg.inv(shrunk)).astype(np.float32)
