"""ID3v2 blocks (id3.org 2.2.0, 2.3.0, 2.4.0) and the 128 bytes of ID3v1.

Reads frames through mutagen, but changes nothing except the bytes of the genre frame:
every other frame, known or not, keeps its bytes and its place, and the tag its version.
Does not rewrite tags with a checksum over their frames, or a genre beyond a damaged place.
"""

import io
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from mutagen.id3 import ID3

from core.errors import TagError
from core.tags.contents import Contents, Fields, named, pick, told
from core.tags.genres import from_id3, id3v1_code, id3v1_name, to_id3
from core.tags.splice import Patch, size_of, slice_of
from core.tags.tails import Kind, tails

__all__ = [
    "block_contents",
    "block_texts",
    "block_with_genres",
    "find_blocks",
    "new_block",
    "plus_contents",
    "v1_contents",
    "v1_frames",
    "v1_patches",
]

V22, V23, V24 = 2, 3, 4
HEADER = 10
SYNC, SYNC_BITS = 0xFF, 0xE0
SHORTEST_ID = 3
# room left where a tag has to grow, so that the next editor need not move the audio
ROOM = 1024
MARK = 10  # zeros that end the frames for every reader
# 2.4 for new tags: the only version that holds several genres without a joining text,
# UTF-8, and what mutagen's own users (Picard, beets, Quod Libet) have written for a decade
NEW_VERSION = V24
# what the compressed frames of a tag may unpack to, together: a cover is a tenth of it, and a
# few kilobytes can be made to unpack to gigabytes
UNPACKED = 32 << 20
_PLUS_GENRE = slice(185, 215)  # bytes of a "TAG+" block
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
_KNOWN_ELSEWHERE = ("TIT2", "TPE1", "TPE2", "TALB", "TCOM", "TDRC", "TRCK", "COMM")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    """A parsed block: *lead* is an extended header, *rest* what follows the last frame.

    Frames and rest are the bytes as they are stored, unsynchronised or not.
    """

    major: int
    flags: int
    lead: bytes
    frames: tuple[tuple[str, bytes], ...]  # (frame id, the whole frame with its header)
    rest: bytes
    plain: bool = False  # 2.4 sizes as plain numbers, as old iTunes wrote them

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
    others = [(name, data) for name, data in parsed.frames if name != parsed.genre_id]
    junk = parsed.rest.strip(b"\0")
    others += [("bytes that are no frame", junk)] if junk else []
    return Contents(
        genres=from_id3(genre),
        version=f"ID3v2.{parsed.major}",
        fields=pick(texts, _FRAMES),
        values=named(values),
        raw=named(others),
        unwritable=_why_unwritable(parsed),
    )


def block_texts(block: bytes) -> dict[str, tuple[str, ...]]:
    """Return the texts of the frames that other kinds of tags know, too, by their names."""
    _check_unpacked(_parse(block))
    tags = ID3(io.BytesIO(block), load_v1=False)
    found = {name: tags.getall(name) for name in _KNOWN_ELSEWHERE}
    return {name: tuple(map(str, frames[0].text)) for name, frames in found.items() if frames}


def block_with_genres(block: bytes, genres: tuple[str, ...]) -> bytes:
    """Return the block with these genres; of the same length wherever its padding allows.

    Without genres and without any other frame nothing is left: b"".
    """
    parsed = _parse(block)
    others = [(name, data) for name, data in parsed.frames if name != parsed.genre_id]
    if not genres and not others and not parsed.rest.strip(b"\0"):
        return b""
    frames = [data for _, data in others]
    if genres:
        frames.insert(_genre_place(parsed), _stored(_genre_frame(parsed, genres), parsed))
    return _render(parsed, b"".join(frames), len(block))


def new_block(genres: tuple[str, ...], others: Fields | None = None) -> bytes:
    """Return a tag for a file that has none, with what its *other* tags say (texts by frame).

    Many readers stop at the first tag: without these the others' fields would be hidden.
    """
    empty = _Tag(major=NEW_VERSION, flags=0, lead=b"", frames=(), rest=b"")
    frames = b"".join(_text_frame(name, texts) for name, texts in (others or {}).items() if texts)
    genre = _genre_frame(empty, genres) if genres else b""
    return _render(empty, frames + genre, 0)


