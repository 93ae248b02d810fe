"""iTunes metadata in MP4 (©gen, and the numeric gnre that old iTunes wrote).

A genre write replaces both by one ©gen, lets a freeform GENRE atom follow where one stands,
and keeps every other atom's bytes and order. The `free` atom behind the list takes up the
difference; where there is none the file grows,
and the offsets that point behind it move along (ISO/IEC 14496-12: stco, co64, tfhd, tfra).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from mutagen.mp4 import MP4

from core.errors import TagError, WriteRefused
from core.tags.contents import Contents, named, pick, told
from core.tags.genres import from_values, name_of_code
from core.tags.splice import Patch, size_of, slice_of, splice

__all__ = ["mp4_contents", "write_mp4"]

GENRE, NUMBER, FREEFORM = b"\xa9gen", b"gnre", b"----"
HEAD = 8
PATH = (b"moov", b"udta", b"meta", b"ilst")
_OFFSETS_IN = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"mfra")
_UTF8, _UTF16, _IMPLICIT = 1, 2, 0  # types of data atoms
# a handler that says "iTunes list", as every writer of such lists puts before it
_HDLR = bytes(8) + b"mdirappl" + bytes(9)

_ATOMS = {
    "artist": ("\xa9ART",),
    "album_artist": ("aART",),
    "album": ("\xa9alb",),
    "title": ("\xa9nam",),
    "composer": ("\xa9wrt",),
    "compilation": ("cpil",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Atom:
    name: bytes
    start: int
    data: int  # where its content begins
    end: int
    sized: int  # bytes of its size field: 4, 8, or 0 where it runs to the end of the file


def mp4_contents(file: BinaryIO) -> Contents:
    """Read the ilst atoms of an MP4 file."""
    children = _children(file, _path(file))
    file.seek(0)
    tags = MP4(file).tags or {}  # a second parser must agree
    if tags and not children:
        raise TagError("the MP4 tag is damaged: it is larger than what holds it")
    texts = {key: _texts(tags[key]) for key in tags}
    own = _texts_where(_is_own_genre, children)
    other = _texts_where(_is_freeform_genre, children)
    others = [child for child in children if not _names_genre(*child)]
    return Contents(
        genres=from_values(own) or from_values(other),
        version="MP4",
        fields=pick(texts, _ATOMS),
        values=named((key, told(tags[key])) for key in tags if not _is_genre_key(key)),
        raw=named((name.decode("latin-1"), raw) for name, raw in others),
        unwritable=_second_list(file),
    )


def _second_list(file: BinaryIO) -> str | None:
    """Say so where another list of tags names a genre: which of them is read is anyone's guess."""
    found = 0
    for ilst in _lists(file, 0, size_of(file), PATH):
        children = _atoms(file, ilst.data, ilst.end)
        found += any(_names_genre(c.name, slice_of(file, c.start, c.end)) for c in children)
    return "the MP4 file has several lists of tags that name a genre" if found > 1 else None


def _lists(file: BinaryIO, start: int, end: int, path: tuple[bytes, ...]) -> Iterator[_Atom]:
    for atom in _atoms(file, start, end):
        if atom.name == path[0] and len(path) == 1:
            yield atom
        elif atom.name == path[0]:
            yield from _lists(file, atom.data + _extra(file, atom), atom.end, path[1:])


def write_mp4(file: BinaryIO, genres: tuple[str, ...]) -> None:
    """Set ©gen and drop gnre."""
    path = _path(file)
    if not path:
        raise TagError("the MP4 file has no moov atom")
    if len(path) == len(PATH):
        _rewrite_list(file, path, genres)
    elif genres:
        content = _atom(GENRE, _values(genres))
        _grow(file, path, _insertion_point(file, path), b"", _wrapped(content, len(path)))


def _rewrite_list(file: BinaryIO, path: list[_Atom], genres: tuple[str, ...]) -> None:
    children = _children(file, path)
    places = [n for n, child in enumerate(children) if _is_own_genre(*child)]
    at = places[0] if places else len(children)
    kept = [_kept(name, raw, genres) for name, raw in children]
    if genres:
        kept.insert(at, _atom(GENRE, _values(genres)))
    ilst, content = path[-1], b"".join(kept)
    grown = len(content) - (ilst.end - ilst.data)
    free = _free_behind(file, path)
    room = free.end - free.start if free else 0
    if free and (room == grown or room - grown >= HEAD):
        padding = _atom(b"free", bytes(room - grown - HEAD)) if room > grown else b""
        data = _atom(b"ilst", content) + padding
        splice(file, [Patch(start=ilst.start, end=free.end, data=data)])
        return
    old = slice_of(file, ilst.data, ilst.end)
    _grow(file, path, ilst.data, old, content)


