"""Thousands of files at once: `python -m benchmarks storm [--files 10000]`.

Small real files, no two alike, are copied as fast as the disk takes them, all into one folder
and then spread over 500, before the real daemon, whose events are lost: half of them at
random, then all. Asked is whether every file is judged, how long it takes, and what it costs.
"""

import argparse
import shutil
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tools.house import House, until
from benchmarks.tools.timing import machine
from tests.audio import encode

RATE = 8_000
SECONDS = 1.0
FORMATS = (*["wav"] * 7, "flac", "flac", "mp3")
FOLDERS = 500
OPTIONS: dict[str, dict[str, Any]] = {
    "watch": {"rescan_minutes": 0.5},
    "model": {"backbone": "none"},
}
SEEN = {"tagged", "not_sure"}
AT_ONCE_S = 2.0
A_FILE_S = 3.0  # the longest that one may take on average before we give up waiting


def main(argv: list[str]) -> dict[str, Any]:
    """Raise both storms and return what came of them; `passed`: every file was judged."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks storm")
    parser.add_argument("--files", type=int, default=10_000)
    wishes = parser.parse_args(argv)
    storms = []
    for name, folders, lost in (
        ("one folder, half of the events lost", 1, 0.5),
        (f"{FOLDERS} folders, all events lost", FOLDERS, 1.0),
    ):
        with tempfile.TemporaryDirectory() as room:
            storms.append({"storm": name, **storm(Path(room), wishes.files, folders, lost)})
        print(storms[-1])
    passed = all(storm["judged"] == storm["files"] for storm in storms)
    return {"storms": storms, "machine": machine(), "passed": passed}


def storm(
    room: Path, count: int, folders: int, lost: float, options: Mapping[str, Any] = OPTIONS
) -> dict[str, Any]:
    """Raise one storm of *count* files and return what came of it."""
    house = House(room, options)
    staged = room / "staged"
    staged.mkdir()
    sources = _make_files(staged, count)
    with house.daemon("benchmarks.tools.deaf", str(lost)) as process, Memory(process.pid) as memory:
        started = time.monotonic()
        _copy(sources, house.music, folders)
        copied = time.monotonic() - started
        until(
            lambda: _are_judged(house, count),
            "every file is judged",
            within=120 + count * A_FILE_S,
            every=AT_ONCE_S,
        )
        whole = time.monotonic() - started
        states = house.states()
    return {
        "files": count,
        "folders": folders,
        "events_lost": lost,
        "judged": sum(states.get(state, 0) for state in SEEN),
        "states": states,
        "seconds_copying": round(copied, 1),
        "seconds_until_all_were_judged": round(whole, 1),
        "ms_a_file": round(1000 * whole / count, 1),
        **memory.figures(),
    }


def _make_files(folder: Path, count: int) -> list[Path]:
    """Make *count* files of a second each, a tone in noise, no two alike."""
    rng = np.random.default_rng(0)
    ticks = np.arange(int(RATE * SECONDS)) / RATE
    made = []
    for number in range(count):
        sound = 0.4 * np.sin(2 * np.pi * (100 + number % 3000) * ticks)
        sound += rng.normal(0, 0.1, ticks.size)
        kind = FORMATS[number % len(FORMATS)]
        made.append(folder / f"{number:06}.{kind}")
        _encode(made[-1], np.clip(sound, -1, 1).astype(np.float32), kind)
    return made


def _encode(path: Path, sound: Any, kind: str) -> None:
    if kind != "wav":
        encode(path, sound, RATE, kind)
        return
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes((sound * 32_000).astype("<i2").tobytes())


def _copy(sources: list[Path], music: Path, folders: int) -> None:
    homes = [music / f"{number:03}" for number in range(folders)] if folders > 1 else [music]
    for home in homes:
        home.mkdir(exist_ok=True)
    for number, source in enumerate(sources):
        shutil.copyfile(source, homes[number % folders] / source.name)


def _are_judged(house: House, count: int) -> bool:
    states = house.states()
    left = count - sum(states.get(state, 0) for state in SEEN)
    print(f"still {left} to judge", file=sys.stderr)
    return not left


class Memory:
    """Looks on at the resident memory of a process and of its children."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._most = {"resident": 0.0, "worker": 0.0}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def figures(self) -> dict[str, float]:
        """Return the most that was seen, in MB."""
        return {f"{name}_rss_mb_most": round(size, 1) for name, size in self._most.items()}

    def _look_on(self) -> None:
        while not self._over.wait(1.0):
            self._note("resident", self._pid)
            for child in _children(self._pid):
                self._note("worker", child)

    def _note(self, name: str, pid: int) -> None:
        self._most[name] = max(self._most[name], _peak_mb(pid))


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    except OSError:  # it has left, or there is no /proc
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text("ascii").split()]
        except OSError:
            continue
    return found
