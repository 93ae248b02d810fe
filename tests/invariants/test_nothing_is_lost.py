"""Invariant 4: killed at any instant, the next start finishes or rolls back what was under way.

The daemon's real steps over paper files die at each statement and act in turn, until a life
meets none; after each death a new life must leave everything as one undisturbed life does.
"""

import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from core.errors import GenrewatchError
from core.library import writes
from core.library.schema import open_library
from core.tags import journal
from daemon import processes
from tests.puppets import Crash, PaperHouse, Worker, guess, paper, read_paper

Change = Callable[[PaperHouse, Path], None]


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Callable[[], PaperHouse]]:
    """Make one house after another."""
    made: list[PaperHouse] = []

    def make() -> PaperHouse:
        made.append(PaperHouse(tmp_path / str(len(made))))
        made[-1].live()
        return made[-1]

    yield make
    for house in made:
        house.close()


def drop(house: PaperHouse, path: Path) -> None:
    paper(path, "A")


def refill(house: PaperHouse, path: Path) -> None:
    path.write_text("torn")
    house.settle()
    paper(path, "A")


def correct(house: PaperHouse, path: Path) -> None:
    paper(path, "A")
    house.settle()
    paper(path, "A", ("Zydeco",))


def reject(house: PaperHouse, path: Path) -> None:
    paper(path, "A")
    house.settle()
    paper(path, "A")


def label(house: PaperHouse, path: Path) -> None:
    paper(path, "A", ("Arrived",))
    house.settle()
    paper(path, "A", ("Zydeco", "Cajun"))


def move(house: PaperHouse, path: Path) -> None:
    paper(path.with_name("before.mp3"), "A")
    house.settle()
    path.with_name("before.mp3").rename(path)


def another_take(house: PaperHouse, path: Path) -> None:
    paper(path, "A")
    house.settle()
    paper(path, "B")


@pytest.mark.parametrize(
    "change", [drop, refill, correct, reject, label, move, another_take], ids=lambda c: c.__name__
)
def test_a_death_at_any_instant_changes_nothing(
    lives: Callable[[], PaperHouse], change: Change
) -> None:
    """After each death the next life ends with the same file, the same record, the same words."""
    undisturbed = lives()
    path = undisturbed.music / "a.mp3"
    change(undisturbed, path)
    undisturbed.settle()
    wanted = summary(undisturbed, path)

    at = 0
    met = True
    while met:
        at += 1
        house = lives()
        path = house.music / "a.mp3"
        change(house, path)
        met = house.live_and_die(at)
        house.reborn()
        assert summary(house, path) == wanted, f"after dying at point {at}"
        assert house.leftovers() == []
    assert at > 10


def summary(house: PaperHouse, path: Path) -> dict[str, object]:
    """What must be the same however often one dies."""
    row = house.row(path)
    return {
        "file": read_paper(path),
        "state": row.state,
        "origin": row.origin,
        "genres": row.genres,
        "reason": row.reason,
        "words": house.kinds(),
        "written": house.done(path),
    }


def test_moved_while_the_daemon_lay_dead_it_is_still_ours(lives: Callable[[], PaperHouse]) -> None:
    """Killed at any instant of a write, and the file moved before the restart: no one's word.

    The moved file ends with our genre, written once, whichever side of the swap it was on.
    """
    at = 0
    met = True
    moved = 0
    while met:
        at += 1
        house = lives()
        path, new = house.music / "a.mp3", house.music / "sub" / "b.mp3"
        paper(path, "A")
        met = house.live_and_die(at)
        new.parent.mkdir()
        path.rename(new)
        moved += read_paper(new)["genres"] != []
        house.reborn()
        row = house.row(new)
        assert read_paper(new)["genres"] == [guess("A")], f"after dying at point {at}"
        assert (row.state, row.origin) == ("tagged", "ours"), f"after dying at point {at}"
        assert house.kinds() == [], f"after dying at point {at}"
        standing = writes.last_writes(house.db, -1)
        assert [row.new for row in standing] == [(guess("A"),)], f"after dying at point {at}"
        assert house.leftovers() == []
        assert not path.exists()
    assert moved > 1


