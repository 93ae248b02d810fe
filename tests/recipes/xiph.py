"""Difficult FLAC and Ogg files: wrong lengths, odd paging, guests around them."""

import io
import struct
from pathlib import Path

from mutagen.flac import FLAC, Picture
from mutagen.ogg import OggPage

from tests.recipes.material import (
    OLD,
    SONG,
    WORDS,
    ape,
    audio,
    recipe,
    tag,
    v1,
)
from tests.tagging import picture

__all__ = ["XIPH"]


def _flac(room: Path, **words: str) -> bytes:
    path = room / "flac.flac"
    path.write_bytes(audio(room, "flac", **words))
    file = FLAC(path)
    cover = Picture()
    cover.type, cover.mime, cover.data = 3, "image/jpeg", picture(5_000)
    file.add_picture(cover)
    file.save(padding=lambda _: 0)
    return path.read_bytes()


def _blocks(raw: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return the metadata blocks of a FLAC file, and the audio."""
    at, last, found = 4, False, []
    while not last:
        size = int.from_bytes(raw[at + 1 : at + 4])
        found.append((raw[at] & 0x7F, raw[at + 4 : at + 4 + size]))
        last = bool(raw[at] & 0x80)
        at += 4 + size
    return found, raw[at:]


def _flac_of(
    blocks: list[tuple[int, bytes]], audio: bytes, *, wrong: int = 0, at: int = -1
) -> bytes:
    """Lay a FLAC file out; the block numbered *at* states *wrong* bytes more than it has."""
    heads = []
    for number, (kind, data) in enumerate(blocks):
        last = 0x80 if number == len(blocks) - 1 else 0
        stated = len(data) + (wrong if number == at else 0)
        heads.append(bytes([kind | last]) + stated.to_bytes(3) + data)
    return b"fLaC" + b"".join(heads) + audio


def _without(room: Path, kind: int) -> bytes:
    blocks, audio = _blocks(_flac(room, genre="Old"))
    return _flac_of([block for block in blocks if block[0] != kind], audio)


def _comment(*entries: bytes) -> bytes:
    parts = [struct.pack("<I", len(entry)) + entry for entry in entries]
    return struct.pack("<I", 3) + b"ven" + struct.pack("<I", len(parts)) + b"".join(parts)


def _with_comment(room: Path, *blocks: tuple[int, bytes]) -> bytes:
    found, audio = _blocks(_flac(room))
    return _flac_of([found[0], *blocks, *(b for b in found[1:] if b[0] != 4)], audio)


def _wrong_length(room: Path, kind: int, wrong: int) -> bytes:
    blocks, audio = _blocks(_flac(room, genre="Old"))
    at = [found for found, _ in blocks].index(kind)
    return _flac_of(blocks, audio, wrong=wrong, at=at)


def _with_huge_picture(room: Path) -> bytes:
    cover = Picture()
    cover.type, cover.mime, cover.data = 3, "image/jpeg", picture(5_000_000)
    return _with_comment(room, (4, _comment(b"genre=Old")), (6, cover.write()))


_ENTRIES = (
    b"no sign",
    b"mood=\xff\xfe",
    b"Genre=Old",
    b"GENRE=Older",
    b"title=a",
    b"title=b",
    b"=x",
)

_IN_FLAC = (
    recipe(
        "flac-picture-length-too-short.flac", lambda room: _wrong_length(room, 6, -40), refused=""
    ),
    recipe(
        "flac-picture-length-too-long.flac", lambda room: _wrong_length(room, 6, 40), refused=""
    ),
    recipe(
        "flac-comment-length-too-short.flac", lambda room: _wrong_length(room, 4, -4), refused=""
    ),
    recipe(
        "flac-metadata-longer-than-the-file.flac",
        lambda room: _wrong_length(room, 6, 1 << 23),
        refused="",
    ),
    recipe("flac-id3-before.flac", lambda room: tag(3, SONG + OLD) + _flac(room, genre="Old")),
    recipe(
        "flac-two-id3-before.flac",
        lambda room: tag(3, SONG + OLD) + tag(4, OLD) + _flac(room, genre="Old"),
        refused="several ID3 tags",
    ),
    recipe("flac-id3v1-behind.flac", lambda room: _flac(room, genre="Old") + v1()),
    recipe("flac-apev2-behind.flac", lambda room: _flac(room, genre="Old") + ape(*WORDS)),
    recipe("flac-no-padding.flac", lambda room: _flac(room, genre="Old")),
    recipe("flac-no-comment.flac", lambda room: _without(room, 4)),
    recipe("flac-odd-entries.flac", lambda room: _with_comment(room, (4, _comment(*_ENTRIES)))),
    recipe(
        "flac-unknown-blocks.flac",
        lambda room: _with_comment(
            room,
            (2, b"test" + bytes(40)),
            (4, _comment(b"genre=Old")),
            (33, bytes(77)),
            (1, bytes(90)),
            (1, bytes(30)),
        ),
    ),
    recipe("flac-huge-picture.flac", _with_huge_picture),
)


def _pages(raw: bytes) -> list[OggPage]:
    file, found = io.BytesIO(raw), []
    while True:
        try:
            found.append(OggPage(file))
        except EOFError:
            return found


def _ogg(room: Path, fmt: str = "ogg", *, tags: bool = True) -> bytes:
    return audio(room, fmt, tags=tags, genre="Old")


def _chained(room: Path) -> bytes:
    """Two streams one after another, as radio recordings have them."""
    second = _pages(audio(room, "ogg", genre="Second"))
    for page in second:
        page.serial ^= 0x5A5A
    return _ogg(room, tags=False) + b"".join(page.write() for page in second)


def _paged_small(raw: bytes) -> bytes:
    """Comment and set-up packet cut into pages of one kilobyte."""
    pages = _pages(raw)
    ends = next(n for n, page in enumerate(pages) if page.position > 0)
    packets = OggPage.to_packets(pages[1:ends])
    fresh = OggPage.from_packets(packets, sequence=1, default_size=1024, wiggle_room=0)
    for page in fresh:
        page.serial, page.position = pages[0].serial, 0 if page.position == 0 else -1
    for number, page in enumerate(pages[ends:], start=1 + len(fresh)):
        page.sequence = number
    return b"".join(page.write() for page in [pages[0], *fresh, *pages[ends:]])


def _bad_checksum(raw: bytes) -> bytes:
    at = raw.rindex(b"OggS")
    return raw[: at + 22] + bytes([raw[at + 22] ^ 0xFF]) + raw[at + 23 :]


def _junk_between(raw: bytes) -> bytes:
    at = raw.rindex(b"OggS")
    return raw[:at] + b"junk between pages" + raw[at:]


_IN_OGG = (
    recipe("ogg-comment-over-many-pages.ogg", _ogg),
    recipe("ogg-small-pages.ogg", lambda room: _paged_small(_ogg(room))),
    recipe("opus-comment-over-many-pages.opus", lambda room: _ogg(room, "opus")),
    recipe("oggflac-with-picture.oga", lambda room: _ogg(room, "oggflac")),
    recipe("ogg-chained.ogg", _chained),
    recipe("ogg-last-page-cut-short.ogg", lambda room: _ogg(room)[:-200]),
    recipe("ogg-bad-checksum.ogg", lambda room: _bad_checksum(_ogg(room))),
    recipe("ogg-junk-between-pages.ogg", lambda room: _junk_between(_ogg(room))),
)


XIPH = (*_IN_FLAC, *_IN_OGG)
