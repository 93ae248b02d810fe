"""What is written on music of a genre that was not learned, on speech and on noise.

Each genre is left out in turn, of training, calibration and threshold; the model is written
to disk and its clips are judged as the program does. Beside it stands what the same model
writes on the genres that it knows, on a fold of artists that it never met: whoever writes
nothing errs in nothing. Trained without the networks, which would take an hour.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures
from benchmarks.accuracy.bench import Bench, over_folds
from benchmarks.accuracy.odd import odd_sounds
from benchmarks.accuracy.store import Arrays
from core.analysis.runtime import Ensemble
from core.learning.ensemble.export import Paper, write_model
from core.learning.ensemble.fitting import no_check
from core.learning.tracks.dataset import Track
from core.learning.train import train
from core.library.hearings import HearingRow
from core.library.schema import open_library
from core.registry import Registry
from daemon.config import Policy
from daemon.judging.judge import Judge

__all__ = ["rows"]

MUST, AIM = 0.10, 0.05  # of a genre left out
ODD_MUST, ODD_AIM = 0.05, 0.0
WISHED = 0.45  # coverage that the promise aims at
JUDGING = (
    "core.learning.train",
    "core.learning.ensemble.export",
    "core.learning.ensemble.outsiders",
    "daemon.judging.judge",
)


def rows(bench: Bench) -> dict[str, Any]:
    """Return the rows of genres left out and of what is no music."""
    if bench.embedding is None:
        return {"left out": "there is no backbone here"}
    numbers = range(len(bench.genres) if bench.data else 1)  # made-up excerpts are only a trial
    judged = [_without(bench, number) for number in numbers]
    found = {"a genre left out": _left_out(bench, judged)}
    if bench.data is not None:
        for kind, tracks in odd_sounds(bench).items():
            found[kind] = _odd(_whole(bench, kind, tracks), len(tracks))
        found.setdefault("speech", {"left out": "espeak-ng is not installed", "met": False})
    return found


def _without(bench: Bench, number: int) -> Arrays:
    """Judge the short clips of genre *number* and of a fold by a model that knows neither."""
    fold = over_folds(bench.folds)[number % len(over_folds(bench.folds))]
    left = bench.truth == number
    away = np.isin(bench.groups, bench.groups[left]) | (bench.folds == fold)
    strange = np.flatnonzero(left & bench.short)
    known = np.flatnonzero(~left & bench.short & (bench.folds == fold))
    asked = [bench.tracks[place] for place in (*strange, *known)]
    found = _kept(bench, ~away, asked, f"without {number}")
    return {**found, "strange": np.arange(len(asked)) < len(strange)}


def _whole(bench: Bench, kind: str, tracks: Sequence[Track]) -> Arrays:
    """Judge *tracks* of this *kind*, and a fold, by a model of all genres."""
    held = bench.folds == over_folds(bench.folds)[0]
    known = [bench.tracks[place] for place in np.flatnonzero(held & bench.short)]
    found = _kept(bench, ~held, [*tracks, *known], kind)
    return {**found, "strange": np.arange(len(tracks) + len(known)) < len(tracks)}


def _kept(bench: Bench, kept: NDArray[np.bool_], asked: Sequence[Track], what: str) -> Arrays:
    recipe = replace(bench.recipe, members=0)
    key = f"outsiders {what} {recipe} {bench.identity} {bench.folder} {WISHED}"
    return bench.store.kept(key, lambda: _judged(bench, kept, asked), code=JUDGING)


def _judged(bench: Bench, kept: NDArray[np.bool_], asked: Sequence[Track]) -> Arrays:
    """Train on the tracks *kept* [tracks] and say of each *asked* what the program would do."""
    fitted = [track for track, mine in zip(bench.tracks, kept, strict=True) if mine]
    trained = train(
        fitted,
        replace(bench.recipe, members=0),
        lambda *_: None,
        no_check,
        folds=np.unique(bench.folds[kept], return_inverse=True)[1],
        tags=bench.tags,
    )
    paper = Paper(version="m", created="", provenance="p", licence="l", backbone="here")
    with tempfile.TemporaryDirectory() as room:
        folder = write_model(trained, paper, Path(room))
        judge = Judge(
            open_library(Path(room) / "library.db"),
            Registry(Path(room), folder, backbone=lambda: "here"),
            Policy(),
        )
        runtime = Ensemble(folder)
        said = [judge.by_model(_hearing(track, runtime, trained.genres)) for track in asked]
        threshold, foreign = judge.threshold(), judge.foreign()
    named = [verdict.best.genre if verdict.best else "" for verdict in said]
    return {
        "sure": np.array([verdict.sure for verdict in said]),
        "outside": np.array([verdict.outside for verdict in said]),
        "right": np.array([n == t.genre for n, t in zip(named, asked, strict=True)]),
        "threshold": np.array(threshold),
        "foreign": np.array(foreign),
    }


def _hearing(track: Track, runtime: Ensemble, genres: tuple[str, ...]) -> HearingRow:
    scores = runtime.score(track.features, track.embedding)
    return HearingRow(
        fingerprint=track.fingerprint,
        feature_version=1,
        model_version="m",
        genres=genres,
        segments=len(track.features),
        track_features=np.zeros((2, track.features.shape[1]), np.float32),
        pooled_scores=scores.mean(axis=1),
        embedding=track.embedding,
        features=track.features,
        scores=scores,
    )


def _left_out(bench: Bench, judged: Sequence[Arrays]) -> dict[str, Any]:
    """Pool the genres left out, at the promise's threshold and at one that writes much more."""
    groups = np.concatenate(
        [bench.groups[(bench.truth == number) & bench.short] for number in range(len(judged))]
    )
    said = np.concatenate([_written(one, _promised(one))[one["strange"]] for one in judged])
    each = {
        bench.genres[number]: round(float(_written(one, _promised(one))[one["strange"]].mean()), 3)
        for number, one in enumerate(judged)
    }
    value = float(said.mean())
    figure: dict[str, Any] = {
        "written": figures.rounded(figures.interval(said.astype(float), groups)),
        "n": len(said),
        "artists": len(np.unique(groups)),
        "each": each,
        "of the known": _known(judged, [_promised(one) for one in judged]),
        f"where {WISHED:.0%} of the known are written": _wished(judged, groups),
        "members": "without the networks",
    }
    return figures.held(
        figure, must=f"<= {MUST:.0%}", met=value <= MUST, aim=f"<= {AIM:.0%}", reached=value <= AIM
    )


