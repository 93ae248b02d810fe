"""ID3 in all its versions, and the tags that may stand beside it on an MP3."""

import io
import re
import zlib
from itertools import pairwise

import pytest
from mutagen.apev2 import APEv2
from mutagen.id3 import ID3, TCON, TIT2, TPE1
from mutagen.mp3 import MP3

from core.errors import TagError, WriteError, WriteRefused
from core.tags.formats import read
from core.tags.rewrite import write_genres
from tests.audio import make_audio
from tests.tagging import fill, others, packets


def write(path, *genres):
    return write_genres(str(path), genres, scratch=str(path.parent / ".genrewatch-1"))


def version(path):
    return ID3(path, translate=False, load_v1=False).version


def synchsafe(size):
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def tag(major, frames, flags=0, padding=0):
    body = frames + bytes(padding)
    return b"ID3" + bytes([major, 0, flags]) + synchsafe(len(body)) + body


def frame(name, content, size=None):
    size = len(content).to_bytes(len(name)) if size is None else size
    return name + size + (b"\0\0" if len(name) == 4 else b"") + content


def v1(genre, title=b"Only in v1"):
    return b"TAG" + title.ljust(30, b"\0") + bytes(94 - 1) + bytes([0, genre])


@pytest.fixture
def bare(tmp_path):
    """An MP3 without any tag, and its bytes."""
    path = make_audio(tmp_path / "a.mp3", seconds=1)
    return path, path.read_bytes()


@pytest.mark.parametrize("major", [3, 4])
def test_the_version_stays(tmp_path, major):
    """2.3 stays 2.3 and 2.4 stays 2.4, with all frames that only they have."""
    path = make_audio(tmp_path / "a.mp3", seconds=1)
    fill(path, v2_version=major)
    before = others(path), packets(path)

    write(path, "R&B/Soul")

    assert version(path) == (2, major, 0)
    assert (others(path), packets(path)) == before


def test_a_new_tag_is_2_4(bare):
    """The only version that holds a list, and UTF-8."""
    path, _ = bare

    write(path, "Jazz", "日本")

    assert version(path) == (2, 4, 0)
    assert MP3(path)["TCON"].text == ["Jazz", "日本"]


def test_2_3_joins_several_genres_by_semicolon(bare):
    """It has no list; mutagen's own slash would be read as part of the name."""
    path, audio = bare
    path.write_bytes(tag(3, frame(b"TIT2", b"\0Song"), padding=100) + audio)

    write(path, "R&B/Soul", "Ωmega")

    assert ID3(path, translate=False)["TCON"].text == ["R&B/Soul; Ωmega"]
    assert read(str(path)).genres == ("R&B/Soul", "Ωmega")


def test_2_2_is_written_in_its_own_form(bare):
    """mutagen reads 2.2 but cannot write it; its TCO frame is three letters and no more."""
    path, audio = bare
    frames = frame(b"TT2", b"\0Song") + frame(b"TCO", b"\0(17)") + frame(b"TP1", b"\0Who")
    path.write_bytes(tag(2, frames, padding=50) + audio)
    assert read(str(path)).genres == ("Rock",)

    write(path, "Dub")

    expected = frame(b"TT2", b"\0Song") + frame(b"TCO", b"\0Dub") + frame(b"TP1", b"\0Who")
    assert path.read_bytes() == tag(2, expected, padding=51) + audio


@pytest.mark.parametrize("major", [2, 3, 4])
def test_only_the_genre_frame_changes(bare, major):
    """Unknown frames, doubles and odd encodings keep their bytes and places."""
    path, audio = bare
    names = [b"XYZ", b"TT2", b"TCO", b"TT2"] if major == 2 else [b"XYZW", b"TIT2", b"TCON", b"TIT2"]
    contents = [b"\x07what", b"\0one", b"\0Old genre", b"\0two"]

    def frames(genre):
        contents[2] = b"\0" + genre
        return b"".join(map(frame, names, contents))

    path.write_bytes(tag(major, frames(b"Old genre"), padding=20) + audio)

    write(path, "New")

    assert path.read_bytes() == tag(major, frames(b"New"), padding=26) + audio


