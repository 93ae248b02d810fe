"""Ogg pages whose numbers were moved (RFC 3533): told by one number, not page by page.

A longer comment may need one page more; then each later page has another number and so
another checksum, which no compression makes small. Used by the undo record alone.
"""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from core.tags.splice import CHUNK, slice_of

__all__ = ["moved_pages", "renumbered"]

MARK = b"OggS"
NUMBER, CHECKSUM, SEGMENTS, HEAD = 18, 22, 26, 27  # offsets in a page, and where its lacing begins
_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def moved_pages(old: BinaryIO, at: int, new: BinaryIO, start: int) -> tuple[int, int, int] | None:
    """Say whether the first difference, at *at* in *old* and *start* in *new*, is a page number.

    Then return how far back that page begins, how many bytes of pages are alike but for
    their numbers, and what to add to the new numbers, modulo 2^32.
    """
    back = _page_begins(slice_of(new, max(0, start - CHECKSUM - 3), start + 4))
    if back is None or at < back:
        return None
    length, move = 0, None
    for ours, theirs in zip(_pages(old, at - back), _pages(new, start - back), strict=False):
        found = (_number(ours) - _number(theirs)) % (1 << 32)
        if (move is not None and found != move) or _moved(theirs, found) != ours:
            break
        move = found
        length += len(ours)
    return (back, length, move) if move else None


def renumbered(file: BinaryIO, start: int, end: int, move: int) -> Iterator[bytes]:
    """Yield the pages of this range with *move* added to their numbers. Raises ValueError."""
    at = start
    for page in _pages(file, start):
        if at == end:
            return
        yield _moved(page, move)
        at += len(page)
    if at != end:
        raise ValueError("there are no whole Ogg pages")


def _page_begins(around: bytes) -> int | None:
    """Return how far before the difference, four bytes from the end, its page begins."""
    difference = len(around) - 4
    begin = around.rfind(MARK, 0, difference)
    within = difference - begin
    return within if begin >= 0 and NUMBER <= within < SEGMENTS else None


def _pages(file: BinaryIO, start: int) -> Iterator[bytes]:
    """Yield the whole pages that follow one another from *start* on."""
    at, window = 0, slice_of(file, start, start + CHUNK)
    while True:
        size = _size(window, at)
        if size is None or at + size > len(window):
            start += at
            at, window = 0, slice_of(file, start, start + CHUNK)
            size = _size(window, 0)
            if size is None or size > len(window):
                return
        yield window[at : at + size]
        at += size


def _size(window: bytes, at: int) -> int | None:
    """Return the size of the page at *at*; None where none begins, or its head is cut off."""
    if window[at : at + 4] != MARK or len(window) < at + HEAD:
        return None
    lacing = window[at + HEAD : at + HEAD + window[at + SEGMENTS]]
    return HEAD + window[at + SEGMENTS] + sum(lacing)


def _number(page: bytes) -> int:
    return int.from_bytes(page[NUMBER:CHECKSUM], "little")


def _moved(page: bytes, move: int) -> bytes:
    number = (_number(page) + move) % (1 << 32)
    head = page[:NUMBER] + number.to_bytes(4, "little")
    rest = page[SEGMENTS:]
    return head + _checksum(head + bytes(4) + rest) + rest


def _checksum(page: bytes) -> bytes:
    """Ogg's CRC is zlib's with the bits the other way round, and starts from 0."""
    mask = (1 << 32) - 1
    found = zlib.crc32(page.translate(_BITS), mask) ^ mask
    return found.to_bytes(4).translate(_BITS)
