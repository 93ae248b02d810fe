"""Test audio: music-like sound in clearly different styles, encoded in every format.

Nothing here is a recording: numpy makes the sound, PyAV encodes it, plain mutagen tags
it, as any other program would. One seed is one "take": same style, another tempo, key,
progression, timbre and noise. Imported by tests as `tests.audio`; no test lives here.
"""

import io
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import mutagen
import numpy as np
from mutagen.id3 import ID3, TALB, TCMP, TCOM, TCON, TIT2, TPE1, TPE2
from mutagen.mp4 import MP4
from numpy.typing import NDArray

__all__ = [
    "ALL_FORMATS",
    "FORMATS_UNDER_TEST",
    "STYLES",
    "encode",
    "genres_in",
    "make_audio",
    "retag",
    "suffix",
    "synthesise",
]

Samples = NDArray[np.float32]
Wave = NDArray[np.float64]

# format: file suffix, container, codec, sample format, rates that the codec takes (None: any)
_ENCODERS: dict[str, tuple[str, str, str, str, int | None]] = {
    "mp3": (".mp3", "mp3", "libmp3lame", "s16p", None),
    "flac": (".flac", "flac", "flac", "s16", None),
    "ogg": (".ogg", "ogg", "vorbis", "fltp", None),
    "opus": (".opus", "opus", "libopus", "s16", 48_000),
    "m4a": (".m4a", "ipod", "aac", "fltp", None),
    "alac": (".m4a", "ipod", "alac", "s16p", None),
    "wav": (".wav", "wav", "pcm_s16le", "s16", None),
    "aiff": (".aiff", "aiff", "pcm_s16be", "s16", None),
    "oggflac": (".oga", "ogg", "flac", "s16", None),
    "wavpack": (".wv", "wv", "wavpack", "s16p", None),
    "wma": (".wma", "asf", "wmav2", "fltp", None),
    "tta": (".tta", "tta", "tta", "s16", None),
}
ALL_FORMATS = tuple(_ENCODERS)
FORMATS_UNDER_TEST = ("mp3", "flac", "ogg", "opus", "m4a", "alac", "wav", "aiff")


def synthesise(
    style: str, seconds: float, seed: int, rate: int = 22_050, channels: int = 1
) -> Samples:
    """Return float32 [samples], or [samples, channels] where there are several, peak 0.8."""
    rng = np.random.default_rng([seed, list(STYLES).index(style)])
    count = max(1, round(seconds * rate))
    mono = STYLES[style](rng, count, rate)
    mono = mono * 0.8 / max(1e-9, float(np.abs(mono).max()))
    if channels == 1:
        return mono.astype(np.float32)
    # a few ms between the channels: stereo that is no copy of one channel
    shifted = [np.roll(mono, int(rate * 0.003 * k)) * (1 - 0.05 * k) for k in range(channels)]
    return np.stack(shifted, axis=1).astype(np.float32)


def encode(
    path: str | bytes | Path,
    samples: Samples,
    rate: int,
    fmt: str,
    tags: dict[str, str] | None = None,
) -> None:
    """Write *samples* to *path* as *fmt*; *tags* are written by FFmpeg's muxer, as ffmpeg does."""
    data = _encode(np.atleast_2d(samples.T), rate, fmt, tags or {})
    with open(path, "wb") as file:  # noqa: PTH123  (names that are no text come as bytes)
        file.write(data)


def make_audio(
    path: str | bytes | Path,
    fmt: str | None = None,
    *,
    style: str = "techno",
    seconds: float = 6.0,
    seed: int = 0,
    rate: int = 22_050,
    channels: int = 1,
    genre: str | Iterable[str] | None = None,
    artist: str | None = None,
    album: str | None = None,
    title: str | None = None,
) -> Path:
    """Make an audio file at *path* and return it; *fmt* follows the suffix where it is None.

    The encoded sound is kept in memory, so that asking again for the same take is quick.
    """
    fmt = fmt or _format_of(path)
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(_take(style, seconds, seed, rate, channels, fmt))
    if any(value is not None for value in (genre, artist, album, title)):
        retag(path, genre=genre, artist=artist, album=album, title=title)
    return Path(path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else path)


