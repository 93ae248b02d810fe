"""What the cheap recipe of this benchmark costs: the same without learning, by the whole one.

The transformers take nine tenths of the time, so that all else here does without them.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.store import Arrays
from benchmarks.learning import figures, taste
from benchmarks.learning.figures import Lives
from benchmarks.learning.house import room
from benchmarks.learning.library import half, shipped
from benchmarks.learning.life import CONDITIONS, LIVING, Diary, live
from benchmarks.learning.people import PEOPLE

__all__ = ["rows"]

HALVES = 1  # seed, each also swapped


def rows(bench: Bench, seeds: Sequence[int]) -> dict[str, Any]:
    """Return wrong first guesses of both recipes, and the paired difference."""
    some = seeds[:HALVES]
    cheap = taste.through(bench, some, "every error", "static")
    whole = _by_the_whole(bench, some)
    return {
        "static, without transformers": taste.line(cheap),
        "static, the whole recipe": taste.line(whole),
        "whole against cheap": figures.rose(cheap, whole, taste.wrong, figures.everything),
    }


def _by_the_whole(bench: Bench, seeds: Sequence[int]) -> Lives:
    return {
        (seed, swapped): _lived(bench, seed, swapped) for seed in seeds for swapped in (False, True)
    }


def _lived(bench: Bench, seed: int, swapped: bool) -> Diary:
    side, person = half(bench, seed, swapped), PEOPLE["every error"]

    def make() -> Arrays:
        with room() as root:
            base = shipped(bench, side, root / "base", bench.recipe)
            diary = live(root, base, side, person, CONDITIONS["static"])
        return {field.name: getattr(diary, field.name) for field in fields(Diary)}

    key = f"whole life {bench.identity} {side.name} {bench.recipe}"
    return Diary(**bench.store.kept(key, make, code=LIVING))
