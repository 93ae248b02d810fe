"""How far a confidence can be believed, and what the promise of 90 % writes.

Nested: an outer fold is calibrated and thresholded by words on the other folds, which are by
fits that never met it. What was shown is then held against the truth, all folds pooled.
"""

from typing import Any

import numpy as np

from benchmarks.accuracy import figures, p1
from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.doubted import Doubted, doubted
from benchmarks.accuracy.nested import Judged, nested
from core.learning.doubt import risk

__all__ = ["rows"]

ECE_MUST, ECE_AIM = 0.05, 0.02


def rows(bench: Bench) -> dict[str, Any]:
    """Return calibration and promise, with the backbone where there is one, and without."""
    plain = nested(bench, "135", p1.by_plain)
    found = {f"135 alone, {name}": row for name, row in _rows(bench, plain, plain=True).items()}
    for row in found.values():  # the issue is about the model with all that it has
        row.pop("met", None)
    if bench.embedding is None:
        return found
    judged = nested(bench, "all", p1.by_all)
    rich = _rows(bench, judged, plain=False)
    return {f"with backbone, {name}": row for name, row in rich.items()} | found


def _rows(bench: Bench, judged: Judged, *, plain: bool) -> dict[str, Any]:
    sure = doubted(bench, plain=plain)
    return {
        "calibration": _calibration(bench, judged),
        "promise": _promise(bench, judged, sure),
        "will it be right": _surety(bench, judged, sure),
    }


def _surety(bench: Bench, judged: Judged, found: Doubted) -> dict[str, Any]:
    """What asking more than the confidence brings: risk over all coverages, and what is written."""
    short = bench.short
    right = (judged.words.argmax(axis=1) == bench.truth)[short]
    alone, sure = judged.words.max(axis=1)[short], found.sure[short]
    return {
        "folds that learned it": int(found.learned.sum()),
        "aurc by confidence": round(risk(alone, right), 4),
        "aurc by sureness": round(risk(sure, right), 4),
        "written by confidence": round(float(judged.written[short].mean()), 4),
    }


def _calibration(bench: Bench, judged: Judged) -> dict[str, Any]:
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


def _promise(bench: Bench, judged: Judged, found: Doubted) -> dict[str, Any]:
    told = found.written[bench.short]
    coverage = float(told.mean())
    figure: dict[str, Any] = {"n": len(told), "written": int(told.sum())}
    right = (judged.words.argmax(axis=1) == bench.truth)[bench.short][told].astype(float)
    figure |= {"coverage": round(coverage, 4), "thresholds": _shown(found)}
    must = "coverage >= 30%; precision >= .88, its lower bound >= .80"
    aim = "coverage >= 45%; precision >= .90"
    if not told.any():
        return figures.held(figure, must=must, met=False, aim=aim, reached=False)
    groups = bench.groups[bench.short]
    precision = figures.interval(right, groups[told])
    figure |= {"precision": figures.rounded(precision), "artists": len(np.unique(groups[told]))}
    return figures.held(
        figure,
        must=must,
        met=coverage >= 0.30 and precision.value >= 0.88 and precision.low >= 0.80,
        aim=aim,
        reached=coverage >= 0.45 and precision.value >= 0.90,
    )


def _shown(found: Doubted) -> list[float | None]:
    return [round(float(t), 4) if np.isfinite(t) else None for t in found.thresholds]
