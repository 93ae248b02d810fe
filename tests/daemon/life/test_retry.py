"""What failed by what may pass is tried again, later each time, also after a restart."""

import errno
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.analysis.disk import unreadable
from core.errors import WorkerError, WriteDelayed, WriteError
from core.library.codec import as_time
from daemon import processes
from daemon.life.retry import PASSING, WAITS, tried_again_later
from tests.factories import NOON, file_row
from tests.puppets import PaperHouse, Worker, guess, paper, read_paper


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    made = PaperHouse(tmp_path)
    made.live()
    yield made
    made.close()


class Trouble:
    """Lets each write fail with an error while it lasts, and counts the tries."""

    def __init__(self, patch: pytest.MonkeyPatch, call: str, error: Exception) -> None:
        self.lasts = True
        self.tries = 0
        carry_out = Worker._carry_out

        def fail(worker: Worker, name: str, *given: Any) -> Any:
            if name == call:
                self.tries += 1
                if self.lasts:
                    raise error
            return carry_out(worker, name, *given)

        patch.setattr(Worker, "_carry_out", fail)


def test_each_try_comes_later_than_the_one_before() -> None:
    """A minute, five, half an hour, two hours, and then each day."""
    row = file_row()
    waits = []
    for _ in range(7):
        row = tried_again_later(row, NOON)
        waits.append(as_time(row.retry_at or "") - NOON)

    assert waits == [*WAITS, WAITS[-1], WAITS[-1]]
    assert waits[0] == timedelta(minutes=1)


@pytest.mark.parametrize("call", [processes.PREPARE, processes.TAKE_PLACE])
def test_a_delayed_write_is_tried_again_when_its_time_has_come(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Not before, whatever is rescanned; then it is as if nothing had been."""
    trouble = Trouble(monkeypatch, call, WriteDelayed("the disk is full"))
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()
    row = house.row(path)
    assert (row.state, row.reason, row.tries) == ("failed", "the disk is full", 1)
    assert house.leftovers() == []
    for _ in range(3):
        house.settle()
    assert trouble.tries == 1

    house.time += 61
    house.settle()
    assert (house.row(path).tries, trouble.tries) == (2, 2)
    trouble.lasts = False
    house.time += 301
    house.settle()

    assert read_paper(path)["genres"] == [guess("A")]
    assert (house.row(path).state, house.row(path).retry_at) == ("tagged", None)
    assert len(house.done(path)) == 1


def test_it_is_tried_again_after_a_restart(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment is in the record."""
    trouble = Trouble(monkeypatch, processes.PREPARE, WriteDelayed("in use"))
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()
    trouble.lasts = False

    house.reborn()
    assert trouble.tries == 1
    house.time += 61
    house.reborn()

    assert read_paper(path)["genres"] == [guess("A")]


def test_what_needs_a_person_is_not_tried_again(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only folder gets no better by itself."""
    trouble = Trouble(monkeypatch, processes.PREPARE, WriteError("read-only"))
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()

    house.time += 10**6
    house.settle()

    assert trouble.tries == 1
    assert (house.row(path).state, house.row(path).retry_at) == ("failed", None)


def test_what_a_person_names_is_tried_at_once(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And if that works, it is not tried later."""
    trouble = Trouble(monkeypatch, processes.PREPARE, WriteDelayed("in use"))
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()
    assert house.desk.tag(str(path), ("Folk",), house.now(), dry_run=False).failed
    trouble.lasts = False

    assert house.desk.tag(str(path), ("Folk",), house.now(), dry_run=False).written

    house.time += 10**6
    house.settle()
    assert read_paper(path)["genres"] == ["Folk"]
    assert house.row(path).retry_at is None


def test_a_worker_that_dies_of_a_copy_gets_one_more_chance(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The half copy is removed first; after the second death the file is set aside."""
    trouble = Trouble(monkeypatch, processes.PREPARE, WorkerError("the analysis crashed on it"))
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()

    assert trouble.tries == 2
    assert house.row(path).state == "failed"
    assert house.leftovers() == []


def test_a_worker_that_dies_after_the_swap_has_written(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk tells, not the answer that never came."""
    carry_out = Worker._carry_out

    def die(worker: Worker, name: str, *given: Any) -> Any:
        result = carry_out(worker, name, *given)
        if name == processes.TAKE_PLACE:
            raise WorkerError("the analysis crashed on it")
        return result

    monkeypatch.setattr(Worker, "_carry_out", die)
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()

    assert read_paper(path)["genres"] == [guess("A")]
    assert (house.row(path).state, house.row(path).origin) == ("tagged", "ours")
    assert len(house.done(path)) == 1
    assert house.leftovers() == []
    assert house.kinds() == []


def test_a_file_that_the_disk_does_not_give_now_is_read_later(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share that is away for a while, say."""
    error = unreadable(OSError(errno.EIO, "Input/output error"), "/m/a.mp3")
    trouble = Trouble(monkeypatch, processes.PROBE, error)
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()
    assert house.row(path).state == "failed"
    assert "Input/output error" in house.row(path).reason
    trouble.lasts = False

    house.time += 61
    house.settle()

    assert read_paper(path)["genres"] == [guess("A")]


def test_a_file_that_may_not_be_read_waits_for_the_person() -> None:
    """Permissions get no better by themselves."""
    error = unreadable(PermissionError(errno.EACCES, "Permission denied"), "/m/a.mp3")

    assert not isinstance(error, PASSING)
    assert "permissions" in error.reason
