"""Somebody else at every step of a write: `python -m benchmarks mover [--trials 10000]`.

While a file is written or put back, another program moves, replaces, edits, copies, links
or deletes it, or swaps its folder: first with the write held at each of its calls in turn,
then at random instants. Nothing may be doubled, lost, made anew under an old name, or left.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from benchmarks.tools.points import NOTHING, STOP, Hung, Points, Unable
from benchmarks.tools.saving import Judge, Room, Sample, make_sample, quick_disk
from benchmarks.tools.timing import machine
from daemon.processes import one_thread_each
from tests.audio import ALL_FORMATS, retag

A_TASK = 50  # trials
BLOCKED_S = 0.004  # who cannot open the file by then waits for our lease to end
TOLD = 12
# what must lie where afterwards: our file (old or new), theirs byte for byte, or the edited one
EXPECTED: dict[str, dict[str, str]] = {
    "moved away": {"moved": "ours"},
    "moved away and back": {"here": "ours"},
    "moved, another put there": {"here": "theirs", "moved": "ours"},
    "replaced": {"here": "theirs"},
    "written over in place": {"here": "theirs"},
    "retagged in place": {"here": "edited"},
    "edited through a handle": {"here": "edited"},
    "copied": {"here": "ours", "moved": "ours"},
    "linked": {"here": "ours", "moved": "ours"},
    "deleted": {},
    "folders swapped": {"here": "theirs", "aside": "ours"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Trials of one format, one way of writing and one action, each at another instant."""

    sample: Sample
    theirs: Sample
    undo: bool
    action: str
    at: tuple[int, ...]  # calls at which the write is held; 0: at a random instant instead
    seed: int
    room: str | None


@dataclass(slots=True, kw_only=True)
class Tally:
    """What came of a task."""

    action: str
    by_chance: bool
    ended: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)


class Editor:
    """Another program that opens a file for writing and writes to it some calls later."""

    def __init__(self, path: Path, edit: Callable[[Any], None], later: int) -> None:
        self._path, self._edit, self._left = path, edit, later
        self._opened, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._live)
        self.began = False

    def step(self) -> bool:
        """Take a step: open, wait, or write; say whether another is to come."""
        if not self.began:
            self.began = True
            self._thread.start()
            self._opened.wait(BLOCKED_S)
        if self._left == 0:
            self._go.set()
            self._thread.join(BLOCKED_S)
        self._left -= 1
        return self._left >= 0

    def end(self) -> None:
        """Write now if that has not been done."""
        self._go.set()
        if self.began:
            self._thread.join()

    def _live(self) -> None:
        with self._path.open("r+b", buffering=0) as file:
            self._opened.set()
            self._go.wait()
            self._edit(file)


class Mover:
    """The other program: what it does to a room's file, and what must be there afterwards."""

    def __init__(self, room: Room, theirs: bytes, edited: tuple[bytes, bytes]) -> None:
        self.room, self.theirs, self.edited = room, theirs, edited
        self.places = {
            "here": room.path,
            "moved": room.path.with_name(f"moved{room.path.suffix}"),
            "aside": room.root / "aside" / room.path.name,
        }

    def lay(self, *, written: bool, action: str) -> None:
        """Put everything as it is before a trial."""
        shutil.rmtree(self.places["aside"].parent, ignore_errors=True)
        self.room.lay(written=written)
        if action == "folders swapped":
            self.places["aside"].parent.mkdir()
            self.places["aside"].write_bytes(self.theirs)

    def editor(self, action: str, *, written: bool, later: int) -> Editor:
        """Return the one who does *action* step by step."""
        here = self.places["here"]
        if action == "written over in place":
            return Editor(here, lambda file: _overwrite(file, self.theirs), 0)
        if action == "edited through a handle":
            return Editor(here, lambda file: _overwrite(file, self.edited[written]), later)
        return Editor(here, lambda file: None, 0)

    def act(self, action: str) -> bool:
        """Do what needs no handle; say that no other step is to come."""
        here, moved = self.places["here"], self.places["moved"]
        match action:
            case "moved away":
                here.rename(moved)
            case "moved away and back":
                here.rename(moved)
                moved.rename(here)
            case "moved, another put there":
                here.rename(moved)
                here.write_bytes(self.theirs)
            case "replaced":
                self._put_theirs(here)
            case "copied":
                shutil.copyfile(here, moved)
            case "linked":
                moved.hardlink_to(here)
            case "deleted":
                here.unlink()
            case "folders swapped":
                self._swap_folders()
        return False

    def _put_theirs(self, here: Path) -> None:
        new = self.room.root / "new"
        new.write_bytes(self.theirs)
        new.replace(here)

    def _swap_folders(self) -> None:
        music, aside, between = self.room.music, self.places["aside"].parent, self.room.root / "x"
        music.rename(between)
        aside.rename(music)
        between.rename(aside)