def _text_frame(name: str, texts: tuple[str, ...]) -> bytes:
    content = _encoded("\0".join(texts), NEW_VERSION)
    if name == "COMM":
        content = content[:1] + b"eng\0" + content[1:]
    return name.encode() + _as_synchsafe(len(content)) + b"\0\0" + content


# --- ID3v1 -----------------------------------------------------------------------------


def v1_contents(block: bytes) -> Contents:
    """Read the 128 bytes of an ID3v1 tag."""
    name = id3v1_name(block[-1])
    return Contents(
        genres=(name,) if name else (),
        version="ID3v1",
        fields=pick(v1_frames(block), _FRAMES),
        raw=named([("ID3v1", block[:-1])]),
    )


def v1_frames(block: bytes) -> dict[str, tuple[str, ...]]:
    """Return what an ID3v1 tag says by ID3v2's names; ID3v1.1 has a track in its comment."""
    comment, track = block[97:127], ""
    if not comment[28] and comment[29]:
        comment, track = comment[:28], str(comment[29])
    parts = {"TIT2": block[3:33], "TPE1": block[33:63], "TALB": block[63:93]}
    parts |= {"TDRC": block[93:97], "COMM": comment}
    texts = {name: _v1_text(raw) for name, raw in parts.items()} | {"TRCK": track}
    return {name: (text,) for name, text in texts.items() if text}


def v1_patches(file: BinaryIO, genres: tuple[str, ...]) -> list[Patch]:
    """Return patches of ID3v1's genre byte, and of the genre text of its longer form."""
    patches = []
    for tail in tails(file):
        if tail.kind is Kind.V1:
            code = bytes([id3v1_code(genres)])
            patches.append(Patch(start=tail.end - 1, end=tail.end, data=code))
        elif tail.kind is Kind.PLUS and plus_genre(slice_of(file, tail.start, tail.end)):
            at = tail.start + _PLUS_GENRE.start
            data = _plus_text(genres)
            patches.append(Patch(start=at, end=at + len(data), data=data))
    return patches


def plus_contents(block: bytes) -> Contents:
    """Read the "TAG+" block that some programs put before an ID3v1 tag."""
    rest = block[: _PLUS_GENRE.start] + block[_PLUS_GENRE.stop :]
    genre = plus_genre(block)
    return Contents(
        genres=(genre,) if genre else (),
        version="TAG+",
        raw=named([("TAG+", rest)]),
    )


def plus_genre(block: bytes) -> str:
    """Return the genre text of a "TAG+" block, often empty."""
    return _v1_text(block[_PLUS_GENRE])


def _plus_text(genres: tuple[str, ...]) -> bytes:
    length = _PLUS_GENRE.stop - _PLUS_GENRE.start
    text = genres[0].encode("latin-1", "ignore") if genres else b""
    return text[:length].ljust(length, b"\0")


def _v1_text(raw: bytes) -> str:
    """Latin-1 by the book; UTF-8 where it is that, as many programs wrote."""
    text = raw.split(b"\0")[0]
    try:
        return text.decode().strip()
    except UnicodeDecodeError:
        return text.decode("latin-1").strip()


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
    stored = block[HEADER : HEADER + _synchsafe(block[6:10])]
    body, removed = _resolved(stored) if _is_unsynchronised(major, flags) else (stored, [])
    lead = _lead_size(body, major, flags)
    spans, plain = _spans(body, lead, major)
    at = [where + bisect_right(removed, where) for where in (lead, *(end for *_, end in spans))]
    frames = [(span[0], stored[a:b]) for span, (a, b) in zip(spans, pairwise(at), strict=True)]
    rest = stored[at[-1] :]
    return _Tag(
        major=major, flags=flags, lead=body[:lead], frames=tuple(frames), rest=rest, plain=plain
    )


def _is_unsynchronised(major: int, flags: int) -> bool:
    return bool(flags & 0x80) and major < V24  # 2.4 does it per frame


def _resolved(stored: bytes) -> tuple[bytes, list[int]]:
    """Return the body without the zeros of unsynchronisation, and where in it they stood."""
    removed, at = list[int](), stored.find(b"\xff\0")
    while at >= 0:
        removed.append(at + 1 - len(removed))
        at = stored.find(b"\xff\0", at + 2)
    return stored.replace(b"\xff\0", b"\xff"), removed


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
    if tag.flags & 0x80 or (tag.major == V24 and frame[9] & 0x02):
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


