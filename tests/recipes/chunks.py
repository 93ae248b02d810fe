"""Difficult RIFF, AIFF, DSDIFF and DSF files: sizes that lie, chunks in odd places."""

import struct
from collections.abc import Callable
from pathlib import Path

from tests.recipes.material import (
    COVER,
    OLD,
    SONG,
    audio,
    frame,
    recipe,
    tag,
)

__all__ = ["CHUNKS"]


def _chunk(name: bytes, data: bytes, *, big: bool = False, pad: bool = True) -> bytes:
    size = struct.pack(">I" if big else "<I", len(data))
    return name + size + data + bytes(len(data) % 2 if pad else 0)


def _info(*items: tuple[bytes, bytes]) -> bytes:
    return _chunk(b"LIST", b"INFO" + b"".join(_chunk(name, text + b"\0") for name, text in items))


_LIST = _info((b"IART", b"Who"), (b"IGNR", b"Old"), (b"ICMT", b"odd"))


def _wav(room: Path, *behind: bytes, before: bytes = b"", stated: int | None = None) -> bytes:
    raw = audio(room, "wav")
    body = b"WAVE" + before + raw[12:] + b"".join(behind)
    return b"RIFF" + struct.pack("<I", len(body) if stated is None else stated) + body


def _riff(*behind: bytes, **how: bytes | int) -> Callable[[Path], bytes]:
    return lambda room: _wav(room, *behind, **how)  # type: ignore[arg-type]


def _rf64(room: Path) -> bytes:
    raw = audio(room, "wav")
    sizes = struct.pack("<QQQI", len(raw) - 8 + 36, len(raw) - 44, 0, 0)
    head = b"RF64" + b"\xff" * 4 + b"WAVE" + _chunk(b"ds64", sizes)
    return head + raw[12:40] + b"\xff" * 4 + raw[44:]


def _aiff(room: Path, *chunks: bytes) -> bytes:
    raw = audio(room, "aiff")
    body = raw[8:] + b"".join(chunks)
    return b"FORM" + struct.pack(">I", len(body)) + body


def _dff(room: Path, *chunks: tuple[bytes, bytes]) -> bytes:
    prop = b"SND FS  " + struct.pack(">QI", 4, 2_822_400)
    prop += b"CHNL" + struct.pack(">QH", 6, 1) + b"C   "
    prop += b"CMPR" + struct.pack(">Q", 20) + b"DSD \x0enot compressed\0"
    found = [(b"FVER", b"\1\5\0\0"), (b"PROP", prop), (b"DSD ", b"\x69" * 100_000), *chunks]
    body = b"DSD " + b"".join(
        name + struct.pack(">Q", len(data)) + data + bytes(len(data) % 2) for name, data in found
    )
    return b"FRM8" + struct.pack(">Q", len(body)) + body


def _dsf(tag: bytes) -> bytes:
    audio = b"\x69" * (2 * 4096 * 4)
    size = 28 + 52 + 12 + len(audio)
    head = b"DSD " + struct.pack("<QQQ", 28, size + len(tag), size if tag else 0)
    fmt = struct.pack("<QIIIIIIQII", 52, 1, 0, 2, 2, 2822400, 1, len(audio) * 4, 4096, 0)
    return head + b"fmt " + fmt + b"data" + struct.pack("<Q", 12 + len(audio)) + audio + tag


CHUNKS = (
    recipe("riff-size-too-large.wav", _riff(stated=1 << 20), refused="add up"),
    recipe("riff-size-zero.wav", _riff(stated=0), refused="add up"),
    recipe("riff-size-open.wav", lambda room: _open_sizes(audio(room, "wav")), refused="add up"),
    recipe("riff-data-cut-short.wav", lambda room: audio(room, "wav")[:-3001], refused="add up"),
    recipe("riff-junk-behind.wav", lambda room: audio(room, "wav") + b"junk behind"),
    recipe("riff-list-behind-the-stated-end.wav", lambda room: audio(room, "wav") + _LIST),
    recipe(
        "riff-odd-chunk-without-padding.wav",
        _riff(_chunk(b"odd ", b"123", pad=False), _LIST),
        refused="add up",
    ),
    recipe("riff-last-chunk-without-padding.wav", _riff(_chunk(b"odd ", b"123", pad=False))),
    recipe("riff-info-genre.wav", _riff(_LIST)),
    recipe("riff-info-before-the-audio.wav", _riff(before=_LIST)),
    recipe(
        "riff-two-id3-chunks.wav",
        _riff(_chunk(b"id3 ", tag(3, SONG + OLD)), _chunk(b"ID3 ", tag(4, OLD))),
    ),
    recipe("riff-id3-v22.wav", _riff(_chunk(b"id3 ", tag(2, frame(b"TCO", b"\0Old"), padding=9)))),
    recipe(
        "riff-unknown-chunks.wav",
        _riff(
            _chunk(b"bext", bytes(602)),
            _chunk(b"iXML", b"<x/>"),
            _chunk(b"_PMX", b"odd"),
            before=_chunk(b"JUNK", bytes(28)),
        ),
    ),
    recipe("riff-of-64-bits.wav", _rf64),
    recipe(
        "aiff-odd-chunks.aiff",
        lambda room: _aiff(
            room,
            _chunk(b"ANNO", b"odd", big=True),
            _chunk(b"ID3 ", tag(2, frame(b"TCO", b"\0Old"), padding=8), big=True),
        ),
    ),
    recipe(
        "aiff-two-id3-chunks.aiff",
        lambda room: _aiff(
            room,
            _chunk(b"ID3 ", tag(3, OLD + SONG), big=True),
            _chunk(b"ID3 ", tag(4, OLD), big=True),
        ),
    ),
    recipe("dsdiff.dff", _dff),
    recipe("dsdiff-with-id3.dff", lambda room: _dff(room, (b"ID3 ", tag(3, SONG + OLD)))),
    recipe("dsf.dsf", lambda room: _dsf(b"")),
    recipe("dsf-with-v23.dsf", lambda room: _dsf(tag(3, SONG + OLD + COVER))),
)


def _open_sizes(raw: bytes) -> bytes:
    """As FFmpeg leaves them when it writes into a pipe."""
    return raw[:4] + b"\xff" * 4 + raw[8:40] + b"\xff" * 4 + raw[44:]
