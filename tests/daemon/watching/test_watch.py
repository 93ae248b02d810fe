"""Which files concern us, on a real directory tree."""

import os
from pathlib import Path

import pytest

from daemon.watching.watch import Rules, Skipped, walk

RULES = Rules.of(["*"], [], skip_known=True, follow=False)


def found(root: Path, rules: Rules = RULES, skipped: Skipped | None = None) -> set[str]:
    return {
        os.path.relpath(entry.path, root)
        for directory in walk(str(root), rules, skipped)
        for entry in directory.entries
    }


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


@pytest.mark.parametrize(
    "name",
    [
        "a.mp3",
        "B.FLAC",
        "c.ogg",
        "d.opus",
        "e.m4a",
        "f.wav",
        "g.aiff",
        "h\nx.mp3",
        "\U0001f3b5.mp3",
    ],
)
def test_music_is_found_by_its_name(tmp_path: Path, name: str) -> None:
    """In any case of letters, with any other letters."""
    touch(tmp_path, f"x/{name}")

    assert found(tmp_path) == {f"x/{name}"}


@pytest.mark.parametrize(
    "name",
    [
        *("a.mp3.part", "a.mp3.crdownload", "a.mp3.download", "a.mp3.!qB", "a.mp3.aria2"),
        *("a.mp3.tmp", ".a.mp3", "~a.mp3", "a.sync-conflict-20260101-120000-ABC.mp3"),
        *(".genrewatch-1-2.tmp", "cover.jpg", "notes.txt", "mp3"),
    ],
)
def test_unfinished_hidden_and_other_files_are_passed_over(tmp_path: Path, name: str) -> None:
    """They wait for their final name, or never concern us."""
    touch(tmp_path, name)

    assert found(tmp_path) == set()


@pytest.mark.parametrize(
    "folder",
    [
        *("Song.logicx", "x.band", "Music.musiclibrary", "_Serato_", "PIONEER", "Apple Loops"),
        *("Audiobooks", "Automatically Add to Music.localized", ".git"),
    ],
)
def test_folders_of_other_programs_are_never_entered(tmp_path: Path, folder: str) -> None:
    """They are counted, not listed."""
    touch(tmp_path, f"{folder}/Media/a.wav", "b.mp3", "c.m4p")
    skipped = Skipped()

    assert found(tmp_path, skipped=skipped) == {"b.mp3"}
    assert skipped.folders == 1
    assert skipped.files == 1


def test_patterns_choose_by_name_and_by_path(tmp_path: Path) -> None:
    """Excluding wins over including; case does not count."""
    touch(tmp_path, "Live/a.mp3", "Studio/a.mp3", "Studio/demo b.mp3", "Studio/c.flac")
    rules = Rules.of(["*.mp3"], ["*/live", "Demo*"], skip_known=True, follow=False)

    assert found(tmp_path, rules) == {"Studio/a.mp3"}


def test_linked_folders_are_followed_only_on_request_and_once(tmp_path: Path) -> None:
    """A loop of links ends."""
    touch(tmp_path, "real/a.mp3")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    following = Rules.of(["*"], [], skip_known=True, follow=True)

    assert found(tmp_path) == {"real/a.mp3"}
    assert len(found(tmp_path, following)) == 1


def test_a_name_that_is_no_utf8_is_found(tmp_path: Path) -> None:
    """The bytes travel as surrogates."""
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.mp3"
    with open(raw, "wb"):  # noqa: PTH123  pathlib takes no bytes
        pass

    assert found(tmp_path) == {"\udcff\udcfe.mp3"}
