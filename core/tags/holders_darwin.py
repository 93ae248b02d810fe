"""Which process has a file open for writing, on macOS: libproc's answers, read by offset.

sys/proc_info.h gives the layouts. Knows nothing of tags; never asked for elsewhere.
"""

import ctypes
import os
import struct
from collections.abc import Iterator

__all__ = ["held_darwin"]

_ALL_PIDS, _LIST_FDS, _VNODE_INFO = 1, 1, 1  # PROC_ALL_PIDS, PROC_PIDLISTFDS, PROC_PIDFDVNODEINFO
_VNODE = 1  # PROX_FDTYPE_VNODE
_FD = struct.Struct("=iI")  # proc_fdinfo: descriptor, type
_VNODE_SIZE = 176  # vnode_fdinfo: proc_fileinfo (24), vnode_info (152)
_FLAGS = struct.Struct("=I")  # proc_fileinfo.fi_openflags, first
_WHERE = struct.Struct("=I4xQ")  # vinfo_stat: vst_dev, vst_mode and vst_nlink, vst_ino
_WHERE_AT = 24
_WRITING = 2  # FWRITE of sys/fcntl.h
_ROOM = 1.5  # processes and files come and go between asking how many and which


def held_darwin(file: os.stat_result) -> bool | None:
    """Say whether a process has the file open for writing; None where some do not tell."""
    libproc = ctypes.CDLL("/usr/lib/libproc.dylib", use_errno=True)
    known: bool | None = False
    for pid in _pids(libproc):
        listed = _descriptors(libproc, pid)
        if not listed:  # another user's, or gone
            known = None
        elif any(is_writer(info, file) for info in _infos(libproc, pid, vnodes(listed))):
            return True
    return known


def vnodes(listed: bytes) -> list[int]:
    """Return the descriptors of files in what PROC_PIDLISTFDS filled in."""
    whole = listed[: len(listed) // _FD.size * _FD.size]
    return [fd for fd, kind in _FD.iter_unpack(whole) if kind == _VNODE]


def is_writer(info: bytes, file: os.stat_result) -> bool:
    """Say whether a vnode_fdinfo is of this very file, open for writing."""
    (flags,) = _FLAGS.unpack_from(info)
    device, inode = _WHERE.unpack_from(info, _WHERE_AT)
    same = (device, inode) == (file.st_dev & 0xFFFFFFFF, file.st_ino)
    return same and bool(flags & _WRITING)


def _pids(libproc: ctypes.CDLL) -> list[int]:
    size = int(libproc.proc_listpids(_ALL_PIDS, 0, None, 0) * _ROOM)
    buffer = ctypes.create_string_buffer(max(size, 0))
    got = max(0, libproc.proc_listpids(_ALL_PIDS, 0, buffer, len(buffer)))
    return [pid for (pid,) in struct.iter_unpack("=i", buffer.raw[: got // 4 * 4]) if pid]


def _descriptors(libproc: ctypes.CDLL, pid: int) -> bytes:
    size = int(libproc.proc_pidinfo(pid, _LIST_FDS, ctypes.c_uint64(0), None, 0) * _ROOM)
    buffer = ctypes.create_string_buffer(max(size, 0))
    got = libproc.proc_pidinfo(pid, _LIST_FDS, ctypes.c_uint64(0), buffer, len(buffer))
    return buffer.raw[: max(0, got)]


def _infos(libproc: ctypes.CDLL, pid: int, fds: list[int]) -> Iterator[bytes]:
    buffer = ctypes.create_string_buffer(_VNODE_SIZE)
    for fd in fds:
        if libproc.proc_pidfdinfo(pid, fd, _VNODE_INFO, buffer, len(buffer)) == _VNODE_SIZE:
            yield buffer.raw
