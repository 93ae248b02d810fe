"""A file is dropped and gets its genre: every format, every way of arriving."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.audio import FORMATS_UNDER_TEST, STYLES, genres_in, make_audio, retag, suffix
from tests.conftest import House
from tests.tagging import others, packets

pytestmark = pytest.mark.e2e


def test_every_format_gets_its_genre(house: House) -> None:
    """Drop each style in each format: the tag that appears names the style."""
    house.start()
    styles = list(STYLES)
    dropped = {}
    for number, fmt in enumerate(FORMATS_UNDER_TEST):
        style = styles[number % len(styles)]
        path = house.drop(f"{fmt}{suffix(fmt)}", style=style, fmt=fmt, seed=number, seconds=8.0)
        dropped[path] = style
    heard = {path: packets(path) for path in dropped}

    states = house.wait_all(list(dropped))

    assert set(states.values()) == {"tagged"}
    assert {path: genres_in(path) for path in dropped} == {p: [s] for p, s in dropped.items()}
    assert {path: packets(path) for path in dropped} == heard
    document = house.status()
    assert document["running"]
    assert document["tagged"] == len(dropped)
    assert document["pending"] == 0
    assert document["failed"] == []


def test_other_tags_stay(house: House) -> None:
    """The genre is all that changes."""
    source = make_audio(
        house.root / "a.mp3", style="folk", artist="Someone", album="Somewhere", title="Something"
    )
    before = others(source)
    house.start()
    path = house.music / "a.mp3"
    shutil.copyfile(source, path)

    house.wait_for(path, "tagged")

    assert others(path) == before
    assert genres_in(path) == ["folk"]


def test_a_genre_that_arrived_is_left(house: House) -> None:
    """What was in the file when first seen is not ours to change, and is no feedback."""
    house.start()
    path = house.drop("a.flac", style="folk", genre="Zydeco")
    before = path.read_bytes()

    house.wait_for(path, "left")

    assert path.read_bytes() == before
    assert house.feedback() == []
    assert "Zydeco" in house.reason_of(path)


def test_a_genre_that_means_nothing_counts_as_none(house: House) -> None:
    """ "Unknown" in a new file is no genre."""
    house.start()
    path = house.drop("a.mp3", style="metal", genre="Unknown")

    house.wait_for(path, "tagged")

    assert genres_in(path) == ["metal"]


def test_below_the_threshold_it_is_not_sure(house: House) -> None:
    """Nothing is written, and review shows three guesses and why."""
    house.configure(policy__threshold=1.0)
    house.start()
    path = house.drop("a.ogg", style="swing", seconds=3.0)
    before = path.read_bytes()

    house.wait_for(path, "not_sure")

    assert path.read_bytes() == before
    [group] = house.json("review")
    [waiting] = group["files"]
    assert waiting["path"] == str(path)
    assert len(waiting["genres"]) == 3
    assert waiting["reason"]
    assert house.status()["review"] == [waiting]


def test_what_lay_there_is_read_not_written(house: House) -> None:
    """A folder's old files are only read; `tag --existing` asks for them."""
    old = make_audio(house.music / "old.mp3", style="techno")
    named = make_audio(house.music / "named.mp3", style="techno", seed=1, genre="Trance")
    before = {path: path.read_bytes() for path in (old, named)}
    house.start()
    house.wait_for(old, "left")
    house.wait_for(named, "left")
    new = house.drop("new.mp3", style="techno", seed=2)
    house.wait_for(new, "tagged")
    assert {path: path.read_bytes() for path in before} == before

    done = house.json("tag", "--existing")

    assert [(item["path"], item["new"], item["written"]) for item in done] == [
        (str(old), ["techno"], True)
    ]
    assert genres_in(old) == ["techno"]
    assert named.read_bytes() == before[named]
    house.wait_known(old)
    assert house.feedback() == []


