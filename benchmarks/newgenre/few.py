"""A genre that the base has not: eight files of three artists, then music of artists unheard.

Each of the genres is left out in turn. For each fold, draws of eight short excerpts by artists
of the other folds are labelled as a person would, and go through the night's own steps: what
can be learned, what is merged with the replay, which members are trained.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures
from benchmarks.accuracy.bench import Bench, over_folds
from benchmarks.accuracy.store import Arrays
from benchmarks.learning.library import CHEAP
from core.decision.vocabulary import LEARNED
from core.learning.ensemble.fitting import Studio
from core.learning.nightly import learnable, merged
from core.learning.tracks.dataset import LABEL_WEIGHT, Track, apart, genres_of
from core.learning.train import feature_groups, pooled_by

__all__ = ["draws_of", "rows", "taught"]

DRAWS = 10  # of each genre, spread evenly over the folds; of made-up excerpts fewer
ENOUGH = 0.9  # of what full training reaches
# Where the backbone's tags are called like a genre, its name alone says much of it.
NAMES = {"under its own name": None, "under a name that no tag is called like": "Zzyzx"}
CODE = ("core.learning.nightly", "core.learning.train", "benchmarks.newgenre.few")
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """How often each track of all genres is judged rightly, [tracks]; nan where it is not."""

    few: NDArray[np.float64]  # after the few labels, of its own genre
    full: NDArray[np.float64]  # where its genre was in the base all along
    before: NDArray[np.float64]  # of tracks of other genres, without the new one
    after: NDArray[np.float64]  # of the same tracks, with it


def rows(bench: Bench, names: Mapping[str, str | None] = NAMES) -> dict[str, Any]:
    """Return a row for each of *names*: what the genres are called, None for their own names."""
    key = f"new genre 1 {LEARNED} {_draws(bench)} {CHEAP} {bench.identity}"
    found = {}
    for name, called in names.items():
        held = bench.store.kept(f"{key} {called}", partial(_all, bench, called), code=CODE)
        found[name] = _row(bench, Found(**held))
    return found


def draws_of(bench: Bench, genre: int, fold: int) -> Iterator[Numbers]:
    """Yield places of short excerpts of *genre*, as many as a genre needs to be learned.

    None is of *fold*'s artists; what is drawn has artists enough, or is drawn again.
    """
    away = np.isin(bench.groups, bench.groups[bench.folds == fold])
    pool = np.flatnonzero(bench.short & ~away & (bench.truth == genre))
    if len(pool) < LEARNED.tracks or len(np.unique(bench.groups[pool])) < LEARNED.artists:
        return
    for number in range(_draws(bench)):
        rng = np.random.default_rng((bench.recipe.seed, genre, fold, number))
        drawn = rng.permutation(pool)[: LEARNED.tracks]
        while len(np.unique(bench.groups[drawn])) < LEARNED.artists:
            drawn = rng.permutation(pool)[: LEARNED.tracks]
        yield drawn


def _row(bench: Bench, found: Found) -> dict[str, Any]:
    short = bench.short & ~np.isnan(found.few)
    each = {g: short & (bench.truth == number) for number, g in enumerate(bench.genres)}
    few = {g: float(found.few[mine].mean()) for g, mine in each.items() if mine.any()}
    full = {g: float(found.full[mine].mean()) for g, mine in each.items() if mine.any()}
    share = np.mean(list(few.values())) / np.mean(list(full.values()))
    gained = figures.interval(found.few[short] - found.full[short], bench.groups[short])
    others = ~np.isnan(found.after)
    lost = figures.interval((found.after - found.before)[others], bench.groups[others])
    figure = {
        "mean recall": round(float(np.mean(list(few.values()))), 4),
        "full training": round(float(np.mean(list(full.values()))), 4),
        "share of it": round(float(share), 4),
        "difference, over files": figures.rounded(gained),
        "genres": {g: [round(few[g], 3), round(full[g], 3), int(each[g].sum())] for g in few},
        "other genres, change": figures.rounded(lost),
        "n": int(short.sum()),
        "artists": len(np.unique(bench.groups[short])),
        "draws a genre": _draws(bench) * len(over_folds(bench.folds)),
    }
    return figures.held(
        figure,
        must=f">= {ENOUGH:.0%} of full training",
        met=share >= ENOUGH,
        aim=f">= {ENOUGH:.0%} of full training",
        reached=share >= ENOUGH,
    )


def _draws(bench: Bench) -> int:
    """How many of each genre for each fold."""
    return 1 if bench.data is None else -(-DRAWS // len(over_folds(bench.folds)))


def _all(bench: Bench, strange: str | None) -> Arrays:
    count = len(bench.tracks)
    few, full = np.full(count, np.nan), np.full(count, np.nan)
    before, after = np.zeros((2, count))
    turns = np.zeros(count)
    for genre in range(len(bench.genres)):
        for fold in over_folds(bench.folds):
            part = _one(bench, genre, fold, strange)
            if part is None:
                continue
            few[part.mine], full[part.mine] = part.few, part.full
            before[part.others] += part.before
            after[part.others] += part.after
            turns[part.others] += 1
    never = np.where(turns, turns, np.nan)
    return {"few": few, "full": full, "before": before / never, "after": after / never}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One genre left out and one fold unheard: how often the tracks there are judged rightly."""

    mine: Numbers  # places of tracks of the genre
    others: Numbers
    few: NDArray[np.float64]  # [mine]
    full: NDArray[np.float64]  # [mine]
    before: NDArray[np.float64]  # [others]
    after: NDArray[np.float64]  # [others]


