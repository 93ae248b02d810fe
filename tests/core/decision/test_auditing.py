"""Which writes are asked about: all of the first, then a few by chance alone."""

from datetime import timedelta
from random import Random

import pytest

from core.decision.auditing import FIRST, Why, drawn
from core.library.audits import Asked, Promised
from tests.factories import NOON


def written(count: int, *, days_ago: float = 0.0) -> list[Promised]:
    at = NOON - timedelta(days=days_ago)
    return [
        Promised(fingerprint=f"{days_ago}/{n}", path=f"/{n}", genres=("Rock",), at=at)
        for n in range(count)
    ]


def asked(items: list[Promised], why: Why, *, days_ago: float = 0.0) -> list[Asked]:
    at = NOON - timedelta(days=days_ago)
    return [
        Asked(fingerprint=item.fingerprint, why=why.value, at=at, answered=False) for item in items
    ]


OLD = written(40, days_ago=30)
LISTED = asked(OLD[:FIRST], Why.FIRST, days_ago=29)


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (FIRST - 1, 0), (FIRST, FIRST), (60, 25)])
def test_the_first_list_is_all_of_the_first_writes(count: int, expected: int) -> None:
    """Asked once it is full, and no choice among more."""
    items = written(count)

    why, found = drawn(items, [], NOON, Random(1), 3)

    assert why is Why.FIRST
    assert list(found) == items[:expected]


def test_later_a_few_of_last_weeks_are_drawn() -> None:
    """None twice, none of older ones, whatever was answered."""
    fresh = written(50, days_ago=2)

    why, found = drawn([*OLD, *fresh], LISTED, NOON, Random(1), 3)

    assert (why, len(found)) == (Why.RANDOM, 3)
    assert {item.fingerprint for item in found} <= {item.fingerprint for item in fresh}
    again = [*LISTED, *asked(list(found), Why.RANDOM)]
    assert drawn([*OLD, *fresh], again, NOON, Random(1), 3)[1] == ()
    assert len(drawn([*OLD, *fresh], again, NOON, Random(1), 5)[1]) == 2


def test_a_week_later_others_are_drawn() -> None:
    """Of what was written since."""
    before = written(5, days_ago=8)
    fresh = written(2, days_ago=1)
    known = [*LISTED, *asked(before[:3], Why.RANDOM, days_ago=7.5)]

    _, found = drawn([*OLD, *before, *fresh], known, NOON, Random(1), 3)

    assert set(found) == set(fresh)


def test_every_write_is_as_likely_to_be_drawn() -> None:
    """Chance alone decides: three of ten, 3,000 times."""
    fresh = written(10, days_ago=1)
    rng = Random(7)
    counts = dict.fromkeys((item.fingerprint for item in fresh), 0)

    for _ in range(3000):
        for item in drawn([*OLD, *fresh], LISTED, NOON, rng, 3)[1]:
            counts[item.fingerprint] += 1

    assert all(800 < count < 1000 for count in counts.values()), counts


def test_who_wishes_none_is_asked_nothing() -> None:
    """Not even the first list."""
    assert drawn(written(60), [], NOON, Random(1), 0)[1] == ()
