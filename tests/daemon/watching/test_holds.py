"""One folder, one daemon: locks on real directories, between real processes."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import FolderHeld, WriteRefused
from daemon.watching.holds import Holds, check_free

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys
from daemon.watching.holds import Holds
holds = Holds()
print(holds.take(sys.argv[1], sys.argv[1:]), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for name in ("music/rock/live", "music/jazz"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path / "music"


@pytest.fixture
def rival(music: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another daemon's process, which holds music/rock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(music / "rock")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "None\n"
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def holds() -> Iterator[Holds]:
    made = Holds()
    yield made
    made.release_all()


@pytest.mark.parametrize("folder", [".", "rock", "rock/live"])
def test_a_folder_in_or_around_a_held_one_is_refused(
    music: Path, rival: "subprocess.Popen[str]", holds: Holds, folder: str
) -> None:
    """The message names the folder and, on Linux, the process."""
    wanted = os.path.normpath(music / folder)

    with pytest.raises(FolderHeld) as refused:
        holds.take(wanted, [wanted])

    assert str(music) in str(refused.value)
    if sys.platform == "linux":
        assert f"process {rival.pid}" in str(refused.value)
    assert wanted not in holds


def test_a_link_to_a_held_folder_is_refused(
    music: Path, tmp_path: Path, rival: "subprocess.Popen[str]", holds: Holds
) -> None:
    """It is the directory that is held, not a name."""
    link = tmp_path / "link"
    link.symlink_to(music / "rock" / "live")

    with pytest.raises(FolderHeld):
        holds.take(str(link), [str(link)])


def test_a_folder_beside_a_held_one_is_free(
    music: Path, rival: "subprocess.Popen[str]", holds: Holds
) -> None:
    """And so is each once its holder is dead, however it died."""
    beside, whole = str(music / "jazz"), str(music)

    assert holds.take(beside, [beside]) is None
    holds.release(beside)
    rival.kill()
    rival.wait()
    assert holds.take(whole, [whole]) is None


def test_one_daemon_may_watch_a_folder_in_another(music: Path, holds: Holds) -> None:
    """In any order, and taken again."""
    own = [str(music / "rock"), str(music), str(music / "rock" / "live")]
    for folder in (*own, *own):
        assert holds.take(folder, own) is None
        assert folder in holds


def test_what_is_let_go_of_is_free(music: Path, rival: "subprocess.Popen[str]") -> None:
    """By both kinds of lock."""
    first, second = Holds(), Holds()
    jazz = str(music / "jazz")
    first.take(jazz, [jazz])
    with pytest.raises(FolderHeld):
        second.take(jazz, [jazz], patient=False)

    first.release(jazz)

    assert second.take(jazz, [jazz]) is None
    second.release_all()


def test_a_command_of_another_record_is_refused(
    music: Path, rival: "subprocess.Popen[str]"
) -> None:
    """Below the held folder only, and not where our own daemon holds it."""
    for path in ("rock/a.mp3", "rock/live/b.mp3"):
        with pytest.raises(WriteRefused, match="record of its own"):
            check_free(str(music / path), [])
        check_free(str(music / path), [str(music / "rock")])
    check_free(str(music / "a.mp3"), [])
    check_free(str(music / "jazz" / "a.mp3"), [])


def test_a_file_system_without_locks_is_a_note(
    music: Path, holds: Holds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems know no flock."""

    def refuse(fd: int, how: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    jazz = str(music / "jazz")

    note = holds.take(jazz, [jazz])

    assert note is not None
    assert "cannot be locked" in note
    check_free(str(music / "jazz" / "a.mp3"), [])
