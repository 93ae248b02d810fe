"""The fingerprint is blind to tags: before the audio, behind it, however many."""

import struct
import wave

import numpy as np
import pytest
from mutagen.apev2 import APEv2
from mutagen.id3 import APIC, ID3

from core.analysis.decode import head, scan
from core.analysis.trailer import audio_end, has_xing
from tests.audio import FORMATS_UNDER_TEST, make_audio, retag, suffix

ID3V1 = b"TAG" + b"Title".ljust(30, b"\0") + bytes(94) + b"\x11"
ID3V1_EXTENDED = b"TAG+" + bytes(223)
LYRICS = b"LYRICSBEGININD0000200" + b"LYR00005hello"
LYRICS += f"{len(LYRICS):06d}LYRICS200".encode()
ID3V2_FOOTER = b"ID3\x04\x00\x10\x00\x00\x00\x05" + bytes(5) + b"3DI\x04\x00\x10\x00\x00\x00\x05"


def apev2(genre: str, *, header: bool = True) -> bytes:
    """An APEv2 tag with one item, with or without its header."""
    item = struct.pack("<II", len(genre), 0) + b"Genre\0" + genre.encode()
    flags = 0x80000000 if header else 0
    numbers = struct.pack("<IIII", 2000, len(item) + 32, 1, flags)
    footer = b"APETAGEX" + numbers + bytes(8)
    head = b"APETAGEX" + struct.pack("<IIII", 2000, len(item) + 32, 1, flags | 1 << 29) + bytes(8)
    return (head if header else b"") + item + footer


TRAILERS = {
    "ID3v1": ID3V1,
    "extended ID3v1": ID3V1_EXTENDED + ID3V1,
    "APEv2": apev2("Jazz"),
    "APEv2 without header": apev2("Jazz", header=False),
    "APEv2 then ID3v1": apev2("Jazz") + ID3V1,
    "Lyrics3 then ID3v1": LYRICS + ID3V1,
    "ID3v2 at the end": ID3V2_FOOTER,
    "two APEv2": apev2("Jazz") + apev2("Rock"),
}


@pytest.mark.parametrize("fmt", FORMATS_UNDER_TEST)
def test_fingerprint_survives_a_retag(tmp_path, fmt):
    """Another program's tag edit leaves the track the same, and its length."""
    path = make_audio(tmp_path / f"x{suffix(fmt)}", fmt, seconds=3)
    before = scan(str(path))

    retag(path, genre=["Jazz", "Blues"], artist="Someone", title="x" * 5000)

    assert scan(str(path)) == before
    assert head(str(path)) == before.head


def test_the_head_is_of_the_first_mebibyte_and_of_the_length(tmp_path):
    """What comes later is not read; a longer edit that begins alike is told apart."""
    start = np.random.default_rng(0).integers(-9000, 9000, 1_200_000 // 2, np.int16).tobytes()
    paths = [tmp_path / name for name in ("a.wav", "b.wav", "longer.wav")]
    for path, rest in zip(
        paths, (bytes(80_000), bytes(79_998) + b"xx", bytes(90_000)), strict=True
    ):
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
            file.writeframes(start + rest)
    one, other, longer = (scan(str(path)) for path in paths)

    assert one.fingerprint != other.fingerprint
    assert one.head == other.head == head(str(paths[0]))
    assert longer.head != one.head


def test_fingerprint_survives_a_picture(tmp_path):
    """A picture of 300 kB moves all audio."""
    path = make_audio(tmp_path / "x.mp3", seconds=3)
    before = scan(str(path))

    tags = ID3()
    tags.add(APIC(encoding=3, mime="image/png", type=3, desc="", data=bytes(300_000)))
    tags.save(path)

    assert scan(str(path)) == before


@pytest.mark.parametrize("name", TRAILERS)
def test_tag_behind_an_mp3_is_not_hashed(tmp_path, name):
    """The demuxer lets such tags leak into the last packet."""
    path = make_audio(tmp_path / "x.mp3", seconds=3)
    before, audio = scan(str(path)), path.read_bytes()

    path.write_bytes(audio + TRAILERS[name])

    assert scan(str(path)).fingerprint == before.fingerprint
    with path.open("rb") as file:
        assert audio_end(file) == len(audio)


def test_tag_of_mutagen_behind_an_mp3_is_not_hashed(tmp_path):
    """The recipe above is what programs write."""
    path = make_audio(tmp_path / "x.mp3", seconds=3)
    before = scan(str(path))

    tags = APEv2()
    tags["Genre"] = "Jazz"
    tags.save(path)

    assert scan(str(path)) == before


@pytest.mark.parametrize(
    "tail", [b"APETAGEX" + b"\xff" * 24, b"999999LYRICS200", b"3DI" + b"\x7f" * 7, b"TAG", b""]
)
def test_damaged_trailer_is_no_tag(tmp_path, tail):
    """A size that does not fit into the file is not believed."""
    path = tmp_path / "x"
    path.write_bytes(b"\0" * 50 + tail)

    with path.open("rb") as file:
        assert audio_end(file) == 50 + len(tail)


def test_xing_frame_is_found_behind_an_id3_tag(tmp_path):
    """It is looked for where the audio begins."""
    path = make_audio(tmp_path / "x.mp3", seconds=1, genre="Jazz", title="y" * 9000)

    with path.open("rb") as file:
        assert has_xing(file)
