"""How far the head should be drawn towards the tags, with how many labels: on inner folds.

Two folds are held out at a time and judged by fits on the other three, so this is no figure
of P1: it shows that the recipe's strength serves with few labels and with all, and that the
tags count for less, the more labels there are.
"""

from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import linear
from benchmarks.accuracy.bench import Bench, over_folds
from benchmarks.accuracy.store import Arrays

__all__ = ["rows"]

PRIORS = (0.0, 0.5, 1.0, 2.0)  # logits for a standard deviation of a genre's tags
LABELS = (2, 8, None)  # a genre; None: all there are


def rows(bench: Bench) -> dict[str, Any]:
    """Return accuracy by strength of the prior and number of labels; none without tags."""
    if bench.embedding is None or bench.tags is None:
        return {"left out": "there is no backbone here"}
    key = f"fading {PRIORS} {LABELS} {bench.recipe} {bench.identity}"
    right = bench.store.kept(key, partial(_rights, bench))["right"]
    return {
        "the recipe's": bench.recipe.prior,
        **{
            f"{'all' if count is None else count} labels a genre": {
                f"prior {prior:g}": round(float(right[i, j]), 4) for j, prior in enumerate(PRIORS)
            }
            for i, count in enumerate(LABELS)
        },
    }


def _rights(bench: Bench) -> Arrays:
    """Share of right answers [labels, priors], over all pairs of folds held out."""
    pairs = list(combinations(over_folds(bench.folds), 2))
    table = np.zeros((len(LABELS), len(PRIORS)))
    for pair in pairs:
        held = np.isin(bench.folds, pair)
        for i, count in enumerate(LABELS):
            labelled = _drawn(bench, ~held, count)
            for j, prior in enumerate(PRIORS):
                table[i, j] += _right(bench, held, labelled, prior) / len(pairs)
    return {"right": table}


def _drawn(bench: Bench, kept: NDArray[np.bool_], count: int | None) -> NDArray[np.bool_]:
    """[tracks]: *count* of the *kept* of each genre, or all."""
    if count is None:
        return kept
    rng = np.random.default_rng(bench.recipe.seed)
    drawn = np.zeros(len(kept), dtype=bool)
    for genre in range(len(bench.genres)):
        drawn[rng.permutation(np.flatnonzero(kept & (bench.truth == genre)))[:count]] = True
    return drawn


def _right(
    bench: Bench, held: NDArray[np.bool_], labelled: NDArray[np.bool_], prior: float
) -> float:
    assert bench.embedding is not None and bench.tags is not None
    width = np.maximum(bench.embedding[labelled].std(axis=0), 1e-6)
    towards = prior * bench.tags.weights(bench.genres, bench.embedding[~held], width)
    words = linear.ridge(bench.embedding, bench.truth, labelled, bench.recipe.head_c, towards)
    judged = held & bench.short
    return float((words.argmax(axis=1) == bench.truth)[judged].mean())
