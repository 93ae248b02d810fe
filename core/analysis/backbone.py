"""The pretrained backbone: 200 numbers and 50 tags for each patch of 3 s, by LiteRT.

MSD_musicnn (Pons & Serra 2019), behind a front end of our own: the one it came with takes
the logarithm in float16, where ordinary loud music overflows. The level stays as decoded,
since the network was trained so. Never imports TensorFlow; never changes the 135.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
import soxr
from ai_edge_litert.interpreter import Interpreter
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from core.analysis.banks import hann, mel_bank
from core.analysis.decode import Recording
from core.analysis.segments import RATE
from core.errors import ModelError
from core.registry import backbone_file
from core.taxonomy import TAGS

__all__ = [
    "BACKBONE_RATE",
    "BANDS",
    "PATCHES",
    "PATCH_FRAMES",
    "TAGS",
    "WIDTH",
    "Backbone",
    "backbone",
    "log_mel",
    "patch_of",
    "patches_of",
    "spread",
    "stretches",
]

Samples = NDArray[np.float32]
Frames = NDArray[np.float32]

BACKBONE_RATE = 16_000  # Hz
# At most this many are heard of a track, 45 ms of one core each. On pieces of 15 to 30 s six are
# as good as all and four a point worse; in whole tracks the words still come nearer to those by
# every segment up to ten (`benchmarks accuracy`, patches), and ten are within the time aimed at.
PATCHES = 10
PATCH_FRAMES = 187  # 3 s; what the network was trained on
BANDS = 96
WIDTH = 200  # of the embedding

_FRAME, _HOP = 512, 256  # samples
_STRETCH = PATCH_FRAMES * _HOP + _HOP  # samples under all the frames of a patch
_MARGIN = 1_764  # samples at RATE on both sides of a stretch, for the resampler to settle
_GAIN = np.float32(10_000)


class Backbone:
    """The converted network in one folder, verified and ready to run on one thread."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = str(folder)
        path = backbone_file(Path(folder))
        try:
            self._net: Any = Interpreter(model_path=str(path), num_threads=1)
            self._net.allocate_tensors()
            outputs = {int(d["shape"][-1]): d["index"] for d in self._net.get_output_details()}
            self._embedding, self._tags = outputs[WIDTH], outputs[len(TAGS)]
            self._patch = self._net.get_input_details()[0]["index"]
        except (RuntimeError, ValueError, KeyError) as error:
            raise self._error("the backbone cannot be run") from error

    def embed(self, pieces: Sequence[Samples]) -> tuple[Frames, Frames]:
        """Embedding f32 [n, 200] and tag probabilities f32 [n, 50] of *pieces* f32 [m] at 16 kHz.

        A row a piece: of its middle 3 s, or if it is shorter the mean of two ways to repeat it.
        Raises ModelError.
        """
        heard = [self.run(patches_of(log_mel(piece))) for piece in pieces]
        return _means([rows for rows, _ in heard], WIDTH), _means([t for _, t in heard], len(TAGS))

    def run(self, patches: Sequence[Frames]) -> tuple[Frames, Frames]:
        """Embedding f32 [n, 200] and tag probabilities f32 [n, 50] of log-mel patches [187, 96]."""
        embedding = np.zeros((len(patches), WIDTH), dtype=np.float32)
        tags = np.zeros((len(patches), len(TAGS)), dtype=np.float32)
        try:
            for number, patch in enumerate(patches):
                self._net.set_tensor(self._patch, np.ascontiguousarray(patch[None], np.float32))
                self._net.invoke()
                embedding[number] = self._net.get_tensor(self._embedding)[0]
                tags[number] = self._net.get_tensor(self._tags)[0]
        except (RuntimeError, ValueError) as error:
            raise self._error("the backbone failed to run") from error
        if not (np.isfinite(embedding).all() and np.isfinite(tags).all()):
            raise self._error("the backbone gives what are no numbers")
        return embedding, tags

    def _error(self, what: str) -> ModelError:
        return ModelError(what, self._folder, "run: python -m core.learning.backbone")


