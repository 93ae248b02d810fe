"""What lay there before: known at a glance, read after all else, never mistaken.

Paper files and the real record, steps and queue; see tests/puppets.py.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.library import files, runs
from daemon import processes
from daemon.telling.status import backlog_of
from daemon.watching import backlog
from daemon.watching.backlog import BATTERY
from tests.puppets import PaperHouse, Worker, guess, paper, read_paper


class OneAtATime(Worker):
    """A worker that takes one job, and the next only once that is noted."""

    busy_now = False

    def free(self) -> bool:
        return not self.busy_now

    def start(self, *given: Any, **options: Any) -> None:
        self.busy_now = True
        super().start(*given, **options)

    def settle(self, now: float) -> None:
        self.busy_now = False


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    """A house with three files in it that nobody has looked at yet."""
    made = PaperHouse(tmp_path, folders=("music", "other"))
    paper(made.music / "plain.mp3", "A")
    paper(made.music / "jazz.mp3", "B", ("Jazz",))
    paper(made.music / "sub" / "rock.mp3", "C", ("Rock",))
    paper(made.folders[1] / "other.mp3", "D", ("Folk",))
    yield made
    made.close()


def test_it_is_glanced_at_and_not_read_whole(house: PaperHouse) -> None:
    """Its tag and how it begins are known, and no more was asked of a worker."""
    house.live()

    row = house.row(house.music / "jazz.mp3")
    assert (row.state, row.genres, row.origin) == ("left", ("Jazz",), "arrived")
    assert (row.fingerprint, row.head) == (None, "B")
    assert set(house.worker.calls) == {processes.GLANCE}


def test_a_retag_while_we_were_away_is_heard(house: PaperHouse) -> None:
    """The genre known from the glance is what the person changed; now it is read whole."""
    house.live()
    house.close()
    path = house.music / "jazz.mp3"
    paper(path, "B", ("Zydeco",))

    house.reborn()

    assert house.kinds() == ["label"]
    assert house.row(path).fingerprint == "B"
    assert read_paper(path)["genres"] == ["Zydeco"]


@pytest.mark.parametrize("place", ["music/sub/moved.mp3", "other/moved.mp3"])
def test_a_retag_on_the_way_is_heard(house: PaperHouse, place: str) -> None:
    """A file that was only glanced at is known at its new place by how it begins."""
    house.live()
    house.close()
    old, new = house.music / "plain.mp3", house.root / place
    old.rename(new)
    paper(new, "A", ("Zydeco",))

    house.reborn()

    assert house.kinds() == ["label"]
    assert files.file_at(house.db, str(old)) is None
    assert house.row(new).existing


def test_moved_it_is_still_not_written_unasked(house: PaperHouse) -> None:
    """It has no genre and lies at another path, but it is no new drop."""
    house.live()
    new = house.music / "sub" / "moved.mp3"
    (house.music / "plain.mp3").rename(new)
    house.settle()

    assert read_paper(new)["genres"] == []
    assert house.row(new).state == "left"


def test_other_audio_in_its_place_is_a_new_drop(house: PaperHouse) -> None:
    """Nobody retagged anything: the file was replaced."""
    house.live()
    paper(house.music / "jazz.mp3", "E")
    house.settle()

    assert house.kinds() == []
    assert read_paper(house.music / "jazz.mp3")["genres"] == [guess("E")]


def test_what_begins_like_a_track_of_ours_is_read_whole(house: PaperHouse) -> None:
    """A file of ours that lies in a folder watched only now keeps its history."""
    house.live()
    ours = house.music / "new.mp3"
    paper(ours, "F")
    house.settle()
    third = house.root / "third"
    third.mkdir()
    ours.rename(third / "new.mp3")
    watch = house.config.watch
    house.close()
    house.folders.append(third)
    house.config = type(house.config)(
        watch=type(watch)(folders=(*watch.folders, str(third)), settle_seconds=1.0),
        policy=house.config.policy,
        model=house.config.model,
    )

    house.begin()
    house.live()

    assert house.row(third / "new.mp3").state == "tagged"
    assert len(house.done(third / "new.mp3")) == 1


def test_it_is_read_while_the_lid_is_closed_only_where_allowed(tmp_path: Path) -> None:
    """On battery it waits, and status knows why; a new drop does not wait."""
    house = PaperHouse(tmp_path)
    paper(house.music / "old.mp3", "A", ("Jazz",))
    house.daemon._backlog._on_battery = lambda: True
    house.live()
    paper(house.music / "new.mp3", "B")
    house.settle()

    assert house.row(house.music / "old.mp3").is_unread
    assert read_paper(house.music / "new.mp3")["genres"] == [guess("B")]
    assert runs.get_setting(house.db, "backlog")["waits"] == BATTERY

    house.daemon._backlog._on_battery = lambda: False
    house.time += 60.0
    house.work()
    assert house.row(house.music / "old.mp3").state == "left"
    house.close()


def test_a_lost_mount_leaves_it_waiting(house: PaperHouse) -> None:
    """What cannot be seen is not gone, and is read once it is back."""
    house.daemon._scan.begin()
    house.daemon._rescan()
    house.music.rename(house.root / "away")
    house.work()
    assert house.row(house.root / "music" / "jazz.mp3").gone_at is None

    (house.root / "away").rename(house.music)
    house.settle()

    assert house.row(house.music / "jazz.mp3").state == "left"


def test_drops_and_writes_overtake_it(tmp_path: Path) -> None:
    """With a worker that does one thing at a time, each drop is written before the next is read."""
    house = PaperHouse(tmp_path)
    house.worker = worker = OneAtATime(house)
    house.close()
    house.begin(worker)
    for number in range(5):
        paper(house.music / f"old{number}.mp3", f"old{number}", ("Jazz",))
    house.daemon._scan.begin()
    house.daemon._rescan()
    house.daemon._backlog.feed(house.time)
    for number in range(3):
        paper(house.music / f"new{number}.mp3", f"new{number}")
    house.daemon._rescan()
    house.work()

    first = worker.calls[:12]
    write = (processes.PREPARE, processes.TAKE_PLACE)
    assert first == [processes.PROBE, processes.ANALYSE, *write] * 3
    assert worker.calls[12:] == [processes.GLANCE] * 5
    house.close()


def test_a_person_overtakes_new_drops(tmp_path: Path) -> None:
    """A file that is known and changed is read before any that is new."""
    house = PaperHouse(tmp_path)
    house.live()
    known = house.music / "known.mp3"
    paper(known, "A")
    house.settle()
    house.close()
    worker = OneAtATime(house)
    house.begin(worker)
    for number in range(3):
        paper(house.music / f"a{number}.mp3", f"new{number}", ("Jazz",))
    paper(known, "A", ("Zydeco",))
    house.live()

    assert house.kinds() == ["correction"]
    read = [path for call, path in worker.paths if call == processes.PROBE]
    assert read[0] == str(known)
    house.close()


def test_status_tells_how_much_is_left_how_fast_and_until_when(house: PaperHouse) -> None:
    """Four files at two a minute are two minutes; while it waits there is no end, but a reason."""
    house.daemon._scan.begin()
    house.daemon._rescan()
    runs.set_setting(house.db, "backlog", {"waits": None, "a_minute": 2.0})

    told = backlog_of(house.db, house.now(), running=True, paused=False)
    assert told == {"left": 4, "a_minute": 2.0, "ends": "2026-05-01T00:02:00.000Z", "waits": None}
    paused = backlog_of(house.db, house.now(), running=True, paused=True)
    assert (paused["ends"], paused["waits"]) == (None, "paused")

    house.settle()
    assert backlog_of(house.db, house.now(), running=True, paused=False)["left"] == 0


def test_a_part_at_a_time_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait, few are in memory; all are read in the end, and the rate is known."""
    monkeypatch.setattr(backlog, "MOST", 4)
    monkeypatch.setattr(backlog, "REFILL", 2)
    house = PaperHouse(tmp_path)
    for number in range(20):
        paper(house.music / f"{number}.mp3", f"audio{number}", ("Jazz",))
    house.daemon._scan.begin()
    house.daemon._rescan()
    house.step()
    assert house.daemon._steps.under_way() == 4

    house.work()
    assert files.count_unread(house.db) == 0
    house.close()