def _overwrite(file: Any, data: bytes) -> None:
    file.write(data)
    file.truncate()


class Bench:
    """Carries out the trials of a task."""

    def __init__(self, folder: Path, task: Task) -> None:
        self.task, self.rng = task, random.Random(task.seed)
        self.room = Room(folder, task.sample)
        edited = tuple(self._edited(data) for data in (task.sample.data, self.room.undoable[0]))
        self.mover = Mover(self.room, task.theirs.data, (edited[0], edited[1]))
        self.points = Points(self.room.music, reads=True)
        self.room.lay()
        self.ours = Judge(self.room.path)
        self.room.path.write_bytes(edited[0])
        self.changed = Judge(self.room.path)
        self.seconds = self._seconds()

    def trial(self, at: int) -> str:
        """Have the write disturbed at its *at*-th call, or at a random instant: what is wrong."""
        action, written = self.task.action, self.task.undo
        self.mover.lay(written=written, action=action)
        editor = self.mover.editor(action, written=written, later=self.rng.randrange(1, 12))
        step = self._steps(editor)
        try:
            if at:
                self.points.run(self._work, STOP, at, meanwhile=step)
            else:
                self.points.run(self._work, NOTHING, beside=lambda: self._by_chance(step))
        except Hung as error:
            return str(error)
        except OSError as error:
            return f"the other program met {type(error).__name__}"
        finally:
            editor.end()
        return self._wrong()

    def _work(self) -> None:
        (self.room.undo if self.task.undo else self.room.save)()

    def _steps(self, editor: Editor) -> Callable[[], bool]:
        """Return what the other program does each time that it may act; most act once."""
        if self.task.action in ("written over in place", "edited through a handle"):
            return editor.step
        if self.task.action == "retagged in place":
            return lambda: self._in_thread(editor)
        return lambda: self.mover.act(self.task.action)

    def _in_thread(self, editor: Editor) -> bool:
        retagger = threading.Thread(
            target=retag, args=(self.room.path,), kwargs={"title": "Theirs"}
        )
        retagger.start()
        retagger.join(BLOCKED_S)
        editor.end = retagger.join  # type: ignore[method-assign]
        return False

    def _by_chance(self, step: Callable[[], bool]) -> None:
        time.sleep(self.rng.uniform(0, self.seconds))
        step()

    def _wrong(self) -> str:
        if trouble := self.room.start_anew():
            gone = "the record says"  # where the file went is for the rescan to find
            if not trouble.startswith(gone):
                return trouble
        expected = EXPECTED[self.task.action]
        for name, whose in expected.items():
            if wrong := self._wrong_at(self.mover.places[name], whose):
                return f"{name}: {wrong}"
        left = sorted(_below(self.room.root) - {self.mover.places[name] for name in expected})
        if left:
            return f"left: {left[0].name if left[0].name[0] != '.' else 'a working copy'}"
        return ""

    def _wrong_at(self, path: Path, whose: str) -> str:
        if whose == "theirs":
            same = path.exists() and path.read_bytes() == self.task.theirs.data
            return "" if same else "what they wrote is lost"
        found = (self.ours if whose == "ours" else self.changed).what(path)
        return "" if found in ("old", "new") else found

    def _edited(self, data: bytes) -> bytes:
        path = self.room.path
        path.write_bytes(data)
        retag(path, title="Theirs")
        return path.read_bytes()

    def _seconds(self) -> float:
        """Measure how long an undisturbed write takes."""
        self.room.lay(written=self.task.undo)
        started = time.monotonic()
        self.points.run(self._work)
        return time.monotonic() - started


def _below(root: Path) -> set[Path]:
    return {p for p in root.rglob("*") if p.is_file() and p.parent.name != "state"}


def try_out(task: Task) -> Tally:
    """Carry out the trials of a task, in a process that may fork."""
    tally = Tally(action=task.action, by_chance=not any(task.at))
    with tempfile.TemporaryDirectory(dir=task.room, prefix="mover-") as folder:
        bench = Bench(Path(folder), task)
        for at in task.at:
            wrong = bench.trial(at)
            tally.ended[wrong] += 1
            if wrong:
                way = "undo" if task.undo else "save"
                tally.bad.append(f"{task.sample.fmt} {way}, {task.action} at call {at}: {wrong}")
    return tally


