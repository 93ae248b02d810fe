"""What the pictures and the JSON of an evaluation are made of, with values known on paper."""

import json

import numpy as np
import pytest

from core.learning.figures import evaluate
from core.learning.figures.evaluate import Figure
from core.learning.figures.findings import (
    Brings,
    Findings,
    Leak,
    as_json,
    brings,
    curve,
    per_genre,
    reliability,
)

SURE = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.45, 0.55]])
TRUTH = np.array([0, 1, 1, 0])
EACH = np.arange(4, dtype=np.int32)


def figure(value: float, low: float, high: float) -> Figure:
    return Figure(value=value, low=low, high=high)


@pytest.mark.parametrize(
    ("accuracy", "log_loss", "judgement"),
    [
        ((0.02, 0.01, 0.03), (0.0, -0.1, 0.1), "helps"),
        ((-0.02, -0.03, -0.01), (0.1, 0.05, 0.2), "hurts"),
        ((0.02, -0.01, 0.05), (0.1, 0.05, 0.2), "helps the confidence alone"),
        ((0.02, -0.01, 0.05), (-0.1, -0.2, -0.05), "hurts the confidence alone"),
        ((0.02, -0.01, 0.05), (0.1, -0.05, 0.2), "not shown to help"),
    ],
)
def test_what_chance_may_explain_is_no_help(
    accuracy: tuple[float, float, float], log_loss: tuple[float, float, float], judgement: str
) -> None:
    """An interval that holds zero shows nothing; accuracy has the first word."""
    part = Brings(name="", accuracy=figure(*accuracy), log_loss=figure(*log_loss))

    assert part.judgement == judgement


def test_a_part_brings_what_is_missed_without_it() -> None:
    """With it a track more of four is right, and the truth gets .9 instead of .1."""
    whole, truth = np.tile([0.9, 0.1], (4, 1)), np.zeros(4, dtype=int)
    without = whole.copy()
    without[0] = [0.1, 0.9]

    part = brings("a part", without, whole, truth, EACH)

    assert part.accuracy.value == pytest.approx(0.25)
    assert part.log_loss.value == pytest.approx(np.log(9) / 4)


def test_curve_answers_the_surest_first() -> None:
    """Right at .9, wrong at .8, right at .6, wrong at .55."""
    expected = [[0.25, 0], [0.5, 1 / 2], [0.75, 1 / 3], [1, 1 / 2]]

    assert curve(SURE, TRUTH).tolist() == [pytest.approx(point) for point in expected]


def test_curve_takes_equally_sure_tracks_together() -> None:
    """Nobody can answer half of them."""
    assert curve(np.tile([0.7, 0.3], (4, 1)), TRUTH).tolist() == [[1.0, 0.5]]


def test_reliability_bins_rise_in_confidence() -> None:
    """Ten tracks fall into five pairs; each says how many of its two were right."""
    sure = np.linspace(0.55, 0.95, 10)
    words, truth = np.stack([sure, 1 - sure], axis=1), np.array([0, 1] * 5)

    bins = reliability(words, truth, np.arange(10, dtype=np.int32))

    assert [one.n for one in bins] == [2] * 5
    assert [one.confidence for one in bins] == sorted(one.confidence for one in bins)
    assert [one.right.value for one in bins] == [0.5] * 5


def test_genres_have_precision_and_recall_where_there_are_any() -> None:
    """One that was never guessed has no precision, one without tracks no recall."""
    jazz, rock, pop = per_genre(("Jazz", "Rock", "Pop"), np.array([[3, 1, 0], [2, 0, 0], [0] * 3]))

    assert (jazz.n, jazz.guessed, jazz.recall, jazz.precision) == (4, 5, 0.75, 0.6)
    assert (rock.recall, rock.precision) == (0.0, 0.0)
    assert (pop.recall, pop.precision) == (None, None)


def test_json_marks_the_leak_and_keeps_n() -> None:
    """No figure of the leaky protocol can be taken for an honest one."""
    some = figure(0.5, 0.4, 0.6)
    found = Findings(
        subject="your labels",
        protocol="out of fold",
        genres=("Jazz", "Rock"),
        words=SURE,
        truth=TRUTH,
        groups=EACH,
        summary=evaluate.summary(SURE, TRUTH, EACH),
        leak=Leak(model="linear", apart=some, leaky=some, gain=some),
        members=(Brings(name="linear", accuracy=some, log_loss=some),),
        blocks=(),
        notes=("artists from tags",),
    )

    document = json.loads(json.dumps(as_json(found)))

    assert document["figures"]["n"] == 4
    assert [name for name in document["leak"] if "LEAKY" in name] == ["random_folds_LEAKY"]
    assert document["confusion"] == [[1, 1], [1, 1]]
    assert document["members"][0]["judgement"] == "helps"
    assert document["in_use"] is None
    assert sum(one["n"] for one in document["reliability"]) == 4
