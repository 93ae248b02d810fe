"""What a stat says of a file, reduced to what betrays a change.

mtime alone does not: with padding a retag can keep the size, and editors may put the
old mtime back; only ctime moves then.
"""

import os
from dataclasses import dataclass
from typing import Self

__all__ = ["Stamp"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Size in bytes, times in ns since the epoch, inode number."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Self:
        """Reduce a stat result to a stamp."""
        return cls(
            size=stat.st_size,
            mtime_ns=stat.st_mtime_ns,
            ctime_ns=stat.st_ctime_ns,
            inode=stat.st_ino,
        )
