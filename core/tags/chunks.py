"""Chunked containers around an ID3 tag: RIFF (WAV), IFF (AIFF), and DSF.

WAV is where other tag writers do most harm: wrong sizes, a chunk that becomes audio. Here
the chunks must add up to the file exactly, or nothing is written. RIFF's own genre
(INFO IGNR) is read, and kept in step where it stands; it is never created.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Literal

from core.errors import TagError
from core.tags.contents import Contents, named, pick
from core.tags.genres import from_values
from core.tags.id3 import block_contents, block_with_genres, new_block
from core.tags.splice import Patch, size_of, slice_of, splice

__all__ = ["aiff_contents", "dsf_contents", "wav_contents", "write_aiff", "write_dsf", "write_wav"]

Order = Literal["little", "big"]
HEAD = 8  # bytes of a chunk's name and size
START = 12  # where the first chunk begins
DSF_HEAD = 28
_ID3_NAMES = (b"id3 ", b"ID3 ")

_INFO = {
    "artist": ("IART",),
    "album": ("IPRD",),
    "title": ("INAM",),
    "composer": ("IMUS",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    name: bytes
    start: int  # of its head
    size: int  # of its data

    @property
    def data(self) -> tuple[int, int]:
        return self.start + HEAD, self.start + HEAD + self.size

    @property
    def end(self) -> int:
        """Where the next chunk begins: chunks are padded to even lengths."""
        return self.start + HEAD + self.size + self.size % 2


def wav_contents(file: BinaryIO) -> Contents:
    """Read a WAV file's ID3 chunk and its INFO list."""
    chunks = _chunks(file, "little")
    info = _info_items(file, chunks)
    texts = {name.decode("latin-1"): (_info_text(data),) for name, data in info}
    outer = Contents(
        genres=from_values(texts.get("IGNR", ())),
        fields=pick(texts, _INFO),
        raw=named((name.decode("latin-1"), data) for name, data in info if name != b"IGNR"),
    )
    return _with_id3(file, chunks, "little", outer)


def aiff_contents(file: BinaryIO) -> Contents:
    """Read an AIFF file's ID3 chunk."""
    return _with_id3(file, _chunks(file, "big"), "big", Contents(genres=()))


def write_wav(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set the genre in the ID3 chunk (made at the end where there is none) and in IGNR."""
    chunks = _chunks(file, "little")
    patches = [*_info_patches(file, chunks, genres), *_id3_patches(file, chunks, genres, "little")]
    _apply(file, patches, "little")


def write_aiff(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set the genre in the ID3 chunk, made at the end where there is none."""
    _apply(file, _id3_patches(file, _chunks(file, "big"), genres, "big"), "big")


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


def _chunks(file: BinaryIO, order: Order) -> list[_Chunk]:
    at, size, found = START, size_of(file), list[_Chunk]()
    while at + HEAD <= size:
        head = slice_of(file, at, at + HEAD)
        chunk = _Chunk(name=head[:4], start=at, size=int.from_bytes(head[4:], order))
        found.append(chunk)
        at = chunk.end
    return found


def _fault(file: BinaryIO, chunks: list[_Chunk], order: Order) -> str | None:
    """Say why the sizes in this file cannot be trusted; None where they add up."""
    size = size_of(file)
    stated = int.from_bytes(slice_of(file, 4, HEAD), order) + HEAD
    end = chunks[-1].end if chunks else START
    # the last chunk's padding byte is often left out, in the file or in the stated size
    whole = end == size or (end - 1 == size and chunks[-1].size % 2 == 1)
    if not whole or stated not in (size, end, end - chunks[-1].size % 2):
        return "the chunk sizes do not add up to the file"
    if sum(chunk.name in _ID3_NAMES for chunk in chunks) > 1:
        return "the file has several ID3 chunks"
    return None


def _with_id3(file: BinaryIO, chunks: list[_Chunk], order: Order, outer: Contents) -> Contents:
    """Join what the ID3 chunk says with what the container (*outer*) says; ID3 goes first."""
    fault = _fault(file, chunks, order)
    others = named((c.name.decode("latin-1"), str(c.size)) for c in chunks if not _is_tag(file, c))
    own = [chunk for chunk in chunks if chunk.name in _ID3_NAMES]
    found = block_contents(slice_of(file, *own[0].data)) if own else Contents(genres=())
    return Contents(
        genres=found.genres or outer.genres,
        version=found.version,
        fields={**outer.fields, **found.fields},
        values=tuple(sorted((*found.values, *outer.raw))),
        raw=tuple(sorted((*found.raw, *outer.raw, *others))),
        unwritable=fault or found.unwritable,
    )


def _is_tag(file: BinaryIO, chunk: _Chunk) -> bool:
    start, _ = chunk.data
    is_info = chunk.name == b"LIST" and slice_of(file, start, start + 4) == b"INFO"
    return chunk.name in _ID3_NAMES or is_info


def _id3_patches(
    file: BinaryIO, chunks: list[_Chunk], genres: tuple[str, ...], order: Order
) -> list[Patch]:
    own = [chunk for chunk in chunks if chunk.name in _ID3_NAMES]
    if not own:
        end = chunks[-1].end
        missing = bytes(end - size_of(file))  # the padding byte that the last chunk lacks
        name = b"id3 " if order == "little" else b"ID3 "
        data = missing + _chunk(name, new_block(genres), order) if genres else b""
        return [Patch(start=size_of(file), end=size_of(file), data=data)]
    block = block_with_genres(slice_of(file, *own[0].data), genres)
    data = _chunk(own[0].name, block, order) if block else b""
    return [Patch(start=own[0].start, end=min(own[0].end, size_of(file)), data=data)]


def _chunk(name: bytes, data: bytes, order: Order) -> bytes:
    return name + len(data).to_bytes(4, order) + data + bytes(len(data) % 2)


def _apply(file: BinaryIO, patches: Iterable[Patch], order: Order) -> None:
    splice(file, patches)
    size = size_of(file) - HEAD
    if size >= 1 << 32:
        raise TagError("the file would be longer than its container allows")
    splice(file, [Patch(start=4, end=HEAD, data=size.to_bytes(4, order))])


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
            data = _chunk(b"LIST", _info_with(items, genres), "little")
            patches.append(Patch(start=chunk.start, end=min(chunk.end, size_of(file)), data=data))
    return patches


def _info_with(items: list[tuple[bytes, bytes]], genres: tuple[str, ...]) -> bytes:
    """Render the list with its one genre text; several are joined, INFO knows no other way."""
    text = "; ".join(genres).encode() + b"\0"
    fresh = [(n, text if n == b"IGNR" else d) for n, d in items if genres or n != b"IGNR"]
    return b"INFO" + b"".join(_chunk(name, data, "little") for name, data in fresh)


def _info_text(data: bytes) -> str:
    raw = data.split(b"\0")[0]
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _dsf_pointers(file: BinaryIO) -> tuple[int, int]:
    head = slice_of(file, 0, DSF_HEAD)
    return int.from_bytes(head[12:20], "little"), int.from_bytes(head[20:28], "little")
