"""Vorbis comments (xiph.org/vorbis/doc/v-comment.html) in FLAC and in Ogg.

Only the GENRE entries change; vendor, every other entry, its order and its bytes stay.
In FLAC the padding block takes up the difference; in Ogg the pages are laid out anew by
mutagen, which renumbers and checksums them.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import BinaryIO

from mutagen.flac import FLAC, Picture
from mutagen.ogg import OggPage

from core.errors import TagError
from core.tags.contents import Contents, named, pick
from core.tags.genres import from_values
from core.tags.guests import before_audio, behind_audio, joined, patches_before, patches_behind
from core.tags.id3 import find_blocks
from core.tags.splice import Patch, size_of, slice_of, splice

__all__ = ["flac_contents", "ogg_contents", "write_flac", "write_ogg"]

PADDING, COMMENT, PICTURE = 1, 4, 6  # FLAC metadata block types
LARGEST_BLOCK = (1 << 24) - 1

_KEYS = {
    "artist": ("artist",),
    "album_artist": ("albumartist", "album artist", "album_artist"),
    "album": ("album",),
    "title": ("title",),
    "composer": ("composer",),
    "compilation": ("compilation",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comment:
    vendor: bytes
    entries: tuple[bytes, ...]
    rest: bytes  # the framing bit of Ogg Vorbis, padding of Opus


def _parse(data: bytes) -> _Comment:
    vendor, at = _counted(data, 0)
    count = int.from_bytes(data[at : at + 4], "little")
    at += 4
    entries: list[bytes] = []
    if count > len(data):
        raise TagError("the comment block is damaged: it names more entries than it has bytes")
    for _ in range(count):
        entry, at = _counted(data, at)
        entries.append(entry)
    return _Comment(vendor=vendor, entries=tuple(entries), rest=data[at:])


def _counted(data: bytes, at: int) -> tuple[bytes, int]:
    end = at + 4 + int.from_bytes(data[at : at + 4], "little")
    if at + 4 > len(data) or end > len(data):
        raise TagError("the comment block is damaged: an entry is longer than the block")
    return data[at + 4 : end], end


def _render(comment: _Comment) -> bytes:
    parts = [_sized(comment.vendor), len(comment.entries).to_bytes(4, "little")]
    return b"".join([*parts, *map(_sized, comment.entries), comment.rest])


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + data


def _key(entry: bytes) -> str:
    return entry.split(b"=", 1)[0].decode("ascii", "replace").lower()


def _with_genres(data: bytes, genres: tuple[str, ...]) -> bytes:
    comment = _parse(data)
    keys = [_key(entry) for entry in comment.entries]
    at = keys.index("genre") if "genre" in keys else len(keys)
    spelled = comment.entries[at].split(b"=", 1)[0] if at < len(keys) else b"GENRE"
    kept = [entry for entry in comment.entries if _key(entry) != "genre"]
    kept[at:at] = [spelled + b"=" + genre.encode() for genre in genres]
    return _render(_Comment(vendor=comment.vendor, entries=tuple(kept), rest=comment.rest))


def _contents(data: bytes, version: str, others: Iterable[tuple[str, bytes]] = ()) -> Contents:
    """Read a comment block; *others* are the raw pieces of the file's other metadata."""
    comment = _parse(data)
    texts: dict[str, tuple[str, ...]] = {}
    for entry in comment.entries:
        text = entry.partition(b"=")[2].decode("utf-8", "replace")
        texts[_key(entry)] = (*texts.get(_key(entry), ()), text)
    kept = [(_key(entry), entry) for entry in comment.entries if _key(entry) != "genre"]
    said = [(key, entry.partition(b"=")[2]) for key, entry in kept]  # a name has no case
    return Contents(
        genres=from_values(texts.get("genre", ())),
        version=version,
        fields=pick(texts, _KEYS),
        values=named([*said, *others]),
        raw=named([("vendor", comment.vendor), ("rest", comment.rest), *kept, *others]),
    )


