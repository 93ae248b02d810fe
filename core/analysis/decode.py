"""Audio files made audible: who a track is (fingerprint), how long it is, its samples.

One pass over the packets gives fingerprint and true length; headers are not believed.
Then only the windows that the plan asks for are decoded, by seeking. The file is handed
to FFmpeg as an open file, never as a name, and only formats of audio files are let in:
no playlist, no network address, nothing that opens other files.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any, BinaryIO

import av
import numpy as np
import soxr
import xxhash
from av.error import FFmpegError
from numpy.typing import NDArray

from core.analysis.disk import unreadable
from core.analysis.segments import RATE, Plan, Span
from core.analysis.trailer import audio_end, has_xing, is_cut_off
from core.errors import AudioError

__all__ = ["Recording", "Scan", "head", "listen", "mono", "resample", "scan"]

Samples = NDArray[np.float32]

# Demuxers let in: containers of audio that refer to nothing outside themselves.
_FORMATS = (
    "mp3,flac,ogg,mov,mp4,m4a,3gp,3g2,mj2,wav,w64,aiff,aac,ape,wv,tta,mpc,mpc8,asf,matroska,"
    "webm,dsf,iff,caf,au,amr,ac3,eac3,dts,shn,tak"
)
_INDEX_BYTES = str(16 << 20)  # where packets lie: five hours of MP3 (FFmpeg's 1 MB: 20 min)
_HEAD_BYTES = 1 << 20  # of packets, by which a file is known before it is read whole
_PREROLL_S = 0.1  # decoders need some packets to settle: MP3's bit reservoir, Opus' 80 ms
# Time stamps of some containers are whole milliseconds, and those of Vorbis are early or late by
# 448 samples wherever it changes its block size: 10 ms at 44.1 kHz, twice that after a seek.
_JITTER_S = 0.025
_OVERSHOOT_S = 0.05  # a seek that lands later than this missed its target
_CHUNK = 65_536  # samples resampled at a time, so that memory stays bounded
_LOUDEST = 16.0  # float files may hold anything; beyond this a square overflows nothing yet
_WRAP = 2**32
_TORN_SHARE, _TORN_S = 0.01, 0.5  # missing audio that a sound file never has

# Formats whose header says how long the audio is (MP3 only with a Xing frame).
_EXACT_HEADERS = frozenset({"mp3", "flac", "wav", "aiff", "mov", "wv", "tta"})

# Times after a seek are off by some packets here until the next page.
_WRONG_TIMES = frozenset({("ogg", "flac")})

_SAMPLES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What the packets of a file tell: fingerprint (32 hex digits) and length in seconds.

    *head* is the fingerprint's cheap sibling, over the first packets alone.
    """

    fingerprint: str
    duration_s: float
    head: str = ""  # of audio that came from a file


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """A scan, its plan, and the samples f32 at RATE of each window of the plan."""

    scan: Scan
    plan: Plan
    pieces: tuple[Samples, ...]


def scan(path: str) -> Scan:
    """Read all packets of the best audio stream at *path*; decode none.

    Raises AudioError where there is nothing to hear or a part is missing.
    """
    with _opened(path) as audio:
        return audio.scan()


def head(path: str) -> str:
    """Hash the first MiB of packets of the best audio stream at *path*, and its stated length.

    The same as in a `scan`, for the price of opening the file. Raises AudioError where there
    is nothing to hear.
    """
    with _opened(path) as audio:
        return audio.head()


def listen(path: str, plan: Callable[[float], Plan]) -> Recording:
    """Scan *path* and decode the windows that *plan* makes of its length in seconds.

    Raises AudioError as `scan` does, and where not one window can be decoded.
    """
    with _opened(path) as audio:
        seen = audio.scan()
        planned = plan(seen.duration_s)
        pieces = audio.windows(planned.windows)
    if not any(piece.size for piece in pieces):
        raise AudioError("nothing in it can be decoded", path, "check whether it plays at all")
    return Recording(scan=seen, plan=planned, pieces=pieces)


