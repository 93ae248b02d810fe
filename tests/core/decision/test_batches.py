"""Many edits in a short time are one batch, and say whose they seem to be."""

import pytest

from core.decision.batches import MANY, WINDOW_NS, crowds, whose
from core.library.batches import Edit, Value

SECOND = 10**9


def every(seconds: float, count: int, *, start: int = 0) -> list[Edit]:
    """Edits numbered from 0, so many seconds apart."""
    return [Edit(word=n, at_ns=start + int(n * seconds * SECOND)) for n in range(count)]


def numbers(found: list[list[Edit]]) -> list[tuple[int, ...]]:
    return [tuple(edit.word for edit in edits) for edits in found]


def test_more_than_twenty_edits_within_two_minutes_are_a_batch() -> None:
    """One less is a busy person."""
    assert crowds(every(1, MANY)) == []
    assert numbers(crowds(every(1, MANY + 1))) == [tuple(range(MANY + 1))]


def test_edits_that_take_their_time_are_none() -> None:
    """A hundred files in ten minutes were edited one by one."""
    assert crowds(every(7, 100)) == []


def test_a_batch_lasts_as_long_as_it_goes_on() -> None:
    """A program that takes an hour is one program."""
    assert numbers(crowds(every(1, 3600))) == [tuple(range(3600))]


def test_what_was_edited_at_another_time_stays_apart() -> None:
    """A single edit an hour before is of no batch, and two evenings are two."""
    single = Edit(word=99, at_ns=0)
    evenings = [every(1, 30, start=hour * 3600 * SECOND) for hour in (1, 2)]

    assert crowds([single, *evenings[1], *evenings[0]]) == evenings


def test_the_order_of_noticing_means_nothing() -> None:
    """A rescan finds files in the order of their names."""
    edits = every(1, 30)

    assert crowds(edits[::-1]) == crowds(edits)


def test_the_window_ends_after_two_minutes() -> None:
    """The last edit just in it makes the batch, just out of it makes none."""
    edits = every(0, MANY)
    just, late = (Edit(word=MANY, at_ns=WINDOW_NS + more) for more in (0, 1))

    assert numbers(crowds([*edits, just])) == [tuple(range(MANY + 1))]
    assert crowds([*edits, late]) == []


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
