"""Measures with values known on paper."""

import math

import numpy as np
import pytest

from core.learning.figures import evaluate, measures

TRUTH = np.array([0, 0, 1, 1])
WORDS = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2]])

# Four tracks: right at .8 and .7, wrong at .5 and .5. In five bins each stands alone.
ON_PAPER = {
    "accuracy": 0.5,
    "macro_f1": 0.5,
    "top_3": 1.0,
    "ece": (0.2 + 0.3 + 0.5 + 0.5) / 4,
    "nll": -(math.log(0.7) + math.log(0.4) + math.log(0.8) + math.log(0.3)) / 4,
    "brier": (0.14 + 0.62 + 0.06 + 0.78) / 4,
    "aurc": (0 + 0 + 0.5 + 0.5) / 4,
}


@pytest.mark.parametrize("name", ON_PAPER)
def test_each_measure_is_what_paper_says(name: str) -> None:
    """Of the four tracks above."""
    given = measures.answers(WORDS, TRUTH)

    assert measures.MEASURES[name](given, np.ones((1, 4)))[0] == pytest.approx(ON_PAPER[name])
    assert getattr(evaluate.summary(WORDS, TRUTH, np.arange(4)), name).value == pytest.approx(
        ON_PAPER[name]
    )


@pytest.mark.parametrize(
    ("surer", "less_sure", "slope"),
    [
        ((0.9, 0.9), (0.6, 0.6), 1.0),  # right just as often as said
        ((0.9, 0.75), (0.5, 0.5), 0.5),  # log-odds ln 9 where ln 3 is true: twice too sure
        ((0.75, 0.9), (0.5, 0.5), 2.0),  # the other way round: too timid
    ],
)
def test_slope_is_how_much_log_odds_are_worth(
    surer: tuple[float, float], less_sure: tuple[float, float], slope: float
) -> None:
    """Two levels of confidence, each with the share that is right, settle the line."""
    said, right = (np.repeat(pair, 2000) for pair in zip(surer, less_sure, strict=True))
    words = np.stack([said, (1 - said) / 2, (1 - said) / 2], axis=1)
    truth = np.where(np.arange(4000) % 2000 < right * 2000, 0, 1)

    found = measures.slope(measures.answers(words, truth), np.ones((1, 4000)))[0]

    assert found == pytest.approx(slope, abs=0.005)


def test_slope_stays_finite_where_every_answer_is_right() -> None:
    """No line is steep enough then; the figure must still be a number."""
    given = measures.answers(np.tile([0.9, 0.1], (30, 1)), np.zeros(30, dtype=int))

    assert np.isfinite(measures.slope(given, np.ones((1, 30)))[0])


@pytest.mark.parametrize("name", [name for name in measures.MEASURES if name != "ece"])
def test_a_weight_is_as_many_tracks(name: str) -> None:
    """A track that was drawn twice counts as two, one that was not as none."""
    words = np.random.default_rng(1).dirichlet(np.ones(4), 40)
    truth, weights = np.arange(40) % 4, np.arange(40) % 3
    given, repeated = (
        measures.answers(words, truth),
        measures.answers(np.repeat(words, weights, axis=0), np.repeat(truth, weights)),
    )
    measure = measures.MEASURES[name]

    by_weight = measure(given, weights[given.order][None].astype(float))
    by_rows = measure(repeated, np.ones((1, int(weights.sum()))))

    assert by_weight[0] == pytest.approx(by_rows[0], rel=1e-6)


def test_bins_are_equally_full() -> None:
    """Ten tracks fall into five pairs; one that counts for six has the first three bins."""
    even, heavy = np.ones((1, 10)), np.array([[6.0, 1, 1, 1, 1]])

    assert measures.bin_edges(even).tolist() == [[0, 2, 4, 6, 8, 10]]
    assert measures.bin_edges(heavy).tolist() == [[0, 0, 1, 1, 3, 5]]


def test_floor_is_the_error_of_perfect_calibration() -> None:
    """Twenty tracks a bin, each right with .8: the mean distance of a binomial from its mean."""
    words = np.tile([0.8, 0.2], (100, 1))
    ways = [math.comb(20, k) * 0.8**k * 0.2 ** (20 - k) * abs(k / 20 - 0.8) for k in range(21)]

    found = evaluate.summary(words, np.zeros(100, dtype=int), np.arange(100))

    assert found.ece_floor.value == pytest.approx(sum(ways), abs=0.002)
    assert found.ece.value == pytest.approx(0.2)
    assert found.ece_excess == pytest.approx(0.2 - sum(ways), abs=0.002)


def test_intervals_draw_artists_and_are_the_same_each_time() -> None:
    """Ten artists who fall together leave more doubt than a hundred tracks that do not."""
    right = np.repeat(np.arange(10) % 2, 10)
    words = np.where(right[:, None] == 1, [0.8, 0.2], [0.2, 0.8])
    truth = np.zeros(100, dtype=int)

    artists = evaluate.summary(words, truth, np.repeat(np.arange(10), 10))
    tracks = evaluate.summary(words, truth, np.arange(100))

    for name in ("accuracy", "nll", "brier", "aurc"):
        wide, narrow = getattr(artists, name), getattr(tracks, name)
        assert wide.low <= wide.value <= wide.high
        assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert artists == evaluate.summary(words, truth, np.repeat(np.arange(10), 10))
    assert (artists.n, artists.artists) == (100, 10)


def test_a_large_library_is_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts give what the whole gives."""
    words = np.random.default_rng(2).dirichlet(np.ones(3), 60)
    truth, groups = np.arange(60) % 3, np.arange(60) // 4
    whole = evaluate.summary(words, truth, groups)
    monkeypatch.setattr(evaluate, "AT_ONCE", 5000)

    parts = evaluate.summary(words, truth, groups)

    assert evaluate.as_json(parts) == evaluate.as_json(whole)


def test_pairs_are_compared_track_by_track() -> None:
    """One track in ten more is right, none is lost: ten points, surely above none."""
    old = np.tile([0.2, 0.8], (100, 1))
    new = np.where(np.arange(100)[:, None] % 10 == 0, [0.8, 0.2], [0.2, 0.8])
    truth = np.zeros(100, dtype=int)

    gain = evaluate.paired(old, new, truth, np.arange(100))
    back = evaluate.paired(new, old, truth, np.arange(100))

    assert gain.value == pytest.approx(0.1)
    assert 0 < gain.low < 0.1 < gain.high
    assert back.value == pytest.approx(-0.1)


def test_summary_as_json_has_all_figures() -> None:
    """Each with its interval, and what it rests on."""
    document = evaluate.as_json(evaluate.summary(WORDS, TRUTH, np.arange(4)))

    assert set(document) == {"n", "artists", "ece_floor", "ece_excess", *measures.MEASURES}
    assert document["accuracy"]["value"] == 0.5
    assert set(document["slope"]) == {"value", "low", "high"}