def mono(channels: Sequence[NDArray[Any]]) -> Samples:
    """Mix integer or float channels, each [n], down to one in [-1, 1], f32 [n]."""
    mixed = channels[0].astype(np.float32)
    for channel in channels[1:]:
        mixed += channel
    kind = channels[0].dtype
    full_scale = 1.0 if kind.kind == "f" else float(np.iinfo(kind).max // 2 + 1)
    if kind.kind == "i":
        full_scale *= 2
    mixed *= np.float32(1 / (full_scale * len(channels)))
    if kind.kind == "u":
        mixed -= 1
    elif kind.kind == "f" and not np.max(np.abs(mixed), initial=0.0) <= _LOUDEST:
        mixed = np.clip(np.nan_to_num(mixed), -_LOUDEST, _LOUDEST)
    return mixed


def resample(samples: Samples, rate: int) -> Samples:
    """Resample mono f32 [n] from *rate* Hz to RATE (soxr, high quality)."""
    if rate == RATE:
        return samples
    resampled: Samples = soxr.resample(samples, rate, RATE, quality="HQ")
    return resampled


@contextmanager
def _opened(path: str) -> Iterator["_Audio"]:
    """Open *path* for FFmpeg; every error of it and of the disk leaves as AudioError."""
    try:
        state = os.stat(path)  # noqa: PTH116 (a str may hold any bytes)
        if not stat.S_ISREG(state.st_mode):
            raise AudioError("is not a file", path, "give the path of an audio file")
        if not state.st_size:
            raise AudioError("is empty", path, "get it again or remove it")
        with open(path, "rb") as file:  # noqa: PTH123
            yield from _hearable(path, file)
    except FFmpegError as error:
        remedy = "check whether it plays, or get it again"
        raise AudioError("is not audio that can be read", path, remedy) from error
    except OSError as error:
        raise unreadable(error, path) from error


def _hearable(path: str, file: BinaryIO) -> Iterator["_Audio"]:
    end = audio_end(file)
    torn = is_cut_off(file, end)
    xing = has_xing(file)
    with _demuxer(file) as container:
        stream = container.streams.best("audio")
        if stream is None:
            raise AudioError("holds no audio", path, "take it out of the watched folder")
        yield _Audio(path, file, container, stream, end=end, torn=torn, xing=xing)


def _demuxer(file: BinaryIO) -> Any:
    file.seek(0)
    av.logging.set_level(av.logging.PANIC)
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "", "indexmem": _INDEX_BYTES}
    return av.open(file, mode="r", container_options=options)


class _CannotSeek(Exception):
    """The container cannot go to a time, or its packets carry none."""


