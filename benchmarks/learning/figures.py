"""Figures about diaries: per 100 files, with intervals over halves and over artists.

Both are drawn anew: the seeds of the halves, and among all artists how often each one counts.
Differences are paired: the same draw for both sides.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.learning.life import Diary

__all__ = ["PLACES", "Lives", "Mask", "counts", "everything", "fell", "per_100", "rose", "share"]

DRAWS = 2000
PLACES = {"1-70": (0, 70), "71-140": (70, 140), "141-end": (140, 10_000)}
Lives = Mapping[tuple[int, bool], Diary]  # (seed, swapped) -> what happened
Mask = Callable[[Diary], NDArray[np.bool_]]
Marks = tuple[NDArray[np.float64], NDArray[np.float64]]  # [seeds, artists]: sums, files


def everything(diary: Diary) -> NDArray[np.bool_]:
    """Return a mask [n] of all files."""
    return np.ones(len(diary.wrong), dtype=bool)


def per_100(lives: Lives, of: Mask, where: Mask = everything) -> dict[str, Any]:
    """Return how many of 100 files are *of* a kind among those *where*, with 95 % interval."""
    sums, files = _marks(lives, of, where)
    if not files.sum():
        return {"value": None, "n": 0}
    draws = [100 * (weight @ sums @ who) / max(weight @ files @ who, 1e-9)
             for weight, who in _draws(*sums.shape)]  # fmt: skip
    low, high = np.quantile(draws, (0.025, 0.975))
    return {
        "value": round(float(100 * sums.sum() / files.sum()), 2),
        "low": round(float(low), 2),
        "high": round(float(high), 2),
        "n": int(files.sum()),
    }


def share(lives: Lives, of: Mask, where: Mask = everything) -> dict[str, Any]:
    """Return the same as a share of 1."""
    found = per_100(lives, of, where)
    return {key: v / 100 if key != "n" and v is not None else v for key, v in found.items()}


def fell(old: Lives, new: Lives, of: Mask) -> dict[str, Any]:
    """Return by how many percent *new* has less than *old*, with a paired 95 % interval."""
    was, now = _marks(old, of, everything), _marks(new, of, everything)
    change = [
        100 * ((w @ now[0] @ who) / max(w @ was[0] @ who, 1e-9) - 1)
        for w, who in _draws(*was[0].shape)
    ]
    low, high = np.quantile(change, (0.025, 0.975))
    value = 100 * (now[0].sum() / max(was[0].sum(), 1e-9) - 1)
    return {
        "percent": round(float(value), 1),
        "low": round(float(low), 1),
        "high": round(float(high), 1),
    }


def rose(old: Lives, new: Lives, of: Mask, where: Mask) -> dict[str, Any]:
    """Return how many more of 100 files *new* has than *old*, with a paired 95 % interval."""
    was, now = _marks(old, of, where), _marks(new, of, where)
    gain = [
        100 * (w @ (now[0] - was[0]) @ who) / max(w @ was[1] @ who, 1e-9)
        for w, who in _draws(*was[0].shape)
    ]
    low, high = np.quantile(gain, (0.025, 0.975))
    value = 100 * (now[0] - was[0]).sum() / max(was[1].sum(), 1.0)
    return {
        "points": round(float(value), 2),
        "low": round(float(low), 2),
        "high": round(float(high), 2),
        "n": int(was[1].sum()),
    }


def counts(lives: Lives) -> dict[str, Any]:
    """Return the whole numbers of some lives."""
    diaries = list(lives.values())
    nights = [str(night) for diary in diaries for night in diary.nights]
    return {
        "libraries": len(diaries),
        "files": sum(len(diary.wrong) for diary in diaries),
        "nights": {name: nights.count(name) for name in sorted(set(nights))},
        "files of a person's genre that were changed": int(sum(d.changed[0] for d in diaries)),
        "files rewritten by a new model": int(sum(d.changed[1] for d in diaries)),
    }


def _marks(lives: Lives, of: Mask, where: Mask) -> Marks:
    """What is counted, and among how many files: by seed (both halves as one) and artist."""
    seeds = sorted({seed for seed, _ in lives})
    artists = sorted({str(who) for diary in lives.values() for who in diary.who})
    place = {who: number for number, who in enumerate(artists)}
    sums, files = np.zeros((2, len(seeds), len(artists)))
    for (seed, _), diary in lives.items():
        kept = where(diary)
        at = [place[str(who)] for who in diary.who[kept]]
        np.add.at(sums[seeds.index(seed)], at, of(diary)[kept].astype(float))
        np.add.at(files[seeds.index(seed)], at, 1.0)
    return sums, files


def _draws(seeds: int, artists: int) -> Sequence[Marks]:
    """How often each seed [seeds] and each artist [artists] counts, drawn anew and anew."""
    rng = np.random.default_rng(0)
    return [
        (
            np.bincount(rng.integers(0, seeds, seeds), minlength=seeds).astype(float),
            np.bincount(rng.integers(0, artists, artists), minlength=artists).astype(float),
        )
        for _ in range(DRAWS)
    ]
