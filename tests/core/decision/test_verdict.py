"""Pooling and calibration, on numbers that can be done on paper."""

import numpy as np
import pytest

from core.decision.verdict import calibrate, pool, segment_probabilities

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
