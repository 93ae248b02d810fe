"""One night on thousands of tracks, and small nights that are killed at random instants.

`python -m benchmarks night [--tracks 5000] [--small 48] [--kills 20]`: `genrewatch retrain`
does what each night does, with its own bounds, on made-up tracks that a person named. Deaths
are SIGKILLs of the whole tree of processes, or of the command alone. Nothing is measured of
accuracy.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.night.deaths import killed
from benchmarks.night.library import furnished
from benchmarks.night.spending import newest, spend
from benchmarks.tools.timing import machine
from core import registry
from core.library import runs
from daemon.limits import trainer_mb

__all__ = ["main"]

MINUTES = 30.0  # what a night may take
MEMORY_MB = 2048


def main(argv: Sequence[str]) -> dict[str, Any]:
    """Measure both; what is wrong is listed, and then nothing has passed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks night")
    parser.add_argument("--tracks", type=int, default=5000, help="of the long night; 0: none")
    parser.add_argument("--small", type=int, default=48, help="tracks of the nights that die")
    parser.add_argument("--kills", type=int, default=20, help="instants over such a night's length")
    parser.add_argument("--seed", type=int, default=1)
    wishes = parser.parse_args(argv)
    figures: dict[str, Any] = {"machine": machine()}
    passed = True
    with tempfile.TemporaryDirectory(prefix="night-") as room:
        if wishes.tracks:
            figures["large"] = large(Path(room) / "large", wishes.tracks, wishes.seed)
            print(figures["large"], flush=True)
            passed &= figures["large"]["passed"]
        if wishes.kills:
            figures["killed"] = killed(Path(room), wishes.small, wishes.kills, wishes.seed)
            passed &= not figures["killed"]["wrong"]
    return {**figures, "passed": bool(passed)}


def large(root: Path, tracks: int, seed: int) -> dict[str, Any]:
    """Spend one night on so many named tracks, within the bounds that it keeps by itself."""
    house = furnished(root, tracks, seed)
    ran = spend(house)
    last = runs.last_run(house.db)
    allowed = trainer_mb(MEMORY_MB)
    outcome = None if last is None else last.outcome
    bounded = ran.seconds < MINUTES * 60 and ran.peak_mb < allowed
    made = newest(house)
    found = {
        "tracks": tracks,
        "minutes": round(ran.seconds / 60, 1),
        "peak_mb": round(ran.peak_mb),
        "allowed_mb": round(allowed),
        "outcome": outcome,
        "reason": "" if last is None else last.reason,
        "members": {} if made is None else dict(registry.load(made).metrics["members"]),
        "model_mb": {} if made is None else _sizes_mb(made),
        "passed": bounded and outcome in ("promoted", "refused"),
    }
    house.close()
    return found


def _sizes_mb(folder: Path) -> dict[str, float]:
    sizes = {path.name: path.stat().st_size / 1e6 for path in folder.iterdir()}
    return {name: round(size, 1) for name, size in sizes.items() if size > 1}
