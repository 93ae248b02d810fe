"""Which genres there are for a person, and what their names mean."""

from datetime import timedelta

import pytest

from core.decision.memory import Counts, Evidence
from core.decision.verdict import GenreConfidence, Verdict
from core.decision.vocabulary import Rename, above, as_taught, renames, vocabulary
from core.library.taxonomy import Carried, Change, Named, Relation
from tests.factories import NOON

MODEL = ("Hip-Hop", "Rock", "Pop")


def alias(genre: str, target: str) -> Relation:
    return Relation(genre=genre, relation="alias", target=target)


def child(genre: str, target: str) -> Relation:
    return Relation(genre=genre, relation="parent", target=target)


def words(genre: str, *tracks: int, first: int = 1, day: int = 0) -> list[Named]:
    """One word of *tracks* for each of so many artists."""
    at = (NOON + timedelta(days=day)).isoformat(timespec="seconds")
    return [
        Named(genre=genre, artist=f"a{i}", tracks=count, last=first + i, at=at)
        for i, count in enumerate(tracks)
    ]


def verdict(right: float | None = None, **confidences: float) -> Verdict:
    genres = tuple(
        GenreConfidence(genre=genre, confidence=value) for genre, value in confidences.items()
    )
    return Verdict(genres=genres, model_version="m", segments=1, right=right)


def test_an_alias_counts_for_what_it_means() -> None:
    """In the model's words and in people's; the order follows the sums."""
    names = vocabulary([alias("Pop", "Chart")], [], [], MODEL)
    said = Evidence(artist=Counts(said={"pop": 1.0, "chart": 2.0}, refused={"rock": 1.0}))

    heard = names.verdict(verdict(Rock=0.4, Pop=0.35, Chart=0.25))

    assert [item.genre for item in heard.genres] == ["Chart", "Rock"]
    assert heard.genres[0].confidence == pytest.approx(0.6)
    assert names.evidence(said).artist == Counts(said={"chart": 3.0}, refused={"rock": 1.0})


def test_an_alias_of_an_alias_means_the_last_of_them() -> None:
    """Even a circle, should a record hold one, comes to an end."""
    chain = vocabulary([alias("A", "B"), alias("B", "C")], [], [], MODEL)
    circle = vocabulary([alias("A", "B"), alias("B", "A")], [], [], MODEL)

    assert chain.named("a") == "C"
    assert circle.named("a") in ("A", "B")


def test_how_sure_the_first_genre_is_grows_by_what_means_the_same() -> None:
    """Of the doubt that is left they have their share; of another first genre nothing is known."""
    names = vocabulary([alias("Pop", "Rock")], [], [], MODEL)

    grown = names.verdict(verdict(right=0.8, Rock=0.6, Pop=0.2, Jazz=0.2))
    other = names.verdict(verdict(right=0.8, Jazz=0.4, Rock=0.3, Pop=0.3))

    assert grown.sure == pytest.approx(0.8 + 0.2 * 0.5)
    assert other.right is None
    assert other.sure == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("tracks", "proposed"),
    [((3,), False), ((1, 1), False), ((2, 1), True), ((4, 4), True)],
)
def test_a_new_name_is_suggested_after_three_tracks_of_two_artists(
    tracks: tuple[int, ...], proposed: bool
) -> None:
    """Before, what merely sounds like them is not called so; the same artist's music is."""
    names = vocabulary([], words("Synthwave", *tracks), [], MODEL)
    said = Evidence(
        neighbours=Counts(said={"synthwave": 2.0, "rock": 1.0}), artist=Counts(said={"zouk": 1.0})
    )

    heard = names.evidence(said)

    assert ("synthwave" in heard.neighbours.said) is proposed
    assert "rock" in heard.neighbours.said
    assert "zouk" in heard.artist.said


def test_no_promise_covers_a_new_name_that_only_its_sound_speaks_for() -> None:
    """A person's word on the artist or the album is another matter."""
    names = vocabulary([], words("Synthwave", 2, 2), [], MODEL)
    near = Evidence(neighbours=Counts(said={"synthwave": 9.0}))
    same = Evidence(artist=Counts(said={"synthwave": 1.0}))

    assert names.unproven(verdict(Synthwave=0.9), near)
    assert not names.unproven(verdict(Synthwave=0.9), same)
    assert not names.unproven(verdict(Rock=0.9), near)


@pytest.mark.parametrize(
    ("others", "days", "carried", "faded"),
    [
        (200, 180, (), True),
        (199, 180, (), False),  # too few words since
        (200, 179, (), False),  # not for long enough
        (200, 180, (Carried(genre="zouk", origin="ours", files=1),), False),  # a file has it
    ],
)
def test_what_nobody_uses_fades(
    others: int, days: int, carried: tuple[Carried, ...], faded: bool
) -> None:
    """A name of one's own and one of the model alike, by words and days in the record alone."""
    named = [*words("Zouk", 1), *words("Rock", others, first=9, day=days)]

    names = vocabulary([], named, carried, MODEL)

    assert ("zouk" in names.faded) is faded
    assert "rock" not in names.faded
    assert ("pop" in names.faded) is (others + 1 >= 200 and days >= 180)


def test_a_genre_is_trained_under_the_name_that_the_model_has() -> None:
    """A new alias makes no new class."""
    names = vocabulary([alias("Hip-Hop", "Rap"), alias("Zouk", "Kompa")], [], [], MODEL)

    assert as_taught("rap", MODEL, names) == "Hip-Hop"
    assert as_taught("hip hop", MODEL, names) == "Hip-Hop"
    assert as_taught("Zouk", MODEL, names) == "Kompa"


def test_what_a_genre_belongs_to_is_as_sure_as_all_its_kin() -> None:
    """The parent itself among them, and none without a parent."""
    names = vocabulary([child("Punk", "Rock"), child("Grunge", "Rock")], [], [], MODEL)
    heard = verdict(Punk=0.5, Grunge=0.3, Rock=0.1, Pop=0.1)

    assert above(heard, names.parents) == GenreConfidence(
        genre="Rock", confidence=pytest.approx(0.9)
    )
    assert above(verdict(Pop=0.5, Punk=0.5), names.parents) is None


def changed(old: str, new: str, count: int, first: int = 0) -> list[Change]:
    return [Change(fingerprint=f"f{first + i}", old=old, new=new) for i in range(count)]


@pytest.mark.parametrize(
    ("found", "offered"),
    [
        (changed("X", "Y", 9) + changed("x", "X", 1, 9), True),
        (changed("X", "Y", 9), False),  # too few tracks
        (changed("X", "Y", 8) + changed("X", "X", 2, 8), False),  # too many keep it
        (changed("X", "", 10), False),  # cleared is not renamed
        (changed("X", "x", 10), False),  # spelled differently is not renamed
    ],
)
def test_a_rename_is_noticed(found: list[Change], offered: bool) -> None:
    """Nine in ten of at least ten tracks; what is called so already is offered no more."""
    plain = vocabulary([], [], [], MODEL)
    known = vocabulary([alias("X", "Y")], [], [], MODEL)

    expected = (Rename(old="X", new="Y", tracks=10, renamed=9),) if offered else ()
    assert renames(found, plain) == expected
    assert renames(found, known) == ()
    assert renames(found, plain, frozenset({("x", "y")})) == ()
