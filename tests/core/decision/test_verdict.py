"""Pooling and calibration, on numbers that can be done on paper."""

from dataclasses import replace

import numpy as np
import pytest

from core.decision.verdict import (
    GenreConfidence,
    Verdict,
    calibrate,
    confidences,
    pool,
    segment_probabilities,
)

ONE = np.array([1.0])


def test_one_member_is_a_softmax() -> None:
    """Logits log(3), 0 are three to one."""
    scores = np.log(np.array([[[3.0, 1.0]]]))

    assert segment_probabilities(scores, ONE) == pytest.approx(np.array([[0.75, 0.25]]))


def test_members_are_fused_as_weighted_log_means() -> None:
    """Equal and opposite members cancel; a member of weight zero is not heard."""
    scores = np.log(np.array([[[3.0, 1.0]], [[1.0, 3.0]]]))

    assert segment_probabilities(scores, np.array([1.0, 1.0]))[0] == pytest.approx([0.5, 0.5])
    assert segment_probabilities(scores, np.array([1.0, 0.0]))[0] == pytest.approx([0.75, 0.25])


def test_a_sure_segment_weighs_more_than_an_unsure_one() -> None:
    """Certainty weighs 1, knowing nothing of two genres weighs one half."""
    scores = np.array([[[50.0, 0.0], [0.0, 0.0]]])

    assert pool(scores, ONE) == pytest.approx([(1 + 0.5 * 0.5) / 1.5, 0.25 / 1.5])


def test_a_temperature_of_one_and_no_bias_change_nothing() -> None:
    """The identity is a calibration, too."""
    pooled = np.array([0.7, 0.2, 0.1])

    assert calibrate(pooled, 1.0, np.zeros(3)) == pytest.approx(pooled)


def test_a_temperature_above_one_is_less_sure_and_keeps_the_order() -> None:
    """At two, probabilities go as their square roots."""
    softened = calibrate(np.array([0.8, 0.2]), 2.0, np.zeros(2))

    assert softened == pytest.approx([2 / 3, 1 / 3])


def test_a_bias_moves_odds() -> None:
    """A bias of log 4 on the second makes one to four out of even."""
    assert calibrate(np.array([0.5, 0.5]), 1.0, np.log([1.0, 4.0])) == pytest.approx([0.2, 0.8])


def test_a_long_track_is_no_surer_than_a_part_of_it() -> None:
    """Beyond the longest calibrated length the parts' confidences are averaged."""
    rng = np.random.default_rng(0)
    for segments in (7, 12, 48):
        scores = rng.normal(0, 2, (2, segments, 4))
        parts = np.array_split(scores, -(-segments // 6), axis=1)
        each = [confidences(part, np.ones(2), 0.5, np.zeros(4), 6) for part in parts]

        whole = confidences(scores, np.ones(2), 0.5, np.zeros(4), 6)

        assert np.allclose(whole, np.mean(each, axis=0))
        assert whole.max() <= max(part.max() for part in each)
        assert whole.sum() == pytest.approx(1)


def test_up_to_the_calibrated_length_a_track_is_judged_as_one() -> None:
    """Pooled, then calibrated; without a known length however long it is."""
    scores = np.random.default_rng(0).normal(0, 2, (2, 6, 4))
    at_once = calibrate(pool(scores, np.ones(2)), 0.5, np.zeros(4))

    assert np.allclose(confidences(scores, np.ones(2), 0.5, np.zeros(4), 6), at_once)
    assert np.allclose(confidences(scores, np.ones(2), 0.5, np.zeros(4)), at_once)


def test_the_first_confidence_is_the_sureness_unless_the_model_says_more() -> None:
    """What the model says of its own word is what the threshold is held against."""
    found = Verdict(
        genres=(GenreConfidence(genre="Jazz", confidence=0.8),), model_version="m", segments=3
    )

    assert found.sure == 0.8
    assert replace(found, right=0.3).sure == 0.3
    assert replace(found, genres=()).sure == 0.0
