"""From which sureness on a promise holds, and what it stands on in a library."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.decision.promise import (
    Cases,
    Source,
    contradicted,
    footing,
    promise,
    promised_before,
    start_of,
    upper_error,
    worth,
)


def cases(
    sure: NDArray[np.float64], right: NDArray[np.bool_], artist: NDArray[np.int64] | None = None
) -> Cases:
    return Cases(sure=sure, right=right, artist=np.arange(len(sure)) if artist is None else artist)


def calibrated(seed: int, n: int) -> Cases:
    """Return *n* cases as sure as they are right, the errors of three tracks an artist akin."""
    rng = np.random.default_rng(seed)
    sure = np.repeat(rng.beta(3, 0.6, n // 3), 3)
    luck = np.where(rng.random(len(sure)) < 0.3, np.repeat(rng.random(n // 3), 3), 2.0)
    luck = np.where(luck < 1, luck, rng.random(len(sure)))
    return cases(sure, luck < sure, np.arange(len(sure)) // 3)


def sound(n: int, wrong: int = 0, sure: float = 0.99) -> Cases:
    """Return *n* cases of as many artists, all as *sure*, the last *wrong* of them not right."""
    return cases(np.full(n, sure), np.arange(n) < n - wrong)


NO_CASES = sound(0)


@pytest.mark.parametrize(
    ("errors", "n", "passes"),
    [(0, 22, True), (0, 21, False), (1, 38, True), (1, 37, False), (5, 91, True), (5, 90, False)],
)
def test_bound_needs_as_many_as_tables_say(errors: int, n: int, passes: bool) -> None:
    """Clopper-Pearson at 90 %: accepted counts for a promise of 90 %."""
    assert (upper_error(errors, n, confidence=0.9) <= 0.1) is passes


def test_the_bound_is_the_one_of_scipy() -> None:
    """Small and large, whole and fractional counts: the quantile of a beta distribution."""
    from scipy.stats import beta

    rng = np.random.default_rng(0)
    for _ in range(200):
        n = 10 ** rng.uniform(0, 4)
        errors = n * rng.beta(0.5, 3)
        level = rng.choice([0.8, 0.9, 0.99])
        assert upper_error(errors, n, confidence=level) == pytest.approx(
            beta.ppf(level, errors + 1, n - errors), abs=1e-8
        )


def test_promise_holds_in_most_worlds() -> None:
    """In at most about one world in ten the precision at the threshold is below 90 %."""
    fresh = calibrated(10_000, 60_000)
    broken, given = 0, 0
    for seed in range(200):
        threshold = promise(calibrated(seed, 450), 0.9).threshold
        if threshold is None:
            continue
        given += 1
        broken += float(fresh.right[fresh.sure >= threshold].mean()) < 0.9
    assert given > 100
    assert broken <= 0.13 * given


def test_few_artists_are_no_evidence() -> None:
    """A hundred right answers on four artists promise nothing."""
    found = promise(cases(np.full(100, 0.99), np.ones(100, bool), np.arange(100) % 4), 0.9)

    assert found.threshold is None
    assert found.artists == 4
    assert found.realised == 1.0


def test_many_tracks_of_an_artist_count_as_few() -> None:
    """One is one, two are worth more than one, and a hundred no more than two."""
    assert worth(np.array([7])).sum() == 1
    assert 1 < worth(np.array([7, 7])).sum() < 2
    assert worth(np.full(100, 7)).sum() < 2


def test_the_first_test_has_at_least_22() -> None:
    """Twenty-one right answers are no evidence, twenty-two are, with an error they are not."""
    assert promise(sound(21), 0.9).threshold is None
    assert promise(sound(22), 0.9).threshold == pytest.approx(0.99)
    assert promise(sound(22, wrong=1), 0.9).threshold is None


def test_testing_stops_at_the_first_failure() -> None:
    """A stretch of wrong answers ends it, however right the less sure ones are."""
    sure = np.linspace(1, 0.5, 400)
    right = ~((np.arange(400) >= 130) & (np.arange(400) < 170))

    found = promise(cases(sure, right), 0.9)

    assert found.threshold is not None
    assert 0.25 < found.coverage < 0.5


# --- in this library ------------------------------------------------------------------------


BASE = promise(sound(100, sure=0.8), 0.9)


def test_the_collection_is_a_start_with_half_the_doubt() -> None:
    """Elsewhere errors are about twice as many, so a file may be in half as much doubt."""
    found = footing(BASE, NO_CASES, 0.9)

    assert found.source is Source.BASE
    assert found.threshold == pytest.approx(0.9)
    assert start_of(0.8) == pytest.approx(0.9)


def test_evidence_of_the_library_takes_its_place() -> None:
    """The threshold is then its own, be it lower or higher."""
    found = footing(BASE, sound(60, sure=0.7), 0.9)

    assert found.source is Source.LIBRARY
    assert found.threshold == pytest.approx(0.7)
    assert found.evidence.n == 60


def test_a_library_that_contradicts_ends_the_start() -> None:
    """Two wrong of two are enough; one of one is not."""
    assert footing(BASE, sound(1, wrong=1), 0.9).source is Source.BASE
    assert footing(BASE, sound(2, wrong=2), 0.9).threshold is None
    assert contradicted(sound(10, wrong=3), 0.9, 0.9)
    assert not contradicted(sound(10, wrong=2), 0.9, 0.9)


def test_the_base_does_not_count_beside_enough_of_the_library() -> None:
    """With 60 own answers that are not good enough nothing is written, though none refutes it."""
    own = sound(60, wrong=6)

    assert not contradicted(own, 0.9, 0.9)
    assert footing(BASE, own, 0.9).threshold is None
    assert footing(BASE, own, 0.9).source is Source.NONE


def test_without_any_evidence_nothing_is_promised() -> None:
    """Neither the collection nor the library has a word."""
    assert footing(promise(NO_CASES, 0.9), NO_CASES, 0.9).threshold is None


def test_an_older_model_promises_what_it_was_tested_for() -> None:
    """Its threshold for .9 is of use for .8, but not for .95."""
    assert promised_before(0.85, 0.9, 0.8).threshold == 0.85
    assert promised_before(0.85, 0.9, 0.95).threshold is None
