"""Trained members: what each says of some tracks, and each as a Keras model; never trains them.

Some judge each segment, some the track's mean embedding, some all segments of a track at
once. Axes: R segments of all tracks one after the other, F features (135), E the embedding
(200), G genres. Whoever judges a whole track says the same of each of its segments.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from core.errors import TrainingError
from core.learning.nets import networks, sequence
from core.learning.nets.compiled import Weights
from core.learning.nets.passages import padded

__all__ = [
    "BOTH",
    "EMBEDDING",
    "SEGMENTS",
    "TRACK",
    "Ensemble",
    "Heard",
    "Member",
    "OnEmbedding",
    "Plain",
    "SegmentNet",
    "SequenceNet",
    "Statistics",
]

AT_ONCE = 256  # tracks in one batch, so that a large library is no trouble
ROWS = 4096  # segments in one batch, likewise

# What a member judges, as the manifest says it.
SEGMENTS, EMBEDDING, TRACK, BOTH = "segments", "embedding", "track", "track+embedding"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heard:
    """What was heard of some tracks."""

    features: NDArray[np.float32]  # [R, F], raw
    counts: NDArray[np.int64]  # [tracks], segments of each; their sum is R
    embedding: NDArray[np.float32] | None = None  # [R, E], that of each segment's track

    @property
    def first(self) -> NDArray[np.int64]:
        """[tracks]: the row of each track's first segment."""
        return np.cumsum(self.counts) - self.counts

    def of_tracks(self) -> NDArray[np.float32]:
        """The embeddings [tracks, E]; raises TrainingError where there are none."""
        if self.embedding is None:
            raise TrainingError("the ensemble judges embeddings, and a track has none")
        return self.embedding[self.first]

    def spread(self, said: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Say of each segment what *said* [tracks, G] says of its track: [R, G]."""
        return np.repeat(said, self.counts, axis=0)


class Member(Protocol):
    """One voice of the ensemble."""

    @property
    def kind(self) -> str:
        """Which kind of model it is; members of a kind share one weight."""

    @property
    def judges(self) -> str:
        """What its LiteRT file takes."""

    def says(self, heard: Heard) -> NDArray[np.floating[Any]]:
        """Return logits [R, G]."""

    def model(self) -> keras.Model:
        """Build it from raw features or embeddings to logits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentNet:
    """A transformer over the feature groups of one segment."""

    kind: ClassVar[str] = "transformer"
    judges: ClassVar[str] = SEGMENTS
    shape: networks.Shape
    knots: networks.Knots
    weights: Weights

    def says(self, heard: Heard) -> NDArray[np.floating[Any]]:
        """Return logits [R, G]."""
        network = _blank(self.shape)
        network.set_weights(self.weights)
        rows = networks.squashed(heard.features, self.knots)
        parts = [rows[at : at + ROWS] for at in range(0, max(1, len(rows)), ROWS)]
        return np.concatenate([np.asarray(network(part, training=False)) for part in parts])

    def model(self) -> keras.Model:
        """Build it from raw features (N, F) to logits (N, G)."""
        network = networks.transformer(self.shape, seed=0)
        network.set_weights(self.weights)
        return networks.member(network, self.knots)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plain:
    """Softmax regression on one segment."""

    kind: ClassVar[str] = "linear"
    judges: ClassVar[str] = SEGMENTS
    knots: networks.Knots
    weights: NDArray[np.float64]  # [F, G]
    bias: NDArray[np.float64]  # [G]

    def says(self, heard: Heard) -> NDArray[np.floating[Any]]:
        """Return logits [R, G]."""
        return networks.squashed(heard.features, self.knots) @ self.weights + self.bias

    def model(self) -> keras.Model:
        """Build it from raw features (N, F) to logits (N, G)."""
        return networks.member(networks.linear(self.weights, self.bias), self.knots)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnEmbedding:
    """The head on the embedding."""

    kind: ClassVar[str] = "embedding"
    judges: ClassVar[str] = EMBEDDING
    head: networks.Head

    def says(self, heard: Heard) -> NDArray[np.floating[Any]]:
        """Return logits [R, G]."""
        return heard.spread(self.head.scores(heard.of_tracks()))

    def model(self) -> keras.Model:
        """Build it from mean embeddings (N, E) to logits (N, G)."""
        return networks.embedding_head(self.head)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statistics:
    """Softmax regression on a track's mean and spread over its segments."""

    kind: ClassVar[str] = "statistics"
    judges: ClassVar[str] = TRACK
    knots: networks.Knots
    usual: NDArray[np.float32]  # [F], the spread within a track that is taken for granted
    weights: NDArray[np.float64]  # [2 F, G]
    bias: NDArray[np.float64]  # [G]

    def says(self, heard: Heard) -> NDArray[np.floating[Any]]:
        """Return logits [R, G]."""
        rows = networks.squashed(heard.features, self.knots)
        described = sequence.described(rows, heard.counts, self.usual)
        return heard.spread(described @ self.weights + self.bias)

    def model(self) -> keras.Model:
        """Build it from a track's raw features (1, T, F) to logits (1, G)."""
        return sequence.statistics(self.knots, self.usual, self.weights, self.bias)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SequenceNet:
    """A net over the segments of a track, and over its embedding where it has *centre*."""

    kind: str
    shape: sequence.Shape
    knots: networks.Knots
    weights: Weights
    centre: NDArray[np.float32] | None = None  # [E], what the embedding is standardised by
    width: NDArray[np.float32] | None = None  # [E]

    @property
    def judges(self) -> str:
        """What its LiteRT file takes."""
        return TRACK if self.centre is None else BOTH

    def says(self, heard: Heard) -> NDArray[np.floating[Any]]:
        """Return logits [R, G]."""
        network = _blank_net(self.shape)
        network.set_weights(self.weights)
        rows = networks.squashed(heard.features, self.knots)
        features, there = padded(rows, heard.counts, int(heard.counts.max()))
        known = self._known(heard)
        said = [
            np.asarray(network((features[at], there[at], *(k[at] for k in known)), training=False))
            for at in np.array_split(np.arange(len(features)), -(-len(features) // AT_ONCE))
        ]
        return heard.spread(np.concatenate(said))

    def _known(self, heard: Heard) -> tuple[NDArray[np.float32], ...]:
        if self.centre is None or self.width is None:
            return ()
        return (networks.scaled(heard.of_tracks(), self.centre, self.width),)

    def model(self) -> keras.Model:
        """Build it from a track's raw features (1, T, F), and its embedding, to logits (1, G)."""
        network = sequence.net(self.shape, seed=0)
        network.set_weights(self.weights)
        return sequence.net_member(network, self.knots, self.centre, self.width)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ensemble:
    """Trained members, and how much each counts in the late fusion."""

    members: tuple[Member, ...]
    weights: tuple[float, ...]  # [members], none negative, their sum is 1

    @property
    def kinds(self) -> tuple[str, ...]:
        """[members]: of which kind each is."""
        return tuple(member.kind for member in self.members)

    @property
    def head(self) -> networks.Head | None:
        """The head on the embedding, None where it has none."""
        heads = (m.head for m in self.members if isinstance(m, OnEmbedding))
        return next(heads, None)

    @property
    def plain(self) -> Plain | None:
        """The linear member on one segment, None where it has none."""
        found = (m for m in self.members if isinstance(m, Plain))
        return next(found, None)

    @property
    def embedded(self) -> bool:
        """Whether a member judges the embedding, so that a backbone is needed."""
        return any(member.judges in (EMBEDDING, BOTH) for member in self.members)

    def scores(
        self,
        features: NDArray[np.float32],
        embedding: NDArray[np.float32] | None = None,
        counts: Sequence[int] | NDArray[np.int64] | None = None,
    ) -> NDArray[np.float32]:
        """Return raw logits [members, R, G] of raw *features* [R, F].

        *embedding* [R, E] is that of each segment's track, needed where a member judges it;
        *counts* [tracks] says how many segments each track has, by default all are of one.
        """
        of_one = np.asarray([len(features)] if counts is None else counts, dtype=np.int64)
        heard = Heard(features=features, embedding=embedding, counts=of_one)
        said = [member.says(heard) for member in self.members]
        return np.asarray(np.stack(said), dtype=np.float32)

    def models(self) -> Iterator[keras.Model]:
        """Build each member as a Keras model."""
        return (member.model() for member in self.members)


@cache
def _blank(shape: networks.Shape) -> keras.Model:
    """Build a transformer that lends its graph to any weights: building takes half a second."""
    return networks.transformer(shape, seed=0)


@cache
def _blank_net(shape: sequence.Shape) -> keras.Model:
    """Build a net over segments that lends its graph to any weights."""
    return sequence.net(shape, seed=0)
