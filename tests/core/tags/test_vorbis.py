"""Vorbis comments in FLAC blocks and in Ogg packets."""

import subprocess
import sys
from contextlib import suppress

import mutagen
import pytest
from mutagen.flac import FLAC
from mutagen.id3 import ID3, TCON, TIT2
from mutagen.ogg import OggPage
from mutagen.oggvorbis import OggVorbis

from core.errors import TagError, WriteRefused
from core.tags.formats import read
from core.tags.rewrite import write_genres
from tests.audio import genres_in, make_audio, suffix
from tests.tagging import fill, others, packets


def write(path, *genres):
    return write_genres(str(path), genres, scratch=str(path.parent / ".genrewatch-1"))


@pytest.mark.parametrize("fmt", ["flac", "ogg", "opus", "oggflac"])
def test_other_entries_keep_bytes_and_order(tmp_path, fmt):
    """Doubles, spelling of keys and text that is no UTF-8 stay; so does the genre's place."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1)
    fill(path)
    raw = path.read_bytes()
    if fmt == "flac":  # Ogg pages carry checksums, so bytes cannot be planted there
        assert b"mood=s\xc3\xbc\xc3\x9f" in raw
        path.write_bytes(raw.replace(b"mood=s\xc3\xbc\xc3\x9f", b"mood=\xff\xfe\xfd\xfc\xfb"))
    before = others(path)

    write(path, "Jazz", "Dub")

    assert others(path) == before
    assert genres_in(path) == ["Jazz", "Dub"]


@pytest.mark.parametrize("fmt", ["flac", "ogg", "opus", "oggflac"])
def test_an_editor_that_spells_field_names_anew_changes_no_field(tmp_path, fmt):
    """Names have no case here (Kid3 saves TITLE where ffmpeg had title); texts have."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1)

    def digest(name, text):
        fields = mutagen.File(path)
        fields[name] = text
        fields.save()
        return read(path).other

    lower = digest("title", "One")

    assert digest("TITLE", "One") == lower
    assert digest("title", "one") != lower


def test_flac_padding_takes_up_the_difference(tmp_path):
    """With a padding block the audio does not move."""
    path = make_audio(tmp_path / "a.flac", seconds=1, artist="x")
    size = path.stat().st_size
    assert any(block.code == 1 for block in FLAC(path).metadata_blocks)

    write(path, "Jazz")

    assert path.stat().st_size == size


def test_flac_without_padding_grows_and_shrinks(tmp_path):
    """Nothing is lost where there is no room."""
    path = make_audio(tmp_path / "a.flac", seconds=1, artist="x")
    FLAC(path).save(padding=lambda _: 0)
    heard, told = packets(path), others(path)

    for genres in (("Jazz",), ("J" * 5000,), ()):
        write(path, *genres)

        assert genres_in(path) == list(genres)
        assert (packets(path), others(path)) == (heard, told)


def test_flac_with_id3_before_it_has_one_genre(tmp_path):
    """Foreign tags around a FLAC that had a genre follow; the others stay as they are."""
    path = make_audio(tmp_path / "a.flac", seconds=1, genre="Old")
    tags = ID3()
    tags.add(TCON(encoding=3, text=["Older"]))
    tags.add(TIT2(encoding=3, text=["Song"]))
    tags.save(path)
    assert read(str(path)).genres == ("Old",)

    write(path, "New")

    assert (ID3(path)["TCON"].text, ID3(path)["TIT2"].text) == (["New"], ["Song"])
    assert FLAC(path)["genre"] == ["New"]


def test_flac_with_a_wrong_picture_length_is_refused(tmp_path):
    """Other writers open such files and alter audio or picture."""
    path = make_audio(tmp_path / "a.flac", seconds=1)
    fill(path)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"image/jpeg") + len("image/jpeg") + 4 + 16
    size = int.from_bytes(raw[at : at + 4])
    raw[at : at + 4] = (size - 10).to_bytes(4)
    path.write_bytes(raw)

    with pytest.raises((WriteRefused, TagError)):
        write(path, "Jazz")

    assert path.read_bytes() == raw


def test_a_comment_over_many_pages_is_written(tmp_path):
    """Ogg cuts long comments into pages; those behind are renumbered."""
    path = make_audio(tmp_path / "a.ogg", seconds=3)
    file = OggVorbis(path)
    file["lyrics"] = "la " * 60_000
    file["genre"] = "Old"
    file.save()
    before = packets(path), others(path)

    for genres in (("G" * 70_000,), ("New",), ()):
        write(path, *genres)

        assert genres_in(path) == list(genres)
        assert (packets(path), others(path)) == before


def test_chained_streams_keep_theirs(tmp_path):
    """Two songs in one Ogg file: the first one's tag is the file's, the second is not touched."""
    first = make_audio(tmp_path / "a.ogg", seconds=1, genre="Old", seed=1)
    second = make_audio(tmp_path / "b.ogg", seconds=1, genre="Other", seed=2)
    path, tail = tmp_path / "c.ogg", b""
    with second.open("rb") as file, suppress(EOFError):
        while True:
            page = OggPage(file)
            page.serial = 4711
            tail += page.write()
    path.write_bytes(first.read_bytes() + tail)

    write(path, "New" * 30_000)

    assert genres_in(path) == ["New" * 30_000]
    assert path.read_bytes().endswith(tail)


def test_the_resident_may_import_the_package_alone():
    """core.tags itself brings neither mutagen nor av with it."""
    script = "import core.tags, sys; print({'mutagen', 'av', 'numpy'} & set(sys.modules))"

    said = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    ).stdout

    assert said.strip() == "set()"
