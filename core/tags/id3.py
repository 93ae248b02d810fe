"""ID3v2 blocks (id3.org 2.2.0, 2.3.0, 2.4.0) and the 128 bytes of ID3v1.

Reads frames through mutagen, but changes nothing except the bytes of the genre frame:
every other frame, known or not, keeps its bytes and its place, and the tag its version.
Does not rewrite tags with a checksum over their frames or with frames that overrun.
"""

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from mutagen.id3 import ID3

from core.errors import TagError
from core.tags.contents import Contents, named, pick, told
from core.tags.genres import from_id3, id3v1_code, id3v1_name, to_id3
from core.tags.splice import Patch, size_of, slice_of

__all__ = [
    "ID3V1_SIZE",
    "block_contents",
    "block_with_genres",
    "find_blocks",
    "find_v1",
    "new_block",
    "v1_contents",
    "v1_patch",
]

V22, V23, V24 = 2, 3, 4
HEADER = 10
SYNC, SYNC_BITS = 0xFF, 0xE0
SHORTEST_ID = 3
ID3V1_SIZE = 128
# room left where a tag has to grow, so that the next editor need not move the audio
ROOM = 1024
# 2.4 for new tags: the only version that holds several genres without a joining text,
# UTF-8, and what mutagen's own users (Picard, beets, Quod Libet) have written for a decade
NEW_VERSION = V24
# what the compressed frames of a tag may unpack to, together: a cover is a tenth of it, and a
# few kilobytes can be made to unpack to gigabytes
UNPACKED = 32 << 20
_SEPARATOR = {V22: "; ", V23: "; ", V24: "\0"}

_COMPRESSED = {V23: 0x80, V24: 0x08}  # the bit in a frame's second byte of flags

