"""Genre tags: how each format keeps them, and the one safe way to change them.

This file holds what crosses to the resident, so it imports nothing heavy.
"""

from dataclasses import dataclass

from core.stamp import Stamp

__all__ = ["BY_DEFAULT", "Manner", "Prepared", "TagReading", "WriteResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagReading:
    """What a file's tag says: genres decoded to a list in file order, and whose music it is."""

    format: str  # row of the format table, "mp3"
    genres: tuple[str, ...]
    artist: str | None = None
    album_artist: str | None = None
    album: str | None = None
    title: str | None = None
    composer: str | None = None
    compilation: bool = False
    other: str = ""  # digest of every tag but the genre: tells whether other fields changed
    unwritable: str | None = None  # why no genre can be written here, None where one can


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the person wants files to be written."""

    keep_mtime: bool = False  # the file keeps its time, so that backups do not see the change
    allow_hard_links: bool = False  # a file with several names is written, and is then two files
    ignore_owner: bool = False  # also where owner and group cannot be kept


BY_DEFAULT = Manner()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A changed and proven copy that lies beside the file, and how to take the change back."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    before: Stamp  # of the file that was copied
    undo: bytes  # reverse patch over the written file (core/tags/undo.py); opaque to everyone else
    hash_before: str  # of the whole file, 32 hex digits
    hash_after: str
    changed: bool  # False: the genres stand already, and there is no copy
    copy: Stamp | None = None  # of the copy, so that nobody takes another file for it


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """A finished tag write: the genres before and after, and the stamps of the file then."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    before: Stamp
    after: Stamp
    kept: bool = False  # the original lies under the scratch name until the journal lets it go
    original: Stamp | None = None  # of that, after the exchange: whoever edits it moves this
