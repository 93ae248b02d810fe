"""Windows Media (ASF): WM/Genre, and its companion WM/GenreID that must not contradict it.

Attributes stand in up to three objects of the header (ASF specification 01.20.03, 3.11, 4.7,
4.8). Only the genre's change; the padding object takes up the difference where there is one.
Reads through mutagen, too, but does not let it write: it moves attributes between objects.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from mutagen.asf import ASF

from core.errors import TagError
from core.tags.contents import Contents, named, pick
from core.tags.genres import from_id3
from core.tags.splice import Patch, size_of, slice_of, splice

__all__ = ["asf_contents", "write_asf"]

GENRE, GENRE_ID = "WM/Genre", "WM/GenreID"
HEAD = 24  # bytes of an object's name and size
OUTER = HEAD + 6  # the header object's own: how many objects, two reserved bytes
EXTENSION_HEAD = HEAD + 22  # reserved bytes and the size of what it holds
SIZE_AT = HEAD + 16  # where the file's size stands in the file properties
TEXT = 0  # type of an attribute

DESCRIPTION = bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850")
METADATA = bytes.fromhex("eacbf8c5af5b77488467aa8c44fa4cca")
LIBRARY = bytes.fromhex("941c23449894d149a1411d134e457054")
EXTENSION = bytes.fromhex("b503bf5f2ea9cf118ee300c00c205365")
PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
PADDING = bytes.fromhex("74d40618dfca0945a4ba9aabcb96aae8")

_NAMES = {
    "artist": ("Author",),
    "album_artist": ("WM/AlbumArtist",),
    "album": ("WM/AlbumTitle",),
    "title": ("Title",),
    "composer": ("WM/Composer",),
    "compilation": ("WM/IsCompilation",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    kind: bytes
    data: bytes  # the whole object


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attribute:
    name: str
    data: bytes  # the whole attribute

    @property
    def is_genre(self) -> bool:
        return self.name in (GENRE, GENRE_ID)


def asf_contents(file: BinaryIO) -> Contents:
    """Read the attributes of an ASF file."""
    file.seek(0)
    tags = ASF(file).tags  # a second parser must agree
    texts = {key: tuple(str(value) for value in tags[key]) for key in tags.keys()}  # noqa: SIM118
    pairs = [(str(key), repr(value)) for key, value in tags if key not in (GENRE, GENRE_ID)]
    return Contents(
        genres=from_id3(texts.get(GENRE, ())),
        version="ASF",
        fields=pick(texts, _NAMES),
        values=named(pairs),
        raw=named(_pieces(_header(file)[1])),
    )


def write_asf(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set WM/Genre; WM/GenreID repeats an old genre by number and goes."""
    end, objects = _header(file)
    fresh = [_with_genres(item, genres) for item in objects]
    if genres and DESCRIPTION not in [item.kind for item in fresh]:
        empty = _object(DESCRIPTION, bytes(2))
        fresh.append(_with_genres(empty, genres))
    padded = _padded(fresh, sum(len(item.data) for item in fresh) - (end - OUTER))
    content = b"".join(item.data for item in padded)
    size = OUTER + len(content)
    outer = slice_of(file, 0, 16) + size.to_bytes(8, "little") + len(padded).to_bytes(4, "little")
    whole = outer + slice_of(file, OUTER - 2, OUTER) + _resized(padded, size_of(file), size - end)
    splice(file, [Patch(start=0, end=end, data=whole)])


# --- objects ---------------------------------------------------------------------------


def _header(file: BinaryIO) -> tuple[int, list[_Object]]:
    """Return where the header ends, and its objects."""
    outer = slice_of(file, 0, OUTER)
    end = int.from_bytes(outer[16:24], "little")
    if not OUTER <= end <= size_of(file):
        raise TagError("the ASF header is longer than the file")
    objects = _objects(slice_of(file, OUTER, end))
    if len(objects) != int.from_bytes(outer[24:28], "little"):
        raise TagError("the ASF header is damaged: it holds another number of objects than stated")
    return end, objects


def _objects(data: bytes) -> list[_Object]:
    at, found = 0, list[_Object]()
    while at < len(data):
        size = int.from_bytes(data[at + 16 : at + HEAD], "little")
        if size < HEAD or at + size > len(data):
            raise TagError("the ASF header is damaged: an object does not fit")
        found.append(_Object(kind=data[at : at + 16], data=data[at : at + size]))
        at += size
    return found


def _object(kind: bytes, content: bytes) -> _Object:
    return _Object(kind=kind, data=kind + (len(content) + HEAD).to_bytes(8, "little") + content)


def _inner(extension: _Object) -> list[_Object]:
    return _objects(extension.data[EXTENSION_HEAD:])


