"""Signals whose features are known on paper, and the spectrum of one segment of them."""

import numpy as np
from numpy.typing import NDArray

from core.analysis.segments import FRAME, HOP, RATE
from core.analysis.spectral import spectra
from tests.audio import synthesise

Samples = NDArray[np.float32]

SEGMENT = 211 * HOP + FRAME  # samples of a segment
CONTEXT = 426 * HOP + FRAME  # samples of a context


def seconds(count: int) -> NDArray[np.float64]:
    """Times of *count* samples in s."""
    return np.arange(count) / RATE


def tone(*hertz: float, count: int = SEGMENT) -> Samples:
    """A chord of equal sines."""
    return sum(0.2 * np.sin(2 * np.pi * f * seconds(count)) for f in hertz).astype(np.float32)


def noise(count: int = SEGMENT, seed: int = 0) -> Samples:
    """White noise."""
    return (0.1 * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def clicks(bpm: float, count: int = CONTEXT) -> Samples:
    """Short bursts of noise on every beat."""
    sound = np.zeros(count, dtype=np.float32)
    burst = noise(600, seed=5) * np.hanning(1200)[600:]
    for start in np.arange(0, count - 600, RATE * 60 / bpm):
        sound[int(start) : int(start) + 600] += 5 * burst.astype(np.float32)
    return sound


def music(count: int = SEGMENT, style: str = "techno", seed: int = 1) -> Samples:
    """Something like music."""
    return synthesise(style, count / RATE + 0.01, seed, RATE)[:count] * np.float32(0.3)


def power(samples: Samples) -> NDArray[np.float32]:
    """Power spectrum [t, 1025]."""
    return spectra(samples)[0]


def mel(samples: Samples) -> NDArray[np.float32]:
    """Mel power [t, 128]."""
    return spectra(samples)[1]
