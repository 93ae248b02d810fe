"""Figures as they stand in the result file: rounded, with n, artists and 95 % interval."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.learning.figures import evaluate

__all__ = ["draw", "gain", "held", "interval", "report", "rounded"]

RESULTS = Path(__file__).parents[1] / "results"
Words = NDArray[np.float64]


def report(words: Words, truth: NDArray[np.int64], groups: NDArray[np.int32]) -> dict[str, Any]:
    """Return what there is to say of *words* [n, G]."""
    return evaluate.as_json(evaluate.summary(words, truth, groups))


def gain(
    old: Words, new: Words, truth: NDArray[np.int64], groups: NDArray[np.int32]
) -> dict[str, Any]:
    """Return accuracy of *new* less that of *old*, on the same tracks, with 95 % interval."""
    return {"difference": rounded(evaluate.paired(old, new, truth, groups))}


def rounded(figure: evaluate.Figure) -> dict[str, float]:
    """Return *figure* as it stands in the file."""
    return {end: round(number, 4) for end, number in asdict(figure).items()}


def interval(
    values: NDArray[np.float64], groups: NDArray[np.int32], *, draws: int = 4000
) -> evaluate.Figure:
    """Return the mean of *values* [n], with a 95 % interval over artists drawn anew."""
    _, index = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(index, values), np.bincount(index)
    drawn = np.random.default_rng(0).integers(0, len(sums), (draws, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return evaluate.Figure(value=float(values.mean()), low=float(low), high=float(high))


def held(
    figure: dict[str, Any], *, must: str, met: bool, aim: str, reached: bool
) -> dict[str, Any]:
    """Return *figure* with what it must reach and what it aims at, and whether it does."""
    return {**figure, "must": must, "met": bool(met), "aim": aim, "aim met": bool(reached)}


def draw(words: Words, truth: NDArray[np.int64], genres: Sequence[str], name: str) -> str:
    """Draw the confusion table as a picture among the results; return its path."""
    target = RESULTS / f"{name}.png"
    table = evaluate.confusion(words.argmax(axis=1), truth, len(genres))
    share = np.diag(table).sum() / table.sum()
    title = f"Artists never heard, 2-3 s of audio: {share:.1%} of {table.sum()} right"
    evaluate.draw_confusion(table, genres, title, target)
    document = {"genres": list(genres), "table": table.tolist()}
    target.with_suffix(".json").write_text(json.dumps(document) + "\n", "utf-8")
    return str(target.relative_to(RESULTS.parent.parent))
