"""P2: the pieces of 15 to 30 s, judged whole, and the same as crops of 2.5 s.

Same folds and fits as P1. The crops are cut from the audio and heard anew, each as a file of
its own, so that they have no more around them than a short excerpt has; beside the accuracy
stands how far each block of features shifts when a piece is heard in crops.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile  # type: ignore[import-untyped]
from numpy.typing import NDArray

from benchmarks.accuracy import figures
from benchmarks.accuracy.bench import Bench, over_folds
from benchmarks.accuracy.hearings import heard_samples
from benchmarks.accuracy.nested import model, nested, said
from core.learning.base import pieces
from core.learning.tracks.dataset import Sample, Track
from core.learning.tracks.hearing import Augmentation
from core.learning.train import feature_groups

__all__ = ["block_shifts", "rows"]

CROP_S = 2.5
CROPS = 3  # of each piece: around a sixth, the middle, five sixths
Words = NDArray[np.float64]


def rows(bench: Bench) -> dict[str, Any]:
    """Return the rows of P2; without audio (made-up excerpts) those of the pieces alone."""
    rich = bench.embedding is not None
    words, longs = nested(bench, rich=rich).words, np.flatnonzero(~bench.short)
    truth, groups = bench.truth[longs], bench.groups[longs]
    whole = figures.report(words[longs], truth, groups)
    reached = whole["accuracy"]["value"] >= 0.82
    title = "with backbone" if rich else "135 alone"
    found = {title: figures.held(whole, must="printed", met=True, aim=">= 82%", reached=reached)}
    if rich:
        plain = nested(bench, rich=False).words[longs]
        found["135 alone"] = figures.report(plain, truth, groups)
    if bench.data is not None:
        found[f"{title}, as crops of {CROP_S} s"] = _as_crops(bench, words[longs], longs)
    return found


def _as_crops(bench: Bench, whole: Words, longs: NDArray[np.int64]) -> dict[str, Any]:
    crops = _crops(bench, longs)
    words = _crop_words(bench, longs, crops)  # [pieces, CROPS, G]
    truth, groups = bench.truth[longs], bench.groups[longs]
    right = (words.argmax(axis=2) == truth[:, None]).mean(axis=1)
    loss = right - (whole.argmax(axis=1) == truth)
    return {
        "accuracy": figures.rounded(figures.interval(right, groups)),
        "difference to the whole": figures.rounded(figures.interval(loss, groups)),
        "n": len(longs),
        "crops": len(longs) * CROPS,
        "artists": len(np.unique(groups)),
        "shift of each block": block_shifts([bench.tracks[i] for i in longs], crops),
    }


def block_shifts(
    whole: Sequence[Track], crops: Sequence[Sequence[Track]]
) -> dict[str, dict[str, float]]:
    """Return how far each block A..H moves from pieces heard whole to crops of them.

    In standard deviations between the pieces: "each" is the mean absolute shift of a feature
    of one piece, "all" that of the mean over pieces (what no averaging takes away).
    """
    before = np.stack([track.features.mean(axis=0) for track in whole])
    after = np.stack(
        [np.mean([crop.features.mean(axis=0) for crop in some], axis=0) for some in crops]
    )
    shift = (after - before) / np.maximum(before.std(axis=0), 1e-6)  # [pieces, 135]
    ends = np.cumsum(feature_groups())[:-1]
    return {
        name: {
            "each": round(float(np.abs(part).mean()), 3),
            "all": round(float(np.abs(part.mean(axis=0)).mean()), 3),
        }
        for name, part in zip("ABCDEFGH", np.split(shift, ends, axis=1), strict=True)
    }


def _crop_words(bench: Bench, longs: NDArray[np.int64], crops: Sequence[Sequence[Track]]) -> Words:
    """What models of the other folds say [pieces, CROPS, G]."""
    words = np.zeros((len(longs), CROPS, len(bench.genres)))
    for fold in over_folds(bench.folds):
        mine = np.flatnonzero(bench.folds[longs] == fold)
        trained = model(bench, fold, rich=bench.embedding is not None)
        asked = [crop for i in mine for crop in crops[i]]
        words[mine] = said(trained, asked).words.reshape(len(mine), CROPS, -1)
    return words


def _crops(bench: Bench, longs: NDArray[np.int64]) -> list[tuple[Track, ...]]:
    """Return the crops of each long piece, as heard."""
    assert bench.data is not None
    listed = pieces(bench.data)
    with tempfile.TemporaryDirectory() as room:
        samples = [s for i in longs for s in _cut(listed[i].sample, Path(room) / str(i))]
        heard = heard_samples(
            samples, Augmentation(factor=0), bench.store, _silent, backbone=bench.folder
        )
    return [heard[i : i + CROPS] for i in range(0, len(heard), CROPS)]


def _cut(sample: Sample, room: Path) -> list[Sample]:
    """Write CROPS crops of *sample*, spread evenly over it, bit for bit."""
    room.mkdir()
    audio, rate = soundfile.read(sample.path, dtype="int16")
    size = round(CROP_S * rate)
    cut = []
    for number in range(CROPS):
        middle = (2 * number + 1) * len(audio) // (2 * CROPS)
        start = min(max(0, middle - size // 2), len(audio) - size)
        path = room / f"{number}.flac"
        soundfile.write(path, audio[start : start + size], rate)
        cut.append(replace(sample, path=str(path)))
    return cut


def _silent(_stage: str, _done: int, _total: int) -> None: ...
