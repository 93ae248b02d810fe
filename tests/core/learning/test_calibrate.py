"""Honest confidences, and the threshold that keeps a promise."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.decision.verdict import calibrate
from core.learning.calibrate import (
    cross_fitted,
    fit_calibration,
    identity,
    log_loss,
    promise_threshold,
    upper_error,
)
from core.learning.evaluate import calibration_error

Words = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]


def said(
    *, sharpness: float, tracks: int = 600, genres: int = 5, seed: int = 0, spread: float = 0.4
) -> Words:
    """Return probabilities sharpened by *sharpness*, true genres drawn from the honest ones."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.full(genres, spread), tracks)
    truth = (honest.cumsum(axis=1) > rng.random((tracks, 1))).argmax(axis=1)
    said = honest**sharpness / np.sum(honest**sharpness, axis=1, keepdims=True)
    return said, truth, np.arange(tracks) // 3


def test_calibration_improves_loss_on_artists_not_fitted() -> None:
    """Overconfident words are cooled down, and their error shrinks."""
    loud, truth, groups = said(sharpness=3.0)

    better = cross_fitted(loud, truth, groups)

    even = np.ones(len(truth))
    assert log_loss(better, truth, even) < log_loss(loud, truth, even) - 0.1
    assert calibration_error(better, truth) < calibration_error(loud, truth) / 2


def test_temperature_is_found() -> None:
    """Words that are three times too sharp want a temperature of about three."""
    loud, truth, groups = said(sharpness=3.0, tracks=3000)

    assert fit_calibration(loud, truth, groups).temperature == pytest.approx(3.0, rel=0.15)


def test_nothing_is_changed_where_nothing_helps() -> None:
    """Noise fitted to honest words would make them worse on other artists."""
    honest, truth, groups = said(sharpness=1.0, tracks=40, genres=8, seed=4)

    fitted = fit_calibration(honest, truth, groups)

    kept = calibrate(honest, fitted.temperature, fitted.bias)
    even = np.ones(len(truth))
    assert log_loss(kept, truth, even) <= log_loss(honest, truth, even) + 1e-9
    assert identity(8).temperature == 1.0


def test_own_truth_does_not_reach_a_cross_fitted_word() -> None:
    """Changing one artist's truths leaves that artist's own calibration alone."""
    loud, truth, groups = said(sharpness=2.0, tracks=60)
    changed = np.where(groups == 0, (truth + 1) % 5, truth)

    before, after = cross_fitted(loud, truth, groups), cross_fitted(loud, changed, groups)

    assert np.allclose(before[groups == 0], after[groups == 0])


@pytest.mark.parametrize(
    ("errors", "n", "passes"),
    [(0, 22, True), (0, 21, False), (1, 38, True), (1, 37, False), (5, 91, True), (5, 90, False)],
)
def test_bound_needs_as_many_as_tables_say(errors: int, n: int, passes: bool) -> None:
    """Clopper-Pearson at 90 %: accepted counts for a promise of 90 %."""
    assert (upper_error(errors, n, confidence=0.9) <= 0.1) is passes


def test_promise_holds_in_most_worlds() -> None:
    """In at most about one world in ten the precision at the threshold is below 90 %."""
    broken, given = 0, 0
    for seed in range(40):
        words, truth, groups = said(sharpness=1.0, tracks=900, seed=seed, spread=0.1)
        promise = promise_threshold(words, truth, groups)
        if promise.threshold is None:
            continue
        given += 1
        fresh, answers, _ = said(sharpness=1.0, tracks=6000, seed=1000 + seed, spread=0.1)
        sure = fresh.max(axis=1) >= promise.threshold
        broken += float(np.mean(fresh[sure].argmax(axis=1) == answers[sure])) < 0.9
    assert given > 15
    assert broken <= 0.15 * given


def test_few_artists_are_no_evidence() -> None:
    """A hundred right answers on four artists promise nothing."""
    words = np.tile([0.99, 0.01], (100, 1))
    truth = np.zeros(100, dtype=np.int64)

    promise = promise_threshold(words, truth, np.arange(100) % 4)

    assert promise.threshold is None
    assert promise.artists == 4


def test_an_artist_counts_once() -> None:
    """One artist with all tracks wrong is one error, however many tracks there are."""
    words = np.tile([0.9, 0.1], (200, 1))
    truth = np.zeros(200, dtype=np.int64)
    truth[100:] = 1
    groups = np.concatenate([np.arange(100), np.full(100, 100)])

    promise = promise_threshold(words, truth, groups)

    assert promise.errors == pytest.approx(1.0)
    assert promise.artists == 101
