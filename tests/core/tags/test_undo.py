"""The undo record: exact whatever was changed, small where little was, quick, and provable."""

import io
import os
import random
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.ogg import OggPage

from core.tags import undo
from core.tags.matching import BLOCK
from core.tags.rewrite import prepare, prepare_back, take_place, write_genres
from tests.audio import ALL_FORMATS, make_audio, retag, suffix
from tests.tagging import fill

SCRATCH = ".genrewatch-1"


def recorded(old, new):
    """Make the record and take it back; returns the record's size in bytes."""
    made = undo.record(io.BytesIO(old), io.BytesIO(new))
    back = io.BytesIO()
    assert undo.apply(made.undo, io.BytesIO(new), back) == made.before
    assert back.getvalue() == old
    assert made.after == undo.hash_of(io.BytesIO(new))
    return len(made.undo)


def noise(size, seed=0):
    """Bytes that no compression makes smaller."""
    return random.Random(seed).randbytes(size)


# --- the patch -------------------------------------------------------------------------

piece = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda n, byte: bytes([byte]) * n, st.integers(0, 2000), st.integers(0, 255)),
    st.builds(noise, st.integers(0, 9000), st.integers(0, 5)),
    st.builds(lambda n: b"OggS" + bytes(n), st.integers(0, 60)),
)


@settings(max_examples=300, deadline=None)
@given(old=st.lists(piece, max_size=8), new=st.lists(piece, max_size=8), order=st.randoms())
def test_any_two_files_have_a_record(old, new, order):
    """Pieces in common, moved, repeated, left out, put in: what comes back is the old file."""
    shared = [*old, *new]
    order.shuffle(shared)

    recorded(b"".join(old), b"".join(shared))
    recorded(b"".join(shared), b"".join(old))


@settings(max_examples=100, deadline=None)
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 300_000), st.integers(0, 400), st.binary(max_size=400)),
        max_size=6,
    )
)
def test_a_few_small_edits_give_a_small_record(cuts):
    """Wherever bytes are cut out and put in: those, and what stands between two of them."""
    old = noise(300_000)
    new = bytearray(old)
    for start, length, data in cuts:
        new[start : start + length] = data

    size = recorded(old, bytes(new))

    assert size < 60 + sum(length + 2 * BLOCK + 40 for _, length, _ in cuts)


@pytest.mark.parametrize("there", [0, 1_000_000, 3_000_000])
def test_a_picture_that_was_moved_does_not_enter(there):
    """A block of tags laid out anew: five megabytes elsewhere cost nothing."""
    cover, rest = noise(5_000_000, 1), noise(3_000_000, 2)
    old = rest[:600] + cover + rest[600:]
    new = rest[:there] + b"JAZZ" + cover + rest[there:]

    assert recorded(old, new) < 2_000


def test_offsets_that_all_moved_cost_little():
    """An MP4's table of 30,000 chunks, each number one insertion further."""
    rng, audio = random.Random(3), noise(500_000)
    offsets = [10_000 + 4_000 * n + rng.randrange(4_000) for n in range(30_000)]

    def table(shift):
        return b"".join(struct.pack(">I", offset + shift) for offset in offsets)

    assert recorded(table(0) + audio, table(52) + b"x" * 52 + audio) < 6_000


@pytest.mark.parametrize("wrong", [False, True], ids=["sound", "one wrong checksum"])
def test_ogg_pages_that_were_renumbered_cost_little(wrong):
    """Number and checksum of every page change; one number tells them all."""
    old = bytearray(b"".join(ogg_page(number, noise(4_000, number)) for number in range(2_000)))
    if wrong:
        old[1_000_022] ^= 1
    body = b"".join(ogg_page(number + 1, noise(4_000, number)) for number in range(2_000))
    new = ogg_page(0, b"a longer comment" * 9) + body

    assert recorded(bytes(old), new) < 600


def ogg_page(number, data):
    """A page as mutagen lays it out."""
    page = OggPage()
    page.serial, page.sequence, page.packets = 7, number, [data]
    return page.write()


def test_hostile_pages_are_only_bytes():
    """What looks like a page and is none ends up as any other difference."""
    for lacing in (b"\0", b"\xff" * 9, b"\xff" + bytes(3)):
        head = b"OggS" + bytes(14) + b"%b" + bytes(4) + lacing
        old = noise(5_000) + head.replace(b"%b", b"1234") + noise(900, 1)
        recorded(old, old.replace(b"1234", b"4567"))


@pytest.mark.parametrize("left", [0, 1000, 4000])
def test_a_file_that_becomes_shorter_meanwhile_is_told(left):
    """Another program writes a shorter file over it meanwhile: it is not searched without end."""
    whole = random.Random(3).randbytes(5000)

    class Shrinking(io.BytesIO):
        reads = 0

        def read(self, size=-1):
            self.reads += 1
            if self.reads == 3:  # twice it was hashed and compared
                self.truncate(left)
            assert self.reads < 100, "it is read without end"
            return super().read(size)

    with pytest.raises(undo.Damaged):
        undo.record(Shrinking(whole), io.BytesIO(whole[:4500] + b"x" * 700))


def test_files_with_nothing_in_common_are_refused():
    """The record would be a second file."""
    size = undo.LARGEST + 1

    with pytest.raises(undo.TooLarge):
        undo.record(io.BytesIO(bytes(size)), io.BytesIO(b"\1"))


