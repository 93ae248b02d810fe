"""How raw genre texts become a list of genres."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import TCON

from core.tags.genres import ID3V1_NAMES, from_id3, from_values, id3v1_code, id3v1_name, to_id3


@pytest.mark.parametrize(
    ("values", "genres"),
    [
        (["Jazz"], ("Jazz",)),
        (["Jazz; Rock"], ("Jazz", "Rock")),
        (["Jazz;;Rock;"], ("Jazz", "Rock")),
        (["Jazz\0Rock"], ("Jazz", "Rock")),
        (["Jazz;Rock", "Pop"], ("Jazz;Rock", "Pop")),  # a list already: nothing is split
        (["R&B/Soul"], ("R&B/Soul",)),
        (["140 / Deep Dubstep / Grime"], ("140 / Deep Dubstep / Grime",)),
        (["Techno (Peak Time, Driving)"], ("Techno (Peak Time, Driving)",)),
        (["  Jazz  "], ("Jazz",)),
        (["", "   ", "\0"], ()),
        (["Jazz", "Jazz"], ("Jazz",)),
        (["17"], ("17",)),  # numbers are ID3's own way
    ],
)
def test_values_split_on_nul_and_semicolon_only(values, genres):
    """Slashes and commas belong to names; several values are never split further."""
    assert from_values(values) == genres


@pytest.mark.parametrize(
    ("text", "genres"),
    [
        ("(17)", ("Rock",)),
        ("17", ("Rock",)),
        ("(17)Rock", ("Rock",)),
        ("(4)Eurodisco", ("Disco", "Eurodisco")),
        ("(51)(39)", ("Techno-Industrial", "Noise")),
        ("(9)(138)Viking Metal", ("Metal", "Black Metal", "Viking Metal")),
        ("((Peak Time) Techno", ("(Peak Time) Techno",)),
        ("(Peak Time)", ("(Peak Time)",)),
        ("RX", ("Remix",)),
        ("(CR)", ("Cover",)),
        ("80", ("Folk",)),
        ("200", ("200",)),  # no name is known: the text stays
        ("(255)", ("(255)",)),
        ("1980", ("1980",)),
        ("20er Jahre", ("20er Jahre",)),
        ("(17); (8)", ("Rock", "Jazz")),
    ],
)
def test_id3_numbers_are_names(text, genres):
    """References become words; what refers to nothing stays as it is."""
    assert from_id3([text]) == genres


@pytest.mark.parametrize("code", range(len(ID3V1_NAMES)))
def test_id3_numbers_agree_with_mutagen(code):
    """Each number means to us what it means to mutagen."""
    for text in (f"({code})", str(code)):
        assert list(from_id3([text])) == TCON(encoding=3, text=[text]).genres


@pytest.mark.parametrize(
    ("code", "name"), [(17, "Rock"), (1, "Classic Rock"), (0, None), (12, None), (255, None)]
)
def test_meaningless_id3v1_bytes_are_absent(code, name):
    """0, 12 and 255 are what taggers leave behind when they know nothing."""
    assert id3v1_name(code) == name


def test_id3v1_knows_the_first_genre_or_says_none():
    """The byte holds one genre of its list, whatever the spelling; else it is 255."""
    assert id3v1_code(("rock", "Jazz")) == 17
    assert id3v1_code(("Deep Dubstep",)) == 255
    assert id3v1_code(()) == 255


@given(st.text(st.characters(exclude_characters="\0;", exclude_categories=["Cs"])))
def test_any_name_that_can_be_written_reads_back(text):
    """Written to ID3 and read again a name is itself, unless ID3 knows it as a number."""
    name = text.strip()
    if not name or from_id3([name]) in ((n,) for n in ID3V1_NAMES if n != name):
        return
    if name in ("RX", "CR", "(RX)", "(CR)"):
        return

    assert from_id3([to_id3(name)]) == (name,)
