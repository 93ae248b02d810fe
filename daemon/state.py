"""The state directory: what lies where, and who may work in it at a time."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import GenrewatchError, LibraryError

__all__ = ["State", "is_locked", "locked"]

TRIES, TRY_AGAIN_S = 5, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One state directory."""

    root: Path

    @property
    def library(self) -> Path:
        """The record."""
        return self.root / "library.db"

    @property
    def witness(self) -> Path:
        """The log of writes, from which a lost record learns what was ours."""
        return self.root / "writes.log"

    @property
    def backups(self) -> Path:
        """Dated copies of the record."""
        return self.root / "backups"

    @property
    def damaged(self) -> Path:
        """Records that were put aside when a backup took their place."""
        return self.root / "damaged"

    @property
    def models(self) -> Path:
        """The model versions trained here."""
        return self.root / "models"

    @property
    def heard(self) -> Path:
        """What training heard of sample files; it may be removed at any time."""
        return self.root / "cache" / "heard"

    @property
    def finished(self) -> Path:
        """What a training that was killed had finished; it may be removed at any time."""
        return self.root / "cache" / "finished"

    @property
    def daemon_lock(self) -> Path:
        """Held by the daemon while it runs."""
        return self.root / "daemon.lock"

    @property
    def training_lock(self) -> Path:
        """Held by whoever trains."""
        return self.root / "training.lock"

    @property
    def lessons_lock(self) -> Path:
        """Held by whoever hears the files of a tagged library."""
        return self.root / "lessons.lock"

    @property
    def lessons_log(self) -> Path:
        """What learning from a library says where it goes on in the background."""
        return self.root / "lessons.log"

    def create(self) -> None:
        """Make the directory, for its owner alone; raises LibraryError where that fails."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LibraryError(
                f"the state directory cannot be made ({error.strerror})",
                str(self.root),
                "give another with --state-dir",
            ) from error


@contextmanager
def locked(path: Path, busy: GenrewatchError) -> Iterator[None]:
    """Hold the lock at *path* while the block runs; raises *busy* where another holds it.

    The system lets go of it when the process dies, however that comes about.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        what = f"the state directory cannot be written ({error.strerror})"
        raise LibraryError(what, str(path.parent), "give another with --state-dir") from error
    try:
        _take(handle, busy)
        yield
    finally:
        os.close(handle)


def _take(handle: int, busy: GenrewatchError) -> None:
    """Take the lock; whoever only asks whether it is held lets go of it at once."""
    for _ in range(TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            held = error
            time.sleep(TRY_AGAIN_S)
        else:
            return
    raise busy from held


def is_locked(path: Path) -> bool:
    """Say whether some process holds the lock at *path*."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # two that ask see each other not
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)
