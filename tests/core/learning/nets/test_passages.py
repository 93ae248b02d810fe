"""Passages for nets over segments, and what the nets make of padding and of dropped tokens."""

import numpy as np
import pytest

from core.learning.nets.compiled import Compiled, Course
from core.learning.nets.passages import Drawing, Passages, Takes, takes_of, whole
from core.learning.nets.sequence import DropTokens, Shape, net

SMALL = Shape(features=6, genres=3, width=8, heads=2, head=(16, 8))
KINDS = {
    "attention": SMALL,
    "convolution": Shape(features=6, genres=3, width=8, head=(16, 8), convolving=True),
}


def takes(*, known: bool = False) -> Takes:
    """Four tracks whose segments say which track they are of; the first has a copy."""
    lengths = ((5, 3), (1,), (2,), (7,))
    pieces = [
        [np.full((n, 6), number, np.float32) for n in some] for number, some in enumerate(lengths)
    ]
    labels = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    embedding = np.arange(4, dtype=np.float32)[:, None] if known else None
    return takes_of(pieces, labels, np.ones(4), embedding)


def drawing(mixup: float = 1e-9, draws: int = 80) -> Drawing:
    """Draw nearly unmixed passages."""
    return Drawing(seed=1, batch_size=32, draws=draws, mixup=mixup)


def test_passages_are_short_and_long_and_of_one_track() -> None:
    """From one segment to all of them, labelled as their track is."""
    (features, there), labels, _ = map_all(Passages(takes(), drawing()))
    counts = there[:, :, 0].sum(axis=1).astype(int)
    track = features[np.arange(len(features)), 0, 0].round().astype(int)

    assert features.shape == (320, 7, 6)
    assert set(counts) == {1, 2, 3, 4, 5, 6, 7}
    assert np.allclose(features, track[:, None, None] * there, atol=1e-3)
    assert (labels.argmax(axis=1) == np.array([0, 1, 2, 0])[track]).all()


def test_an_epoch_is_not_the_next_but_the_same_seed_is_the_same() -> None:
    """Random, and repeatable."""
    one, same = Passages(takes(), drawing()), Passages(takes(), drawing())
    first = map_all(one)
    one.on_epoch_end()

    assert np.array_equal(first[0][1], map_all(same)[0][1])
    assert not np.array_equal(first[0][1], map_all(one)[0][1])


def test_mixing_two_passages_mixes_their_labels_and_embeddings() -> None:
    """By the same share, over all segments of the longer or shorter one."""
    (features, there, known), labels, _ = map_all(Passages(takes(known=True), drawing(5.0)))

    inner = features[:, 0, 0]
    assert np.allclose(known[:, 0], inner, atol=1e-5)
    assert np.allclose(features, inner[:, None, None] * there, atol=1e-5)
    assert np.allclose(labels.sum(axis=1), 1, atol=1e-5)
    assert (labels.max(axis=1) < 0.99).any()


@pytest.mark.parametrize("kind", KINDS)
def test_padding_says_nothing(kind: str) -> None:
    """A track in a batch of longer ones is judged as it is alone."""
    network = net(KINDS[kind], seed=1)
    (features, there), _, _ = whole(takes())
    alone = [features[i : i + 1, : int(there[i].sum())] for i in range(len(features))]

    together = np.asarray(network((features, there), training=False))

    apart = [np.asarray(network((rows, np.ones_like(rows[:, :, :1])))) for rows in alone]
    assert np.allclose(together, np.concatenate(apart), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_matter(kind: str) -> None:
    """Segments in another order are another track to what attends or convolves."""
    network = net(KINDS[kind], seed=1)
    rows = np.random.default_rng(1).normal(size=(1, 6, 6)).astype(np.float32)
    there = np.ones((1, 6, 1), np.float32)

    said = np.asarray(network((rows, there)))

    assert not np.allclose(
        said, np.asarray(network((rows[:, [0, 3, 1, 5, 2, 4]], there))), atol=1e-5
    )


def test_dropping_leaves_every_track_a_segment() -> None:
    """About as many are left out as asked for, none where nothing is, and none in use."""
    there = np.repeat(np.repeat([[1.0], [0.0]], [4, 2], axis=0)[None], 2000, axis=0)
    there = there.astype(np.float32)
    there[::2, 1:] = 0
    layer = DropTokens(0.3, seed=1)

    kept = np.asarray(layer(there, training=True))

    assert (kept.sum(axis=1) >= 1).all()
    assert (kept <= there).all()
    assert kept[1::2, :4].mean() == pytest.approx(0.7, abs=0.03)
    assert np.array_equal(np.asarray(layer(there, training=False)), there)


def test_a_net_starts_as_what_is_plain_and_learns_by_the_mean_of_its_weights() -> None:
    """Started again it is the same again, whatever was trained between."""
    course = Course(epochs=2, patience=2, rate=1e-2, decay=0.01, averaged=0.9)
    made = Compiled(lambda seed: net(SMALL, seed=seed), course, seed=1)
    plain = np.eye(6, 3) * 2.0, np.array([0.0, 1.0, 0.0])
    (features, there), labels, weight = whole(takes())
    means = features.sum(axis=1) / there.sum(axis=1)

    made.restart(0, plain)
    begun = made.weights()
    assert np.allclose(made.model((features, there)), means @ plain[0] + plain[1], atol=1e-4)
    before = float(made.model.evaluate((features, there), labels, verbose=0))
    made.fit(Passages(takes(), drawing(0.3, 16)), ((features, there), labels, weight), lambda: None)
    after = float(made.model.evaluate((features, there), labels, verbose=0))
    made.restart(0, plain)

    assert after < before
    assert all(np.array_equal(a, b) for a, b in zip(begun, made.weights(), strict=True))


def map_all(passages: Passages) -> tuple:
    """Return all batches of an epoch as one."""
    batches = [passages[number] for number in range(len(passages))]
    inputs = tuple(np.concatenate(each) for each in zip(*(b[0] for b in batches), strict=True))
    return inputs, *(np.concatenate([b[i] for b in batches]) for i in (1, 2))
