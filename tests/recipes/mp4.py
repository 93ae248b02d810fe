"""Difficult MP4 files: odd atoms, and offsets that must move with the audio."""

import struct
from collections.abc import Iterator
from pathlib import Path

from tests.recipes.material import (
    audio,
    recipe,
)

__all__ = ["MP4"]


def _atom(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content


def _text(name: bytes, text: bytes) -> bytes:
    return _atom(name, _atom(b"data", struct.pack(">II", 1, 0) + text))


_FREEFORM = _atom(
    b"----",
    _atom(b"mean", bytes(4) + b"com.apple.iTunes")
    + _atom(b"name", bytes(4) + b"GENRE")
    + _atom(b"data", struct.pack(">II", 1, 0) + b"Old"),
)
_NUMBER = _atom(b"gnre", _atom(b"data", struct.pack(">II", 0, 0) + b"\0\x12"))


def _atoms(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(raw):
        size = struct.unpack(">I", raw[at : at + 4])[0] or len(raw) - at
        yield raw[at + 4 : at + 8], raw[at : at + size]
        at += size


def _m4a(
    room: Path, ilst: bytes, *, free: int = 0, meta: bytes = b"", first: bool = False
) -> bytes:
    """An M4A whose list is *ilst*, with moov behind the audio, or in front of it."""
    parts = dict(_atoms(audio(room, "m4a")))
    handler = _atom(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    lists = handler + _atom(b"ilst", ilst) + meta + (_atom(b"free", bytes(free)) if free else b"")
    moov = b"".join(raw for name, raw in _atoms(parts[b"moov"][8:]) if name != b"udta")
    moov = _atom(b"moov", moov + _atom(b"udta", _atom(b"meta", bytes(4) + lists)))
    order = (
        [parts[b"ftyp"], moov, parts[b"mdat"]] if first else [parts[b"ftyp"], parts[b"mdat"], moov]
    )
    whole = b"".join(order)
    return _pointed(whole, audio(room, "m4a"))


def _pointed(raw: bytes, original: bytes) -> bytes:
    """Move the chunk offsets by as much as the audio moved."""
    shift = raw.index(b"mdat") - original.index(b"mdat")
    at = raw.index(b"stco") + 8
    count = struct.unpack(">I", raw[at : at + 4])[0]
    offsets = struct.unpack(f">{count}I", raw[at + 4 : at + 4 + 4 * count])
    moved = struct.pack(f">{count}I", *(offset + shift for offset in offsets))
    return raw[: at + 4] + moved + raw[at + 4 + 4 * count :]


def _co64(room: Path) -> bytes:
    """Chunk offsets of 64 bits; moov stands behind the audio, which does not move."""
    raw = _m4a(room, _text(b"\xa9gen", b"Old"))
    at = raw.index(b"stco") - 4
    count = struct.unpack(">I", raw[at + 12 : at + 16])[0]
    offsets = struct.unpack(f">{count}I", raw[at + 16 : at + 16 + 4 * count])
    fresh = _atom(b"co64", raw[at + 8 : at + 16] + struct.pack(f">{count}Q", *offsets))
    grown = len(fresh) - (16 + 4 * count)
    raw = raw[:at] + fresh + raw[at + 16 + 4 * count :]
    for name in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        place = raw.index(name) - 4
        size = struct.unpack(">I", raw[place : place + 4])[0] + grown
        raw = raw[:place] + struct.pack(">I", size) + raw[place + 4 :]
    return raw


_OLD_ATOM = _text(b"\xa9gen", b"Old") + _text(b"\xa9nam", b"Song")
MP4 = (
    recipe("mp4-gnre.m4a", lambda room: _m4a(room, _NUMBER + _text(b"\xa9nam", b"Song"))),
    recipe("mp4-gnre-beside-gen.m4a", lambda room: _m4a(room, _NUMBER + _OLD_ATOM, free=90)),
    recipe("mp4-freeform-genre.m4a", lambda room: _m4a(room, _OLD_ATOM + _FREEFORM, first=True)),
    recipe("mp4-moov-first-without-room.m4a", lambda room: _m4a(room, _OLD_ATOM, first=True)),
    recipe("mp4-moov-last.m4a", lambda room: _m4a(room, _OLD_ATOM)),
    recipe("mp4-free-of-nine-bytes.m4a", lambda room: _m4a(room, _OLD_ATOM, free=1, first=True)),
    recipe(
        "mp4-unusual-names.m4a",
        lambda room: _m4a(
            room, _text(b"\x00\x01\xff\xfe", b"odd") + _OLD_ATOM + _text(b"tvsh", b"x"), first=True
        ),
    ),
    recipe(
        "mp4-atoms-behind-the-list.m4a",
        lambda room: _m4a(
            room, _OLD_ATOM, meta=_atom(b"xml ", bytes(20)) + _atom(b"free", bytes(600))
        ),
    ),
    recipe(
        "mp4-two-lists.m4a",
        lambda room: _m4a(room, _OLD_ATOM, meta=_atom(b"ilst", _OLD_ATOM)),
        refused="several lists",
    ),
    recipe("mp4-offsets-of-64-bits.m4a", _co64),
    recipe(
        "mp4-free-at-the-top.m4a", lambda room: _m4a(room, _OLD_ATOM) + _atom(b"free", bytes(99))
    ),
    recipe("mp4-zeros-behind.m4a", lambda room: _m4a(room, _OLD_ATOM) + bytes(5)),
)
