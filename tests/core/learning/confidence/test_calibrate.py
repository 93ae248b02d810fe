"""Honest confidences, and the threshold that keeps a promise."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.decision.verdict import calibrate
from core.learning.confidence.calibrate import (
    cross_fitted,
    fit_calibration,
    identity,
    log_loss,
    longest_calibrated,
)
from core.learning.figures.evaluate import calibration_error

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


def test_a_calibration_holds_for_lengths_that_enough_tracks_reach() -> None:
    """One whole track among excerpts makes no calibration for whole tracks."""
    assert longest_calibrated([1] * 100 + [12] * 22 + [300]) == 12
    assert longest_calibrated([1] * 100 + [300]) == 1
    assert longest_calibrated([3, 1]) == 1
