"""Train the members of one ensemble on some tracks; knows nothing of folds or files.

Every random choice follows from the recipe's seed, so the same tracks give the same
weights on the same machine. One Keras model is compiled and used again for every fit,
since tracing it takes longer than training it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from core.learning.confidence.weighing import granted, shared
from core.learning.ensemble.recipe import Recipe
from core.learning.ensemble.rows import (
    Epochs,
    Rows,
    class_weight,
    one_hot,
    softened,
    split_weight,
    targets,
)
from core.learning.ensemble.starts import Before
from core.learning.nets import networks, sequence
from core.learning.nets.compiled import Compiled, Course, Weights
from core.learning.nets.members import (
    Ensemble,
    Member,
    OnEmbedding,
    Plain,
    SegmentNet,
    SequenceNet,
    Statistics,
)
from core.learning.nets.passages import Drawing, Passages, Takes, takes_of, whole
from core.learning.nets.prior import TagLayer
from core.learning.tracks.dataset import Track, apart, embeddings, split_groups

__all__ = ["Check", "Ensemble", "Recipe", "Studio", "curves", "no_check", "regress"]

Linear = tuple[NDArray[np.float64], NDArray[np.float64]]  # weights [F, G], bias [G]
Check = Callable[[], None]  # called between epochs; raises to stop the training

NETS = ("sequence", "deeper", "convolution", "both")  # kinds of member over segments
EMBEDDED = ("embedding", "both")  # those that judge the embedding
EMBEDDING_SIZE = 200
HELD_OUT = 6  # a transformer is stopped by a sixth of the artists


def no_check() -> None:
    """Let the training run on."""


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
        self._compiled: dict[str, Compiled] = {}

    def train(
        self,
        tracks: Sequence[Track],
        check: Check = no_check,
        fitted: Check = no_check,
        *,
        shares: Mapping[str, float] | None = None,
        before: Before | None = None,
    ) -> Ensemble:
        """Train an ensemble on *tracks*; each network holds out other artists.

        *shares* of the kinds come from out-of-fold words; a kind without one is left out. By
        default every kind of the recipe that these tracks allow is a member, counting what it
        is granted. Fits begin at the members of *before*, if any. *check* is called between
        epochs and may raise, *fitted* after each network.
        """
        counting = granted(self.kinds(tracks)) if shares is None else shares
        wanted = [kind for kind in self.kinds(tracks) if shares is None or counting.get(kind)]
        members = self.members(wanted, tracks, check, fitted, before)
        kinds = tuple(member.kind for member in members)
        return Ensemble(members=members, weights=shared(kinds, counting))

    def members(
        self,
        kinds: Sequence[str],
        tracks: Sequence[Track],
        check: Check,
        fitted: Check,
        before: Before | None,
    ) -> tuple[Member, ...]:
        """Return members of these *kinds* fitted on *tracks*; see `train`."""
        knots = curves(tracks)
        return tuple(
            member
            for kind in kinds
            for member in self._members(kind, tracks, knots, check, fitted, before)
        )

    def kinds(self, tracks: Sequence[Track]) -> tuple[str, ...]:
        """Return the kinds of member that *tracks* allow: without embeddings none judges them."""
        recipe = self.recipe
        kinds = recipe.kinds if recipe.members else _without(recipe.kinds, ("transformer",))
        return kinds if embeddings(tracks) is not None else _without(kinds, EMBEDDED)

    def count(self, tracks: Sequence[Track]) -> int:
        """Return how many networks an ensemble on *tracks* has, each trained in epochs."""
        many = {"transformer": self.recipe.members, **dict.fromkeys(NETS, 1)}
        return sum(many.get(kind, 0) for kind in self.kinds(tracks))

    def _members(
        self,
        kind: str,
        tracks: Sequence[Track],
        knots: networks.Knots,
        check: Check,
        fitted: Check,
        before: Before | None,
    ) -> Iterator[Member]:
        plain = self._plain_before(before)
        if kind == "linear":
            rows = self._rows(tracks, knots, copies=True)
            weights, bias = self._regressed(rows, start=plain)
            yield Plain(knots=knots, weights=weights, bias=bias)
        elif kind == "statistics":
            yield self.statistics(tracks, knots)
        elif kind == "embedding":
            head = self.head(tracks, self._head_before(before))
            if head is not None:
                yield OnEmbedding(head=head)
        elif kind in NETS:
            yield self.over_segments(kind, tracks, knots, check)
            fitted()
        else:
            for number in range(self.recipe.members):
                learned = self.transformer(tracks, knots, number, check, before)
                yield SegmentNet(shape=self.shape, knots=knots, weights=learned)
                fitted()

    def transformer(
        self,
        tracks: Sequence[Track],
        knots: networks.Knots,
        number: int,
        check: Check,
        before: Before | None = None,
    ) -> Weights:
        """Fit transformer *number*, stopped by held-out artists, from the one *before* if any."""
        made = self._made("transformer")
        kept, judged = self._divided(tracks, number)
        train = self._rows(kept, knots, copies=True)
        plain = self._regressed(train, start=self._plain_before(before))
        made.restart(number, plain, self._net_before(before, number))
        if judged:
            valid = self._rows(judged, knots)
            batches = Epochs(train, self.recipe, self.recipe.seed * 1000 + number)
            made.fit(batches, (valid.features, one_hot(valid), valid.row_weight), check)
        return made.weights()

    def over_segments(
        self, kind: str, tracks: Sequence[Track], knots: networks.Knots, check: Check
    ) -> SequenceNet:
        """Fit the net of *kind* over the segments of tracks, stopped by held-out artists."""
        made = self._made(kind)
        kept, judged = self._divided(tracks, 0)
        head = self.head(kept) if kind in EMBEDDED else None
        plain = self._regressed(self._rows(kept, knots, copies=True))
        made.restart(0, plain if head is None else _side_by_side(plain, head))
        if judged:
            batches = Passages(self._takes(kept, knots, head, copies=True), self._drawing())
            made.fit(batches, whole(self._takes(judged, knots, head, copies=False)), check)
        return SequenceNet(
            kind=kind,
            shape=self._net_shape(kind),
            knots=knots,
            weights=made.weights(),
            centre=None if head is None else head.centre,
            width=None if head is None else head.width,
        )

    def _divided(
        self, tracks: Sequence[Track], number: int
    ) -> tuple[Sequence[Track], Sequence[Track]]:
        """Which tracks network *number* learns from, and which stop it.

        Where there is one artist alone, nobody stops it, so it stays as plain as it starts.
        """
        parts = min(HELD_OUT, len({track.group for track in tracks}))
        if parts < 2:  # noqa: PLR2004
            return tracks, ()
        fold = split_groups(tracks, folds=parts, seed=self.recipe.seed)
        return apart(tracks, fold == number % parts)

    def _made(self, kind: str) -> Compiled:
        """The compiled network of *kind*, made when it is first needed."""
        if kind not in self._compiled:
            build: Callable[[int], keras.Model]
            if kind == "transformer":
                build = partial(_transformer, self.shape)
            else:
                build = partial(_net, self._net_shape(kind))
            course = self._course(averaged=0.0 if kind == "transformer" else self.recipe.averaged)
            self._compiled[kind] = Compiled(build, course, seed=self.recipe.seed)
        return self._compiled[kind]

    def _course(self, *, averaged: float) -> Course:
        recipe = self.recipe
        return Course(
            epochs=recipe.epochs,
            patience=recipe.patience,
            rate=recipe.rate,
            decay=recipe.decay,
            averaged=averaged,
        )

    def _net_shape(self, kind: str) -> sequence.Shape:
        return sequence.Shape(
            features=sum(self.shape.groups),
            genres=len(self.genres),
            embedding=EMBEDDING_SIZE if kind in EMBEDDED else 0,
            blocks=4 if kind == "deeper" else 2,
            convolving=kind == "convolution",
            dropped=self.recipe.dropped,
        )

    def _drawing(self) -> Drawing:
        recipe = self.recipe
        return Drawing(
            seed=recipe.seed,
            batch_size=recipe.batch_size,
            draws=recipe.draws,
            mixup=recipe.mixup,
        )

    def _takes(
        self,
        tracks: Sequence[Track],
        knots: networks.Knots,
        head: networks.Head | None,
        *,
        copies: bool,
    ) -> Takes:
        """Whole tracks, and for fitting their copies, softened labels and balanced genres."""
        pieces = [[t.features, *(t.copies if copies else ())] for t in tracks]
        raw = embeddings(tracks) if head else None
        known = None if raw is None or not head else networks.scaled(raw, head.centre, head.width)
        count = len(tracks)
        rows = self._as_rows(
            tracks, np.zeros((count, 0), np.float32), np.arange(count), np.ones(count)
        )
        weight = rows.weight * (class_weight(rows)[rows.genre] if copies else 1.0)
        labels = softened(rows, self.recipe.smoothing) if copies else one_hot(rows)
        squashed = [[networks.squashed(part, knots) for part in some] for some in pieces]
        return takes_of(squashed, labels, weight, known)

    def head(self, tracks: Sequence[Track], start: Linear | None = None) -> networks.Head | None:
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
        weights, bias = self._regressed(rows, self.recipe.head_c, towards, start)
        return networks.Head(centre=centre, width=width, weights=weights, bias=bias)

    def statistics(self, tracks: Sequence[Track], knots: networks.Knots) -> Statistics:
        """Fit softmax regression on each track's mean and spread, copies and parts beside it."""
        whole = networks.squashed(np.concatenate([t.features for t in tracks]), knots)
        counts = np.array([len(t.features) for t in tracks])
        usual = sequence.usual_spread(whole, counts)
        pieces = [[t.features, *_parts(t.features), *t.copies] for t in tracks]
        rows = self._as_rows(
            tracks,
            sequence.described(
                networks.squashed(np.concatenate([p for some in pieces for p in some]), knots),
                np.array([len(p) for some in pieces for p in some]),
                usual,
            ),
            np.repeat(np.arange(len(pieces)), [len(some) for some in pieces]),
            np.concatenate(
                [
                    split_weight(len(p) - len(t.copies), len(p))
                    for t, p in zip(tracks, pieces, strict=True)
                ]
            ),
        )
        weights, bias = self._regressed(rows, self.recipe.statistics_c)
        return Statistics(knots=knots, usual=usual, weights=weights, bias=bias)

    def _prior(
        self, raw: NDArray[np.float32], width: NDArray[np.float32]
    ) -> NDArray[np.float64] | None:
        if self.tags is None:
            return None
        return self.recipe.prior * self.tags.weights(self.genres, raw, width)

    def _plain_before(self, before: Before | None) -> Linear | None:
        found = None if before is None else before.ensemble.plain
        return None if found is None else self._placed(before, found.weights, found.bias)

    def _head_before(self, before: Before | None) -> Linear | None:
        found = None if before is None else before.ensemble.head
        return None if found is None else self._placed(before, found.weights, found.bias)

    def _placed(
        self, before: Before | None, weights: NDArray[np.float64], bias: NDArray[np.float64]
    ) -> Linear:
        """Put the columns of the genres *before* where they are now; a new genre begins at zero."""
        moved = np.zeros((len(weights), len(self.genres))), np.zeros(len(self.genres))
        for column, genre in enumerate(before.genres if before else ()):
            if genre in self.genres:
                moved[0][:, self.genres.index(genre)] = weights[:, column]
                moved[1][self.genres.index(genre)] = bias[column]
        return moved

    def _net_before(self, before: Before | None, number: int) -> Weights | None:
        """The weights of transformer *number* before, where it had the same genres."""
        if before is None or before.genres != self.genres:
            return None
        found = before.member("transformer", number)
        return found.weights if isinstance(found, SegmentNet) else None

    def _regressed(
        self,
        rows: Rows,
        c: float | None = None,
        towards: NDArray[np.float64] | None = None,
        start: Linear | None = None,
    ) -> Linear:
        weight = rows.row_weight * class_weight(rows)[rows.genre[rows.track]]
        strength = 1 / ((c or self.recipe.linear_c) * len(rows.genre))
        return regress(rows.features, rows.target[rows.track], weight, strength, towards, start)

    def _rows(
        self, tracks: Sequence[Track], knots: networks.Knots, *, copies: bool = False
    ) -> Rows:
        parts = [np.concatenate([t.features, *(t.copies if copies else ())]) for t in tracks]
        track = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        each = [split_weight(len(t.features), len(p)) for t, p in zip(tracks, parts, strict=True)]
        features = networks.squashed(np.concatenate(parts), knots)
        return self._as_rows(tracks, features, track, np.concatenate(each))

    def _as_rows(
        self,
        tracks: Sequence[Track],
        features: NDArray[np.float32],
        track: NDArray[np.int64],
        part: NDArray[np.float64],
    ) -> Rows:
        weight = np.array([t.weight for t in tracks])
        genre = np.array([self.genres.index(t.genre) for t in tracks])
        return Rows(
            features=features,
            track=track,
            genre=genre,
            target=targets(tracks, genre, len(self.genres), self.recipe.taught),
            weight=weight / weight.mean(),
            part=part,
            genres=len(self.genres),
        )


