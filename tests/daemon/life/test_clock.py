"""A clock that jumps while files come and change: nothing lost, no word invented."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.puppets import PaperHouse, guess, paper, read_paper

JUMPS = {
    "an hour back": timedelta(hours=-1),
    "an hour on": timedelta(hours=1),
    "a day back": timedelta(days=-1),
    "ten years back": timedelta(days=-3650),
    "ten years on": timedelta(days=3650),
}


class Moved(PaperHouse):
    """A paper house whose time of day can be moved."""

    jump = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.jump


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Moved]:
    made = Moved(tmp_path)
    made.live()
    yield made
    made.close()


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_a_jump_between_steps_invents_no_word(house: Moved, jump: timedelta) -> None:
    """Dropped before, written after; looked at again and again; restarted in between."""
    first, second = house.music / "a.mp3", house.music / "b.mp3"
    paper(first, "A")
    house.daemon._rescan()
    house.jump = jump
    house.settle()
    paper(second, "B")
    house.settle()
    house.jump = timedelta(0)
    house.settle()
    house.reborn()

    assert [read_paper(path)["genres"] for path in (first, second)] == [[guess("A")], [guess("B")]]
    assert [len(house.done(path)) for path in (first, second)] == [1, 1]
    assert house.kinds() == []
    assert house.leftovers() == []


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_a_correction_after_a_jump_is_heard_once(house: Moved, jump: timedelta) -> None:
    """Whatever the time of day then is."""
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()
    house.jump = jump
    paper(path, "A", ("Zydeco",))
    house.settle()
    house.jump = timedelta(0)
    house.settle()

    assert house.kinds() == ["correction"]
    assert house.row(path).origin == "person"
    assert read_paper(path)["genres"] == ["Zydeco"]


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_an_undo_after_a_jump_stays(house: Moved, jump: timedelta) -> None:
    """Hands off, whatever the time of day."""
    path = house.music / "a.mp3"
    paper(path, "A")
    house.settle()
    house.jump = jump
    house.desk.undo(str(path), house.now(), dry_run=False)
    house.jump = timedelta(0)
    house.settle()
    house.reborn()

    assert house.row(path).hands_off
    assert read_paper(path)["genres"] == []
    assert len(house.done(path)) == 1
    assert house.kinds() == []


@pytest.mark.parametrize(("hours", "told"), [(-2, 1), (2, 0), (-0.01, 0)])
def test_the_schedule_hears_of_a_clock_set_back(house: Moved, hours: float, told: int) -> None:
    """Once; what would wait for the future is reckoned anew. Sleep, which looks like a jump on, is
    the schedule's own to make up for."""
    heard: list[int] = []
    house.daemon._clock_set_back = lambda: heard.append(1)
    house.daemon._tick()

    house.jump = timedelta(hours=hours)
    for _ in range(3):
        house.daemon._tick()

    assert len(heard) == told
