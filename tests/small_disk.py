"""A small file system of its own, for what only a real one does: be full, read-only, away."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["SmallDisk", "small_disk"]


class SmallDisk:
    """A tmpfs mounted at *root*; making one needs root, and Linux."""

    def __init__(self, root: Path, size: str = "4m") -> None:
        self.root, self.size = root, size
        root.mkdir(parents=True, exist_ok=True)
        done = _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(root))
        if done is None or done.returncode:
            pytest.skip("no file system can be mounted here (that needs root, on Linux)")

    def fill(self) -> None:
        """Leave no free block."""
        with (self.root / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass

    def make_room(self) -> None:
        """Undo fill."""
        (self.root / "filler").unlink()

    def read_only(self, yes: bool) -> None:
        """Mount it anew for reading only, or for writing too."""
        done = _mount("-o", "remount,ro" if yes else "remount,rw", str(self.root))
        assert done is not None
        assert done.returncode == 0, done.stderr

    def unmount(self) -> None:
        """Take it away, also from under an open file."""
        subprocess.run(["umount", "-l", str(self.root)], check=False, capture_output=True)


@contextlib.contextmanager
def small_disk(root: Path, size: str = "4m") -> Iterator[SmallDisk]:
    """Mount a small disk at *root* for the block."""
    disk = SmallDisk(root, size)
    try:
        yield disk
    finally:
        disk.unmount()


def _mount(*arguments: str) -> "subprocess.CompletedProcess[bytes] | None":
    if os.geteuid() != 0:
        return None
    try:
        return subprocess.run(["mount", *arguments], check=False, capture_output=True)
    except FileNotFoundError:
        return None
