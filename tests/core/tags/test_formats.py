"""Reading tags: every row of the table, and what is no row of it."""

import os
import shutil
import subprocess
from pathlib import Path

import mutagen
import pytest
from mutagen.mp4 import MP4

from core.errors import TagError, UntaggableFile
from core.tags.__main__ import table
from core.tags.formats import FORMATS, read
from core.tags.rewrite import write_genres
from tests.audio import ALL_FORMATS, genres_in, make_audio, retag, suffix
from tests.tagging import fill

ROW_OF = {fmt: "m4a" if fmt == "alac" else fmt for fmt in ALL_FORMATS}
GENRES = ("R&B/Soul", "140 / Deep Dubstep / Grime", "Musique concrète", "日本のロック")


def test_every_tested_row_has_a_sample():
    """A row counts as tested only if the tests can make a file of it."""
    assert {row.name for row in FORMATS if row.tested} == set(ROW_OF.values())


@pytest.mark.parametrize("fmt", ALL_FORMATS)
@pytest.mark.parametrize("genre", GENRES)
def test_genre_of_another_program_is_read(tmp_path, fmt, genre):
    """What plain mutagen wrote is read as it was meant."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1, genre=genre)

    assert read(str(path)).genres == (genre,)


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_several_values_are_a_list(tmp_path, fmt):
    """Real lists keep their order and are not split at semicolons."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1, genre=["Dub", "A;B"])

    assert read(str(path)).genres == ("Dub", "A;B")


@pytest.mark.parametrize("fmt", ALL_FORMATS)
@pytest.mark.parametrize("genre", ["", "   "])
def test_blank_is_no_genre(tmp_path, fmt, genre):
    """Empty text and spaces say nothing."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1, artist="x")
    if genre:
        retag(path, genre=genre)

    assert read(str(path)).genres == ()


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_reading_tells_whose_music_it_is(tmp_path, fmt):
    """Artist, album and the like come from the format's own fields."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1)
    words = {"artist": "Ä", "album_artist": "V.A.", "album": "B", "title": "T", "composer": "K"}
    retag(path, **words, compilation=True)

    reading = read(str(path))

    assert reading.format == ROW_OF[fmt]
    assert {name: getattr(reading, name) for name in words} == words
    assert reading.compilation
    assert reading.unwritable is None


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_digest_of_other_tags_is_blind_to_the_genre_only(tmp_path, fmt):
    """A new genre leaves the digest alone; a new title does not."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1, title="T")
    fill(path)
    first = read(str(path)).other
    retag(path, genre="Jazz")
    second = read(str(path)).other
    retag(path, title="U")

    assert first == second != read(str(path)).other


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_content_decides_not_the_name(tmp_path, fmt):
    """A wrong suffix, or none, changes nothing."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1, genre="Jazz")
    for name in ("a.mp3.flac", "noname"):
        shutil.copy(path, tmp_path / name)

        assert read(str(tmp_path / name)).format == ROW_OF[fmt]
        assert read(str(tmp_path / name)).genres == ("Jazz",)


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_names_that_are_not_text_are_read(tmp_path, fmt):
    """A file name may be any bytes."""
    name = os.fsencode(tmp_path) + b"/\xff\n\xf0\x9f\x8e\xb5" + suffix(fmt).encode()
    make_audio(name, fmt, seconds=1, genre="Jazz")

    assert read(os.fsdecode(name)).genres == ("Jazz",)


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"", TagError, "empty"),
        (b"This is a text that somebody named .mp3\n" * 50, UntaggableFile, "no kind"),
        (b"\xff\xf1\x50\x80" * 100, UntaggableFile, "AAC"),
        (b"\x0b\x77" * 100, UntaggableFile, "AC-3"),
        (b"\x1a\x45\xdf\xa3" + bytes(100), UntaggableFile, "Matroska"),
        (b"riff\x2e\x91\xcf\x11" + bytes(100), UntaggableFile, "Wave64"),
        (bytes(5000), UntaggableFile, "no kind"),
        (b"ID3\x04\0\0\0\x7f\x7f\x7f" + bytes(50), TagError, "longer than the file"),
        (b"fLaC\0\0", TagError, "ends within"),
        (b"OggS" + bytes(10) + b"OpusHead", TagError, "cannot be read"),
        (b"\0\0\0\x18ftypM4A " + bytes(200), TagError, "cannot be read"),
    ],
)
def test_what_cannot_be_read_says_so(tmp_path, content, error, says):
    """Unreadable is never empty, and the reason is one sentence that names the file."""
    path = tmp_path / "a.mp3"
    path.write_bytes(content)

    with pytest.raises(error, match=says) as caught:
        read(str(path))

    assert caught.value.path == str(path)


def test_a_folder_named_like_music_is_refused(tmp_path):
    """A directory called x.flac is no file."""
    (tmp_path / "x.flac").mkdir()

    with pytest.raises(TagError, match="not a regular file"):
        read(str(tmp_path / "x.flac"))