def retag(
    path: str | bytes | Path,
    *,
    genre: str | Iterable[str] | None = None,
    artist: str | None = None,
    album: str | None = None,
    title: str | None = None,
    album_artist: str | None = None,
    composer: str | None = None,
    compilation: bool | None = None,
    v2_version: int = 4,
) -> None:
    """Change tags in place as another program would (plain mutagen); `genre=""` clears it."""
    values = {
        "artist": artist,
        "album": album,
        "title": title,
        "albumartist": album_artist,
        "composer": composer,
        "compilation": None if compilation is None else str(int(compilation)),
    }
    wanted: dict[str, list[str]] = {k: [v] for k, v in values.items() if v is not None}
    if genre is not None:
        wanted["genre"] = [genre] if isinstance(genre, str) else list(genre)
    file = _open(path)
    for key, texts in wanted.items():
        _set(file, key, [text for text in texts if text])
    if isinstance(file.tags, ID3):
        if v2_version == 3:
            file.tags.update_to_v23()
        file.save(v2_version=v2_version)
    else:
        file.save()


def genres_in(path: str | bytes | Path) -> list[str]:
    """Return the genres that plain mutagen reads, by another way than the program's own."""
    tags = _open(path).tags
    if tags is None:
        return []
    if isinstance(tags, ID3):
        return list(tags["TCON"].genres) if "TCON" in tags else []
    for key in ("\xa9gen", "genre", "WM/Genre", "Genre"):
        try:
            return [str(value) for value in tags[key]]
        except (KeyError, ValueError):
            continue
    return []


def suffix(fmt: str) -> str:
    """Return the file suffix of a format, with its dot."""
    return _ENCODERS[fmt][0]


# --- tags, the way any program writes them ---------------------------------------------

_ID3_FRAMES = {
    "genre": TCON, "artist": TPE1, "album": TALB, "title": TIT2, "albumartist": TPE2,
    "composer": TCOM, "compilation": TCMP,
}  # fmt: skip
_MP4_ATOMS = {
    "genre": "\xa9gen", "artist": "\xa9ART", "album": "\xa9alb", "title": "\xa9nam",
    "albumartist": "aART", "composer": "\xa9wrt", "compilation": "cpil",
}  # fmt: skip
_ASF_NAMES = {
    "genre": "WM/Genre", "artist": "Author", "album": "WM/AlbumTitle", "title": "Title",
    "albumartist": "WM/AlbumArtist", "composer": "WM/Composer",
    "compilation": "WM/IsCompilation",
}  # fmt: skip


def _open(path: str | bytes | Path) -> mutagen.FileType:
    name = path if isinstance(path, bytes) else str(path)
    file = mutagen.File(name)
    assert file is not None, f"mutagen does not know {path!r}"
    if file.tags is None:
        file.add_tags()
    return file


def _set(file: mutagen.FileType, key: str, values: list[str]) -> None:
    if isinstance(file.tags, ID3):
        frame = _ID3_FRAMES[key]
        file.tags.delall(frame.__name__)
        if values:
            file.tags.add(frame(encoding=3, text=values))
        return
    name = key
    if isinstance(file, MP4):
        name = _MP4_ATOMS[key]
    elif type(file).__name__ == "ASF":
        name = _ASF_NAMES[key]
    if not values:
        if name in file:
            del file[name]
    elif name == "cpil":
        file[name] = values[0] == "1"
    else:
        file[name] = values


# --- encoding --------------------------------------------------------------------------


def _format_of(path: str | bytes | Path) -> str:
    name = path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else str(path)
    found = [fmt for fmt, row in _ENCODERS.items() if name.lower().endswith(row[0])]
    assert found, f"no format for {name!r}"
    return found[0]


@lru_cache(maxsize=512)
def _take(style: str, seconds: float, seed: int, rate: int, channels: int, fmt: str) -> bytes:
    samples = synthesise(style, seconds, seed, rate, channels)
    return _encode(np.atleast_2d(samples.T), rate, fmt, {})


def _encode(planes: Samples, rate: int, fmt: str, tags: dict[str, str]) -> bytes:
    """Encode [channels, samples] float32 to the bytes of a file."""
    _, container, codec, sample_format, fixed_rate = _ENCODERS[fmt]
    if codec == "vorbis" and len(planes) == 1:
        planes = np.repeat(planes, 2, axis=0)  # FFmpeg's own Vorbis encoder knows stereo only
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(planes)]
    buffer = io.BytesIO()
    options = {"fflags": "+bitexact"}
    if container == "mp3" and not tags:
        options["id3v2_version"] = "0"
    with av.open(buffer, "w", format=container, options=options) as out:
        out.metadata.update(tags)
        stream = out.add_stream(codec, rate=fixed_rate or rate, layout=layout)
        stream.format = sample_format
        stream.options = {"strict": "experimental"}
        if codec == "wmav2":
            stream.bit_rate = 64_000
        resampler = av.AudioResampler(sample_format, layout, fixed_rate or rate, frame_size=1024)
        source = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), "fltp", layout)
        source.sample_rate = rate
        source.pts, source.time_base = 0, Fraction(1, rate)
        for frame in [*resampler.resample(source), *resampler.resample(None)]:
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


