"""One correction, and the next file of that artist: the real daemon with its memory, no night.

A library fills file by file; each wrong first guess is corrected, and each file that is the
artist's next after that is counted. Artists of two genres are two of the collection under one
name; or have a second name for half of their music, parted by sound (`line`: how well anybody
could tell).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures
from benchmarks.accuracy.bench import Bench
from benchmarks.learning.library import Half, half
from benchmarks.learning.life import CONDITIONS, Diary, lived
from benchmarks.learning.namesakes import NEAREST, WHOEVER, joined
from benchmarks.learning.people import PEOPLE, names
from benchmarks.newgenre import line

__all__ = ["rows"]

SEEDS = range(10)  # the memory's weights were tuned on others
ONE, SELDOM, TWO = "every error", "30 %", "two genres"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Next:
    """The files of some libraries, in the order in which they came."""

    who: NDArray[np.str_]  # [n], the artist
    after: NDArray[np.bool_]  # [n], the artist's file before it was corrected
    two: NDArray[np.bool_]  # [n], the artist has two genres
    seen: NDArray[np.bool_]  # [n], a file of the artist had come before
    right: NDArray[np.bool_]  # [n], the first guess


def rows(bench: Bench, seeds: Sequence[int] = SEEDS) -> dict[str, Any]:
    """Return the rows of the artist's next file; none without a backbone."""
    if bench.embedding is None:
        return {"left out": "there is no backbone here"}
    if bench.data is None:
        seeds = seeds[:1]
    sides = [half(bench, seed, swapped) for seed in seeds for swapped in (False, True)]
    lives = partial(_lives, bench)
    alike, whoever = ([joined(side, which) for side in sides] for which in (NEAREST, WHOEVER))
    one, seldom, line_by_sound = lives(ONE, sides), lives(SELDOM, sides), lives(TWO, sides)
    return {
        "artists of one genre": _row(one, one.after, 0.97),
        "artists of one genre, three in ten errors corrected": _row(seldom, seldom.after),
        "artists of two genres": _of_two(lives(ONE, [*alike, *whoever]), 0.80),
        "artists of two genres, the most alike": _of_two(lives(ONE, alike)),
        "artists of two genres, whoever": _of_two(lives(ONE, whoever)),
        "a line through one artist's music": _of_two(line_by_sound),
        "the line, to one who knows it": _ceiling(bench, sides),
    }


def _of_two(life: Next, must: float | None = None) -> dict[str, Any]:
    return _row(life, life.after & life.two, must)


def _ceiling(bench: Bench, sides: Sequence[Half]) -> dict[str, Any]:
    """How many who know the measure behind the line are right, from the start or once told."""
    return {
        told: _figure([item for side in sides for item in _knowing(bench, side, from_the_start)])
        for told, from_the_start in (("from the start", True), ("once both were said", False))
    }


def _knowing(bench: Bench, side: Half, from_the_start: bool) -> list[tuple[str, bool]]:
    called = names(PEOPLE[TWO], side.library, [side.seed, int(side.swapped)])
    static = lived(bench, side, PEOPLE[TWO], CONDITIONS["static"])
    first = {c.fingerprint: str(g) for c, g in zip(side.library, static.guess, strict=True)}
    return list(line.knowing(side.library, called, first, from_the_start=from_the_start))


def _figure(told: Sequence[tuple[str, bool]]) -> dict[str, Any]:
    if not told:
        return {"left out": "nothing was corrected"}
    right = np.array([is_right for _, is_right in told], np.float64)
    artists, groups = np.unique([who for who, _ in told], return_inverse=True)
    found = figures.interval(right, groups.astype(np.int32))
    return {"right": figures.rounded(found), "n": len(right), "artists": len(artists)}


def _row(life: Next, counted: NDArray[np.bool_], must: float | None = None) -> dict[str, Any]:
    told = list(zip(life.who[counted].tolist(), life.right[counted].tolist(), strict=True))
    if not told:
        return _figure(told)
    seen = {"all files of artists seen before": round(float(life.right[life.seen].mean()), 4)}
    figure = {**_figure(told), **seen}
    if must is None:
        return figure
    met = figure["right"]["value"] >= must
    return figures.held(figure, must=f">= {must:.0%}", met=met, aim=f">= {must:.0%}", reached=met)


def _lives(bench: Bench, person: str, sides: Sequence[Half]) -> Next:
    found = [_life(bench, person, side) for side in sides]
    return Next(
        **{name: np.concatenate([getattr(one, name) for one in found]) for name in Next.__slots__}
    )


def _life(bench: Bench, person: str, side: Half) -> Next:
    diary = lived(bench, side, PEOPLE[person], CONDITIONS["memory only"])
    called = names(PEOPLE[person], side.library, [side.seed, int(side.swapped)])
    genres: dict[str, set[str]] = {}
    for clip in side.library:
        genres.setdefault(clip.who, set()).add(called[clip.fingerprint])
    return Next(
        who=diary.who,
        after=diary.seen & _after_correction(diary),
        two=np.array([len(genres[str(who)]) > 1 for who in diary.who]),
        seen=diary.seen,
        right=~diary.wrong,
    )


def _after_correction(diary: Diary) -> NDArray[np.bool_]:
    """[n]: whether the last file of the same artist was corrected."""
    corrected: dict[str, bool] = {}
    found = np.zeros(len(diary.who), bool)
    for place, who in enumerate(diary.who):
        found[place] = corrected.get(str(who), False)
        corrected[str(who)] = bool(diary.wrong[place] and diary.acts[place])
    return found
