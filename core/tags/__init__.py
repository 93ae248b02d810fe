"""Genre tags: how each format keeps them, and the one safe way to change them.

This file holds what crosses to the resident, so it imports nothing heavy.
"""

from dataclasses import dataclass

from core.stamp import Stamp

__all__ = ["TagReading", "WriteResult"]


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
class WriteResult:
    """A finished tag write: the genres before and after, and the stamps of the file then."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    before: Stamp
    after: Stamp
