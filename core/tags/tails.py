"""What stands behind the audio: ID3v1 and its longer forms, Lyrics3, APEv2, an appended ID3v2.

They may stand in any order, so they are peeled off one by one from the end of the file.
Knows where each begins and ends, and nothing of what it says; never looks into the audio.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import BinaryIO

from core.errors import TagError
from core.tags.splice import size_of, slice_of

__all__ = [
    "APE_FRAME",
    "APE_HAS_HEADER",
    "APE_MARK",
    "ID3V1_SIZE",
    "Kind",
    "Tail",
    "find_tail",
    "tails",
]

ID3V1_SIZE = 128
MOST_TAGS = 16  # a file of nothing but tags is no music
PLUS_SIZE = 227  # "TAG+", before an ID3v1 whose fields were too short
APE_MARK, APE_FRAME = b"APETAGEX", 32  # bytes of a header, and of a footer
APE_HAS_HEADER = 1 << 31
APE_VERSIONS = (1000, 2000)
ID3_HEADER = 10
_LYRICS_BEGIN, _LYRICS_2, _LYRICS_1 = b"LYRICSBEGIN", b"LYRICS200", b"LYRICSEND"
_LYRICS_1_LONGEST = 5100 + len(_LYRICS_BEGIN) + len(_LYRICS_1)


class Kind(StrEnum):
    """The kinds of tags that stand behind audio."""

    V1 = "ID3v1"
    PLUS = "ID3v1 TAG+"
    LYRICS = "Lyrics3"
    APE = "APEv2"
    ID3 = "ID3v2 at the end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """One tag behind the audio: the bytes from *start* up to *end*."""

    kind: Kind
    start: int
    end: int


def tails(file: BinaryIO) -> list[Tail]:
    """Return the tags behind the audio, the last in the file first."""
    return list(islice(_peeled(file, size_of(file)), MOST_TAGS))


def find_tail(file: BinaryIO, kind: Kind) -> Tail | None:
    """Return the last tag of that *kind* behind the audio."""
    return next((tail for tail in tails(file) if tail.kind is kind), None)


def _peeled(file: BinaryIO, end: int) -> Iterator[Tail]:
    while found := next(filter(None, (look(file, end) for look in _LOOKS)), None):
        yield found
        end = found.start


def _v1(file: BinaryIO, end: int) -> Tail | None:
    start = end - ID3V1_SIZE
    mark = slice_of(file, max(0, start - 3), start + 8) if start >= 0 else b""
    within_ape = APE_MARK in mark  # the letters TAG inside an APE mark
    if within_ape or slice_of(file, max(0, start), max(0, start) + 3) != b"TAG" or start < 0:
        return None
    return Tail(kind=Kind.V1, start=start, end=end)


def _plus(file: BinaryIO, end: int) -> Tail | None:
    start = end - PLUS_SIZE
    if start < 0 or slice_of(file, start, start + 4) != b"TAG+":
        return None
    return Tail(kind=Kind.PLUS, start=start, end=end)


def _lyrics(file: BinaryIO, end: int) -> Tail | None:
    tail = slice_of(file, max(0, end - _LYRICS_1_LONGEST), end)
    if tail.endswith(_LYRICS_2) and tail[-15:-9].isdigit():
        start = end - 15 - int(tail[-15:-9])
        whole = start >= 0 and slice_of(file, start, start + 11) == _LYRICS_BEGIN
        return Tail(kind=Kind.LYRICS, start=start, end=end) if whole else None
    if tail.endswith(_LYRICS_1) and (at := tail.rfind(_LYRICS_BEGIN)) >= 0:
        return Tail(kind=Kind.LYRICS, start=end - len(tail) + at, end=end)
    return None


def _ape(file: BinaryIO, end: int) -> Tail | None:
    footer = slice_of(file, end - APE_FRAME, end) if end >= APE_FRAME else b""
    if not footer.startswith(APE_MARK):
        return None
    version, size, _, flags = (
        int.from_bytes(footer[at : at + 4], "little") for at in (8, 12, 16, 20)
    )
    start = end - size - (APE_FRAME if flags & APE_HAS_HEADER else 0)
    if version not in APE_VERSIONS or size < APE_FRAME or start < 0:
        raise TagError("the APE tag is damaged: its size does not fit the file")
    return Tail(kind=Kind.APE, start=start, end=end)


def _id3(file: BinaryIO, end: int) -> Tail | None:
    """An ID3v2.4 tag with a footer; one at the file's very start is no tail."""
    footer = slice_of(file, end - ID3_HEADER, end) if end >= ID3_HEADER else b""
    if not footer.startswith(b"3DI") or any(byte & 0x80 for byte in footer[6:]):
        return None
    size = sum(byte << shift for byte, shift in zip(footer[6:], (21, 14, 7, 0), strict=True))
    start = end - size - 2 * ID3_HEADER
    header = slice_of(file, start, start + ID3_HEADER) if start > 0 else b""
    if header[:3] != b"ID3" or header[3:] != footer[3:]:
        return None
    return Tail(kind=Kind.ID3, start=start, end=end)


_LOOKS: tuple[Callable[[BinaryIO, int], Tail | None], ...] = (_v1, _plus, _lyrics, _ape, _id3)
