"""A fault at every call to the system: `python -m benchmarks faults [--formats mp3 …]`.

For every format a save, an undo, and beside them a save by plain mutagen, each struck at its
first, second, … call until one meets no fault: errors, short writes and SIGKILL, once and
for good. Afterwards the next start recovers, and another program's reading says what is left.
"""

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks.tools.points import FAULTS, SHORT, Fault, Hung, Outcome, Points, Unable
from benchmarks.tools.saving import Judge, Room, Sample, make_sample, quick_disk
from benchmarks.tools.timing import machine
from daemon.processes import one_thread_each
from tests.audio import ALL_FORMATS

OURS = ("save", "undo")
NAIVE = "plain mutagen"
TOLD = 12  # kinds of harm that are listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One format, one way of writing, one fault; every *step*-th call is struck."""

    sample: Sample
    what: str
    fault: Fault
    step: int
    start: int
    room: str | None


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of a task: how many calls there are, and how the trials ended."""

    fmt: str
    what: str
    fault: str
    points: int = 0
    ended: Counter[str] = field(default_factory=Counter)  # "old", "new", or what is wrong
    bad: list[str] = field(default_factory=list)


def main(argv: list[str]) -> dict[str, Any]:
    """Strike, print the table, return the figures; `passed` tells whether our rows have no harm."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks faults")
    parser.add_argument("--formats", nargs="+", choices=ALL_FORMATS, default=list(ALL_FORMATS))
    parser.add_argument("--step", type=int, default=1, help="strike every STEP-th call only")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--room", default=quick_disk(), help="where the files lie (in memory)")
    wishes = parser.parse_args(argv)
    one_thread_each(os.environ)
    try:
        Points(Path("/"))
    except Unable as error:
        print(f"faults: not measured: {error}", file=sys.stderr)
        return {"unable": str(error), "passed": False}
    tallies = _strike_all(list(_tasks(wishes)), wishes.processes)
    figures = _figures(tallies) | {"step": wishes.step}
    _show(figures)
    return figures | {"machine": machine()}


def _tasks(wishes: argparse.Namespace) -> Iterator[Task]:
    with tempfile.TemporaryDirectory() as folder:
        samples = [make_sample(Path(folder), fmt, full=True) for fmt in wishes.formats]
    for number, sample in enumerate(samples):
        for what in (*OURS, NAIVE):
            for shift, fault in enumerate(FAULTS):
                yield Task(
                    sample=sample,
                    what=what,
                    fault=fault,
                    step=wishes.step,
                    start=1 + (number + shift) % wishes.step,  # others are struck elsewhere
                    room=wishes.room,
                )


def _strike_all(tasks: list[Task], processes: int) -> list[Tally]:
    """Carry the tasks out in processes that have no threads, with a bar on stderr."""
    with (
        ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool,
        Progress(console=Console(stderr=True)) as bar,
    ):
        line = bar.add_task("faults", total=len(tasks))
        found = []
        for future in as_completed([pool.submit(strike, task) for task in tasks]):
            found.append(future.result())
            bar.advance(line)
    return found


def strike(task: Task) -> Tally:
    """Strike one way of writing by one fault, at each call in turn."""
    with tempfile.TemporaryDirectory(dir=task.room, prefix="faults-") as folder:
        room = Room(Path(folder), task.sample)
        points = Points(room.root)
        undoing = task.what == "undo"
        room.lay(written=undoing)
        judge = Judge(room.path, exact=task.sample.data if undoing else None)
        work = _work(room, task.what)
        whole = points.run(work)
        tally = Tally(fmt=task.sample.fmt, what=task.what, fault=task.fault.name)
        tally.points = len(whole.calls)
        _note(tally, "undisturbed", _ended(room, judge, task.what, whole))
        for at in _points(task, whole):
            room.lay(written=undoing)
            try:
                outcome = points.run(work, task.fault, at)
            except Hung as error:
                _note(tally, f"call {at}", str(error))
                continue
            if not outcome.struck:
                break
            _note(tally, f"call {at}", _ended(room, judge, task.what, outcome))
        return tally


def _work(room: Room, what: str) -> Callable[[], None]:
    return {"save": room.save, "undo": room.undo, NAIVE: room.save_naively}[what]


def _points(task: Task, whole: Outcome) -> Iterator[int]:
    """Yield the calls to strike, without end; a short write can only strike a write."""
    if task.fault.act == SHORT:
        yield from whole.writes[task.start - 1 :: task.step]
        return
    yield from count(task.start, task.step)


def _ended(room: Room, judge: Judge, what: str, outcome: Outcome) -> str:
    """Return "old" or "new", else what is wrong now that the program was started again."""
    trouble = "" if what == NAIVE else room.start_anew()
    found = judge.what(room.path)
    if found not in ("old", "new"):
        return found
    if trouble:
        return trouble
    if left := room.leftovers():
        return f"left over: {'our copy' if left[0].startswith('.genre') else left[0]}"
    wanted = "old" if what == "undo" else "new"
    said_done = outcome.error is None and not outcome.killed
    return found if found == wanted or not said_done else "said to be done, and is not"


def _note(tally: Tally, where: str, ended: str) -> None:
    tally.ended[ended] += 1
    if ended not in ("old", "new"):
        tally.bad.append(f"{tally.fmt} {tally.what}, {tally.fault} at {where}: {ended}")


def _figures(tallies: list[Tally]) -> dict[str, Any]:
    table = {
        fmt: {what: _row(tallies, fmt, what) for what in (*OURS, NAIVE)}
        for fmt in dict.fromkeys(tally.fmt for tally in tallies)
    }
    ours = [bad for tally in tallies if tally.what != NAIVE for bad in tally.bad]
    naive = [bad for tally in tallies if tally.what == NAIVE for bad in tally.bad]
    return {
        "table": table,
        "trials": sum(row[what]["trials"] for row in table.values() for what in OURS),
        "bad": len(ours),
        "bad_ones": ours[:TOLD],
        "naive_trials": sum(row[NAIVE]["trials"] for row in table.values()),
        "naive_bad": len(naive),
        "faults": [fault.name for fault in FAULTS],
        "passed": not ours and bool(tallies),
    }


def _row(tallies: list[Tally], fmt: str, what: str) -> dict[str, Any]:
    mine = [tally for tally in tallies if (tally.fmt, tally.what) == (fmt, what)]
    ended = sum((tally.ended for tally in mine), Counter())
    harm = {why: n for why, n in sorted(ended.items()) if why not in ("old", "new")}
    return {
        "points": max(tally.points for tally in mine),
        "trials": ended.total(),
        "old": ended["old"],
        "new": ended["new"],
        "bad": sum(harm.values()),
        "harm": harm,
    }


def _show(figures: dict[str, Any]) -> None:
    print(f"{'format':9}{'writer':15}{'points':>7}{'trials':>8}{'old':>7}{'new':>7}{'bad':>6}")
    for fmt, rows in figures["table"].items():
        for what, row in rows.items():
            counts = f"{row['points']:7}{row['trials']:8}{row['old']:7}{row['new']:7}"
            harm = "; ".join(f"{n} {why}" for why, n in row["harm"].items())
            print(f"{fmt:9}{what:15}{counts}{row['bad']:6}  {harm}")
    print(f"\nours: {figures['trials']} trials, {figures['bad']} bad; ", end="")
    print(f"plain mutagen: {figures['naive_trials']} trials, {figures['naive_bad']} bad")
    for bad in figures["bad_ones"]:
        print(bad)