def test_long_files_need_no_memory(tmp_path):
    """Two files of 400 MB are compared in windows."""
    old, new = tmp_path / "old", tmp_path / "new"
    for path, head in ((old, b"old"), (new, b"new, longer")):
        path.write_bytes(head)
        os.truncate(path, 400 << 20)
    with old.open("rb") as one, new.open("rb") as other:
        tracemalloc.start()
        made = undo.record(one, other)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert len(made.undo) < 100
    assert peak < 24 << 20


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_record_is_told(at, byte, cut):
    """Never another file than the one whose hash was kept, and never any other error."""
    old, new = noise(3_000) + bytes(50) + noise(500, 1), noise(2_900) + noise(600, 1)
    made = undo.record(io.BytesIO(old), io.BytesIO(new))
    body = bytearray(zlib.decompress(made.undo[1:]))
    body[at % len(body)] = byte
    record = undo.VERSION + zlib.compress(bytes(body[: at % len(body)] if cut else body))
    out = io.BytesIO()

    try:
        told = undo.apply(record, io.BytesIO(new), out)
    except undo.Damaged:
        return
    assert (told == made.before) == (out.getvalue() == old)


@pytest.mark.parametrize("record", [b"", b"\1", b"\2abc", b"\1abc", b"\1" + zlib.compress(b"")])
def test_what_is_no_record_is_told(record):
    """Empty, of another version, not compressed, without a word in it."""
    with pytest.raises(undo.Damaged):
        undo.apply(record, io.BytesIO(b"x"), None)


# --- whole files -----------------------------------------------------------------------


def odd_originals(path):
    """Yield the file in every state that a restore by value could not rebuild."""
    yield "bare"
    retag(path, genre=["Rock", "Pop; Rock", "(17)"], artist="x")
    yield "several genres"
    fill(path)
    yield "pictures"
    retag(path, genre=["Ünïcode", "日本"], v2_version=3)
    yield "v2.3"
    if path.suffix in (".mp3", ".flac", ".tta"):
        tail = b"TAG" + b"old title".ljust(30, b"\0") + bytes(94) + b"\x11"
        path.write_bytes(path.read_bytes() + tail)
        yield "ID3v1"
    if path.suffix == ".mp3":
        path.write_bytes(latin_tag() + path.read_bytes())
        yield "Latin-1, junk behind NUL, padding that is not empty"


def latin_tag():
    """A v2.3 tag as old programs wrote it: bytes that no value holds."""
    text = b"TCON" + (12).to_bytes(4) + b"\0\0" + b"\0Jaz\xfc\0junk! "
    body = text + b"\0" * 40
    return b"ID3\3\0\0" + bytes([0, 0, len(body) >> 7, len(body) & 0x7F]) + body


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_an_undone_file_is_bit_for_bit_what_it_was(tmp_path, fmt):
    """Every format, with odd originals; the record stays small, and undo can be undone."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1)
    scratch = str(tmp_path / SCRATCH)

    for state in odd_originals(path):
        original = path.read_bytes()
        for genre in ("Jazz", "A long genre name " * 20 + "x"):
            made = prepare(str(path), (genre,), scratch=scratch)
            let(path, scratch, made)
            written = path.read_bytes()
            assert len(made.undo) < 3_000, state
            back = put_back(path, scratch, made)

            assert path.read_bytes() == original, state
            assert back.new == made.old
            put_back(path, scratch, back)
            assert path.read_bytes() == written, state
            path.write_bytes(original)


def let(path, scratch, made):
    """Let the copy take the place, and the original go."""
    if take_place(str(path), scratch, made).kept:
        Path(scratch).unlink()


def put_back(path, scratch, made):
    """Undo what *made* did; return what was made for it."""
    back = prepare_back(
        str(path), made.undo, made.hash_after, made.hash_before, made.old, made.new,
        scratch=scratch,
    )  # fmt: skip
    let(path, scratch, back)
    return back


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_five_megabytes_of_picture_do_not_enter(tmp_path, fmt, monkeypatch):
    """Ten thousand records are a few megabytes, not fifty thousand."""
    monkeypatch.setattr("tests.tagging.picture", lambda size=300_000: noise(size * 16))
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=2)
    fill(path)
    assert path.stat().st_size > 600_000

    made = prepare(str(path), ("A genre of its own",), scratch=str(tmp_path / SCRATCH))

    assert len(made.undo) < 3_000


@pytest.mark.parametrize("fmt", ALL_FORMATS)
def test_of_a_file_edited_since_only_the_genre_goes_back(tmp_path, fmt):
    """The person's new title stays; the genre is as before the write."""
    path = make_audio(tmp_path / f"a{suffix(fmt)}", fmt, seconds=1, genre="Old")
    scratch = str(tmp_path / SCRATCH)
    made = prepare(str(path), ("New",), scratch=scratch)
    let(path, scratch, made)
    retag(path, title="a new title")
    wanted = tmp_path / f"b{suffix(fmt)}"
    wanted.write_bytes(path.read_bytes())
    write_genres(str(wanted), ("Old",), scratch=scratch)

    put_back(path, scratch, made)

    assert path.read_bytes() == wanted.read_bytes()
