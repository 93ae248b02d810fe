"""The networks: what they are made of, and that scaling is part of them."""

import numpy as np
import pytest

from core.learning.nets import networks
from core.learning.nets.networks import Shape

SMALL = Shape(groups=(5, 3, 4), genres=3, width=8, head=(16, 8))


def raw_rows(n: int = 400, seed: int = 0) -> np.ndarray:
    """Features of wild scales: hertz, shares, heavy tails, one that never changes."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 12))
    rows[:, 0] = rows[:, 0] * 1000 + 3000
    rows[:, 1] = np.exp(3 * rows[:, 1])
    rows[:, 2] = 7.0
    rows[:, 3] = np.maximum(rows[:, 3], 0)
    return rows.astype(np.float32)


def test_squashing_makes_every_feature_nearly_normal() -> None:
    """Whatever the scale or tail; a constant becomes a constant."""
    rows = raw_rows()

    squashed = networks.squashed(rows, networks.fit_knots(rows, np.ones(len(rows))))

    assert np.abs(squashed).max() < 2.5
    assert np.abs(np.median(squashed[:, [0, 1, 4]], axis=0)).max() < 0.1
    assert np.abs(squashed[:, [0, 1, 4]].std(axis=0) - 1).max() < 0.1
    assert np.ptp(squashed[:, 2]) == 0


def test_squashing_keeps_order_and_bounds_the_wild() -> None:
    """A louder value never becomes a smaller one; an absurd one counts as the largest."""
    rows = raw_rows()
    knots = networks.fit_knots(rows, np.ones(len(rows)))
    line = np.repeat(np.linspace(-1e4, 1e4, 500, dtype=np.float32)[:, None], 12, axis=1)

    squashed = networks.squashed(line, knots)

    assert (np.diff(squashed, axis=0) >= -1e-5).all()
    assert np.isfinite(networks.squashed(np.full((1, 12), 1e30, np.float32), knots)).all()


def test_member_takes_raw_features() -> None:
    """The graph squashes as the training did."""
    rows = raw_rows()
    knots = networks.fit_knots(rows, np.ones(len(rows)))
    network = networks.transformer(SMALL, seed=1)

    inside = np.asarray(networks.member(network, knots)(rows, training=False))
    outside = np.asarray(network(networks.squashed(rows, knots), training=False))

    assert inside.shape == (len(rows), 3)
    assert np.allclose(inside, outside, atol=1e-4)


def test_seed_decides_the_first_weights() -> None:
    """Same seed, same network."""
    one, same = (networks.transformer(SMALL, seed=1).get_weights() for _ in range(2))
    other = networks.transformer(SMALL, seed=2).get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_attention_is_over_nine_tokens() -> None:
    """Eight groups and a class token: never one token, over which attention does nothing."""
    full = networks.transformer(Shape(groups=(52, 14, 12, 7, 21, 3, 19, 7), genres=10), seed=0)
    attention = [layer for layer in full.layers if "attention" in layer.name]

    assert len(attention) == 2
    assert full.get_layer("tokens").output.shape == (None, 9, 32)
    assert {layer.num_heads for layer in attention} == {4}
    units = [layer.units for layer in full.layers if layer.__class__.__name__ == "Dense"]
    assert sorted({u for u in units if u in (256, 128, 64)}, reverse=True) == [256, 128, 64]


def test_each_group_reaches_its_token_alone() -> None:
    """A change in group B changes token B only."""
    layer = networks.GroupTokens((5, 3, 4), 8)
    rows = raw_rows(2)
    changed = rows.copy()
    changed[:, 5:8] += 1

    before, after = np.asarray(layer(rows)), np.asarray(layer(changed))

    moved = np.abs(after - before).max(axis=(0, 2)) > 0
    assert moved.tolist() == [False, False, True, False]


@pytest.mark.parametrize("seed", [0, 1])
def test_attention_mixes_the_groups(seed: int) -> None:
    """Every group has a say in the logits."""
    network = networks.transformer(SMALL, seed=seed)
    rows = raw_rows(4, seed)
    plain = np.asarray(network(rows, training=False))

    for first, last in ((0, 5), (5, 8), (8, 12)):
        changed = rows.copy()
        changed[:, first:last] += 1
        assert not np.allclose(plain, np.asarray(network(changed, training=False)))
