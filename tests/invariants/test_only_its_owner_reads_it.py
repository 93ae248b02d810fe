"""Whatever lies in the state directory is its owner's alone, whatever the umask is.

A real daemon and real commands are let loose with a umask that gives everything to
everybody; then each file and folder below the state directory is looked at.
"""

import os
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from core.library.backup import back_up
from core.library.schema import open_library
from core.registry import Registry, base_dir
from daemon.state import State
from tests.conftest import House


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def too_open(root: Path) -> list[str]:
    """Return what others could read, write or enter at or below *root*."""
    found = [root, *root.rglob("*")]
    modes = [(path, stat.S_IMODE(path.lstat().st_mode)) for path in found]
    return [f"{path.name}: {mode:o}" for path, mode in modes if mode & 0o077]


@pytest.mark.e2e
def test_a_used_state_directory_is_private(tmp_path: Path, no_umask: None) -> None:
    """Record, WAL, shared memory, locks, witness, backups, models, notes."""
    house = House(tmp_path, None)
    house.state.rmdir()  # made by the program, as for a user
    house.start()
    house.tagged("a.mp3", style="techno")
    house.tagged("b.flac", style="folk")
    assert house.cli("tag", house.music / "a.mp3", "--genre", "Jazz").returncode == 0
    assert house.cli("undo", house.music / "b.flac").returncode == 0
    before_end = too_open(house.state)
    names = {path.name for path in house.state.rglob("*")}
    house.stop()

    assert {"library.db", "library.db-wal", "library.db-shm", "daemon.lock"} <= names
    assert before_end == too_open(house.state) == []
    assert stat.S_IMODE(house.config.stat().st_mode) == 0o666  # the user's own file, as it was
    house.close()


def test_what_is_made_later_is_private_too(tmp_path: Path, no_umask: None) -> None:
    """The note of the model in use, a backup of the record."""
    state = State(root=tmp_path / "state")
    state.create()
    base = base_dir(backbone=False)
    Registry(state.models, base).use(base.name)
    open_library(state.library).close()
    back_up(state.library, state.root / "backups", date(2026, 5, 1))

    assert (state.models / "champion").is_file()
    assert len(list((state.root / "backups").iterdir())) == 1
    assert too_open(state.root) == []
