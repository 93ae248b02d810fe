"""A state directory that is full, read-only, busy or damaged: one sentence, and nothing lost."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import LibraryError
from core.library.schema import open_library
from daemon.cli import main
from tests.puppets import PaperHouse, guess, paper, read_paper
from tests.small_disk import SmallDisk, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as made:
        yield made


def sentence(capsys: pytest.CaptureFixture[str], state: Path, *command: str) -> str:
    """Run a command that fails, and return the one line it says."""
    with pytest.raises(SystemExit) as end:
        main(["--state-dir", str(state), *command])

    said = capsys.readouterr().err
    assert end.value.code == 1
    assert len(said.splitlines()) == 1, said
    return said


def test_a_full_disk_is_said_in_one_sentence(
    disk: SmallDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a record that exists, and of one that is to be made."""
    state = disk.root / "state"
    open_library(state / "library.db").close()
    disk.fill()

    assert "is full" in sentence(capsys, state, "pause")
    assert "genrewatch: " in sentence(capsys, disk.root / "other", "pause")


def test_a_read_only_disk_is_said_in_one_sentence(
    disk: SmallDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do about it."""
    state = disk.root / "state"
    open_library(state / "library.db").close()
    disk.read_only(True)

    for command in ("pause", "status"):
        said = sentence(capsys, state, command)
        assert "--state-dir" in said
        assert "read-only" in said.lower()
    disk.read_only(False)


def test_a_busy_record_is_said_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while of waiting, which is cut short here."""
    monkeypatch.setattr("core.library.schema.BUSY_TIMEOUT_S", 0.2)
    open_library(tmp_path / "library.db").close()
    with closing(sqlite3.connect(tmp_path / "library.db", isolation_level=None)) as other:
        other.execute("begin immediate")

        assert "another program holds the record" in sentence(capsys, tmp_path, "pause")


def test_a_full_disk_costs_the_daemon_nothing(
    disk: SmallDisk, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was dropped meanwhile is tagged once there is room, each file once."""
    house = PaperHouse(disk.root)
    house.live()
    paths = [house.music / f"{number}.mp3" for number in range(20)]
    for path in paths:
        paper(path, path.stem)
    disk.fill()

    for _ in range(3):
        house.daemon._guarded(house.settle)
        house.time += 10
    out = capsys.readouterr()
    assert "is full" in out.out + out.err
    assert "Traceback" not in out.out + out.err
    disk.make_room()
    house.settle()

    assert [read_paper(path)["genres"] for path in paths] == [[guess(p.stem)] for p in paths]
    assert [len(house.done(path)) for path in paths] == [1] * len(paths)
    assert house.kinds() == []
    assert house.leftovers() == []
    house.close()


def test_a_damaged_record_ends_the_daemon(tmp_path: Path) -> None:
    """It gets no better by being tried again."""
    house = PaperHouse(tmp_path)
    house.live()

    def broken() -> None:
        error = sqlite3.DatabaseError("database disk image is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error

    with pytest.raises(LibraryError, match="genrewatch restore"):
        house.daemon._guarded(broken)
    house.close()
