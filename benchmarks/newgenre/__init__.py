"""A new name becomes a genre: `python -m benchmarks newgenre [--data DIR] [--only ROW]`.

Eight files of three artists, and music of artists unheard; one correction, and the artist's
next file; one night, and what the gate says. Resumes from kept results, which go by code, data
and arguments. `--short` runs on made-up excerpts in seconds.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.accuracy import missed
from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.heard import heard_bench, say
from benchmarks.accuracy.made_up import made_up, quick
from benchmarks.accuracy.store import Store, cache_dir
from benchmarks.learning.library import CHEAP
from benchmarks.newgenre import few, next_file, nights
from core.learning.nets.networks import use_cores

__all__ = ["ROWS", "main", "measure"]

ROWS: Mapping[str, Callable[[Bench], dict[str, Any]]] = {
    "eight files": few.rows,
    "next file": next_file.rows,
    "one night": nights.rows,
}


def main(argv: Sequence[str]) -> dict[str, Any]:
    """Measure all rows, or those that --only names, and return the figures."""
    wishes = _parser().parse_args(argv)
    use_cores(1)
    if wishes.short:
        with tempfile.TemporaryDirectory() as room:
            bench = made_up(Store(Path(room)), quick(), artists=9, each=2)
            measure(bench, wishes.only or tuple(ROWS))
        sys.exit(0)  # and the last whole result stays as it is
    bench = heard_bench(wishes.data, Store(wishes.cache, fresh=wishes.fresh))
    cheap = replace(bench, recipe=replace(bench.recipe, members=0))
    figures = measure(cheap, wishes.only or tuple(ROWS))
    if wishes.only:
        sys.exit(0)
    return figures


def measure(bench: Bench, names: Sequence[str]) -> dict[str, Any]:
    """Return the rows of *names*, and whether each of them is what it must be."""
    figures: dict[str, Any] = {
        "protocol": (
            "no artist on both sides; transformers are left out of training and judging alike"
        ),
        "recipe": str(CHEAP),
        "excerpts": len(bench.tracks),
    }
    for name in names:
        say(f"{name}: ...")
        figures[name] = ROWS[name](bench)
        for row, figure in figures[name].items():
            print(f"{name}, {row}: {figure}", flush=True)
    figures["missed"] = missed(figures)
    figures["passed"] = not figures["missed"]
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks newgenre")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", action="append", choices=tuple(ROWS), help="this row, as a trial")
    parser.add_argument("--fresh", action="store_true", help="do not read kept results")
    parser.add_argument("--cache", type=Path, default=cache_dir(), help="where results are kept")
    parser.add_argument("--short", action="store_true", help="on made-up excerpts, in seconds")
    return parser