def test_a_fifo_is_refused_without_waiting(tmp_path):
    """Opening a FIFO must not block for a writer."""
    os.mkfifo(tmp_path / "x.mp3")

    with pytest.raises(TagError, match="not a regular file"):
        read(str(tmp_path / "x.mp3"))


def test_a_missing_file_is_a_tag_error(tmp_path):
    """Foreign exceptions stay inside."""
    with pytest.raises(TagError, match="cannot be opened"):
        read(str(tmp_path / "gone.mp3"))


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_torn_files_raise_only_our_errors(tmp_path, fmt):
    """However short a file is cut, it is read, or refused in a sentence."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1, genre="Jazz", artist="x")
    whole = path.read_bytes()
    for size in [*range(1, 200, 7), *range(200, len(whole), max(1, len(whole) // 40))]:
        path.write_bytes(whole[:size])
        try:
            assert read(str(path)).genres in ((), ("Jazz",))
        except TagError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_flipped_bytes_raise_only_our_errors(tmp_path, fmt):
    """A parser that stumbles over nonsense makes a TagError, whatever it raised itself."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1, genre="Jazz", artist="x")
    whole = bytearray(path.read_bytes())
    for at in range(4, min(600, len(whole)), 5):
        broken = bytearray(whole)
        broken[at] ^= 0xFF
        path.write_bytes(broken)
        try:
            read(str(path))
        except TagError as error:
            assert error.path == str(path)


def test_gnre_of_old_itunes_is_read(tmp_path):
    """The numeric atom is one more than the ID3v1 number, and one genre with ©gen."""
    path = make_audio(tmp_path / "a.m4a", seconds=1, genre="Rock", artist="x")
    raw = path.read_bytes()
    text = b"\0\0\0\x1c\xa9gen\0\0\0\x14data\0\0\0\x01\0\0\0\0Rock"
    number = b"\0\0\0\x1agnre\0\0\0\x12data\0\0\0\0\0\0\0\0\0\x12"
    assert text in raw
    # the two bytes that gnre is shorter go into the padding behind the list
    at = raw.index(text)
    ilst = raw.rindex(b"ilst", 0, at) - 4
    end = ilst + int.from_bytes(raw[ilst : ilst + 4])
    free = int.from_bytes(raw[end : end + 4])
    assert raw[end + 4 : end + 8] == b"free"
    fresh = raw[:at] + number + raw[at + len(text) : end]
    fresh += (free + 2).to_bytes(4) + b"free" + bytes(2) + raw[end + 8 :]
    fresh = fresh[:ilst] + (end - ilst - 2).to_bytes(4) + fresh[ilst + 4 :]
    path.write_bytes(fresh)
    assert MP4(path)["\xa9gen"] == ["Rock"]

    assert read(str(path)).genres == ("Rock",)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("fmt", ["mp3", "flac", "m4a", "wav", "wma"])
def test_genre_of_ffmpeg_is_read(tmp_path, fmt):
    """ffmpeg writes WAV genres to RIFF INFO, where mutagen sees nothing."""
    plain = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1)
    path = tmp_path / f"b{suffix(fmt)}"
    command = ["ffmpeg", "-v", "error", "-i", str(plain), "-c", "copy", "-metadata", "genre=Dub"]
    subprocess.run([*command, str(path)], check=True, timeout=60)

    assert read(str(path)).genres == ("Dub",)


def test_mutagen_is_told_apart_from_its_bugs(tmp_path, monkeypatch):
    """Even an IndexError within mutagen arrives as a TagError with its cause."""
    path = make_audio(tmp_path / "a.flac", seconds=1, genre="Jazz")

    def stumble(*_args, **_kwargs):
        raise IndexError("beyond the end")

    monkeypatch.setattr(mutagen.flac.FLAC, "load", stumble)

    with pytest.raises(TagError) as caught:
        read(str(path))

    assert isinstance(caught.value.__cause__, IndexError)


def test_a_tag_cannot_flood_the_record(tmp_path):
    """A genre of megabytes is refused, another field read as far as anybody would show it."""
    path = make_audio(tmp_path / "a.flac", seconds=1, genre="Jazz", title="la" * 500_000)

    found = read(str(path))
    assert (found.genres, found.title) == (("Jazz",), "la" * 500)

    retag(path, genre="x" * 1_000_000)
    with pytest.raises(TagError, match="longer than 2,000 characters"):
        read(str(path))


def test_the_readme_shows_the_table():
    """`python -m core.tags` prints it; what the README says of formats is what the code does."""
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")

    assert table() in readme


@pytest.mark.parametrize("fmt", ALL_FORMATS)
@pytest.mark.parametrize(
    "genre", ["R&B/Soul", "Techno (Peak Time / Driving)", "140 / Deep Dubstep / Grime"]
)
def test_names_with_marks_go_round_in_every_format(tmp_path, fmt, genre):
    """Slashes, commas and brackets are part of a name, here and for mutagen."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1, artist="x")

    write_genres(str(path), (genre,), scratch=str(tmp_path / ".scratch"))

    assert (read(str(path)).genres, genres_in(path)) == ((genre,), [genre])
