"""How it moves: harmonic and percussive parts (F), rhythm (G), modulation (H).

Pure functions of mel power [t, 128], the first of the segment, the others of the ten
seconds around it. Frames run along the first axis, 43.07 of them a second.
"""

from functools import cache, lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy import ndimage

from core.analysis.banks import MELS, frequencies, mel_bank
from core.analysis.segments import HOP, RATE
from core.analysis.spectral import Frames, Vector, decibels, log_flatness

__all__ = ["modulation", "onset_strength", "percussion", "rhythm"]

_FRAMES_PER_S = RATE / HOP
_TINY = np.float32(1e-10)

_HARMONIC_FRAMES = 31  # 0.72 s: what lasts longer is harmonic
_PERCUSSIVE_BANDS = 17  # what is wider than 17 of 128 mel bands is percussive

_SLOWEST_BPM, _FASTEST_BPM, _USUAL_BPM = 30.0, 320.0, 120.0
_FACTORS = (4, 8 / 3, 3, 2, 4 / 3, 3 / 2, 1, 2 / 3, 3 / 4, 1 / 2, 1 / 3, 3 / 8, 1 / 4)

# Onsets: highest within 70 ms, and above the mean of the surrounding 200 ms by 7 %.
_ONSET_PEAK, _ONSET_MEAN, _ONSET_DELTA = 3, 9, 0.07

_MODULATION_FFT = 1024
_LOW_HZ = 200.0
_GROUPS = 16  # of eight mel bands
_MODULATIONS_HZ = ((1, 2), (2, 4), (4, 8), (8, 16))  # the last not for the low bands
_LEAST_VARIANCE = 1e-3  # dB²


def percussion(mel: Frames) -> Vector:
    """Block F, 3: share of percussive energy, log flatness of the harmonic part, std of the
    onset strength of the percussive part.

    Median filtering (Fitzgerald 2010) with soft masks, on mel bands rather than bins.
    """
    along_time = _median(mel.T, _HARMONIC_FRAMES).T
    along_pitch = _median(mel, _PERCUSSIVE_BANDS)
    mask = along_pitch / np.maximum(along_time + along_pitch, _TINY)
    percussive = mel * mask**2
    harmonic = mel * (1 - mask) ** 2
    beaten, sung = float(percussive.sum()), float(harmonic.sum())
    flatness = log_flatness(harmonic).mean()
    beats = onset_strength(decibels(percussive)).std()
    return np.array([beaten / max(beaten + sung, 1e-10), flatness, beats], dtype=np.float32)


def rhythm(mel_db: Frames) -> Vector:
    """Block G, 19: log2 tempo, height of its peak, pulse clarity, onsets per second, onset
    strength mean and std, and the autocorrelation at 13 multiples of the tempo.

    Tempo as in librosa.feature.tempo (Ellis 2007), from one autocorrelation over the whole
    context; multiples as in librosa.feature.tempogram_ratio (Prockup et al. 2015).
    """
    strength = onset_strength(mel_db)
    correlation = _autocorrelation(strength)
    lag = _tempo_lag(correlation)
    bpm = 60 * _FRAMES_PER_S / lag
    height = _at(correlation, np.array([lag]))[0]
    fastest = int(60 * _FRAMES_PER_S / _FASTEST_BPM)
    others = np.abs(correlation[fastest:])
    clarity = height / max(float(others.mean()) if others.size else 1.0, 1e-3)
    seconds = len(strength) / _FRAMES_PER_S
    rate = np.count_nonzero(_onsets(strength)) / seconds
    head = (np.log2(bpm), height, clarity, rate, strength.mean(), strength.std())
    ratios = _at(correlation, lag / np.array(_FACTORS))
    return np.concatenate((head, ratios), dtype=np.float32)


def modulation(mel_db: Frames) -> Vector:
    """Block H, 7: log10 variance of the level in dB² that pulses at 1-2, 2-4, 4-8 Hz under
    200 Hz, and at 1-2, 2-4, 4-8, 8-16 Hz averaged over 16 groups of mel bands.
    """
    lowest, *groups = _pulsing(mel_db @ _modulation_groups())
    full = np.mean(groups, axis=0)
    variance = np.maximum(np.concatenate((lowest[:-1], full)), _LEAST_VARIANCE)
    return np.asarray(np.log10(variance), dtype=np.float32)


def onset_strength(mel_db: Frames) -> Vector:
    """Mean rise in dB over the mel bands from frame to frame, [t], first 0 (librosa.onset)."""
    rise = np.maximum(np.diff(mel_db, axis=0, prepend=mel_db[:1]), 0)
    strength: Vector = rise.mean(axis=1)
    return strength


