"""APEv2 tags at the end of a file (wiki.hydrogenaud.io, "APEv2 specification").

The tag of WavPack, Monkey's Audio, Musepack and TAK, and a guest on MP3. Only the Genre
item's bytes change. Does not write tags that stand at the start of a file.
"""

import io
from dataclasses import dataclass
from typing import Any, BinaryIO

from mutagen.apev2 import APEv2

from core.errors import TagError
from core.tags.contents import Contents, named, pick, told
from core.tags.genres import from_values
from core.tags.id3 import find_v1
from core.tags.splice import Patch, size_of, slice_of

__all__ = ["ape_contents", "ape_patch", "find_ape"]

MARK = b"APETAGEX"
FRAME = 32  # bytes of a header, and of a footer
HAS_HEADER, IS_HEADER = 1 << 31, 1 << 29
VERSION_2 = 2000
_LYRICS = b"LYRICS200"

_ITEMS = {
    "artist": ("artist",),
    "album_artist": ("album artist", "albumartist"),
    "album": ("album",),
    "title": ("title",),
    "composer": ("composer",),
    "compilation": ("compilation",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    key: str
    data: bytes  # the whole item


def find_ape(file: BinaryIO) -> tuple[int, int] | None:
    """Return (start, end) of the APEv2 tag at the end, before ID3v1 and Lyrics3 if those stand."""
    end = _end_of_tag(file)
    footer = slice_of(file, end - FRAME, end) if end >= FRAME else b""
    if not footer.startswith(MARK):
        return None
    version, size, _, flags = _fields(footer)
    start = end - size - (FRAME if flags & HAS_HEADER else 0)
    if version not in (1000, VERSION_2) or size < FRAME or start < 0:
        raise TagError("the APE tag is damaged: its size does not fit the file")
    return start, end


def ape_contents(block: bytes) -> Contents:
    """Read one APEv2 tag."""
    items = _items(block)
    tags = APEv2(io.BytesIO(block))
    texts = {key.lower(): _texts(tags[key]) for key in tags}
    return Contents(
        genres=from_values(texts.get("genre", ())),
        version="APEv2",
        fields=pick(texts, _ITEMS),
        values=named((k.lower(), _value(tags[k])) for k in tags if k.lower() != "genre"),
        raw=named((item.key, item.data) for item in items if item.key.lower() != "genre"),
    )


def ape_patch(file: BinaryIO, genres: tuple[str, ...], *, create: bool) -> list[Patch]:
    """Return the patch that sets the Genre item; none where there is no tag nor may be one."""
    found = find_ape(file)
    if found is None:
        at = _end_of_tag(file)
        items = [_genre_item("Genre", genres)] if genres and create else []
        return [Patch(start=at, end=at, data=_render(items, HAS_HEADER))] if items else []
    start, end = found
    block = slice_of(file, start, end)
    items = _items(block)
    keys = [item.key.lower() for item in items]
    at = keys.index("genre") if "genre" in keys else len(items)
    key = items[at].key if at < len(items) else "Genre"
    kept = [item for item in items if item.key.lower() != "genre"]
    if genres:
        kept.insert(at, _genre_item(key, genres))
    flags = _fields(block[-FRAME:])[3]
    return [Patch(start=start, end=end, data=_render(kept, flags) if kept else b"")]


def _end_of_tag(file: BinaryIO) -> int:
    """Return where an APE tag ends, or would: before ID3v1 and the lyrics before that."""
    v1 = find_v1(file)
    if v1 is None:
        return size_of(file)
    tail = slice_of(file, v1 - len(_LYRICS) - 6, v1)
    if tail.endswith(_LYRICS) and tail[:6].isdigit():
        return v1 - len(_LYRICS) - 6 - int(tail[:6])
    return v1


def _fields(frame: bytes) -> tuple[int, int, int, int]:
    """Return version, size (items and footer), number of items, flags."""
    version, size, count, flags = (
        int.from_bytes(frame[at : at + 4], "little") for at in (8, 12, 16, 20)
    )
    return version, size, count, flags


def _items(block: bytes) -> list[_Item]:
    _, size, count, _ = _fields(block[-FRAME:])
    at, end = len(block) - size, len(block) - FRAME
    found: list[_Item] = []
    for _ in range(count):
        length = int.from_bytes(block[at : at + 4], "little")
        stop = block.find(b"\0", at + 8, end)
        if stop < 0 or stop + 1 + length > end:
            raise TagError("the APE tag is damaged: an item is longer than the tag")
        key = block[at + 8 : stop].decode("latin-1")
        found.append(_Item(key=key, data=block[at : stop + 1 + length]))
        at = stop + 1 + length
    if at != end:
        raise TagError("the APE tag is damaged: its items do not fill it")
    return found


def _genre_item(key: str, genres: tuple[str, ...]) -> _Item:
    value = "\0".join(genres).encode()
    head = len(value).to_bytes(4, "little") + bytes(4) + key.encode("latin-1") + b"\0"
    return _Item(key=key, data=head + value)


def _render(items: list[_Item], flags: int) -> bytes:
    body = b"".join(item.data for item in items)
    common = flags & ~IS_HEADER
    numbers = (VERSION_2, len(body) + FRAME, len(items))
    head = MARK + b"".join(number.to_bytes(4, "little") for number in numbers)
    footer = head + common.to_bytes(4, "little") + bytes(8)
    header = head + (common | IS_HEADER).to_bytes(4, "little") + bytes(8)
    return (header if flags & HAS_HEADER else b"") + body + footer


def _value(item: Any) -> str:
    return f"{item.kind} {told(item.value)}"


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(value).split("\0")) if getattr(value, "kind", 0) == 0 else ()