def _kept(name: bytes, raw: bytes, genres: tuple[str, ...]) -> bytes:
    """Return what stays of an atom of the list: nothing of ©gen and gnre, which are made anew."""
    if _is_own_genre(name, raw):
        return b""
    if not _is_freeform_genre(name, raw):
        return raw
    head = b"".join(_atom(kind, data) for kind, data in _parts(raw) if kind != b"data")
    return _atom(name, head + _values(genres)) if genres else b""


def _grow(file: BinaryIO, path: list[_Atom], at: int, old: bytes, new: bytes) -> None:
    """Put *new* for *old* at *at* within the atoms of *path*; sizes and offsets follow."""
    shift, behind = len(new) - len(old), at + len(old)
    patches = [Patch(start=at, end=behind, data=new)]
    patches += [_resized(atom, shift) for atom in path if atom.sized]
    patches += _moved_offsets(file, 0, size_of(file), behind, shift)
    splice(file, patches)


# --- atoms -----------------------------------------------------------------------------


def _atoms(file: BinaryIO, start: int, end: int) -> Iterator[_Atom]:
    while start + HEAD <= end:
        head = slice_of(file, start, start + 16)
        size, data, sized = int.from_bytes(head[:4]), start + HEAD, 4
        if size == 1:
            size, data, sized = int.from_bytes(head[8:16]), start + 16, 8
        elif size == 0:
            size, sized = end - start, 0
        if size < data - start or start + size > end:
            return  # padding, or damage that the other parser judges
        yield _Atom(name=head[4:8], start=start, data=data, end=start + size, sized=sized)
        start += size


def _path(file: BinaryIO) -> list[_Atom]:
    """Return moov, udta, meta and ilst, as far down as they exist."""
    found: list[_Atom] = []
    start, end = 0, size_of(file)
    for name in PATH:
        atom = next((a for a in _atoms(file, start, end) if a.name == name), None)
        if atom is None:
            break
        found.append(atom)
        start, end = atom.data + _extra(file, atom), atom.end
    return found


def _extra(file: BinaryIO, atom: _Atom) -> int:
    """Bytes of version and flags in a meta atom; QuickTime's own has none."""
    bare = slice_of(file, atom.data + 4, atom.data + 8) == b"hdlr"
    return 4 if atom.name == b"meta" and not bare else 0


def _children(file: BinaryIO, path: list[_Atom]) -> list[tuple[bytes, bytes]]:
    if len(path) < len(PATH):
        return []
    ilst, end, found = path[-1], path[-1].data, []
    for atom in _atoms(file, ilst.data, ilst.end):
        found.append((atom.name, slice_of(file, atom.start, atom.end)))
        end = atom.end
    if end != ilst.end:
        raise TagError("the MP4 tag is damaged: its atoms do not fill the list")
    return found


def _free_behind(file: BinaryIO, path: list[_Atom]) -> _Atom | None:
    meta, ilst = path[-2], path[-1]
    behind = next(_atoms(file, ilst.end, meta.end), None)
    return behind if behind and behind.name == b"free" and behind.sized == 4 else None  # noqa: PLR2004


def _insertion_point(file: BinaryIO, path: list[_Atom]) -> int:
    """Return where the missing part goes: first in udta, whose end QuickTime marks; else last."""
    deepest = path[-1]
    return deepest.data if deepest.name == b"udta" else deepest.end


def _wrapped(content: bytes, depth: int) -> bytes:
    data = _atom(b"ilst", content)
    if depth <= PATH.index(b"meta"):
        data = _atom(b"meta", bytes(4) + _atom(b"hdlr", _HDLR) + data)
    return _atom(b"udta", data) if depth <= PATH.index(b"udta") else data


def _atom(name: bytes, content: bytes) -> bytes:
    return (len(content) + HEAD).to_bytes(4) + name + content


def _resized(atom: _Atom, shift: int) -> Patch:
    size = atom.end - atom.start + shift
    at = atom.start if atom.sized == 4 else atom.start + HEAD  # noqa: PLR2004
    return Patch(start=at, end=at + atom.sized, data=size.to_bytes(atom.sized))


