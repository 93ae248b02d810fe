"""Files move, folders vanish and come back: identity stays, nothing is taken for deleted."""

import shutil
from pathlib import Path

import pytest

from core.library import files
from tests.audio import genres_in, retag
from tests.conftest import House

pytestmark = pytest.mark.e2e


@pytest.fixture
def second(house: House) -> Path:
    """A second watched folder."""
    other = house.root / "second"
    other.mkdir()
    house.configure(watch__folders=[str(house.music), str(other)], watch__rescan_minutes=0.05)
    return other


def hearings(house: House) -> int:
    return int(house.db.execute("select count(*) from hearings").fetchone()[0])


def test_moves_keep_identity(house: House, second: Path) -> None:
    """Renamed, moved to a subfolder, to another watched folder, while we look and while not."""
    house.start()
    path = house.tagged("a.mp3", style="techno")
    stays = house.tagged("b.flac", style="folk")
    before = path.read_bytes()
    for target in (house.music / "renamed.mp3", house.music / "sub/in.mp3", second / "x.mp3"):
        target.parent.mkdir(exist_ok=True)
        path = path.rename(target)
        house.wait_for(path, "tagged")
    assert house.stop() == 0
    path = path.rename(house.music / "while we were away.mp3")
    house.start()
    house.wait_for(path, "tagged")

    assert path.read_bytes() == before
    assert len(house.writes(path)) == 1
    assert hearings(house) == 2
    assert house.feedback() == []
    assert house.status()["tagged"] == 2
    assert house.cli("undo", path).returncode == 0
    assert genres_in(path) == []
    assert house.state_of(stays) == "tagged"


def test_a_moved_and_retagged_file_is_understood(house: House, second: Path) -> None:
    """Both at once, while we were away: the word is about what we wrote."""
    house.start()
    path = house.tagged("a.mp3", style="techno")
    house.stop()
    retag(path, genre="House")
    path = path.rename(second / "b.mp3")
    house.start()
    house.wait_until(lambda: house.feedback(path), path)

    assert [(row.kind, row.old, row.new) for row in house.feedback()] == [
        ("correction", ("techno",), ("House",))
    ]


def test_a_renamed_folder_keeps_all_in_it(house: House) -> None:
    """One rename, many files."""
    house.start()
    for number in range(4):
        house.tagged(f"album/{number}.mp3", style="folk", seed=number, seconds=2.0)
    (house.music / "album").rename(house.music / "Album (1999)")
    paths = sorted((house.music / "Album (1999)").iterdir())

    states = house.wait_all(paths)

    assert set(states.values()) == {"tagged"}
    assert [len(house.writes(path)) for path in paths] == [1] * 4
    assert hearings(house) == 4
    house.wait_until(lambda: house.status()["tagged"] == 4)


def test_a_vanished_root_is_not_all_deleted(house: House, second: Path) -> None:
    """Unmounted, emptied, back again: the same files, in the same state, and no word."""
    house.start()
    first = house.tagged("a.mp3", style="techno")
    named = house.tagged("b.mp3", style="techno", seed=1)
    retag(named, genre="House")
    house.wait_for(named, "left")
    aside = house.root / "aside"

    house.music.rename(aside)
    house.rescans()
    house.music.mkdir()  # the empty mount point
    house.rescans()
    house.stop()
    house.start()
    assert house.status()["tagged"] == 1
    rows = files.files_gone_or_here(house.db, str(house.music))
    assert [row.gone_at for row in rows] == [None, None]

    house.music.rmdir()
    aside.rename(house.music)
    house.rescans()

    assert house.state_of(first) == "tagged"
    assert house.state_of(named) == "left"
    assert [row.kind for row in house.feedback()] == ["correction"]
    assert len(house.writes(first)) == 1
    assert hearings(house) == 2


def test_deleted_files_are_forgotten_and_come_back(house: House) -> None:
    """A deleted file leaves the counts; put back from the bin it is what it was."""
    house.start()
    path = house.tagged("a.mp3", style="techno")
    house.tagged("b.mp3", style="techno", seed=1)
    path.rename(house.root / "bin.mp3")
    house.wait_until(lambda: house.row(path).gone_at, path)  # type: ignore[union-attr]
    assert house.status()["tagged"] == 1

    (house.root / "bin.mp3").rename(path)
    house.wait_for(path, "tagged")

    assert house.status()["tagged"] == 2
    assert len(house.writes(path)) == 1
    assert house.feedback() == []


def test_the_original_dropped_again_is_no_rejection(house: House) -> None:
    """Deleted, then copied in anew from where it came: nobody said "not this"."""
    house.start()
    path = house.tagged("a.mp3", style="techno")
    house.tagged("b.mp3", style="techno", seed=1)
    path.unlink()
    house.wait_until(lambda: house.row(path).gone_at, path)  # type: ignore[union-attr]

    shutil.copyfile(house.root / "source-a.mp3", path)
    house.wait_until(lambda: house.state_of(path), path)

    assert "rejection" not in [row.kind for row in house.feedback()]
