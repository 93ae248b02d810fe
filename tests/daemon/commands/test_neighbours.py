"""Signs of other writers, in trees as those programs leave them."""

import errno
import fcntl
from pathlib import Path

import pytest

from core.tags import swap
from daemon.commands import neighbours
from daemon.commands.neighbours import other_writers, place_trouble, room_trouble, survey, taggers
from tests.small_disk import small_disk

# as listed on machines where these programs were at work
TREES = {
    "Syncthing": (".stfolder/syncthing-folder-4b2c.txt", ".stignore", "a.mp3"),
    "Dropbox": (".dropbox", "desktop.ini", "a.mp3"),
    "Nextcloud": (".sync_5b3e1c2d7f80.db", ".sync_5b3e1c2d7f80.db-wal", "a.mp3"),
    "OneDrive": (".849C9593-D756-4E56-8D6E-42412F2A707B", "a.mp3"),
    "Google Drive": (".tmp.drivedownload/x", "a.mp3"),
    "iCloud Drive": (".b.mp3.icloud", "a.mp3"),
    "Resilio Sync": (".sync/ID", "a.mp3"),
}
CONFLICTS = (
    "a.sync-conflict-20260101-120000-7K3QXYZ.mp3",
    "a (Ann's conflicted copy 2026-01-01).mp3",
    "a (conflicted copy 2026-01-01 120000).mp3",
    "a_conflict-20260101-120000.mp3",
)


def tree(root: Path, *names: str) -> str:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return str(root)


@pytest.mark.parametrize("name", TREES)
def test_a_sync_program_is_known_by_what_it_leaves(tmp_path: Path, name: str) -> None:
    """In the folder itself, and where a folder within the synced one is watched."""
    root = tmp_path / "music"
    tree(root, *TREES[name], "rock/b.mp3")

    assert survey(str(root)).syncers == (name,)
    assert other_writers(survey(str(root)), ()) == []
    if not name.startswith(("Next", "iCloud")):
        assert survey(str(root / "rock")).syncers == (name,)


@pytest.mark.parametrize("part", ["Dropbox", "OneDrive - Home", "Nextcloud"])
def test_a_sync_program_is_known_by_its_folder(tmp_path: Path, part: str) -> None:
    """By the name that it chooses."""
    assert survey(tree(tmp_path / part / "music", "a.mp3")).syncers == (part.partition(" ")[0],)


def test_a_plain_folder_shows_nothing(tmp_path: Path) -> None:
    """Ordinary names mean nobody."""
    names = ("a.mp3", "Conflict of Interest.mp3", "Sync/b (live).flac", ".hidden", "cover.jpg")
    found = survey(tree(tmp_path / "music", *names))

    assert (found.scratch, found.conflicts, found.syncers) == ((), (), ())
    assert found.largest == 1


@pytest.mark.parametrize("name", CONFLICTS)
def test_a_conflict_copy_is_told(tmp_path: Path, name: str) -> None:
    """It is the proof that two machines wrote."""
    [told] = other_writers(survey(tree(tmp_path, "rock/a.mp3", f"rock/{name}")), ())

    assert name.casefold() in told.casefold()
    assert "one machine" in told


def test_working_copies_of_another_genrewatch_are_told(tmp_path: Path) -> None:
    """Our own are known by the record; of many, some are named."""
    ours = str(tmp_path / "rock" / ".genrewatch-1-2.tmp")
    found = survey(tree(tmp_path, "rock/.genrewatch-1-2.tmp", "rock/a.mp3"))
    assert other_writers(found, {ours}) == []

    foreign = [f"rock/.genrewatch-{number}-9.tmp" for number in range(5)]
    [told] = other_writers(survey(tree(tmp_path, *foreign)), {ours})

    assert ".genrewatch-0-9.tmp" in told
    assert "and 2 more" in told


def test_a_disk_without_room_for_the_largest_file_is_told(tmp_path: Path) -> None:
    """On a real small disk."""
    with small_disk(tmp_path / "disk") as disk:
        assert "make room" in (room_trouble(str(disk.root), 1 << 20) or "")
    assert room_trouble(str(tmp_path), 1) is None


def test_what_a_file_system_cannot_do_is_tried_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share without exchange and locks; nothing is left behind."""

    def missing(one: str, other: str) -> None:
        raise swap.NotHere(errno.EINVAL, "no exchange")

    def unknown(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    assert place_trouble(str(tmp_path)) == []
    monkeypatch.setattr(neighbours, "exchange", missing)
    monkeypatch.setattr(fcntl, "flock", unknown)
    monkeypatch.setattr(neighbours, "volume_of", lambda path: neighbours.Volume.FAR)

    told = place_trouble(str(tmp_path))

    assert [any(word in note for note in told) for word in ("network", "one step", "locked")] == [
        True
    ] * 3
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_told(tmp_path: Path) -> None:
    """In one note."""
    with small_disk(tmp_path / "disk") as disk:
        disk.read_only(True)

        [told] = place_trouble(str(disk.root))

    assert "no file can be made" in told


def test_running_tag_editors_are_known_by_name(tmp_path: Path) -> None:
    """In a recorded /proc; other programs are nobody's business."""
    for pid, name in {"1": "systemd", "20": "picard", "300": "Mp3tag.exe", "301": "bash"}.items():
        tree(tmp_path, f"{pid}/comm")
        (tmp_path / pid / "comm").write_text(f"{name}\n")

    assert taggers(tmp_path) == ["Mp3tag", "MusicBrainz Picard"]
