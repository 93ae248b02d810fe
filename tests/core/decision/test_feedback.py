"""What does a changed tag mean?"""

import pytest

from core.decision.feedback import Kind, LastKnown, Origin, Seen, interpret, kind_of_word

OURS = LastKnown(genres=("Rock",), origin=Origin.OURS, other="x", before_us=(), mtime_ns=1000)
THEIRS = LastKnown(genres=("Rock",), origin=Origin.PERSON, other="x")
ARRIVED = LastKnown(genres=("Rock",), origin=Origin.ARRIVED, other="x")
NONE = LastKnown(genres=(), origin=Origin.NONE, other="x")


def seen(*genres: str, other: str = "x", mtime_ns: int = 2000) -> Seen:
    return Seen(genres=genres, other=other, mtime_ns=mtime_ns)


@pytest.mark.parametrize(
    ("last", "now", "kind"),
    [
        (OURS, seen("Jazz"), Kind.CORRECTION),
        (OURS, seen("Rock", "Jazz"), Kind.CORRECTION),  # kept one, added one
        (OURS, seen(), Kind.REJECTION),
        (NONE, seen("Jazz"), Kind.LABEL),
        (THEIRS, seen("Jazz"), Kind.LABEL),
        (ARRIVED, seen("Jazz"), Kind.LABEL),
        (THEIRS, seen(), None),  # they emptied their own: no word about our guess
    ],
)
def test_a_retag_is_the_kind_of_its_change(last: LastKnown, now: Seen, kind: Kind | None) -> None:
    """Whose the old genre was decides; the person owns the new one."""
    meaning = interpret(last, now)

    assert meaning.kind is kind
    assert meaning.origin is Origin.PERSON


def test_the_same_genres_say_nothing() -> None:
    """Another order, or other fields changed, is no word about the genre."""
    two = LastKnown(genres=("Rock", "Jazz"), origin=Origin.OURS, other="x")

    meaning = interpret(two, seen("Jazz", "Rock", other="y"))

    assert not meaning.speaks
    assert meaning.origin is Origin.OURS


def test_a_spelling_makes_the_person_the_owner_but_is_no_correction() -> None:
    """Hip-Hop to Hip Hop teaches the spelling only."""
    last = LastKnown(genres=("Hip-Hop",), origin=Origin.OURS, other="x")

    meaning = interpret(last, seen("Hip Hop"))

    assert meaning.kind is None
    assert meaning.spelled
    assert meaning.origin is Origin.PERSON


@pytest.mark.parametrize(
    "now",
    [seen(mtime_ns=500), seen(other="y")],
    ids=["older than our write", "other fields changed too"],
)
def test_back_to_what_stood_before_us_is_a_reversion(now: Seen) -> None:
    """A restore or a player's database is not a person who rejects."""
    meaning = interpret(OURS, now)

    assert meaning.kind is Kind.REVERSION
    assert meaning.origin is Origin.NONE


def test_back_to_the_old_value_by_a_fresh_edit_is_a_correction() -> None:
    """Only the genre changed and the file is newer: a person did it."""
    last = LastKnown(
        genres=("Rock",), origin=Origin.OURS, other="x", before_us=("Jazz",), mtime_ns=1000
    )

    assert interpret(last, seen("Jazz")).kind is Kind.CORRECTION


@pytest.mark.parametrize(
    ("old", "origin", "new", "kind"),
    [
        (("Rock",), Origin.OURS, ("Rock",), Kind.CONFIRMATION),
        (("Rock",), Origin.OURS, ("Jazz",), Kind.CORRECTION),
        (("Rock",), Origin.OURS, (), Kind.REJECTION),
        ((), Origin.NONE, ("Jazz",), Kind.LABEL),
        (("Rock",), Origin.ARRIVED, ("Jazz",), Kind.LABEL),
        ((), Origin.NONE, (), None),
    ],
)
def test_an_explicit_word_may_also_confirm(
    old: tuple[str, ...], origin: Origin, new: tuple[str, ...], kind: Kind | None
) -> None:
    """Commands, review and pages say more than a retag can."""
    assert kind_of_word(old, origin, new) is kind
