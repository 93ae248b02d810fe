"""Leave one block out: the block that tells the genre is the one that is missed."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy.blocks import leave_one_block_out
from core.analysis.features import FEATURES
from core.errors import TrainingError
from core.learning.tracks.dataset import Track, split_groups

BLOCKS = np.array([feature.block for feature in FEATURES])


def told_by(block: str) -> tuple[Track, ...]:
    """Two genres of eight artists that differ in one block alone."""
    rng = np.random.default_rng(0)
    tracks = []
    for number in range(32):
        row = rng.standard_normal((1, 135)).astype(np.float32)
        row[:, block == BLOCKS] += 2.0 * (number % 2)
        tracks.append(
            Track(
                fingerprint=str(number),
                genre=("Jazz", "Rock")[number % 2],
                group=f"{number % 16}",
                features=row,
            )
        )
    return tuple(tracks)


def test_the_block_that_tells_is_missed() -> None:
    """Without it the answers are worse, and alone it is enough; the others bring nothing."""
    tracks = told_by("E")
    folds = split_groups(tracks, folds=4, seed=1)
    rows = {row.name: row for row in leave_one_block_out(tracks, folds)}

    assert "".join(rows) == "ABCDEFGH"
    assert sum(row.size for row in rows.values()) == 135
    assert rows["E"].accuracy.low > 0
    assert rows["E"].nll.low > 0
    assert rows["E"].alone > 0.9
    assert all(rows[name].alone < 0.9 for name in rows if name != "E")


def test_no_artist_stands_in_two_folds() -> None:
    """Such folds are refused."""
    tracks = told_by("A")
    shared = tuple(replace(track, group="one") for track in tracks)

    with pytest.raises(TrainingError):
        leave_one_block_out(shared, np.arange(32) % 4)
