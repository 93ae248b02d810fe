"""What a segment sounds like: timbre (A), contrast (B), shape (C) and dynamics (D).

First the spectrum that all blocks share; then pure functions from that of one segment to
a vector each. Frames run along the first axis. Levels are those of the normalised
segment, so none tells how loud the file was.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from core.analysis.banks import BINS, MELS, cosine_bank, frequencies, hann, mel_pieces
from core.analysis.segments import FRAME, HOP, frames_in

__all__ = [
    "Frames",
    "Vector",
    "contrast",
    "decibels",
    "dynamics",
    "log_flatness",
    "mean_and_std",
    "shape",
    "sign_changes",
    "spectra",
    "timbre",
]

Frames = NDArray[np.float32]  # [t, bins or bands]
Vector = NDArray[np.float32]

_TINY = np.float32(1e-10)
_BLOCK = 64  # frames transformed at a time: they stay in the cache
_RANGE_DB = 80.0
_MFCCS = 20
_DELTAS = 12  # of the MFCCs 1-12
_DELTA_REACH = 4  # a slope over nine frames
_CONTRAST_HZ = (0.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 6400.0, 12800.0)
_CONTRAST_SHARE = 0.02  # of a band's bins make its peak, and as many its valley
_ROLLOFF = 0.85
_ROLLOFF_BLOCK = 41  # 1025 = 25 * 41: sums of blocks first, single bins in one block only
_SHARES_HZ = ((0.0, 60.0), (60.0, 250.0), (250.0, 2000.0), (6000.0, np.inf))
_LEAST_SHARE = 1e-6


def spectra(samples: Vector) -> tuple[Frames, Frames]:
    """Power [t, 1025] and mel power [t, 128] of the whole frames in *samples*, not centred.

    Block by block, so that the mel bands are summed while the spectrum is in the cache.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    power = np.empty((len(frames), BINS), dtype=np.float32)
    mel = np.zeros((len(frames), MELS), dtype=np.float32)
    for first in range(0, len(frames), _BLOCK):
        block = slice(first, first + _BLOCK)
        spectrum = scipy.fft.rfft(frames[block] * hann())
        np.square(spectrum.real, out=power[block])
        power[block] += np.square(spectrum.imag)
        for bins, bands, bank in mel_pieces():
            mel[block, bands] += power[block, bins] @ bank
    return power, mel


