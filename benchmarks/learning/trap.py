"""The trap of learning from corrections alone, in plain code, and that the program is not in it.

Corrections are a biased sample: what was guessed rightly is missing. Refitted on them alone,
a model that starts from the tags is worse than one that never learns. Beside it the same,
drawn towards the tags; and the program's own nights, with replay, prior and gate.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures as plain
from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.cold import tag_words
from benchmarks.accuracy.linear import ridge
from benchmarks.accuracy.store import Arrays
from benchmarks.learning import figures, taste
from benchmarks.learning.life import NIGHT

__all__ = ["rows"]

C = 0.03  # inverse strength of the penalty, as plain regression chooses it on inner folds
FIRST = 100
MUST = 3.0  # points that chance may account for
Words = NDArray[np.float64]
Refit = Callable[[NDArray[np.bool_]], Words]  # the corrected [n] -> what is said of all [n, G]


def rows(bench: Bench, seeds: Sequence[int]) -> dict[str, Any]:
    """Return the trap, none without a backbone and its tags; and the program beside it."""
    found: dict[str, Any] = {}
    if bench.embedding is not None and bench.folder is not None:
        found |= _plain(bench, seeds)
    static = taste.through(bench, seeds, "every error", "static")
    for condition in ("nightly only", "all"):
        ours = taste.through(bench, seeds, "every error", condition)
        first = figures.rose(static, ours, taste.wrong, taste.between(0, FIRST))
        found[f"the program, {condition} against static, first {FIRST}"] = {
            **first,
            "must": f"upper bound <= +{MUST:.0f} points",
            "met": first["high"] <= MUST,
        }
    return found


def _plain(bench: Bench, seeds: Sequence[int]) -> dict[str, Any]:
    kept = bench.store.kept(
        f"trap 1 {bench.identity} {list(seeds)} {C}", lambda: _lived(bench, seeds)
    )
    artists = np.tile(bench.groups[bench.short], len(seeds))
    early = kept["place"] < FIRST
    found: dict[str, Any] = {}
    for name in ("nothing", "corrections alone", "drawn towards the tags"):
        wrong = kept[name].astype(float)
        found[f"no base, {name}"] = {
            f"first {FIRST}": _per_100(wrong[early], artists[early]),
            "all": _per_100(wrong, artists),
            "n": len(wrong),
        }
    worse = (kept["corrections alone"].astype(float) - kept["nothing"])[early]
    loss = _per_100(worse, artists[early])
    return {
        **found,
        f"no base, corrections alone against nothing, first {FIRST}": {
            **loss,
            "must": "the trap is there: lower bound above 0",
            "met": loss["low"] > 0,
        },
    }


def _lived(bench: Bench, seeds: Sequence[int]) -> Arrays:
    """Which first guesses were wrong [orders x n], and when each file came."""
    embedding, tags = bench.embedding, bench.tags
    if embedding is None or tags is None:
        raise ValueError("there is no backbone here")
    heard, truth = embedding[bench.short], bench.truth[bench.short]
    start = tag_words(bench.genres, tags, heard, heard)
    width = np.maximum(heard.std(axis=0), 1e-6)
    towards = tags.weights(bench.genres, heard, width)
    ways: dict[str, Refit] = {
        "nothing": lambda corrected: start,
        "corrections alone": lambda corrected: ridge(heard, truth, corrected, C),
        "drawn towards the tags": lambda corrected: ridge(heard, truth, corrected, C, towards),
    }
    orders = [np.random.default_rng([seed, 5]).permutation(len(truth)) for seed in seeds]
    found = {
        name: np.concatenate([_through(order, truth, start, refit) for order in orders])
        for name, refit in ways.items()
    }
    return {**found, "place": np.concatenate([np.argsort(order) for order in orders])}


def _through(
    order: NDArray[np.int64], truth: NDArray[np.int64], start: Words, refit: Refit
) -> NDArray[np.bool_]:
    """Let the files come in *order*, each wrong guess be corrected; return which were [n]."""
    wrong, corrected = np.zeros(len(truth), bool), np.zeros(len(truth), bool)
    words = start
    for place, file in enumerate(order.tolist()):
        if place and place % NIGHT == 0 and len(np.unique(truth[corrected])) > 1:
            words = refit(corrected)
        wrong[file] = corrected[file] = words[file].argmax() != truth[file]
    return wrong


def _per_100(values: NDArray[np.float64], artists: NDArray[np.int32]) -> dict[str, float]:
    found = plain.rounded(plain.interval(100 * values, artists))
    return {end: round(number, 2) for end, number in found.items()}
