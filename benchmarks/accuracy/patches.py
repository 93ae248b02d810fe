"""How many patches the backbone must hear of a track: accuracy and steadiness against effort.

The head is fitted on other artists' mean embeddings, as ever; the pieces of 15 to 30 s are then
judged by some of their patches alone, spread evenly as in use. Whole tracks, which have no
labels, tell how far the words move from those by every segment.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures
from benchmarks.accuracy.bench import Bench, over_folds
from benchmarks.accuracy.linear import ridge
from benchmarks.accuracy.store import Arrays
from core.analysis import backbone
from core.analysis.decode import listen
from core.analysis.features import extract
from core.analysis.segments import MAX_SEGMENTS, plan_segments
from core.learning.base import pieces

__all__ = ["COUNTS", "rows"]

COUNTS = (1, 2, 3, 4, 5, 6, 8, 10)
HEARING = ("core.analysis.backbone", "core.analysis.features", "core.analysis.decode")
Words = NDArray[np.float64]
Rows = NDArray[np.float32]


def rows(bench: Bench) -> dict[str, Any]:
    """Return a row for each number of patches, and why there is none where there is none."""
    if bench.data is None or bench.folder is None or bench.embedding is None:
        return {"none": {"why": "there is no audio, or no backbone to hear it anew"}}
    longs = np.flatnonzero(~bench.short)
    listed = pieces(bench.data)
    of_pieces = _heard(bench, [listed[i].sample.path for i in longs], "long pieces")
    tracks = sorted(str(p) for p in (bench.data / "tracks").glob("*") if p.suffix != ".csv")
    of_tracks = _heard(bench, tracks, "whole tracks")
    every, still = _of_pieces(bench, of_pieces, longs, MAX_SEGMENTS), _of_all(bench, of_tracks)
    found = {}
    for count in COUNTS:
        words = _of_pieces(bench, of_pieces, longs, count)
        truth, groups = bench.truth[longs], bench.groups[longs]
        found[f"{count} of at most {MAX_SEGMENTS}"] = {
            **figures.report(words, truth, groups),
            **figures.gain(every, words, truth, groups),
            "whole tracks": _moved(_of_all(bench, of_tracks, count), still),
        }
    return found


def _heard(bench: Bench, paths: Sequence[str], what: str) -> list[Rows]:
    """The embedding [patches, 200] of a patch in every segment of each file."""

    def hear() -> Arrays:
        net = backbone.backbone(str(bench.folder))
        return {str(number): _patches(net, path) for number, path in enumerate(paths)}

    key = f"patches of {what} {[Path(path).name for path in paths]} {bench.identity}"
    held = bench.store.kept(key, hear, code=HEARING)
    return [held[str(number)] for number in range(len(paths))]


def _patches(net: backbone.Backbone, path: str) -> Rows:
    recording = listen(path, plan_segments)
    heard = backbone.stretches(recording, extract(recording)[1], MAX_SEGMENTS)
    return net.embed(heard)[0]


def _of_pieces(bench: Bench, heard: Sequence[Rows], longs: NDArray[np.int64], count: int) -> Words:
    """Words [pieces, G] by *count* patches, each piece by a head that knows not its artist."""
    words = np.zeros((len(longs), len(bench.genres)))
    asked = _means(heard, count)
    for fold in over_folds(bench.folds):
        mine = bench.folds[longs] == fold
        words[mine] = _judged(bench, bench.folds != fold, asked[mine])
    return words


def _of_all(bench: Bench, heard: Sequence[Rows], count: int = MAX_SEGMENTS) -> Words:
    return _judged(bench, np.ones(len(bench.tracks), bool), _means(heard, count))


def _judged(bench: Bench, fitted: NDArray[np.bool_], asked: Rows) -> Words:
    """Words [asked, G] of mean embeddings *asked* by the head on the *fitted* excerpts."""
    assert bench.embedding is not None
    known = bench.embedding[fitted]
    towards = None
    if bench.tags is not None:
        width = np.maximum(known.std(axis=0), 1e-6)
        towards = bench.recipe.prior * bench.tags.weights(bench.genres, known, width)
    everything = np.concatenate([known, asked])
    truth = np.concatenate([bench.truth[fitted], np.zeros(len(asked), np.int64)])
    mask = np.arange(len(everything)) < len(known)
    return ridge(everything, truth, mask, bench.recipe.head_c, towards)[~mask]


def _means(heard: Sequence[Rows], count: int) -> Rows:
    return np.stack([np.stack(backbone.spread(rows, count)).mean(axis=0) for rows in heard])


def _moved(words: Words, still: Words) -> dict[str, Any]:
    """How far *words* lie from those by every segment: half the sum of absolute differences."""
    return {
        "n": len(words),
        "same first genre": int(np.sum(words.argmax(axis=1) == still.argmax(axis=1))),
        "mean distance": round(float(np.abs(words - still).sum(axis=1).mean() / 2), 4),
    }
