"""A burst of files whose events are lost: the rescan finds each, and none is judged twice.

The short form of `python -m benchmarks storm`.
"""

from pathlib import Path

import pytest

from benchmarks import storm

QUICK = {
    "watch": {"rescan_minutes": 0.03, "settle_seconds": 0.3},
    "model": {"backbone": "none"},
}


@pytest.mark.parametrize(("folders", "lost"), [(1, 0.5), (20, 1.0)])
def test_every_file_of_a_storm_is_judged(tmp_path: Path, folders: int, lost: float) -> None:
    """All at once in one folder, and over many, with half of the events lost or all."""
    found = storm.storm(tmp_path, 30, folders, lost, QUICK)

    assert found["judged"] == found["files"] == 30
    assert sum(found["states"].values()) == 30
