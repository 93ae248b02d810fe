"""First guesses that are wrong: what memory, nights and both bring, for all kinds of people.

Each person lives through each half of the artists under each condition; what they will
correct is drawn once, so the conditions are compared in pairs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.bench import Bench
from benchmarks.learning import figures
from benchmarks.learning.figures import Lives
from benchmarks.learning.library import half
from benchmarks.learning.life import CONDITIONS, Diary, lived
from benchmarks.learning.people import PEOPLE

__all__ = ["FEWER", "albums", "others", "table", "through"]

Seeds = Sequence[int]
MAIN = ("every error", "30 %")
MUST = {"every error": (-58.0, -72.0), "30 %": (-43.0, -55.0)}
UNSEEN_MUST, UNSEEN_AIM = 3.0, -20.0  # points; percent
ALONE = ("static", "nightly only", "memory only", "artist memory only", "all")
BURSTS = {"every error": "album bursts", "30 %": "album bursts, 30 %"}
ALBUM_AIM = -10.0  # percent
FEWER = 3  # seeds of the halves for rows that have no bound to keep
DEAR = ("nightly only",)  # conditions that are lived through by those alone
OTHERS = tuple(name for name in PEOPLE if name not in MAIN)


def table(bench: Bench, seeds: Seeds) -> dict[str, Any]:
    """Return the rows of those who correct every error, and 30 % of them."""
    found: dict[str, Any] = {}
    for person in MAIN:
        lives = {
            name: through(bench, seeds[:FEWER] if name in DEAR else seeds, person, name)
            for name in ALONE
        }
        for name, those in lives.items():
            found[f"{person}, {name}"] = line(those)
        found |= _held(person, lives["static"], lives["all"])
    return found


def others(bench: Bench, seeds: Seeds) -> dict[str, Any]:
    """Return the same of all other people: static, and with all that there is."""
    found: dict[str, Any] = {}
    seeds = seeds[:FEWER]
    for person in OTHERS:
        lives = {name: through(bench, seeds, person, name) for name in ("static", "all")}
        for name, those in lives.items():
            found[f"{person}, {name}"] = line(those)
        found[f"{person}, all against static"] = figures.fell(lives["static"], lives["all"], wrong)
        unseen = figures.rose(lives["static"], lives["all"], wrong, not_seen)
        found[f"{person}, unseen artists against static"] = unseen
    return found


def albums(bench: Bench, seeds: Seeds) -> dict[str, Any]:
    """Return what judging albums together brings, to files that come album by album."""
    found: dict[str, Any] = {}
    seeds = seeds[:FEWER]
    for person in MAIN:
        singly = through(bench, seeds, BURSTS[person], "all, by track")
        together = through(bench, seeds, BURSTS[person], "all")
        for name, lives in (("judged singly", singly), ("judged together", together)):
            found[f"{person}, {name}"] = {**line(lives), "albums that agree": _agreeing(lives)}
        change = figures.fell(singly, together, wrong)
        found[f"{person}, together against singly"] = {
            **change,
            "must": "not worse",
            "met": change["percent"] <= 0,
            "aim": f"{ALBUM_AIM:.0f} %",
            "aim met": change["percent"] <= ALBUM_AIM,
        }
    return found


def through(bench: Bench, seeds: Seeds, person: str, condition: str) -> Lives:
    """Return the diaries of one person under one condition, on all halves."""
    return {
        (seed, swapped): lived(
            bench, half(bench, seed, swapped), PEOPLE[person], CONDITIONS[condition]
        )
        for seed in seeds
        for swapped in (False, True)
    }


def line(lives: Lives) -> dict[str, Any]:
    """Return what there is to say of some lives."""
    by_place = {
        name: figures.per_100(lives, wrong, between(*ends)) for name, ends in figures.PLACES.items()
    }
    return {
        "wrong first guesses per 100": figures.per_100(lives, wrong),
        **{f"files {name}": figure for name, figure in by_place.items()},
        "seen artists": figures.per_100(lives, wrong, seen),
        "unseen artists": figures.per_100(lives, wrong, not_seen),
        "wrongly written per 100": figures.per_100(lives, wrongly_written),
        "not sure per 100": figures.per_100(lives, unsure),
        "acts per 100": figures.per_100(lives, lambda diary: diary.acts > 0),
        **figures.counts(lives),
    }


def _held(person: str, static: Lives, everything: Lives) -> dict[str, Any]:
    must, aim = MUST[person]
    change = figures.fell(static, everything, wrong)
    points = figures.rose(static, everything, wrong, not_seen)
    without = figures.per_100(static, wrong, not_seen)["value"] or 0.0
    relative = float(100 * points["points"] / max(without, 1e-9))
    return {
        f"{person}, against static": {
            **change,
            "must": f"{must:.0f} %",
            "met": change["percent"] <= must,
            "aim": f"{aim:.0f} %",
            "aim met": change["percent"] <= aim,
        },
        f"{person}, unseen artists against static": {
            **points,
            "percent": round(relative, 1),
            "must": f"upper bound <= +{UNSEEN_MUST:.0f} points",
            "met": points["high"] <= UNSEEN_MUST,
            "aim": f"{UNSEEN_AIM:.0f} %",
            "aim met": relative <= UNSEEN_AIM,
        },
    }


# --- kinds of files -------------------------------------------------------------------------


def wrong(diary: Diary) -> NDArray[np.bool_]:
    """The first guess was."""
    return diary.wrong


def seen(diary: Diary) -> NDArray[np.bool_]:
    """A file of this artist had come before."""
    return diary.seen


def not_seen(diary: Diary) -> NDArray[np.bool_]:
    """None had, or nobody knows the artist."""
    return ~diary.seen


def wrongly_written(diary: Diary) -> NDArray[np.bool_]:
    """On arrival."""
    return diary.written & diary.wrong


def unsure(diary: Diary) -> NDArray[np.bool_]:
    """Nothing was written on arrival."""
    return ~diary.written


def between(first: int, last: int) -> figures.Mask:
    """Files number *first* + 1 to *last*."""
    return lambda diary: (diary.places >= first) & (diary.places < last)


def _agreeing(lives: Lives) -> float:
    """The share of albums of two files at least whose first guesses are one genre."""
    same = []
    for diary in lives.values():
        for album in sorted(set(diary.album.tolist()) - {""}):
            mine = diary.guess[diary.album == album]
            same += [len(set(mine.tolist())) == 1] if len(mine) > 1 else []
    return round(float(np.mean(same)), 4) if same else 1.0
