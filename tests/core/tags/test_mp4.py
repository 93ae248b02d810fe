"""MP4: one list of atoms, and the offsets that must follow when it grows."""

import av
import pytest
from mutagen.mp4 import MP4, AtomDataType, MP4FreeForm

from core.errors import TagError, WriteError
from core.tags.formats import read
from core.tags.rewrite import write_genres
from tests.audio import genres_in, make_audio
from tests.tagging import fill, others, packets


def write(path, *genres):
    return write_genres(str(path), genres, scratch=str(path.parent / ".genrewatch-1"))


def remuxed(path, movflags):
    """Lay the file out anew by FFmpeg's muxer."""
    out = path.with_name("remuxed.m4a")
    options = {"fflags": "+bitexact"} | ({"movflags": movflags} if movflags else {})
    with av.open(str(path)) as source, av.open(str(out), "w", format="ipod", options=options) as to:
        stream = to.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                to.mux(packet)
    return out


@pytest.fixture
def path(tmp_path):
    """An M4A file whose list of tags is empty."""
    return make_audio(tmp_path / "a.m4a", seconds=2)


@pytest.mark.parametrize("movflags", ["+faststart", "", "+frag_keyframe+empty_moov"])
@pytest.mark.parametrize("filled", [True, False], ids=["tags", "no tags"])
def test_audio_is_found_wherever_the_list_stands(path, movflags, filled):
    """Before the audio, behind it, or in a file of fragments: packets stay where offsets say."""
    path = remuxed(path, movflags)
    if filled:
        fill(path)
        MP4(path).save(padding=lambda _: 0)
    heard, told = packets(path), others(path)

    for genres in (("J" * 3000,), ("Rock", "R&B/Soul"), ()):
        write(path, *genres)

        assert genres_in(path) == list(genres)
        assert (packets(path), others(path)) == (heard, told)


def test_free_space_takes_up_the_difference(path):
    """With room behind the list nothing else moves, and the way back is bit for bit."""
    fill(path)
    before = path.read_bytes()

    write(path, "Jazz")

    assert len(path.read_bytes()) == len(before)
    write(path)
    assert path.read_bytes() == before


def test_every_other_atom_keeps_its_bytes(path):
    """Flags and odd types too, which a list rendered anew would make uniform."""
    file = MP4(path)
    file["----:com.apple.iTunes:ODD"] = [MP4FreeForm(b"\1\2", dataformat=AtomDataType.INTEGER)]
    file["\xa9nam"] = "T"
    file["\xa9gen"] = "Old"
    file["covr"] = []
    file.save()
    before = path.read_bytes()

    write(path, "New")

    assert path.read_bytes() == before.replace(b"Old", b"New")


def test_gnre_is_replaced(path):
    """After a write the number cannot contradict the text."""
    file = MP4(path)
    file["\xa9gen"] = "Rock"
    file.save()
    text = b"\0\0\0\x1c\xa9gen\0\0\0\x14data\0\0\0\x01\0\0\0\0Rock"
    number = b"\0\0\0\x1cgnre\0\0\0\x14data\0\0\0\0\0\0\0\0\0\0\0\x12"
    path.write_bytes(path.read_bytes().replace(text, number))
    assert read(str(path)).genres == ("Rock",)

    write(path, "Jazz")

    assert b"gnre" not in path.read_bytes()
    assert genres_in(path) == ["Jazz"]


def test_a_genre_in_utf_16_is_read(path):
    """mutagen takes it for broken and would say that there is none."""
    file = MP4(path)
    file["\xa9gen"] = "abcdefgh"
    file.save()
    old = b"data\0\0\0\x01\0\0\0\0abcdefgh"
    new = b"data\0\0\0\x02\0\0\0\0" + "Jäzz".encode("utf-16-be")
    path.write_bytes(path.read_bytes().replace(old, new))

    assert read(str(path)).genres == ("Jäzz",)


def test_a_genre_that_overruns_its_atom_is_an_error(path):
    """Unreadable is never empty."""
    file = MP4(path)
    file["\xa9gen"] = "Old"
    file.save()
    raw = path.read_bytes().replace(
        b"\x13data\0\0\0\x01\0\0\0\0Old", b"\x53data\0\0\0\x01\0\0\0\0Old"
    )
    path.write_bytes(raw)

    with pytest.raises(TagError):
        read(str(path))
    with pytest.raises((TagError, WriteError)):
        write(path, "New")

    assert path.read_bytes() == raw