def _moved_offsets(
    file: BinaryIO, start: int, end: int, behind: int, shift: int
) -> Iterator[Patch]:
    """Yield patches of every offset in the file that points to or past *behind*."""
    for atom in _atoms(file, start, end):
        if atom.name in _OFFSETS_IN:
            yield from _moved_offsets(file, atom.data, atom.end, behind, shift)
        elif atom.name in (b"stco", b"co64"):
            yield _moved_table(file, atom, behind, shift)
        elif atom.name == b"tfhd":
            yield from _moved_base(file, atom, behind, shift)
        elif atom.name == b"tfra":
            yield from _moved_index(file, atom, behind, shift)
        elif atom.name == b"saio":
            what = "the MP4 file has offsets that we cannot move, and no room for the genre"
            raise WriteRefused(what)


def _moved_table(file: BinaryIO, atom: _Atom, behind: int, shift: int) -> Patch:
    width = 4 if atom.name == b"stco" else 8
    raw = slice_of(file, atom.data + 8, atom.end)
    offsets = [int.from_bytes(raw[n : n + width]) for n in range(0, len(raw), width)]
    moved = [offset + shift if offset >= behind else offset for offset in offsets]
    if any(offset >= 1 << 8 * width for offset in moved):
        raise WriteRefused("the MP4 file would grow beyond what its offsets can hold")
    data = b"".join(offset.to_bytes(width) for offset in moved)
    return Patch(start=atom.data + 8, end=atom.data + 8 + len(raw), data=data)


def _moved_base(file: BinaryIO, atom: _Atom, behind: int, shift: int) -> Iterator[Patch]:
    raw = slice_of(file, atom.data, atom.end)
    base = int.from_bytes(raw[8:16])
    if raw[3] & 1 and base >= behind:
        yield Patch(start=atom.data + 8, end=atom.data + 16, data=(base + shift).to_bytes(8))


def _moved_index(file: BinaryIO, atom: _Atom, behind: int, shift: int) -> Iterator[Patch]:
    """Yield patches of the fragment offsets in a tfra table."""
    head = slice_of(file, atom.data, atom.data + 16)
    width = 8 if head[0] == 1 else 4
    tail = sum(head[11] >> bits & 3 for bits in (4, 2, 0)) + 3  # three numbers of 1 to 4 bytes
    for entry in range(atom.data + 16, atom.end, 2 * width + tail):
        at = entry + width
        offset = int.from_bytes(slice_of(file, at, at + width))
        if offset >= behind:
            yield Patch(start=at, end=at + width, data=(offset + shift).to_bytes(width))


# --- values ----------------------------------------------------------------------------


def _is_own_genre(name: bytes, _raw: bytes) -> bool:
    return name in (GENRE, NUMBER)


def _is_freeform_genre(name: bytes, raw: bytes) -> bool:
    """Whether this is a freeform atom called GENRE, which some programs write beside ©gen."""
    return name == FREEFORM and dict(_parts(raw)).get(b"name", b"")[4:].lower() == b"genre"


def _names_genre(name: bytes, raw: bytes) -> bool:
    return _is_own_genre(name, raw) or _is_freeform_genre(name, raw)


def _is_genre_key(key: str) -> bool:
    return key == GENRE.decode("latin-1") or (key[:4] == "----" and key.lower().endswith(":genre"))


def _values(genres: tuple[str, ...]) -> bytes:
    head = _UTF8.to_bytes(4) + bytes(4)
    return b"".join(_atom(b"data", head + genre.encode()) for genre in genres)


def _parts(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of the atoms within an atom of the list, given whole."""
    at = HEAD
    while at + HEAD <= len(raw):
        size = int.from_bytes(raw[at : at + 4])
        if size < HEAD or at + size > len(raw):
            raise TagError("the MP4 tag is damaged: a value is longer than its atom")
        yield raw[at + 4 : at + 8], raw[at + HEAD : at + size]
        at += size


def _texts_where(
    is_genre: Callable[[bytes, bytes], bool], children: list[tuple[bytes, bytes]]
) -> list[str]:
    return [text for child in children if is_genre(*child) for text in _genre_texts(*child)]


def _genre_texts(name: bytes, raw: bytes) -> Iterator[str]:
    """Yield the genres of an atom that names some, given whole."""
    for kind, data in _parts(raw):
        if kind == b"data":
            yield _genre_text(name, int.from_bytes(data[1:4]), data[HEAD:])


def _genre_text(name: bytes, kind: int, data: bytes) -> str:
    if name == NUMBER:
        return name_of_code(int.from_bytes(data) - 1) or ""
    if kind not in (_UTF8, _UTF16, _IMPLICIT):
        raise TagError("the MP4 tag is damaged: its genre is no text")
    try:
        return data.decode("utf-16-be" if kind == _UTF16 else "utf-8")
    except UnicodeDecodeError as error:
        raise TagError("the MP4 tag is damaged: its genre is no text") from error


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("1" if value else "0",)
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()