def _side_by_side(
    plain: tuple[NDArray[np.float64], NDArray[np.float64]], head: networks.Head
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Late fusion of the two as one regression, at the shares granted without evidence."""
    share = granted(("linear", "embedding"))
    weights = np.concatenate([share["linear"] * plain[0], share["embedding"] * head.weights])
    return weights, share["linear"] * plain[1] + share["embedding"] * head.bias


def _transformer(shape: networks.Shape, seed: int) -> keras.Model:
    return networks.transformer(shape, seed=seed)


def _net(shape: sequence.Shape, seed: int) -> keras.Model:
    return sequence.net(shape, seed=seed)


def _parts(features: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Runs of a track's segments [n, F]: what long tracks teach must serve short ones too."""
    n = len(features)
    return [features[i : i + size] for size in (1, 2, 4) if size < n for i in range(0, n, size)]


def _without(kinds: Sequence[str], others: Collection[str]) -> tuple[str, ...]:
    return tuple(kind for kind in kinds if kind not in others)


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
    start: Linear | None = None,
) -> Linear:
    """Fit softmax regression of *labels* [R, G] on *features* [R, F]: weights [F, G], bias [G].

    Minimises the mean log loss, rows counting *weight* [R], plus strength / 2 * the squared
    distance of the weights from *towards* [F, G], by default zero. One optimum, so no chance
    is involved, and where the search begins (*start*) only decides how long it takes.
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

    first = drawn if start is None else np.vstack([start[0], start[1][None]])
    best = minimize(loss, first.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x
    fitted = best.reshape(size)
    return fitted[:-1], fitted[-1]
