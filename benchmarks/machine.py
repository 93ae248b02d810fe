"""Try thousands of sequences of what happens to music, and compare the record with a book.

`python -m benchmarks machine [--sequences 2000]`: the long form of the machine in
tests/invariants/test_record_is_exact.py, on real files with real probes and tag writes; what
is listened to is a puppet there.
"""

import argparse
import logging
import math
import sys
import time
import traceback
from typing import Any

import structlog
from hypothesis import Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.tools.timing import machine
from tests.invariants.test_record_is_exact import Machine, how

__all__ = ["main"]

AT_ONCE = 100  # sequences from one seed


def main(argv: list[str]) -> dict[str, Any]:
    """Return how much was tried, and the first sequence that went wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks machine")
    parser.add_argument("--sequences", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, help="try no more after so long")
    options = parser.parse_args(argv)
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)
    Machine.tally.clear()
    started = time.monotonic()
    end = started + 60 * options.minutes if options.minutes else math.inf
    wrong, number = "", options.seed
    while not wrong and (left := options.sequences - Machine.tally["sequences"]) > 0:
        if time.monotonic() > end:
            break
        wrong = _first_fault(min(left, AT_ONCE), number)
        number += 1
        print(f"{Machine.tally['sequences']} sequences", file=sys.stderr, flush=True)
    return {
        "sequences": Machine.tally["sequences"],
        "acts": Machine.tally["acts"],
        "deaths": Machine.tally["deaths"],
        "wrong": wrong,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "machine": machine(),
        "passed": not wrong and Machine.tally["sequences"] > 0,
    }


def _first_fault(sequences: int, number: int) -> str:
    chosen = settings(how(sequences), derandomize=False, database=None, phases=[Phase.generate])
    try:
        run_state_machine_as_test(seed(number)(Machine), settings=chosen)
    except AssertionError:
        return traceback.format_exc(limit=-3)
    return ""
