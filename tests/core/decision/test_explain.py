"""Explanations are arithmetic: they add up to what was said, and change nothing."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.decision.explain import Linear, by_block, nearest, opinions, telling_tags

FEATURES, GENRES, PIECES = 6, 3, 4
TAGS = ("rock", "jazz", "sad")


def some_linear(seed: int = 0) -> Linear:
    rng = np.random.default_rng(seed)
    return Linear(
        start=np.sort(rng.normal(size=(FEATURES, PIECES)), axis=1),
        width=rng.uniform(0.1, 1, (FEATURES, PIECES)),
        slope=rng.uniform(0, 2, (FEATURES, PIECES)),
        foot=rng.normal(size=FEATURES),
        weights=rng.normal(size=(FEATURES, GENRES)),
        bias=rng.normal(size=GENRES),
        blocks=("A", "A", "B", "B", "B", "C"),
    )


def test_shares_of_the_blocks_add_up_to_the_log_odds() -> None:
    """Nothing is left unexplained of what the linear member says."""
    linear = some_linear()
    features = np.random.default_rng(1).normal(size=(5, FEATURES)) * 3
    said = (linear.squashed(features) @ linear.weights + linear.bias).mean(axis=0)

    shares = by_block(features, linear, 2, 0)

    assert {share.block for share in shares} == {"", "A", "B", "C"}
    assert sum(share.log_odds for share in shares) == pytest.approx(said[2] - said[0])
    assert [abs(s.log_odds) for s in shares] == sorted(abs(s.log_odds) for s in shares)[::-1]


def test_a_block_without_weight_moves_nothing() -> None:
    """However wild its features are."""
    linear = some_linear()
    linear.weights[5] = 0
    wild = np.zeros((1, FEATURES))
    wild[0, 5] = 1e9

    shares = {share.block: share.log_odds for share in by_block(wild, linear, 0, 1)}

    assert shares["C"] == 0


def test_each_member_speaks_for_itself() -> None:
    """Its first genre over all segments, whatever the others say."""
    scores = np.zeros((2, 4, 3))
    scores[0, :, 1] = 5
    scores[1, :, 2] = np.log(2)

    first, second = opinions(scores, ("Blues", "Jazz", "Rock"))

    assert (first.genre, second.genre) == ("Jazz", "Rock")
    assert first.confidence > 0.98
    assert second.confidence == pytest.approx(0.5)


def usual(mean: list[float], spread: list[float]) -> tuple[NDArray[np.float64], ...]:
    return np.array(mean), np.array(spread)


def test_without_statistics_the_most_probable_tags_come_first() -> None:
    """And no deviation is made up."""
    tags = telling_tags(np.array([0.5, 0.2, 0.4]), TAGS, None, 2)

    assert [(tag.tag, tag.deviations) for tag in tags] == [("rock", None), ("sad", None)]


def test_a_rare_tag_tells_more_than_a_common_one() -> None:
    """In standard deviations of the log odds: rock at 50 % is what is usual."""
    mean, spread = usual([0.0, -5.0, 0.0], [1.0, 1.0, 1.0])

    tags = telling_tags(np.array([0.5, 0.5, 0.5]), TAGS, (mean, spread), 2)

    assert [tag.tag for tag in tags] == ["jazz", "rock"]
    assert tags[0].deviations == pytest.approx(5.0)


def test_certain_tags_stay_finite() -> None:
    """A probability that float16 rounded to 0 or 1 has log odds, too."""
    tags = telling_tags(np.array([1.0, 0.0, 0.5]), TAGS, usual([0] * 3, [0] * 3), 3)  # type: ignore[arg-type, list-item]

    assert all(np.isfinite(tag.deviations or 0.0) for tag in tags)


def test_nearest_is_the_most_parallel() -> None:
    """Length does not count; a row of zeros is like nothing."""
    rows = np.array([[0.0, 1.0], [10.0, 1.0], [0.0, 0.0], [-1.0, 0.0]])

    found = nearest(np.array([1.0, 0.0]), rows, 3)

    assert [row for row, _ in found] == [1, 0, 2]
    assert found[0][1] == pytest.approx(10 / np.sqrt(101))
