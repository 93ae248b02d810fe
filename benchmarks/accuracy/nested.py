"""The program's own training, scored from outside: no choice ever sees the fold it is judged on.

For each outer fold `core.learning.train` learns from the other folds as it would from any
collection, weights, calibration, promise and all; then the outer fold is judged once, by what
the program uses. Its fits are kept: the one without folds i and j serves both of them, so
five folds take fifteen fits and not thirty.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.bench import Bench, over_folds
from benchmarks.accuracy.fits import KeptStudio
from benchmarks.accuracy.packing import pack, unpack
from benchmarks.accuracy.store import Arrays
from core.decision.beyond import outside
from core.decision.promise import start_of
from core.decision.surety import Surety, signs, sureness
from core.decision.verdict import confidences
from core.errors import TrainingError
from core.learning.ensemble.export import Trained
from core.learning.ensemble.fitting import no_check
from core.learning.tracks.dataset import Track, apart, embeddings, without_embeddings
from core.learning.train import scores_of, train

__all__ = ["Said", "model", "nested", "said"]

JUDGING = ("core.learning.train", "core.learning.ensemble.fitting", "core.learning.ensemble.export")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Said:
    """What models say of tracks whose artists they never met."""

    words: NDArray[np.float64]  # [n, G], calibrated
    sure: NDArray[np.float64]  # [n], that the first genre is right
    written: NDArray[np.bool_]  # [n], by the threshold that the promise has in that collection
    cautious: NDArray[np.bool_]  # [n], by the one it starts with in an unknown library


def nested(bench: Bench, *, rich: bool) -> Said:
    """Return what is said of every track by a model of the other folds; *rich*: by its embedding.

    Without it, the models are those of the 135 features alone.
    """

    def judge() -> Arrays:
        found: dict[str, NDArray[np.generic]] = {}
        for fold in over_folds(bench.folds):
            mine = bench.folds == fold
            part = said(model(bench, fold, rich=rich), apart(bench.tracks, mine)[1])
            for name in Said.__dataclass_fields__:
                rows = getattr(part, name)
                blank = np.zeros((len(mine), *rows.shape[1:]), rows.dtype)
                found.setdefault(name, blank)[mine] = rows
        return found

    return Said(**bench.store.kept(f"nested {_key(bench, rich)}", judge, code=JUDGING))


def model(bench: Bench, fold: int, *, rich: bool) -> Trained:
    """Return what the program learns from all folds but *fold*; its tracks are left out of it."""

    def learn() -> Arrays:
        fitted, _ = apart(bench.tracks, bench.folds == fold)
        others = bench.folds[bench.folds != fold]
        trained = train(
            fitted if rich else without_embeddings(fitted),
            bench.recipe,
            lambda *_: None,
            no_check,
            folds=np.unique(others, return_inverse=True)[1],
            studio=KeptStudio(bench),
        )
        return pack(replace(trained, tracks=()))

    key = f"model without {fold} {_key(bench, rich)}"
    trained: Trained = unpack(bench.store.kept(key, learn, code=JUDGING))
    known = {track.group for track, f in zip(bench.tracks, bench.folds, strict=True) if f != fold}
    if known & {bench.tracks[i].group for i in np.flatnonzero(bench.folds == fold)}:
        raise TrainingError("an artist stands on both sides of a fold")
    return trained


def said(trained: Trained, tracks: Sequence[Track]) -> Said:
    """Return what the program would say of *tracks* with this model, and whether it would write.

    Step by step what `daemon.judging.judge` does, without a record.
    """
    weights = np.array(trained.ensemble.weights)
    scores = scores_of(trained.ensemble, tracks)
    calibration, promised = trained.calibration, trained.promise.threshold
    words = np.stack(
        [
            confidences(s, weights, calibration.temperature, calibration.bias, trained.longest)
            for s in scores
        ]
    )
    sure = words.max(axis=1)
    if trained.surety is not None:
        rows = zip(scores, words, tracks, strict=True)
        sure = np.array([_right(trained.surety, s, weights, w, t) for s, w, t in rows])
    allowed = ~_strange(trained, tracks)
    start = np.inf if promised is None else start_of(promised)
    return Said(
        words=words,
        sure=sure,
        written=allowed & (sure >= (np.inf if promised is None else promised)),
        cautious=allowed & (sure >= start),
    )


def _right(
    surety: Surety,
    scores: NDArray[np.float32],
    weights: NDArray[np.float64],
    words: NDArray[np.float64],
    track: Track,
) -> float:
    found = signs(scores, weights, words, track.embedding, surety.places)
    return sureness(float(words.max()), found, surety)


def _strange(trained: Trained, tracks: Sequence[Track]) -> NDArray[np.bool_]:
    """Which tracks [n] are too likely of no genre that was learned."""
    raw = embeddings(tracks)
    if trained.known is None or raw is None:
        return np.zeros(len(tracks), dtype=bool)
    return np.asarray(outside(raw.astype(np.float64), trained.known) >= float(trained.known.limit))


def _key(bench: Bench, rich: bool) -> str:
    return f"{'all' if rich else '135'} {bench.recipe} {bench.identity} {bench.folder}"