def sign_changes(samples: Vector) -> Vector:
    """Share of the samples in each frame at which the sign changes, [t]."""
    negative = np.signbit(samples)
    changed = np.empty(len(samples), dtype=bool)
    changed[0] = False
    np.not_equal(negative[1:], negative[:-1], out=changed[1:])
    hops = np.count_nonzero(changed[: len(samples) // HOP * HOP].reshape(-1, HOP), axis=1)
    before = np.concatenate(([0], np.cumsum(hops)))
    per_frame = FRAME // HOP
    count = frames_in(len(samples))
    return np.asarray((before[per_frame:] - before[:-per_frame])[:count] / FRAME, np.float32)


def decibels(power: Frames, *, range_db: float = _RANGE_DB) -> Frames:
    """10 log10 of *power*, at most *range_db* below its maximum (librosa.power_to_db)."""
    level = 10 * np.log10(np.maximum(power, _TINY))
    floor: Frames = np.maximum(level, level.max() - np.float32(range_db))
    return floor


def mean_and_std(rows: Frames) -> Vector:
    """Mean then standard deviation over the frames of each column, [2 * columns]."""
    return np.concatenate((rows.mean(axis=0), rows.std(axis=0)))


def timbre(mel: Frames) -> Vector:
    """Block A, 52: MFCC 0-19 mean, std, and std of the slope of MFCC 1-12.

    *mel* is the mel power [t, 128]. Davis & Mermelstein 1980; librosa.feature.mfcc and
    librosa.feature.delta(mode="nearest").
    """
    mfcc = decibels(mel) @ cosine_bank(_MFCCS)
    slope = _slope(mfcc[:, 1 : 1 + _DELTAS])
    return np.concatenate((mean_and_std(mfcc), slope.std(axis=0)))


def contrast(magnitude: Frames) -> Vector:
    """Block B, 14: peak over valley in dB in seven bands, mean and std.

    Jiang et al. 2002; librosa.feature.spectral_contrast.
    """
    peaks, valleys = [], []
    for first, stop, count in _contrast_bands():
        band = magnitude[:, first:stop]
        if count > 1:
            band = np.sort(band, axis=1)
            valleys.append(band[:, :count].mean(axis=1))
            peaks.append(band[:, -count:].mean(axis=1))
        else:
            valleys.append(band.min(axis=1))
            peaks.append(band.max(axis=1))
    return mean_and_std(decibels(np.stack(peaks, 1)) - decibels(np.stack(valleys, 1)))


def shape(magnitude: Frames, power: Frames, crossings: Vector) -> Vector:
    """Block C, 12: centroid, bandwidth, roll-off (Hz), log flatness, flux, crossings; mean, std.

    *crossings* [t] is the share of samples of a frame where the sign changes. Flux is the
    distance between successive spectra of length 1, so it knows no level.
    """
    sums = magnitude @ _shape_bank()
    total = np.maximum(sums[:, 0], _TINY)
    centroid = sums[:, 1] / total
    spread = sums[:, 2] / total - centroid**2
    flux = np.resize(_flux(magnitude, power), len(magnitude))
    columns = (
        1000 * centroid,
        1000 * np.sqrt(np.maximum(spread, 0)),
        _rolloff(magnitude, sums[:, 3:]),
        log_flatness(power),
        flux,
        crossings,
    )
    return mean_and_std(np.stack(columns, axis=1).astype(np.float32))


def dynamics(power: Frames) -> Vector:
    """Block D, 7: std and range of the level in dB, share of quiet frames, energy by range.

    Quiet is below the mean RMS (Tzanetakis & Cook 2002). The shares of the energy under
    60 Hz, at 60-250 Hz, at 250-2,000 Hz and over 6 kHz are log10.
    """
    sums = power @ _energy_bank()
    energy = sums[:, 0]
    level = decibels(energy)
    rms = np.sqrt(energy)
    low, high = np.percentile(level, (10, 95))
    whole, *bands = sums.mean(axis=0)
    shares = np.log10(np.maximum(np.array(bands) / max(float(whole), 1e-10), _LEAST_SHARE))
    levels = (level.std(), high - low, np.mean(rms < rms.mean()))
    return np.concatenate((levels, shares), dtype=np.float32)


def log_flatness(power: Frames) -> Vector:
    """Natural logarithm of the spectral flatness of each frame (librosa.spectral_flatness)."""
    floored = np.maximum(power, _TINY)
    mean = np.full(power.shape[1], 1 / power.shape[1], dtype=np.float32)
    flatness: Vector = np.log(floored) @ mean - np.log(floored @ mean)
    return flatness


def _slope(rows: Frames) -> Frames:
    """Least-squares slope over nine frames; the ends are repeated outwards."""
    reach, count = _DELTA_REACH, len(rows)
    padded = np.pad(rows, ((reach, reach), (0, 0)), mode="edge")
    slope = np.zeros_like(rows)
    for step in range(1, reach + 1):
        slope += step * (padded[reach + step :][:count] - padded[reach - step :][:count])
    slope /= 2 * sum(step**2 for step in range(1, reach + 1))
    return slope


@cache
def _contrast_bands() -> tuple[tuple[int, int, int], ...]:
    """First bin, bin behind the last, and number of bins that make a peak, per octave band."""
    hz = frequencies()
    bands = []
    last = len(_CONTRAST_HZ) - 2
    for number, (low, high) in enumerate(pairwise(_CONTRAST_HZ)):
        inside = np.flatnonzero((hz >= low) & (hz <= high))
        first = int(inside[0]) - (number > 0)
        stop = BINS if number == last else int(inside[-1]) + 1
        count = max(1, round(_CONTRAST_SHARE * (stop - first)))
        bands.append((first, stop if number == last else stop - 1, count))
    return tuple(bands)


@cache
def _shape_bank() -> Frames:
    """Sums over the bins as one product: three moments, then the blocks of the roll-off.

    The moments are powers of the frequency in kHz, so that float32 keeps the digits.
    """
    moments = [(frequencies() / 1000) ** n for n in range(3)]
    blocks = np.repeat(np.eye(BINS // _ROLLOFF_BLOCK), _ROLLOFF_BLOCK, axis=0)
    return np.concatenate((np.stack(moments, axis=1), blocks), axis=1, dtype=np.float32)


@cache
def _energy_bank() -> Frames:
    """Sums over the bins as one product: all of them, then the ranges of the shares."""
    hz = frequencies()[:, None]
    low, high = np.array([(0.0, np.inf), *_SHARES_HZ]).T
    return np.asarray((hz >= low) & (hz < high), dtype=np.float32)


def _rolloff(magnitude: Frames, block_sums: Frames) -> Vector:
    """Frequency in Hz below which 85 % of the magnitude lie (librosa.spectral_rolloff)."""
    blocks = magnitude.reshape(len(magnitude), -1, _ROLLOFF_BLOCK)
    reached = np.cumsum(block_sums, axis=1)
    wanted = _ROLLOFF * reached[:, -1]
    block = np.minimum(np.sum(reached < wanted[:, None], axis=1), blocks.shape[1] - 1)
    frame = np.arange(len(magnitude))
    before = np.where(block > 0, reached[frame, block - 1], 0)
    inside = np.cumsum(blocks[frame, block], axis=1) + before[:, None]
    bin_ = np.minimum(np.sum(inside < wanted[:, None], axis=1), _ROLLOFF_BLOCK - 1)
    rolloff: Vector = frequencies()[block * _ROLLOFF_BLOCK + bin_]
    return rolloff


def _flux(magnitude: Frames, power: Frames) -> Vector:
    """Distance between each spectrum and the next, both of length 1; one 0 for one frame."""
    if len(magnitude) == 1:
        return np.zeros(1, dtype=np.float32)
    energy = power @ np.ones(power.shape[1], dtype=np.float32)
    length = np.sqrt(np.maximum(energy, _TINY))
    product = np.einsum("tb,tb->t", magnitude[1:], magnitude[:-1])
    cosine = product / (length[1:] * length[:-1])
    flux: Vector = np.sqrt(np.maximum(2 - 2 * cosine, 0))
    return flux
