"""What a file system offers to a safe write: `python -m benchmarks places DIR…`.

In each folder a file of every format is written and put back, the program's own way, and
judged by other programs. Told is whether names can be exchanged, bytes shared, attributes
kept, and whether it can be known that somebody else has a file open for writing.
"""

import argparse
import errno
import fcntl
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.tools.saving import Judge, Room, make_sample
from benchmarks.tools.timing import machine
from core.tags.copying import FICLONE
from core.tags.holders import watching
from core.tags.swap import exchange
from tests.audio import ALL_FORMATS


def main(argv: list[str]) -> dict[str, Any]:
    """Try each folder, print the table, return it; `passed` tells whether all went well there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks places")
    parser.add_argument("folders", nargs="*", default=[tempfile.gettempdir()])
    parser.add_argument("--formats", nargs="+", choices=ALL_FORMATS, default=list(ALL_FORMATS))
    wishes = parser.parse_args(argv)
    found = [_place(Path(folder), wishes.formats) for folder in wishes.folders]
    for place in found:
        print(", ".join(f"{name}: {value}" for name, value in place.items()))
    return {
        "places": found,
        "machine": machine(),
        "passed": not any(place["bad"] for place in found),
    }


def _place(folder: Path, formats: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        room = Path(name)
        one, other = room / "one", room / "other"
        for file in (one, other):
            file.write_bytes(b"x" * 4096)
        offers = {
            "exchange": _works(lambda: exchange(str(one), str(other))),
            "shared bytes": _works(lambda: _clone(one, other)),
            "attributes": _works(lambda: _attribute(one)),
            "leases": _held(one) is False,
        }
        bad = [why for fmt in formats if (why := _written_and_back(room / fmt, fmt))]
    return {"system": _system(folder), **offers, "formats": len(formats), "bad": bad}


def _works(act: Callable[[], Any]) -> bool:
    try:
        act()
    except OSError as error:
        if error.errno in (errno.EIO, errno.ENOSPC, errno.EACCES):
            raise
        return False
    return True


def _clone(one: Path, other: Path) -> None:
    with one.open("rb") as source, other.open("r+b") as target:
        fcntl.ioctl(target.fileno(), FICLONE, source.fileno())


def _attribute(file: Path) -> None:
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, "only looked at on Linux")
    os.setxattr(file, "user.genrewatch", b"1")


def _held(file: Path) -> bool | None:
    """Say whether the file is open for writing elsewhere, None where that is unknown."""
    with file.open("rb") as opened, watching(opened.fileno()) as held:
        return held()


def _written_and_back(folder: Path, fmt: str) -> str:
    """Write a file and put it back; say what is wrong then, "" if nothing."""
    with tempfile.TemporaryDirectory() as made:
        sample = make_sample(Path(made), fmt, full=True)
    room = Room(folder, sample)
    room.lay()
    judge = Judge(room.path)
    room.save()
    written = judge.what(room.path)
    room.look()
    room.undo()
    if written != "new" or room.path.read_bytes() != sample.data or room.leftovers():
        return f"{fmt}: {written}, {room.leftovers()}"
    return ""


def _system(folder: Path) -> str:
    """Return the name of the file system that the folder lies on."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return "unknown"
    rows = [line.split() for line in mounts.read_text("utf-8", "replace").splitlines()]
    above = [row for row in rows if Path(row[1]) in (folder.resolve(), *folder.resolve().parents)]
    return max(above, key=lambda row: len(row[1]))[2]
