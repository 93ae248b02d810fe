"""What stands around the audio in a file, as far as hearing must know it.

Finds where trailing tags begin (the demuxer of MP3 and Monkey's Audio lets them leak into
the last packets), whether an MP3 states its length, and whether an Ogg, RIFF or ASF file
ends before its own structure does. Reads a few kilobytes; changes nothing; knows no tag's
content.
"""

import os
from typing import BinaryIO

__all__ = ["audio_end", "has_xing", "is_cut_off"]

_APE_FOOTER, _APE_HAS_HEADER = 32, 1 << 31
_ID3V1, _ID3V1_EXTENDED = 128, 227
_ID3V2_HEADER = 10
_LYRICS_FOOTER = 15  # six digits of length, then LYRICS200
_XING_REACH = 4096  # the first MPEG frame lies within this, junk before it included
_OGG_HEADER, _OGG_LONGEST_PAGE = 27, 65_307
_RIFF_OPEN_ENDED = 0x80000000  # streamed WAV states its largest size, RF64 this or more
_SLACK = 0.01  # headers that are off by little are a writer's mistake
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_REACH = 65_536


def audio_end(file: BinaryIO) -> int:
    """Return the offset behind the last byte that is not a trailing tag.

    Knows ID3v1, APEv1/2, Lyrics3v2 and ID3v2 with footer, in any order and number.
    """
    end = file.seek(0, os.SEEK_END)
    while size := _trailing_tag(file, end):
        end -= size
    return end


def has_xing(file: BinaryIO) -> bool:
    """Tell whether an MP3 begins with a frame that states the number of frames."""
    head = _read(file, 0, _ID3V2_HEADER)
    start = _ID3V2_HEADER + _synchsafe(head[6:]) if head[:3] == b"ID3" else 0
    frame = _read(file, start, _XING_REACH)
    return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))


def is_cut_off(file: BinaryIO, end: int) -> bool:
    """Tell whether an Ogg, RIFF or ASF file ends early by its own account; False for others."""
    head = _read(file, 0, 8)
    if head[:4] == b"OggS":
        return not _last_page_is_whole(file, end)
    stated = 0
    if head[:4] == b"RIFF":
        stated = int.from_bytes(head[4:], "little")
    elif head[:4] == b"\x30\x26\xb2\x75":
        properties = _read(file, 0, _ASF_REACH).partition(_ASF_FILE_PROPERTIES)[2]
        stated = int.from_bytes(properties[24:32], "little")
    return stated < _RIFF_OPEN_ENDED and end < stated * (1 - _SLACK)


def _last_page_is_whole(file: BinaryIO, end: int) -> bool:
    tail = _read(file, max(0, end - _OGG_LONGEST_PAGE), min(end, _OGG_LONGEST_PAGE))
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < _OGG_HEADER or len(page) < _OGG_HEADER + page[26]:
        return False
    return len(page) >= _OGG_HEADER + page[26] + sum(page[_OGG_HEADER : _OGG_HEADER + page[26]])


def _trailing_tag(file: BinaryIO, end: int) -> int:
    """Size of the tag that ends at *end*, 0 where none does."""
    tail = _read(file, max(0, end - _ID3V1), min(end, _ID3V1))
    if len(tail) == _ID3V1 and tail[:3] == b"TAG":
        extended = _read(file, max(0, end - _ID3V1 - _ID3V1_EXTENDED), 4)
        return _ID3V1 + (_ID3V1_EXTENDED if extended == b"TAG+" else 0)
    if tail[-_APE_FOOTER:-24] == b"APETAGEX":
        size = int.from_bytes(tail[-20:-16], "little")
        has_header = int.from_bytes(tail[-12:-8], "little") & _APE_HAS_HEADER
        return _within(size + (_APE_FOOTER if has_header else 0), end)
    if tail[-9:] == b"LYRICS200" and tail[-_LYRICS_FOOTER:-9].isdigit():
        return _within(int(tail[-_LYRICS_FOOTER:-9]) + _LYRICS_FOOTER, end)
    if tail[-_ID3V2_HEADER:-7] == b"3DI":
        return _within(_synchsafe(tail[-4:]) + 2 * _ID3V2_HEADER, end)
    return 0


def _within(size: int, end: int) -> int:
    return size if 0 < size <= end else 0


def _synchsafe(four: bytes) -> int:
    size = 0
    for byte in four:
        size = size << 7 | byte & 0x7F
    return size


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)