def _wished(judged: Sequence[Arrays], groups: NDArray[np.int32]) -> dict[str, Any]:
    """The same at the thresholds, known in hindsight, that write as much as the promise aims at."""
    bars = [_bar(one) for one in judged]
    pairs = list(zip(judged, bars, strict=True))
    said = np.concatenate([_written(one, bar)[one["strange"]] for one, bar in pairs])
    unblocked = np.concatenate([(one["sure"] >= bar)[one["strange"]] for one, bar in pairs])
    return {
        "written": figures.rounded(figures.interval(said.astype(float), groups)),
        "without asking whether it is outside": round(float(unblocked.mean()), 4),
        "of the known": _known(judged, bars),
    }


def _odd(one: Arrays, count: int) -> dict[str, Any]:
    promised = _written(one, _promised(one))[one["strange"]]
    much, bar = _written(one, _bar(one))[one["strange"]], _bar(one)
    value, most = float(promised.mean()), float(much.mean())
    figure = {
        "written": round(value, 4),
        "n": count,
        f"where {WISHED:.0%} of the known are written": {
            "written": round(most, 4),
            "without asking whether it is outside": round(
                float((one["sure"] >= bar)[one["strange"]].mean()), 4
            ),
        },
        "of the known": _known([one], [_promised(one)]),
        "members": "without the networks",
    }
    worst = max(value, most)
    return figures.held(
        figure,
        must=f"<= {ODD_MUST:.0%}",
        met=worst <= ODD_MUST,
        aim=f"{ODD_AIM:.0%}",
        reached=worst <= ODD_AIM,
    )


def _promised(one: Arrays) -> float:
    return float(one["threshold"])


def _bar(one: Arrays) -> float:
    """The threshold at which the wished share of the known tracks is written."""
    sure = np.where(one["outside"] >= one["foreign"], 0.0, one["sure"])[~one["strange"]]
    return float(np.quantile(sure, 1 - WISHED))


def _written(one: Arrays, threshold: float) -> NDArray[np.bool_]:
    return np.asarray((one["sure"] >= threshold) & (one["outside"] < one["foreign"]))


def _known(judged: Sequence[Arrays], bars: Sequence[float]) -> dict[str, Any]:
    """What is written of artists never met, in the genres that were learned; how much is right."""
    pairs = list(zip(judged, bars, strict=True))
    told = np.concatenate([_written(one, bar)[~one["strange"]] for one, bar in pairs])
    sure = np.concatenate([(one["sure"] >= bar)[~one["strange"]] for one, bar in pairs])
    right = np.concatenate([one["right"][~one["strange"]] for one in judged])
    share = float(right[told].mean()) if told.any() else None
    return {
        "n": len(told),
        "coverage": round(float(told.mean()), 4),
        "precision": None if share is None else round(share, 4),
        "kept from a write though right": round(
            float(((sure & ~told)[right & sure]).mean()) if (right & sure).any() else 0.0, 4
        ),
    }
