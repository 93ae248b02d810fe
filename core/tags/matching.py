"""Where two files go on alike after a difference: bytes that were moved, found again.

Tries the distances by which bytes were moved before, then looks the bytes up by hash near
either end of the other file, where tags stand. Only ever a guess: what it misses makes the
undo record larger, not wrong. Reads in windows, never a whole file.
"""

from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.tags.splice import CHUNK, size_of, slice_of

__all__ = ["Matcher", "equal_run"]

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]

WINDOWS = (1 << 12, 1 << 16, 1 << 20)  # how far ahead is looked, one after another
SAME, MOVED = 16, 32  # equal bytes in a row that count as going on, at the old distance or another
RECENT = 8  # distances remembered
BLOCK = 64  # bytes found by hash; anything twice as long that was moved holds a whole block
NEAR, FAR = 2 << 20, 32 << 20  # bytes at either end of a file that are indexed, first and last
FACTOR = 0x9E3779B97F4A7C15  # any odd number with well mixed bits


def equal_run(old: BinaryIO, at: int, new: BinaryIO, start: int) -> int:
    """Return how many bytes from *at* in *old* and *start* in *new* are equal."""
    if start < 0:
        return 0
    run, step = 0, WINDOWS[0]
    while True:
        one = slice_of(old, at + run, at + run + step)
        other = slice_of(new, start + run, start + run + step)
        if one != other or not one:
            return run + _common(one, other)
        run += len(one)
        step = min(step * 4, CHUNK)


@dataclass(slots=True)
class Matcher:
    """Finds where *old* goes on in *new*; remembers by how far bytes were moved."""

    old: BinaryIO
    new: BinaryIO
    _shifts: list[int] = field(init=False)
    _indices: "dict[int, _Index]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._shifts = [size_of(self.new) - size_of(self.old), 0]

    def resume(self, at: int, shift: int) -> tuple[int, int]:
        """Return how many bytes from *at* to skip, and by how far those behind were moved.

        *shift* is the distance so far, new minus old. At least one byte is skipped, and the
        whole window where nothing is found.
        """
        for width in WINDOWS:
            window = _array(slice_of(self.old, at, at + width))
            found = self._by_shift(window, at, shift)
            if found is None or found[0] > 2 * BLOCK:  # moved by a distance not met before?
                reach = FAR if width == WINDOWS[-1] else NEAR
                hits = (found, self._by_hash(window, at, reach))
                found = min((hit for hit in hits if hit is not None), default=None)
            if found is not None:
                self._remember(shift, found[1])
                return max(1, found[0]), found[1]
            if len(window) < width:
                break
        return len(window), shift

    def _by_shift(self, window: Bytes, at: int, shift: int) -> tuple[int, int] | None:
        found = []
        for order, tried in enumerate(dict.fromkeys([shift, *self._shifts])):
            need = SAME if tried == shift else MOVED
            start = self._first_run(window, at + tried, need)
            if start is not None:
                found.append((start, order, tried))
        return (min(found)[0], min(found)[2]) if found else None

    def _first_run(self, window: Bytes, start: int, need: int) -> int | None:
        """Return where the first *need* equal bytes begin; a run up to both ends always counts."""
        lead = max(0, -start)
        other = _array(slice_of(self.new, start + lead, start + len(window)))
        part = window[lead : lead + len(other)]
        unequal = np.flatnonzero(part != other[: len(part)])
        edges = np.concatenate([[-1], unequal, [len(part)]])
        runs = np.flatnonzero(np.diff(edges) > need)
        return lead + int(edges[runs[0]]) + 1 if len(runs) else None

    def _by_hash(self, window: Bytes, at: int, reach: int) -> tuple[int, int] | None:
        if len(window) < BLOCK:
            return None
        if reach not in self._indices:
            self._indices[reach] = _Index.of(self.new, reach)
        hit = self._indices[reach].first(window)
        if hit is None:
            return None
        offset, place = hit
        before = min(offset, place)
        back = _common(
            window[offset - before : offset][::-1].tobytes(),
            slice_of(self.new, place - before, place)[::-1],
        )
        return offset - back, place - at - offset

    def _remember(self, *shifts: int) -> None:
        self._shifts = list(dict.fromkeys([*shifts, *self._shifts]))[:RECENT]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Index:
    """Hashes of the blocks near both ends of a file, sorted, and where each stands."""

    file: BinaryIO
    hashes: Words
    places: NDArray[np.int64]

    @classmethod
    def of(cls, file: BinaryIO, reach: int) -> "_Index":
        size = size_of(file)
        second = max(reach, size - reach)
        hashes, places = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        for start, end in ((0, min(size, reach)), (second, size)):
            for at in range(start, end, CHUNK):
                found, where = _block_hashes(_array(slice_of(file, at, min(at + CHUNK, end))))
                hashes.append(found)
                places.append(where + at)
        every, where = np.concatenate(hashes), np.concatenate(places)
        order = np.argsort(every, kind="stable")
        return cls(file=file, hashes=every[order], places=where[order])

    def first(self, window: Bytes) -> tuple[int, int] | None:
        """Return the first offset in *window* at which a block of the file stands, and where."""
        if not len(self.hashes):
            return None
        rolling = _rolling_hashes(window)
        at = np.minimum(np.searchsorted(self.hashes, rolling), len(self.hashes) - 1)
        for offset in np.flatnonzero(self.hashes[at] == rolling):
            place = int(self.places[at[offset]])
            if slice_of(self.file, place, place + BLOCK) == window[offset:][:BLOCK].tobytes():
                return int(offset), place
        return None


def _block_hashes(data: Bytes) -> tuple[Words, NDArray[np.int64]]:
    """Return the hash of each whole block and its offset; blocks of one value are left out."""
    blocks = data[: len(data) // BLOCK * BLOCK].reshape(-1, BLOCK)
    telling = np.flatnonzero((blocks != blocks[:, :1]).any(axis=1))
    hashes: Words = blocks[telling].astype(np.uint64) @ _powers(BLOCK)
    return hashes, telling * BLOCK


def _rolling_hashes(data: Bytes) -> Words:
    """Return the hash of the block at every offset, modulo 2^64 as numpy counts."""
    weighted = np.concatenate([[np.uint64(0)], np.cumsum(data * _powers(len(data)))])
    count = len(data) - BLOCK + 1
    inverse = pow(FACTOR, -1, 1 << 64)
    hashes: Words = (weighted[BLOCK:] - weighted[:count]) * _powers(count, inverse)
    return hashes


def _powers(count: int, factor: int = FACTOR) -> Words:
    factors = np.full(count, factor, np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)


def _common(one: bytes, other: bytes) -> int:
    """Return the length of the common beginning."""
    count = min(len(one), len(other))
    unequal = np.flatnonzero(_array(one[:count]) != _array(other[:count]))
    return int(unequal[0]) if len(unequal) else count


def _array(data: bytes) -> Bytes:
    return np.frombuffer(data, np.uint8)
