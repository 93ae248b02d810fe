"""What each block of the 135 features brings: softmax regression with and without it.

The plain member, since it is fitted in a second and has one optimum: what is seen is the
block, not the luck of a training. Folds hold whole artists out. It chooses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures
from benchmarks.accuracy.bench import Bench
from core.analysis.features import FEATURES
from core.decision.verdict import pool
from core.learning.ensemble.fitting import Recipe, regress
from core.learning.figures.evaluate import Figure, difference, losses, rights
from core.learning.nets import networks
from core.learning.tracks.dataset import Track, apart, genres_of, group_numbers

__all__ = ["Block", "leave_one_block_out", "rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block A..H: what is lost without it (positive: it helps), and what it says alone."""

    name: str
    size: int  # features in it
    accuracy: Figure  # right first genres, all 135 less the 135 without it
    nll: Figure  # log loss in nats, the 135 without it less all 135
    alone: float  # accuracy of the block by itself


def rows(bench: Bench) -> dict[str, Any]:
    """Return what each block brings to 2-3 s (P1) and to 15-30 s (P2) of artists never heard."""
    key = f"blocks {bench.recipe.linear_c} {bench.identity}"
    found: dict[str, Any] = bench.store.kept(
        key, lambda: {"P1": _table(bench, bench.short), "P2": _table(bench, ~bench.short)}
    )
    return found


def _table(bench: Bench, judged: NDArray[np.bool_]) -> dict[str, Any]:
    c = bench.recipe.linear_c
    found = leave_one_block_out(bench.tracks, bench.folds, judged=judged, c=c)
    told = {f"{row.name}, {row.size} features": _told(row) for row in found}
    return {"n": int(judged.sum()), "artists": len(np.unique(bench.groups[judged])), **told}


def _told(row: Block) -> dict[str, Any]:
    return {
        "accuracy it adds to the others": figures.rounded(row.accuracy),
        "log loss it takes from the others": figures.rounded(row.nll),
        "accuracy alone": round(row.alone, 4),
    }


def leave_one_block_out(
    tracks: Sequence[Track],
    folds: NDArray[np.integer[Any]],
    *,
    judged: NDArray[np.bool_] | None = None,
    c: float = Recipe().linear_c,
) -> tuple[Block, ...]:
    """Return a row for each block of FEATURES, of *tracks* judged out of *folds* [tracks].

    *judged* [tracks] picks those that the figures are about, by default all; *c* is the
    inverse strength of the penalty. Raises TrainingError where an artist is in two folds.
    """
    about = np.ones(len(tracks), dtype=bool) if judged is None else judged
    genres = genres_of(tracks)
    truth = np.array([genres.index(track.genre) for track in tracks])[about]
    groups = group_numbers(tracks)[about]
    blocks = np.array([feature.block for feature in FEATURES])
    whole = _words_by(tracks, folds, np.ones(len(blocks), dtype=bool), c)[about]

    def row(name: str) -> Block:
        mine = blocks == name
        without, alone = (_words_by(tracks, folds, kept, c)[about] for kept in (~mine, mine))
        return Block(
            name=name,
            size=int(mine.sum()),
            accuracy=difference(rights(without, truth), rights(whole, truth), groups),
            nll=difference(losses(whole, truth), losses(without, truth), groups),
            alone=float(rights(alone, truth).mean()),
        )

    return tuple(row(str(name)) for name in np.unique(blocks))


def _words_by(
    tracks: Sequence[Track],
    folds: NDArray[np.integer[Any]],
    kept: NDArray[np.bool_],
    c: float = Recipe().linear_c,
) -> NDArray[np.float64]:
    """Return pooled probabilities [tracks, G] by the *kept* [135] features, out of *folds*."""
    genres = genres_of(tracks)
    words = np.zeros((len(tracks), len(genres)))
    for fold in np.unique(folds):
        others, _ = apart(tracks, folds == fold)
        knots, (weights, bias) = _fitted(others, genres, kept, c)
        for place in np.flatnonzero(folds == fold):
            rows = networks.squashed(tracks[place].features[:, kept], knots)
            words[place] = pool((rows @ weights + bias)[None], np.ones(1))
    return words


def _fitted(
    tracks: Sequence[Track], genres: Sequence[str], kept: NDArray[np.bool_], c: float
) -> tuple[networks.Knots, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Squashing and regression of *tracks*, each counting the same."""
    counts = [len(track.features) for track in tracks]
    raw = np.concatenate([track.features[:, kept] for track in tracks])
    share = np.repeat([1 / count for count in counts], counts)
    genre = np.repeat([genres.index(track.genre) for track in tracks], counts)
    knots = networks.fit_knots(raw, share)
    labels = np.eye(len(genres), dtype=np.float32)[genre]
    return knots, regress(networks.squashed(raw, knots), labels, share, 1 / (c * len(tracks)))
