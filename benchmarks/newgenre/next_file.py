"""One correction, and the next file of that artist: the real daemon with its memory, no night.

A library fills file by file; whoever lives there corrects each wrong first guess. What is
counted is each file that is the artist's next after such a correction. Artists are of one
genre, as the collection has it, or three in ten of the larger ones are of a second one in half
of their files, which is the genre that comes closest by sound, for the files closest to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures
from benchmarks.accuracy.bench import Bench
from benchmarks.learning.library import half
from benchmarks.learning.life import CONDITIONS, Diary, lived
from benchmarks.learning.people import PEOPLE, names

__all__ = ["rows"]

SEEDS = range(10)  # the memory's weights were tuned on others
ONE, TWO = "every error", "two genres"


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
    one, two = _lives(bench, ONE, seeds), _lives(bench, TWO, seeds)
    return {
        "artists of one genre": _row(one, one.after & ~one.two, 0.97),
        "artists of two genres": _row(two, two.after & two.two, 0.80),
        "all artists of the same libraries": _row(two, two.after, 0.80),
    }


def _row(life: Next, counted: NDArray[np.bool_], must: float) -> dict[str, Any]:
    right = life.right[counted].astype(np.float64)
    if not len(right):
        return {"left out": "nothing was corrected"}
    _, groups = np.unique(life.who[counted], return_inverse=True)
    found = figures.interval(right, groups.astype(np.int32))
    figure = {
        "right": figures.rounded(found),
        "n": len(right),
        "artists": len(np.unique(groups)),
        "all files of artists seen before": round(float(life.right[life.seen].mean()), 4),
    }
    met = found.value >= must
    return figures.held(figure, must=f">= {must:.0%}", met=met, aim=f">= {must:.0%}", reached=met)


def _lives(bench: Bench, person: str, seeds: Sequence[int]) -> Next:
    found = [_life(bench, person, s, swapped) for s in seeds for swapped in (False, True)]
    return Next(
        **{name: np.concatenate([getattr(one, name) for one in found]) for name in Next.__slots__}
    )


def _life(bench: Bench, person: str, seed: int, swapped: bool) -> Next:
    side = half(bench, seed, swapped)
    diary = lived(bench, side, PEOPLE[person], CONDITIONS["memory only"])
    called = names(PEOPLE[person], side.library, [seed, int(swapped)])
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