_FRAMES = {
    "artist": ("TPE1",),
    "album_artist": ("TPE2",),
    "album": ("TALB",),
    "title": ("TIT2",),
    "composer": ("TCOM",),
    "compilation": ("TCMP",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    """A parsed block: *lead* is an extended header, *rest* what follows the last frame."""

    major: int
    flags: int
    lead: bytes
    frames: tuple[tuple[str, bytes], ...]  # (frame id, the whole frame with its header)
    rest: bytes

    @property
    def genre_id(self) -> str:
        return "TCO" if self.major == V22 else "TCON"


def find_blocks(file: BinaryIO) -> list[tuple[int, int]]:
    """Return (start, end) of the ID3v2 blocks that stand one after another at the file's start."""
    found: list[tuple[int, int]] = []
    start = 0
    while (end := _block_end(slice_of(file, start, start + HEADER), start)) is not None:
        if end > size_of(file):
            raise TagError("the ID3 tag says that it is longer than the file")
        found.append((start, end))
        start = end
    return found


def block_contents(block: bytes) -> Contents:
    """Read one ID3v2 block."""
    parsed = _parse(block)
    _check_unpacked(parsed)
    tags = ID3(io.BytesIO(block), translate=False, load_v1=False)
    genre = [str(text) for frame in tags.getall("TCON") for text in frame.text]
    texts = {key: tuple(map(str, getattr(tags[key], "text", ()))) for key in tags}
    values = [(key, _value(tags[key])) for key in tags if tags[key].FrameID != "TCON"]
    return Contents(
        genres=from_id3(genre),
        version=f"ID3v2.{parsed.major}",
        fields=pick(texts, _FRAMES),
        values=named(values),
        raw=named((name, data) for name, data in parsed.frames if name != parsed.genre_id),
        unwritable=_why_unwritable(parsed),
    )


def block_with_genres(block: bytes, genres: tuple[str, ...]) -> bytes:
    """Return the block with these genres; of the same length wherever its padding allows.

    Without genres and without any other frame nothing is left: b"".
    """
    parsed = _parse(block)
    others = [(name, data) for name, data in parsed.frames if name != parsed.genre_id]
    if not genres and not others:
        return b""
    frames = [data for _, data in others]
    if genres:
        frames.insert(_genre_place(parsed), _genre_frame(parsed.major, genres))
    return _render(parsed, b"".join(frames), len(block))


def new_block(genres: tuple[str, ...]) -> bytes:
    """Return a tag for a file that has none."""
    empty = _Tag(major=NEW_VERSION, flags=0, lead=b"", frames=(), rest=b"")
    return _render(empty, _genre_frame(NEW_VERSION, genres), 0)


# --- ID3v1 -----------------------------------------------------------------------------


def find_v1(file: BinaryIO) -> int | None:
    """Return where an ID3v1 tag begins, None where there is none."""
    size = size_of(file)
    tail = slice_of(file, max(0, size - ID3V1_SIZE - 3), size)
    apart = not tail.startswith(b"APETAGEX")  # the letters TAG inside an APE mark
    if size >= ID3V1_SIZE and tail[-ID3V1_SIZE:].startswith(b"TAG") and apart:
        return size - ID3V1_SIZE
    return None


def v1_contents(block: bytes) -> Contents:
    """Read the 128 bytes of an ID3v1 tag."""
    name = id3v1_name(block[-1])
    parts = {"TIT2": block[3:33], "TPE1": block[33:63], "TALB": block[63:93]}
    texts = {key: (_v1_text(part),) for key, part in parts.items()}
    return Contents(
        genres=(name,) if name else (),
        version="ID3v1",
        fields=pick(texts, _FRAMES),
        raw=named([("ID3v1", block[:-1])]),
    )


def v1_patch(file: BinaryIO, genres: tuple[str, ...]) -> list[Patch]:
    """Return the patch of ID3v1's genre byte, where there is such a tag."""
    start = find_v1(file)
    if start is None:
        return []
    at = start + ID3V1_SIZE - 1
    return [Patch(start=at, end=at + 1, data=bytes([id3v1_code(genres)]))]


def _v1_text(raw: bytes) -> str:
    return raw.split(b"\0")[0].decode("latin-1").strip()


# --- parsing ---------------------------------------------------------------------------


def _block_end(header: bytes, start: int) -> int | None:
    if len(header) < HEADER or header[:3] != b"ID3" or any(byte & 0x80 for byte in header[6:10]):
        return None
    footer = HEADER if header[3] == V24 and header[5] & 0x10 else 0
    return start + HEADER + _synchsafe(header[6:10]) + footer


def _parse(block: bytes) -> _Tag:
    major, flags = block[3], block[5]
    if major not in _SEPARATOR:
        raise TagError(f"ID3v2.{major} tags are not known")
    body = block[HEADER : HEADER + _synchsafe(block[6:10])]
    if flags & 0x80 and major < V24:  # 2.4 does it per frame
        body = body.replace(b"\xff\x00", b"\xff")
    lead = _lead_size(body, major, flags)
    frames, end = _frames(body, lead, major)
    return _Tag(major=major, flags=flags, lead=body[:lead], frames=frames, rest=body[end:])


def _check_unpacked(tag: _Tag) -> None:
    """Raise TagError before anyone unpacks frames that were made to exhaust the memory."""
    left = UNPACKED
    for _, frame in tag.frames:
        if tag.major != V22 and frame[9] & _COMPRESSED[tag.major]:
            left -= _unpacked(frame, tag, left)
        if left < 0:
            most = UNPACKED >> 20
            raise TagError(f"compressed frames of the ID3 tag unpack to more than {most} MB")


def _unpacked(frame: bytes, tag: _Tag, most: int) -> int:
    """Return how long the frame's content is, *most* and a little where it is longer."""
    content = frame[HEADER:]
    if tag.major == V24 and (frame[9] & 0x02 or tag.flags & 0x80):
        content = content.replace(b"\xff\x00", b"\xff")
    for skipped in (4, 0):  # a length stands before it, but not in all files
        try:
            return len(zlib.decompressobj().decompress(content[skipped:], most + 1))
        except zlib.error:
            continue
    return 0


def _lead_size(body: bytes, major: int, flags: int) -> int:
    """Return the size of an extended header; 0 where the flag is set but frames follow."""
    if not flags & 0x40 or major == V22 or body[:4].isalnum():
        return 0
    return 4 + int.from_bytes(body[:4]) if major == V23 else _synchsafe(body[:4])


def _frames(body: bytes, start: int, major: int) -> tuple[tuple[tuple[str, bytes], ...], int]:
    """Return the frames from *start* on and where they end.

    Old iTunes wrote 2.4 sizes as plain numbers: that reading is taken where only it fits.
    """
    found, end = _walk(body, start, major, synchsafe=major == V24)
    if major == V24 and body[end:].strip(b"\0"):
        plain, plain_end = _walk(body, start, major, synchsafe=False)
        if not body[plain_end:].strip(b"\0"):
            return plain, plain_end
    return found, end


def _walk(
    body: bytes, start: int, major: int, *, synchsafe: bool
) -> tuple[tuple[tuple[str, bytes], ...], int]:
    letters, head = (3, 6) if major == V22 else (4, HEADER)
    found, at = [], start
    while at + head <= len(body):
        name, size = body[at : at + letters], body[at + letters : at + 2 * letters]
        length = _synchsafe(size) if synchsafe else int.from_bytes(size)
        end = at + head + length
        known = name.rstrip(b"\0 ")  # old iTunes padded the ids of 2.2 with a NUL
        if (
            len(known) < SHORTEST_ID
            or not known.isalnum()
            or not known.isupper()
            or end > len(body)
        ):
            break
        found.append((known.decode("ascii"), body[at:end]))
        at = end
    return tuple(found), at


def _synchsafe(raw: bytes) -> int:
    value = 0
    for byte in raw:
        value = value << 7 | byte & 0x7F
    return value


def _value(frame: object) -> str:
    """Every attribute of a frame but its text encoding, which is no part of what it says."""
    return repr(sorted(item for item in _attributes(frame) if item[0] != "encoding"))


def _attributes(frame: object) -> Iterator[tuple[str, str]]:
    for name, value in vars(frame).items():
        yield name, told(value)


def _why_unwritable(tag: _Tag) -> str | None:
    if tag.rest.strip(b"\0"):
        return "the ID3 tag is damaged: bytes that are no frame stand behind its frames"
    if tag.lead and _has_checksum(tag):
        return "the ID3 tag carries a checksum, which we do not keep up"
    return None


def _has_checksum(tag: _Tag) -> bool:
    if tag.major == V23:
        return bool(tag.lead[4] & 0x80)
    return bool(tag.lead[5:6]) and bool(tag.lead[5] & 0x20)


# --- rendering -------------------------------------------------------------------------


def _genre_frame(major: int, genres: tuple[str, ...]) -> bytes:
    text = _SEPARATOR[major].join(to_id3(genre) for genre in genres)
    content = _encoded(text, major)
    if major == V22:
        return b"TCO" + len(content).to_bytes(3) + content
    size = _as_synchsafe(len(content)) if major == V24 else len(content).to_bytes(4)
    return b"TCON" + size + b"\0\0" + content


def _genre_place(tag: _Tag) -> int:
    """Where the genre stood, else behind the last text frame, so before pictures."""
    names = [name for name, _ in tag.frames]
    if tag.genre_id in names:
        return names.index(tag.genre_id)
    return max((at for at, name in enumerate(names, start=1) if name[0] == "T"), default=0)


def _encoded(text: str, major: int) -> bytes:
    """Latin-1 where the text fits, else UTF-8 in 2.4 and UTF-16 before, which had no UTF-8."""
    try:
        return b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        if major == V24:
            return b"\3" + text.encode()
        return b"\1\xff\xfe" + text.encode("utf-16-le")


def _as_synchsafe(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))


def _render(tag: _Tag, frames: bytes, old_size: int) -> bytes:
    footer = bool(tag.flags & 0x10) and tag.major == V24
    around = HEADER * (2 if footer else 1)
    lead = tag.lead
    content = _stored(lead + frames, tag)
    padding = old_size - around - len(content)
    if footer:
        padding = 0  # the standard forbids padding before a footer
    elif padding < 0:
        padding = ROOM
    if tag.major == V23 and len(lead) >= HEADER:  # it states the padding's size
        content = _stored(lead[:6] + padding.to_bytes(4) + lead[10:] + frames, tag)
    size = len(content) + padding
    tail = bytes([tag.major, 0, tag.flags]) + _as_synchsafe(size)
    return b"ID3" + tail + content + bytes(padding) + (b"3DI" + tail if footer else b"")


def _stored(content: bytes, tag: _Tag) -> bytes:
    """Undo for storage what `_parse` resolved: no false MPEG sync in an unsynchronised tag."""
    if not tag.flags & 0x80 or tag.major == V24:
        return content
    out, previous = bytearray(), 0
    for byte in content:
        if previous == SYNC and (byte >= SYNC_BITS or not byte):
            out.append(0)
        out.append(byte)
        previous = byte
    if previous == SYNC:
        out.append(0)
    return bytes(out)
