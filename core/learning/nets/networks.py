"""The networks, in the order in which a segment's features meet them; never trains them.

Raw features are squashed, cut into the groups A..H, each group becomes a token, the tokens
attend to each other, a residual head gives a logit per genre. The backbone's embedding (E, 200)
has a small head of its own. Axes: N segments, F features (135),
K knots, T tokens (a class token and 8 groups), D width, G genres. After Xiong et al. 2020
(pre-norm) and Gorishniy et al. 2021 (feature tokens).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

__all__ = [
    "Head",
    "Knots",
    "Shape",
    "Squash",
    "Standardise",
    "begin_plain",
    "embedding_head",
    "fit_knots",
    "linear",
    "member",
    "residual_head",
    "scaled",
    "squashed",
    "transformer",
    "use_cores",
]

KNOTS = 24  # enough for a smooth curve through a few hundred values
AT_ONCE = 2048  # rows squashed at a time: each takes 12 kB meanwhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How large a transformer is and how it is held back; the defaults suit ~500 tracks."""

    groups: tuple[int, ...]  # features in each of the groups A..H; their sum is F
    genres: int
    width: int = 32  # D; 48 gained nothing on inner folds of training artists
    blocks: int = 2
    heads: int = 4
    head: tuple[int, ...] = (256, 128, 64)
    dropout: float = 0.3
    mask: float = 0.1  # share of features set to their typical value while training
    noise: float = 0.1  # standard deviations added while training


def use_cores(cores: int) -> None:
    """Bind TensorFlow to *cores* cores; must come before its first operation."""
    tf.config.threading.set_intra_op_parallelism_threads(cores)
    tf.config.threading.set_inter_op_parallelism_threads(1)


# --- squashing: raw features to about a standard normal -------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Knots:
    """One monotone curve per feature, linear between K knots and flat outside them.

    Quantile normalisation (as scikit-learn's QuantileTransformer) in a form that fits into
    a graph. A wild value counts as the largest that training saw: within +-2.4.
    """

    start: NDArray[np.float32]  # [F, K-1], the raw value at which each piece begins
    width: NDArray[np.float32]  # [F, K-1]
    slope: NDArray[np.float32]  # [F, K-1]
    foot: NDArray[np.float32]  # [F], the squashed value left of the first knot


def fit_knots(raw: NDArray[np.float32], weight: NDArray[np.float64]) -> Knots:
    """Return the curves that make *raw* [n, F] normal, row i counting *weight*[i].

    Only ever called with training rows.
    """
    from scipy.stats import norm

    share = np.linspace(0.01, 0.99, KNOTS)
    knots = np.stack([_quantiles(column, weight, share) for column in raw.T])  # (F, K)
    width = np.diff(knots, axis=1)
    # a value shared by many rows leaves pieces of no width: what they would rise is not owed
    rise = np.where(width > 0, np.diff(norm.ppf(share)), 0.0)
    slope = np.divide(rise, width, out=np.zeros_like(rise), where=width > 0)
    single = np.float32
    return Knots(
        start=knots[:, :-1].astype(single),
        width=width.astype(single),
        slope=slope.astype(single),
        foot=(-rise.sum(axis=1) / 2).astype(single),
    )


