"""Files that carry their tags outside the audio: ID3v2 in front, APEv2 and ID3v1 behind.

MP3 and TrueAudio, and with APEv2 as the main tag WavPack, Monkey's Audio, Musepack, TAK.
Read in the order ID3v2, APEv2, ID3v1 (turned round where APEv2 is the main tag); written
so that no tag which had a genre is left with an older one. None of them is created where
another is there already to hold the genre.
"""

from typing import BinaryIO

from core.tags.ape import ape_contents, ape_patch, find_ape
from core.tags.contents import Contents
from core.tags.id3 import (
    block_contents,
    block_with_genres,
    find_blocks,
    find_v1,
    new_block,
    v1_contents,
    v1_patch,
)
from core.tags.splice import Patch, size_of, slice_of, splice

__all__ = ["ape_first", "audio_range", "id3_first", "write_ape_first", "write_id3_first"]


def id3_first(file: BinaryIO) -> Contents:
    """Read a file whose main tag is ID3v2."""
    return _joined([*_id3_parts(file), *_ape_parts(file), *_v1_parts(file)])


def ape_first(file: BinaryIO) -> Contents:
    """Read a file whose main tag is APEv2."""
    return _joined([*_ape_parts(file), *_id3_parts(file), *_v1_parts(file)])


def write_id3_first(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set the genre in the first ID3v2 tag, and wherever else a genre stands.

    A file with an APEv2 tag alone keeps that as its only tag; one without either gets ID3v2.
    """
    blocks = find_blocks(file)
    ape = find_ape(file)
    patches = _id3_patches(file, genres, first=True)
    if not blocks and ape is None and genres:
        patches.append(Patch(start=0, end=0, data=new_block(genres)))
    if ape is not None and (not blocks or ape_contents(slice_of(file, *ape)).genres):
        patches += ape_patch(file, genres, create=False)
    splice(file, [*patches, *v1_patch(file, genres)])


def write_ape_first(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set the genre in the APEv2 tag, made where there is none, and in ID3 where one stands."""
    patches = [*_id3_patches(file, genres, first=False), *ape_patch(file, genres, create=True)]
    splice(file, [*patches, *v1_patch(file, genres)])


def audio_range(file: BinaryIO) -> tuple[int, int]:
    """Return where the audio begins and ends: what no tag write may touch."""
    blocks, ape, v1 = find_blocks(file), find_ape(file), find_v1(file)
    start = blocks[-1][1] if blocks else 0
    ends = [size_of(file), *([ape[0]] if ape else []), *([v1] if v1 is not None else [])]
    return start, min(ends)


def _id3_patches(file: BinaryIO, genres: tuple[str, ...], *, first: bool) -> list[Patch]:
    """Return patches of the ID3v2 blocks that have a genre, and of the first one in any case."""
    patches = []
    for number, (start, end) in enumerate(find_blocks(file)):
        block = slice_of(file, start, end)
        if (first and number == 0) or block_contents(block).genres:
            patches.append(Patch(start=start, end=end, data=block_with_genres(block, genres)))
    return patches


def _id3_parts(file: BinaryIO) -> list[Contents]:
    return [block_contents(slice_of(file, *place)) for place in find_blocks(file)]


def _ape_parts(file: BinaryIO) -> list[Contents]:
    place = find_ape(file)
    return [ape_contents(slice_of(file, *place))] if place else []


def _v1_parts(file: BinaryIO) -> list[Contents]:
    at = find_v1(file)
    return [v1_contents(slice_of(file, at, size_of(file)))] if at is not None else []


def _joined(parts: list[Contents]) -> Contents:
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
