"""Chunked containers around an ID3 tag: RIFF (WAV, also of 64 bits), IFF (AIFF, DSDIFF), DSF.

WAV is where other tag writers do most harm: wrong sizes, a chunk that becomes audio. Here
the chunks must add up to the file exactly, or nothing is written. RIFF's own genre
(INFO IGNR) is read, and kept in step where it stands; it is never created.
"""

from dataclasses import dataclass
from typing import BinaryIO, Literal

from core.errors import TagError, WriteRefused
from core.tags.contents import Contents, named, pick
from core.tags.genres import from_values
from core.tags.guests import joined
from core.tags.id3 import block_contents, block_with_genres, new_block
from core.tags.splice import Patch, size_of, slice_of, splice

__all__ = [
    "AIFF",
    "DSDIFF",
    "WAV",
    "dsf_contents",
    "iff_contents",
    "wav_contents",
    "write_dsf",
    "write_iff",
    "write_wav",
]

MOST_CHUNKS = 10_000  # more are made by zeros or malice, not by a recorder
MOST_JUNK = 1 << 16  # bytes behind the last chunk; more may be audio that a size forgot
HEAD = 8  # bytes of the name and size of an item in an INFO list
DSF_HEAD = 28
LONG = 0xFFFFFFFF  # a size of 32 bits that says "see the ds64 chunk" (EBU Tech 3306)
_TAG_MARKS = (b"ID3", b"id3 ", b"IGNR", b"APETAGEX")
_LONG_RIFF = (b"RF64", b"BW64")
_ID3_NAMES = (b"id3 ", b"ID3 ")

