"""Ways to disturb music that leave its genre alone: each a pure function with plain knobs.

Own code over numpy, scipy, soxr and libmp3lame. Pedalboard was tried: its Rubber Band takes
twice the time of the overlap-add below and moves timbre (blocks A, B) farther, for 22 MB.
Knows no genre and no chance: which of them a copy gets is said in `augment.py`.
"""

import io

import av
import numpy as np
import scipy.fft
import scipy.signal
import soxr
from numpy.typing import NDArray

__all__ = [
    "coded",
    "driven",
    "equalised",
    "louder",
    "lowest_raised",
    "narrowed",
    "noisy",
    "pitched",
    "reverberant",
    "stretched",
]

Samples = NDArray[np.float32]  # [m] mono

PLACES_HZ = (60.0, 180.0, 500.0, 1500.0, 4000.0, 9000.0)  # of the equaliser
BASS_HZ = 150.0  # below it the bass is raised
CREST = 3.0  # peaks of mastered music lie about 10 dB above its level
_GRAIN, _REACH = 1024, 256  # samples: 46 ms at 22,050 Hz, and how far a better fit is sought


# --- time -----------------------------------------------------------------------------------


def stretched(sound: Samples, factor: float) -> Samples:
    """Play *sound* [m] faster by *factor* at the same pitch: [m / factor].

    Waveform-similarity overlap-add (Verhelst & Roelands 1993): grains that overlap by half,
    each taken from where it continues the one before best.
    """
    hop, wanted = _GRAIN // 2, int(len(sound) / factor)
    padded = np.pad(sound, (_REACH, 2 * _GRAIN + 2 * _REACH))
    window = scipy.signal.get_window("hann", _GRAIN).astype(np.float32)
    out = np.zeros(wanted + 2 * _GRAIN, np.float32)
    place = _REACH  # in padded
    for start in range(0, wanted, hop):
        out[start : start + _GRAIN] += window * padded[place : place + _GRAIN]
        aim = min(int((start + hop) * factor), len(sound) - 1)
        follows = padded[place + hop : place + hop + _GRAIN]
        place = aim + _best_fit(padded[aim : aim + _GRAIN + 2 * _REACH], follows)
    return out[:wanted]


def pitched(sound: Samples, rate: int, semitones: float) -> Samples:
    """Return *sound* [m] higher by *semitones*, at the same tempo: [m]."""
    factor = 2 ** (semitones / 12)
    slow = stretched(sound, 1 / factor)
    return _as_long(soxr.resample(slow, rate * factor, rate, quality="HQ"), len(sound))


def _best_fit(near: Samples, wanted: Samples) -> int:
    """Where in *near* the *wanted* samples are found most alike."""
    size = scipy.fft.next_fast_len(len(near), real=True)
    spectrum = scipy.fft.rfft(near, size) * np.conj(scipy.fft.rfft(wanted, size))
    alike = scipy.fft.irfft(spectrum, size)[: len(near) - len(wanted) + 1]
    return int(np.argmax(alike))


# --- spectrum -------------------------------------------------------------------------------


def equalised(sound: Samples, rate: int, gains_db: NDArray[np.float64]) -> Samples:
    """Bend the spectrum by *gains_db* [6] at six places, an octave and a half apart or so."""
    size = scipy.fft.next_fast_len(len(sound), real=True)
    pitch = np.log(np.maximum(scipy.fft.rfftfreq(size, 1 / rate), 20.0))
    curve = 10 ** (np.interp(pitch, np.log(PLACES_HZ), gains_db) / 20)
    shaped = scipy.fft.irfft(scipy.fft.rfft(sound, size) * curve, size)[: len(sound)]
    return np.asarray(shaped, dtype=np.float32)


def lowest_raised(sound: Samples, rate: int, db: float) -> Samples:
    """Raise the bass by *db*: a shelf of second order at 150 Hz (Bristow-Johnson's cookbook)."""
    a, turn = 10 ** (db / 40), 2 * np.pi * BASS_HZ / rate
    cosine, slope = np.cos(turn), np.sqrt(2 * a) * np.sin(turn)
    over = np.array(
        [
            a * ((a + 1) - (a - 1) * cosine + slope),
            2 * a * ((a - 1) - (a + 1) * cosine),
            a * ((a + 1) - (a - 1) * cosine - slope),
        ]
    )
    under = np.array(
        [
            (a + 1) + (a - 1) * cosine + slope,
            -2 * ((a - 1) + (a + 1) * cosine),
            (a + 1) + (a - 1) * cosine - slope,
        ]
    )
    return np.asarray(scipy.signal.lfilter(over, under, sound), dtype=np.float32)


