"""Who watches a folder: flock on the directory itself, whatever the state directory.

The daemon holds its folders alone and shares all that lie above them, so that a folder in
or around one that another daemon holds is noticed from both sides. The system lets go of
all of it when the process dies. Holds nothing on behalf of commands: they only ask.
"""

import fcntl
import os
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from core.errors import FolderHeld, WriteRefused

__all__ = ["Holds", "Place", "check_free", "place_of"]

TRIES, TRY_AGAIN_S = 5, 0.1

Place = tuple[int, int]  # device and inode


class Holds:
    """The folders that this process holds."""

    def __init__(self) -> None:
        self._held: dict[str, list[int]] = {}

    def take(self, folder: str, own: Collection[str], *, patient: bool = True) -> str | None:
        """Hold *folder* alone, one of our *own*; return why that is impossible here, if it is.

        *patient*: whoever only asks may hold it for an instant, and is waited for. Raises
        FolderHeld where another process holds it, a folder in it or one around it.
        """
        self.release(folder)
        held: list[int] = []
        ours = {place for path in own if (place := place_of(path)) is not None}
        try:
            note = _lock(folder, fcntl.LOCK_EX, held, patient=patient)
            for above in _above(os.path.realpath(folder)):
                if place_of(above) not in ours:
                    _lock(above, fcntl.LOCK_SH, held, patient=patient)
        except FolderHeld:
            _close(held)
            raise
        self._held[folder] = held
        return note

    def release(self, folder: str) -> None:
        """Let go of *folder*."""
        _close(self._held.pop(folder, []))

    def release_all(self) -> None:
        """Let go of everything."""
        for folder in list(self._held):
            self.release(folder)

    def __contains__(self, folder: str) -> bool:
        return folder in self._held


def check_free(path: str, own: Collection[str]) -> None:
    """Raise WriteRefused where a daemon with another record watches the file at *path*.

    *own* are the folders that the daemon of our own record watches now.
    """
    ours = {place for folder in own if (place := place_of(folder)) is not None}
    for folder in _above(os.path.realpath(path)):
        place = place_of(folder)
        if place in ours:
            return
        if place is not None and _is_held(folder):
            who = f"another genrewatch{_named(_holder(place))} with a record of its own"
            remedy = "stop it, or name its record by --state-dir"
            raise WriteRefused(f"{who} watches {folder}", path, remedy)


def _above(path: str) -> Iterator[str]:
    """Yield the folders that *path* lies in, the nearest first."""
    while (parent := os.path.dirname(path)) != path:  # noqa: PTH120  odd bytes survive
        yield parent
        path = parent


def _lock(folder: str, how: int, held: list[int], *, patient: bool) -> str | None:
    """Lock *folder* and add its descriptor to *held*; return why that cannot be done, if so."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return f"{folder} cannot be locked ({error.strerror})"
    held.append(fd)
    for pause in [TRY_AGAIN_S] * TRIES if patient else [0.0]:
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(pause)
        except OSError:  # some network file systems know no such lock, each by a code of its own
            return f"{folder} cannot be locked on its file system; let nothing else watch it"
        else:
            return None
    alone = how == fcntl.LOCK_EX
    who = f"another genrewatch{_named(_holder(place_of(folder)))}"
    what = f"{who} watches it or a folder in it" if alone else f"{who} watches the whole of it"
    raise FolderHeld(what, folder, "stop that one, or watch another folder")


def _is_held(folder: str) -> bool:
    """Say whether some process holds *folder* alone."""
    held: list[int] = []
    try:
        _lock(folder, fcntl.LOCK_SH, held, patient=False)
    except FolderHeld:
        return True
    finally:
        _close(held)
    return False


def place_of(path: str) -> Place | None:
    """Return which directory lies at *path*, by whatever name; None where none can be seen."""
    try:
        found = os.stat(path)  # noqa: PTH116  odd bytes survive
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _holder(place: Place | None) -> int | None:
    """Return the process that holds a lock on the directory, where the system says so."""
    if place is None:
        return None
    wanted = f"{os.major(place[0]):02x}:{os.minor(place[0]):02x}:{place[1]}"
    with suppress(OSError):
        for line in Path("/proc/locks").read_text("ascii").splitlines():
            words = line.split()
            if "->" not in words and words[1] == "FLOCK" and words[5] == wanted:
                return int(words[4]) if words[4] != str(os.getpid()) else None
    return None


def _named(pid: int | None) -> str:
    return f" (process {pid})" if pid else ""


def _close(held: list[int]) -> None:
    for fd in held:
        os.close(fd)
