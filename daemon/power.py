"""Does the machine run on its battery? The one door to what each system says of its power.

Where nothing is known it counts as mains: better read a library than wait for ever.
"""

import subprocess
import sys
from pathlib import Path

__all__ = ["on_battery", "pmset_on_battery", "sysfs_on_battery"]

SUPPLIES = Path("/sys/class/power_supply")
ANSWER_S = 10.0


def on_battery() -> bool:
    """Say whether the machine runs on its battery now."""
    if sys.platform == "darwin":
        return pmset_on_battery(_pmset())
    return sysfs_on_battery(SUPPLIES)


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
