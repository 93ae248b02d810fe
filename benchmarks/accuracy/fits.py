"""Whole ensembles of the program, trained on some of the excerpts, as scores on all of them.

A fit is what is dear; it is kept, and everything after it (weights, calibration, thresholds)
is cheap. No fit knows an artist that it is judged on: whoever reads scores asks for tracks
that were held out, and `Fit.words` refuses all others.

Axes: M members, S segments of all tracks in order, G genres of the fit.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from sys import stderr
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.packing import pack, unpack
from benchmarks.accuracy.store import Arrays, digest
from core.decision.verdict import pool
from core.errors import TrainingError
from core.learning.ensemble.fitting import Check, Recipe, Studio
from core.learning.ensemble.starts import Before
from core.learning.nets.members import BOTH, EMBEDDING, Ensemble, Member
from core.learning.nets.prior import TagLayer
from core.learning.proving.gate import require_unseen
from core.learning.tracks.dataset import Track, genres_of, stacked
from core.learning.train import feature_groups, scores_of

__all__ = ["Fit", "KeptStudio", "fit", "refuse_known", "without", "without_folds"]

FITTING = ("core.learning.ensemble.fitting",)
Words = NDArray[np.float64]  # [tracks, G]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """One trained ensemble, what it says of every segment, and what it was trained on."""

    genres: tuple[str, ...]
    scores: NDArray[np.float32]  # [M, S, G], raw
    weights: NDArray[np.float64]  # [M]
    rich: NDArray[np.bool_]  # [M], members that judge the embedding
    kinds: NDArray[np.str_]  # [M]
    seconds: NDArray[np.float64]  # of a processor: to train, and to judge one track
    known: NDArray[np.bool_]  # [tracks], whose artist it was trained on
    artists: frozenset[str]  # whom it was trained on
    ends: NDArray[np.int64]  # [tracks], where a track's segments end
    packed: Arrays  # the ensemble itself

    def words(
        self,
        places: NDArray[np.integer[Any]],
        weights: NDArray[np.float64] | None = None,
        *,
        plain: bool = False,
    ) -> Words:
        """Return pooled probabilities [places, G]; with *plain* by the 135 features alone.

        *weights* [M] are the members', by default those of the recipe. Raises TrainingError
        where an artist among *places* was trained on.
        """
        if self.known[places].any():
            raise TrainingError("a model is judged by artists that it was trained on")
        starts = np.concatenate([[0], self.ends[:-1]])
        parts = [self.scores[:, starts[i] : self.ends[i]] for i in places]
        return self._pooled(parts, weights, plain=plain)

    def of(self, tracks: Sequence[Track], *, plain: bool = False) -> Words:
        """Return pooled probabilities [tracks, G] of tracks that are none of the excerpts.

        Raises TrainingError where their artist was trained on.
        """
        if {track.group for track in tracks} & self.artists:
            raise TrainingError("a model is judged by artists that it was trained on")
        return self._pooled(scores_of(self.ensemble, tracks), None, plain=plain)

    @cached_property
    def ensemble(self) -> Ensemble:
        """The members, to be asked about anything."""
        made: Ensemble = unpack(self.packed)
        return made

    def _pooled(
        self,
        parts: Sequence[NDArray[np.float32]],
        weights: NDArray[np.float64] | None,
        *,
        plain: bool,
    ) -> Words:
        weights = self.weights if weights is None else weights
        weights = np.where(self.rich, 0.0, weights) if plain else weights
        voters = weights > 0
        return np.stack([pool(part[voters], weights[voters]) for part in parts])


def without(bench: Bench, left_out: NDArray[np.bool_], recipe: Recipe | None = None) -> Fit:
    """Return the ensemble trained on all tracks whose artist has none among *left_out*.

    Its genres are those of the tracks it learned from.
    """
    away = np.isin(bench.groups, bench.groups[left_out])
    return fit(bench, ~away, recipe)


def without_folds(bench: Bench, *folds: int, recipe: Recipe | None = None) -> Fit:
    """Return the ensemble trained on all other folds."""
    return without(bench, np.isin(bench.folds, folds), recipe)


def fit(bench: Bench, kept: NDArray[np.bool_], recipe: Recipe | None = None) -> Fit:
    """Return the ensemble trained on the tracks *kept* [tracks], from the store where it is."""
    recipe = recipe or bench.recipe
    tracks = [track for track, mine in zip(bench.tracks, kept, strict=True) if mine]
    genres = genres_of(tracks)

    def train() -> Arrays:
        started, begun = time.monotonic(), time.process_time()
        ensemble = _studio(genres, recipe, bench.tags).train(tracks)
        print(f"  a fit on {len(tracks)} tracks: {time.monotonic() - started:.0f} s", file=stderr)
        return {**pack(ensemble), "processor": np.array(time.process_time() - begun)}

    def judge() -> Arrays:
        ensemble: Ensemble = unpack(packed)
        begun = time.process_time()
        said = ensemble.scores(*stacked(bench.tracks))
        each = (time.process_time() - begun) / len(bench.tracks)
        return {
            "scores": said,
            "weights": np.array(ensemble.weights),
            "rich": np.array(_rich(ensemble)),
            "kinds": np.array(ensemble.kinds),
            "seconds": np.array([float(spent), each]),
        }

    tag_layer = digest(bench.tags.kernel.tobytes()) if bench.tags else None
    key = f"fit {recipe} {bench.identity} {tag_layer} {digest(kept.tobytes())}"
    packed = dict(bench.store.kept(key, train, code=FITTING))
    spent = packed.pop("processor")
    return Fit(
        genres=genres,
        packed=packed,
        **bench.store.kept(f"scores of {key}", judge, code=FITTING),
        known=np.isin(bench.groups, bench.groups[kept]),
        artists=frozenset(track.group for track in tracks),
        ends=np.cumsum([len(track.features) for track in bench.tracks]),
    )


class KeptStudio(Studio):
    """The program's studio, whose every fit is kept: all kinds at once, whichever are asked for."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench.genres, feature_groups(), bench.recipe, bench.tags)
        self._bench = bench

    def members(
        self,
        kinds: Sequence[str],
        tracks: Sequence[Track],
        check: Check,
        fitted: Check,
        before: Before | None,
    ) -> tuple[Member, ...]:
        """Return the members of these *kinds* on *tracks*, from the store where they are.

        Raises TrainingError where they were to begin at the members *before*: none is kept so.
        """
        if before is not None:
            raise TrainingError("what is kept was trained from nothing")
        names = {track.fingerprint for track in tracks}
        mine = np.array([track.fingerprint in names for track in self._bench.tracks])
        made = fit(self._bench, mine).ensemble
        check()
        for _ in range(self.count(tracks)):
            fitted()
        return tuple(member for member in made.members if member.kind in kinds)


def refuse_known(scored: Sequence[str], trained_on: Collection[str]) -> None:
    """Raise TrainingError where a model was trained on a track that it is to be judged by."""
    require_unseen(scored, trained_on, out_of_fold=())


@cache
def _studio(genres: tuple[str, ...], recipe: Recipe, tags: TagLayer | None) -> Studio:
    """One compiled network serves all fits of a recipe: tracing it takes longer than a fit."""
    return Studio(genres, feature_groups(), recipe, tags)


def _rich(ensemble: Ensemble) -> Sequence[bool]:
    """Which members judge the embedding."""
    return [member.judges in (EMBEDDING, BOTH) for member in ensemble.members]
