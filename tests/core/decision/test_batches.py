"""Many edits in a short time are one batch, and say whose they seem to be."""

import pytest

from core.decision.batches import MANY, WINDOW_NS, crowd, whose
from core.library.batches import Edit, Value

SECOND = 10**9


def every(seconds: float, count: int, *, start: int = 0) -> list[Edit]:
    """Edits numbered from 0, so many seconds apart."""
    return [Edit(word=n, at_ns=start + int(n * seconds * SECOND)) for n in range(count)]


def numbers(edits: list[Edit]) -> tuple[int, ...]:
    return tuple(edit.word for edit in edits)


def test_more_than_twenty_edits_within_two_minutes_are_a_batch() -> None:
    """One less is a busy person."""
    assert crowd(every(1, MANY), 3) == []
    assert numbers(crowd(every(1, MANY + 1), 3)) == tuple(range(MANY + 1))


def test_edits_that_take_their_time_are_none() -> None:
    """A hundred files in ten minutes were edited one by one."""
    assert crowd(every(7, 100), 50) == []


def test_a_batch_lasts_as_long_as_it_goes_on() -> None:
    """Whatever shares a window with the edit belongs to it, before and after."""
    edits = every(1, 1000)

    found = crowd(edits, 500)

    assert numbers(found) == tuple(range(380, 621))


def test_what_was_edited_at_another_time_stays_apart() -> None:
    """A single edit an hour before is no part of the batch."""
    edits = [Edit(word=99, at_ns=0), *every(1, 30, start=3600 * SECOND)]

    assert crowd(edits, 99) == []
    assert 99 not in numbers(crowd(edits, 10))


def test_the_order_of_noticing_means_nothing() -> None:
    """A rescan finds files in the order of their names."""
    edits = every(1, 30)

    assert crowd(edits[::-1], 3) == crowd(edits, 3)


def test_the_window_ends_after_two_minutes() -> None:
    """The last edit just in it makes the batch, just out of it makes none."""
    edits = every(0, MANY)

    just, late = (Edit(word=MANY, at_ns=WINDOW_NS + more) for more in (0, 1))
    assert len(crowd([*edits, just], MANY)) == MANY + 1
    assert crowd([*edits, late], MANY) == []


def value(*genres: str, files: int = 25, with_others: int = 0, refused: bool = False) -> Value:
    return Value(genres=genres, files=files, with_others=with_others, refused=refused)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([value("Jazz")], "person"),  # chosen for all of them
        ([value("Hip-Hop"), value("hip hop")], "person"),  # in two spellings
        ([value("Jazz", files=30), value("Rock", files=2)], "person"),  # and two by hand
        ([value("Jazz", files=13), value("Rock", files=12)], "program"),
        ([value("Jazz", with_others=25)], "program"),  # a tagger filled in the rest, too
        ([value("Jazz", with_others=1)], "person"),
        ([value("Jazz", refused=True)], "person"),  # "all of these are no jazz"
        ([value(name, files=3, refused=True) for name in "abcdefgh"], "program"),  # all cleared
    ],
)
def test_one_genre_and_nothing_else_is_a_persons_doing(values: list[Value], expected: str) -> None:
    """Many genres, or other fields in the same saves, are a program's until a person says so."""
    assert whose(values) == expected
