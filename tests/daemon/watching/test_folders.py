"""Folders that come and go: noticed, armed anew, never made below a mount point that is away."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.errors import FolderHeld
from core.library import files, runs
from core.library.schema import open_library
from daemon.watching import folders
from daemon.watching.folders import Folders, unmounted
from daemon.watching.holds import Holds
from daemon.watching.scan import Scan
from daemon.watching.watch import Rules
from tests.factories import NOON
from tests.small_disk import small_disk

RULES = Rules.of(["*"], [], skip_known=True, follow=False)


class Armed:
    """A watcher that notes what it is to watch."""

    def __init__(self) -> None:
        self.folders: list[str] = []

    def add(self, folder: str) -> None:
        if not Path(folder).is_dir():
            raise FileNotFoundError(folder)
        self.folders.append(folder)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "state" / "library.db")


@pytest.fixture
def armed() -> Armed:
    return Armed()


@pytest.fixture
def music(tmp_path: Path) -> Path:
    (tmp_path / "music").mkdir()
    return tmp_path / "music"


@pytest.fixture
def watched(db: Database, armed: Armed, music: Path) -> Iterator[Folders]:
    made = Folders(db, [str(music)], armed)
    made.begin()
    yield made
    made.close()


def notes(db: Database) -> str:
    return "\n".join(runs.get_setting(db, "watch_trouble") or [])


def test_a_folder_put_back_is_armed_anew(
    db: Database, armed: Armed, music: Path, watched: Folders
) -> None:
    """Moved away and back, and deleted and made again; while it is away, status says so."""
    assert watched.look(paused=False) == []
    for put_back in (lambda: music.with_name("away").rename(music), music.mkdir):
        armed.folders.clear()
        music.rename(music.with_name("away"))
        assert watched.look(paused=False) == []
        assert "is not there; it is waited for" in notes(db)
        put_back()

        assert watched.look(paused=False) == [str(music)]
        assert armed.folders == [str(music)]
        assert watched.look(paused=False) == []
        assert notes(db) == ""
        if music.with_name("away").exists():
            music.with_name("away").rmdir()


def test_a_volume_mounted_over_the_folder_is_armed_anew(
    armed: Armed, music: Path, watched: Folders
) -> None:
    """The name is the same, the folder another; and so when it is taken away again."""
    armed.folders.clear()
    with small_disk(music):
        assert watched.look(paused=False) == [str(music)]
    assert watched.look(paused=False) == [str(music)]
    assert armed.folders == [str(music)] * 2


def test_while_paused_nothing_is_held(music: Path, watched: Folders) -> None:
    """So that a volume can be ejected; afterwards it is held again."""
    rival, name = Holds(), str(music)
    with pytest.raises(FolderHeld):
        rival.take(name, [name], patient=False)

    watched.look(paused=True)
    rival.take(name, [name], patient=False)
    rival.release_all()

    assert watched.look(paused=False) == []
    with pytest.raises(FolderHeld):
        rival.take(name, [name], patient=False)


def test_a_folder_that_another_took_is_left_alone(
    db: Database, armed: Armed, music: Path, watched: Folders
) -> None:
    """Until that one lets go of it."""
    rival, name = Holds(), str(music)
    watched.look(paused=True)
    rival.take(name, [name])
    armed.folders.clear()

    assert watched.look(paused=False) == []
    assert name in watched.refused
    assert "another genrewatch" in notes(db)
    rival.release_all()

    assert watched.look(paused=False) == [name]
    assert watched.refused == {}
    assert notes(db) == ""


def test_the_start_is_refused_where_another_watches(db: Database, music: Path) -> None:
    """By an error that names the folder."""
    rival, name = Holds(), str(music)
    rival.take(name, [name])
    late = Folders(db, [name], Armed())

    with pytest.raises(FolderHeld, match=r"music: another genrewatch"):
        late.begin()

    late.close()
    rival.release_all()


@pytest.mark.parametrize("name", ["disk", "disk/music/mine"])
def test_a_volume_never_mounted_yet_is_waited_for(
    db: Database, armed: Armed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Nothing is made below its mount point; what lies on it then was there before us."""
    mounts = tmp_path / "mnt"
    (mounts / "disk").mkdir(parents=True)
    monkeypatch.setattr(folders, "MOUNTS", (str(mounts),))
    folder = mounts / name
    scan = Scan(db, [str(folder)], RULES, lambda: NOON)
    watched = Folders(db, [str(folder)], armed)

    scan.begin()
    watched.begin()
    assert list(scan.all()) == []
    assert list((mounts / "disk").iterdir()) == []
    assert "mount its volume" in notes(db)
    with small_disk(mounts / "disk"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "old.mp3").write_bytes(b"x")
        assert watched.look(paused=False) == [str(folder)]
        scan.begin()
        list(scan.all())
        row = files.file_at(db, str(folder / "old.mp3"))
        assert row is not None
        assert row.existing
        watched.close()
    assert list(scan.all()) == []


def test_a_folder_with_music_below_mnt_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Someone keeps music there without a volume of its own."""
    monkeypatch.setattr(folders, "MOUNTS", (str(tmp_path / "mnt"),))
    music = tmp_path / "mnt" / "music"
    music.mkdir(parents=True)
    assert unmounted(str(music))
    (music / "a.mp3").write_bytes(b"x")

    assert not unmounted(str(music))
    assert not unmounted(str(tmp_path / "elsewhere"))


def test_a_mount_point_that_holds_mounts_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume may be mounted on /mnt itself: what is below it is on that volume."""
    monkeypatch.setattr(folders, "MOUNTS", (str(tmp_path / "mnt"),))
    with small_disk(tmp_path / "mnt") as disk:
        (disk.root / "music").mkdir()
        assert not unmounted(str(disk.root / "music"))
    assert unmounted(str(tmp_path / "mnt" / "music"))
