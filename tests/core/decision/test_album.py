"""The tracks of one album are judged together."""

from dataclasses import replace

import pytest

from core.decision.album import CONFIDENT, SETTLED, album_of, albums, pooled
from core.decision.verdict import GenreConfidence, Verdict
from core.names import keys_of

WHOSE = keys_of(artist="Ann", album="One")


def verdict(rock: float, *, right: float | None = None, **changes: object) -> Verdict:
    """A verdict between Rock and Jazz."""
    pairs = sorted({"Rock": rock, "Jazz": 1 - rock}.items(), key=lambda pair: -pair[1])
    genres = tuple(GenreConfidence(genre=name, confidence=share) for name, share in pairs)
    whole = Verdict(genres=genres, model_version="m", segments=2, right=right)
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_tracks_of_an_album_lie_in_one_folder() -> None:
    """The same album elsewhere is another copy of it, and no album is no bond."""
    assert album_of("/m/a/1.mp3", WHOSE) == ("/m/a", "ann/one")
    assert album_of("/m/b/1.mp3", WHOSE) != album_of("/m/a/1.mp3", WHOSE)
    assert album_of("/m/a/1.mp3", keys_of(artist="Ann")) is None


def test_the_tracks_of_a_compilation_stand_alone() -> None:
    """Many artists share it, and many genres."""
    various = keys_of(artist="Ann", album_artist="Various Artists", album="Hits")

    assert album_of("/m/a/1.mp3", various) is None


@pytest.mark.parametrize("given", ["/m/a", "/m", "/m/"])
def test_a_folder_may_be_judged_track_by_track(given: str) -> None:
    """It, and all below it; one of a like name is another folder."""
    assert album_of("/m/a/1.mp3", WHOSE, (given,)) is None
    assert album_of("/mm/a/1.mp3", WHOSE, (given,)) is not None


def test_what_is_of_no_album_is_a_group_by_itself() -> None:
    """The others are grouped, in the order of the first of each."""
    found = albums("abcbd", lambda letter: ("/m", letter) if letter in "bc" else None)

    assert found == [["a"], ["b", "b"], ["c"], ["d"]]


def test_many_tracks_are_surer_than_one() -> None:
    """But not as sure as if each were another artist's: they share what misleads the model."""
    whole = pooled([verdict(0.7)] * 4)

    assert whole is not None
    assert whole.best is not None
    odds = (0.7 / 0.3) ** (4 / 2.5)
    assert whole.best.confidence == pytest.approx(odds / (1 + odds))


def test_the_doubtful_track_goes_with_the_rest() -> None:
    """One genre for the album."""
    whole = pooled([verdict(0.8), verdict(0.8), verdict(0.4)])

    assert whole is not None
    assert whole.genres[0].genre == "Rock"


def test_a_track_that_is_sure_of_another_genre_parts_the_album() -> None:
    """It shows that there are several, so each is judged by itself."""
    others = [verdict(SETTLED)] * 5

    assert pooled([*others, verdict(1 - CONFIDENT - 0.01)]) is None
    assert pooled([*others, verdict(1 - CONFIDENT + 0.05)]) is not None


def test_a_sure_track_leads_those_that_do_not_know() -> None:
    """It differs from nothing that the others would be sure of."""
    whole = pooled([verdict(0.55), verdict(0.55), verdict(1 - CONFIDENT)])

    assert whole is not None
    assert whole.genres[0].genre == "Jazz"


def test_one_track_or_silence_is_no_album() -> None:
    """There is nothing to put together."""
    silence = Verdict(genres=(), model_version="m", segments=0)

    assert pooled([verdict(0.8)]) is None
    assert pooled([verdict(0.8), silence]) is None


def test_the_chance_to_be_right_rests_on_each_tracks_own() -> None:
    """Where the model doubts its own words, many of them are no certainty either."""
    doubtful = pooled([verdict(0.8, right=0.55)] * 3)
    sure = pooled([verdict(0.8, right=0.8)] * 3)

    assert doubtful is not None
    assert sure is not None
    assert doubtful.right is not None
    assert sure.right == pytest.approx(sure.genres[0].confidence)
    assert 0.55 < doubtful.right < sure.right
    assert doubtful.genres == sure.genres


def test_a_stranger_among_the_tracks_counts_for_its_share() -> None:
    """That one sounds like no learned genre is a doubt about the album."""
    house = (GenreConfidence(genre="House", confidence=0.6),)

    whole = pooled([verdict(0.8, outside=0.9, suggested=house), verdict(0.8, outside=0.1)])

    assert whole is not None
    assert whole.outside == pytest.approx(0.5)
    assert whole.suggested == (GenreConfidence(genre="House", confidence=0.3),)
