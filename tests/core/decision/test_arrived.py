"""What the tags of a library teach: cleaned, taken apart, left out with a reason, in turns."""

from collections import Counter

import pytest

from core.decision.arrived import Lesson, Tagged, Taught, Why, Wishes, clean, in_turn

WISHES = Wishes(
    known=("Hip-Hop", "Jazz", "Pop", "Rock"),
    empty=("Unknown", "Other", "(255)"),
    broad=("Electronic", "Soundtrack"),
)


def tagged(*genres: str, path: str = "/m/a.mp3", artist: str = "x") -> Tagged:
    return Tagged(path=path, genres=genres, artist=artist)


def many(genre: str, files: int, artists: int, prefix: str = "/m/n") -> list[Tagged]:
    return [
        tagged(genre, path=f"{prefix}{number}.mp3", artist=f"{genre}{number % artists}")
        for number in range(files)
    ]


def genres_of(taught: Taught) -> list[str]:
    return [item.genre for item in taught.lessons]


@pytest.mark.parametrize(
    ("values", "genre"),
    [
        (("Rock",), "Rock"),
        (("ROCK",), "Rock"),  # as the model spells it
        (("hip hop",), "Hip-Hop"),
        (("Rock; Pop",), "Rock"),
        (("Rock/Pop",), "Rock"),
        (("Rock , Pop",), "Rock"),
        (("Hip-Hop/Rap",), "Hip-Hop"),
        (("Rock - Jazz",), "Rock"),
        (("Unknown", "Jazz"), "Jazz"),  # the first that says anything
        (("Electronic", "Jazz"), "Jazz"),  # a shelf of a store says less than the next word
        (("Soundtrack/Rock",), "Rock"),
        ((" Jazz ",), "Jazz"),
        (("Jazz, Bebop",), "Jazz"),  # nobody tags the second alone, but the first is known
        (("Jazz/Bebop/Cool",), "Jazz"),
    ],
)
def test_one_genre_is_left_of_a_tag(values: tuple[str, ...], genre: str) -> None:
    """Spelled one way, joined lists taken apart, the first that means something."""
    taught = clean([tagged(*values)], WISHES)

    assert genres_of(taught) == [genre]
    assert taught.lessons[0].tagged == values


@pytest.mark.parametrize(
    ("values", "why", "value"),
    [
        ((), Why.EMPTY, ""),
        (("Unknown",), Why.MEANINGLESS, "Unknown"),
        (("2005",), Why.MEANINGLESS, "2005"),
        (("(255)",), Why.MEANINGLESS, "(255)"),
        (("Other", "Electronic"), Why.MEANINGLESS, "Other"),
        (("Soundtrack",), Why.BROAD, "Soundtrack"),
        (("Hörbuch",), Why.SPOKEN, "Hörbuch"),
        (("Duo Cello/Klavier",), Why.RARE, "Duo Cello/Klavier"),
    ],
)
def test_what_teaches_nothing_is_left_out_with_its_reason(
    values: tuple[str, ...], why: Why, value: str
) -> None:
    """Nothing disappears silently."""
    taught = clean([tagged(*values)], WISHES)

    assert not taught.lessons
    assert [(item.why, item.value) for item in taught.dropped] == [(why, value)]


def test_our_own_tag_is_no_lesson() -> None:
    """Else a model would learn its own mistakes."""
    taught = clean([Tagged(path="/m/a.mp3", genres=("Rock",), useless=Why.OURS)], WISHES)

    assert [item.why for item in taught.dropped] == [Why.OURS]


def test_a_genre_of_the_library_s_own_needs_eight_files_of_three_artists() -> None:
    """One less of either, and it is rare."""
    assert len(clean(many("Krautrock", 8, 3), WISHES).lessons) == 8
    assert not clean(many("Krautrock", 7, 3), WISHES).lessons
    assert not clean(many("Krautrock", 8, 2), WISHES).lessons


def test_a_genre_is_spelled_by_the_user_or_else_mostly_as_here() -> None:
    """Variants are one genre, whoever else wrote them."""
    library = many("Trip Hop", 6, 3) + many("trip-hop", 5, 3, "/m/o")

    assert set(genres_of(clean(library, WISHES))) == {"Trip Hop"}
    own = Wishes(known=WISHES.known, spelled={"triphop": "TripHop"})
    assert set(genres_of(clean(library, own))) == {"TripHop"}


def test_an_alias_is_what_it_means() -> None:
    """What the user merged stays merged."""
    wishes = Wishes(known=("Hip-Hop",), aliases={"rap": "Hip-Hop"})

    assert genres_of(clean([tagged("Rap")], wishes)) == ["Hip-Hop"]


def test_a_joined_value_whose_parts_the_library_knows_is_taken_apart() -> None:
    """ "Krautrock/Motorik" is two genres only where somebody tags either."""
    joined = [tagged("Krautrock/Motorik", path="/m/j.mp3")]

    assert genres_of(clean(joined * 1 + many("Krautrock", 8, 3), WISHES)) == ["Krautrock"] * 8
    both = joined + many("Krautrock", 8, 3) + many("Motorik", 8, 3, "/m/o")
    assert Counter(genres_of(clean(both, WISHES))) == {"Krautrock": 9, "Motorik": 8}


def test_a_common_list_does_not_become_a_genre() -> None:
    """However many files have it, as long as its first part is a genre that is known."""
    assert set(genres_of(clean(many("Jazz, Bebop", 8, 3), WISHES))) == {"Jazz"}
    assert set(genres_of(clean(many("Krautrock/Motorik", 8, 3), WISHES))) == {"Krautrock/Motorik"}


def test_genres_and_artists_come_early_however_few_are_heard() -> None:
    """Of 110 files, the first four are of both genres and of four artists."""
    rock = [tagged("Rock", path=f"/r/{n}", artist="big" if n < 90 else f"r{n}") for n in range(100)]
    jazz = [tagged("Jazz", path=f"/j/{n}", artist=f"j{n % 2}") for n in range(10)]
    lessons = clean([*rock, *jazz], WISHES).lessons

    order = in_turn(lessons, seed=1)

    assert [item.turn for item in order] == list(range(110))
    first = order[:4]
    assert Counter(item.genre for item in first) == {"Rock": 2, "Jazz": 2}
    assert len({item.artist for item in first}) == 4
    early = [item.artist for item in order if item.genre == "Rock"][:11]
    assert Counter(early)["big"] == 1
    assert in_turn(tuple(reversed(lessons)), seed=1) == order  # whatever order they come in
    assert in_turn(lessons, seed=2) != order


def test_no_lesson_is_no_turn() -> None:
    """An empty library has no order."""
    assert in_turn((), seed=1) == ()
    assert isinstance(clean([], WISHES), Taught)
    lost = Lesson(path="/m/x/a.mp3", tagged=(), genre="b")
    assert (lost.turn, lost.group) == (-1, "/m/x")
