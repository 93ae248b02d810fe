"""The daemon, or its worker, is killed in the middle: nothing is lost, nothing done twice."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from benchmarks import kills
from tests.audio import STYLES, genres_in, make_audio
from tests.conftest import House

pytestmark = pytest.mark.e2e

FILES = int(os.environ.get("GENREWATCH_FILES", "60"))  # 200 for the whole check


@pytest.mark.slow
def test_killed_amid_many_files_each_is_tagged_once(house: House) -> None:
    """kill -9 twice on the way; in the end the journal has one finished write for each."""
    aside = house.root / "aside"
    aside.mkdir()
    styles, kinds = list(STYLES), ("mp3", "flac", "m4a", "opus", "wav")
    for number in range(FILES):
        make_audio(
            aside / f"{number:03}.{kinds[number % len(kinds)]}",
            style=styles[number % len(styles)],
            seconds=2.0,
            seed=number,
        )
    house.start()
    for file in sorted(aside.iterdir()):
        shutil.copyfile(file, house.music / file.name)
    paths = sorted(house.music.iterdir())
    for part in (0.25, 0.6):
        house.wait_until(lambda part=part: tagged(house) >= FILES * part)
        house.kill()
        house.start()

    states = house.wait_all(paths, within=1200)

    assert len(paths) == FILES
    assert set(states.values()) == {"tagged"}
    assert [len(house.writes(path)) for path in paths] == [1] * FILES
    assert all(len(genres_in(path)) == 1 for path in paths)
    assert [p.name for p in house.music.iterdir() if p.name.startswith(".")] == []
    assert house.feedback() == []
    assert house.status()["pending"] == 0


def test_killed_at_random_instants_nothing_is_lost_or_doubled() -> None:
    """The short form of `python -m benchmarks kills`, where every promise is looked after."""
    figures = kills.main(["--kills", "6"])

    assert figures["examples"] == []
    assert figures["passed"]
    assert figures["kills"] == 6
    assert figures["files_at_the_end"] > 0


def tagged(house: House) -> int:
    found = house.db.execute("select count(*) from files where state = 'tagged'").fetchone()
    return int(found[0])


def test_a_worker_killed_in_the_middle_costs_nothing(house: House) -> None:
    """Killed once while it listens, the file is tried again; killed idle, nobody notices."""
    house.start()
    long = make_audio(house.root / "long.mp3", style="folk", seconds=60.0)
    path = Path(shutil.copyfile(long, house.music / "long.mp3"))
    [worker] = house.wait_until(house.workers)
    os.kill(worker, signal.SIGKILL)

    house.wait_for(path, "tagged")
    [worker] = house.wait_until(house.workers)
    os.kill(worker, signal.SIGKILL)
    second = house.tagged("second.mp3", style="metal")

    assert genres_in(path) == ["folk"]
    assert genres_in(second) == ["metal"]
    assert house.status()["failed"] == []


def test_a_killed_command_leaves_nothing_half_done(house: House) -> None:
    """`tag` killed at once: the next one finds the file free, and the file whole."""
    path = make_audio(house.music / "a.flac", style="folk")
    before = path.read_bytes()
    for wait in (1.0, 2.0, 3.0):
        process = subprocess.Popen(
            [*house.command, "tag", "--genre", "Zydeco", str(path)],
            env=house.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            cwd=Path(__file__).resolve().parents[2],
        )
        time.sleep(wait)
        process.kill()
        process.wait()
        assert genres_in(path) in ([], ["Zydeco"])
        if not genres_in(path):
            assert path.read_bytes() == before

    done = house.cli("tag", "--genre", "Folk", path)

    assert done.returncode == 0, done.stderr
    assert genres_in(path) == ["Folk"]
    assert [p.name for p in house.music.iterdir()] == ["a.flac"]
