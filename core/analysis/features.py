"""The 135 numbers that describe one segment: the table of them, and how they are taken.

One Fourier transform is shared by all blocks. Each segment is brought to one loudness, so
that no number tells the level, the key or the bit rate of the file. NaN and infinity
never leave this file. A change of any number needs a new FEATURE_VERSION.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.analysis import harmony, rhythm, spectral
from core.analysis.decode import Recording, Scan, listen, resample
from core.analysis.segments import FRAME, HOP, RATE, Span, plan_segments

__all__ = [
    "FEATURES",
    "FEATURE_VERSION",
    "Feature",
    "extract",
    "features_of",
    "features_of_samples",
]

Frames = NDArray[np.float32]
Features = NDArray[np.float32]  # [n, 135]

FEATURE_VERSION = 1

_TARGET_RMS = 0.1  # -20 dB of full scale
_SILENT_RMS = 10 ** (-65 / 20)  # no music is mastered so low; dither and tape hiss may be
_LEAST_HEARD = 0.5  # of a planned segment must be there


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One of the 135: its place is its index in FEATURES."""

    name: str
    block: str  # A timbre … H modulation
    unit: str
    source: str  # the function of librosa that gives the same, or the paper


def _group(block: str, names: str, numbers: range | None, unit: str, source: str) -> list[Feature]:
    """Rows of one kind: each name in *names*, numbered where *numbers* says so."""
    tails = [f"_{number:02d}" for number in numbers] if numbers else [""]
    full = [name + tail for name in names.split() for tail in tails]
    return [Feature(name=name, block=block, unit=unit, source=source) for name in full]


FEATURES: tuple[Feature, ...] = tuple(
    [
        *_group("A", "mfcc_mean mfcc_std", range(20), "dB", "librosa.feature.mfcc"),
        *_group("A", "mfcc_slope_std", range(1, 13), "dB/frame", "librosa.feature.delta"),
        *_group("B", "contrast_mean contrast_std", range(7), "dB", "librosa.spectral_contrast"),
        *_group("C", "centroid_mean", None, "Hz", "librosa.spectral_centroid"),
        *_group("C", "bandwidth_mean", None, "Hz", "librosa.spectral_bandwidth"),
        *_group("C", "rolloff_mean", None, "Hz", "librosa.spectral_rolloff"),
        *_group("C", "flatness_mean", None, "ln", "librosa.spectral_flatness"),
        *_group("C", "flux_mean", None, "1", "Tzanetakis & Cook 2002"),
        *_group("C", "crossings_mean", None, "share", "librosa.zero_crossing_rate"),
        *_group("C", "centroid_std", None, "Hz", "librosa.spectral_centroid"),
        *_group("C", "bandwidth_std", None, "Hz", "librosa.spectral_bandwidth"),
        *_group("C", "rolloff_std", None, "Hz", "librosa.spectral_rolloff"),
        *_group("C", "flatness_std", None, "ln", "librosa.spectral_flatness"),
        *_group("C", "flux_std", None, "1", "Tzanetakis & Cook 2002"),
        *_group("C", "crossings_std", None, "share", "librosa.zero_crossing_rate"),
        *_group("D", "level_std level_range", None, "dB", "librosa.feature.rms"),
        *_group("D", "quiet_frames", None, "share", "Tzanetakis & Cook 2002"),
        *_group("D", "energy_sub energy_bass energy_mid energy_high", None, "log10 share", "FFT"),
        *_group("E", "chroma_mean", range(12), "1", "librosa.feature.chroma_stft"),
        *_group("E", "tonnetz_std", range(6), "1", "librosa.feature.tonnetz"),
        *_group("E", "chroma_entropy", None, "bit", "Shannon 1948"),
        *_group("E", "chroma_change", None, "1 - cosine", "chroma_stft"),
        *_group("E", "majorness", None, "correlation", "Krumhansl & Kessler 1982"),
        *_group("F", "percussive_energy", None, "share", "Fitzgerald 2010"),
        *_group("F", "harmonic_flatness", None, "ln", "Fitzgerald 2010"),
        *_group("F", "percussive_onset_std", None, "dB", "Fitzgerald 2010"),
        *_group("G", "tempo", None, "log2 bpm", "librosa.feature.tempo"),
        *_group("G", "tempo_peak", None, "correlation", "librosa.feature.tempogram"),
        *_group("G", "pulse_clarity", None, "1", "Lartillot et al. 2008"),
        *_group("G", "onset_rate", None, "1/s", "librosa.onset.onset_detect"),
        *_group("G", "onset_mean onset_std", None, "dB", "librosa.onset.onset_strength"),
        *_group("G", "tempo_ratio", range(13), "correlation", "librosa.tempogram_ratio"),
        *_group("H", "pulse_low_1 pulse_low_2 pulse_low_4", None, "log10 dB²", "McKinney 2003"),
        *_group("H", "pulse_1 pulse_2 pulse_4 pulse_8", None, "log10 dB²", "McKinney 2003"),
    ]
)


