"""A write that was begun goes on to its end, whatever the daemon is told in between."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.library import runs, writes
from core.library.schema import open_library
from tests.puppets import PaperHouse, Worker, guess, paper, read_paper


class OneAtATime(Worker):
    """A worker that takes one job, and the next only once that is noted."""

    at_it = False

    def free(self) -> bool:
        return not self.at_it

    def start(self, *given: Any, **options: Any) -> None:
        self.at_it = True
        super().start(*given, **options)

    def settle(self, now: float) -> None:
        self.at_it = False

    def end_overdue(self, now: float) -> None:
        pass

    def close(self, *, kill: bool = False) -> None:
        pass


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    """A house where one of two drops has its copy beside it, and the swap waits."""
    made = PaperHouse(tmp_path)
    made.worker = OneAtATime(made)
    made.close()
    made.begin(made.worker)
    made.live()
    for name in "AB":
        paper(made.music / f"{name}.mp3", name)
    made.daemon._rescan()
    made.time += 1.0
    until_prepared(made)
    yield made
    made.close()


def until_prepared(house: PaperHouse) -> None:
    for _ in range(100):
        house.step()
        if any(row.prepared_at for row in writes.open_writes(house.db)):
            return
    raise AssertionError("nothing is ever prepared")


def paused(house: PaperHouse) -> None:
    beside = open_library(house.root / "library.db")
    runs.set_setting(beside, "paused", True)
    beside.close()
    for _ in range(5):
        house.daemon._once()


def stopped(house: PaperHouse) -> None:
    house.daemon._finish()


@pytest.mark.parametrize("told", [paused, stopped], ids=lambda told: told.__name__)
def test_what_is_half_done_is_ended_and_nothing_else_begun(
    house: PaperHouse, told: Callable[[PaperHouse], None]
) -> None:
    """No copy lies about through a pause, none waits for the next start."""
    [row] = writes.open_writes(house.db)
    other = next(path for path in house.music.glob("?.mp3") if str(path) != row.path)

    told(house)

    assert read_paper(row.path)["genres"] == [guess(Path(row.path).stem)]
    assert read_paper(other)["genres"] == []
    assert house.leftovers() == []
