"""Replace byte ranges of a file, leaving every other byte as it is.

Only ever used on a copy that is thrown away when anything fails; the file that a person
owns is never handed to this module for writing.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

import xxhash

__all__ = ["Patch", "digest", "hash_of_range", "size_of", "slice_of", "splice", "whole"]

CHUNK = 1 << 20  # bytes moved at a time, so that a file of hours needs no memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """The bytes from *start* up to *end* become *data*."""

    start: int
    end: int
    data: bytes


def size_of(file: BinaryIO) -> int:
    """Return the size of an open file in bytes; moves its position to the end."""
    return file.seek(0, os.SEEK_END)


def whole(file: BinaryIO) -> tuple[int, int]:
    """Return the range of all bytes of an open file."""
    return 0, size_of(file)


def slice_of(file: BinaryIO, start: int, end: int) -> bytes:
    """Return the bytes from *start* up to *end*, fewer where the file ends before."""
    file.seek(start)
    return file.read(max(0, end - start))


def digest(data: bytes | str) -> str:
    """Return a 128-bit hash as text, to compare values without holding them."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return xxhash.xxh3_128_hexdigest(raw)


def hash_of_range(file: BinaryIO, start: int, end: int) -> str:
    """Return a 128-bit hash of the bytes from *start* up to *end*."""
    hash_ = xxhash.xxh3_128()
    for at in range(start, end, CHUNK):
        hash_.update(slice_of(file, at, min(at + CHUNK, end)))
    return str(hash_.hexdigest())


def splice(file: BinaryIO, patches: Iterable[Patch]) -> None:
    """Apply *patches* (offsets of the file as it is now, not overlapping) to an open file."""
    for patch in sorted(patches, key=lambda patch: (patch.start, patch.end), reverse=True):
        shift = len(patch.data) - (patch.end - patch.start)
        if shift:
            _move_tail(file, patch.end, shift)
        file.seek(patch.start)
        file.write(patch.data)


def _move_tail(file: BinaryIO, start: int, shift: int) -> None:
    """Move everything from *start* on by *shift* bytes, back to front where it grows."""
    size = size_of(file)
    offsets = range(start, size, CHUNK)
    for offset in reversed(offsets) if shift > 0 else offsets:
        data = slice_of(file, offset, min(offset + CHUNK, size))
        file.seek(offset + shift)
        file.write(data)
    file.truncate(size + shift)