_INFO = {
    "artist": ("IART",),
    "album": ("IPRD",),
    "title": ("INAM",),
    "composer": ("IMUS",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a container writes its sizes, and what it calls its ID3 chunk."""

    order: Literal["little", "big"]
    width: int  # bytes of a size
    id3: bytes

    @property
    def head(self) -> int:
        """Bytes of a chunk's name and size."""
        return 4 + self.width

    @property
    def start(self) -> int:
        """Where the first chunk begins: behind the outer head and the form's name."""
        return self.head + 4


WAV = Layout(order="little", width=4, id3=b"id3 ")
AIFF = Layout(order="big", width=4, id3=b"ID3 ")
DSDIFF = Layout(order="big", width=8, id3=b"ID3 ")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    name: bytes
    start: int  # of its head
    content: int  # where its data begin
    size: int  # of its data
    inside: bool  # of the end that the container states

    @property
    def data(self) -> tuple[int, int]:
        return self.content, self.content + self.size

    @property
    def end(self) -> int:
        """Where the next chunk begins: chunks are padded to even lengths."""
        return self.content + self.size + self.size % 2


def wav_contents(file: BinaryIO) -> Contents:
    """Read a WAV file's ID3 chunk and its INFO list."""
    chunks = _chunks(file, WAV)
    info = _info_items(file, chunks)
    texts = {name.decode("latin-1"): (_info_text(data),) for name, data in info}
    outer = Contents(
        genres=from_values(texts.get("IGNR", ())),
        fields=pick(texts, _INFO),
        raw=named((name.decode("latin-1"), data) for name, data in info if name != b"IGNR"),
    )
    return _with_id3(file, chunks, WAV, outer)


def iff_contents(file: BinaryIO, layout: Layout) -> Contents:
    """Read the ID3 chunk of an AIFF or DSDIFF file."""
    return _with_id3(file, _chunks(file, layout), layout, Contents(genres=()))


def write_wav(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set the genre in the ID3 chunks (made at the end where there is none) and in IGNR."""
    chunks = _chunks(file, WAV)
    patches = [*_info_patches(file, chunks, genres), *_id3_patches(file, chunks, genres, WAV)]
    _apply(file, patches, chunks, WAV)


def write_iff(file: BinaryIO, genres: tuple[str, ...], layout: Layout) -> None:
    """Set the genre in the ID3 chunk, made at the end where there is none."""
    chunks = _chunks(file, layout)
    _apply(file, _id3_patches(file, chunks, genres, layout), chunks, layout)


def dsf_contents(file: BinaryIO) -> Contents:
    """Read the ID3 tag at the end of a DSF file."""
    total, start = _dsf_pointers(file)
    fault = None if total == size_of(file) else "the DSF header states another file size"
    if not start:
        return Contents(genres=(), unwritable=fault)
    found = block_contents(slice_of(file, start, size_of(file)))
    return Contents(
        genres=found.genres,
        version=found.version,
        fields=found.fields,
        values=found.values,
        raw=found.raw,
        unwritable=found.unwritable or fault,
    )


def write_dsf(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set the genre in the tag at the end; header sizes follow (Sony, DSF 1.01)."""
    total, start = _dsf_pointers(file)
    at = start or total
    block = slice_of(file, at, total)
    fresh = block_with_genres(block, genres) if block else new_block(genres)
    pointer = at if fresh else 0
    sizes = (at + len(fresh)).to_bytes(8, "little") + pointer.to_bytes(8, "little")
    head = Patch(start=12, end=DSF_HEAD, data=sizes)
    splice(file, [Patch(start=at, end=total, data=fresh), head])


# --- chunks ----------------------------------------------------------------------------


def _chunks(file: BinaryIO, layout: Layout) -> list[_Chunk]:
    """Return the chunks up to the end that the container states.

    Where chunks go on behind it, up to the very end of the file, readers find those, too.
    """
    size, stated = size_of(file), _stated_end(file, layout)
    found = _walk(file, layout.start, min(size, stated), layout, inside=True)
    end = _end(found, layout)
    if end > stated + 1 or stated > size + 1:  # the stated size is wrong: are the chunks right?
        found = _walk(file, layout.start, size, layout, inside=True)
    more = _walk(file, end, size, layout, inside=False) if end in (stated, stated + 1) else []
    named = all(chunk.name.strip().isalnum() for chunk in more)
    return [*found, *more] if more and named and more[-1].end in (size, size + 1) else found


def _walk(file: BinaryIO, at: int, end: int, layout: Layout, *, inside: bool) -> list[_Chunk]:
    found = list[_Chunk]()
    while at + layout.head <= end:
        head = slice_of(file, at, at + layout.head)
        size = int.from_bytes(head[4:], layout.order)
        if size == LONG and head[:4] == b"data" and _is_long(file):
            size = int.from_bytes(slice_of(file, 28, 36), "little")
        content = at + layout.head
        found.append(_Chunk(name=head[:4], start=at, content=content, size=size, inside=inside))
        at = found[-1].end
        if len(found) > MOST_CHUNKS:
            raise TagError("the file is cut into more chunks than any recorder makes")
    return found


def _is_long(file: BinaryIO) -> bool:
    """Whether sizes stand in a ds64 chunk, which must come first."""
    return slice_of(file, 0, 4) in _LONG_RIFF and slice_of(file, 12, 16) == b"ds64"


def _stated_size(file: BinaryIO, layout: Layout) -> tuple[int, int]:
    """Return where the size of the whole stands, and its width."""
    return (20, 8) if _is_long(file) else (4, layout.width)


def _stated_end(file: BinaryIO, layout: Layout) -> int:
    at, width = _stated_size(file, layout)
    return int.from_bytes(slice_of(file, at, at + width), layout.order) + layout.head


def _end(chunks: list[_Chunk], layout: Layout) -> int:
    """Return where the chunks end that the container counts as its own."""
    return max((chunk.end for chunk in chunks if chunk.inside), default=layout.start)


def _last(chunks: list[_Chunk], layout: Layout) -> int:
    """Return where the last of all chunks ends."""
    return max((chunk.end for chunk in chunks), default=layout.start)


def _fault(file: BinaryIO, chunks: list[_Chunk], layout: Layout) -> str | None:
    """Say why the sizes in this file cannot be trusted; None where they add up."""
    size, end = size_of(file), _end(chunks, layout)
    # the last chunk's padding byte is often left out, in the file or in the stated size
    odd = any(chunk.end == end and chunk.size % 2 for chunk in chunks)
    if size < end - odd or _stated_end(file, layout) not in (end - odd, end):
        return "the chunk sizes do not add up to the file"
    if any(mark in slice_of(file, _last(chunks, layout), size) for mark in _TAG_MARKS):
        return "the chunk sizes do not add up to the file: a tag stands behind them"
    if size > end + MOST_JUNK and all(chunk.inside for chunk in chunks):
        return "the chunk sizes do not add up to the file, which goes on behind them"
    return None


def _with_id3(file: BinaryIO, chunks: list[_Chunk], layout: Layout, outer: Contents) -> Contents:
    """Join what the ID3 chunks say with what the container (*outer*) says; ID3 goes first."""
    fault = _fault(file, chunks, layout)
    others = [(c.name.decode("latin-1"), str(c.size)) for c in chunks if not _is_tag(file, c)]
    behind = slice_of(file, _last(chunks, layout), size_of(file))  # another program's, or junk
    own = [chunk for chunk in chunks if chunk.name in _ID3_NAMES]
    found = joined([block_contents(slice_of(file, *chunk.data)) for chunk in own])
    raw = [*found.raw, *outer.raw, *named([*others, ("behind the container", behind)])]
    return Contents(
        genres=found.genres or outer.genres,
        version=found.version,
        fields={**outer.fields, **found.fields},
        values=tuple(sorted((*found.values, *outer.raw))),
        raw=tuple(sorted(raw)),
        unwritable=(None if _has_room(file, chunks, own) else fault) or found.unwritable,
    )


def _has_room(file: BinaryIO, chunks: list[_Chunk], own: list[_Chunk]) -> bool:
    """Whether an ID3 chunk may take a genre with no size changed, so that none need be right."""
    return bool(own) and chunks[-1].end in (size_of(file), size_of(file) + 1)


def _is_tag(file: BinaryIO, chunk: _Chunk) -> bool:
    start, _ = chunk.data
    is_info = chunk.name == b"LIST" and slice_of(file, start, start + 4) == b"INFO"
    return chunk.name in _ID3_NAMES or is_info


def _id3_patches(
    file: BinaryIO, chunks: list[_Chunk], genres: tuple[str, ...], layout: Layout
) -> list[Patch]:
    """Return patches of the first ID3 chunk, and of others that name a genre."""
    own = [chunk for chunk in chunks if chunk.name in _ID3_NAMES]
    size, patches = size_of(file), list[Patch]()
    if not own and genres:
        end = _end(chunks, layout)
        missing = bytes(max(0, end - size))  # the padding byte that the last chunk lacks
        data = missing + _chunk(layout.id3, new_block(genres), layout)
        patches.append(Patch(start=min(end, size), end=min(end, size), data=data))
    for number, chunk in enumerate(own):
        block = slice_of(file, *chunk.data)
        if number == 0 or block_contents(block).genres:
            fresh = block_with_genres(block, genres)
            data = _chunk(chunk.name, fresh, layout) if fresh else b""
            patches.append(Patch(start=chunk.start, end=min(chunk.end, size), data=data))
    return patches


def _chunk(name: bytes, data: bytes, layout: Layout) -> bytes:
    return name + len(data).to_bytes(layout.width, layout.order) + data + bytes(len(data) % 2)


def _apply(file: BinaryIO, patches: list[Patch], chunks: list[_Chunk], layout: Layout) -> None:
    """Splice, and state the new end of the chunks wherever it moves."""
    end, fault = _end(chunks, layout), _fault(file, chunks, layout)
    at, width = _stated_size(file, layout)
    grown = sum(
        len(patch.data) - (patch.end - patch.start)
        for patch in patches
        if patch.start < end or patch.start == patch.end  # not in chunks behind the stated end
    )
    fresh = min(end, size_of(file)) + grown - layout.head
    if fault and any(len(patch.data) != patch.end - patch.start for patch in patches):
        raise WriteRefused(fault)
    if fresh >= 1 << 8 * width:
        raise TagError("the file would be longer than its container allows")
    splice(file, patches)
    if grown:
        splice(file, [Patch(start=at, end=at + width, data=fresh.to_bytes(width, layout.order))])


# --- RIFF INFO -------------------------------------------------------------------------


def _info_chunks(file: BinaryIO, chunks: list[_Chunk]) -> list[_Chunk]:
    return [c for c in chunks if c.name == b"LIST" and _is_tag(file, c)]


def _info_items(file: BinaryIO, chunks: list[_Chunk]) -> list[tuple[bytes, bytes]]:
    return [
        item
        for chunk in _info_chunks(file, chunks)
        for item in _parse_info(slice_of(file, *chunk.data))
    ]


def _parse_info(data: bytes) -> list[tuple[bytes, bytes]]:
    at, found = 4, list[tuple[bytes, bytes]]()
    while at + HEAD <= len(data):
        size = int.from_bytes(data[at + 4 : at + HEAD], "little")
        if at + HEAD + size > len(data):
            raise TagError("the INFO list is damaged: an item is longer than the list")
        found.append((data[at : at + 4], data[at + HEAD : at + HEAD + size]))
        at += HEAD + size + size % 2
    return found


def _info_patches(file: BinaryIO, chunks: list[_Chunk], genres: tuple[str, ...]) -> list[Patch]:
    patches = []
    for chunk in _info_chunks(file, chunks):
        items = _parse_info(slice_of(file, *chunk.data))
        if any(name == b"IGNR" for name, _ in items):
            data = _chunk(b"LIST", _info_with(items, genres), WAV)
            patches.append(Patch(start=chunk.start, end=min(chunk.end, size_of(file)), data=data))
    return patches


def _info_with(items: list[tuple[bytes, bytes]], genres: tuple[str, ...]) -> bytes:
    """Render the list with its one genre text; several are joined, INFO knows no other way."""
    text = "; ".join(genres).encode() + b"\0"
    fresh = [(n, text if n == b"IGNR" else d) for n, d in items if genres or n != b"IGNR"]
    return b"INFO" + b"".join(_chunk(name, data, WAV) for name, data in fresh)


def _info_text(data: bytes) -> str:
    raw = data.split(b"\0")[0]
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _dsf_pointers(file: BinaryIO) -> tuple[int, int]:
    head = slice_of(file, 0, DSF_HEAD)
    return int.from_bytes(head[12:20], "little"), int.from_bytes(head[20:28], "little")
