"""How good the model honestly is: `python -m benchmarks accuracy [--data DIR] [--only ROW]`.

Five folds apart by artist; every figure with n, artists and a 95 % interval over artists; each
row says what it must reach, what it aims at, and whether it does. Resumes from kept results,
which go by code, data and arguments. `--short` runs on made-up excerpts in seconds.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy import (
    blocks,
    cold,
    disturbed,
    fading,
    few,
    members,
    outsiders,
    p1,
    p2,
    patches,
    sure,
)
from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.heard import heard_bench, say
from benchmarks.accuracy.made_up import made_up, quick
from benchmarks.accuracy.store import Store, cache_dir
from core import registry
from core.learning.nets.networks import use_cores

__all__ = ["ROWS", "main", "measure", "missed"]

Rows = Callable[[Bench], dict[str, Any]]

# Each room of rows, in the order in which they run: what others build on comes first.
ROWS: Mapping[str, Rows] = {
    "P1": p1.rows,
    "P2": p2.rows,
    "cold start": cold.rows,
    "few labels": few.rows,
    "fading prior": fading.rows,
    "sure": sure.rows,
    "outsiders": outsiders.rows,
    "patches": patches.rows,
    "members": members.rows,
    "disturbed": disturbed.rows,
    "blocks": blocks.rows,
}


def main(argv: Sequence[str]) -> dict[str, Any]:
    """Measure all rows, or those that --only names, and return the figures."""
    wishes = _parser().parse_args(argv)
    use_cores(1)
    if wishes.short:
        with tempfile.TemporaryDirectory() as room:
            measure(made_up(Store(Path(room)), quick()), wishes.only or tuple(ROWS))
    else:
        store = Store(wishes.cache, fresh=wishes.fresh)
        figures = measure(
            heard_bench(wishes.data, store, backbone=wishes.backbone), wishes.only or tuple(ROWS)
        )
    if wishes.short or wishes.only:
        sys.exit(0)  # and the last whole result stays as it is
    return figures


def measure(bench: Bench, names: Sequence[str]) -> dict[str, Any]:
    """Return the rows of *names*, and whether each of them is what it must be."""
    figures: dict[str, Any] = {
        "protocol": "folds apart by artist; nothing was fitted or chosen on what it is judged by",
        "recipe": str(bench.recipe),
        "excerpts": len(bench.tracks),
    }
    for name in names:
        started = time.monotonic()
        say(f"{name}: ...")
        figures[name] = ROWS[name](bench)
        say(f"{name}: {time.monotonic() - started:.0f} s")
        for row, figure in figures[name].items():
            print(f"{name}, {row}: {figure}")
    figures["missed"] = missed(figures)
    figures["passed"] = not figures["missed"]
    return figures


def missed(figures: Mapping[str, Any], path: str = "") -> list[str]:
    """Return which rows, however deep among *figures*, are not what they must be."""
    found = [path] if figures.get("met") is False else []
    for name, inner in figures.items():
        if isinstance(inner, dict):
            found += missed(inner, f"{path}, {name}" if path else name)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks accuracy")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--only", action="append", choices=tuple(ROWS), help="this room of rows, as a trial"
    )
    parser.add_argument("--fresh", action="store_true", help="do not read kept results")
    parser.add_argument("--cache", type=Path, default=cache_dir(), help="where results are kept")
    parser.add_argument("--short", action="store_true", help="on made-up excerpts, in seconds")
    parser.add_argument(
        "--backbone", default=str(registry.backbone_dir()), help='its folder, or "none"'
    )
    return parser
