"""Filter banks and windows of the spectrum, as matrices made once per process.

Every bank is [bins, bands] float32, so that a block of frames [t, bins] is filtered by
one matrix product. The formulas are those of librosa 1.0 with its default values.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from core.analysis.segments import FRAME, RATE

__all__ = [
    "BINS",
    "MELS",
    "chroma_bank",
    "cosine_bank",
    "frequencies",
    "hann",
    "mel_bank",
    "mel_pieces",
]

Matrix = NDArray[np.float32]

BINS = FRAME // 2 + 1
MELS = 128
_LINEAR_HZ, _LINEAR_MELS, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27  # Slaney's mel scale


@cache
def frequencies() -> Matrix:
    """Centre of each bin in Hz, [1025]."""
    return (np.arange(BINS) * (RATE / FRAME)).astype(np.float32)


@cache
def hann(frame: int = FRAME) -> Matrix:
    """Periodic Hann window, [frame]."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame), np.float32)


@cache
def mel_bank(rate: int = RATE, frame: int = FRAME, bands: int = MELS) -> Matrix:
    """*bands* triangles of area 1 on Slaney's mel scale up to half of *rate*, [bins, bands].

    As librosa.filters.mel.
    """
    edges = _mel_to_hz(np.linspace(0, _hz_to_mel(rate / 2), bands + 2))
    ramps = edges[:, None] - np.arange(frame // 2 + 1) * (rate / frame)
    width = np.diff(edges)[:, None]
    bank = np.maximum(0, np.minimum(-ramps[:-2] / width[:-1], ramps[2:] / width[1:]))
    bank *= 2 / (edges[2:] - edges[:-2])[:, None]
    return np.ascontiguousarray(bank.T, dtype=np.float32)


@cache
def mel_pieces() -> tuple[tuple[slice, slice, Matrix], ...]:
    """The mel bank cut along the bins: which bins, which bands they reach, the matrix of both.

    The triangles are narrow, so three quarters of the whole matrix are zeros.
    """
    bank, edges = mel_bank(), (0, 128, 256, 512, BINS)
    pieces = []
    for first, stop in pairwise(edges):
        reached = np.flatnonzero(bank[first:stop].any(axis=0))
        bands = slice(int(reached[0]), int(reached[-1]) + 1)
        piece = np.ascontiguousarray(bank[first:stop, bands])
        pieces.append((slice(first, stop), bands, piece))
    return tuple(pieces)


@cache
def cosine_bank(count: int) -> Matrix:
    """The first *count* rows of the orthonormal DCT-II over the mel bands, [128, count]."""
    bank = scipy.fft.dct(np.eye(MELS), axis=1, norm="ortho")[:, :count]
    return np.ascontiguousarray(bank, dtype=np.float32)


@cache
def chroma_bank() -> Matrix:
    """Gaussian bumps around the twelve pitch classes from C, [1025, 12] (librosa.filters.chroma).

    A4 = 440 Hz; the octave around 880 Hz (the fifth above 27.5 Hz) weighs most.
    """
    octaves = np.log2(np.arange(1, FRAME) * (RATE / FRAME) / 27.5)
    pitch = np.concatenate(([12 * octaves[0] - 18], 12 * octaves))
    width = np.concatenate((np.maximum(np.diff(pitch), 1), [1]))
    distance = np.remainder(pitch - np.arange(12)[:, None] + 126, 12) - 6
    bank = np.exp(-0.5 * (2 * distance / width) ** 2)
    bank /= np.sqrt(np.sum(bank**2, axis=0))
    bank *= np.exp(-0.5 * ((pitch / 12 - 5) / 2) ** 2)
    return np.ascontiguousarray(np.roll(bank, -3, axis=0)[:, :BINS].T, dtype=np.float32)


def _hz_to_mel(hz: float) -> float:
    return float(_LINEAR_MELS + np.log(hz / _LINEAR_HZ) / _LOG_STEP)


def _mel_to_hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    logarithmic = _LINEAR_HZ * np.exp(_LOG_STEP * (mels - _LINEAR_MELS))
    return np.where(mels < _LINEAR_MELS, mels * (_LINEAR_HZ / _LINEAR_MELS), logarithmic)
