"""Files that carry their tags outside the audio: ID3v2 in front, APEv2 and ID3v1 behind.

MP3 and TrueAudio, and with APEv2 as the main tag WavPack, Monkey's Audio, Musepack, TAK.
Read in the order ID3v2, APEv2, ID3v1 (turned round where APEv2 is the main tag); the main
tag is made where there is none, and the others follow it where they name a genre.
"""

from typing import BinaryIO

from core.tags.ape import ape_contents, ape_patch, find_ape, new_ape, new_ape_block
from core.tags.contents import Contents
from core.tags.guests import (
    before_audio,
    behind_audio,
    byte_is_enough,
    joined,
    patches_before,
    patches_behind,
    repeated,
    said,
)
from core.tags.id3 import block_contents, find_blocks, new_block
from core.tags.splice import Patch, size_of, splice
from core.tags.tails import tails

__all__ = ["ape_first", "audio_range", "id3_first", "write_ape_first", "write_id3_first"]


def id3_first(file: BinaryIO) -> Contents:
    """Read a file whose main tag is ID3v2.

    Where it has none, what that will repeat of the other tags counts as said already.
    """
    parts = [*before_audio(file), *behind_audio(file)]
    if not find_blocks(file):
        heir = block_contents(new_block((), said(file)))
        parts.append(Contents(genres=(), values=heir.values, raw=heir.raw))
    return joined(parts)


def ape_first(file: BinaryIO) -> Contents:
    """Read a file whose main tag is APEv2, which likewise repeats what others say."""
    behind, place = behind_audio(file), find_ape(file)
    main = behind[:1] if place else []
    parts = [*main, *before_audio(file), *behind[len(main) :]]
    if not place:
        heir = ape_contents(new_ape_block((), said(file)))
        parts.append(Contents(genres=(), values=heir.values, raw=heir.raw))
    return joined(parts)


def write_id3_first(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set the genre in the first ID3v2 tag, made where there is none, and where one stands.

    None is made where ID3v1 alone can say it. Raises WriteRefused as `repeated` does.
    """
    patches = patches_before(file, genres, first=True)
    if genres and not find_blocks(file) and not byte_is_enough(file, genres):
        patches.append(Patch(start=0, end=0, data=new_block(genres, repeated(file))))
    splice(file, [*patches, *patches_behind(file, genres)])


def write_ape_first(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set the genre in the APEv2 tag, and in others that name one.

    It is made where there is none, unless ID3v1 alone can say it. Raises WriteRefused as
    `repeated` does.
    """
    patches = patches_before(file, genres)
    if find_ape(file):
        patches += ape_patch(file, genres)
    elif genres and not byte_is_enough(file, genres):
        patches.append(new_ape(file, genres, repeated(file)))
    splice(file, [*patches, *patches_behind(file, genres, ape_too=False)])


def audio_range(file: BinaryIO) -> tuple[int, int]:
    """Return where the audio begins and ends: what no tag write may touch."""
    blocks, behind = find_blocks(file), tails(file)
    return blocks[-1][1] if blocks else 0, behind[-1].start if behind else size_of(file)