def main(argv: list[str]) -> dict[str, Any]:
    """Try, print the table, return the figures; `passed` tells whether nothing went wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks mover")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--formats", nargs="+", choices=ALL_FORMATS, default=list(ALL_FORMATS))
    parser.add_argument("--actions", nargs="+", choices=EXPECTED, default=list(EXPECTED))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--room", default=quick_disk(), help="where the files lie (in memory)")
    wishes = parser.parse_args(argv)
    one_thread_each(os.environ)
    try:
        Points(Path("/"))
    except Unable as error:
        print(f"mover: not measured: {error}", file=sys.stderr)
        return {"unable": str(error), "passed": False}
    started = time.monotonic()
    tallies = _try_all(_tasks(wishes), wishes.processes)
    figures = _figures(tallies, time.monotonic() - started)
    _show(figures)
    return figures | {"machine": machine()}


def _tasks(wishes: argparse.Namespace) -> list[Task]:
    """Return tasks of all trials: every call of every way first, then chance."""
    with tempfile.TemporaryDirectory() as folder:
        made = [
            tuple(make_sample(Path(folder), fmt, full=False, seed=seed) for seed in (0, 1))
            for fmt in wishes.formats
        ]
        ways = [
            (sample, theirs, undo, action)
            for sample, theirs in made
            for action in wishes.actions
            for undo in (False, True)
        ]
        calls = _calls(ways, wishes.room)
    held = [(way, at) for way in ways for at in range(1, calls[way[0].fmt, way[2]] + 1)]
    random.Random(0).shuffle(held)
    at_most = wishes.trials * 7 // 10
    trials = [*held[:at_most]]
    trials += [(way, 0) for way in islice(cycle(ways), wishes.trials - len(trials))]
    return list(_grouped(trials, wishes.room))


def _calls(ways: list[Any], room: str | None) -> dict[tuple[str, bool], int]:
    """Return how many calls a save and an undo of each format make."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        wanted = {(sample.fmt, undo): sample for sample, _, undo, _ in ways}
        found = pool.map(
            _count, wanted.values(), [undo for _, undo in wanted], [room] * len(wanted)
        )
        return dict(zip(wanted, found, strict=True))


def _count(sample: Sample, undo: bool, where: str | None) -> int:
    with tempfile.TemporaryDirectory(dir=where, prefix="mover-") as folder:
        room = Room(Path(folder), sample)
        room.lay(written=undo)
        return len(Points(room.music, reads=True).run(room.undo if undo else room.save).calls)


def _grouped(trials: list[tuple[Any, int]], room: str | None) -> Iterator[Task]:
    groups: dict[tuple[Any, bool], list[int]] = {}
    for way, at in trials:
        groups.setdefault((way, at == 0), []).append(at)
    for number, ((way, _), instants) in enumerate(groups.items()):
        sample, theirs, undo, action = way
        for first in range(0, len(instants), A_TASK):
            yield Task(
                sample=sample,
                theirs=theirs,
                undo=undo,
                action=action,
                at=tuple(instants[first : first + A_TASK]),
                seed=number * 1000 + first,
                room=room,
            )


def _try_all(tasks: list[Task], processes: int) -> list[Tally]:
    with (
        ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool,
        Progress(console=Console(stderr=True)) as bar,
    ):
        line = bar.add_task("trials", total=sum(len(task.at) for task in tasks))
        found = []
        for future in as_completed([pool.submit(try_out, task) for task in tasks]):
            found.append(future.result())
            bar.advance(line, found[-1].ended.total())
    return found


def _figures(tallies: list[Tally], seconds: float) -> dict[str, Any]:
    table = {}
    for action in dict.fromkeys(tally.action for tally in tallies):
        mine = [tally for tally in tallies if tally.action == action]
        ended = sum((tally.ended for tally in mine), Counter())
        table[action] = {
            "held": sum(tally.ended.total() for tally in mine if not tally.by_chance),
            "by_chance": sum(tally.ended.total() for tally in mine if tally.by_chance),
            "bad": ended.total() - ended[""],
            "harm": {why: n for why, n in sorted(ended.items()) if why},
        }
    bad = [bad for tally in tallies for bad in tally.bad]
    trials = sum(row["held"] + row["by_chance"] for row in table.values())
    return {
        "table": table,
        "trials": trials,
        "bad": len(bad),
        "bad_ones": bad[:TOLD],
        "seconds": round(seconds, 1),
        "trials_per_s": round(trials / seconds, 1),
        "passed": not bad and trials > 0,
    }


def _show(figures: dict[str, Any]) -> None:
    print(f"{'the other program':27}{'held':>7}{'by chance':>11}{'bad':>6}")
    for action, row in figures["table"].items():
        harm = "; ".join(f"{n} {why}" for why, n in row["harm"].items())
        print(f"{action:27}{row['held']:7}{row['by_chance']:11}{row['bad']:6}  {harm}")
    rate = f"{figures['trials_per_s']} a second"
    print(f"\n{figures['trials']} trials, {figures['bad']} bad; {rate}")
    for bad in figures["bad_ones"]:
        print(bad)