def features_of(path: str) -> tuple[Features, Frames, float, str]:
    """Hear the file at *path*: features f32 [n, 135], starts in s f32 [n], length, fingerprint.

    n is 0 for silence. Raises AudioError.
    """
    recording = listen(path, plan_segments)
    features, starts = extract(recording)
    return features, starts, recording.scan.duration_s, recording.scan.fingerprint


def features_of_samples(samples: NDArray[np.float32], rate: int) -> Features:
    """Features f32 [n, 135] of mono *samples* f32 [m] at *rate* Hz, planned as a file would be."""
    heard = resample(np.asarray(samples, dtype=np.float32), rate)
    plan = plan_segments(len(heard) / RATE)
    pieces = tuple(heard[window.start : window.stop] for window in plan.windows)
    scan = Scan(fingerprint="", duration_s=len(heard) / RATE)
    return extract(Recording(scan=scan, plan=plan, pieces=pieces))[0]


def extract(recording: Recording) -> tuple[Features, Frames]:
    """Features f32 [n, 135] and starts in s f32 [n] of the segments that are not silent."""
    rows, starts = [], []
    for segment, sound, context in _heard(recording):
        gain = _loudness_gain(sound.samples_of(segment))
        if gain:
            rows.append(_vector(sound, segment, context, gain))
            starts.append((sound.start + segment.start) / RATE)
    features = np.array(rows, dtype=np.float32).reshape(-1, len(FEATURES))
    clean = np.nan_to_num(features, nan=0.0, posinf=0.0, neginf=0.0)
    return clean, np.array(starts, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sound:
    """One decoded window and its shared spectrum; spans count from its first sample."""

    start: int
    samples: Frames  # [m]
    power: Frames  # [t, 1025]
    mel: Frames  # [t, 128]
    crossings: Frames  # [t]

    def samples_of(self, span: Span) -> Frames:
        return self.samples[span.start : span.stop]

    def frames_of(self, span: Span, rows: Frames) -> Frames:
        first = span.start // HOP
        return rows[first : first + span.frames]


def _heard(recording: Recording) -> Iterator[tuple[Span, _Sound, Span]]:
    """Each segment that was decoded, with the window that holds it and its context there."""
    plan = recording.plan
    pairs = list(zip(plan.segments, plan.contexts, strict=True))
    for window, piece in zip(plan.windows, recording.pieces, strict=True):
        if piece.size == 0:
            continue
        sound = _sound(window.start, piece)
        for segment, context in pairs:
            if window.start <= context.start < window.stop:
                near = _inside(segment, window, piece.size)
                if near.stop - near.start >= _LEAST_HEARD * (segment.stop - segment.start):
                    yield near, sound, _inside(context, window, piece.size)


def _inside(span: Span, window: Span, size: int) -> Span:
    """*span* counted from the start of *window*, of which *size* samples could be decoded."""
    return Span(start=span.start - window.start, stop=min(span.stop - window.start, size))


def _sound(start: int, piece: Frames) -> _Sound:
    samples = piece - np.mean(piece, dtype=np.float64).astype(np.float32)
    short = FRAME - len(samples)
    padded = np.pad(samples, (0, short)) if short > 0 else samples
    power, mel = spectral.spectra(padded)
    return _Sound(
        start=start,
        samples=samples,
        power=power,
        mel=mel,
        crossings=spectral.sign_changes(padded),
    )


def _loudness_gain(samples: Frames) -> float:
    """Factor on the power that brings *samples* to the target loudness; 0 for silence."""
    rms = float(np.std(samples, dtype=np.float64)) if samples.size else 0.0
    return (_TARGET_RMS / rms) ** 2 if rms >= _SILENT_RMS else 0.0


def _vector(sound: _Sound, segment: Span, context: Span, gain: float) -> Frames:
    """The 135 of one segment, in the order of FEATURES."""
    factor = np.float32(gain)
    power = sound.frames_of(segment, sound.power) * factor
    magnitude = np.sqrt(power)
    mel = sound.frames_of(segment, sound.mel) * factor
    around = spectral.decibels(sound.frames_of(context, sound.mel) * factor)
    return np.concatenate(
        (
            spectral.timbre(mel),
            spectral.contrast(magnitude),
            spectral.shape(magnitude, power, sound.frames_of(segment, sound.crossings)),
            spectral.dynamics(power),
            harmony.harmony(power),
            rhythm.percussion(mel),
            rhythm.rhythm(around),
            rhythm.modulation(around),
        )
    )