def _median(rows: Frames, size: int) -> Frames:
    """Running median along the second axis; the ends are mirrored.

    One flat run over all rows: many times faster than a filter in two dimensions, and the
    padding keeps rows apart.
    """
    reach = size // 2
    padded = np.pad(rows, ((0, 0), (reach, reach)), mode="symmetric")
    flat = ndimage.median_filter(padded.ravel(), size)
    median: Frames = flat.reshape(padded.shape)[:, reach:-reach]
    return median


def _autocorrelation(strength: Vector) -> Vector:
    """Autocorrelation of *strength* around its mean, 1 at lag 0, one value per lag."""
    centred = strength - strength.mean()
    size = scipy.fft.next_fast_len(2 * len(centred), real=True)
    spectrum = scipy.fft.rfft(centred, size)
    correlation = scipy.fft.irfft(np.abs(spectrum) ** 2, size)[: len(centred)]
    normal: Vector = correlation / max(float(correlation[0]), 1e-10)
    return normal


def _tempo_lag(correlation: Vector) -> float:
    """Lag in frames of the most likely beat: a high peak near the usual tempo."""
    lags = np.arange(1, len(correlation))
    bpm = 60 * _FRAMES_PER_S / np.maximum(lags, 1)
    possible = (bpm >= _SLOWEST_BPM) & (bpm <= _FASTEST_BPM)
    if not possible.any():
        return 60 * _FRAMES_PER_S / _USUAL_BPM
    usual = -0.5 * np.log2(bpm / _USUAL_BPM) ** 2
    score = np.log1p(1e6 * np.maximum(correlation[1:], 0)) + usual
    best = int(lags[possible][score[possible].argmax()])
    return best + _vertex(correlation[best - 1 : best + 2])


def _vertex(three: Vector) -> float:
    """Where between -0.5 and 0.5 a parabola through three values has its top."""
    if len(three) < 3:  # noqa: PLR2004
        return 0.0
    left, middle, right = (float(value) for value in three)
    bend = left - 2 * middle + right
    return min(0.5, max(-0.5, 0.5 * (left - right) / bend)) if bend < 0 else 0.0


def _at(correlation: Vector, lags: NDArray[np.float64]) -> Vector:
    """Values between lags by straight lines; 0 beyond the longest."""
    values = np.interp(lags, np.arange(len(correlation)), correlation, right=0.0)
    return values.astype(np.float32)


def _onsets(strength: Vector) -> NDArray[np.bool_]:
    spread = float(np.ptp(strength))
    if spread < _TINY:
        return np.zeros(len(strength), dtype=bool)
    scaled = (strength - strength.min()) / spread
    highest = ndimage.maximum_filter1d(scaled, _ONSET_PEAK)
    around = ndimage.uniform_filter1d(scaled, _ONSET_MEAN)
    onsets: NDArray[np.bool_] = (scaled == highest) & (scaled >= around + _ONSET_DELTA)
    return onsets


@cache
def _modulation_groups() -> Frames:
    """Means over the mel bands under 200 Hz, then over each group of eight, [128, 17]."""
    centres = frequencies()[mel_bank().argmax(axis=0)]
    low = np.asarray(centres < _LOW_HZ, dtype=np.float32)
    groups = np.repeat(np.eye(_GROUPS, dtype=np.float32), MELS // _GROUPS, axis=0)
    means: Frames = np.concatenate((low[:, None], groups), axis=1)
    means /= means.sum(axis=0)
    return means


def _pulsing(levels: Frames) -> Frames:
    """Variance of *levels* [t, columns] in each band of modulation, [columns, 4]."""
    waves, bands = _modulation_waves(len(levels))
    swing = (levels - levels.mean(axis=0)).T @ waves
    half = swing.shape[1] // 2
    variance: Frames = (swing[:, :half] ** 2 + swing[:, half:] ** 2) @ bands
    return variance


@lru_cache(maxsize=8)
def _modulation_waves(count: int) -> tuple[Frames, Frames]:
    """The part of a Fourier transform of *count* frames from 1 to 16 Hz, and its bands.

    Cosines, then sines, under a Hann window and scaled to variance, [count, 2 * bins];
    which bins belong to which band, [bins, 4].
    """
    hz = np.arange(_MODULATION_FFT // 2) * (_FRAMES_PER_S / _MODULATION_FFT)
    low, high = np.array(_MODULATIONS_HZ).T
    hz = hz[(hz >= low.min()) & (hz < high.max())]
    window = np.hanning(count + 2)[1:-1, None]
    turns = 2 * np.pi * np.arange(count)[:, None] / _FRAMES_PER_S * hz
    scale = np.sqrt(2 / (_MODULATION_FFT * np.sum(window**2)))
    waves = np.concatenate((np.cos(turns), np.sin(turns)), axis=1) * (window * scale)
    bands = (hz[:, None] >= low) & (hz[:, None] < high)
    return waves.astype(np.float32), bands.astype(np.float32)
