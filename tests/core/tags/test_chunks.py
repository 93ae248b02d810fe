"""WAV, AIFF and DSF: containers whose sizes must add up."""

import struct

import pytest
from mutagen.dsdiff import DSDIFF
from mutagen.dsf import DSF
from mutagen.id3 import TIT2
from mutagen.wave import WAVE

from core.errors import TagError, WriteRefused
from core.tags.formats import FORMATS, read
from core.tags.rewrite import write_genres
from tests.audio import genres_in, make_audio, retag
from tests.tagging import packets


def write(path, *genres):
    return write_genres(str(path), genres, scratch=str(path.parent / ".genrewatch-1"))


def info(**items):
    parts = b""
    for name, text in items.items():
        data = text.encode() + b"\0"
        parts += name.encode() + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"LIST" + struct.pack("<I", len(parts) + 4) + b"INFO" + parts


def with_chunks(raw, *chunks, at=None):
    at = len(raw) if at is None else at
    body = raw[:at] + b"".join(chunks) + raw[at:]
    return body[:4] + struct.pack("<I", len(body) - 8) + body[8:]


@pytest.fixture
def wav(tmp_path):
    """A WAV file without tags, and its bytes."""
    path = make_audio(tmp_path / "a.wav", seconds=1)
    return path, path.read_bytes()


def test_riff_info_is_read(wav):
    """ffmpeg and Windows keep the genre there, where mutagen sees nothing."""
    path, raw = wav
    path.write_bytes(with_chunks(raw, info(IART="Who", IGNR="Dub", INAM="Song")))

    reading = read(str(path))

    assert (reading.genres, reading.artist, reading.title) == (("Dub",), "Who", "Song")


@pytest.mark.parametrize("at", [12, None], ids=["before the audio", "behind it"])
def test_riff_info_is_kept_in_step(wav, at):
    """Both places agree after a write, and the list keeps its other items."""
    path, raw = wav
    path.write_bytes(with_chunks(raw, info(IART="Who", IGNR="Old", ICMT="odd"), at=at))
    heard = packets(path)

    write(path, "R&B/Soul", "Ω")

    assert info(IART="Who", IGNR="R&B/Soul; Ω", ICMT="odd") in path.read_bytes()
    assert genres_in(path) == ["R&B/Soul", "Ω"]
    assert packets(path) == heard
    write(path)
    assert info(IART="Who", ICMT="odd") in path.read_bytes()
    assert read(str(path)).genres == ()


def test_riff_info_without_a_genre_gets_none(wav):
    """IGNR is never created: the ID3 chunk has the genre."""
    path, raw = wav
    path.write_bytes(with_chunks(raw, info(IART="Who")))

    write(path, "Dub")

    assert info(IART="Who") in path.read_bytes()
    assert genres_in(path) == ["Dub"]


def test_sizes_stay_right(wav):
    """Whatever the genre's length, the chunks add up and end on even bytes."""
    path, _ = wav
    for genre in ("A", "AB", "x" * 2000, "B"):
        write(path, genre)
        raw = path.read_bytes()

        assert struct.unpack("<I", raw[4:8])[0] == len(raw) - 8
        assert len(raw) % 2 == 0
        assert genres_in(path) == [genre]


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:4] + struct.pack("<I", len(raw) + 500) + raw[8:],  # RIFF size too large
        lambda raw: raw[:4] + bytes(4) + raw[8:],  # never filled in
        lambda raw: raw[:40] + b"\xff\xff\xff\xff" + raw[44:],  # audio size open
        lambda raw: raw[:40] + bytes(4) + raw[44:],
        lambda raw: raw + bytes(70_000),  # goes on: audio that the sizes forgot?
        lambda raw: raw[:-101],  # cut short
    ],
)
def test_sizes_that_do_not_add_up_are_refused(wav, damage):
    """An appended chunk would become audio, or the file unreadable."""
    path, raw = wav
    assert raw[36:40] == b"data"
    path.write_bytes(damage(raw))
    before = path.read_bytes()

    assert "add up" in read(str(path)).unwritable
    with pytest.raises(WriteRefused, match="add up"):
        write(path, "Jazz")

    assert path.read_bytes() == before


