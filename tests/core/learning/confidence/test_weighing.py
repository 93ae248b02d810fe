"""How much each member counts, on made-up words of members that are good, bad or no use."""

from dataclasses import replace

import numpy as np
import pytest

from core.learning.confidence.weighing import (
    Said,
    cross_weighted,
    fit_shares,
    fused,
    granted,
    shared,
)

KINDS = ("transformer", "transformer", "linear", "statistics")


def said(*, seed: int = 0, artists: int = 40, useful: dict[str, float] | None = None) -> Said:
    """Words on three tracks an artist; a kind is right by its *useful* logits, plus noise."""
    rng = np.random.default_rng(seed)
    pull = useful or {"transformer": 0.0, "linear": 2.0, "statistics": 2.0}
    truth = np.repeat(rng.integers(0, 4, artists), 3)
    counts = rng.integers(1, 4, len(truth))
    right = np.eye(4)[np.repeat(truth, counts)]
    each = [pull[kind] * right + rng.normal(0, 1.0, right.shape) for kind in KINDS]
    return Said(
        scores=np.stack(each).astype(np.float32),
        counts=counts,
        kinds=KINDS,
        truth=truth,
        groups=np.repeat(np.arange(artists), 3),
    )


def test_shares_are_none_negative_and_sum_to_one() -> None:
    """Whatever the members say."""
    shares = fit_shares(said())

    assert min(shares.values()) >= 0
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares) == ["transformer", "linear", "statistics"]


def test_what_misleads_is_left_out_and_what_helps_earns_its_place() -> None:
    """Although the one is granted a share without evidence, and the other none."""
    useful = {"transformer": -0.5, "linear": 2.0, "statistics": 2.0}
    shares = fit_shares(said(artists=200, useful=useful))

    assert granted(KINDS)["transformer"] > granted(KINDS)["statistics"] == 0
    assert shares["transformer"] == 0
    assert shares["statistics"] > 0.3


def test_few_artists_leave_the_shares_where_they_are() -> None:
    """Three artists are no evidence against what was found on many."""
    shares = fit_shares(
        said(artists=3, useful={"transformer": 1.0, "linear": 1.0, "statistics": 0.0})
    )

    assert shares["transformer"] == pytest.approx(0.5, abs=0.2)
    assert shares["statistics"] < 0.1


def test_no_track_has_a_say_in_its_own_weights() -> None:
    """With another truth for an artist, what is said of its tracks stays the same."""
    one = said()
    mine = one.groups == 7
    other = replace(one, truth=np.where(mine, (one.truth + 1) % 4, one.truth))

    assert np.array_equal(cross_weighted(one)[mine], cross_weighted(other)[mine])
    assert not np.array_equal(cross_weighted(one), cross_weighted(other))


def test_fitted_shares_are_likelier_than_the_granted_ones() -> None:
    """On artists left out, where a granted member is no use."""
    one = said(artists=100)
    rows = np.arange(len(one.truth))

    fitted = -np.log(cross_weighted(one)[rows, one.truth]).mean()
    before = -np.log(fused(one, granted(KINDS))[rows, one.truth]).mean()

    assert fitted < before


def test_members_of_a_kind_split_its_share() -> None:
    """And a kind that nothing is granted counts where there is no other."""
    weights = shared(KINDS, {"transformer": 0.6, "linear": 0.3, "statistics": 0.1})

    assert weights == pytest.approx((0.3, 0.3, 0.3, 0.1))
    assert granted(("statistics",)) == {"statistics": 1.0}


def test_the_head_stays_however_little_it_says() -> None:
    """One night's chance must not part a model from its backbone."""
    useful = {"transformer": 2.0, "linear": 2.0, "statistics": -1.0}
    one = said(artists=200, useful=useful)
    named = replace(one, kinds=(*KINDS[:3], "embedding"))

    assert fit_shares(one)["statistics"] == 0
    assert 0 < fit_shares(named)["embedding"] < 0.1
