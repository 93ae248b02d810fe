"""A copy of a file with all that hangs on it: bytes, mode, owner, attributes, times.

The one door to what each platform offers for it: reflinks and copy_file_range on Linux,
fcopyfile on macOS. Never writes to the original.
"""

import ctypes
import errno
import fcntl
import os
import shutil
import struct
import sys
from contextlib import suppress
from typing import BinaryIO

from core.errors import WriteRefused
from core.tags import Manner

__all__ = ["copy_attributes", "copy_bytes", "keep_birth", "sync_directory", "sync_file"]

FICLONE = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
# sys/attr.h: attrlist of ATTR_BIT_MAP_COUNT and ATTR_CMN_CRTIME
_CREATED = struct.pack("=HHIIIII", 5, 0, 0x200, 0, 0, 0, 0)
COPYFILE_METADATA = 0b111  # copyfile.h: ACL, STAT, XATTR
_NOT_HERE = {
    errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS, errno.EPERM,
}  # fmt: skip


def copy_bytes(source: BinaryIO, copy: BinaryIO) -> None:
    """Fill the empty *copy*, sharing the bytes with *source* where the file system can."""
    if sys.platform == "linux" and (_cloned(source, copy) or _copied_by_kernel(source, copy)):
        return
    source.seek(0)
    copy.seek(0)
    copy.truncate()
    shutil.copyfileobj(source, copy, 1 << 20)
    copy.flush()


def copy_attributes(source: BinaryIO, copy: BinaryIO, path: str, manner: Manner) -> None:
    """Give *copy* the owner, mode, extended attributes and ACL of *source*.

    Raises WriteRefused where one of them cannot be kept, unless the *manner* lets owner and
    group go. The mtime is that of the copying where it need not be kept.
    """
    was, now = os.fstat(source.fileno()), os.fstat(copy.fileno())
    if (was.st_uid, was.st_gid) != (now.st_uid, now.st_gid):
        _copy_owner(copy, was, path, ignore=manner.ignore_owner)
    os.fchmod(copy.fileno(), was.st_mode & 0o7777)
    if sys.platform == "darwin":
        _copy_attributes_darwin(source, copy)
    else:
        _copy_xattrs(source, copy, path)
    mtime = was.st_mtime_ns if manner.keep_mtime else now.st_mtime_ns
    os.utime(copy.fileno(), ns=(was.st_atime_ns, mtime))
    if sys.platform == "darwin":  # behind utime, which may move it
        keep_birth(ctypes.CDLL(None), source.fileno(), copy.fileno())


def keep_birth(libc: ctypes.CDLL, source: int, copy: int) -> None:
    """Give *copy* the creation time of *source* by macOS's fgetattrlist(2) and fsetattrlist(2).

    fcopyfile knows the other times only. Where a volume keeps none, there is none to keep.
    """
    found = ctypes.create_string_buffer(4 + 16)  # a length, a timespec
    asked = (_CREATED, found, ctypes.c_size_t(len(found)), ctypes.c_uint32(0))
    if libc.fgetattrlist(source, *asked) == 0:
        given = (_CREATED, found.raw[4:], ctypes.c_size_t(16), ctypes.c_uint32(0))
        libc.fsetattrlist(copy, *given)


def sync_file(file: BinaryIO) -> None:
    """Make the file's bytes last through a power failure."""
    file.flush()
    if sys.platform == "darwin":
        # fsync there only reaches the drive's cache; network volumes know nothing better
        with suppress(OSError):
            fcntl.fcntl(file.fileno(), fcntl.F_FULLFSYNC)
            return
    os.fsync(file.fileno())


def sync_directory(directory: str) -> None:
    """Make a rename within *directory* last through a power failure."""
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _cloned(source: BinaryIO, copy: BinaryIO) -> bool:
    try:
        fcntl.ioctl(copy.fileno(), FICLONE, source.fileno())
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        return False
    return True


def _copied_by_kernel(source: BinaryIO, copy: BinaryIO) -> bool:
    size, at = os.fstat(source.fileno()).st_size, 0
    while at < size:
        try:
            done = os.copy_file_range(source.fileno(), copy.fileno(), size - at, at, at)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            return False
        if not done:  # some network file systems answer 0 instead of refusing
            return False
        at += done
    return True


def _copy_owner(copy: BinaryIO, was: os.stat_result, path: str, *, ignore: bool) -> None:
    try:
        os.fchown(copy.fileno(), was.st_uid, was.st_gid)
    except PermissionError as error:
        if not ignore:
            what = "its owner or group could not be kept"
            remedy = "set keep_owner = false in [tags], or run genrewatch as the music's owner"
            raise WriteRefused(what, path, remedy) from error
        with suppress(PermissionError):  # a group of ours can be kept though the owner cannot
            os.fchown(copy.fileno(), -1, was.st_gid)


def _copy_xattrs(source: BinaryIO, copy: BinaryIO, path: str) -> None:
    """Copy every extended attribute; on Linux the ACL is one of them."""
    names = _xattr_names(source)
    for name in set(_xattr_names(copy)).difference(names):
        _drop_xattr(copy, name, path)
    for name in names:
        value = os.getxattr(source.fileno(), name)
        try:
            os.setxattr(copy.fileno(), name, value)
        except OSError as error:
            if name in _xattr_names(copy) and os.getxattr(copy.fileno(), name) == value:
                continue  # a label that the kernel gives by itself
            raise WriteRefused(f"its attribute {name} could not be kept", path) from error


def _drop_xattr(copy: BinaryIO, name: str, path: str) -> None:
    """Take off what the folder gave to a new file in it, such as its default ACL."""
    try:
        os.removexattr(copy.fileno(), name)
    except OSError as error:
        if not name.startswith("security."):  # a label that the kernel gives to every file
            raise WriteRefused(f"it would get an attribute {name}", path) from error


def _xattr_names(file: BinaryIO) -> list[str]:
    try:
        return os.listxattr(file.fileno())
    except OSError as error:
        if error.errno in _NOT_HERE:
            return []
        raise


def _copy_attributes_darwin(source: BinaryIO, copy: BinaryIO) -> None:
    # shutil's own door to fcopyfile(3); it hands the flags through as they are
    import posix

    posix._fcopyfile(source.fileno(), copy.fileno(), COPYFILE_METADATA)  # type: ignore[attr-defined,unused-ignore]
