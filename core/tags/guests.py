"""Tags that stand around the audio beside a file's main tag, and their genres.

One rule for all of them: a tag that names a genre is kept in step with the main one, so
that no reader finds an older genre; a tag that names none is left as it is, byte for byte.
"""

from typing import BinaryIO

from core.errors import WriteRefused
from core.tags.ape import ape_contents, ape_frames, ape_patch
from core.tags.contents import Contents
from core.tags.genres import id3v1_says
from core.tags.id3 import (
    block_contents,
    block_texts,
    block_with_genres,
    find_blocks,
    plus_contents,
    v1_contents,
    v1_frames,
    v1_patches,
)
from core.tags.splice import Patch, slice_of
from core.tags.tails import Kind, Tail, tails

__all__ = [
    "before_audio",
    "behind_audio",
    "byte_is_enough",
    "joined",
    "patches_before",
    "patches_behind",
    "repeated",
    "said",
]

# which tag behind the audio is heard first
_HEARD = (Kind.APE, Kind.ID3, Kind.PLUS, Kind.V1)


def before_audio(file: BinaryIO) -> list[Contents]:
    """Read the ID3v2 tags at the start of a file."""
    return [block_contents(slice_of(file, *place)) for place in find_blocks(file)]


def behind_audio(file: BinaryIO) -> list[Contents]:
    """Read the tags behind the audio."""
    found = sorted(tails(file), key=lambda tail: [*_HEARD, Kind.LYRICS].index(tail.kind))
    return [_contents(file, tail) for tail in found if tail.kind in _HEARD]


def patches_before(file: BinaryIO, genres: tuple[str, ...], *, first: bool = False) -> list[Patch]:
    """Return patches of the ID3v2 blocks that have a genre; with *first* of that in any case."""
    patches = []
    for number, (start, end) in enumerate(find_blocks(file)):
        block = slice_of(file, start, end)
        if (first and number == 0) or block_contents(block).genres:
            patches.append(Patch(start=start, end=end, data=block_with_genres(block, genres)))
    return patches


def patches_behind(file: BinaryIO, genres: tuple[str, ...], *, ape_too: bool = True) -> list[Patch]:
    """Return patches of the tags behind the audio that have a genre (*ape_too*: APEv2, too)."""
    patches = v1_patches(file, genres)
    for tail in tails(file):
        block = slice_of(file, tail.start, tail.end)
        if tail.kind is Kind.ID3 and block_contents(block).genres:
            data = block_with_genres(block, genres)
            patches.append(Patch(start=tail.start, end=tail.end, data=data))
        elif tail.kind is Kind.APE and ape_too and ape_contents(block).genres:
            patches += ape_patch(file, genres)
    return patches


def joined(parts: list[Contents]) -> Contents:
    """Join several tags of one file: the first that says something about a field is heard."""
    fields: dict[str, tuple[str, ...]] = {}
    for part in reversed(parts):
        fields |= part.fields
    return Contents(
        genres=next((part.genres for part in parts if part.genres), ()),
        version=" ".join(part.version for part in parts),
        fields=fields,
        values=tuple(sorted(value for part in parts for value in part.values)),
        raw=tuple(sorted(piece for part in parts for piece in part.raw)),
        unwritable=next((part.unwritable for part in parts if part.unwritable), None),
    )


def said(file: BinaryIO, *, but: Kind | None = None) -> dict[str, tuple[str, ...]]:
    """Return what the tags (*but* those behind the audio of a kind) say by ID3v2's names.

    Without genres; ID3v1's fields may be cut short.
    """
    said: dict[str, tuple[str, ...]] = {}
    for place in find_blocks(file):
        said = block_texts(slice_of(file, *place)) | said
    for tail in sorted(tails(file), key=lambda tail: tail.kind is Kind.V1):
        block = slice_of(file, tail.start, tail.end)
        if tail.kind in (Kind.V1, Kind.APE) and tail.kind is not but:
            read = v1_frames if tail.kind is Kind.V1 else ape_frames
            said = read(block) | said
    return said


def byte_is_enough(file: BinaryIO, genres: tuple[str, ...]) -> bool:
    """Say whether ID3v1, where it is a file's only tag, can name the genre by its byte.

    Then no other tag is made: players that read this file at all read ID3v1, and its short
    texts are not made to stand in for the fields of a longer tag.
    """
    behind = {tail.kind for tail in tails(file)}
    alone = Kind.V1 in behind and not find_blocks(file) and not {Kind.APE, Kind.ID3} & behind
    return alone and id3v1_says(genres)


def repeated(file: BinaryIO) -> dict[str, tuple[str, ...]]:
    """Return what a new main tag must repeat: many readers stop at it and show nothing else.

    Raises WriteRefused where that stands in ID3v1 alone and is not ASCII. Its encoding is
    written nowhere: players take it for Latin-1, for UTF-8 or for the code page of their
    system, so whatever a new tag said would be another text in some of them.
    """
    texts, elsewhere = said(file), said(file, but=Kind.V1)
    alone = [text for name, values in texts.items() if name not in elsewhere for text in values]
    if not all(map(str.isascii, alone)):
        raise WriteRefused(
            "its ID3v1 tag has letters beyond ASCII, which players read differently, and a "
            "new tag would have to choose one reading",
            None,
            "save its title and artist in an ID3v2 tag first, with any tag editor",
        )
    return texts


def _contents(file: BinaryIO, tail: Tail) -> Contents:
    readers = {
        Kind.APE: ape_contents,
        Kind.ID3: block_contents,
        Kind.PLUS: plus_contents,
        Kind.V1: v1_contents,
    }
    return readers[tail.kind](slice_of(file, tail.start, tail.end))