@lru_cache(maxsize=1)
def backbone(folder: str) -> Backbone:
    """Load the backbone in *folder*, once per process. Raises ModelError."""
    return Backbone(folder)


def stretches(recording: Recording, starts_s: Frames, most: int = PATCHES) -> tuple[Samples, ...]:
    """What the backbone hears of *recording*: f32 [m] at 16 kHz, at most *most* pieces.

    Each lies around the middle of one of the segments that begin at *starts_s*, evenly
    spread over them, and holds just the samples of a patch; short audio gives less.
    """
    planned = np.array([segment.start for segment in recording.plan.segments])
    # the nearest, since float32 seconds are off by whole samples after ten minutes
    nearest = (np.argmin(np.abs(planned - float(start) * RATE)) for start in starts_s)
    heard = [recording.plan.segments[index] for index in nearest]
    middles = ((s.start + s.stop) // 2 for s in spread(heard, most))
    return tuple(_stretch(recording, middle) for middle in middles)


def log_mel(samples: Samples) -> Frames:
    """Log-mel spectrum f32 [t, 96] of *samples* f32 [m] at 16 kHz, t = 1 + m // 256.

    log10(10000 m + 1) of the power in 96 Slaney bands up to 8 kHz, frames of 512 centred
    on multiples of 256. In float32 throughout: 10000 m leaves float16 in any loud bar.
    """
    padded = np.pad(np.asarray(samples, dtype=np.float32), _FRAME // 2)
    frames = sliding_window_view(padded, _FRAME)[::_HOP] * hann(_FRAME)
    spectrum = scipy.fft.rfft(frames, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    mel = power @ mel_bank(BACKBONE_RATE, _FRAME, BANDS)
    return np.asarray(np.log10(_GAIN * mel + np.float32(1)), dtype=np.float32)


def patch_of(frames: Frames) -> Frames:
    """One patch [187, 96] of *frames* [t, 96]: the middle, or all of them repeated to its end."""
    spare = max(0, len(frames) - PATCH_FRAMES)
    patch: Frames = frames[spare // 2 + np.arange(PATCH_FRAMES) % len(frames)]
    return patch


def patches_of(frames: Frames) -> tuple[Frames, ...]:
    """Return what is to be heard of *frames* [t, 96]: one patch [187, 96], of shorter audio two.

    They begin at its start and at its middle, so that the seam of the repetition lies
    elsewhere: on 2-3 s of unknown artists the log loss is .010 lower so, on inner folds.
    """
    if len(frames) >= PATCH_FRAMES:
        return (patch_of(frames),)
    return patch_of(frames), patch_of(np.roll(frames, -(len(frames) // 2), axis=0))


def _means(parts: Sequence[Frames], width: int) -> Frames:
    """The mean of each of *parts* [n, width], as rows."""
    rows = [part.mean(axis=0) for part in parts]
    return np.array(rows, dtype=np.float32).reshape(-1, width)


def spread[T](items: Sequence[T], most: int) -> list[T]:
    """Return at most *most* of *items*, in the middle of equal parts of them."""
    count = min(most, len(items))
    return [items[(2 * part + 1) * len(items) // (2 * count)] for part in range(count)]


def _stretch(recording: Recording, middle: int) -> Samples:
    """The samples of one patch around sample *middle* of the track, at 16 kHz."""
    start, piece = next(
        (window.start, piece)
        for window, piece in zip(recording.plan.windows, recording.pieces, strict=True)
        if window.start <= middle < window.stop
    )
    wanted = -(-_STRETCH * RATE // BACKBONE_RATE)
    first = max(0, min(middle - start - wanted // 2, len(piece) - wanted))
    margin = min(_MARGIN, first)
    around = piece[first - margin : first + wanted + _MARGIN]
    heard = soxr.resample(around, RATE, BACKBONE_RATE, quality="HQ")
    skip = margin * BACKBONE_RATE // RATE
    return np.asarray(heard[skip : skip + _STRETCH], dtype=np.float32)