_Span = tuple[str, int, int]  # frame id, where the frame begins and ends


def _spans(body: bytes, start: int, major: int) -> tuple[list[_Span], bool]:
    """Return the frames from *start* on, and whether their sizes are plain numbers in 2.4.

    Old iTunes wrote them so: that reading is taken where only it fits.
    """
    found = _walk(body, start, major, synchsafe=major == V24)
    if major == V24 and body[_end_of(found, start) :].strip(b"\0"):
        plain = _walk(body, start, major, synchsafe=False)
        if not body[_end_of(plain, start) :].strip(b"\0"):
            return plain, True
    return found, False


def _end_of(spans: list[_Span], start: int) -> int:
    return spans[-1][2] if spans else start


def _walk(body: bytes, start: int, major: int, *, synchsafe: bool) -> list[_Span]:
    letters, head = (3, 6) if major == V22 else (4, HEADER)
    found, at = list[_Span](), start
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
        found.append((known.decode("ascii"), at, end))
        at = end
    return found


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
    if tag.genre_id.encode() in tag.rest:
        return "the ID3 tag is damaged: a genre stands where no frame can be read any more"
    if tag.lead and _has_checksum(tag):
        return "the ID3 tag carries a checksum, which we do not keep up"
    return None


def _has_checksum(tag: _Tag) -> bool:
    if tag.major == V23:
        return bool(tag.lead[4] & 0x80)
    return bool(tag.lead[5:6]) and bool(tag.lead[5] & 0x20)


# --- rendering -------------------------------------------------------------------------


def _genre_frame(tag: _Tag, genres: tuple[str, ...]) -> bytes:
    text = _SEPARATOR[tag.major].join(to_id3(genre) for genre in genres)
    content = _encoded(text, tag.major)
    if tag.major == V22:
        return b"TCO" + len(content).to_bytes(3) + content
    synchsafe = tag.major == V24 and not tag.plain
    size = _as_synchsafe(len(content)) if synchsafe else len(content).to_bytes(4)
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
        latin = text.encode("latin-1")
    except UnicodeEncodeError:
        latin = b"\xff"
    if b"\xff" not in latin:  # a letter that unsynchronisation would have to change
        return b"\0" + latin
    return b"\3" + text.encode() if major == V24 else b"\1\xff\xfe" + text.encode("utf-16-le")


def _as_synchsafe(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))


def _render(tag: _Tag, frames: bytes, old_size: int) -> bytes:
    footer = bool(tag.flags & 0x10) and tag.major == V24
    lead = _stored(tag.lead, tag)
    used = HEADER * (2 if footer else 1) + len(lead) + len(frames)
    rest = _fitted(tag.rest, old_size - used, may_grow=not footer and not tag.plain)
    if tag.major == V23 and len(tag.lead) >= HEADER:  # it states the padding's size
        stated = (len(rest) if not rest.strip(b"\0") else 0).to_bytes(4)
        lead = _stored(tag.lead[:6] + stated + tag.lead[10:], tag)
    content = lead + frames + rest
    tail = bytes([tag.major, 0, tag.flags]) + _as_synchsafe(len(content))
    return b"ID3" + tail + content + (b"3DI" + tail if footer else b"")


def _fitted(rest: bytes, room: int, *, may_grow: bool) -> bytes:
    """Return what stands behind the frames, of *room* bytes where its zeros allow.

    Bytes there that are no frame stay: they may be a frame that was cut short, or the head of
    the audio under a size that says too much.
    """
    junk = rest.strip(b"\0")
    if not junk:
        return bytes(room if room >= 0 else ROOM if may_grow else 0)
    before = len(rest) - len(rest.lstrip(b"\0"))
    fixed = rest[before:]
    if before and room - len(fixed) >= MARK:
        return bytes(room - len(fixed)) + fixed
    behind = len(rest) - len(rest.rstrip(b"\0"))
    fixed = rest[: len(rest) - behind]
    return fixed + bytes(room - len(fixed)) if behind and room >= len(fixed) else rest


def _stored(content: bytes, tag: _Tag) -> bytes:
    """Store what `_parse` resolves: no false MPEG sync in an unsynchronised tag."""
    if not _is_unsynchronised(tag.major, tag.flags):
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
