"""Who gets past the gate: `python -m benchmarks challengers [--data DIR]`.

Fifty spoilt challengers, fifty honest ones that are truly better by 5 points and more, and
thirty that are as good as the champion, each through a whole night and the one door after
it. What is true is measured on artists that neither the models nor the gate ever see.
"""

import argparse
import atexit
import itertools
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.accuracy.heard import heard_bench, say
from benchmarks.accuracy.made_up import made_up, quick
from benchmarks.accuracy.store import Store, cache_dir
from benchmarks.challengers.light import Light
from benchmarks.challengers.poison import KINDS, Poison
from benchmarks.challengers.sides import (
    RECIPE,
    SOURCE,
    Sides,
    Word,
    dealt,
    gain,
    remembered,
    thinned,
    written,
)
from core.errors import GenrewatchError
from core.learning import nightly
from core.learning.ensemble.fitting import no_check
from core.learning.nets.networks import use_cores
from core.learning.tracks.dataset import Track
from core.learning.train import train
from core.registry import Registry
from daemon.learning.training import finish

__all__ = ["Case", "main", "measure", "spent"]

TRULY = 0.05  # better, on the artists that tell the truth
STEPS = (-1.0, -0.05, 0.0, 0.05, 0.1, 0.15, 1.0)
MUST = 0.6  # of those that are, promoted
CODE = (
    *("core.learning.nightly", "core.learning.proving.proof"),
    *(f"benchmarks.challengers.{name}" for name in ("light", "poison", "sides")),
)
POISON_SHARES = (0.5, 0.25)  # of the artists: the champion's, the user's; the rest is truth
HONEST_SHARES = (0.25, 0.35)
THIN = (2, 4)  # tracks a genre that the champion of an honest challenger knows, drawn evenly
FIRST = 1300  # seed of the first draw; what the gate was made by are others
FEW = 12  # words on top of a champion that has all it needs: the new model is as good, no more
COSTLY = ("slow", "huge", "truncated file")  # tried on whole model folders, costs measured
Outcome = dict[str, Any]


class Case:
    """One draw: a champion in use, and the words of its user."""

    def __init__(
        self, sides: Sides, champion: Path, words: Sequence[Word], root: Path, light: Light
    ) -> None:
        self.sides, self.words, self.root, self.light = sides, words, root, light
        self.champion = champion

    def models(self) -> Registry:
        """Return the versions, the champion as the shipped one."""
        return Registry(self.root, self.champion, backbone=lambda: SOURCE)


def spent(case: Case, poison: Poison | None = None) -> Outcome:
    """Spend a night over *case*, spoilt by *poison*, and say what came of it and what is true."""
    version, models = "challenger", case.models()
    folder = case.root / version

    def damaged(stage: str, _done: int, _total: int) -> None:
        if stage == "gate" and poison and poison.damage:
            poison.damage(folder)

    request = nightly.Request(
        champion=case.champion,
        out=case.root,
        version=version,
        created="2026-01-02",
        members=RECIPE.members,
        backbone=SOURCE,
        remembered=remembered(case.words),
    )
    whole = poison is not None and poison.kind in COSTLY
    try:
        with (
            patch.object(nightly, "train", poison.trainer if poison else train),
            nullcontext() if whole else case.light.night(),
        ):
            came = nightly.night(request, case.words, damaged, no_check)
        told = {"outcome": str(came.outcome), "reason": came.reason}
        truth = None if whole else gain(case.champion, folder, case.sides.truth, case.light.says)
        if poison and poison.later:
            poison.later(folder)
        told["outcome"] = finish(models, told, version, case.champion).outcome
    except GenrewatchError as error:
        told, truth = {"outcome": "failed", "reason": error.reason}, None
    in_use = Registry(case.root, case.champion, backbone=lambda: SOURCE).champion_dir().name
    return {**told, "promoted": in_use == version, "truth": truth}


# --- the rows -------------------------------------------------------------------------------


def poisoned(tracks: tuple[Track, ...], number: int) -> Outcome:
    """Spoil challenger *number*: the kinds in turn, a round of them against one champion."""
    names = list(KINDS)
    kind, turn = names[number % len(names)], number // len(names)
    poison = KINDS[kind](turn)
    with tempfile.TemporaryDirectory() as room:
        sides = dealt(tracks, FIRST + turn, POISON_SHARES)
        champion = _champion_of_round(tracks, turn)
        mine = copytree(champion, Path(room) / "base-1")
        case = Case(sides, mine, sides.words(), Path(room), Light())
        return {"kind": kind, "how": poison.how, **spent(case, poison)}


@cache
def _champion_of_round(tracks: tuple[Track, ...], turn: int) -> Path:
    """The champion of round *turn*, kept while this process runs."""
    room = Path(mkdtemp(prefix="genrewatch-benchmark-"))
    atexit.register(rmtree, room, ignore_errors=True)
    return written(dealt(tracks, FIRST + turn, POISON_SHARES).base, room, "base-1")


def honest(tracks: tuple[Track, ...], number: int) -> Outcome:
    """Let a champion that knows little be challenged by one that learned from many words."""
    each = int(np.random.default_rng([number, 5]).integers(THIN[0], THIN[1] + 1))
    with tempfile.TemporaryDirectory() as room:
        sides = dealt(tracks, FIRST + 100 + number, HONEST_SHARES)
        light = Light()
        champion = written(thinned(sides.base, each), Path(room), "base-1", light.write)
        case = Case(sides, champion, sides.words(), Path(room), light)
        return {"each": each, **spent(case)}


