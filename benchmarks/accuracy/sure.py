"""How far a confidence can be believed, and what the promise of 90 % writes.

Nested: weights, calibration and threshold come from the other folds alone, then the outer fold
is judged once. What was shown is held against the truth, all folds pooled.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures
from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.nested import Said, nested
from core.learning.confidence.doubt import risk

__all__ = ["rows"]

ECE_MUST, ECE_AIM = 0.05, 0.02


def rows(bench: Bench) -> dict[str, Any]:
    """Return calibration and promise, with the backbone where there is one, and without."""
    plain = nested(bench, rich=False)
    found = {"135 alone, " + name: row for name, row in _rows(bench, plain).items()}
    for row in found.values():  # the issue is about the model with all that it has
        row.pop("met", None)
    if bench.embedding is None:
        return found
    judged = nested(bench, rich=True)
    return {f"with backbone, {name}": row for name, row in _rows(bench, judged).items()} | found


def _rows(bench: Bench, judged: Said) -> dict[str, Any]:
    return {
        "calibration": _calibration(bench, judged),
        "promise": _promise(bench, judged),
        "will it be right": _surety(bench, judged),
    }


def _surety(bench: Bench, judged: Said) -> dict[str, Any]:
    """What asking more than the confidence brings: risk over all coverages."""
    short = bench.short
    right = (judged.words.argmax(axis=1) == bench.truth)[short]
    return {
        "aurc by confidence": round(risk(judged.words.max(axis=1)[short], right), 4),
        "aurc by sureness": round(risk(judged.sure[short], right), 4),
    }


def _calibration(bench: Bench, judged: Said) -> dict[str, Any]:
    short = bench.short
    found = figures.report(judged.words[short], bench.truth[short], bench.groups[short])
    names = ("n", "artists", "ece", "ece_floor", "ece_excess", "slope", "nll", "brier", "aurc")
    figure, excess = {name: found[name] for name in names}, found["ece_excess"]
    sound = found["slope"]["low"] <= 1 <= found["slope"]["high"]
    return figures.held(
        figure,
        must=f"ECE less its floor <= {ECE_MUST}; 1 lies in the slope's interval",
        met=excess <= ECE_MUST and sound,
        aim=f"<= {ECE_AIM}",
        reached=excess <= ECE_AIM,
    )


def _promise(bench: Bench, judged: Said) -> dict[str, Any]:
    told = judged.written[bench.short]
    coverage, figure = float(told.mean()), _written(bench, judged, judged.written)
    figure["with the caution of the first days"] = _written(bench, judged, judged.cautious)
    right = figure.get("precision", {"value": 0.0, "low": 0.0})
    return figures.held(
        figure,
        must="coverage >= 30%; precision >= .88, its lower bound >= .80",
        met=coverage >= 0.30 and right["value"] >= 0.88 and right["low"] >= 0.80,
        aim="coverage >= 45%; precision >= .90",
        reached=coverage >= 0.45 and right["value"] >= 0.90,
    )


def _written(bench: Bench, judged: Said, which: NDArray[np.bool_]) -> dict[str, Any]:
    """Of the short excerpts that would be written: how many, of how many artists, how many right.

    The interval of the precision draws artists.
    """
    told = which[bench.short]
    figure: dict[str, Any] = {"n": len(told), "written": int(told.sum())}
    figure["coverage"] = round(float(told.mean()), 4)
    if not told.any():
        return figure
    groups = bench.groups[bench.short][told]
    right = (judged.words.argmax(axis=1) == bench.truth)[bench.short][told]
    precision = figures.rounded(figures.interval(right.astype(float), groups))
    return {**figure, "artists": len(np.unique(groups)), "precision": precision}
