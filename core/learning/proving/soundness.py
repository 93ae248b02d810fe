"""Can the written model do its work: whole, finite, as it was trained, quick and small?

Measured in processes of their own, as a worker runs a model, the champion's beside it; so a
file that ends whoever loads it ends no training. `python -m core.learning.proving.soundness` is
that process. It never says whether a model is right.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import registry
from core.errors import ModelError
from core.learning.tracks.dataset import Track

__all__ = ["Load", "against_load", "main", "measured", "members_mb", "probes", "trial"]

PROBES = 12  # tracks that are scored to see how long it takes
ROUNDS = 5  # the quickest counts: whatever else runs on the machine only slows down
SLOWER, SLOWER_S = 2.0, 0.03  # times the champion's, and a track: hearing one takes a second
LARGER, LARGER_MB = 2.0, 16.0  # of the members' files
MORE_MB = 64.0  # of memory while it runs, beyond the champion's
WAIT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a model costs whoever runs it."""

    seconds: float  # of a processor, to score a track
    peak_mb: float  # of the process that did nothing else
    members_mb: float  # on disk
    trouble: str | None = None  # why it cannot be run, then the rest is 0


def against_load(champion: Load, challenger: Load) -> list[str]:
    """Return what speaks against the *challenger* beside the *champion*, if anything does."""
    if challenger.trouble:
        return [f"it cannot be run: {challenger.trouble}"]
    against = []
    if challenger.seconds > SLOWER * champion.seconds + SLOWER_S:
        against.append(
            f"it takes {challenger.seconds * 1000:.0f} ms a track, the one in use"
            f" {champion.seconds * 1000:.0f} ms"
        )
    if challenger.members_mb > LARGER * champion.members_mb + LARGER_MB:
        against.append(
            f"its members take {challenger.members_mb:.0f} MB on disk, those of the one in use"
            f" {champion.members_mb:.0f} MB"
        )
    if challenger.peak_mb > champion.peak_mb + MORE_MB:
        against.append(
            f"it takes {challenger.peak_mb:.0f} MB of memory, the one in use"
            f" {champion.peak_mb:.0f} MB"
        )
    return against


def trial(champion: Path, challenger: Path, tracks: Sequence[Track]) -> tuple[Load, Load]:
    """Return what both models cost on some of *tracks*, run side by side.

    Once more where the *challenger* seems to cost too much: the machine may have been busy. One
    whose files alone are too large is not run.
    """
    with tempfile.TemporaryDirectory() as room:
        asked = Path(room) / "probes.npz"
        np.savez(asked, **probes(tracks))
        if members_mb(challenger) > LARGER * members_mb(champion) + LARGER_MB:
            large = Load(seconds=0.0, peak_mb=0.0, members_mb=members_mb(challenger))
            return measured(champion, asked), large
        first, second = measured(champion, asked), measured(challenger, asked)
        if against_load(first, second):
            first, second = measured(champion, asked), measured(challenger, asked)
    return first, second


def members_mb(folder: Path) -> float:
    """Return how large the files of the members in *folder* are."""
    return sum(path.stat().st_size for path in folder.glob("*.tflite")) / 2**20


def probes(tracks: Sequence[Track]) -> dict[str, NDArray[Any]]:
    """Return some of *tracks*, spread evenly, as arrays by name."""
    some = tracks[:: max(1, len(tracks) // PROBES)][:PROBES]
    known = {
        f"embedding-{i}": track.embedding
        for i, track in enumerate(some)
        if track.embedding is not None
    }
    return {f"features-{i}": track.features for i, track in enumerate(some)} | known


def measured(folder: Path, asked: Path) -> Load:
    """Return what the model in *folder* costs on the probes in *asked*, in a process of its own."""
    command = [sys.executable, "-m", "core.learning.proving.soundness", str(folder), str(asked)]
    size = members_mb(folder)
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=WAIT_S, cwd=_home()
        )
    except subprocess.TimeoutExpired:
        return _troubled(f"it did not end within {WAIT_S:.0f} s", size)
    try:
        told = json.loads(ran.stdout)
    except ValueError:
        return _troubled(f"whoever loads it ends with {ran.returncode}", size)
    return Load(**{**told, "members_mb": size})


def _troubled(why: str, size: float) -> Load:
    return Load(seconds=0.0, peak_mb=0.0, members_mb=size, trouble=why)


def _home() -> Path:
    return Path(registry.__file__).resolve().parents[1]


# --- the process ----------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Run a model on probes and print what it cost as one JSON document."""
    folder, asked = sys.argv[1:] if argv is None else argv
    try:
        seconds = _seconds(Path(folder), Path(asked))
    except ModelError as error:
        found = _troubled(error.what, 0.0)
    else:
        found = Load(seconds=seconds, peak_mb=_peak_mb(), members_mb=0.0)
    sys.stdout.write(json.dumps(asdict(found)))
    return 0


def _seconds(folder: Path, asked: Path) -> float:
    from core.analysis.runtime import Ensemble

    ensemble = Ensemble(folder)
    with np.load(asked, allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    names = [name.partition("-")[2] for name in arrays if name.startswith("features")]
    tracks = [(arrays[f"features-{n}"], arrays.get(f"embedding-{n}")) for n in names]
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for features, embedding in tracks:
            ensemble.score(features, embedding)
        best = min(best, (time.process_time() - began) / len(tracks))
    return best


def _peak_mb() -> float:
    """The most memory that this process had: what it was forked from does not count."""
    from core.learning.ensemble.limits import peak_memory_mb

    try:
        text = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return peak_memory_mb()
    line = next(line for line in text.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 2**10


if __name__ == "__main__":
    sys.exit(main())
