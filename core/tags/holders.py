"""Does some process have a file open for writing?

Linux: a read lease, which the kernel grants only while nobody does and breaks as soon as
somebody wants to; else the flags in /proc. macOS: libproc. Where neither can tell, the
answer is None. Never blocks, never signals anybody, leaves the file alone.
"""

import fcntl
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

__all__ = ["watching"]

Held = Callable[[], bool | None]

_PROC = "/proc"
# where EAGAIN also means that the server gave no delegation
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs"}


@contextmanager
def watching(fd: int) -> Iterator[Held]:
    """Yield a question about the open file *fd*: has anybody written, or may somebody still?

    The first call says whether a process has it open for writing; each later one whether
    one does or, where leases work, did at any time since. None: cannot be known. While
    leases work, who opens it for writing within the block waits until its end.
    """
    if sys.platform == "darwin":
        from core.tags.holders_darwin import held_darwin

        yield lambda: held_darwin(os.fstat(fd))
        return
    leased = _lease(fd)
    try:
        yield lambda: _answer(fd, leased)
    finally:
        if leased:
            with suppress(OSError):
                fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def _answer(fd: int, leased: bool | None) -> bool | None:
    if leased is None:
        return _held_by_flags(os.fstat(fd))
    return not leased or fcntl.fcntl(fd, fcntl.F_GETLEASE) != fcntl.F_RDLCK


def _lease(fd: int) -> bool | None:
    """Take a read lease: False where a writer is in the way, None where there are no leases."""
    try:
        # who wants to write while we hold it makes the kernel signal us: by one that is ignored,
        # for SIGIO would end the process
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return None if _file_system(os.fstat(fd).st_dev) in _REMOTE else False
    except OSError:
        return None
    return True


def _file_system(device: int) -> str:
    """Return the name of the file system with this device number, empty where unknown."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError), open(f"{_PROC}/self/mountinfo", "rb") as mounts:  # noqa: PTH123
        for line in mounts:
            front, _, back = line.partition(b" - ")
            if front.split()[2].decode() == wanted:
                return back.split()[0].decode()
    return ""


def _held_by_flags(file: os.stat_result) -> bool | None:
    """Look through the open files of every process that lets us; None where one does not."""
    known: bool | None = False
    for pid in os.listdir(_PROC):  # noqa: PTH208
        if pid.isdigit():
            try:
                found = _writes(pid, file)
            except FileNotFoundError:  # it ended meanwhile
                continue
            except OSError:
                known = None
                continue
            if found:
                return True
    return known


def _writes(pid: str, file: os.stat_result) -> bool:
    for number in os.listdir(f"{_PROC}/{pid}/fd"):  # noqa: PTH208
        with suppress(FileNotFoundError):
            found = os.stat(f"{_PROC}/{pid}/fd/{number}")  # noqa: PTH116
            same = stat.S_ISREG(found.st_mode) and os.path.samestat(found, file)
            if same and _flags(f"{_PROC}/{pid}/fdinfo/{number}") & os.O_ACCMODE != os.O_RDONLY:
                return True
    return False


def _flags(name: str) -> int:
    with open(name, "rb") as info:  # noqa: PTH123
        for line in info:
            if line.startswith(b"flags:"):
                return int(line.split()[1], 8)
    return os.O_RDONLY