# --- sound -----------------------------------------------------------------------------


def _midi(note: Wave | float) -> Wave:
    return np.asarray(440.0 * 2.0 ** ((np.asarray(note, dtype=float) - 69) / 12))


def _tone(notes: Iterable[float], count: int, rate: int, harmonics: Wave) -> Wave:
    """Sum of harmonic tones for the MIDI *notes*; *harmonics* are their amplitudes."""
    time = (2 * np.pi / rate * np.arange(count)).astype(np.float32)  # float32: sin is 8 x faster
    sound = np.zeros(count, dtype=np.float32)
    for note in notes:
        pitch = float(_midi(note))
        for k, gain in enumerate(harmonics, start=1):
            if gain and k * pitch < rate / 2:
                sound += np.float32(gain) * np.sin(np.float32(k * pitch) * time + np.float32(k))
    return sound.astype(np.float64)


def _noise(rng: np.random.Generator, count: int, low: float, high: float, rate: int) -> Wave:
    """White noise between *low* and *high* Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / rate)
    spectrum[(hertz < low) | (hertz > high)] = 0
    return np.asarray(np.fft.irfft(spectrum, count))


def _decay(count: int, rate: int, seconds: float) -> Wave:
    return np.exp(-np.arange(count) / rate / seconds)


def _lay(sound: Wave, count: int, starts: Iterable[float], rate: int) -> Wave:
    """Lay *sound* at each start (s) into silence of *count* samples."""
    out = np.zeros(count + len(sound))
    for start in starts:
        at = int(start * rate)
        if 0 <= at < count:
            out[at : at + len(sound)] += sound
    return out[:count]


def _kick(rate: int, drop: float) -> Wave:
    time = np.arange(int(0.25 * rate)) / rate
    return np.sin(2 * np.pi * (48 * time + drop * (1 - np.exp(-time * 30)))) * np.exp(-time * 14)


def _progression(rng: np.random.Generator, minor: bool) -> list[list[int]]:
    """Four triads as semitones above the key note, the first on the tonic."""
    triads = {
        True: [[0, 3, 7], [5, 8, 12], [7, 10, 14], [8, 12, 15], [3, 7, 10], [10, 14, 17]],
        False: [[0, 4, 7], [5, 9, 12], [7, 11, 14], [9, 12, 16], [2, 5, 9], [4, 7, 11]],
    }[minor]
    return [triads[0], *(triads[int(k)] for k in rng.choice(len(triads) - 1, 3) + 1)]


def _bars(chords: list[list[int]], count: int, length: int) -> Iterable[tuple[int, list[int]]]:
    """Yield each bar's first sample and its chord until the take is full."""
    for number, start in enumerate(range(0, count, length)):
        yield start, chords[number % len(chords)]


def _techno(rng: np.random.Generator, count: int, rate: int) -> Wave:
    """Four-on-the-floor: kick on each beat, hats off the beat, sixteenth-note saw bass."""
    beat = 60 / rng.uniform(122, 138)
    key, seconds = int(rng.integers(31, 41)), count / rate
    beats = np.arange(0, seconds, beat)
    hat = _noise(rng, int(0.06 * rate), 6000, rate / 2, rate) * _decay(
        int(0.06 * rate), rate, rng.uniform(0.01, 0.025)
    )
    sound = _lay(_kick(rate, rng.uniform(2, 4)), count, beats, rate)
    sound += 0.5 * _lay(hat, count, beats + beat / 2, rate)
    saw = 1 / np.arange(1, int(rng.integers(12, 24)))
    length = int(beat / 4 * rate)
    for semitones in (0, int(rng.choice([3, 7, 10, 12]))):
        note = _tone([key + semitones], length, rate, saw) * _decay(length, rate, 0.06)
        offset = beat / 4 * (1 if semitones == 0 else int(rng.integers(2, 4)))
        sound += 0.25 * _lay(note, count, beats + offset, rate)
    return sound


def _ambient(rng: np.random.Generator, count: int, rate: int) -> Wave:
    """Slow pads: detuned sine chords that swell, over quiet filtered noise; no onsets."""
    key = int(rng.integers(48, 60))
    length = int(rng.uniform(3.5, 6) * rate)
    soft = np.array([1, rng.uniform(0.1, 0.3), rng.uniform(0.02, 0.1)])
    sound = np.zeros(count + 2 * length)
    swell = np.hanning(2 * length)
    for start, chord in _bars(_progression(rng, bool(rng.integers(2))), count, length):
        notes = [key + n + d for n in chord for d in (0.0, rng.uniform(0.03, 0.08))]
        sound[start : start + 2 * length] += swell * _tone(notes, 2 * length, rate, soft)
    air = _noise(rng, count, 100, rng.uniform(500, 1200), rate)
    return sound[:count] + rng.uniform(0.2, 0.5) * air


