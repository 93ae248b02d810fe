"""Does the machine run on its battery, and is it busy? The one door to what systems say of it.

Where nothing is known it counts as plugged in and idle: better read a library than wait for ever.
"""

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["load_per_core", "on_battery", "pmset_on_battery", "sysfs_on_battery"]

SUPPLIES = Path("/sys/class/power_supply")
ANSWER_S = 10.0


def on_battery() -> bool:
    """Say whether the machine runs on its battery now."""
    if sys.platform == "darwin":
        return pmset_on_battery(_pmset())
    return sysfs_on_battery(SUPPLIES)


def load_per_core() -> float:
    """Return how many processes wanted a core at a time, for each core, over five minutes."""
    try:
        return os.getloadavg()[1] / (os.cpu_count() or 1)
    except OSError:
        return 0.0


def sysfs_on_battery(supplies: Path) -> bool:
    """Say the same by Linux's *supplies*: a battery of the machine empties, no plug feeds it.

    Mice and headsets have batteries, too; their scope is their own device.
    """
    found = [_supply(folder) for folder in sorted(supplies.glob("*"))]
    if any(kind in ("Mains", "USB") and online == "1" for kind, _, online, _ in found):
        return False
    return any(
        kind == "Battery" and status == "Discharging" and scope != "Device"
        for kind, status, _, scope in found
    )


def pmset_on_battery(said: str) -> bool:
    """Say the same by what `pmset -g batt` *said*."""
    return "drawing from 'battery power'" in said.casefold()


def _supply(folder: Path) -> tuple[str, str, str, str]:
    kind, status, online, scope = (
        _read(folder / name) for name in ("type", "status", "online", "scope")
    )
    return kind, status, online, scope


def _read(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace").strip()
    except OSError:  # not every supply tells everything, and one may be unplugged just now
        return ""


def _pmset() -> str:
    try:
        done = subprocess.run(
            ["/usr/bin/pmset", "-g", "batt"],
            capture_output=True,
            text=True,
            check=False,
            timeout=ANSWER_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