def _one(bench: Bench, genre: int, fold: int, strange: str | None) -> Part | None:
    called = strange or bench.genres[genre]
    here = bench.short & (bench.folds == fold)
    mine = np.flatnonzero(here & (bench.truth == genre))
    others = np.flatnonzero(here & (bench.truth != genre))
    draws = list(draws_of(bench, genre, fold))
    if not draws or not len(mine):
        return None
    kept, _ = apart(bench.tracks, np.isin(bench.groups, bench.groups[bench.folds == fold]))
    replay = [replace(track, copies=()) for track in kept]
    known = [track for track in replay if track.genre != bench.genres[genre]]
    every = [
        replace(track, genre=called) if track.genre == bench.genres[genre] else track
        for track in replay
    ]
    both = np.concatenate([mine, others])
    expected = [called] * len(mine) + [bench.genres[bench.truth[i]] for i in others]
    says = partial(_rights, bench, both, expected)
    few = np.mean([says(taught(bench, known, drawn, called)) for drawn in draws], axis=0)
    full, before = says(every), says(known)
    size = len(mine)
    return Part(
        mine=mine,
        others=others,
        few=few[:size],
        full=full[:size],
        before=before[size:],
        after=few[size:],
    )


def taught(bench: Bench, known: Sequence[Track], drawn: Numbers, called: str) -> Sequence[Track]:
    """What the night learns from: the replay of a base without the genre, and the few labels."""
    words = [
        replace(bench.tracks[i], genre=called, copies=(), weight=LABEL_WEIGHT, labelled=True)
        for i in drawn
    ]
    said, _ = learnable(words, genres_of(known))
    return merged(known, said)


def _rights(
    bench: Bench, places: Numbers, expected: Sequence[str], tracks: Sequence[Track]
) -> NDArray[np.float64]:
    """Train on *tracks*; say of each of *places* whether its first genre is as *expected*."""
    genres = genres_of(tracks)
    studio = Studio(genres, feature_groups(), CHEAP, bench.tags)
    said = pooled_by(studio.train(tracks), [bench.tracks[i] for i in places])
    guessed = np.array(genres)[said.argmax(axis=1)]
    return np.asarray(guessed == np.array(expected), np.float64)