def test_padding_takes_up_the_difference(bare):
    """With room in the tag the audio does not move; without, it moves once."""
    path, audio = bare
    path.write_bytes(tag(4, frame(b"TIT2", b"\0Song"), padding=100) + audio)
    size = path.stat().st_size

    write(path, "Jazz")
    assert path.stat().st_size == size
    write(path, "J" * 500)
    grown = path.stat().st_size
    write(path, "K" * 900)

    assert size < grown == path.stat().st_size


def test_plain_sizes_of_old_itunes_are_understood(bare):
    """iTunes once wrote 2.4 frame sizes as plain numbers."""
    path, audio = bare
    comment = b"\0eng\0" + b"x" * 300
    frames = frame(b"COMM", comment, len(comment).to_bytes(4)) + frame(b"TCON", b"\0Old")
    path.write_bytes(tag(4, frames, padding=10) + audio)
    assert read(str(path)).genres == ("Old",)

    write(path, "New")

    assert path.read_bytes() == tag(4, frames.replace(b"Old", b"New"), padding=10) + audio


def test_an_unsynchronised_tag_stays_so(bare):
    """No byte pair within it may look like the start of an MPEG frame."""
    path, audio = bare
    tags = ID3()
    tags.add(TIT2(encoding=1, text="Sóng"))
    tags.add(TPE1(encoding=1, text="ÿþ"))
    buffer = io.BytesIO()
    tags.save(buffer, v2_version=3, padding=lambda _: 0)
    body = re.sub(rb"\xff(?=[\xe0-\xff\0])", b"\xff\0", buffer.getvalue()[10:])
    path.write_bytes(tag(3, body, flags=0x80) + audio)
    before = others(path)

    write(path, "Ωmega")

    raw = path.read_bytes()
    body = raw[10 : raw.index(audio)]
    assert raw[5] == 0x80
    assert not any(a == 0xFF and b >= 0xE0 for a, b in pairwise(body))
    assert others(path) == before
    assert MP3(path)["TCON"].text == ["Ωmega"]


@pytest.mark.parametrize("major", [3, 4])
def test_an_extended_header_is_kept(bare, major):
    """It stands before the frames; one with a checksum is refused, for it would be wrong."""
    path, audio = bare
    plain = b"\0\0\0\x06" + bytes(6) if major == 3 else b"\0\0\0\x06\x01\0"
    crc = b"\0\0\0\x0a\x80\0" + bytes(8) if major == 3 else b"\0\0\0\x0c\x01\x20\x05" + bytes(5)
    path.write_bytes(tag(major, plain + frame(b"TIT2", b"\0Song"), flags=0x40, padding=50) + audio)

    write(path, "Jazz")

    assert MP3(path)["TCON"].text == ["Jazz"]
    assert path.read_bytes()[10:14] == plain[:4]
    path.write_bytes(tag(major, crc + frame(b"TIT2", b"\0Song"), flags=0x40, padding=50) + audio)
    with pytest.raises(WriteRefused, match="checksum"):
        write(path, "Jazz")


def test_a_footer_follows_its_header(bare):
    """2.4 may end in a copy of its header, and then has no padding."""
    path, audio = bare
    body = frame(b"TIT2", b"\0Song")
    tail = b"\x04\0\x10" + synchsafe(len(body))
    path.write_bytes(b"ID3" + tail + body + b"3DI" + tail + audio)

    write(path, "Jazz")

    raw = path.read_bytes()
    end = raw.index(audio)
    assert raw[end - 10 : end] == b"3DI" + raw[3:10]
    assert read(str(path)).genres == ("Jazz",)


