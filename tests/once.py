"""What is made once for a whole run of the tests, which two processes share.

The first to ask makes it, the other waits; what is half made has another name. No test lives
here.
"""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["made_at", "made_once"]


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder *name* of this run, which *make* fills where nobody has yet."""
    mine = factory.getbasetemp()  # of a process of xdist it lies in the run's
    run = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine
    return made_at(run / name, make)


def made_at(folder: Path, make: Callable[[Path], object]) -> Path:
    """Return *folder*, which *make* fills where it is missing or empty, whoever else wants it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder.is_dir() and any(folder.iterdir())):
            partial = folder.with_name(f".{folder.name}.{os.getpid()}")
            partial.mkdir()
            make(partial)
            partial.rename(folder)
    return folder
