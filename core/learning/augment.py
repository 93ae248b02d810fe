"""Other masterings of the same music, so that the network learns the genre, not the studio.

Every effect comes to every genre with the same chance (at least one in ten), else the
network would learn the augmenter. What a copy gets follows from the track's fingerprint,
the seed and its number alone. Copies are for fitting; nothing is ever judged by them.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

__all__ = ["ADVANCED", "EFFECTS", "PLAIN", "Effect", "chosen", "disturb", "random_for"]

Samples = NDArray[np.float32]  # [m] mono


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One way to disturb samples, and the chance that a copy gets it."""

    name: str
    chance: float
    apply: Callable[[Samples, int, np.random.Generator], Samples]


def random_for(fingerprint: str, seed: int, copy: int) -> np.random.Generator:
    """Return the one generator that copy number *copy* of this track draws from."""
    digest = hashlib.sha256(f"{fingerprint}/{seed}/{copy}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def chosen(rng: np.random.Generator, *, advanced: bool) -> tuple[Effect, ...]:
    """Draw the effects of one copy: each by its chance, at least one."""
    effects = EFFECTS if advanced else PLAIN
    drawn = tuple(effect for effect in effects if rng.random() < effect.chance)
    return drawn or (effects[int(rng.integers(len(effects)))],)


def disturb(
    pieces: tuple[Samples, ...], rate: int, rng: np.random.Generator, *, advanced: bool
) -> tuple[Samples, ...]:
    """Return *pieces* of one track, all treated with the same drawn effects at *rate* Hz.

    Plain: equaliser, noise, loudness. Advanced: also drive, a room, a cut-off.
    """
    effects = chosen(rng, advanced=advanced)
    setting = int(rng.integers(2**63))  # each piece hears the same knobs
    treated = []
    for piece in pieces:
        knobs = np.random.default_rng(setting)
        sound = piece
        for effect in effects:
            sound = effect.apply(sound, rate, knobs) if sound.size else sound
        treated.append(np.asarray(sound, dtype=np.float32))
    return tuple(treated)


# --- effects, in the order of a signal chain ------------------------------------------------


def _equalise(sound: Samples, rate: int, knobs: np.random.Generator) -> Samples:
    """Bend the spectrum by up to 8 dB at six places, an octave and a half apart or so."""
    places = np.array([60.0, 180.0, 500.0, 1500.0, 4000.0, 9000.0])
    gains = knobs.uniform(-8, 8, len(places))
    size = scipy.fft.next_fast_len(len(sound), real=True)
    pitch = np.log(np.maximum(scipy.fft.rfftfreq(size, 1 / rate), 20.0))
    curve = 10 ** (np.interp(pitch, np.log(places), gains) / 20)
    shaped = scipy.fft.irfft(scipy.fft.rfft(sound, size) * curve, size)[: len(sound)]
    return np.asarray(shaped, dtype=np.float32)


def _drive(sound: Samples, _rate: int, knobs: np.random.Generator) -> Samples:
    """Press it into a soft limiter, as loud masterings are; only mildly at the least."""
    push = knobs.uniform(1.0, 4.0) / (3 * _level(sound))
    return np.asarray(np.tanh(sound * push) / push, dtype=np.float32)


def _room(sound: Samples, rate: int, knobs: np.random.Generator) -> Samples:
    """Add a decaying tail of 0.1 to 0.6 s, 8 to 20 dB below the sound."""
    seconds, share = knobs.uniform(0.1, 0.6), 10 ** (-knobs.uniform(8, 20) / 20)
    time = np.arange(int(seconds * rate)) / rate
    tail = knobs.standard_normal(len(time)) * np.exp(-6.9 * time / seconds)
    tail /= np.sqrt(np.sum(tail**2))
    wet = scipy.signal.fftconvolve(sound, tail)[: len(sound)]
    return np.asarray(sound + share * wet, dtype=np.float32)


def _cut_off(sound: Samples, rate: int, knobs: np.random.Generator) -> Samples:
    """Lose the highest or the lowest, as low bit rates and small speakers do."""
    high = knobs.uniform(0.55, 0.95) * rate / 2
    low = knobs.uniform(20, 120)
    passed = scipy.signal.butter(4, (low, high), "bandpass", fs=rate, output="sos")
    return np.asarray(scipy.signal.sosfilt(passed, sound), dtype=np.float32)


def _noise(sound: Samples, _rate: int, knobs: np.random.Generator) -> Samples:
    """Lay white to pink noise under it, 15 to 45 dB below."""
    colour, distance = knobs.uniform(0, 1), knobs.uniform(15, 45)
    size = scipy.fft.next_fast_len(len(sound), real=True)
    spectrum = scipy.fft.rfft(knobs.standard_normal(size))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1.0) ** (colour / 2)
    hiss = scipy.fft.irfft(spectrum, size)[: len(sound)]
    hiss *= _level(sound) * 10 ** (-distance / 20) / max(float(np.std(hiss)), 1e-12)
    return np.asarray(sound + hiss, dtype=np.float32)


def _loudness(sound: Samples, _rate: int, knobs: np.random.Generator) -> Samples:
    """Turn it up or down by up to 12 dB and cut what exceeds full scale."""
    gain = 10 ** (knobs.uniform(-12, 12) / 20)
    return np.asarray(np.clip(sound * gain, -1.0, 1.0), dtype=np.float32)


def _level(sound: Samples) -> float:
    return max(float(np.sqrt(np.mean(sound.astype(np.float64) ** 2))), 1e-9)


PLAIN: tuple[Effect, ...] = (
    Effect(name="equaliser", chance=0.8, apply=_equalise),
    Effect(name="noise", chance=0.4, apply=_noise),
    Effect(name="loudness", chance=0.5, apply=_loudness),
)
ADVANCED: tuple[Effect, ...] = (
    Effect(name="drive", chance=0.3, apply=_drive),
    Effect(name="room", chance=0.3, apply=_room),
    Effect(name="cut-off", chance=0.3, apply=_cut_off),
)
EFFECTS: tuple[Effect, ...] = (PLAIN[0], *ADVANCED, *PLAIN[1:])  # noise and level come last
