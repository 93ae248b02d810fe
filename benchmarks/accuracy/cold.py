"""P1 without any label: what the backbone's tags say, mapped to genres by their names.

How tags spread is learned from other artists (as the shipped statistics are), or from the
very clips that are judged (as a library's own are, once it has enough files). No label is
used in either, so nothing could be chosen by one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures
from benchmarks.accuracy.bench import Bench, over_folds
from core.decision.verdict import segment_probabilities
from core.learning.nets.networks import scaled
from core.learning.nets.prior import TagLayer

__all__ = ["rows", "tag_words"]

Words = NDArray[np.float64]


def rows(bench: Bench) -> dict[str, Any]:
    """Return the two rows of the cold start; none without a backbone and its tags."""
    embedding, tags, short = bench.embedding, bench.tags, bench.short
    if embedding is None or tags is None:
        return {"left out": "there is no backbone here"}
    shipped = np.zeros((len(embedding), len(bench.genres)))
    for fold in over_folds(bench.folds):
        mine = bench.folds == fold
        shipped[mine] = tag_words(bench.genres, tags, embedding[mine], embedding[~mine])
    own = tag_words(bench.genres, tags, embedding[short], embedding[short])
    return {
        "statistics of other artists": _row(bench, shipped[short], 0.60, 0.68),
        "statistics of the library itself": _row(bench, own, 0.65, 0.72),
    }


def tag_words(
    genres: tuple[str, ...],
    tags: TagLayer,
    embedding: NDArray[np.float32],
    spread: NDArray[np.float32],
) -> Words:
    """Return what the tags say [n, G] of *embedding* [n, 200], given how they spread in others.

    *spread* [m, 200] are embeddings of unlabelled tracks.
    """
    centre, width = spread.mean(axis=0), np.maximum(spread.std(axis=0), 1e-6)
    scores = scaled(embedding, centre, width) @ tags.weights(genres, spread, width)
    return segment_probabilities(scores[None], np.ones(1))


def _row(bench: Bench, words: Words, must: float, aim: float) -> dict[str, Any]:
    figure = figures.report(words, bench.truth[bench.short], bench.groups[bench.short])
    right = figure["accuracy"]["value"]
    return figures.held(
        figure, must=f">= {must:.0%}", met=right >= must, aim=f">= {aim:.0%}", reached=right >= aim
    )
