"""What does a folder lie on? The one door to what each system says of its volumes.

Asked for one thing: how gladly a folder may be looked at anew.
"""

import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path

__all__ = ["Volume", "linux_volume", "mac_volume", "volume_of"]

# file systems whose files change without this machine's doing, so that no event tells of it
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "afpfs", "ceph", "glusterfs")
BUSES = ("/usb", "/ata", "/firewire")  # of disks that spin down; a virtual machine's never do
ANSWER_S = 10.0


class Volume(StrEnum):
    """Kinds of volume, by what a look at them costs."""

    NEAR = "near"  # always awake
    SLEEPY = "sleepy"  # a disk that spins down, or is carried about
    FAR = "far"  # a network share, or some program's own file system


def volume_of(path: str) -> Volume:
    """Return what *path* lies on."""
    if sys.platform == "darwin":
        return mac_volume(path, _mounts())
    return linux_volume(path, Path("/"))


def linux_volume(path: str, root: Path) -> Volume:
    """Return the same by what /proc and /sys below *root* say; near where they say nothing."""
    try:
        device = os.stat(path).st_dev  # noqa: PTH116  odd bytes
        mounts = (root / "proc/self/mountinfo").read_text("utf-8", "replace")
    except OSError:
        return Volume.NEAR
    number = f"{os.major(device)}:{os.minor(device)}"
    kind, source = _mount_of(number, mounts)
    if kind in NETWORK or kind.startswith("fuse."):
        return Volume.FAR
    return Volume.SLEEPY if _spins(number, source, root) else Volume.NEAR


def mac_volume(path: str, mounts: str) -> Volume:
    """Return the same by what `mount` printed: what is mounted in /Volumes can be unplugged."""
    best, words = "", ""
    for line in mounts.splitlines():
        _, _, rest = line.partition(" on ")
        place, _, options = rest.rpartition(" (")
        inside = path == place or path.startswith(place.rstrip("/") + "/")
        if inside and len(place) > len(best):
            best, words = place, options
    if not best:
        return Volume.NEAR
    if "local" not in words.rstrip(")").split(", "):
        return Volume.FAR
    return Volume.SLEEPY if best.startswith("/Volumes/") else Volume.NEAR


def _mount_of(number: str, mounts: str) -> tuple[str, str]:
    """Return file system and source of the mounted device *number*."""
    for line in mounts.splitlines():
        place, _, what = line.partition(" - ")
        if place.split()[2:3] == [number] and len(what.split()) > 1:
            kind, source = what.split()[:2]
            return kind, source
    return "", ""


def _spins(number: str, source: str, root: Path) -> bool:
    for name in (number, _number_of(source)):  # Btrfs has device numbers of its own
        block = root / "sys/dev/block" / name
        if name and block.exists():
            real = block.resolve()
            disk = real if (real / "queue").exists() else real.parent  # of a partition
            return _says_yes(disk / "queue/rotational") and any(b in str(real) for b in BUSES)
    return False


def _number_of(source: str) -> str:
    try:
        device = os.stat(source).st_rdev  # noqa: PTH116
    except OSError:  # no device at all: tmpfs, overlay
        return ""
    return f"{os.major(device)}:{os.minor(device)}"


def _says_yes(file: Path) -> bool:
    try:
        return file.read_text("ascii").strip() == "1"
    except OSError:
        return False


def _mounts() -> str:
    try:
        done = subprocess.run(
            ["/sbin/mount"], capture_output=True, text=True, check=False, timeout=ANSWER_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
