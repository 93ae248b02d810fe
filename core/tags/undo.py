"""The undo record: a reverse patch that makes the file of before out of the written one.

Ranges of the written file, differences and literal bytes, compressed: what a write moved but
did not change never enters it. Made by comparing the two files, so it knows no format, and
proven before it is used. Never needs more memory than a few windows, whatever the file.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import xxhash
from numpy.typing import NDArray

from core.tags.matching import Matcher, equal_run
from core.tags.pages import moved_pages, renumbered
from core.tags.splice import CHUNK, size_of, slice_of

__all__ = ["Damaged", "Record", "TooLarge", "apply", "hash_of", "record"]

VERSION = b"\x01"
COPY, ADD, LITERAL, PAGES = range(4)  # kinds of instruction; a kind and a length share a number
_KINDS = 4
LARGEST = 64 << 20  # bytes of literals and differences; more is no record but a second file
_ALIKE = 0.25  # share of equal bytes from which differences compress better than literals


class Damaged(ValueError):
    """The record is not what `record` made."""


class TooLarge(ValueError):
    """The two files have too little in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How to get from the written file back to the old one, and the hashes of both."""

    undo: bytes
    before: str  # 32 hex digits
    after: str


def record(old: BinaryIO, new: BinaryIO) -> Record:
    """Return the record that makes *old* out of *new*; both are open for reading.

    Raises TooLarge, and Damaged where it does not prove itself since a file changed meanwhile.
    """
    before, after = hash_of(old), hash_of(new)
    undo = _encoded(old, new)
    if apply(undo, new, None) != before:
        raise Damaged("the file changed while its undo record was made")
    return Record(undo=undo, before=before, after=after)


def apply(undo: bytes, new: BinaryIO, out: BinaryIO | None) -> str:
    """Make the old file out of *new*, write it to *out*, and return its hash.

    Raises Damaged where the record cannot be read or does not fit the file.
    """
    hashed = xxhash.xxh3_128()
    for data in _pieces(undo, new):
        hashed.update(data)
        if out is not None:
            out.write(data)
    return str(hashed.hexdigest())


def hash_of(file: BinaryIO) -> str:
    """Return the hash of a whole open file."""
    hashed = xxhash.xxh3_128()
    for data in _chunks(file, 0, size_of(file)):
        hashed.update(data)
    return str(hashed.hexdigest())


# --- making ----------------------------------------------------------------------------


@dataclass(slots=True)
class _Writer:
    """Collects instructions, and the bytes they need, in two streams that compress well."""

    steps: bytearray = field(default_factory=bytearray)
    data: bytearray = field(default_factory=bytearray)
    at: int = 0  # where the last range of the new file ended

    def copy(self, start: int, length: int) -> None:
        self._step(COPY, length)
        self._jump(start, length)

    def pages(self, start: int, length: int, move: int) -> None:
        self._step(PAGES, length)
        self._jump(start, length)
        _put(self.steps, move)

    def gap(self, old: bytes, new: bytes, start: int) -> None:
        """Note bytes of the old file; *new* stands at *start* in the new one instead."""
        if len(self.data) + len(old) > LARGEST:
            raise TooLarge("too much of the file would have changed")
        difference = _difference(old, new)
        if difference is None:
            self._step(LITERAL, len(old))
            self.data += old
        else:
            self._step(ADD, len(old))
            self._jump(start, len(old))
            self.data += difference

    def finished(self) -> bytes:
        body = bytearray()
        _put(body, len(self.steps))
        return VERSION + zlib.compress(bytes(body + self.steps + self.data), 9)

    def _step(self, kind: int, length: int) -> None:
        _put(self.steps, length * _KINDS + kind)

    def _jump(self, start: int, length: int) -> None:
        far = start - self.at
        _put(self.steps, far * 2 if far >= 0 else -far * 2 - 1)
        self.at = start + length


def _encoded(old: BinaryIO, new: BinaryIO) -> bytes:
    writer, matcher = _Writer(), Matcher(old, new)
    at, shift, size = 0, 0, size_of(old)
    while at < size:
        same = equal_run(old, at, new, at + shift)
        moved = moved_pages(old, at + same, new, at + shift + same) if same else None
        if moved is not None and moved[0] <= same:
            back, length, move = moved
            writer.copy(at + shift, same - back)
            at += same - back
            writer.pages(at + shift, length, move)
            at += length
        elif same:
            writer.copy(at + shift, same)
            at += same
        else:
            gap, found = matcher.resume(at, shift)
            if not gap:
                raise Damaged("the file became shorter while its undo record was made")
            instead = slice_of(new, at + shift, at + shift + gap) if at + shift >= 0 else b""
            writer.gap(slice_of(old, at, at + gap), instead, at + shift)
            at, shift = at + gap, found
    return writer.finished()


def _difference(old: bytes, new: bytes) -> bytes | None:
    """Return old minus new, byte by byte, where the two are alike."""
    if len(old) != len(new):
        return None
    one, other = _numbers(old), _numbers(new)
    alike = np.count_nonzero(one == other) >= _ALIKE * len(old)
    return (one - other).tobytes() if alike else None


def _put(buffer: bytearray, number: int) -> None:
    """Append a number, seven bits a byte, the lowest first."""
    while number > 0x7F:  # noqa: PLR2004
        buffer.append(number & 0x7F | 0x80)
        number >>= 7
    buffer.append(number)


# --- reading ---------------------------------------------------------------------------


@dataclass(slots=True)
class _Reader:
    body: bytes
    at: int = 0

    def number(self) -> int:
        value = bits = 0
        while True:
            byte = self.bytes(1)[0]
            value |= (byte & 0x7F) << bits
            bits += 7
            if byte < 0x80:  # noqa: PLR2004
                return value

    def bytes(self, length: int) -> bytes:
        if self.at + length > len(self.body):
            raise Damaged("the undo record ends too early")
        self.at += length
        return self.body[self.at - length : self.at]


def _pieces(undo: bytes, new: BinaryIO) -> Iterator[bytes]:
    """Yield the old file in order, at most CHUNK bytes at a time where it is copied."""
    body = _Reader(_unpacked(undo))
    steps = _Reader(body.bytes(body.number()))
    size, end = size_of(new), 0
    while steps.at < len(steps.body):
        length, kind = divmod(steps.number(), _KINDS)
        if kind == LITERAL:
            yield body.bytes(length)
            continue
        far = steps.number()
        start = end + (-(far + 1) // 2 if far & 1 else far // 2)
        end = start + length
        if start < 0 or end > size:
            raise Damaged("the undo record does not fit the file")
        if kind == COPY:
            yield from _chunks(new, start, end)
        elif kind == PAGES:
            yield from _pages(new, start, end, steps.number())
        else:
            yield _sum(body.bytes(length), slice_of(new, start, end))


def _unpacked(undo: bytes) -> bytes:
    if undo[:1] != VERSION:
        raise Damaged("the undo record is of a kind that is not known here")
    packed = zlib.decompressobj()
    try:
        body = packed.decompress(undo[1:], 2 * LARGEST)
    except zlib.error as error:
        raise Damaged(f"the undo record cannot be read ({error})") from error
    if not packed.eof:
        raise Damaged("the undo record ends too early")
    return body


def _pages(new: BinaryIO, start: int, end: int, move: int) -> Iterator[bytes]:
    try:
        yield from renumbered(new, start, end, move)
    except ValueError as error:
        raise Damaged("the undo record does not fit the file") from error


def _sum(difference: bytes, new: bytes) -> bytes:
    if len(new) != len(difference):
        raise Damaged("the undo record does not fit the file")
    return (_numbers(new) + _numbers(difference)).tobytes()


def _numbers(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


def _chunks(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, CHUNK):
        yield slice_of(file, at, min(at + CHUNK, end))
