"""iTunes metadata in MP4 (©gen, and the numeric gnre that old iTunes wrote).

A genre write replaces both by ©gen. Media is never touched; where the metadata has to
grow, the chunk offsets that point past it are moved by mutagen.
"""

from typing import BinaryIO

from mutagen.mp4 import MP4

from core.tags.contents import Contents, named, pick
from core.tags.genres import from_values

__all__ = ["mp4_contents", "write_mp4"]

GENRE = "\xa9gen"

_ATOMS = {
    "artist": ("\xa9ART",),
    "album_artist": ("aART",),
    "album": ("\xa9alb",),
    "title": ("\xa9nam",),
    "composer": ("\xa9wrt",),
    "compilation": ("cpil",),
}


def mp4_contents(file: BinaryIO) -> Contents:
    """Read the ilst atoms of an MP4 file."""
    file.seek(0)
    tags = MP4(file).tags or {}
    texts = {key: _texts(tags[key]) for key in tags}
    return Contents(
        genres=from_values(texts.get(GENRE, ())),
        version="MP4",
        fields=pick(texts, _ATOMS),
        values=named((key, repr(tags[key])) for key in tags if key != GENRE),
    )


def write_mp4(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set ©gen and drop gnre."""
    file.seek(0)
    parsed = MP4(file)
    if parsed.tags is None:
        parsed.add_tags()
    if genres:
        parsed.tags[GENRE] = list(genres)
    else:
        parsed.tags.pop(GENRE, None)
    file.seek(0)
    parsed.save(file)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("1" if value else "0",)
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()