@pytest.mark.parametrize(
    "rest",
    [
        b"TIT2\x7f\xff\xff\xff\0\0overruns",
        b"TIT2\x7f\xff\xff\xff\0\0overruns, with room behind" + bytes(300),
        bytes(300) + b"\xff\xfb\x18",  # a size that swallowed the head of a frame
        b"low\0\0\0\0\0\0\0case",
    ],
)
@pytest.mark.parametrize("genre", ["New", "N" * 200])
def test_bytes_that_are_no_frame_stay(bare, rest, genre):
    """What cannot be read is kept byte for byte where it stood, behind the frames."""
    path, audio = bare
    path.write_bytes(tag(3, frame(b"TCON", b"\0Old") + rest) + audio)

    write(path, genre)

    raw = path.read_bytes()
    assert raw[10:].startswith(frame(b"TCON", b"\0" + genre.encode()))
    kept = raw[: len(raw) - len(audio)][len(frame(b"TCON", b"\0" + genre.encode())) + 10 :]
    assert kept.strip(b"\0") == rest.strip(b"\0")
    assert raw.endswith(audio)
    assert read(str(path)).genres == (genre,)


def test_a_genre_beyond_a_damaged_place_is_refused(bare):
    """A reader that skips the damage would still find the old one."""
    path, audio = bare
    frames = frame(b"TIT2", b"\0Song") + b"TPE1\x7f\xff\xff\xff\0\0" + frame(b"TCON", b"\0Old")
    path.write_bytes(tag(3, frames) + audio)
    before = path.read_bytes()

    with pytest.raises(WriteRefused, match="damaged"):
        write(path, "New")

    assert path.read_bytes() == before


def test_sizes_that_count_stored_bytes_keep_their_frames(bare):
    """Some writers unsynchronise a tag after stating its sizes; no frame's bytes may move."""
    path, audio = bare
    picture = b"\0image/jpg\0\0\0" + b"\xff\0" * 40
    frames = frame(b"TIT2", b"\0Song") + frame(b"APIC", picture) + frame(b"COMM", b"\0deu\0ja")
    path.write_bytes(tag(3, frames, flags=0x80, padding=100) + audio)

    write(path, "New")

    fresh = frames.replace(b"APIC", frame(b"TCON", b"\0New") + b"APIC")
    assert path.read_bytes() == tag(3, fresh, flags=0x80, padding=86) + audio


def test_a_letter_like_a_sync_byte_survives_unsynchronisation(bare):
    """ÿ is 0xFF in Latin-1, and a NUL behind it would be dropped on reading."""
    path, audio = bare
    path.write_bytes(tag(4, frame(b"TIT2", b"\0Song"), flags=0x80, padding=100) + audio)

    write(path, "Aÿ", "B")

    assert MP3(path)["TCON"].text == ["Aÿ", "B"]


def test_a_second_tag_gets_the_new_genre_too(bare):
    """Another ID3 tag behind the first would otherwise contradict it."""
    path, audio = bare
    first = tag(4, frame(b"TIT2", b"\0Song"), padding=50)
    second = tag(3, frame(b"TCON", b"\0Old"), padding=50)
    path.write_bytes(first + second + audio)
    assert read(str(path)).genres == ("Old",)

    write(path, "New")

    assert path.read_bytes().count(b"\0New") == 2
    assert b"Old" not in path.read_bytes()


# --- ID3v1 -----------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "genres"), [(17, ("Rock",)), (0, ()), (12, ()), (255, ())])
def test_v1_is_the_last_resort(bare, code, genres):
    """Read only where no other tag has a genre, and never for a byte that says nothing."""
    path, audio = bare
    path.write_bytes(audio + v1(code))

    reading = read(str(path))

    assert (reading.genres, reading.title) == (genres, "Only in v1")