def test_an_undo_cut_short_is_finished_or_never_was(lives: Callable[[], PaperHouse]) -> None:
    """Killed in an undo, the tag is as before it or undone, and the record agrees."""
    at = 0
    met = True
    while met:
        at += 1
        house = lives()
        path = house.music / "a.mp3"
        paper(path, "A")
        house.settle()
        house.crash_at, house.points = at, 0
        try:
            house.desk.undo(str(path), house.now(), dry_run=False)
            met = False
        except Crash:
            pass
        house.crash_at = None
        house.reborn()
        row = house.row(path)
        said = tuple(read_paper(path)["genres"])
        assert row.genres == said
        assert (said, row.hands_off, row.state) in [
            ((guess("A"),), False, "tagged"),
            ((), True, "left"),
        ], f"after dying at point {at}"
        assert house.kinds() == []
        assert house.leftovers() == []


def test_a_write_that_lost_its_file_is_not_waited_for(
    lives: Callable[[], PaperHouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that vanishes just before its write, and comes back, gets its genre."""
    house = lives()
    path = house.music / "a.mp3"
    paper(path, "A")
    aside = house.root / "aside.mp3"

    def vanish(worker: Worker, call: str, *given: Any) -> Any:
        if call == processes.PREPARE and path.exists():
            path.rename(aside)
        return carry_out(worker, call, *given)

    carry_out = Worker._carry_out
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "_carry_out", vanish)
        house.settle()
    assert not path.exists()

    aside.rename(path)
    house.settle()

    assert read_paper(path)["genres"] == [guess("A")]


def test_a_command_that_came_too_early_gives_nothing_up(
    lives: Callable[[], PaperHouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused since the daemon is writing, which then dies of it: the file is judged anew."""
    house = lives()
    monkeypatch.setattr(processes, "is_alive", lambda writer: writer == house.writer)
    path = house.music / "a.mp3"
    paper(path, "A")
    house.daemon._rescan()
    house.time += 1.0
    while not writes.open_writes(house.db):
        house.step()

    done = house.desk.tag(str(path), ("Zydeco",), house.now(), dry_run=False)
    house.reborn()

    assert done.reason == "another write of this file is under way; try again"
    assert (house.row(path).state, read_paper(path)["genres"]) == ("tagged", [guess("A")])


def test_a_fault_while_a_write_is_recorded_blocks_nothing(
    lives: Callable[[], PaperHouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record was locked for too long, say: the write is found out about, and ours."""
    house = lives()
    monkeypatch.setattr(processes, "is_alive", lambda writer: True)  # as we are
    path = house.music / "a.mp3"
    paper(path, "A")

    def fail(*_: Any) -> None:
        raise sqlite3.OperationalError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "commit", fail)
        house.daemon._guarded(house.settle)
    assert path in house.leftovers()
    house.settle()

    assert house.leftovers() == []
    assert (house.row(path).state, house.row(path).origin) == ("tagged", "ours")
    assert house.kinds() == []


def test_several_processes_may_open_a_new_record_at_once(tmp_path: Path) -> None:
    """A first `run` and a first `status` beside it both succeed, five times over."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(4)
    paths = [tmp_path / f"{attempt}.db" for attempt in range(5)]
    openers = [context.Process(target=_open, args=(paths, gate)) for _ in range(4)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()

    assert [opener.exitcode for opener in openers] == [0, 0, 0, 0]


def _open(paths: Sequence[Path], gate: Barrier) -> None:
    for path in paths:
        gate.wait()
        try:
            open_library(path).conn.close()
        except GenrewatchError as error:
            gate.abort()  # nobody waits for one who has failed
            raise SystemExit(str(error)) from error