def _metal(rng: np.random.Generator, count: int, rate: int) -> Wave:
    """Clipped power chords in palm-muted eighths, snare noise, double kick, loud cymbals."""
    beat = 60 / rng.uniform(150, 190)
    key, seconds = int(rng.integers(38, 46)), count / rate
    length, eighth = int(4 * beat * rate), int(beat / 2 * rate)
    mute = np.exp(-(np.arange(length) % eighth) / rate / rng.uniform(0.08, 0.25))
    sound = np.zeros(count + length)
    saw = 1 / np.arange(1, 30)
    for start, chord in _bars(_progression(rng, minor=True), count, length):
        root = key + chord[0] % 12
        sound[start : start + length] += mute * _tone(
            [root, root + 7, root + 12], length, rate, saw
        )
    guitars = np.tanh(rng.uniform(3, 8) * sound[:count])
    burst = int(0.15 * rate)
    snare = _noise(rng, burst, 200, 8000, rate) * _decay(burst, rate, 0.05)
    cymbals = _noise(rng, count, 5000, rate / 2, rate) * rng.uniform(0.15, 0.3)
    kicks = _lay(_kick(rate, 3), count, np.arange(0, seconds, beat / 4), rate)
    return guitars + _lay(snare, count, np.arange(beat, seconds, 2 * beat), rate) + cymbals + kicks


def _pluck(note: float, rate: int, brightness: float) -> Wave:
    """A plucked string: high harmonics die first."""
    count = int(0.9 * rate)
    time = np.arange(count) / rate
    pitch, sound = float(_midi(note)), np.zeros(count)
    for k in range(1, 11):
        if k * pitch < rate / 2:
            partial = np.sin(2 * np.pi * k * pitch * (1 + 0.0002 * k * k) * time)
            sound += brightness**k * partial * np.exp(-time * (2.5 + 1.8 * k))
    return sound


def _folk(rng: np.random.Generator, count: int, rate: int) -> Wave:
    """Fingerpicked arpeggio on a steel string, soft bass notes, no drums."""
    step = 60 / rng.uniform(84, 116) / 2
    key, brightness = int(rng.integers(50, 60)), rng.uniform(0.55, 0.75)
    chords = _progression(rng, minor=False)
    pattern = rng.permutation([0, 1, 2, 1, 2, 0, 2, 1])
    sound = np.zeros(count)
    for number, start in enumerate(np.arange(0, count / rate, step)):
        chord = chords[number // 8 % 4]
        note = key + chord[int(pattern[number % 8])] + (12 if number % 3 == 0 else 0)
        late = float(start) + rng.uniform(0, 0.012)
        sound += _lay(_pluck(note, rate, brightness) * rng.uniform(0.6, 1), count, [late], rate)
        if number % 8 == 0:
            sound += _lay(_pluck(key + chord[0] - 12, rate, 0.5), count, [float(start)], rate)
    return sound + 0.002 * rng.standard_normal(count)


def _swing(rng: np.random.Generator, count: int, rate: int) -> Wave:
    """Walking bass, swung ride cymbal, and a reedy lead in seventh chords."""
    beat = 60 / rng.uniform(160, 210)
    key, seconds = int(rng.integers(36, 46)), count / rate
    beats = np.arange(0, seconds, beat)
    bell = int(0.3 * rate)
    ride = _noise(rng, bell, 3500, 9000, rate) * _decay(bell, rate, 0.09)
    swung = np.concatenate([beats, beats[1::2] + beat * 2 / 3])
    sound = rng.uniform(0.2, 0.35) * _lay(ride, count, swung, rate)
    reed = np.array([1, 0.1, 0.6, 0.08, 0.4, 0.05, 0.2])
    scale = np.array([0, 2, 4, 5, 7, 9, 10, 12])
    long = int(beat * 1.1 * rate)
    fade = np.hanning(long) ** 0.5
    for start in beats:
        walk = key + int(rng.choice(scale))
        sound += 0.9 * _lay(_pluck(walk, rate, 0.35), count, [float(start)], rate)
        if rng.random() < 0.7:
            lead = key + 24 + int(rng.choice(scale)) + 0.1 * rng.standard_normal()
            at = float(start) + beat * float(rng.choice([0, 2 / 3]))
            sound += 0.3 * _lay(_tone([lead], long, rate, reed) * fade, count, [at], rate)
    return sound


STYLES: dict[str, Callable[[np.random.Generator, int, int], Wave]] = {
    "techno": _techno,
    "ambient": _ambient,
    "metal": _metal,
    "folk": _folk,
    "swing": _swing,
}
