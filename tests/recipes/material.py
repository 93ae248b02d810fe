"""What the difficult files are made of: audio, ID3 frames and tags, APEv2 tags."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.audio import make_audio, retag, suffix
from tests.tagging import fill, picture

__all__ = [
    "COVER",
    "OLD",
    "SONG",
    "WORDS",
    "Recipe",
    "ape",
    "audio",
    "frame",
    "recipe",
    "sevens",
    "tag",
    "v1",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one difficult file is made, and what must come of writing a genre into it."""

    name: str  # the defect, with the suffix of the file
    make: Callable[[Path], bytes]  # may use the folder
    refused: str | None = None


def recipe(name: str, make: Callable[[Path], bytes], refused: str | None = None) -> Recipe:
    return Recipe(name=name, make=make, refused=refused)


def audio(room: Path, fmt: str, *, tags: bool = False, **words: str) -> bytes:
    """Return one second of audio in *fmt*; *tags*: with a cover and fields of every kind."""
    path = make_audio(room / f"material{suffix(fmt)}", fmt, seconds=1)
    if tags:
        fill(path)
    if words:
        retag(path, **words)
    return path.read_bytes()


def sevens(size: int) -> bytes:
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def tag(major: int, frames: bytes, *, flags: int = 0, padding: int = 0) -> bytes:
    body = frames + bytes(padding)
    return b"ID3" + bytes([major, 0, flags]) + sevens(len(body)) + body


def frame(name: bytes, content: bytes, *, flags: bytes = b"\0\0", size: int | None = None) -> bytes:
    stated = (len(content) if size is None else size).to_bytes(len(name))
    return name + stated + (flags if len(name) == 4 else b"") + content


def v1(genre: int = 17, title: bytes = b"Only in v1") -> bytes:
    fields = title.ljust(30, b"\0") + b"Who".ljust(30, b"\0") + b"What".ljust(30, b"\0")
    return b"TAG" + fields + b"1999" + b"a comment".ljust(28, b"\0") + b"\0\7" + bytes([genre])


def ape(*items: tuple[bytes, bytes, int], header: bool = True, count: int | None = None) -> bytes:
    body = b"".join(
        struct.pack("<II", len(value), kind << 1) + key + b"\0" + value
        for key, value, kind in items
    )
    number = len(items) if count is None else count
    common = b"APETAGEX" + struct.pack("<III", 2000, len(body) + 32, number)
    has = (1 << 31) if header else 0
    footer = common + struct.pack("<I", has) + bytes(8)
    front = common + struct.pack("<I", has | 1 << 29) + bytes(8)
    return (front if header else b"") + body + footer


WORDS = [(b"Artist", b"Who", 0), (b"Genre", b"Old", 0), (b"Cover", b"c.jpg\0" + bytes(99), 1)]
SONG = frame(b"TIT2", b"\0Song")
OLD = frame(b"TCON", b"\0Old")
COVER = frame(b"APIC", b"\0image/jpeg\0\3\0" + picture(900))