def _extension(old: _Object, inner: Iterable[_Object]) -> _Object:
    content = b"".join(item.data for item in inner)
    reserved = old.data[HEAD : EXTENSION_HEAD - 4]
    return _object(EXTENSION, reserved + len(content).to_bytes(4, "little") + content)


def _with_genres(item: _Object, genres: tuple[str, ...]) -> _Object:
    """Return the object without its genres; the new ones go where every reader looks."""
    if item.kind == EXTENSION:
        return _extension(item, [_with_genres(inner, ()) for inner in _inner(item)])
    if item.kind not in _ATTRIBUTES:
        return item
    attributes, rest = _attributes(item)
    places = [place for place, found in enumerate(attributes) if found.is_genre]
    kept = [found for found in attributes if not found.is_genre]
    at = places[0] if places else len(kept)
    if item.kind == DESCRIPTION:
        kept[at:at] = [_genre(genre) for genre in genres]
    elif not places:
        return item
    count = len(kept).to_bytes(2, "little")
    return _object(item.kind, count + b"".join(found.data for found in kept) + rest)


def _padded(objects: list[_Object], grown: int) -> list[_Object]:
    """Let a padding object take up what the others grew by, where one has the room."""
    for at, item in enumerate(objects):
        if item.kind == PADDING and len(item.data) - HEAD >= grown:
            fresh = _object(PADDING, bytes(len(item.data) - HEAD - grown))
            return [*objects[:at], fresh, *objects[at + 1 :]]
        if item.kind == EXTENSION and PADDING in [inner.kind for inner in _inner(item)]:
            inner = _padded(_inner(item), grown)
            return [*objects[:at], _extension(item, inner), *objects[at + 1 :]]
    return objects


def _resized(objects: list[_Object], old_size: int, grown: int) -> bytes:
    """Return the objects' bytes; a right size of the file follows, a wrong one stays."""
    right = old_size.to_bytes(8, "little")
    fresh = (old_size + grown).to_bytes(8, "little")
    return b"".join(
        item.data[:SIZE_AT] + fresh + item.data[SIZE_AT + 8 :]
        if item.kind == PROPERTIES and item.data[SIZE_AT : SIZE_AT + 8] == right
        else item.data
        for item in objects
    )


def _pieces(objects: Iterable[_Object]) -> Iterator[tuple[str, bytes]]:
    """Yield the bytes of everything that must not change."""
    for item in objects:
        if item.kind == EXTENSION:
            yield from _pieces(_inner(item))
        elif item.kind in _ATTRIBUTES:
            attributes, rest = _attributes(item)
            yield from ((found.name, found.data) for found in attributes if not found.is_genre)
            yield from [("behind the attributes", rest)] if rest else []
        elif item.kind == PROPERTIES:
            yield item.kind.hex(), item.data[HEAD:SIZE_AT] + item.data[SIZE_AT + 8 :]
        elif item.kind != PADDING:
            yield item.kind.hex(), item.data


# --- attributes ------------------------------------------------------------------------

_ATTRIBUTES = (DESCRIPTION, METADATA, LIBRARY)
_STREAM_HEAD = 12  # language, stream, sizes of name, type and size of value


def _attributes(item: _Object) -> tuple[list[_Attribute], bytes]:
    """Return an object's attributes, and the bytes behind them."""
    data, at = item.data, HEAD + 2
    found: list[_Attribute] = []
    for _ in range(int.from_bytes(data[HEAD : HEAD + 2], "little")):
        length, name = _attribute(item.kind, data[at:])
        if at + length > len(data):
            raise TagError("the ASF header is damaged: an attribute does not fit")
        found.append(_Attribute(name=name, data=data[at : at + length]))
        at += length
    return found, data[at:]


def _attribute(kind: bytes, data: bytes) -> tuple[int, str]:
    """Return the length and the name of the attribute at the start of *data*."""
    if kind == DESCRIPTION:
        end = 2 + int.from_bytes(data[:2], "little")
        name, length = data[2:end], end + 4 + int.from_bytes(data[end + 2 : end + 4], "little")
    else:
        end = _STREAM_HEAD + int.from_bytes(data[4:6], "little")
        name, length = data[_STREAM_HEAD:end], end + int.from_bytes(data[8:12], "little")
    return length, name.decode("utf-16-le", "replace").rstrip("\0")


def _genre(genre: str) -> _Attribute:
    name, value = (f"{text}\0".encode("utf-16-le") for text in (GENRE, genre))
    sizes = TEXT.to_bytes(2, "little") + len(value).to_bytes(2, "little")
    return _Attribute(name=GENRE, data=len(name).to_bytes(2, "little") + name + sizes + value)