class _Audio:
    """The best audio stream of one open file."""

    def __init__(
        self,
        path: str,
        file: BinaryIO,
        container: Any,
        stream: Any,
        *,
        end: int,
        torn: bool,
        xing: bool,
    ) -> None:
        self._path, self._file = path, file
        self._container, self._stream = container, stream
        self._end, self._torn, self._xing = end, torn, xing
        self._kind: str = container.format.name.split(",")[0]
        self._origin = stream.start_time or 0
        self._ticks = 0  # of the packets read so far

    def scan(self) -> Scan:
        """Hash and measure all packets; afterwards the container knows where each one lies."""
        digest, head = xxhash.xxh3_128(), self._head()
        for data in self._sounding():
            digest.update(data)
            head.take(data)
        duration_s = self._ticks * float(self._stream.time_base)
        self._require_sound(self._ticks)
        self._refuse_torn(duration_s)
        return Scan(fingerprint=digest.hexdigest(), head=head.hexdigest(), duration_s=duration_s)

    def head(self) -> str:
        """Hash what `scan` hashes first."""
        head = self._head()
        for data in self._sounding():
            if not head.take(data):
                break
        self._require_sound(head.taken)
        return head.hexdigest()

    def _sounding(self) -> Iterator[memoryview]:
        """Yield the bytes of each packet, less tags, and count its ticks."""
        held: memoryview | None = None
        count = 0
        for packet in self._packets():
            if held is not None:
                yield held
            held = self._less_tag(packet)
            self._ticks += _ticks_of(packet)
            count += 1
        # The last packet of Monkey's Audio has no position, and a tag behind it in its bytes.
        if held is not None and (count == 1 or self._kind != "ape"):
            yield held

    def _require_sound(self, amount: int) -> None:
        if not amount:
            remedy = "check whether it plays, or get it again"
            raise AudioError("holds no audio that can be heard", self._path, remedy)

    def _head(self) -> "_Head":
        codec = self._stream.codec_context
        name = codec.name if codec is not None else "unknown"
        return _Head(f"{name} {self._stated_duration_s():.3f}")

    def windows(self, spans: tuple[Span, ...]) -> tuple[Samples, ...]:
        """Decode *spans* by seeking; from the start to the end where seeking fails."""
        codec = self._stream.codec_context
        if codec is None:
            raise AudioError("nothing here can decode its kind of sound", self._path)
        try:
            if (self._kind, codec.name) in _WRONG_TIMES:
                raise _CannotSeek
            return tuple(self._seek_and_decode(span) for span in spans)
        except _CannotSeek:
            return self._decode_in_order(spans)

    def _packets(self) -> Iterator[Any]:
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    yield packet
        except FFmpegError:
            return  # a damaged end: what came before it is judged by its length

    def _less_tag(self, packet: Any) -> memoryview:
        data = memoryview(packet)
        if packet.pos is None or packet.pos + packet.size <= self._end:
            return data
        return data[: max(0, self._end - packet.pos)]

    def _refuse_torn(self, heard_s: float) -> None:
        stated_s = self._stated_duration_s()
        missing_s = stated_s - heard_s
        if self._torn or missing_s > max(_TORN_S, _TORN_SHARE * stated_s):
            what = "breaks off before its end"
            if missing_s > 0:
                what += f" ({heard_s:.0f} of {stated_s:.0f} s are there)"
            raise AudioError(what, self._path, "copy or download it again")

    def _stated_duration_s(self) -> float:
        """The length in the header, 0 where there is none or it is only an estimate."""
        estimated = self._kind == "mp3" and not self._xing
        if estimated or self._kind not in _EXACT_HEADERS or not self._stream.duration:
            return 0.0
        return float(self._stream.duration * self._stream.time_base)

    def _seek_and_decode(self, span: Span) -> Samples:
        window = _Window(span)
        tick = float(self._stream.time_base)
        try:
            target = int((window.start_s - _PREROLL_S) / tick) + self._origin
            self._container.seek(max(target, self._origin), stream=self._stream)
        except FFmpegError as error:
            raise _CannotSeek from error
        fresh = True
        for frame in _frames(self._container, self._stream):
            if frame.pts is None:
                raise _CannotSeek
            at_s = (frame.pts - self._origin) * tick
            if fresh and span.start and at_s > window.start_s + _OVERSHOOT_S:
                raise _CannotSeek
            fresh = False
            if not window.take(frame, at_s):
                break
        return window.finish()

    def _decode_in_order(self, spans: tuple[Span, ...]) -> tuple[Samples, ...]:
        """Decode from the first packet on, counting samples, and keep only what is asked."""
        windows = [_Window(span) for span in spans]
        waiting = list(windows)
        at_s = 0.0
        self._file.seek(0)
        with _demuxer(self._file) as container:
            for frame in _frames(container, container.streams.best("audio")):
                while waiting and not waiting[0].take(frame, at_s):
                    waiting.pop(0)
                if not waiting:
                    break
                at_s += frame.samples / frame.sample_rate
        return tuple(window.finish() for window in windows)


class _Head:
    """A hash of the first packets; the stated length tells two edits apart that begin alike."""

    def __init__(self, stated: str) -> None:
        self._digest = xxhash.xxh3_128(stated)
        self.taken = 0

    def take(self, packet: memoryview) -> bool:
        """Take the next packet; return whether more are wanted."""
        if self.taken < _HEAD_BYTES:
            self._digest.update(packet)
            self.taken += len(packet)
        return self.taken < _HEAD_BYTES

    def hexdigest(self) -> str:
        """The hash of what was taken."""
        return self._digest.hexdigest()