def test_junk_behind_the_container_stays_behind(wav):
    """Bytes that the stated size leaves out are no chunk, and no reason to refuse."""
    path, raw = wav
    path.write_bytes(raw + b"junk behind the end")
    heard = packets(path)

    write(path, "Jazz")

    fresh = path.read_bytes()
    assert fresh.startswith(raw[:4]) and fresh.endswith(b"junk behind the end")
    assert struct.unpack("<I", fresh[4:8])[0] + 8 == len(fresh) - len(b"junk behind the end")
    assert (genres_in(path), packets(path)) == (["Jazz"], heard)


def test_wav_of_64_bits_keeps_its_sizes_in_step(wav):
    """RF64 says its sizes in a chunk of their own; mutagen does not know it, FFmpeg does."""
    path, raw = wav
    long = b"RF64" + b"\xff" * 4 + b"WAVE" + b"ds64" + struct.pack("<I", 28)
    sizes = struct.pack("<QQQI", len(raw) - 8 + 36, len(raw) - 44, 0, 0)
    path.write_bytes(long + sizes + raw[12:40] + b"\xff" * 4 + raw[44:])
    heard = packets(path)

    write(path, "R&B/Soul")

    fresh = path.read_bytes()
    assert struct.unpack("<Q", fresh[20:28])[0] == len(fresh) - 8
    assert (read(str(path)).genres, packets(path)) == (("R&B/Soul",), heard)
    write(path)
    assert struct.unpack("<Q", path.read_bytes()[20:28])[0] == len(raw) - 8 + 36


