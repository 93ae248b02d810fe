"""P1: the first genre of 2 to 3 s by artists never heard, beside regression on the same inputs.

The ensemble is the program's, its weights from inner folds; regression chooses its C inside,
and with a backbone also whether it takes the embedding alone or the 135 beside it.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures, linear
from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.nested import nested
from benchmarks.accuracy.store import Arrays

__all__ = ["regression", "rows"]

Words = NDArray[np.float64]


def rows(bench: Bench) -> dict[str, Any]:
    """Return the rows of P1: 135 alone and, where there is one, with the backbone."""
    plain = nested(bench, rich=False).words
    found = {"135 alone": _ensemble(bench, plain, 0.58, "accuracy_confusion")}
    found["135 alone, against regression"] = _against(bench, plain, rich=False)
    found["LEAKY regression on 135, folds over clips"] = _leaky(bench)
    if bench.embedding is None:
        return found
    rich = nested(bench, rich=True).words
    found["with backbone"] = _ensemble(bench, rich, 0.78, "accuracy_confusion_backbone")
    found["with backbone, against regression"] = _against(bench, rich, rich=True)
    short = bench.short
    found["with backbone, against 135 alone"] = figures.gain(
        plain[short], rich[short], bench.truth[short], bench.groups[short]
    )
    return found


def regression(bench: Bench, *, rich: bool) -> tuple[Words, list[str]]:
    """Return what regression says [tracks, G], its C chosen inside, and its choices."""
    chosen: list[str] = []

    def make() -> Arrays:
        judges: Mapping[str, linear.Judge] = _rich_judges(bench) if rich else _plain_judges(bench)
        words, choices = linear.chosen(bench.folds, bench.truth, bench.groups, judges)
        return {"words": words, "choices": np.array(choices)}

    kept = bench.store.kept(f"regression 1 {bench.identity} {rich}", make)
    chosen += [str(choice) for choice in kept["choices"]]
    return kept["words"], chosen


def _plain_judges(bench: Bench) -> dict[str, linear.Judge]:
    def judge(fitted: NDArray[np.bool_], c: float) -> Words:
        return linear.ridge(linear.rows_of(bench.tracks, fitted), bench.truth, fitted, c)

    return {"135": judge}


def _rich_judges(bench: Bench) -> dict[str, linear.Judge]:
    embedding = bench.embedding
    if embedding is None:
        return {}

    def alone(fitted: NDArray[np.bool_], c: float) -> Words:
        return linear.ridge(embedding, bench.truth, fitted, c)

    def both(fitted: NDArray[np.bool_], c: float) -> Words:
        inputs = np.hstack([linear.rows_of(bench.tracks, fitted), embedding])
        return linear.ridge(inputs, bench.truth, fitted, c)

    return {"embedding": alone, "135 and embedding": both}


def _ensemble(bench: Bench, words: Words, aim: float, picture: str) -> dict[str, Any]:
    mine = words[bench.short], bench.truth[bench.short], bench.groups[bench.short]
    figure = figures.report(*mine)
    if bench.data is not None:  # made-up excerpts draw no picture
        figure["picture"] = figures.draw(mine[0], mine[1], bench.genres, picture)
    right = figure["accuracy"]["value"] >= aim
    return figures.held(figure, must="printed", met=True, aim=f">= {aim:.0%}", reached=right)


def _against(bench: Bench, words: Words, *, rich: bool) -> dict[str, Any]:
    alone, choices = regression(bench, rich=rich)
    short = bench.short
    mine = bench.truth[short], bench.groups[short]
    gained = figures.gain(alone[short], words[short], *mine)
    return figures.held(
        {"regression": figures.report(alone[short], *mine), "chosen inside": choices, **gained},
        must="difference >= -1 point",
        met=gained["difference"]["value"] >= -0.01,
        aim="lower bound above 0",
        reached=gained["difference"]["low"] > 0,
    )


def _leaky(bench: Bench) -> dict[str, Any]:
    mixed = linear.random_folds(bench.excerpts.clips, 5, seed=bench.recipe.seed)
    make = partial(linear.regression_words, bench.tracks, mixed, bench.recipe)
    key = f"LEAKY regression {bench.identity} {bench.recipe}"
    words = bench.store.kept(key, lambda: {"words": make()})["words"][bench.short]
    figure = figures.report(words, bench.truth[bench.short], bench.groups[bench.short])
    return {**figure, "note": "an artist stands on both sides: for comparison only"}
