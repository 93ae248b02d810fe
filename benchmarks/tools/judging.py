"""What a stranger sees in a music file: FFmpeg's packets and sound, every tag, every genre.

The judge of our own writes and of other programs'. Nothing of it goes through core/tags:
FFmpeg runs as a command, mutagen reads, and ID3 frames are cut by a parser of its own.
"""

import hashlib
import json
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mutagen
from mutagen.apev2 import APEv2
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.id3 import ID3, TCON
from mutagen.mp4 import MP4

__all__ = ["Sight", "harm", "look"]

SECONDS = 60  # an FFmpeg that takes longer hangs in a damaged file
V1 = 128
GENRE_NAMES = {"genre", "wm/genre", "wm/genreid", "\xa9gen", "gnre", "tcon", "ignr"}
Packets = tuple[tuple[str, ...], ...]
_CHANGING = {"size", "bit_rate", "filename", "probe_score", "duration", "duration_ts", "start_pts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One file as it looks from outside."""

    clean: bool  # FFmpeg decodes it without a word, and mutagen opens it
    sound: str  # hash of the decoded samples, "" where nothing decodes
    packets: Packets  # per stream, one line per packet
    tags: Counter[tuple[str, str]]  # everything but genres
    versions: tuple[str, ...]
    genres: tuple[tuple[str, str], ...]  # (where, what)


def look(path: Path) -> Sight:
    """Look at the file at *path* with every means there is."""
    packets, sound, quiet = _heard(path)
    raw = path.read_bytes()
    opened, tags, genres = _by_mutagen(path)
    frames = list(_id3_frames(raw))
    told, named = _by_ffprobe(path)
    tags += told
    genres += named
    tags += Counter((f"frame {n}", _hash(d)) for n, d, _ in frames if n not in ("TCON", "TCO"))
    genres += [(f"ID3 block {k}", d) for n, _, (k, d) in frames if n in ("TCON", "TCO")]
    if raw[-V1:].startswith(b"TAG") and raw[-V1 - 3 : -V1 + 5] != b"APETAGEX":
        tags["ID3v1", _hash(raw[-V1:-1])] += 1
        genres.append(("ID3v1", str(raw[-1])))
    return Sight(
        clean=quiet and opened,
        sound=sound,
        packets=packets,
        tags=tags,
        versions=tuple(version for version, _ in _id3_blocks(raw)),
        genres=tuple(genres),
    )


def harm(before: Sight, after: Sight, genres: Iterable[str]) -> list[str]:
    """Name every harm that a write of *genres* did between the two looks."""
    found = []
    if before.sound != after.sound or not _same_packets(before.packets, after.packets):
        found.append("audio")
    lost = before.tags - after.tags
    if lost:
        found.append("tags: " + ", ".join(sorted({name for name, _ in lost})[:4]))
    if Counter(before.versions) - Counter(after.versions):
        found.append(f"version: {before.versions} {after.versions}")
    wanted = list(genres)
    stale = [f"{where} {what}" for where, what in after.genres if not _agrees(where, what, wanted)]
    if stale:
        found.append("stale: " + ", ".join(stale[:3]))
    if before.clean and not after.clean:
        found.append("audio: no longer decodes quietly")
    if not any(what == wanted[0] or wanted[0] in what for _, what in after.genres):
        found.append("unreadable: the genre")
    return found


def _agrees(where: str, what: str, wanted: list[str]) -> bool:
    if where == "ID3v1":
        codes = [n for n, name in enumerate(TCON.GENRES) if name.lower() == wanted[0].lower()]
        return int(what) in (codes[:1] or [255])
    return what in ("; ".join(wanted), ";".join(wanted), "\0".join(wanted), *wanted)


def _same_packets(before: Packets, after: Packets) -> bool:
    """Whether all packets are equal but the last: some demuxers leak the tags behind into it."""
    return [stream[:-1] for stream in before] == [stream[:-1] for stream in after]


# --- FFmpeg ----------------------------------------------------------------------------


def _heard(path: Path) -> tuple[Packets, str, bool]:
    """Return the packets of every stream, the hash of the sound, and whether all was quiet."""
    with tempfile.TemporaryDirectory() as room:
        lines, sound = Path(room, "packets"), Path(room, "sound")
        command = ["ffmpeg", "-v", "error", "-nostdin", "-i", os.fspath(path)]
        command += ["-map", "0:a?", "-map", "0:v?", "-c", "copy", "-f", "framemd5", str(lines)]
        command += ["-map", "0:a", "-f", "md5", str(sound)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return (), "hangs", False
        text = lines.read_text() if lines.exists() else ""
        heard = sound.read_text().strip() if sound.exists() else ""
    return _per_stream(text), heard, not done.returncode and not done.stderr


def _per_stream(text: str) -> tuple[tuple[str, ...], ...]:
    streams: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            number, _, rest = line.partition(",")
            rest = rest.partition(", S=")[0]  # side data repeats the tags
            streams.setdefault(number, []).append(rest)
    return tuple(tuple(lines) for _, lines in sorted(streams.items()))


def _by_ffprobe(path: Path) -> tuple[Counter[tuple[str, str]], list[tuple[str, str]]]:
    """Return what FFmpeg tells of the file, and its genres apart."""
    command = ["ffprobe", "-v", "quiet", "-of", "json", "-show_format", "-show_streams"]
    try:
        done = subprocess.run(
            [*command, "-show_chapters", os.fspath(path)],
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        told = json.loads(done.stdout or b"{}")
    except (subprocess.TimeoutExpired, ValueError):
        return Counter(), []
    leaves = list(_leaves(told, "ffprobe"))
    genres = [leaf for leaf in leaves if _is_genre(leaf[0])]
    return Counter(leaf for leaf in leaves if not _is_genre(leaf[0])), genres


def _is_genre(name: str) -> bool:
    return name.rpartition(".tags.")[2] in GENRE_NAMES


def _leaves(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key.lower() not in _CHANGING:
                yield from _leaves(item, f"{name}.{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{name}.{number}")
    else:
        yield name.lower(), str(value)


# --- mutagen ---------------------------------------------------------------------------


def _by_mutagen(path: Path) -> tuple[bool, Counter[tuple[str, str]], list[tuple[str, str]]]:
    """Return whether mutagen opens the file, its tags without the genre, and its genres."""
    tags: Counter[tuple[str, str]] = Counter()
    genres: list[tuple[str, str]] = []
    try:
        file = mutagen.File(path)
        opened = file is not None
    except Exception:  # whatever a parser stumbles over: it does not open
        return False, tags, genres
    if file is not None and file.tags is not None:
        _sort_out(_pairs(file), type(file).__name__, tags, genres)
    if isinstance(file, FLAC):
        _flac_blocks(file, tags)
    _second_tag(path, file, tags, genres)
    return opened, tags, genres


def _pairs(file: mutagen.FileType) -> list[tuple[str, object]]:
    if isinstance(file.tags, ID3):
        return [(f"{f.FrameID}", f) for f in file.tags.values()]
    if isinstance(file, ASF):
        return list(file.tags)
    if isinstance(file, MP4):
        return [(key, item) for key, value in file.tags.items() for item in _listed(value)]
    return list(file.tags.items()) if hasattr(file.tags, "items") else list(file.tags)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _sort_out(
    pairs: Iterable[tuple[str, object]],
    where: str,
    tags: Counter[tuple[str, str]],
    genres: list[tuple[str, str]],
) -> None:
    for key, value in pairs:
        name = key.lower()
        if name in GENRE_NAMES or name.endswith(":genre"):
            values = value.genres if isinstance(value, TCON) else _listed(value)
            told = [str(item) if not isinstance(item, bytes) else item.decode() for item in values]
            genres.append((f"{where} {key}", "; ".join(told)))
        else:
            tags[f"{where} {key}", _hash(_all_of(value))] += 1


def _all_of(value: object) -> str:
    told = vars(value) if hasattr(value, "__dict__") else repr(value)
    return repr(told)


def _flac_blocks(file: FLAC, tags: Counter[tuple[str, str]]) -> None:
    for block in file.metadata_blocks:
        if block.code not in (1, 4):
            tags[f"FLAC block {block.code}", _hash(block.write())] += 1


def _second_tag(
    path: Path,
    file: mutagen.FileType | None,
    tags: Counter[tuple[str, str]],
    genres: list[tuple[str, str]],
) -> None:
    """Look for an APEv2 tag that the file's type does not show."""
    if file is not None and isinstance(file.tags, APEv2):
        return
    try:
        second = APEv2(path)
    except Exception:  # none there, or none that can be read
        return
    _sort_out(list(second.items()), "second APEv2", tags, genres)


# --- ID3, by hand ----------------------------------------------------------------------


def _id3_blocks(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (version, block) of the ID3v2 tags at the start, in chunks, and before a footer."""
    at = 0
    while raw[at : at + 3] == b"ID3" and len(raw) >= at + 10:
        size = 10 + _sevens(raw[at + 6 : at + 10]) + (10 if raw[at + 5] & 0x10 else 0)
        yield f"2.{raw[at + 3]}", raw[at : at + size]
        at += size
    if raw[:4] in (b"RIFF", b"FORM", b"FRM8", b"DSD "):
        for start in _finds(raw, b"ID3"):
            if start and raw[start + 3] in (2, 3, 4) and max(raw[start + 6 : start + 10]) < 128:
                size = 10 + _sevens(raw[start + 6 : start + 10])
                yield f"2.{raw[start + 3]} inside", raw[start : start + size]
    for start in _finds(raw, b"3DI"):
        size = _sevens(raw[start + 6 : start + 10]) if start + 10 <= len(raw) else 0
        first = start - size - 10
        if first >= at and raw[first : first + 3] == b"ID3":
            yield f"2.{raw[first + 3]} behind", raw[first : start + 10]


def _finds(raw: bytes, mark: bytes) -> Iterator[int]:
    at = raw.find(mark)
    while at >= 0 and at + 10 <= len(raw):
        yield at
        at = raw.find(mark, at + 1)


def _id3_frames(raw: bytes) -> Iterator[tuple[str, bytes, tuple[int, str]]]:
    for number, (version, block) in enumerate(_id3_blocks(raw)):
        major = int(version[2])
        size = _sevens(block[6:10])
        body = block[10 : 10 + size]
        if block[5] & 0x80 and major < 4:
            body = body.replace(b"\xff\0", b"\xff")
        for name, data in _frames(body[_extended(block) :], major):
            yield name, data, (number, _genre_text(block) if name in ("TCON", "TCO") else "")


def _extended(block: bytes) -> int:
    """Bytes of an extended header."""
    if not block[5] & 0x40 or block[3] == 2 or block[10:14].isalnum():
        return 0
    return _sevens(block[10:14]) if block[3] == 4 else 4 + int.from_bytes(block[10:14])


def _genre_text(block: bytes) -> str:
    import io

    try:
        tags = ID3(io.BytesIO(block), translate=False, load_v1=False)
    except Exception:  # a damaged tag tells nothing here
        return "?"
    return "; ".join(name for frame in tags.getall("TCON") for name in frame.genres)


def _frames(body: bytes, major: int) -> Iterator[tuple[str, bytes]]:
    plain = list(_cut(body, major, plain=True))
    exact = list(_cut(body, major, plain=major != 4))
    # old iTunes wrote plain sizes in 2.4, too; where both fit, as before padding, the rule holds
    yield from plain if "rest" in [name for name, _ in exact] else exact


def _cut(body: bytes, major: int, *, plain: bool) -> Iterator[tuple[str, bytes]]:
    letters, head, at = (3, 6, 0) if major == 2 else (4, 10, 0)
    while at + head <= len(body):
        name, raw = body[at : at + letters], body[at + letters : at + 2 * letters]
        size = int.from_bytes(raw) if plain else _sevens(raw)
        if not name.strip(b"\0"):
            return
        if not name.strip(b"\0 ").isalnum() or at + head + size > len(body):
            break
        yield name.decode(), body[at + letters * 2 : at + head + size]
        at += head + size
    rest = body[at:].rstrip(b"\0")
    if rest:
        yield "rest", rest


def _sevens(raw: bytes) -> int:
    value = 0
    for byte in raw:
        value = value << 7 | byte & 0x7F
    return value


def _hash(data: bytes | str) -> str:
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    return hashlib.sha256(raw).hexdigest()[:16]
