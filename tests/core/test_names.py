"""Whose music it is, however it is spelled."""

import pytest

from core.names import album_key, artist_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Björk", "BJORK"),
        ("The Beatles", "Beatles, The"),
        ("The Beatles", "beatles"),
        ("Simon & Garfunkel", "Simon and Garfunkel"),
        ("Sigur Rós", "sigur ros"),
        ("Eminem feat. Rihanna", "Eminem"),
        ("Eminem (ft. Rihanna)", "Eminem"),
        ("A$AP Rocky", "a$ap rocky"),
        ("坂本龍一", "坂本龍一 "),
    ],
)
def test_spellings_of_one_artist_are_one(one: str, other: str) -> None:
    """Case, accents, articles, guests and the ampersand do not make two artists."""
    assert artist_key(one) == artist_key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [("The The", "The"), ("!!!", "???"), ("A", "B"), ("Blur", "Burial"), ("Air", "Airbourne")],
)
def test_different_artists_stay_apart(one: str, other: str) -> None:
    """Also those whose names are articles or signs."""
    assert artist_key(one) != artist_key(other)


@pytest.mark.parametrize("name", [None, "", "  ", "Various Artists", "V.A.", "unknown artist"])
def test_nobody_has_no_key(name: str | None) -> None:
    """So nothing is learned about "Various Artists"."""
    assert artist_key(name) == ""


def test_an_album_is_its_artists() -> None:
    """Two artists' "Greatest Hits" are two albums; no title is no album."""
    assert album_key("Greatest Hits", "queen") != album_key("Greatest Hits", "abba")
    assert album_key("Abbey Road", "beatles") == album_key("ABBEY ROAD", "beatles")
    assert album_key(" ", "beatles") == album_key(None, "beatles") == ""
