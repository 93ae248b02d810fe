"""What is played: pitch classes, their shape on the tone network, major or minor (E).

A pure function of the power spectrum of one segment. The key itself is rotated away: a
genre has none. Frames run along the first axis.
"""

from functools import cache

import numpy as np

from core.analysis.banks import chroma_bank
from core.analysis.spectral import Frames, Vector

__all__ = ["chroma", "harmony", "tonnetz"]

_TINY = np.float32(1e-10)
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


def harmony(power: Frames) -> Vector:
    """Block E, 21: mean chroma from its strongest class on (12), tonnetz std (6), entropy
    of the chroma in bits, its change from frame to frame, major minus minor.

    The last is the best correlation of the mean chroma with the twelve major key profiles
    less that with the minor ones (Krumhansl & Kessler 1982).
    """
    classes = chroma(power)
    mean = classes.mean(axis=0)
    rotated = np.roll(mean, -int(mean.argmax()))
    three = (_entropy(classes).mean(), _change(classes), _majorness(mean))
    return np.concatenate((rotated, tonnetz(classes).std(axis=0), three), dtype=np.float32)


def chroma(power: Frames) -> Frames:
    """Strength of the pitch classes from C in each frame, strongest 1 (librosa.chroma_stft)."""
    raw = power @ chroma_bank()
    strongest = raw.max(axis=1, keepdims=True)
    classes: Frames = raw / np.where(strongest > 0, strongest, 1)
    return classes


def tonnetz(classes: Frames) -> Frames:
    """Tonal centroids [t, 6] of *classes* [t, 12]: fifths, minor and major thirds.

    Harte et al. 2006; librosa.feature.tonnetz.
    """
    centroids: Frames = _shares(classes) @ _tonal_space()
    return centroids


@cache
def _tonal_space() -> Frames:
    turns = np.array([7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3])[:, None] * np.arange(12)
    turns[::2] -= 0.5
    radius = np.array([1, 1, 1, 1, 0.5, 0.5])[:, None]
    return np.ascontiguousarray((radius * np.cos(np.pi * turns)).T, dtype=np.float32)


def _shares(classes: Frames) -> Frames:
    shares: Frames = classes / np.maximum(classes.sum(axis=1, keepdims=True), _TINY)
    return shares


def _entropy(classes: Frames) -> Vector:
    shares = _shares(classes)
    entropy: Vector = -np.sum(shares * np.log2(np.maximum(shares, _TINY)), axis=1)
    return entropy


def _change(classes: Frames) -> float:
    """Mean of 1 - cosine between successive chroma frames."""
    if len(classes) == 1:
        return 0.0
    unit = classes / np.maximum(np.linalg.norm(classes, axis=1, keepdims=True), _TINY)
    return float(1 - np.mean(np.sum(unit[1:] * unit[:-1], axis=1)))


@cache
def _profiles(profile: tuple[float, ...]) -> Frames:
    """The profile in all twelve keys, centred and of length 1, [12, 12]."""
    centred = np.array(profile) - np.mean(profile)
    centred /= np.linalg.norm(centred)
    return np.stack([np.roll(centred, key) for key in range(12)], axis=1, dtype=np.float32)


def _majorness(mean: Vector) -> float:
    centred = mean - mean.mean()
    centred = centred / max(float(np.linalg.norm(centred)), 1e-10)
    return float((centred @ _profiles(_MAJOR)).max() - (centred @ _profiles(_MINOR)).max())
