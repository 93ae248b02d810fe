"""Train the members of one ensemble on some tracks; knows nothing of folds or files.

Every random choice follows from the recipe's seed, so the same tracks give the same
weights on the same machine. One Keras model is compiled and used again for every fit,
since tracing it takes longer than training it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from core.errors import TrainingError
from core.learning import networks
from core.learning.dataset import Track, apart, embeddings, split_groups
from core.learning.prior import TagLayer

__all__ = ["Check", "Ensemble", "Recipe", "Studio", "curves", "no_check", "regress"]

Weights = list[NDArray[np.float32]]  # as Keras lists them
Check = Callable[[], None]  # called between epochs; raises to stop the training

# The head counts twice as much as the members that hear the 135 features, all together: on
# music of unknown artists it is right far more often, and they still say something else.
HEAD_SHARE = 2.0
# Of a track's weight what its copies have, all together. As heavy as originals, they cost accuracy
# on music as it was (inner folds, plain member: log loss 1.332 against 1.302); with half they cost
# nothing there and answers change as seldom when the music is disturbed.
COPIES_SHARE = 0.5
HELD_OUT = 6  # a transformer is stopped by a sixth of the artists


def no_check() -> None:
    """Let the training run on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to train; the values were chosen on inner folds of training artists."""

    seed: int = 1
    epochs: int = 100  # at most; training stops when held-out artists gain nothing more
    batch_size: int = 32
    members: int = 3  # transformers, each with another part of the artists held out
    folds: int = 5  # for the out-of-fold predictions
    patience: int = 8  # epochs without gain before it stops; half of it before it slows down
    draws: int = 2  # segments of each track in an epoch, so that long tracks do not dominate
    rate: float = 1e-3  # AdamW's first learning rate
    decay: float = 0.05  # AdamW's weight decay
    smoothing: float = 0.1  # of labels, about one in ten of which is contestable
    mixup: float = 0.3  # Beta(a, a) of the mixing share (Zhang et al. 2018)
    linear_c: float = 0.02  # inverse strength of the plain member's L2 penalty
    head_c: float = 0.005  # that of the head on the embedding; on inner folds better than .01
    prior: float = 1.0  # logits that one standard deviation of a genre's tags is taken for


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """The squashed segments of some tracks, ready for batches."""

    features: NDArray[np.float32]  # [R, F]
    track: NDArray[np.int64]  # [R], row -> track
    genre: NDArray[np.int64]  # [tracks]
    weight: NDArray[np.float64]  # [tracks], mean 1
    part: NDArray[np.float64]  # [R], of its track's weight; those of a track sum to 1
    genres: int

    @property
    def row_weight(self) -> NDArray[np.float64]:
        """[R]: a track's weight shared by its rows."""
        shared: NDArray[np.float64] = self.weight[self.track] * self.part
        return shared


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ensemble:
    """Trained members: transformers, the plain one, the head on the embedding if any.

    Kept as bare weights.
    """

    shape: networks.Shape
    knots: networks.Knots
    transformers: tuple[Weights, ...]
    plain: tuple[NDArray[np.float64], NDArray[np.float64]]  # weights [F, G], bias [G]
    head: networks.Head | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """[members]: of which kind each is."""
        nets = ("transformer",) * len(self.transformers)
        return (*nets, "linear", "embedding") if self.head else (*nets, "linear")

    @property
    def weights(self) -> tuple[float, ...]:
        """[members]: the plain member counts as much as all transformers together.

        The head on the embedding counts HEAD_SHARE times as much as all others together.
        """
        handmade = (*(1.0 for _ in self.transformers), float(max(1, len(self.transformers))))
        return (*handmade, HEAD_SHARE * sum(handmade)) if self.head else handmade

    def scores(
        self, features: NDArray[np.float32], embedding: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return raw logits [members, n, G] of raw *features* [n, F].

        *embedding* [n, E] is that of each segment's track, needed where there is a head.
        """
        rows = networks.squashed(features, self.knots)
        network = _blank(self.shape)
        said = []
        for weights in self.transformers:
            network.set_weights(weights)
            said.append(np.asarray(network(rows, training=False)))
        said.append(rows @ self.plain[0] + self.plain[1])
        if self.head:
            if embedding is None:
                raise TrainingError("the ensemble judges embeddings, and a track has none")
            said.append(self.head.scores(embedding))
        return np.asarray(np.stack(said), dtype=np.float32)

    def models(self) -> Iterator[keras.Model]:
        """Build each member as a Keras model from raw features [n, F] to logits [n, G]."""
        for weights in self.transformers:
            network = networks.transformer(self.shape, seed=0)
            network.set_weights(weights)
            yield networks.member(network, self.knots)
        yield networks.member(networks.linear(*self.plain), self.knots)
        if self.head:
            yield networks.embedding_head(self.head)


@cache
def _blank(shape: networks.Shape) -> keras.Model:
    """Build a transformer that lends its graph to any weights: building takes half a second."""
    return networks.transformer(shape, seed=0)


class Studio:
    """Where ensembles are trained: one compiled transformer, started afresh for each fit."""

    def __init__(
        self,
        genres: Sequence[str],
        groups: tuple[int, ...],
        recipe: Recipe,
        tags: TagLayer | None = None,
    ) -> None:
        self.genres = tuple(genres)
        self.recipe = recipe
        self.tags = tags
        self.shape = networks.Shape(groups=groups, genres=len(genres))
        self._model = networks.transformer(self.shape, seed=recipe.seed)
        self._model.compile(
            optimizer=keras.optimizers.AdamW(recipe.rate, weight_decay=recipe.decay),
            loss=keras.losses.CategoricalCrossentropy(from_logits=True),
            jit_compile=False,  # compiling takes longer than the training of so small a net
        )
        self._model.optimizer.build(self._model.trainable_variables)
        self._starts: dict[int, Weights] = {}

    def train(
        self, tracks: Sequence[Track], check: Check = no_check, fitted: Check = no_check
    ) -> Ensemble:
        """Train an ensemble on *tracks*; each transformer holds out other artists.

        Where each track has an embedding, there is a head on it too.
        *check* is called between epochs and may raise, *fitted* after each transformer.
        """
        knots = curves(tracks)
        plain = self._regressed(self._rows(tracks, knots, copies=True))
        head = self.head(tracks)
        transformers = []
        for number in range(self.recipe.members):
            transformers.append(self.transformer(tracks, knots, number, check))
            fitted()
        return Ensemble(
            shape=self.shape, knots=knots, transformers=tuple(transformers), plain=plain, head=head
        )

    def transformer(
        self, tracks: Sequence[Track], knots: networks.Knots, number: int, check: Check
    ) -> Weights:
        """Fit transformer *number*: AdamW, a falling rate, stopped by held-out artists."""
        artists = len({track.group for track in tracks})
        if artists > 1:
            fold = split_groups(tracks, folds=min(HELD_OUT, artists), seed=self.recipe.seed)
            kept, judged = apart(tracks, fold == number % min(HELD_OUT, artists))
            train, valid = self._rows(kept, knots, copies=True), self._rows(judged, knots)
            self._fit(train, valid, number, check)
        else:  # nobody can be held out to stop it, so it stays as plain as it starts
            self._restart(number, self._regressed(self._rows(tracks, knots, copies=True)))
        return list(self._model.get_weights())

    def _fit(self, train: Rows, valid: Rows, number: int, check: Check) -> None:
        self._restart(number, self._regressed(train))
        self._model.fit(
            Epochs(train, self.recipe, self.recipe.seed * 1000 + number),
            epochs=self.recipe.epochs,
            validation_data=(valid.features, _one_hot(valid), valid.row_weight),
            validation_batch_size=4096,
            shuffle=False,  # Epochs shuffles; Keras would by a random state of its own
            callbacks=_callbacks(self.recipe, check),
            verbose=0,
        )

    def _restart(self, number: int, plain: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
        """Give the compiled model the state of a new one that says what *plain* says.

        It then learns only what the plain member cannot, which on few artists is little.
        """
        for mine, new in zip(self._model.variables, self._start(number), strict=True):
            mine.assign(new)
        networks.begin_plain(self._model, *plain)
        for state in self._model.optimizer.variables:
            state.assign(tf.zeros_like(state))
        self._model.optimizer.learning_rate = self.recipe.rate

    def _start(self, number: int) -> Weights:
        """The variables of a new transformer *number*, the state of its randomness among them."""
        if number not in self._starts:
            seed = self.recipe.seed * 1000 + number
            fresh = networks.transformer(self.shape, seed=seed)
            self._starts[number] = [np.asarray(variable) for variable in fresh.variables]
        return self._starts[number]

    def head(self, tracks: Sequence[Track]) -> networks.Head | None:
        """Fit the head on the embedding, None unless each of *tracks* has one.

        One row a track, since its word is of the whole track. Where the backbone's last
        layer is known, it is drawn towards what the tags say of each genre, else to zero.
        """
        raw = embeddings(tracks)
        if raw is None:
            return None
        centre, width = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-6)
        features = networks.scaled(raw, centre, width)
        rows = self._as_rows(tracks, features, np.arange(len(raw)), np.ones(len(raw)))
        towards = self._prior(raw, width)
        weights, bias = self._regressed(rows, self.recipe.head_c, towards)
        return networks.Head(centre=centre, width=width, weights=weights, bias=bias)

    def _prior(
        self, raw: NDArray[np.float32], width: NDArray[np.float32]
    ) -> NDArray[np.float64] | None:
        if self.tags is None:
            return None
        return self.recipe.prior * self.tags.weights(self.genres, raw, width)

    def _regressed(
        self, rows: Rows, c: float | None = None, towards: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        weight = rows.row_weight * _class_weight(rows)[rows.genre[rows.track]]
        strength = 1 / ((c or self.recipe.linear_c) * len(rows.genre))
        return regress(rows.features, _one_hot(rows), weight, strength, towards)

    def _rows(
        self, tracks: Sequence[Track], knots: networks.Knots, *, copies: bool = False
    ) -> Rows:
        parts = [np.concatenate([t.features, *(t.copies if copies else ())]) for t in tracks]
        track = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        shares = [_shares(len(t.features), len(p)) for t, p in zip(tracks, parts, strict=True)]
        features = networks.squashed(np.concatenate(parts), knots)
        return self._as_rows(tracks, features, track, np.concatenate(shares))

    def _as_rows(
        self,
        tracks: Sequence[Track],
        features: NDArray[np.float32],
        track: NDArray[np.int64],
        part: NDArray[np.float64],
    ) -> Rows:
        weight = np.array([t.weight for t in tracks])
        return Rows(
            features=features,
            track=track,
            genre=np.array([self.genres.index(t.genre) for t in tracks]),
            weight=weight / weight.mean(),
            part=part,
            genres=len(self.genres),
        )


class Epochs(keras.utils.PyDataset):  # type: ignore[misc]
    """An epoch: *draws* random segments of every track, mixed in pairs, labels softened."""

    def __init__(self, rows: Rows, recipe: Recipe, seed: int) -> None:
        super().__init__()
        self.rows, self.recipe = rows, recipe
        self._random = np.random.default_rng(seed)
        self._ends = np.cumsum(rows.part)  # a track's rows lie between its number and the next
        self._first = np.searchsorted(rows.track, np.arange(len(rows.genre)))
        self._last = np.searchsorted(rows.track, np.arange(len(rows.genre)), side="right") - 1
        self._labels = _one_hot(rows) * (1 - recipe.smoothing) + recipe.smoothing / rows.genres
        self._weight = (_class_weight(rows)[rows.genre] * rows.weight)[rows.track]  # [R]
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self.recipe.batch_size)

    def on_epoch_end(self) -> None:
        """Draw the rows of the next epoch."""
        tracks = np.tile(np.arange(len(self._first)), self.recipe.draws)
        places = tracks + self._random.random(len(tracks))
        picks = np.searchsorted(self._ends, places, side="right")
        picks = np.clip(picks, self._first[tracks], self._last[tracks])  # sums are not exact
        self._order = self._random.permutation(picks)

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


def _shares(own: int, rows: int) -> NDArray[np.float64]:
    """What part of a track's weight each of its *rows* has: its *own* first, then its copies'."""
    copied = COPIES_SHARE if rows > own else 0.0
    shares = [np.full(own, (1 - copied) / own), np.full(rows - own, copied / max(1, rows - own))]
    return np.concatenate(shares)


def _one_hot(rows: Rows) -> NDArray[np.float32]:
    """[R, G]."""
    hot: NDArray[np.float32] = np.eye(rows.genres, dtype=np.float32)[rows.genre[rows.track]]
    return hot


def _class_weight(rows: Rows) -> NDArray[np.float64]:
    """[G]: the rarer the heavier, so that each genre weighs the same in all."""
    mass = np.bincount(rows.genre, rows.weight, minlength=rows.genres)
    balanced: NDArray[np.float64] = mass.sum() / (rows.genres * np.maximum(mass, 1e-9))
    return balanced


def curves(tracks: Sequence[Track]) -> networks.Knots:
    """Fit the squashing on the originals of *tracks*, every track counting the same."""
    weight = np.repeat([1 / len(t.features) for t in tracks], [len(t.features) for t in tracks])
    return networks.fit_knots(np.concatenate([t.features for t in tracks]), weight)


def regress(
    features: NDArray[np.float32],
    labels: NDArray[np.float32],
    weight: NDArray[np.float64],
    strength: float,
    towards: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit softmax regression of *labels* [R, G] on *features* [R, F]: weights [F, G], bias [G].

    Minimises the mean log loss, rows counting *weight* [R], plus strength / 2 * the squared
    distance of the weights from *towards* [F, G], by default zero. One optimum, so no chance
    is involved.
    """
    rows = np.hstack([features, np.ones((len(features), 1), np.float32)]).astype(np.float64)
    share = (weight / weight.sum())[:, None]
    size = (rows.shape[1], labels.shape[1])
    punished = np.ones(size)
    punished[-1] = 0.0  # the bias is free
    drawn = np.zeros(size)
    if towards is not None:
        drawn[:-1] = towards

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        point = flat.reshape(size)
        logs = log_softmax(rows @ point, axis=1)
        away = punished * (point - drawn)
        slope = rows.T @ (share * (np.exp(logs) - labels)) + strength * away
        value = -float(np.sum(share * labels * logs))
        return value + strength / 2 * float(np.sum(away**2)), slope.ravel()

    best = minimize(loss, drawn.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    fitted = best.reshape(size)
    return fitted[:-1], fitted[-1]


def _callbacks(recipe: Recipe, check: Check) -> list[keras.callbacks.Callback]:
    patience = recipe.patience
    return [
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=max(1, patience // 2), min_lr=1e-5),
        keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: check()),
    ]
