"""How fast it learns its user's taste: `python -m benchmarks learning [--data DIR] [--only ROW]`.

Half of the artists trains what the program ships, the other half is a library that somebody
lives with; the program itself judges, remembers, trains by night and writes. Ten halves, each
also swapped. Resumes from kept lives, which go by code, data and arguments.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.accuracy import missed
from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.heard import heard_bench, say
from benchmarks.accuracy.made_up import made_up, quick
from benchmarks.accuracy.store import Store, cache_dir
from benchmarks.learning import cost, daemon_run, promised, tagger, taste, trap
from core import registry
from core.learning.nets.networks import use_cores
from daemon.app import set_up_logging

__all__ = ["ROWS", "main", "measure"]

HALVES = 10
Rows = Callable[[Bench, Sequence[int]], dict[str, Any]]


def _others(bench: Bench, seeds: Sequence[int]) -> dict[str, Any]:
    """Return the rows of all other people, and of a tagger that edits thousands of files."""
    files = tagger.FILES if bench.data else tagger.FEW
    return {**taste.others(bench, seeds), **tagger.rows(bench, seeds, files=files)}


ROWS: Mapping[str, Rows] = {
    "taste": taste.table,
    "albums": taste.albums,
    "promise": promised.rows,
    "trap": trap.rows,
    "daemon": daemon_run.rows,
    "cost": cost.rows,
    "others": _others,
}


def main(argv: Sequence[str]) -> dict[str, Any]:
    """Measure all rows, or those that --only names, and return the figures."""
    wishes = _parser().parse_args(argv)
    use_cores(1)
    set_up_logging("warning", 0)
    logging.disable(logging.WARNING)
    names = wishes.only or tuple(ROWS)
    if wishes.short:
        quickly = [name for name in names if name != "daemon" or wishes.only]
        with tempfile.TemporaryDirectory() as kept:
            measure(made_up(Store(Path(kept)), quick(), artists=8, each=4), quickly, (0,))
    else:
        store = Store(wishes.cache, fresh=wishes.fresh)
        seeds = tuple(range(wishes.first, wishes.first + wishes.halves))
        figures = measure(heard_bench(wishes.data, store, backbone=wishes.backbone), names, seeds)
    if wishes.short or wishes.only or wishes.halves != HALVES or wishes.first:
        sys.exit(0)  # and the last whole result stays as it is
    return figures


def measure(bench: Bench, names: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Return the rows of *names* over the halves of *seeds*, and which are not as they must be."""
    figures: dict[str, Any] = {
        "protocol": "libraries of artists that the shipped model never met; what was fitted,"
        " chosen and promised rests on the other half of the artists",
        "seeds": list(seeds),
        "halves": 2 * len(seeds),
        "recipe": "the program's own without its transformers, which take nine tenths of the time;"
        " row cost says what that costs, rows others and albums have fewer halves",
    }
    for name in names:
        started = time.monotonic()
        say(f"{name}: ...")
        figures[name] = ROWS[name](bench, seeds)
        say(f"{name}: {time.monotonic() - started:.0f} s")
        for row, figure in figures[name].items():
            print(f"{name}, {row}: {figure}")
    figures["missed"] = missed(figures)
    figures["passed"] = not figures["missed"]
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks learning")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--only", action="append", choices=tuple(ROWS), help="this room of rows, as a trial"
    )
    parser.add_argument("--halves", type=int, default=HALVES, help="each is also swapped")
    parser.add_argument("--first", type=int, default=0, help="seed of the first half")
    parser.add_argument("--fresh", action="store_true", help="do not read kept results")
    parser.add_argument("--cache", type=Path, default=cache_dir(), help="where results are kept")
    parser.add_argument("--short", action="store_true", help="on made-up excerpts, in seconds")
    parser.add_argument(
        "--backbone", default=str(registry.backbone_dir()), help='its folder, or "none"'
    )
    return parser