def _ticks_of(packet: Any) -> int:
    """The packet's length; below 0 where the end of Vorbis is cut by more than its last packet.

    FFmpeg states that as an unsigned number of 32 bits (oggparsevorbis.c).
    """
    ticks: int = packet.duration or 0
    return ticks - _WRAP if ticks >= _WRAP // 2 else ticks


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """Decode from where *container* stands; damaged packets are passed over."""
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except (FFmpegError, ValueError):  # the latter for a stream that lost its decoder
                continue
            yield from frames
    except FFmpegError:
        return


class _Window:
    """Collects the frames of one span, as mono f32 at RATE, in bounded memory."""

    def __init__(self, span: Span) -> None:
        self._length = span.stop - span.start
        self.start_s = span.start / RATE
        self._stop_s = span.stop / RATE
        self._at_s = self.start_s  # time of the next sample wanted
        self._pending: list[Any] = []
        self._skip = 0  # samples of the first pending frame that come before the span
        self._samples = 0
        self._rate = 0
        self._resampler: soxr.ResampleStream | None = None
        self._done: list[Samples] = []

    def take(self, frame: Any, at_s: float) -> bool:
        """Take *frame*, which begins at *at_s*; return whether more frames are wanted."""
        if self._at_s >= self._stop_s:
            return False
        rate = frame.sample_rate
        late = round((self._at_s - at_s) * rate)
        if late >= frame.samples:
            return True
        if rate != self._rate:
            self._start(rate)
        if abs(late) <= _JITTER_S * rate and self._at_s > self.start_s:
            late = 0
        elif late:
            self._convert()
        if late < 0:
            self._feed(np.zeros(min(-late, self._length * rate // RATE), dtype=np.float32))
        if late > 0:
            self._skip = late
        self._pending.append(frame)
        self._samples += frame.samples
        self._at_s += (frame.samples - late) / rate
        if self._samples >= _CHUNK:
            self._convert()
        return self._at_s < self._stop_s

    def finish(self) -> Samples:
        """Return what was collected, at most the span."""
        self._convert()
        self._start(0)
        done = np.concatenate([*self._done, np.zeros(0, dtype=np.float32)])
        return np.asarray(done[: self._length], dtype=np.float32)

    def _start(self, rate: int) -> None:
        """End the resampling at the old rate, begin at the new."""
        if self._rate:
            self._convert()
        if self._resampler is not None:
            self._done.append(self._resampler.resample_chunk(_NOTHING, last=True))
        wanted = rate and rate != RATE
        self._rate = rate
        self._resampler = soxr.ResampleStream(rate, RATE, 1, "float32", "HQ") if wanted else None

    def _convert(self) -> None:
        """Turn the pending frames into mono samples; their shapes may differ."""
        for (name, channels), run in groupby(self._pending, _shape):
            self._feed(_mixed(run, name, channels)[self._skip :])
            self._skip = 0
        self._pending.clear()
        self._samples = 0

    def _feed(self, samples: Samples) -> None:
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples)
        self._done.append(samples)


_NOTHING: Samples = np.zeros(0, dtype=np.float32)


def _shape(frame: Any) -> tuple[str, int]:
    return frame.format.name, frame.layout.nb_channels


def _mixed(frames: Iterable[Any], name: str, channels: int) -> Samples:
    """The samples of *frames*, all of one sample format, mixed to one channel.

    Reads the planes itself: `to_ndarray` costs as much as decoding where frames are short.
    """
    kind = _SAMPLES[name.removesuffix("p")]
    if name.endswith("p"):
        planes = [[np.frombuffer(p, kind, f.samples) for p in f.planes] for f in frames]
        return mono([np.concatenate(channel) for channel in zip(*planes, strict=True)])
    packed = [np.frombuffer(f.planes[0], kind, f.samples * channels) for f in frames]
    return mono(list(np.concatenate(packed).reshape(-1, channels).T))
