"""The one timer of all benchmarks: sides run in turns, CPU time, ratios with their spread.

Turns, because a machine is never equally busy for minutes: what disturbs one side then
disturbs the other. CPU time of the process, because others may use the machine.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Times", "in_turns", "machine", "ratio", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """CPU and wall seconds of one side, a value a round."""

    cpu_s: tuple[float, ...]
    wall_s: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """Median CPU seconds."""
        return statistics.median(self.cpu_s)

    def as_dict(self) -> dict[str, Any]:
        """Plain figures for a result file."""
        return {
            "cpu_median_s": round(self.median_s, 4),
            "cpu_least_s": round(min(self.cpu_s), 4),
            "cpu_most_s": round(max(self.cpu_s), 4),
            "wall_median_s": round(statistics.median(self.wall_s), 4),
            "rounds": len(self.cpu_s),
        }


def in_turns(
    sides: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1
) -> dict[str, Times]:
    """Run every side once a round, *warm_up* rounds uncounted first.

    Each round begins with another side, so that none always finds the cache as one
    certain other left it.
    """
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    wall: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(warm_up + rounds):
        order = list(sides)
        shift = number % len(order)
        for name in order[shift:] + order[:shift]:
            started, started_cpu = time.perf_counter(), time.process_time()
            sides[name]()
            if number >= warm_up:
                cpu[name].append(time.process_time() - started_cpu)
                wall[name].append(time.perf_counter() - started)
    return {n: Times(cpu_s=tuple(cpu[n]), wall_s=tuple(wall[n])) for n in sides}


def ratio(one: Times, other: Times) -> dict[str, float]:
    """How many times *other* the first takes: median, least and most of the rounds' ratios."""
    each = [a / b for a, b in zip(one.cpu_s, other.cpu_s, strict=True)]
    return {
        "median": round(statistics.median(each), 2),
        "least": round(min(each), 2),
        "most": round(max(each), 2),
    }


def table(times: Mapping[str, Times], *, base: str) -> str:
    """Lines for a person: seconds, spread, and the ratio to the side named *base*."""
    lines = [f"{'':32}{'CPU s':>9}{'least':>9}{'most':>9}{'× ' + base:>18}"]
    for name, side in times.items():
        cells = (side.median_s, min(side.cpu_s), max(side.cpu_s))
        times_base = ratio(side, times[base])["median"]
        lines.append(f"{name:32}" + "".join(f"{c:9.3f}" for c in cells) + f"{times_base:18.2f}")
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """What it was measured on: processor, cores, system, Python, load when asked."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines: Sequence[str] = cpuinfo.read_text().splitlines() if cpuinfo.exists() else ()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()