def _quantiles(
    column: NDArray[np.float32], weight: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    order = np.argsort(column, kind="stable")
    middle = np.cumsum(weight[order]) - weight[order] / 2
    return np.interp(share, middle / weight.sum(), column[order].astype(np.float64))


def squashed(raw: NDArray[np.float32], knots: Knots) -> NDArray[np.float32]:
    """Return *raw* [n, F] squashed, as `Squash` does it in the graph."""
    parts = [_squashed(raw[at : at + AT_ONCE], knots) for at in range(0, len(raw), AT_ONCE)]
    return np.concatenate(parts) if parts else _squashed(raw, knots)


def _squashed(raw: NDArray[np.float32], knots: Knots) -> NDArray[np.float32]:
    past = np.clip(raw[:, :, None] - knots.start, 0.0, knots.width)  # (n, F, K-1)
    return np.asarray(knots.foot + np.sum(past * knots.slope, axis=-1), dtype=np.float32)


class Squash(keras.layers.Layer):  # type: ignore[misc]
    """The curves of `Knots` as a layer: each piece adds its rise while the value passes it."""

    def __init__(self, knots: Knots) -> None:
        super().__init__(trainable=False, name="squash")
        self.knots = knots

    def build(self, _shape: Sequence[int | None]) -> None:
        """Hold the curves as weights, so that they are saved with the others."""
        for name in ("start", "width", "slope", "foot"):
            values = getattr(self.knots, name)
            held = self.add_weight(shape=values.shape, initializer="zeros", name=name)
            held.assign(values)
            setattr(self, name, held)

    def call(self, raw: tf.Tensor) -> tf.Tensor:
        """Map raw features (N, F) to squashed ones (N, F)."""
        past = tf.clip_by_value(raw[:, :, None] - self.start, 0.0, self.width)  # (N, F, K-1)
        return self.foot + tf.reduce_sum(past * self.slope, axis=-1)  # (N, F)


# --- the transformer ------------------------------------------------------------------------


class GroupTokens(keras.layers.Layer):  # type: ignore[misc]
    """Project each feature group to a token of its own, a learned class token before them.

    One matrix does it for all groups, with zeros where a feature is not of the group. The
    tokens are weights of a layer, since a constant would be folded out of the graph.
    """

    def __init__(self, groups: tuple[int, ...], width: int, **options: object) -> None:
        super().__init__(**options)
        self.tokens, self.width = len(groups), width
        owner = np.repeat(np.arange(self.tokens), groups)  # feature -> group
        mine = owner[:, None] == np.arange(self.tokens)  # (F, T-1)
        self.mine = np.repeat(mine, width, axis=1).astype(np.float32)  # (F, (T-1) D)
        self.scale = np.repeat(1 / np.sqrt(groups), width).astype(np.float32)

    def build(self, shape: Sequence[int | None]) -> None:
        """Make the projection, a learned name for each group, and the class token."""
        units, small = self.tokens * self.width, keras.initializers.RandomNormal(stddev=0.02)
        even = keras.initializers.RandomNormal(stddev=1.0)
        self.kernel = self.add_weight(shape=(shape[-1], units), initializer=even, name="kernel")
        self.names = self.add_weight(shape=(units,), initializer=small, name="names")
        self.first = self.add_weight(shape=(1, 1, self.width), initializer=small, name="class")

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Map squashed features (N, F) to tokens (N, T, D)."""
        flat = tf.matmul(features, self.kernel * self.mine * self.scale) + self.names
        groups = tf.reshape(flat, (-1, self.tokens, self.width))  # (N, T-1, D)
        return tf.concat([tf.zeros_like(groups[:, :1]) + self.first, groups], axis=1)


def _block(tokens: keras.KerasTensor, shape: Shape) -> keras.KerasTensor:
    """Attend, then think, each beside a residual connection: (N, T, D) to (N, T, D)."""
    layers = keras.layers
    normed = layers.LayerNormalization()(tokens)
    attended = layers.MultiHeadAttention(shape.heads, shape.width // shape.heads)(normed, normed)
    tokens = layers.Add()([tokens, layers.Dropout(shape.dropout)(attended)])
    normed = layers.LayerNormalization()(tokens)
    thought = layers.Dense(2 * shape.width, activation="relu")(normed)
    thought = layers.Dense(shape.width)(thought)
    return layers.Add()([tokens, layers.Dropout(shape.dropout)(thought)])


def residual_head(
    hidden: keras.KerasTensor, units_of: Sequence[int], dropout: float
) -> keras.KerasTensor:
    """Turn (N, D) into (N, 64) by residual steps of 256, 128 and 64 units."""
    layers = keras.layers
    for units in units_of:
        change = layers.Dense(units, activation="relu")(layers.LayerNormalization()(hidden))
        straight = layers.Dense(units, use_bias=False)(hidden)
        hidden = layers.Add()([straight, layers.Dropout(dropout)(change)])
    return layers.LayerNormalization()(hidden)


def transformer(shape: Shape, *, seed: int) -> keras.Model:
    """Build the segment transformer: squashed features (N, F) to logits (N, G).

    Beside the deep path runs a plain one, straight from the features.
    """
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    features = keras.Input((sum(shape.groups),), name="features")
    disturbed = layers.GaussianNoise(shape.noise)(features)
    disturbed = layers.Dropout(shape.mask)(disturbed)  # 0 is the typical value
    tokens = GroupTokens(shape.groups, shape.width, name="tokens")(disturbed)  # (N, T, D)
    for _ in range(shape.blocks):
        tokens = _block(tokens, shape)
    hidden = layers.LayerNormalization()(tokens[:, 0])  # (N, D), the class token
    deep = residual_head(hidden, shape.head, shape.dropout)
    deep = layers.Dense(shape.genres, name="deep")(deep)  # (N, G)
    plain = layers.Dense(shape.genres, name="plain")(disturbed)  # (N, G)
    return keras.Model(features, layers.Add(name="logits")([plain, deep]), name="transformer")


def begin_plain(
    model: keras.Model, weights: NDArray[np.floating[Any]], bias: NDArray[np.floating[Any]]
) -> None:
    """Let the transformer *model* start as softmax regression: its deep part says nothing yet."""
    model.get_layer("plain").set_weights([weights, bias])
    deep = model.get_layer("deep")
    deep.set_weights([np.zeros_like(values) for values in deep.get_weights()])


def linear(weights: NDArray[np.floating[Any]], bias: NDArray[np.floating[Any]]) -> keras.Model:
    """Build the plain member from fitted *weights* [F, G] and *bias* [G]: (N, F) to (N, G).

    On few artists the strongest single model, so it votes beside the transformers.
    """
    features = keras.Input((len(weights),), name="features")
    dense = keras.layers.Dense(len(bias), name="logits")
    model = keras.Model(features, dense(features), name="linear")
    dense.set_weights([weights, bias])
    return model


def member(network: keras.Model, knots: Knots) -> keras.Model:
    """Put the squashing before *network*: raw features (N, F) to logits (N, G)."""
    raw = keras.Input((len(knots.foot),), name="raw_features")
    return keras.Model(raw, network(Squash(knots)(raw)), name=network.name)


# --- the head on the embedding --------------------------------------------------------------

WILD = 5.0  # standard deviations; what is farther out counts as so far


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """Softmax regression on a track's mean embedding, standardised by that of its training."""

    centre: NDArray[np.float32]  # [E]
    width: NDArray[np.float32]  # [E], standard deviations
    weights: NDArray[np.float64]  # [E, G]
    bias: NDArray[np.float64]  # [G]

    def scores(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits [n, G] of *embedding* [n, E]."""
        rows = scaled(embedding, self.centre, self.width)
        return np.asarray(rows @ self.weights + self.bias, dtype=np.float32)


def scaled(
    embedding: NDArray[np.float32], centre: NDArray[np.float32], width: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return *embedding* [n, E] in standard deviations [n, E], as `Standardise` does it."""
    return np.asarray(np.clip((embedding - centre) / width, -WILD, WILD), dtype=np.float32)


class Standardise(keras.layers.Layer):  # type: ignore[misc]
    """Centre, divide by the standard deviation, clip at +-5."""

    def __init__(self, centre: NDArray[np.float32], width: NDArray[np.float32]) -> None:
        super().__init__(trainable=False, name="standardise")
        self.values = {"centre": centre, "width": width}

    def build(self, _shape: Sequence[int | None]) -> None:
        """Hold centre and width as weights, so that they are saved with the others."""
        for name, values in self.values.items():
            held = self.add_weight(shape=values.shape, initializer="zeros", name=name)
            held.assign(values)
            setattr(self, name, held)

    def call(self, raw: tf.Tensor) -> tf.Tensor:
        """Map embeddings (N, E) to standardised ones (N, E)."""
        return tf.clip_by_value((raw - self.centre) / self.width, -WILD, WILD)


def embedding_head(head: Head) -> keras.Model:
    """Build the member that judges whole tracks: mean embeddings (N, E) to logits (N, G)."""
    raw = keras.Input((len(head.centre),), name="embedding")
    dense = keras.layers.Dense(len(head.bias), name="logits")
    model = keras.Model(raw, dense(Standardise(head.centre, head.width)(raw)), name="embedding")
    dense.set_weights([head.weights, head.bias])
    return model