def test_a_temporary_name_waits(house: House) -> None:
    """Downloads and sync copies are left alone until they have their final name."""
    house.configure(watch__rescan_minutes=0.03)
    house.start()
    names = ("a.mp3.part", "b.mp3.crdownload", ".c.mp3", "d.sync-conflict-1.mp3", "e.mp3.!qB")
    paths = [house.drop(n, style="metal", fmt="mp3", seed=i) for i, n in enumerate(names)]
    before = [path.read_bytes() for path in paths]
    house.rescans()
    assert [house.row(path) for path in paths] == [None] * len(paths)
    assert [path.read_bytes() for path in paths] == before

    final = [path.rename(house.music / f"{i}.mp3") for i, path in enumerate(paths)]

    assert set(house.wait_all(final).values()) == {"tagged"}
    assert genres_in(final[0]) == ["metal"]


def test_a_slow_copy_is_waited_for(house: House) -> None:
    """A file that grows is heard once, when it is whole."""
    house.configure(watch__settle_seconds=1.0)
    house.start()
    whole = make_audio(house.root / "a.mp3", style="folk", seconds=20.0).read_bytes()
    path = house.music / "a.mp3"
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(whole), len(whole) // 8):
            file.write(whole[start : start + len(whole) // 8])
            house.wait_until(lambda: path.stat().st_mtime + 0.3 < time.time())

    house.wait_for(path, "tagged")

    assert genres_in(path) == ["folk"]
    assert len(house.writes(path)) == 1


def test_a_folder_full_is_found_whole(house: House) -> None:
    """A directory moved in and one copied in are seen to the last file."""
    aside = house.root / "aside" / "deep" / "er"
    aside.mkdir(parents=True)
    for number in range(6):
        make_audio(aside / f"{number}.opus", style="swing", seconds=2.0, seed=number)
    house.start()
    (house.root / "aside").rename(house.music / "moved in")
    shutil.copytree(house.music / "moved in", house.music / "copied in")

    paths = sorted(house.music.rglob("*.opus"))
    states = house.wait_all(paths)

    assert len(paths) == 12
    assert set(states.values()) == {"tagged"}


def test_patterns_and_foreign_folders_are_counted_not_listed(house: House) -> None:
    """Excluded names, loop libraries and audiobooks are left out, and `status` says how many."""
    house.configure(watch__exclude=["*/private/*"])
    house.start()
    for name in ("private/a.mp3", "song.logicx/a.mp3", "Audiobooks/a.mp3", "b.m4p"):
        house.drop(name, style="folk", fmt="mp3")
    good = house.drop("good.mp3", style="folk")
    house.wait_for(good, "tagged")
    house.stop()
    house.start()

    document = house.status()
    assert document["tagged"] == 1
    assert document["failed"] == []
    assert document["skipped"]["folders"] >= 2
    assert document["skipped"]["files"] >= 1
    assert genres_in(house.music / "private/a.mp3") == []


def test_two_folders_are_watched(house: House) -> None:
    """Several folders, given on the command line."""
    other = house.root / "other"
    other.mkdir()
    house.start("--folder", str(house.music), "--folder", str(other))
    first = house.drop("a.mp3", style="techno")
    second = shutil.copyfile(make_audio(house.root / "b.mp3", style="ambient"), other / "b.mp3")

    assert set(house.wait_all([first, Path(second)]).values()) == {"tagged"}
    assert house.status()["folders"] == [str(house.music), str(other)]


def test_another_program_reads_the_genre(house: House) -> None:
    """What is written is found by kid3-cli and by ffprobe where they are installed."""
    if not shutil.which("kid3-cli"):
        pytest.skip("kid3-cli is not installed")
    house.start()
    path = house.drop("a.flac", style="techno")
    house.wait_for(path, "tagged")

    assert "techno" in _kid3(path)


def test_a_retitled_file_keeps_our_genre(house: House) -> None:
    """A change of other tags is no feedback and no reason to write again."""
    house.start()
    path = house.drop("a.mp3", style="techno")
    house.wait_for(path, "tagged")
    retag(path, title="Another title")
    house.wait_known(path)

    assert house.state_of(path) == "tagged"
    assert house.feedback() == []
    assert len(house.writes(path)) == 1


def _kid3(path: Path) -> str:
    done = subprocess.run(
        ["kid3-cli", "-c", "get genre", str(path)], capture_output=True, text=True, check=True
    )
    return done.stdout
