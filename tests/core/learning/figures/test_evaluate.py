"""Figures with values known on paper."""

from pathlib import Path

import numpy as np
import pytest

from core.learning.figures import evaluate

TRUTH = np.array([0, 0, 1, 1])
WORDS = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2]])


def test_accuracy_counts_first_genres() -> None:
    """Two of four are right."""
    found = evaluate.accuracy(WORDS, TRUTH, np.arange(4))

    assert found.value == 0.5
    assert (found.n, found.artists) == (4, 4)
    assert found.low <= found.value <= found.high


def test_interval_draws_artists_not_tracks() -> None:
    """Twenty artists all right or all wrong leave more doubt than two hundred tracks."""
    right = np.repeat(np.arange(20) % 2, 10)
    words = np.stack([right, 1 - right], axis=1).astype(float)
    truth = np.zeros(200, dtype=int)

    by_artist = evaluate.accuracy(words, truth, np.repeat(np.arange(20), 10))
    by_track = evaluate.accuracy(words, truth, np.arange(200))

    assert by_artist.high - by_artist.low > 2 * (by_track.high - by_track.low)


def test_top_k_looks_further() -> None:
    """All four have their genre among the first two."""
    assert evaluate.top_k(WORDS, TRUTH, 1) == 0.5
    assert evaluate.top_k(WORDS, TRUTH, 2) == 1.0


def test_macro_f1_of_a_known_table() -> None:
    """Genre 0: 1 right of 2 and 2 guessed = .5; genre 1 the same; genre 2 does not occur."""
    table = evaluate.confusion(WORDS.argmax(axis=1), TRUTH, 3)

    assert table.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert evaluate.macro_f1(table) == pytest.approx(0.5)


def test_calibration_error_is_the_gap() -> None:
    """Always 80 % sure and right half of the time is off by 30 points."""
    words = np.tile([0.8, 0.2], (300, 1))
    truth = np.arange(300) % 2

    assert evaluate.calibration_error(words, truth) == pytest.approx(0.3, abs=0.01)


def test_paired_gain_needs_only_the_differences() -> None:
    """A track more right in ten, none lost: the gain is ten points and surely above none."""
    old = np.zeros(100, dtype=bool)
    new = np.arange(100) % 10 == 0

    gain, low, high = evaluate.paired_gain(old, new, np.arange(100))

    assert gain == pytest.approx(0.1)
    assert 0 < low < gain < high


def test_an_artist_s_tracks_count_as_their_root() -> None:
    """Nine tracks won by one artist weigh as three won by three."""
    groups = np.array([0] * 9 + [1, 2, 3])

    gain, _, _ = evaluate.paired_gain(np.zeros(12, dtype=bool), groups == 0, groups)

    assert evaluate.artist_counts(groups) == pytest.approx([1 / 3] * 9 + [1] * 3)
    assert gain == pytest.approx(0.5)


@pytest.mark.parametrize(("artists", "least", "most"), [(60, 0.1, 0.5), (2000, 0.0, 0.01)])
def test_calibration_lost_is_held_against_chance(artists: int, least: float, most: float) -> None:
    """Eight points too sure may be luck with sixty artists, but not with two thousand."""
    truth = (np.random.default_rng(4).random(artists) >= 0.7).astype(int)
    honest, boastful = np.tile([0.7, 0.3], (artists, 1)), np.tile([0.78, 0.22], (artists, 1))

    excess, chance = evaluate.calibration_change(honest, boastful, truth, np.arange(artists))
    same = evaluate.calibration_change(honest, honest, truth, np.arange(artists))

    assert excess > 0.02
    assert least <= chance <= most
    assert same == (0.0, 1.0)


def test_confusion_is_drawn(tmp_path: Path) -> None:
    """As a picture, in a folder that need not be there yet."""
    target = tmp_path / "results" / "confusion.png"

    evaluate.draw_confusion(np.eye(2, dtype=np.int64), ("Jazz", "Rock"), "test", target)

    assert target.read_bytes().startswith(b"\x89PNG")
