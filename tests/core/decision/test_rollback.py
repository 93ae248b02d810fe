"""When corrections say that a new model is worse."""

import numpy as np
import pytest

from core.decision.rollback import ENOUGH, Tally, chance_of_more, is_worse, looked_at, tally


@pytest.mark.parametrize(
    ("before", "now"), [((5, 50), (8, 40)), ((0, 30), (0, 30)), ((9, 9), (1, 40))]
)
def test_the_chance_is_that_of_two_drawn_rates(
    before: tuple[int, int], now: tuple[int, int]
) -> None:
    """The closed sum against 200,000 draws."""
    rng = np.random.default_rng(1)
    first = rng.beta(1 + before[0], 1 + before[1] - before[0], 200_000)
    second = rng.beta(1 + now[0], 1 + now[1] - now[0], 200_000)

    found = chance_of_more(
        Tally(checks=before[1], corrected=before[0]), Tally(checks=now[1], corrected=now[0])
    )

    assert found == pytest.approx(np.mean(second > first), abs=0.005)


def test_few_writes_prove_nothing() -> None:
    """However bad they look."""
    usual = Tally(checks=200, corrected=20)

    assert not is_worse(usual, Tally(checks=ENOUGH - 1, corrected=ENOUGH - 1))
    assert is_worse(usual, Tally(checks=ENOUGH, corrected=10))
    assert not is_worse(usual, Tally(checks=ENOUGH, corrected=4))


def test_it_is_looked_at_ever_more_rarely() -> None:
    """At 30 writes, 60, 120 and so on."""
    assert [looked_at(n) for n in (0, 29, 30, 59, 60, 119, 120, 1000)] == [
        *(0, 0, 30, 30, 60, 60, 120, 960),
    ]


def test_equal_models_are_seldom_taken_back() -> None:
    """At one correction in ten, over 240 writes: less than 20 of 100."""
    rng = np.random.default_rng(2)
    taken = 0
    for _ in range(300):
        before, now = tally((rng.random(200) < 0.1).tolist()), (rng.random(240) < 0.1).tolist()
        marks = {looked_at(n) for n in range(ENOUGH, 241)}
        taken += any(is_worse(before, tally(now[:mark])) for mark in marks)

    assert taken < 60
