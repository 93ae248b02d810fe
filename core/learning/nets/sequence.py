"""What judges all segments of a track at once; never trains it.

A track's statistics (the mean and the spread of each feature) for a linear model, and nets
whose tokens are the segments, by attention (Press et al. 2022 for the distances) or by
dynamic convolution (Chen et al. 2020). Axes: R segments of all tracks one after the other,
B tracks, T segments of one, F features (135), E the embedding (200), D width, G genres.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from core.learning.nets import networks
from core.learning.nets.networks import Knots

__all__ = ["Shape", "described", "net", "net_member", "statistics", "usual_spread"]

NOWHERE = -1e9  # added to the logit of a segment that is not there

# Segments that the usual spread counts as: one segment alone shows no spread at all, and
# that must not look like a track in which nothing happens.
GRANTED = 4.0


# --- a track's statistics -------------------------------------------------------------------


def described(
    rows: NDArray[np.float32], counts: NDArray[np.int64], usual: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return mean and spread [tracks, 2 F] of squashed *rows* [R, F], *counts* [tracks] of each.

    The spread is the logarithm of the variance over the *usual* one [F], towards which it is
    drawn: a track of one segment has 0.
    """
    n = counts[:, None].astype(np.float32)
    mean, variance = _moments(rows, counts)
    spread = np.log((n * variance / usual**2 + GRANTED) / (n - 1 + GRANTED))
    return np.asarray(np.concatenate([mean, spread], axis=1), dtype=np.float32)


