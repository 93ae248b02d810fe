"""Windows Media (ASF): WM/Genre, and its companion WM/GenreID that must not contradict it."""

from typing import BinaryIO

from mutagen.asf import ASF

from core.tags.contents import Contents, named, pick
from core.tags.genres import from_id3

__all__ = ["asf_contents", "write_asf"]

GENRE, GENRE_ID = "WM/Genre", "WM/GenreID"

_NAMES = {
    "artist": ("Author",),
    "album_artist": ("WM/AlbumArtist",),
    "album": ("WM/AlbumTitle",),
    "title": ("Title",),
    "composer": ("WM/Composer",),
    "compilation": ("WM/IsCompilation",),
}


def asf_contents(file: BinaryIO) -> Contents:
    """Read the attributes of an ASF file."""
    file.seek(0)
    tags = ASF(file).tags
    texts = {key: tuple(str(value) for value in tags[key]) for key in tags.keys()}  # noqa: SIM118
    pairs = [(str(key), repr(value)) for key, value in tags if key not in (GENRE, GENRE_ID)]
    return Contents(
        genres=from_id3(texts.get(GENRE, ())),
        version="ASF",
        fields=pick(texts, _NAMES),
        values=named(pairs),
    )


def write_asf(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set WM/Genre; WM/GenreID repeats an old genre by number and goes."""
    file.seek(0)
    parsed = ASF(file)
    for key in (GENRE, GENRE_ID):
        if key in parsed.tags:
            del parsed.tags[key]
    if genres:
        parsed.tags[GENRE] = list(genres)
    file.seek(0)
    parsed.save(file)
