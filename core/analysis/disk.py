"""What the disk says of a file beside its bytes: when it was made, why it cannot be read.

When it was made tells a fresh file from one that was edited in place; an inode number does
not, since file systems use them again at once. Reads no file, imports nothing heavy.
"""

import ctypes
import errno
import os
import sys

from core.errors import AudioDelayed, AudioError

__all__ = ["born_ns", "unreadable"]

# what a failing cable, a busy disk or a network that is away says
PASSING = {
    *(errno.EIO, errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ENODEV, errno.ENXIO),
    *(errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH),
}

# linux/stat.h and fcntl.h
_AT_FDCWD = -100
_AT_SYMLINK_NOFOLLOW = 0x100
_STATX_BTIME = 0x800
_SIZE = 256
_MASK, _SECONDS, _NANOSECONDS = 0, 80, 88  # offsets in struct statx


def born_ns(path: str) -> int:
    """Return when the file was made, in ns since the epoch; 0 where the system cannot say."""
    if sys.platform == "darwin":
        return int(os.lstat(path).st_birthtime * 1e9)
    call = getattr(ctypes.CDLL(None), "statx", None)
    if call is None:
        return 0
    found = ctypes.create_string_buffer(_SIZE)
    if call(_AT_FDCWD, os.fsencode(path), _AT_SYMLINK_NOFOLLOW, _STATX_BTIME, found):
        return 0
    if not _number(found, _MASK, 4) & _STATX_BTIME:
        return 0
    return _number(found, _SECONDS, 8) * 10**9 + _number(found, _NANOSECONDS, 4)


def unreadable(error: OSError, path: str) -> AudioError:
    """Return what to raise where the disk, or the network, does not give the file."""
    what = f"cannot be read ({error.strerror or error})"
    if error.errno in PASSING:
        return AudioDelayed(what, path)
    return AudioError(what, path, "check the file and its permissions")


def _number(data: "ctypes.Array[ctypes.c_char]", at: int, size: int) -> int:
    return int.from_bytes(data.raw[at : at + size], sys.byteorder)