def narrowed(sound: Samples, rate: int, low_hz: float, high_hz: float) -> Samples:
    """Lose what lies outside *low_hz* to *high_hz*, as small speakers do."""
    passed = scipy.signal.butter(4, (low_hz, high_hz), "bandpass", fs=rate, output="sos")
    return np.asarray(scipy.signal.sosfilt(passed, sound), dtype=np.float32)


# --- the studio -----------------------------------------------------------------------------


def driven(sound: Samples, db: float) -> Samples:
    """Press *sound* into a soft limiter, *db* above what it just bears."""
    push = 10 ** (db / 20) / (CREST * _level(sound))
    return np.asarray(np.tanh(sound * push) / push, dtype=np.float32)


def reverberant(
    sound: Samples, rate: int, seconds: float, below_db: float, rng: np.random.Generator
) -> Samples:
    """Add a tail that falls by 60 dB in *seconds*, *below_db* below the sound."""
    time = np.arange(max(1, int(seconds * rate))) / rate
    tail = rng.standard_normal(len(time)) * np.exp(-6.9 * time / seconds)
    tail *= 10 ** (-below_db / 20) / np.sqrt(np.sum(tail**2))
    wet = scipy.signal.fftconvolve(sound, tail)[: len(sound)]
    return np.asarray(sound + wet, dtype=np.float32)


# --- the way to the listener ----------------------------------------------------------------


def noisy(sound: Samples, colour: float, below_db: float, rng: np.random.Generator) -> Samples:
    """Lay noise under it, white (*colour* 0) to pink (1), *below_db* below the sound."""
    size = scipy.fft.next_fast_len(len(sound), real=True)
    spectrum = scipy.fft.rfft(rng.standard_normal(size))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1.0) ** (colour / 2)
    hiss = scipy.fft.irfft(spectrum, size)[: len(sound)]
    hiss *= _level(sound) * 10 ** (-below_db / 20) / max(float(np.std(hiss)), 1e-12)
    return np.asarray(sound + hiss, dtype=np.float32)


def louder(sound: Samples, db: float) -> Samples:
    """Turn it up by *db* (or down) and cut what exceeds full scale."""
    return np.asarray(np.clip(sound * 10 ** (db / 20), -1.0, 1.0), dtype=np.float32)


def coded(sound: Samples, rate: int, kbit: int) -> Samples:
    """Send it through MP3 at *kbit* kbit/s (libmp3lame, in memory) and back: [m]."""
    whole = np.round(np.clip(sound, -1.0, 1.0) * 32767).astype(np.int16)
    heard = _decoded(_encoded(whole, rate, kbit))
    return _as_long(heard.astype(np.float32) / np.float32(32768), len(sound))


def _encoded(sound: NDArray[np.int16], rate: int, kbit: int) -> io.BytesIO:
    kept = io.BytesIO()
    with av.open(kept, "w", format="mp3") as file:
        stream = file.add_stream("libmp3lame", rate=rate, layout="mono", format="s16p")
        stream.bit_rate = 1000 * kbit
        frame = av.AudioFrame.from_ndarray(sound[None], format="s16p", layout="mono")
        frame.sample_rate, frame.pts = rate, 0
        for last in (frame, None):
            file.mux(stream.encode(last))
    kept.seek(0)
    return kept


def _decoded(kept: io.BytesIO) -> NDArray[np.int16]:
    with av.open(kept, format="mp3") as file:
        resampler = av.AudioResampler(format="s16p", layout="mono")
        frames = [f for frame in file.decode(audio=0) for f in resampler.resample(frame)]
    return np.concatenate([np.asarray(frame.to_ndarray()[0], np.int16) for frame in frames])


def _as_long(sound: Samples, size: int) -> Samples:
    """*sound*, cut or filled up with silence to *size* samples."""
    return np.asarray(np.pad(sound[:size], (0, max(0, size - len(sound)))), dtype=np.float32)


def _level(sound: Samples) -> float:
    return max(float(np.sqrt(np.mean(sound.astype(np.float64) ** 2))), 1e-9)
