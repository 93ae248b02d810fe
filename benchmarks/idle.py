"""What it costs to have it run: `python -m benchmarks idle [--minutes 10] [--files 10000]`.

A folder of small files, each with audio of its own, that the daemon has read and knows;
then nothing happens. Measured is the resident process alone, with rescans in the window.
"""

import argparse
import subprocess
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tools.house import House, until
from benchmarks.tools.timing import machine

MOST_RSS_MB, AIM_RSS_MB = 80.0, 60.0
MOST_CPU_PERCENT = 0.1
RATE, SAMPLES = 8_000, 4_000
A_FOLDER = 100  # files
EVERY_S = 5.0


def main(argv: list[str]) -> dict[str, Any]:
    """Measure and return the figures; `passed` tells whether both limits are kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks idle")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--files", type=int, default=10_000)
    wishes = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as room:
        figures = _measure(Path(room), wishes.files, wishes.minutes)
    for name, figure in figures.items():
        print(f"{name}: {figure}")
    return figures


def _measure(room: Path, count: int, minutes: float) -> dict[str, Any]:
    rescan = min(10.0, minutes / 2)
    house = House(room, {"watch": {"rescan_minutes": rescan}})
    make_files(house.music, count)
    with house.daemon() as process:
        started = time.monotonic()
        until(
            lambda: house.states() == {"left": count},
            "all files are known",
            within=60 + count / 5,
        )
        learning = time.monotonic() - started
        until(lambda: not _children(process.pid), "the workers have left", within=300)
        window = _watch(process.pid, minutes * 60)
    window |= {"files": count, "seconds_until_all_were_known": round(learning, 1)}
    window |= {"rescan_minutes": rescan, "rescans": int(minutes / rescan)}
    kept = window["rss_mb_most"] < MOST_RSS_MB and window["cpu_percent"] < MOST_CPU_PERCENT
    aim = {"limit_rss_mb": MOST_RSS_MB, "aim_rss_mb": AIM_RSS_MB, "limit_cpu": MOST_CPU_PERCENT}
    return {**window, **aim, "machine": machine(), "passed": kept}


def make_files(folder: Path, count: int) -> None:
    """Make *count* half-second WAVs of noise, no two alike."""
    rng = np.random.default_rng(0)
    for number in range(count):
        home = folder / f"{number // A_FOLDER:04}"
        home.mkdir(exist_ok=True)
        with wave.open(str(home / f"{number:05}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(rng.integers(-9000, 9000, SAMPLES, np.int16).tobytes())


def _watch(pid: int, seconds: float) -> dict[str, Any]:
    """Look on for *seconds* at memory and CPU time of the process."""
    before, started = _cpu_s(pid), time.monotonic()
    sizes = [_sizes_mb(pid)]
    while (left := started + seconds - time.monotonic()) > 0:
        time.sleep(min(EVERY_S, left))
        sizes.append(_sizes_mb(pid))
    passed, used = time.monotonic() - started, _cpu_s(pid) - before
    rss, pss = zip(*sizes, strict=True)
    return {
        "rss_mb_most": round(max(rss), 1),
        "rss_mb_median": round(float(np.median(rss)), 1),
        "pss_mb_most": round(max(pss), 1),
        "cpu_s": round(used, 2),
        "cpu_percent": round(100 * used / passed, 4),
        "minutes": round(passed / 60, 2),
    }


def _cpu_s(pid: int) -> float:
    """Return the CPU seconds that the process has used, without its children's.

    Linux counts utime in samples, which short wake-ups distort; schedstat has nanoseconds.
    """
    exact = list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
    if exact:
        return sum(int(file.read_text("ascii").split()[0]) for file in exact) / 1e9
    text = _ps(pid, "time").replace("-", ":")  # [days-][hours:]minutes:seconds
    parts = [float(part) for part in reversed(text.split(":"))]
    return sum(part * unit for part, unit in zip(parts, (1, 60, 3600, 86_400), strict=False))


def _sizes_mb(pid: int) -> tuple[float, float]:
    """Return resident and proportional size; the latter is the former where unknown."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        size = float(_ps(pid, "rss")) / 1024
        return size, size
    resident = _field(status, "VmRSS")
    return resident, _field(Path(f"/proc/{pid}/smaps_rollup"), "Pss") or resident


def _field(file: Path, name: str) -> float:
    for line in file.read_text("ascii", "replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _ps(pid: int, what: str) -> str:
    done = subprocess.run(
        ["ps", "-o", f"{what}=", "-p", str(pid)], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _children(pid: int) -> list[str]:
    """Return the workers of the daemon that still live."""
    done = subprocess.run(
        ["ps", "-A", "-o", "ppid=,args="], check=True, capture_output=True, text=True
    )
    rows = [line.split(None, 1) for line in done.stdout.splitlines()]
    return [row[1] for row in rows if row[0] == str(pid) and "resource_tracker" not in row[1]]
