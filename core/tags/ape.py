"""APEv2 tags at the end of a file (wiki.hydrogenaud.io, "APEv2 specification").

The tag of WavPack, Monkey's Audio, Musepack and TAK, and a guest on MP3. Only the Genre
item's bytes change. Does not write tags that stand at the start of a file.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from mutagen.apev2 import APEBadItemError, APEv2

from core.errors import TagError
from core.tags.contents import Contents, Fields, named, pick, told
from core.tags.genres import from_values
from core.tags.splice import Patch, size_of, slice_of
from core.tags.tails import APE_FRAME, APE_HAS_HEADER, APE_MARK, Kind, find_tail, tails

__all__ = ["ape_contents", "ape_frames", "ape_patch", "find_ape", "new_ape", "new_ape_block"]

HAS_HEADER, IS_HEADER = APE_HAS_HEADER, 1 << 29
MARK, FRAME = APE_MARK, APE_FRAME
VERSION_2 = 2000
KIND = 0b110  # bits of an item's flags that say what it holds: 0 is text

_ITEMS = {
    "artist": ("artist",),
    "album_artist": ("album artist", "albumartist"),
    "album": ("album",),
    "title": ("title",),
    "composer": ("composer",),
    "compilation": ("compilation",),
}
# what an ID3 tag that is made beside an APE tag repeats of it
_AS_FRAMES = {
    "TIT2": "title",
    "TPE1": "artist",
    "TPE2": "album artist",
    "TALB": "album",
    "TCOM": "composer",
    "TDRC": "year",
    "TRCK": "track",
    "COMM": "comment",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    key: str
    data: bytes  # the whole item

    @property
    def texts(self) -> tuple[str, ...]:
        """The values of an item that holds text; none of one that holds bytes."""
        if self.data[4] & KIND:
            return ()
        raw = self.data[8 + len(self.key) + 1 :]
        return tuple(raw.decode("utf-8", "replace").split("\0"))


def find_ape(file: BinaryIO) -> tuple[int, int] | None:
    """Return (start, end) of the APEv2 tag behind the audio, whatever stands behind it."""
    tail = find_tail(file, Kind.APE)
    return (tail.start, tail.end) if tail else None


def ape_contents(block: bytes) -> Contents:
    """Read one APEv2 tag. What mutagen cannot read of it is judged by its bytes alone."""
    items, rest = _items(block)
    texts = _all_texts(items)
    others = [(item.key, item.data) for item in items if item.key.lower() != "genre"]
    others += [("bytes that are no item", rest)] if rest else []
    return Contents(
        genres=from_values(texts.get("genre", ())),
        version="APEv2",
        fields=pick(texts, _ITEMS),
        values=named(_by_mutagen(block) if items else ()),
        raw=named(others),
    )


def _all_texts(items: list[_Item]) -> dict[str, tuple[str, ...]]:
    """Return the texts by key in small letters; of a key that stands twice the first counts."""
    return {item.key.lower(): item.texts for item in reversed(items)}


def _by_mutagen(block: bytes) -> Iterator[tuple[str, str]]:
    try:
        tags = APEv2(io.BytesIO(block))
    except APEBadItemError:
        return
    yield from ((k.lower(), _value(tags[k])) for k in tags if k.lower() != "genre")


def ape_frames(block: bytes) -> dict[str, tuple[str, ...]]:
    """Return what an APEv2 tag says by ID3v2's names."""
    texts = _all_texts(_items(block)[0])
    found = {name: texts.get(key, ()) for name, key in _AS_FRAMES.items()}
    return {name: values for name, values in found.items() if any(values)}


def ape_patch(file: BinaryIO, genres: tuple[str, ...]) -> list[Patch]:
    """Return the patch that sets the Genre item of the tag there is; none without a tag."""
    found = find_ape(file)
    if found is None:
        return []
    start, end = found
    block = slice_of(file, start, end)
    items, rest = _items(block)
    keys = [item.key.lower() for item in items]
    at = keys.index("genre") if "genre" in keys else len(items)
    key = items[at].key if at < len(items) else "Genre"
    kept = [item for item in items if item.key.lower() != "genre"]
    if genres:
        kept.insert(at, _item(key, genres))
    version, _, count, flags = _fields(block[-FRAME:])
    count += len(kept) - len(items)  # a count that was wrong stays as wrong as it was
    data = _render(kept, rest, count, flags, version) if kept or rest else b""
    return [Patch(start=start, end=end, data=data)]


def new_ape(file: BinaryIO, genres: tuple[str, ...], others: Fields) -> Patch:
    """Return the patch that makes a tag with the genre, and with what *other* tags say."""
    at = _place_for_tag(file)
    return Patch(start=at, end=at, data=new_ape_block(genres, others))


def new_ape_block(genres: tuple[str, ...], others: Fields) -> bytes:
    """Return a tag for a file that has none; *others* by the names of ID3v2's frames."""
    items = [_item(_AS_FRAMES[name].title(), texts) for name, texts in others.items()]
    items += [_item("Genre", genres)] if genres else []
    return _render(items, b"", len(items), HAS_HEADER, VERSION_2)


def _place_for_tag(file: BinaryIO) -> int:
    """Return where a new APE tag goes: before ID3v1 and whatever belongs to it."""
    end = size_of(file)
    for tail in tails(file):
        if tail.kind in (Kind.V1, Kind.PLUS, Kind.LYRICS):
            end = tail.start
    return end


def _fields(frame: bytes) -> tuple[int, int, int, int]:
    """Return version, size (items and footer), number of items, flags."""
    version, size, count, flags = (
        int.from_bytes(frame[at : at + 4], "little") for at in (8, 12, 16, 20)
    )
    return version, size, count, flags


def _items(block: bytes) -> tuple[list[_Item], bytes]:
    """Return the items, up to the stated number of them, and the bytes that follow them."""
    _, size, count, _ = _fields(block[-FRAME:])
    at, end = len(block) - size, len(block) - FRAME
    found: list[_Item] = []
    while at < end and len(found) < count:
        length = int.from_bytes(block[at : at + 4], "little")
        stop = block.find(b"\0", at + 8, end)
        if stop < 0 or stop + 1 + length > end:
            raise TagError("the APE tag is damaged: an item is longer than the tag")
        data = block[at : stop + 1 + length]
        found.append(_Item(key=block[at + 8 : stop].decode("latin-1"), data=data))
        at += len(data)
    rest = block[at:end]
    if b"genre\0" in rest.lower():
        raise TagError("the APE tag is damaged: a genre stands behind its last item")
    return found, rest


def _item(key: str, texts: tuple[str, ...]) -> _Item:
    value = "\0".join(texts).encode()
    head = len(value).to_bytes(4, "little") + bytes(4) + key.encode("latin-1") + b"\0"
    return _Item(key=key, data=head + value)


def _render(items: list[_Item], rest: bytes, count: int, flags: int, version: int) -> bytes:
    body = b"".join(item.data for item in items) + rest
    common = flags & ~IS_HEADER
    numbers = (version, len(body) + FRAME, count)
    head = MARK + b"".join(number.to_bytes(4, "little") for number in numbers)
    footer = head + common.to_bytes(4, "little") + bytes(8)
    header = head + (common | IS_HEADER).to_bytes(4, "little") + bytes(8)
    return (header if flags & HAS_HEADER else b"") + body + footer


def _value(item: Any) -> str:
    return f"{item.kind} {told(item.value)}"