def dsdiff(*chunks):
    """A DSDIFF file of one second of silence, as its specification lays it out."""
    sound = b"\x69" * (2_822_400 // 8)
    prop = b"SND " + b"FS  " + struct.pack(">QI", 4, 2_822_400)
    prop += b"CHNL" + struct.pack(">QH", 6, 1) + b"C   "
    prop += b"CMPR" + struct.pack(">Q", 20) + b"DSD \x0enot compressed\0"
    body = b"DSD " + b"FVER" + struct.pack(">QI", 4, 0x01050000)
    for name, data in ((b"PROP", prop), (b"DSD ", sound), *chunks):
        body += name + struct.pack(">Q", len(data)) + data + bytes(len(data) % 2)
    return b"FRM8" + struct.pack(">Q", len(body)) + body


def test_dsdiff_gets_an_id3_chunk_at_its_end(tmp_path):
    """Chunks there have sizes of 64 bits; mutagen reads the result, FFmpeg the same sound."""
    path = tmp_path / "a.dff"
    path.write_bytes(dsdiff())
    heard = packets(path)

    write(path, "Deep House")
    write(path, "R&B/Soul")

    assert DSDIFF(path).tags["TCON"].text == ["R&B/Soul"]
    assert (read(str(path)).genres, packets(path)) == (("R&B/Soul",), heard)
    write(path)
    assert path.read_bytes() == dsdiff()


def test_a_missing_padding_byte_is_no_damage(tmp_path):
    """Many programs leave it out at the end; the next chunk then brings it."""
    path = make_audio(tmp_path / "a.wav", seconds=1)
    raw = path.read_bytes()
    odd = raw[:40] + struct.pack("<I", len(raw) - 45) + raw[44:-1]
    path.write_bytes(odd[:4] + struct.pack("<I", len(odd) - 8) + odd[8:])

    write(path, "Jazz")

    assert genres_in(path) == ["Jazz"]
    assert path.read_bytes()[44 : len(odd)] == odd[44:]


def test_two_id3_chunks_agree(wav):
    """Readers take the first or the last: neither may find an older genre."""
    path, raw = wav
    tagged = path.with_name("b.wav")
    tagged.write_bytes(raw)
    retag(tagged, genre="Old")
    written = tagged.read_bytes()
    chunk = written[written.lower().index(b"id3 ") :]
    path.write_bytes(with_chunks(raw, chunk, b"ID3 " + chunk[4:]))

    write(path, "Jazz")

    assert path.read_bytes().count(b"Jazz") == 2
    assert b"Old" not in path.read_bytes()


def test_a_list_behind_the_stated_end_agrees(wav):
    """FFmpeg reads on behind the end that the container states."""
    path, raw = wav
    path.write_bytes(raw + info(IART="Who", IGNR="Old"))
    assert read(str(path)).genres == ("Old",)
    heard = packets(path)

    write(path, "Jazz")

    fresh = path.read_bytes()
    assert fresh.endswith(info(IART="Who", IGNR="Jazz"))
    assert struct.unpack("<I", fresh[4:8])[0] + 8 == len(fresh) - len(info(IART="Who", IGNR="Jazz"))
    assert (genres_in(path), packets(path)) == (["Jazz"], heard)


def test_an_id3_chunk_before_the_audio_grows_in_place(wav):
    """The audio moves, and its packets stay the same."""
    path, raw = wav
    tagged = path.with_name("b.wav")
    tagged.write_bytes(raw)
    file = WAVE(tagged)
    file.add_tags()
    file.tags.add(TIT2(encoding=3, text="Song"))
    file.save(padding=lambda _: 0)
    written = tagged.read_bytes()
    path.write_bytes(with_chunks(raw, written[written.lower().index(b"id3 ") :], at=12))
    heard = packets(path)

    write(path, "G" * 3000)

    assert genres_in(path) == ["G" * 3000]
    assert packets(path) == heard
    assert WAVE(path).tags["TIT2"].text == ["Song"]


# --- DSF: no encoder makes one, so its few headers are written here ---------------------


def dsf(audio=bytes(range(256)) * 64, tag=b""):
    size = 28 + 52 + 12 + len(audio)
    head = b"DSD " + struct.pack("<QQQ", 28, size + len(tag), size if tag else 0)
    fmt = b"fmt " + struct.pack("<QIIIIIIQII", 52, 1, 0, 2, 2, 2822400, 1, len(audio) * 4, 4096, 0)
    return head + fmt + b"data" + struct.pack("<Q", 12 + len(audio)) + audio + tag


def test_dsf_pointers_follow_the_tag(tmp_path):
    """The tag stands at the end; two numbers in the header say where and how long."""
    path = tmp_path / "a.dsf"
    path.write_bytes(dsf())

    write(path, "Jazz")

    raw = path.read_bytes()
    assert struct.unpack("<QQ", raw[12:28]) == (len(raw), len(dsf()))
    assert raw[28 : len(dsf())] == dsf()[28:]
    assert DSF(path)["TCON"].text == ["Jazz"]
    write(path)
    assert path.read_bytes() == dsf()


def test_dsf_with_a_wrong_size_is_refused(tmp_path):
    """Nothing is appended to a file that states another size."""
    path = tmp_path / "a.dsf"
    path.write_bytes(dsf() + b"more")

    with pytest.raises(WriteRefused, match="another file size"):
        write(path, "Jazz")


def test_damaged_info_is_an_error(wav):
    """An item that overruns the list is never taken for no genre."""
    path, raw = wav
    broken = info(IGNR="Dub").replace(b"IGNR\x04", b"IGNR\x44")
    path.write_bytes(with_chunks(raw, broken))

    with pytest.raises(TagError, match="INFO list is damaged"):
        read(str(path))


def test_the_table_names_what_is_untested():
    """Rows without any sample say so; the others have tests above."""
    assert {row.name for row in FORMATS if not row.tested} == {
        "speex", "monkeysaudio", "musepack", "tak", "dsf", "dsdiff", "optimfrog",
    }  # fmt: skip