def test_v1_is_kept_in_step_but_for_its_genre_untouched(bare):
    """Fields that only v1 has survive; its byte never contradicts the new genre."""
    path, audio = bare
    path.write_bytes(audio + v1(17))

    write(path, "Jazz")
    assert path.read_bytes().endswith(audio + v1(8))
    write(path, "Deep Dubstep")
    assert path.read_bytes().endswith(audio + v1(255))
    write(path, "Rock")

    assert path.read_bytes().endswith(audio + v1(17))


@pytest.mark.parametrize("title", [b"Plain", "Für Elise".encode(), b"F\xfcr Elise"])
def test_where_v1_is_alone_its_byte_is_enough(bare, title):
    """A genre with a number needs no second tag; undo brings each byte back."""
    path, audio = bare
    old = audio + v1(255, title=title)
    path.write_bytes(old)

    write(path, "Jazz")

    assert path.read_bytes() == audio + v1(8, title=title)
    assert read(str(path)).genres == ("Jazz",)
    write(path)
    assert path.read_bytes() == old


@pytest.mark.parametrize("genre", ["Blues", "jazz", "Dubstep", "Deep Dubstep"])
def test_what_the_byte_cannot_say_to_everyone_gets_a_tag(bare, genre):
    """Zero is what empty tags say, a name is spelled as the person does, 189 is known to few."""
    path, audio = bare
    path.write_bytes(audio + v1(255))

    write(path, genre)

    assert str(ID3(path, load_v1=False)["TIT2"]) == "Only in v1"
    assert read(str(path)).genres == (genre,)


@pytest.mark.parametrize("title", ["Für Elise".encode(), b"F\xfcr Elise"])
def test_v1_in_an_unknown_encoding_is_not_repeated(bare, title):
    """Whatever a new tag said, some player had shown something else before."""
    path, audio = bare
    path.write_bytes(audio + v1(255, title=title))

    with pytest.raises(WriteRefused, match="ASCII"):
        write(path, "Deep Dubstep")

    assert path.read_bytes() == audio + v1(255, title=title)
    ape(path, Title="Für Elise", Artist="Who")
    write(path, "Deep Dubstep")
    assert str(ID3(path, load_v1=False)["TIT2"]) == "Für Elise"


def test_v1_is_never_created(bare):
    """A file without it stays without it."""
    path, audio = bare

    write(path, "Jazz")

    assert path.read_bytes().endswith(audio)


# --- APEv2 on MP3 ----------------------------------------------------------------------


def ape(path, **items):
    tags = APEv2()
    tags.update({key: value for key, value in items.items()})
    tags.save(path)


def test_an_ape_genre_is_read_and_kept_in_step(bare):
    """Some players prefer APEv2: a stale genre there would win over ours."""
    path, _ = bare
    ape(path, Genre="Old", Artist="Who")
    ID3().save(path)
    assert read(str(path)).genres == ("Old",)
    tags = ID3()
    tags.add(TCON(encoding=3, text=["Older"]))
    tags.save(path)

    write(path, "New")

    assert dict(APEv2(path)) == {"Genre": "New", "Artist": "Who"}
    assert MP3(path)["TCON"].text == ["New"]


def test_a_new_id3_tag_repeats_what_other_tags_say(bare):
    """Readers that stop at ID3v2 still find the artist, and others the genre in APEv2."""
    path, audio = bare
    path.write_bytes(audio + v1(255, title=b"Only in v1"))
    ape(path, Artist="Whö", Comment="odd", Genre="Old")
    heard = packets(path)

    write(path, "New")

    assert dict(APEv2(path)) == {"Genre": "New", "Artist": "Whö", "Comment": "odd"}
    tags = ID3(path, load_v1=False)
    told = {key: str(tags[key].text[0]) for key in tags}
    assert told == {"TIT2": "Only in v1", "TPE1": "Whö", "COMM::eng": "odd", "TCON": "New"}
    assert packets(path) == heard


