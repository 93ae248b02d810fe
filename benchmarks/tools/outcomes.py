"""What becomes of one bad file: tried by the program in a worker, judged from outside it.

`attempt` runs in a worker, as the daemon's steps do. `difference` compares the file before
and after by plain PyAV and mutagen, none of it through core.
"""

import hashlib
import os
import resource
import struct
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import mutagen
from av.error import FFmpegError
from mutagen.apev2 import APEv2, _APEv2Data
from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.id3 import ID3, BitPaddedInt

from core.errors import GenrewatchError
from core.tags import Prepared

__all__ = ["Attempt", "attempt", "difference", "is_sentence"]

ID3V1_SIZE = 128
LONGEST = 300  # characters of a reason
Sound = list[tuple[str, list[bytes]]]  # each stream's kind and packets
GENRE_KEYS = {"genre", "\xa9gen", "wm/genre", "tcon", "tco"}
# whatever mutagen's parsers stumble over
TAG_ERRORS = (
    *(mutagen.MutagenError, ValueError, LookupError, OverflowError, EOFError, TypeError),
    *(AttributeError, struct.error, zlib.error, AssertionError, RecursionError),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How far the program came with one file, and what it took."""

    step: str  # where it ended: "glance", "probe", "listen", "write", "undo" or "done"
    reason: str  # of a refusal; empty where there was none
    foreign: str  # an exception that is none of ours
    seconds: float  # of the processor: the machine may be busy
    peak_mb: float
    held_mb: float
    undone: str  # sha256 of the file as its undo record makes it again; empty where not written


def attempt(path: str, genre: str, scratch: str) -> Attempt:
    """Probe, decode, tag and take back as the daemon would, and tell where that ended."""
    from core.analysis import glance, probe
    from core.analysis.decode import listen
    from core.analysis.segments import plan_segments
    from core.tags.rewrite import prepare, take_place

    _forget_peak()
    began, step, reason, foreign, undone = time.process_time(), "glance", "", "", ""
    try:
        glance(path)
        step = "probe"
        found = probe(path)
        step = "listen"
        listen(path, plan_segments)
        step = "write"
        prepared = prepare(path, (genre,), scratch=scratch, expected=found.stamp)
        result = take_place(path, scratch, prepared)
        if result.kept:
            Path(scratch).unlink()
        step = "undo"
        undone = _taken_back(path, prepared, scratch) if prepared.changed else ""
        step = "done"
    except GenrewatchError as error:
        reason = error.reason
    except MemoryError:
        raise
    except Exception as error:
        foreign = f"{type(error).__name__}: {error}"[:LONGEST]
    return Attempt(
        step=step,
        reason=reason,
        foreign=foreign,
        seconds=time.process_time() - began,
        peak_mb=_status_mb("VmHWM"),
        held_mb=_status_mb("VmRSS"),
        undone=undone,
    )


def _taken_back(path: str, prepared: Prepared, scratch: str) -> str:
    """Return the hash of the copy that the undo record makes; the file stays as written."""
    from core.tags.rewrite import prepare_back

    prepare_back(
        path,
        prepared.undo,
        prepared.hash_after,
        prepared.hash_before,
        prepared.old,
        prepared.new,
        scratch=scratch,
    )
    copy = Path(scratch)
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    copy.unlink()
    return digest


def is_sentence(reason: str) -> bool:
    """Say whether the user would read one sentence."""
    return bool(reason.strip()) and reason.isprintable() and len(reason) <= LONGEST


def difference(before: str, after: str, genre: str | None) -> str:
    """Return what is wrong with a written file; empty where only its genre changed.

    It must be *genre*, or any one where that is None.
    """
    same = _same_sound(_packets(before), _packets(after), _tail(before), _tail(after))
    if not same and _between_tags(before) != _between_tags(after):
        return "the audio differs"
    old, new = _others(before), _others(after)
    if isinstance(old, list) and isinstance(new, str):
        return f"the tag is unreadable now: {new}"
    if isinstance(old, list) and old != new:
        return f"other tags differ: {sorted(set(old) ^ set(new))[:3]}"[:LONGEST]
    genres = _genres(after)
    wrong = genres is not None and (genres != [genre] if genre else len(genres) != 1)
    if wrong:
        return f"the genre reads as {genres}"[:LONGEST]
    return ""


def _packets(path: str) -> Sound:
    """Return each stream's kind and packets, as far as they can be read."""
    found: Sound = []
    with (
        suppress(FFmpegError, ValueError),
        Path(path).open("rb") as file,
        av.open(file) as container,
    ):
        found = [(stream.type, []) for stream in container.streams]
        for packet in container.demux():
            if packet.size:
                found[packet.stream_index][1].append(bytes(packet))
    return [(kind, packets) for kind, packets in found if kind == "audio"]


def _same_sound(old: Sound, new: Sound, old_tail: int, new_tail: int) -> bool:
    """Compare the packets; into the last one some demuxers let the tags behind it."""
    if len(old) != len(new):
        return False
    for (_, before), (_, after) in zip(old, new, strict=True):
        if len(before) != len(after) or before[:-1] != after[:-1]:
            return False
        if before and not _same_end(before[-1], after[-1], old_tail, new_tail):
            return False
    return True


def _same_end(before: bytes, after: bytes, old_tail: int, new_tail: int) -> bool:
    """Compare last packets, whole or without the tags behind them."""
    cut = before[: len(before) - old_tail] == after[: len(after) - new_tail]
    return cut or before == after


def _tail(path: str) -> int:
    """Return how many bytes of tags mutagen finds at the end of the file."""
    data = Path(path).read_bytes()
    with Path(path).open("rb") as file:
        ape = _APEv2Data(file)
    v1 = data.rfind(b"TAG", max(0, len(data) - ID3V1_SIZE))
    starts = [at for at in (ape.start, v1) if at is not None and at >= 0]
    return len(data) - min(starts, default=len(data))


def _between_tags(path: str) -> bytes:
    """Return what stands between the tags that mutagen finds: demuxers take some for sound."""
    data = Path(path).read_bytes()
    start = 0
    while data[start : start + 3] == b"ID3":
        start += 10 + BitPaddedInt(data[start + 6 : start + 10])
    return data[start : len(data) - _tail(path)]


def _file(path: str) -> Any:
    with Path(path).open("rb") as file:
        return mutagen.File(file)


def _others(path: str) -> list[tuple[str, str]] | str:
    """Return all tags but the genre, sorted; a text where mutagen cannot read them."""
    try:
        file = _file(path)
    except TAG_ERRORS as error:
        return f"{type(error).__name__}: {error}"
    if file is None:
        return "mutagen does not know its kind"
    if file.tags is None:
        return []
    pairs = list(file.tags) if isinstance(file, ASF) else list(file.tags.items())
    found = [(str(key), repr(value)) for key, value in pairs if _is_other(str(key))]
    if isinstance(file, FLAC):
        found += [("picture", repr(picture.data)) for picture in file.pictures]
    return sorted(found)


def _is_other(key: str) -> bool:
    return key.casefold() not in GENRE_KEYS and not key.startswith("TCON")


def _genres(path: str) -> list[str] | None:
    """Return the genres as mutagen reads them; None where it cannot."""
    try:
        tags = _file(path).tags
        if isinstance(tags, ID3):
            return list(tags["TCON"].genres) if "TCON" in tags else _ape_genres(path)
        for key in ("\xa9gen", "genre", "WM/Genre"):
            with suppress(KeyError, ValueError):
                return [str(value) for value in tags[key]]
    except TAG_ERRORS:
        return None
    return []


def _ape_genres(path: str) -> list[str]:
    """Return the genres of the APEv2 tag on an MP3 without a genre in its ID3 tag."""
    with suppress(*TAG_ERRORS):
        return [str(value) for value in APEv2(path).get("Genre", ())]
    return []


def _forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")


def _status_mb(name: str) -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2 ** (20 if os.uname().sysname == "Darwin" else 10)
    lines = status.read_text("ascii", "replace").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name + ":"))