# --- FLAC ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    kind: int
    start: int  # of its four-byte header
    data: bytes


def flac_contents(file: BinaryIO) -> Contents:
    """Read a FLAC file's comment, and the tags around it, which may contradict it."""
    blocks, end = _flac_blocks(file)
    FLAC(io.BytesIO(slice_of(file, _flac_start(file), end)))  # a second parser must agree
    comments = [block.data for block in blocks if block.kind == COMMENT]
    others = [(f"block {b.kind}", b.data) for b in blocks if b.kind not in (PADDING, COMMENT)]
    comment = comments[0] if comments else _render(_Comment(vendor=b"", entries=(), rest=b""))
    found = _contents(comment, "Vorbis comment", others)
    whole = joined([found, *before_audio(file), *behind_audio(file)])
    fault = next(iter(_flac_faults(file, blocks, end)), None)
    return replace(whole, unwritable=whole.unwritable or fault)


def write_flac(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set the genre in a FLAC file, and in the tags of others that have one there."""
    blocks, end = _flac_blocks(file)
    patches = [Patch(start=_flac_start(file) + 4, end=end, data=_flac_metadata(blocks, genres))]
    splice(file, [*patches, *patches_before(file, genres), *patches_behind(file, genres)])


def _flac_start(file: BinaryIO) -> int:
    return ([0] + [end for _, end in find_blocks(file)])[-1]


def _flac_blocks(file: BinaryIO) -> tuple[list[_Block], int]:
    """Return the metadata blocks and where the audio begins."""
    at, blocks, last = _flac_start(file) + 4, list[_Block](), False
    while not last:
        head = slice_of(file, at, at + 4)
        if len(head) < 4:  # noqa: PLR2004
            raise TagError("the FLAC file ends within its metadata")
        data = slice_of(file, at + 4, at + 4 + int.from_bytes(head[1:]))
        blocks.append(_Block(kind=head[0] & 0x7F, start=at, data=data))
        last = bool(head[0] & 0x80)
        at += 4 + int.from_bytes(head[1:])
    if at > size_of(file):
        raise TagError("the FLAC file ends within its metadata")
    return blocks, at


def _flac_faults(file: BinaryIO, blocks: list[_Block], end: int) -> list[str]:
    """Say why lengths in this file cannot be trusted; such files were damaged by other tools."""
    faults = []
    if len(find_blocks(file)) > 1:
        faults.append("several ID3 tags stand before the FLAC audio, and hide it from readers")
    sync = slice_of(file, end, end + 2)
    if sync and (sync[0] != 0xFF or sync[1] & 0xFC != 0xF8):  # noqa: PLR2004
        faults.append("the FLAC metadata is damaged: no audio follows it")
    if any(_parse(block.data).rest for block in blocks if block.kind == COMMENT):
        faults.append("the FLAC metadata is damaged: its comment block has a wrong length")
    for block in blocks:
        if block.kind == PICTURE and len(Picture(block.data).write()) != len(block.data):
            faults.append("the FLAC metadata is damaged: a picture block has a wrong length")
    return faults


def _flac_metadata(blocks: list[_Block], genres: tuple[str, ...]) -> bytes:
    """Return all metadata blocks anew, of the same length wherever padding allows."""
    parts = [(block.kind, block.data) for block in blocks]
    comments = [number for number, (kind, _) in enumerate(parts) if kind == COMMENT]
    if comments:
        data = _with_genres(parts[comments[0]][1], genres)
        parts[comments[0]] = (COMMENT, data)
    elif genres:
        empty = _render(_Comment(vendor=b"", entries=(), rest=b""))
        parts.insert(1, (COMMENT, _with_genres(empty, genres)))
    if any(len(data) > LARGEST_BLOCK for _, data in parts):
        raise TagError("the FLAC comment block would be longer than the format allows")
    old = sum(4 + len(block.data) for block in blocks)
    _take_from_padding(parts, sum(4 + len(data) for _, data in parts) - old)
    heads = [bytes([kind]) + len(data).to_bytes(3) + data for kind, data in parts]
    heads[-1] = bytes([heads[-1][0] | 0x80]) + heads[-1][1:]
    return b"".join(heads)


def _take_from_padding(parts: list[tuple[int, bytes]], grown: int) -> None:
    for number, (kind, data) in enumerate(parts):
        if kind == PADDING and grown <= len(data) <= LARGEST_BLOCK + grown:
            parts[number] = (PADDING, bytes(len(data) - grown))
            return


# --- Ogg -------------------------------------------------------------------------------

# first bytes of the comment packet, by codec; Speex has none: it is the stream's second packet
_OGG_MAGIC = {"ogg": b"\x03vorbis", "opus": b"OpusTags", "speex": b"", "oggflac": b"\x84\0\0\0"}


def ogg_contents(file: BinaryIO, codec: str) -> Contents:
    """Read the comment of an Ogg file's first audio stream."""
    _, packets, prefix = _comment_packet(file, codec, headers=True)
    version = f"Vorbis comment in {codec}"
    headers = [(f"header {n}", packet) for n, packet in enumerate(packets[1:], start=3)]
    return _contents(packets[0][prefix:], version, headers)


def write_ogg(file: BinaryIO, genres: tuple[str, ...], codec: str) -> None:
    """Set the genre in an Ogg file; pages after it are renumbered where their number changes."""
    pages, packets, prefix = _comment_packet(file, codec)
    data = _with_genres(packets[0][prefix:], genres)
    lead = packets[0][:prefix]
    if codec == "oggflac":
        lead = packets[0][:1] + len(data).to_bytes(3)
    packets[0] = lead + data
    fresh = OggPage._from_packets_try_preserve(packets, pages)
    OggPage.replace(file, pages, fresh)


def _comment_packet(
    file: BinaryIO, codec: str, *, headers: bool = False
) -> tuple[list[OggPage], list[bytes], int]:
    """Return the pages that hold the comment packet, their packets, and its prefix's length.

    With *headers* as many pages more as the codec's other header packets need, and those.
    """
    file.seek(0)
    first = OggPage(file)
    while not _is_audio_head(first, codec):
        first = OggPage(file)
    wanted = _header_count(first.packets[0], codec) if headers else 1
    pages = [_next_page(file, first.serial)]
    ended = _ended(pages[0]) - pages[0].continued
    while ended < wanted:
        pages.append(_next_page(file, first.serial))
        ended += _ended(pages[-1])
    packets = OggPage.to_packets(pages, strict=False)
    magic = _OGG_MAGIC[codec]
    whole = packets[0].startswith(magic) if codec != "oggflac" else packets[0][0] & 0x7F == COMMENT
    if not whole:
        raise TagError("the Ogg file has no comment packet behind its first page")
    return pages, packets[:wanted] if headers else packets, len(magic)


def _header_count(head: bytes, codec: str) -> int:
    """Return how many header packets follow the first, the comment among them."""
    if codec == "ogg":
        return 2
    if codec == "speex":
        return 1 + int.from_bytes(head[68:72], "little")
    # Ogg FLAC may state 0 for "not known"
    return max(1, int.from_bytes(head[7:9])) if codec == "oggflac" else 1


def _ended(page: OggPage) -> int:
    """Return how many packets end on this page."""
    return len(page.packets) - int(not page.complete)


def _next_page(file: BinaryIO, serial: int) -> OggPage:
    page = OggPage(file)
    while page.serial != serial:
        page = OggPage(file)
    return page


def _is_audio_head(page: OggPage, codec: str) -> bool:
    marks = {"ogg": b"\x01vorbis", "opus": b"OpusHead", "speex": b"Speex   "}
    mark = marks.get(codec, b"\x7fFLAC")
    return bool(page.packets) and page.packets[0].startswith(mark)