def test_a_tag_with_nothing_to_repeat_is_the_genre_alone(bare):
    """Replay gain and other programs' own items stay where they are."""
    path, _ = bare
    ape(path, MP3GAIN_MINMAX="114,210")

    write(path, "New")

    assert list(ID3(path, load_v1=False)) == ["TCON"]
    assert list(APEv2(path)) == ["MP3GAIN_MINMAX"]


def test_an_id3_tag_behind_the_audio_is_kept_in_step(bare):
    """2.4 allows a tag at the end; few read it, but none may find an older genre there."""
    path, audio = bare
    behind = tag(4, frame(b"TCON", b"\0Old") + frame(b"TIT2", b"\0Song"), flags=0x10)
    path.write_bytes(audio + behind + b"3DI" + behind[3:10] + v1(17))
    assert read(str(path)).genres == ("Old",)

    write(path, "New")

    fresh = tag(4, frame(b"TCON", b"\0New") + frame(b"TIT2", b"\0Song"), flags=0x10)
    assert path.read_bytes().endswith(audio + fresh + b"3DI" + fresh[3:10] + v1(255))


def test_the_longer_form_of_v1_is_kept_in_step(bare):
    """TAG+ has a genre of thirty letters; an empty one says nothing and stays so."""
    path, audio = bare
    for old, new in ((b"Old", b"New / Different"), (b"", b"")):
        plus = b"TAG+" + bytes(180) + b"\2" + old.ljust(30, b"\0") + bytes(12)
        path.write_bytes(audio + plus + v1(255))
        assert read(str(path)).genres == ((old.decode(),) if old else ())

        write(path, "New / Different")

        fresh = plus[:185] + new.ljust(30, b"\0") + bytes(12)
        assert path.read_bytes().endswith(audio + fresh + v1(255))


def test_ape_lyrics_and_v1_stand_together(bare):
    """APEv2, then Lyrics3, then ID3v1: each keeps its place."""
    path, audio = bare
    ape(path, Genre="Old")
    raw = path.read_bytes()
    lyrics = b"LYRICSBEGININD0000200LYR00004la l"
    lyrics += f"{len(lyrics):06d}".encode() + b"LYRICS200"
    path.write_bytes(raw + lyrics + v1(17))

    write(path, "Jazz")

    assert path.read_bytes().endswith(lyrics + v1(8))
    assert audio in path.read_bytes()
    assert dict(APEv2(path)) == {"Genre": "Jazz"}


def test_a_damaged_ape_tag_is_an_error(bare):
    """Items that overrun the tag are never taken for no genre."""
    path, _ = bare
    ape(path, Genre="Old")
    raw = bytearray(path.read_bytes())
    at = raw.index(b"Genre\0Old") - 8
    raw[at] = 200
    path.write_bytes(raw)

    with pytest.raises(TagError, match="APE tag is damaged"):
        read(str(path))
    with pytest.raises((TagError, WriteError)):
        write(path, "New")

    assert path.read_bytes() == raw


@pytest.mark.parametrize(("major", "flag"), [(3, 0x80), (4, 0x09)])
def test_frames_that_unpack_to_gigabytes_are_refused_unpacked(tmp_path, major, flag):
    """A few kilobytes would take all memory of whoever unpacks them; small ones are read."""
    sound = make_audio(tmp_path / "a.mp3").read_bytes()
    for size, fits in ((1 << 20, True), (40 << 20, False)):
        packed = zlib.compress(b"\0image/png\0\3\0" + bytes(size - 13), 9)
        content = size.to_bytes(4) + packed
        length = synchsafe(len(content)) if major == 4 else len(content).to_bytes(4)
        path = tmp_path / f"{size}.mp3"
        path.write_bytes(tag(major, b"APIC" + length + bytes([0, flag]) + content) + sound)

        if fits:
            assert read(str(path)).genres == ()
        else:
            with pytest.raises(TagError, match="unpack to more than 32 MB"):
                read(str(path))
