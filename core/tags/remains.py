"""Which file lies where after a write, as stat tells it: the copy, the original, a stranger's.

Nothing under a scratch name is removed unless it is known for our copy or for the original,
unchanged, whose place the copy took. Runs in the resident; knows no tag format.
"""

import os
from contextlib import suppress
from enum import StrEnum

from core.library.writes import WriteRow
from core.stamp import Stamp
from core.tags import swap

__all__ = ["Lying", "is_copy", "lying", "put_back", "remove", "stamp_at"]


class Lying(StrEnum):
    """How the files lie."""

    UNTOUCHED = "untouched"  # the original is where it was
    IN_PLACE = "in place"  # our copy took its place; the original, if kept, is as it was
    EDITED = "edited"  # likewise, but the kept original was written to since
    STRANGER = "stranger"  # what our copy was swapped with is another file
    UNCLEAR = "unclear"


def stamp_at(path: str) -> Stamp | None:
    """Return the stamp of what lies at *path*."""
    with suppress(OSError):
        return Stamp.of(os.lstat(path))
    return None


def lying(row: WriteRow) -> Lying:
    """Say how the files of a write lie now."""
    if row.prepared_at is None:  # a writer without a boot id is of the second version
        return Lying.UNTOUCHED if row.writer_boot else Lying.UNCLEAR
    if row.before is None or row.copy is None:
        return Lying.UNCLEAR
    here, aside = stamp_at(row.path), stamp_at(row.scratch)
    return _by_inode(row.before, row.copy, here, aside) or _by_look(
        row.before, row.copy, here, aside
    )


def is_copy(row: WriteRow, found: Stamp | None) -> bool:
    """Say whether *found* is of our copy, with nothing written to it since."""
    return found is not None and found.inode == _inode(row.copy) and _like(found, row.copy)


def remove(row: WriteRow) -> bool:
    """Remove what lies under the scratch name if it is ours to remove; say if nothing is left."""
    aside = stamp_at(row.scratch)
    if aside is None:
        return True
    known = row.copy is None or _like(aside, row.copy) or _like(aside, row.before)
    if known:
        with suppress(OSError):
            os.unlink(row.scratch)  # noqa: PTH108  odd bytes survive
            return True
    return False


def put_back(row: WriteRow) -> bool:
    """Swap what lies under the scratch name back to its place; say if nothing of it is left there.

    Where our copy in that place was written to as well, both stay where they are.
    """
    here, aside = stamp_at(row.path), stamp_at(row.scratch)
    if aside is None or is_copy(row, aside):
        return remove(row)
    if row.copy is None or (_inode(here) == row.copy.inode and not is_copy(row, here)):
        return False
    with suppress(OSError):
        swap.put_back(row.path, row.scratch, row.copy.inode)
        return True
    return False


def _by_inode(before: Stamp, copy: Stamp, here: Stamp | None, aside: Stamp | None) -> Lying | None:
    if _inode(aside) == before.inode:
        return Lying.IN_PLACE if _like(aside, before) else Lying.EDITED
    if _inode(aside) == copy.inode or _inode(here) == before.inode:
        return Lying.UNTOUCHED
    if _inode(here) == copy.inode:
        return Lying.IN_PLACE if aside is None else Lying.STRANGER
    return None


def _by_look(before: Stamp, copy: Stamp, here: Stamp | None, aside: Stamp | None) -> Lying:
    """Tell by size and time: some file systems give new inodes at each mount."""
    if _like(before, copy):
        return Lying.UNCLEAR
    if _like(aside, before) or (aside is None and _like(here, copy)):
        return Lying.IN_PLACE
    if _like(aside, copy) or (aside is None and _like(here, before)):
        return Lying.UNTOUCHED
    return Lying.UNCLEAR if aside is None else Lying.STRANGER


def _like(found: Stamp | None, wanted: Stamp | None) -> bool:
    if found is None or wanted is None:
        return False
    return (found.size, found.mtime_ns) == (wanted.size, wanted.mtime_ns)


def _inode(stamp: Stamp | None) -> int | None:
    return None if stamp is None else stamp.inode