def usual_spread(rows: NDArray[np.float32], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the typical spread [F] within a track, from those of at least two segments."""
    _, variance = _moments(rows, counts)
    several = counts > 1
    if not several.any():
        return np.ones(rows.shape[1], np.float32)
    fair = variance[several] * (counts[several] / (counts[several] - 1))[:, None]
    return np.asarray(np.sqrt(np.maximum(fair.mean(axis=0), 1e-2)), dtype=np.float32)


def _moments(
    rows: NDArray[np.float32], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and variance [tracks, F] over each track's segments."""
    first, n = np.cumsum(counts) - counts, counts[:, None]
    mean = np.add.reduceat(rows, first, axis=0) / n
    away = rows - np.repeat(mean, counts, axis=0)
    variance = np.add.reduceat(away**2, first, axis=0) / n
    return mean.astype(np.float32), variance.astype(np.float32)


class Describe(keras.layers.Layer):  # type: ignore[misc]
    """`described` of one track as a layer."""

    def __init__(self, usual: NDArray[np.float32]) -> None:
        super().__init__(trainable=False, name="describe")
        self.values = usual

    def build(self, _shape: Sequence[int | None]) -> None:
        """Hold the usual spread as a weight, so that it is saved with the others."""
        self.usual = self.add_weight(shape=self.values.shape, initializer="zeros", name="usual")
        self.usual.assign(self.values)

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        """Map squashed segments (T, F) to mean and spread (1, 2 F)."""
        n = tf.reduce_sum(tf.ones_like(rows[:, :1]))
        mean = tf.reduce_mean(rows, axis=0, keepdims=True)
        squares = tf.reduce_sum(tf.square(rows - mean), axis=0, keepdims=True)
        spread = tf.math.log((squares / self.usual**2 + GRANTED) / (n - 1 + GRANTED))
        return tf.concat([mean, spread], axis=1)


class OneTrack(keras.layers.Layer):  # type: ignore[misc]
    """Take the one track of a batch of one: (1, T, F) to (T, F)."""

    def call(self, batch: tf.Tensor) -> tf.Tensor:
        """Drop the first axis."""
        return batch[0]


def statistics(
    knots: Knots,
    usual: NDArray[np.float32],
    weights: NDArray[np.floating[Any]],
    bias: NDArray[np.floating[Any]],
) -> keras.Model:
    """Build the linear member from its weights: a track's raw features (1, T, F) to (1, G)."""
    raw = keras.Input((None, len(knots.foot)), batch_size=1, name="raw_features")
    rows = networks.Squash(knots)(OneTrack()(raw))
    dense = keras.layers.Dense(len(bias), name="logits")
    model = keras.Model(raw, dense(Describe(usual)(rows)), name="statistics")
    dense.set_weights([weights, bias])
    return model


# --- nets over the segments -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large a net over segments is and how it is held back."""

    features: int
    genres: int
    embedding: int = 0  # E where each token carries the track's embedding too, else 0
    blocks: int = 2
    convolving: bool = False  # dynamic convolution in place of attention
    width: int = 64  # D
    heads: int = 4
    kernels: int = 4  # that dynamic convolution mixes
    head: tuple[int, ...] = (256, 128, 64)
    dropout: float = 0.3
    mask: float = 0.1  # share of features set to their typical value while training
    noise: float = 0.1  # standard deviations added while training
    dropped: float = 0.2  # share of tokens left out while training


class DropTokens(keras.layers.Layer):  # type: ignore[misc]
    """While training, leave tokens out at random, never the last of a track."""

    def __init__(self, rate: float, seed: int) -> None:
        super().__init__(name="drop_tokens")
        self.rate = rate
        self.random = keras.random.SeedGenerator(seed)

    def call(self, there: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Map (B, T, 1), 1 where a segment is, to the same with some more zeros."""
        if not training:
            return there
        drawn = there * keras.random.uniform(tf.shape(there), 0.01, 1.0, seed=self.random)
        kept = tf.logical_or(drawn > self.rate, drawn >= tf.reduce_max(drawn, 1, keepdims=True))
        return there * tf.cast(kept, there.dtype)


class Attend(keras.layers.Layer):  # type: ignore[misc]
    """Attention over the segments that are there, the nearer the easier, learned by head."""

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.ask = keras.layers.Dense(3 * width, name="ask")
        self.answer = keras.layers.Dense(width, name="answer")

    def build(self, shape: Sequence[Sequence[int | None]]) -> None:
        """Make the projections, and how fast each head forgets with distance."""
        self.ask.build(shape[0])
        self.answer.build(shape[0])
        start = keras.initializers.Constant(-2.0)
        self.slope = self.add_weight(shape=(1, self.heads, 1, 1), initializer=start, name="slope")

    def call(self, given: Sequence[tf.Tensor]) -> tf.Tensor:
        """Map tokens (B, T, D) and where they are (B, T, 1) to tokens (B, T, D)."""
        tokens, there = given
        length, each = tf.shape(tokens)[1], self.width // self.heads
        parts = tf.reshape(self.ask(tokens), (-1, length, 3 * self.heads, each))
        query, key, value = tf.split(tf.transpose(parts, (0, 2, 1, 3)), 3, axis=1)  # (B, H, T, d)
        place = tf.cumsum(tf.ones_like(there), axis=1)  # (B, T, 1)
        apart = tf.abs(place - tf.transpose(place, (0, 2, 1)))[:, None]  # (B, 1, T, T)
        near = tf.matmul(query, key, transpose_b=True) / each**0.5
        near = near - tf.nn.softplus(self.slope) * apart
        near = near + NOWHERE * (1 - tf.transpose(there, (0, 2, 1))[:, None])
        mixed = tf.transpose(tf.matmul(tf.nn.softmax(near), value), (0, 2, 1, 3))
        return self.answer(tf.reshape(mixed, (-1, length, self.width)))


class Convolve(keras.layers.Layer):  # type: ignore[misc]
    """Depthwise convolution over neighbours whose kernel is mixed for each track."""

    def __init__(self, kernels: int, width: int) -> None:
        super().__init__()
        self.kernels, self.width = kernels, width
        self.choose = keras.layers.Dense(kernels, activation="softmax", name="choose")
        self.answer = keras.layers.Dense(width, name="answer")

    def build(self, shape: Sequence[Sequence[int | None]]) -> None:
        """Make the kernels, three taps each."""
        self.choose.build((None, self.width))
        self.answer.build(shape[0])
        even = keras.initializers.RandomNormal(stddev=0.3)
        taps = (self.kernels, 3 * self.width)
        self.taps = self.add_weight(shape=taps, initializer=even, name="taps")

    def call(self, given: Sequence[tf.Tensor]) -> tf.Tensor:
        """Map tokens (B, T, D), where they are (B, T, 1), what is pooled (B, D) to tokens."""
        tokens, there, pooled = given
        kernel = tf.reshape(tf.matmul(self.choose(pooled), self.taps), (-1, 3, self.width))
        wide = tf.pad(tokens * there, ((0, 0), (1, 1), (0, 0)))
        mixed = wide[:, :-2] * kernel[:, :1] + wide[:, 1:-1] * kernel[:, 1:2]
        return self.answer(tf.nn.relu(mixed + wide[:, 2:] * kernel[:, 2:]))


class Pool(keras.layers.Layer):  # type: ignore[misc]
    """Average the tokens that are there, weighed by what they say (attention pooling)."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = keras.layers.Dense(1, name="judge")

    def build(self, shape: Sequence[Sequence[int | None]]) -> None:
        """Make what weighs a token."""
        self.judge.build(shape[0])

    def call(self, given: Sequence[tf.Tensor]) -> tf.Tensor:
        """Map tokens (B, T, D) and where they are (B, T, 1) to (B, D)."""
        tokens, there = given
        share = tf.nn.softmax(self.judge(tokens) + NOWHERE * (1 - there), axis=1)
        return tf.reduce_sum(share * tokens, axis=1)


class Mean(keras.layers.Layer):  # type: ignore[misc]
    """The plain mean of the segments that are there."""

    def call(self, given: Sequence[tf.Tensor]) -> tf.Tensor:
        """Map segments (B, T, F) and where they are (B, T, 1) to (B, F)."""
        rows, there = given
        return tf.reduce_sum(rows * there, axis=1) / tf.reduce_sum(there, axis=1)


class ToEach(keras.layers.Layer):  # type: ignore[misc]
    """Give what is of the track to each of its tokens: (B, T, D) and (B, D) to (B, T, D)."""

    def call(self, given: Sequence[tf.Tensor]) -> tf.Tensor:
        """Add the one to the others."""
        return given[0] + given[1][:, None]


def net(shape: Shape, *, seed: int) -> keras.Model:
    """Build a net over segments: squashed ones (B, T, F), where they are (B, T, 1), to (B, G).

    With an embedding its third input is that (B, E), standardised. Beside the deep path runs a
    plain one, from the means; `begin_plain` of `networks` lets it start as regression.
    """
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    rows = keras.Input((None, shape.features), name="features")
    there = keras.Input((None, 1), name="there")
    inputs = [rows, there]
    disturbed = layers.Dropout(shape.mask)(layers.GaussianNoise(shape.noise)(rows))
    kept = DropTokens(shape.dropped, seed)(there)
    tokens, plain = layers.Dense(shape.width)(disturbed), Mean()([disturbed, kept])
    if shape.embedding:
        inputs.append(keras.Input((shape.embedding,), name="embedding"))
        known = layers.Dropout(shape.mask)(layers.GaussianNoise(shape.noise)(inputs[2]))
        tokens = ToEach()([tokens, layers.Dense(shape.width)(known)])
        plain = layers.Concatenate()([plain, known])
    for _ in range(shape.blocks):
        tokens = _block(tokens, kept, shape)
    hidden = Pool()([layers.LayerNormalization()(tokens), kept])  # (B, D)
    deep = networks.residual_head(hidden, shape.head, shape.dropout)
    deep = layers.Dense(shape.genres, name="deep")(deep)
    logits = layers.Add(name="logits")([layers.Dense(shape.genres, name="plain")(plain), deep])
    return keras.Model(tuple(inputs), logits, name="sequence")


def _block(tokens: keras.KerasTensor, there: keras.KerasTensor, shape: Shape) -> keras.KerasTensor:
    """Look at the others, then think, each beside a residual connection."""
    layers = keras.layers
    normed = layers.LayerNormalization()(tokens)
    if shape.convolving:
        pooled = Pool()([normed, there])
        seen = Convolve(shape.kernels, shape.width)([normed, there, pooled])
    else:
        seen = Attend(shape.heads, shape.width)([normed, there])
    tokens = layers.Add()([tokens, layers.Dropout(shape.dropout)(seen)])
    thought = layers.Dense(2 * shape.width, activation="relu")(layers.LayerNormalization()(tokens))
    thought = layers.Dense(shape.width)(thought)
    return layers.Add()([tokens, layers.Dropout(shape.dropout)(thought)])


class Everywhere(keras.layers.Layer):  # type: ignore[misc]
    """Say that each segment is there: (1, T, F) to (1, T, 1)."""

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        """Return ones."""
        return tf.ones_like(rows[:, :, :1])


class Batch(keras.layers.Layer):  # type: ignore[misc]
    """Make a batch of one of one track: (T, F) to (1, T, F)."""

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        """Add an axis."""
        return rows[None]


def net_member(
    network: keras.Model, knots: Knots, centre: NDArray[Any] | None, width: NDArray[Any] | None
) -> keras.Model:
    """Put squashing before *network*: raw features (1, T, F) to logits (1, G).

    Where it takes the embedding, raw (1, E), that is an input too, standardised by *centre*
    and *width* [E].
    """
    raw = keras.Input((None, len(knots.foot)), batch_size=1, name="raw_features")
    rows = Batch()(networks.Squash(knots)(OneTrack()(raw)))
    if centre is None or width is None:
        return keras.Model(raw, network((rows, Everywhere()(rows))), name="sequence")
    embedding = keras.Input((len(centre),), batch_size=1, name="embedding")
    known = networks.Standardise(centre, width)(embedding)
    logits = network((rows, Everywhere()(rows), known))
    return keras.Model([embedding, raw], logits, name="sequence")
