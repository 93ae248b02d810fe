"""Where a write may happen: the file's place, the room beside it, the scratch name.

Looks, and makes or removes our own copy; never changes the file itself.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from core.errors import WriteDelayed, WriteError, WriteRefused
from core.stamp import Stamp

__all__ = ["check_place", "check_room", "check_same", "same_file", "scratch_file", "stamp_of"]

# room kept free beside the copy: new tag blocks, and the disk's own book-keeping
ROOM = 4 << 20


def check_place(path: str, *, allow_hard_links: bool) -> None:
    """Refuse what is no file of its own, and what this user may not write."""
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        raise WriteRefused("it is a symbolic link", path, "name the file that it points to")
    if not stat.S_ISREG(found.st_mode):
        raise WriteRefused("it is not a regular file", path)
    if found.st_nlink > 1 and not allow_hard_links:
        what = f"it has {found.st_nlink} hard links, and a write would separate them"
        raise WriteRefused(what, path, "allow it by hard_links in the configuration")
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        raise WriteDelayed("its disk is mounted read-only", path, "mount it for writing")
    if not _writable(path, os.W_OK):
        raise WriteError("the file is read-only", path, "make it writable for this user")
    if not _writable(_folder(path), os.W_OK | os.X_OK):
        raise WriteError("its folder is read-only", path, "make it writable for this user")


def check_same(path: str, before: Stamp, expected: Stamp | None) -> None:
    """Refuse unless the name still leads to the file that was read, unchanged."""
    if before != (expected or before) or stamp_of(path) != before:
        raise WriteRefused("the file was changed meanwhile", path, "it is looked at again")


def same_file(one: Stamp, other: Stamp) -> bool:
    """Say whether both are of one unchanged file; renaming it moves the ctime alone."""
    return (one.inode, one.size, one.mtime_ns) == (other.inode, other.size, other.mtime_ns)


def check_room(path: str, size: int) -> None:
    """Put the write off unless a second copy of the file fits on the disk."""
    disk = os.statvfs(_folder(path))
    if disk.f_bavail * disk.f_frsize < size + ROOM:
        raise WriteDelayed("the disk has no room for a second copy of the file", path, "free some")


def stamp_of(path: str) -> Stamp:
    """Return the stamp of what lies under this very name."""
    return Stamp.of(os.lstat(path))


@contextmanager
def scratch_file(scratch: str, path: str) -> Iterator[BinaryIO]:
    """Make the scratch file, which must not exist; it is gone after an error."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(scratch, flags, 0o600)
    except FileExistsError as error:
        raise WriteError("another write of it is under way", path) from error
    try:
        with open(fd, "r+b") as copy:  # noqa: PTH123  (a descriptor, not a name)
            yield copy
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(scratch)  # noqa: PTH108
        raise


def _writable(path: str, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _folder(path: str) -> str:
    return os.path.dirname(path) or "."  # noqa: PTH120