def equal(tracks: tuple[Track, ...], number: int) -> Outcome:
    """Let one learn from a few words more than a champion that knows much."""
    with tempfile.TemporaryDirectory() as room:
        sides = dealt(tracks, FIRST + 500 + number, (0.6, 0.1))
        light = Light()
        champion = written(sides.base, Path(room), "base-1", light.write)
        case = Case(sides, champion, sides.words(FEW), Path(room), light)
        return spent(case)


def measure(
    tracks: tuple[Track, ...], store: Store, identity: str, *, bad: int, good: int, same: int
) -> dict[str, Any]:
    """Return what became of *bad* spoilt challengers, *good* truly better, *same* equal ones."""

    def kept(name: str, of: Callable[[tuple[Track, ...], int], Outcome], number: int) -> Outcome:
        made: Outcome = store.kept(
            f"challenger {name} {number} {identity} {RECIPE}",
            lambda: of(tracks, number),
            code=CODE,
        )
        say(f"  {name} {number}: {made['outcome']}: {made['reason'][:90]}")
        return made

    spoilt = [kept("poisoned", poisoned, number) for number in range(bad)]
    better, drawn = _truly_better(lambda number: kept("honest", honest, number), good)
    all_drawn = [kept("honest", honest, number) for number in range(drawn)]
    equals = [kept("equal", equal, number) for number in range(same)]
    promoted = sum(item["promoted"] for item in spoilt)
    share = float(np.mean([item["promoted"] for item in better])) if better else 0.0
    return {
        "protocol": "artists in three parts; truth on those that no model and no gate saw",
        "poisoned": {
            "n": len(spoilt),
            "promoted": promoted,
            "must": 0,
            "met": promoted == 0,
            "by kind": _by_kind(spoilt),
        },
        "honest, truly better by 5 points": {
            "n": len(better),
            "drawn": drawn,
            "promoted": share,
            "must": MUST,
            "met": len(better) < good or share >= MUST,
            **_gains(better),
            "by true gain": _by_gain(better),
        },
        "honest, all": _by_gain(all_drawn),
        "equal": {
            "n": len(equals),
            "promoted": float(np.mean([item["promoted"] for item in equals])) if equals else 0.0,
            **_gains(equals),
        },
        "why the better ones were refused": _reasons(better),
        "why the equal ones were refused": _reasons(equals),
    }


def _truly_better(make: Callable[[int], Outcome], wanted: int) -> tuple[list[Outcome], int]:
    """Draw until *wanted* are truly better; return them and how many were drawn."""
    found: list[Outcome] = []
    drawn = 0
    while len(found) < wanted and drawn < 3 * wanted:
        made = make(drawn)
        drawn += 1
        if made["truth"] and made["truth"]["gain"] >= TRULY:
            found.append(made)
    return found, drawn


def _by_kind(spoilt: Sequence[Outcome]) -> dict[str, Any]:
    return {
        kind: {
            "n": len(mine),
            "promoted": sum(item["promoted"] for item in mine),
            "outcomes": dict(Counter(item["outcome"] for item in mine)),
            "true gain, mean": _mean_gain(mine),
            "reasons": sorted({f"{item['how']}: {item['reason']}" for item in mine}),
        }
        for kind in KINDS
        if (mine := [item for item in spoilt if item["kind"] == kind])
    }


def _gains(items: Sequence[Outcome]) -> dict[str, float]:
    truths = [item["truth"] for item in items if item["truth"]]
    if not truths:
        return {}
    return {
        "true gain, mean": round(float(np.mean([truth["gain"] for truth in truths])), 4),
        "true gain, least": round(min(truth["gain"] for truth in truths), 4),
        "champion, mean": round(float(np.mean([truth["champion"] for truth in truths])), 4),
        "tracks of truth, mean": round(float(np.mean([truth["n"] for truth in truths])), 1),
    }


def _by_gain(items: Sequence[Outcome]) -> dict[str, str]:
    """How many were promoted, by what they are truly worth."""
    found = {}
    for low, high in itertools.pairwise(STEPS):
        mine = [item for item in items if low <= item["truth"]["gain"] < high]
        if mine:
            promoted = sum(item["promoted"] for item in mine)
            found[f"{low:+.0%} to {high:+.0%}"] = f"{promoted} of {len(mine)}"
    return found


def _mean_gain(items: Sequence[Outcome]) -> float | None:
    told = _gains(items)
    return told.get("true gain, mean")


def _reasons(items: Sequence[Outcome]) -> list[str]:
    return [item["reason"] for item in items if not item["promoted"]]


# --- the command ----------------------------------------------------------------------------


def main(argv: Sequence[str]) -> dict[str, Any]:
    """Send them all through the gate and return the figures."""
    wishes = _parser().parse_args(argv)
    use_cores(1)
    counts = {"bad": wishes.poisoned, "good": wishes.honest, "same": wishes.equal}
    if wishes.short:
        with tempfile.TemporaryDirectory() as room:
            bench = made_up(Store(Path(room)), quick(), artists=16, each=3)
            measure(bench.tracks, bench.store, "made up", bad=7, good=1, same=1)
        sys.exit(0)
    store = Store(wishes.cache, fresh=wishes.fresh)
    figures = measure(heard_bench(wishes.data, store).tracks, store, "excerpts", **counts)
    figures["passed"] = all(
        row["met"] for row in figures.values() if isinstance(row, dict) and "met" in row
    )
    for name, row in figures.items():
        print(f"{name}: {row}")
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks challengers")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--poisoned", type=int, default=50)
    parser.add_argument("--honest", type=int, default=50, help="that are truly better")
    parser.add_argument("--equal", type=int, default=30)
    parser.add_argument("--fresh", action="store_true", help="do not read kept results")
    parser.add_argument("--cache", type=Path, default=cache_dir(), help="where results are kept")
    parser.add_argument("--short", action="store_true", help="on made-up excerpts, as a trial")
    return parser
