"""The real daemon when its folder, its record or its time is taken away and given back."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from core.library import writes
from tests.audio import genres_in, retag
from tests.conftest import House

pytestmark = pytest.mark.e2e


@pytest.fixture
def rival(house: House, tmp_path: Path) -> House:
    """Another state directory that is to watch the same folder; never started by itself."""
    root = tmp_path / "rival"
    root.mkdir()
    made = House(root, house.state / "models")
    made.configure(watch__folders=[str(house.music)])
    return made


def test_a_folder_taken_away_and_put_back_gives_events_again(house: House) -> None:
    """Without a restart, and long before the next rescan; nothing counts as gone or new."""
    house.start()
    first = house.tagged("a.mp3", style="folk")
    away = house.root / "away"
    house.music.rename(away)
    house.wait_until(lambda: "is not there" in "".join(house.status()["trouble"]))
    shutil.copyfile(first.parent.parent / "source-a.mp3", away / "b.flac.part")
    away.rename(house.music)
    house.wait_until(lambda: not house.status()["trouble"])

    second = house.tagged("c.mp3", style="metal")

    assert genres_in(second) == ["metal"]
    assert [len(house.writes(path)) for path in (first, second)] == [1, 1]
    assert house.feedback() == []


def test_a_second_record_is_kept_off_a_watched_folder(house: House, rival: House) -> None:
    """Neither its daemon nor its commands touch what the first daemon watches."""
    house.start()
    path = house.tagged("a.mp3", style="folk")

    refused = rival.cli("run")
    told = rival.cli("tag", "--genre", "Jazz", path)
    own = house.cli("tag", "--genre", "Jazz", path)

    assert refused.returncode == 1
    assert f"{house.music}: another genrewatch" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert told.returncode == 1
    assert "record of its own" in told.stderr
    assert own.returncode == 0, own.stderr
    assert genres_in(path) == ["Jazz"]
    house.kill()
    assert rival.cli("tag", "--genre", "Folk", path).returncode == 0
    rival.close()


def test_a_daemon_that_slept_misses_nothing(house: House) -> None:
    """Stopped as a suspended laptop is, while files arrive and one is retagged."""
    house.start()
    known = house.tagged("a.mp3", style="folk")
    assert house.process is not None
    os.kill(house.process.pid, signal.SIGSTOP)
    dropped = [house.drop(f"{number}.mp3", seed=number) for number in range(3)]
    retag(known, genre="Jazz")
    time.sleep(3)  # asleep for longer than a tick
    os.kill(house.process.pid, signal.SIGCONT)

    house.wait_all(dropped)
    house.wait_until(house.feedback)

    assert [len(house.writes(path)) for path in dropped] == [1, 1, 1]
    assert genres_in(known) == ["Jazz"]
    assert [row.kind for row in house.feedback()] == ["correction"]


def test_a_lost_record_knows_what_was_ours(house: House) -> None:
    """Files met again are ours, not arrived and nobody's word, and can be undone."""
    house.start()
    path = house.tagged("a.mp3", style="folk")
    undone = house.tagged("b.mp3", style="metal")
    assert house.cli("undo", undone).returncode == 0
    house.stop()
    forget(house)

    house.start()
    house.wait_all([path, undone])

    row, left = house.row(path), house.row(undone)
    assert row is not None
    assert left is not None
    assert (row.origin, row.genres) == ("ours", ("folk",))
    assert (left.genres, left.hands_off) == ((), True)
    assert house.feedback() == []
    assert house.cli("undo", path).returncode == 0
    assert genres_in(path) == []


def test_a_damaged_record_is_told_and_restored(house: House) -> None:
    """The daemon ends with the way back; after it all goes on."""
    house.start()
    path = house.tagged("a.mp3", style="folk")
    house.stop()
    assert house.cli("restore", "--empty").returncode == 0  # makes room for a damaged one
    house.close_record()
    library = house.state / "library.db"
    library.write_bytes(os.urandom(100_000))

    refused = house.cli("run")

    assert refused.returncode == 1
    assert "genrewatch restore" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert house.cli("run", "--service").returncode == 0
    assert house.cli("restore", "--empty").returncode == 0
    house.start()
    house.wait_all([path])
    row = house.row(path)
    assert row is not None
    assert row.origin == "ours"
    assert writes.our_genres_of_track(house.db, row.fingerprint or "") == [("folk",)]
    assert len(list((house.state / "damaged").glob("library-*.db"))) == 2


def forget(house: House) -> None:
    """Lose the record, and all that lies beside it but the log of writes."""
    house.close_record()
    for path in house.state.glob("library.db*"):
        path.unlink()
