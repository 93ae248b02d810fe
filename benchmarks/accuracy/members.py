"""What each member brings, and the seed's table: a plain dense net against the ensemble.

Same folds for all, artists apart. How much the members count is fitted on out-of-fold words
of other artists. Short excerpts have one segment, so whatever attends over segments is judged
by the long ones (P2).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures
from benchmarks.accuracy.bench import Bench, over_folds
from benchmarks.accuracy.fits import Fit, without_folds
from benchmarks.accuracy.store import Arrays
from core.learning.confidence.calibrate import cross_fitted
from core.learning.confidence.weighing import Said, cross_weighted, fit_shares, fused
from core.learning.tracks.dataset import apart

__all__ = ["CANDIDATES", "DENSE", "rows"]

# Kinds of member that were tried; the recipe names those that are tried each night.
CANDIDATES = (
    "transformer",
    "linear",
    "statistics",
    "embedding",
    "sequence",
    "both",
    "convolution",
    "deeper",
)
EMBEDDED = ("embedding", "both")
DENSE = (256, 128, 64)  # of the plain net, as in the seed
DENSE_EPOCHS = 40  # as the recipe, at most
AMBIGUOUS = 0.2  # less than this between first and second
Words = NDArray[np.float64]


def rows(bench: Bench) -> dict[str, Any]:
    """Return the rows of the members and of the table."""
    said = _said(bench)
    rich = bench.embedding is not None
    found: dict[str, Any] = {"135 alone": _each(bench, _only(said, _others(said, EMBEDDED)))}
    if rich:
        found["with backbone"] = _each(bench, said)
    found["the seed's table"] = _table(bench, said)
    return found


def _others(said: Said, kinds: Sequence[str]) -> tuple[str, ...]:
    return tuple(kind for kind in dict.fromkeys(said.kinds) if kind not in kinds)


# --- what all said, out of fold -------------------------------------------------------------


def _said(bench: Bench) -> Said:
    """What every candidate says of every track, by fits on all other folds."""
    own = _kinds(bench, bench.recipe.kinds)
    more = _kinds(bench, [kind for kind in CANDIDATES if kind not in own])
    parts = [_by_fits(bench, own)] + ([_by_fits(bench, more)] if more else [])
    return Said(
        scores=np.concatenate([scores for _, scores in parts]),
        counts=np.array([len(track.features) for track in bench.tracks]),
        kinds=tuple(kind for kinds, _ in parts for kind in kinds),
        truth=bench.truth,
        groups=bench.groups,
    )


def _kinds(bench: Bench, kinds: Sequence[str]) -> tuple[str, ...]:
    left_out = EMBEDDED if bench.embedding is None else ()
    nets: tuple[str, ...] = ("transformer", "sequence", "both")
    nets = () if bench.recipe.members else nets
    nets += () if bench.recipe.members else ("convolution", "deeper")  # a quick trial has none
    return tuple(kind for kind in kinds if kind not in left_out + nets)


def _by_fits(bench: Bench, kinds: tuple[str, ...]) -> tuple[Sequence[str], NDArray[np.float32]]:
    counts = np.array([len(track.features) for track in bench.tracks])
    fits = {fold: _fit(bench, fold, kinds) for fold in over_folds(bench.folds)}
    where = np.repeat(bench.folds, counts)
    scores = np.zeros_like(next(iter(fits.values())).scores)
    for fold, fit in fits.items():
        scores[:, where == fold] = fit.scores[:, where == fold]
    return [str(kind) for kind in next(iter(fits.values())).kinds], scores


def _fit(bench: Bench, fold: int, kinds: tuple[str, ...]) -> Fit:
    return without_folds(bench, fold, recipe=replace(bench.recipe, kinds=kinds))


def _only(said: Said, kinds: Sequence[str]) -> Said:
    mine = [place for place, kind in enumerate(said.kinds) if kind in kinds]
    return replace(said, scores=said.scores[mine], kinds=tuple(said.kinds[place] for place in mine))


# --- each member ----------------------------------------------------------------------------


def _each(bench: Bench, said: Said) -> dict[str, Any]:
    """Of each kind: alone, its share, and what the ensemble of all loses without it."""
    kinds = _others(said, ())
    together, shares = cross_weighted(said), fit_shares(said)
    found: dict[str, Any] = {"all of them": _accuracies(bench, together)}
    for kind in kinds:
        alone = fused(said, {**dict.fromkeys(kinds, 0.0), kind: 1.0})
        found[kind] = {"alone": _accuracies(bench, alone), "share": round(shares[kind], 4)}
        rest = _others(said, (kind,))
        if rest:
            less = cross_weighted(_only(said, rest))
            found[kind]["brings"] = _gains(bench, less, together)
    return found


def _accuracies(bench: Bench, words: Words) -> dict[str, Any]:
    return {
        name: {key: report[key] for key in ("accuracy", "nll", "n", "artists")}
        for name, mine in _protocols(bench).items()
        if (report := figures.report(words[mine], bench.truth[mine], bench.groups[mine]))
    }


def _gains(bench: Bench, old: Words, new: Words) -> dict[str, Any]:
    return {
        name: figures.gain(old[mine], new[mine], bench.truth[mine], bench.groups[mine])
        for name, mine in _protocols(bench).items()
    }


def _protocols(bench: Bench) -> Mapping[str, NDArray[np.bool_]]:
    return {"P1": bench.short, "P2": ~bench.short}


# --- the seed's table -----------------------------------------------------------------------


def _table(bench: Bench, said: Said) -> dict[str, Any]:
    """The plain dense net, and the ensemble of the recipe without and with the backbone."""
    made = _dense(bench)
    own = _only(said, _kinds(bench, bench.recipe.kinds))
    found = {"base model": _line(bench, made["words"], made["seconds"])}
    plain = _only(own, _others(own, EMBEDDED))
    spent = np.mean(
        [
            _fit(bench, f, _kinds(bench, bench.recipe.kinds)).seconds
            for f in over_folds(bench.folds)
        ],
        axis=0,
    )
    enhanced, short = _calibrated(own), bench.short
    found["enhanced, 135 alone"] = _line(bench, _calibrated(plain), None)
    found["enhanced"] = _line(bench, enhanced, spent)
    found["enhanced against base model"] = figures.gain(
        made["words"][short], enhanced[short], bench.truth[short], bench.groups[short]
    )
    return found


def _calibrated(said: Said) -> Words:
    return cross_fitted(cross_weighted(said), said.truth, said.groups)


def _line(bench: Bench, words: Words, seconds: NDArray[np.float64] | None) -> dict[str, Any]:
    mine = words[bench.short]
    best = np.sort(mine, axis=1)[:, ::-1]
    margin = best[:, 0] - best[:, 1]
    groups = bench.groups[bench.short]
    line = {
        **figures.report(mine, bench.truth[bench.short], groups),
        "confidence margin": figures.rounded(figures.interval(margin, groups)),
        "ambiguous": figures.rounded(figures.interval((margin < AMBIGUOUS).astype(float), groups)),
    }
    if seconds is None:
        return line
    each = {"training": float(seconds[0]), "prediction of a track": float(seconds[1])}
    return {**line, "processor seconds": {key: round(value, 4) for key, value in each.items()}}


def _dense(bench: Bench) -> Arrays:
    """What a plain dense net on standardised features says of every track, out of fold."""

    epochs = min(DENSE_EPOCHS, bench.recipe.epochs)

    def make() -> Arrays:
        words = np.zeros((len(bench.tracks), len(bench.genres)))
        spent = []
        for fold in over_folds(bench.folds):
            words[bench.folds == fold], seconds = _dense_fold(bench, fold, epochs)
            spent.append(seconds)
        return {"words": words, "seconds": np.mean(spent, axis=0)}

    key = f"plain dense net {DENSE} {epochs} {bench.recipe.seed} {bench.identity}"
    return bench.store.kept(key, make)


def _dense_fold(bench: Bench, fold: int, epochs: int) -> tuple[Words, list[float]]:
    """Train without *fold*, judge it: words [its tracks, G], seconds to train and for one track."""
    import keras

    kept, held = apart(bench.tracks, bench.folds == fold)
    started = time.process_time()
    raw = np.concatenate([track.features for track in kept])
    truth = [bench.genres.index(t.genre) for t in kept for _ in t.features]
    centre, width = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-6)
    keras.utils.set_random_seed(bench.recipe.seed)
    net = keras.Sequential([keras.Input((raw.shape[1],))])
    for units in DENSE:
        net.add(keras.layers.Dense(units, activation="relu"))
        net.add(keras.layers.Dropout(0.3))
    net.add(keras.layers.Dense(len(bench.genres), activation="softmax"))
    net.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    net.fit((raw - centre) / width, np.array(truth), epochs=epochs, verbose=0)
    trained = time.process_time()
    asked = np.concatenate([track.features for track in held])
    said = np.asarray(net((asked - centre) / width, training=False), dtype=np.float64)
    ends = np.cumsum([len(track.features) for track in held])[:-1]
    words = np.stack([part.mean(axis=0) for part in np.split(said, ends)])
    return words, [trained - started, (time.process_time() - trained) / len(held)]
