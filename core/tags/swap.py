"""Exchange two names in one step, or rename to a name that must be free.

The one door to renameat2(2) on Linux and renamex_np(2) on macOS; `put_back` undoes an
exchange whatever others did meanwhile. Imports nothing heavy, never reads or writes a
file's bytes, and never removes a file but our own copy.
"""

import ctypes
import errno
import fcntl
import os
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from core.stamp import Stamp
from core.tags.copying import sync_directory

__all__ = ["NotHere", "exchange", "let_go", "place_of", "put_back", "rename_call", "rename_new"]

FREE, SWAP = "free", "swap"
_FLAGS = {FREE: 1, SWAP: 2}  # RENAME_NOREPLACE, RENAME_EXCHANGE (linux/fs.h)
_FLAGS_DARWIN = {FREE: 4, SWAP: 2}  # RENAME_EXCL, RENAME_SWAP (sys/stdio.h of macOS)
_AT_FDCWD = -100
_SYS_RENAMEAT2 = {"x86_64": 316, "aarch64": 276, "riscv64": 276}  # for a libc without renameat2
_F_GETPATH = 50  # sys/fcntl.h of macOS
_MISSING = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}
_TRIES = 100  # two others that rename the same file all the time do not keep us for ever

Rename = Callable[[bytes, bytes, str], int]


class NotHere(OSError):
    """This system or file system cannot do that; nothing was changed."""


def exchange(one: str, other: str) -> None:
    """Let the two names change places in one step; both must exist.

    Raises NotHere where the file system knows no exchange, OSError for all else.
    """
    _checked(one, other, SWAP)


def rename_new(name: str, free: str) -> None:
    """Rename *name* to *free*, which must not exist. Raises NotHere, FileExistsError, OSError."""
    _checked(name, free, FREE)


def let_go(path: str, scratch: str, original: Stamp, copy: int) -> bool:
    """Remove the original kept under *scratch*, and say whether that was right.

    It is not where somebody changed it through a handle from before the exchange: then it
    gets its name back, the copy (inode *copy*) is removed, and False is returned.
    """
    try:
        found = Stamp.of(os.lstat(scratch))
    except FileNotFoundError:
        return True
    if found != original:
        put_back(path, scratch, copy)
        return False
    os.unlink(scratch)  # noqa: PTH108  (names may hold any bytes)
    return True


def put_back(path: str, scratch: str, copy: int, fd: int | None = None) -> None:
    """Undo an exchange: the file under *scratch* gets its name back, our copy goes.

    *copy* is the inode of our copy, *fd* a handle to it where there is one: if somebody moved
    it meanwhile, he meant the other file, and that takes its place there. Where somebody put
    a third file in place, that stays, and the other is kept beside it under a name of its own.
    """
    for _ in range(_TRIES):
        place = _own_place(path, copy, fd)
        if place is not None:
            done = _exchanged_back(place, scratch, copy)
        else:
            done = _renamed(scratch, path) or _kept_beside(path, scratch, copy)
        if done:
            _sync_folders(path, place or path)
            return
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), path)


def place_of(fd: int) -> str | None:
    """Return the name that an open file has now, None where that cannot be known."""
    try:
        if sys.platform == "darwin":
            return os.fsdecode(fcntl.fcntl(fd, _F_GETPATH, bytes(1024)).rstrip(b"\0"))
        return os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115
    except OSError:
        return None


def _own_place(path: str, copy: int, fd: int | None) -> str | None:
    """Return where our copy is now, None where it is gone or cannot be found."""
    if _inode(path) == copy:
        return path
    place = place_of(fd) if fd is not None else None
    return place if place is not None and _inode(place) == copy else None


def _exchanged_back(place: str, scratch: str, copy: int) -> bool:
    """Exchange, and say whether our copy came out; it is removed then."""
    try:
        exchange(scratch, place)
    except FileNotFoundError:
        return False
    if _inode(scratch) != copy:  # somebody was quicker: his file goes back where it was
        with suppress(FileNotFoundError):
            exchange(scratch, place)
        return False
    os.unlink(scratch)  # noqa: PTH108
    return True


def _renamed(scratch: str, path: str) -> bool:
    try:
        rename_new(scratch, path)
    except FileExistsError:
        return False
    return True


def _kept_beside(path: str, scratch: str, copy: int) -> bool:
    if _inode(path) in (None, copy):  # it moves too fast: look again
        return False
    for number in count(1):
        if _renamed(scratch, f"{path}.kept-{number}"):
            break
    return True


def _sync_folders(*paths: str) -> None:
    """Make it last: after a power cut the first exchange alone would be there."""
    for folder in {os.path.dirname(path) for path in paths}:  # noqa: PTH120
        # all is as before already; a failure now costs no more than that it lasts
        with suppress(OSError):
            sync_directory(folder or ".")


def _inode(path: str) -> int | None:
    try:
        return os.lstat(path).st_ino
    except (FileNotFoundError, NotADirectoryError):
        return None


def _checked(old: str, new: str, how: str) -> None:
    if _rename(os.fsencode(old), os.fsencode(new), how) == 0:
        return
    code = ctypes.get_errno()
    kind = NotHere if code in _MISSING else OSError
    raise kind(code, os.strerror(code), old, None, new)


def rename_call(libc: ctypes.CDLL, system: str, machine: str) -> Rename:
    """Return the platform's call as one of (old, new, how) that returns 0 or sets errno."""
    if system == "darwin":
        return lambda old, new, how: libc.renamex_np(old, new, ctypes.c_uint(_FLAGS_DARWIN[how]))
    at = ctypes.c_int(_AT_FDCWD)
    if hasattr(libc, "renameat2"):
        return lambda old, new, how: libc.renameat2(at, old, at, new, ctypes.c_uint(_FLAGS[how]))
    number = _SYS_RENAMEAT2.get(machine)
    if number is None:
        return _absent
    call = ctypes.c_long(number)
    return lambda old, new, how: libc.syscall(call, at, old, at, new, ctypes.c_uint(_FLAGS[how]))


def _absent(_old: bytes, _new: bytes, _how: str) -> int:
    ctypes.set_errno(errno.ENOSYS)
    return -1


_rename = rename_call(ctypes.CDLL(None, use_errno=True), sys.platform, platform.machine())
