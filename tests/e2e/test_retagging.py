"""A person retags in another program, and the daemon understands; an accident is no word."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audio import genres_in, make_audio, retag
from tests.conftest import House

pytestmark = pytest.mark.e2e


def by_mutagen(path: Path, genre: str) -> None:
    """As Picard, Quod Libet and many scripts do."""
    retag(path, genre=genre)


def by_kid3(path: Path, genre: str) -> None:
    """As Kid3 does."""
    run("kid3-cli", "-c", f"set genre '{genre}'", str(path))


def by_ffmpeg(path: Path, genre: str) -> None:
    """A remux beside it, renamed over it."""
    beside = path.with_name(f".remux{path.suffix}")
    run("ffmpeg", "-v", "error", "-y", "-i", str(path), "-c", "copy", "-metadata",
        f"genre={genre}", str(beside))  # fmt: skip
    beside.replace(path)


def run(*command: str) -> None:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)


Editor = Callable[[Path, str], None]
EDITORS = pytest.mark.parametrize("edit", [by_mutagen, by_kid3, by_ffmpeg])


@EDITORS
def test_a_correction_is_understood(house: House, edit: Editor) -> None:
    """Ours to another: one row of feedback, the file theirs from now on."""
    house.start()
    paths = [house.tagged(f"a.{end}", style="techno") for end in ("mp3", "flac", "m4a")]

    for path in paths:
        edit(path, "Zydeco")
        house.wait_until(lambda path=path: house.feedback(path), path)

    rows = house.json("feedback")
    assert [(row["path"], row["kind"], row["old"], row["new"]) for row in rows] == [
        (str(path), "correction", ["techno"], ["Zydeco"]) for path in paths
    ]
    for path in paths:
        house.wait_for(path, "left")
        assert genres_in(path) == ["Zydeco"]
        assert len(house.writes(path)) == 1
    status = house.status()
    assert status["feedback"] == len(paths)
    assert status["feedback_since_training"] == len(paths)


def test_every_kind_of_word(house: House) -> None:
    """A rejection, a label on a not-sure file, a label on theirs, and a spelling."""
    house.start()
    rejected = house.tagged("rejected.ogg", style="folk")
    spelled = house.tagged("spelled.opus", style="metal")
    theirs = house.drop("theirs.mp3", style="swing", genre="Jazz")
    house.wait_for(theirs, "left")

    retag(rejected, genre="")
    retag(spelled, genre="METAL")
    retag(theirs, genre="Swing")

    house.wait_until(lambda: len(house.feedback()) == 2)
    house.wait_until(lambda: (house.row(spelled) or 0) and house.row(spelled).origin == "person")
    assert {Path(row.path).stem: (row.kind, row.old, row.new) for row in house.feedback()} == {
        "rejected": ("rejection", ("folk",), ()),
        "theirs": ("label", ("Jazz",), ("Swing",)),
    }
    next_one = house.tagged("next.mp3", style="metal", seed=5)
    assert genres_in(next_one) == ["METAL"]  # the spelling was learned
    assert genres_in(rejected) == []


def test_a_retag_while_we_were_away_is_found(house: House) -> None:
    """Stop, retag, start."""
    house.start()
    path = house.tagged("a.mp3", style="techno")
    assert house.stop() == 0
    retag(path, genre="House")

    house.start()
    house.wait_until(lambda: house.feedback(path), path)

    assert [row.kind for row in house.feedback()] == ["correction"]


def test_an_editor_that_keeps_size_and_mtime_is_seen(house: House) -> None:
    """With padding only the ctime betrays it, and no rescan is needed for that."""
    house.start()
    path = house.tagged("a.flac", style="techno")
    before = path.stat()
    retag(path, genre="trance")  # six letters like ours, into the padding
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size

    house.wait_until(lambda: house.feedback(path), path)

    assert house.feedback(path)[0].new == ("trance",)


def test_clear_then_write_is_one_edit(house: House) -> None:
    """Nothing is rejected in between."""
    house.configure(watch__settle_seconds=1.5)
    house.start()
    path = house.tagged("a.mp3", style="techno")

    retag(path, genre="")
    house.wait_until(lambda: not house.is_known(path), path)
    retag(path, genre="House")
    house.wait_until(lambda: house.feedback(path), path)

    assert [row.kind for row in house.feedback()] == ["correction"]


@pytest.mark.parametrize("pause", [False, True], ids=["at once", "after it was seen torn"])
def test_truncate_and_refill_is_nothing(house: House, pause: bool) -> None:
    """A sync tool empties the file in place and fills it again with the same."""
    house.start()
    path = house.tagged("a.mp3", style="techno")
    whole = path.read_bytes()
    os.truncate(path, 0)
    if pause:
        with path.open("r+b"):  # closing it is what the system tells us of
            pass
        house.wait_for(path, "failed")
    with path.open("r+b") as file:
        file.write(whole)
    house.wait_for(path, "tagged")
    house.wait_known(path)

    assert house.feedback() == []
    assert len(house.writes(path)) == 1
    assert house.status()["failed"] == []


def test_a_sync_back_to_before_our_write_is_no_word(house: House) -> None:
    """A restore with the old time, then rescans: no rejection, nothing written again."""
    house.configure(watch__rescan_minutes=0.03)
    house.start()
    path = house.drop("a.mp3", style="techno", title="A title")
    backup = house.root / "backup.mp3"
    shutil.copy2(house.root / "source-a.mp3", backup)
    os.utime(backup, (1_700_000_000, 1_700_000_000))
    house.wait_for(path, "tagged")

    subprocess.run(["cp", "-p", str(backup), str(path)], check=True)
    house.wait_until(lambda: house.feedback(path), path)
    house.rescans()

    assert [row.kind for row in house.feedback()] == ["reversion"]
    assert genres_in(path) == []
    assert len(house.writes(path)) == 1


def test_another_take_at_the_same_path_is_a_new_track(house: House) -> None:
    """A re-rip rejects nothing and gets a verdict of its own."""
    house.start()
    path = house.tagged("a.flac", style="techno")
    other = make_audio(house.root / "other.flac", style="folk", seed=9)

    shutil.copyfile(other, path)
    house.wait_until(lambda: house.is_known(path) and genres_in(path) == ["folk"], path)

    assert house.feedback() == []
    assert house.state_of(path) == "tagged"


def test_a_copy_of_a_tagged_file_is_ours(house: House) -> None:
    """It is not heard, not written, and nobody said anything."""
    house.start()
    path = house.tagged("a.mp3", style="techno")
    copy = Path(shutil.copyfile(path, house.music / "copy.mp3"))
    before = copy.read_bytes()

    house.wait_for(copy, "tagged")

    assert house.feedback() == []
    assert copy.read_bytes() == before
    assert house.writes(copy) == []
