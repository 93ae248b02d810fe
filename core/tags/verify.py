"""The proof that a write changed the genre and nothing else.

Evidence is taken of the original and of the changed copy by the same means, and compared:
every audio packet (and picture stream) as FFmpeg's demuxers cut it, every tag value as
mutagen reads it, every piece of a tag block byte for byte. Decodes nothing.
"""

import io
import struct
from collections import Counter
from dataclasses import dataclass
from typing import BinaryIO

import av
import mutagen
import xxhash
from av.error import FFmpegError

from core.errors import VerifyFailed, WriteRefused
from core.tags.contents import Contents
from core.tags.formats import Format
from core.tags.splice import hash_of_range, size_of, slice_of

__all__ = ["Evidence", "check_end", "compare", "evidence"]

# demuxers let in: those of the table's formats; none of them opens other files
_DEMUXERS = "mp3,flac,ogg,mov,mp4,m4a,3gp,3g2,mj2,wav,aiff,asf,wv,ape,mpc,mpc8,tak,tta,dsf,iff"
_BYTES = "bytes"  # in place of a codec, where the bytes themselves are compared
_NAMED = 3  # differences told to the user; more would not help


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What must not change (packets per stream, pieces of tags) and what must (genres)."""

    contents: Contents
    streams: tuple[tuple[str, int, str], ...]  # codec, number of packets, hash over them


def evidence(file: BinaryIO, row: Format, path: str) -> Evidence:
    """Take evidence of an open file. Raises WriteRefused where its packets cannot be read."""
    contents = row.contents(file)
    audio = row.audio(file)
    if not row.packets:
        return Evidence(contents=contents, streams=(_all_bytes(file, *audio),))
    try:
        streams = _streams(_Window(file, *audio))
    except (FFmpegError, ValueError) as error:
        if row.outside and _is_known(file):  # its very bytes are proof enough
            return Evidence(contents=contents, streams=(_all_bytes(file, *audio),))
        what = "its audio packets cannot be read, so no write could be proven harmless"
        raise WriteRefused(what, path) from error
    return Evidence(contents=contents, streams=streams)


def _is_known(file: BinaryIO) -> bool:
    """Whether mutagen reads the headers of a file that FFmpeg cannot cut into packets."""
    file.seek(0)
    try:
        return mutagen.File(file) is not None
    except (mutagen.MutagenError, IndexError, ValueError, struct.error):
        return False


def compare(before: Evidence, after: Evidence, genres: tuple[str, ...], path: str) -> None:
    """Raise VerifyFailed unless only the genres differ and read back as asked."""
    if after.contents.genres != genres:
        told = ", ".join(after.contents.genres) or "none"
        raise VerifyFailed(f"the genre would not have read back as written (but as {told})", path)
    if before.streams != after.streams:
        raise VerifyFailed("the audio packets would have changed", path)
    lost = _differences(before.contents, after.contents)
    if lost:
        names = ", ".join(lost[:_NAMED]) + (" …" if len(lost) > _NAMED else "")
        raise VerifyFailed(f"other tags would have changed ({names})", path)


def check_end(before: Evidence, file: BinaryIO, copy: BinaryIO, row: Format, path: str) -> None:
    """Raise WriteRefused where the end of *file* is torn, so that a tag behind it would sound.

    A packet that is cut short states bytes that are not there; those of a tag would be read
    in their place. Only asked where the tag is the first thing to stand behind the audio.
    """
    if not row.tag_behind or row.audio(file)[1] != size_of(file):
        return
    if any(codec == _BYTES for codec, _, _ in before.streams):
        return  # nothing cut it into packets, so none can have grown
    start, _ = row.audio(copy)
    remedy = "get a whole copy of it"
    try:
        heard = _streams(_Window(copy, start, size_of(copy)))
    except (FFmpegError, ValueError) as error:
        raise WriteRefused("with a tag behind it, it could not be played", path, remedy) from error
    if heard != before.streams or not any(count for _, count, _ in heard):
        what = "its end is torn, and a tag behind it would be read as sound"
        raise WriteRefused(what, path, remedy)


def _differences(before: Contents, after: Contents) -> list[str]:
    old, new = (Counter((*c.values, *c.raw)) for c in (before, after))
    names = sorted({name for name, _ in ((old - new) + (new - old))})
    if not _same_versions(before.version.split(), after.version.split()):
        names.append(f"tag version {before.version} to {after.version}")
    return names


def _same_versions(before: list[str], after: list[str]) -> bool:
    """Whether no tag block changed its version; one may be made, or go once it is empty."""
    old, new = Counter(before), Counter(after)
    return not (old - new and new - old)


def _streams(file: "_Window") -> tuple[tuple[str, int, str], ...]:
    options = {"format_whitelist": _DEMUXERS}
    with av.open(io.BufferedReader(file), container_options=options) as container:
        hashes = [xxhash.xxh3_128() for _ in container.streams]
        counts = [0] * len(hashes)
        for packet in container.demux():
            if packet.size:
                hashes[packet.stream_index].update(packet)
                hashes[packet.stream_index].update(repr((packet.pts, packet.duration)))
                counts[packet.stream_index] += 1
        codecs = [_codec(stream) for stream in container.streams]
    return tuple(
        (codec, count, hash_.hexdigest())
        for codec, count, hash_ in zip(codecs, counts, hashes, strict=True)
    )


def _all_bytes(file: BinaryIO, start: int, end: int) -> tuple[str, int, str]:
    """Stand in for packets where nothing here can cut the audio into any."""
    return _BYTES, end - start, hash_of_range(file, start, end)


def _codec(stream: "av.stream.Stream") -> str:
    context = stream.codec_context
    return f"{stream.type} {context.name}" if context is not None else str(stream.type)


class _Window(io.RawIOBase):
    """A range of an open file as a file: some demuxers leak the tags behind it into packets."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file, self._start, self._end = file, start, end
        self._at = start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        if self._at >= self._end:  # demuxers of damaged files seek anywhere
            return 0
        data = slice_of(self._file, self._at, min(self._at + len(buffer), self._end))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: self._start, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        self._at = max(self._start, base + offset)
        return self._at - self._start

    def tell(self) -> int:
        return self._at - self._start
