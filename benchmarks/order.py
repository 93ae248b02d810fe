"""The order in which a write reaches the disk: `python -m benchmarks order [--files 12]`.

A kill proves nothing about a power cut. So strace looks on while the real daemon tags what
is dropped and commands tag and undo, and every write must show: journal, copy, undo record,
exchange, folder and journal each safely on disk before the next, and only then the original
removed. Needs strace; without it nothing is measured, and it says so.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.tools.house import House, until
from benchmarks.tools.timing import machine
from tests.audio import STYLES, make_audio, suffix

FORMATS = ("mp3", "flac", "ogg", "opus", "m4a", "wav", "aiff", "wavpack", "wma", "tta")
TRACED = (
    "openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,"
    "copy_file_range"
)
SYNCS, RENAMES, REMOVALS = (
    {"fsync", "fdatasync"},
    {"rename", "renameat", "renameat2"},
    {"unlink", "unlinkat"},
)
STEPS = (
    "journal begun",
    "copy made",
    "copy on disk",
    "undo record on disk",
    "exchanged",
    "folder on disk",
    "journal closed",
    "original removed",
)
_LINE = re.compile(
    r"(?P<start>\d+\.\d+) (?P<call>\w+)\((?P<rest>.*)\) += (?P<answer>-?\d+).*<(?P<s>[\d.]+)>$"
)
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_HANDLE = re.compile(r"\d+<([^>]*)>")
SCRATCH = b"/.genrewatch-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One call to the system that succeeded: when, of which files, with which bytes."""

    start: float
    end: float
    call: str
    handle: bytes = b""  # path of the first descriptor
    texts: tuple[bytes, ...] = ()
    flags: str = ""


@dataclass(slots=True, kw_only=True)
class Course:
    """What was seen of one write, step by step; each with its beginning and its end."""

    path: bytes
    scratch: bytes
    seen: dict[str, Event] = field(default_factory=dict)

    def fault(self) -> str:
        """Say which step is missing or came too early, "" if none."""
        for step in STEPS:
            if step not in self.seen:
                return f"{step}: not seen"
        for one, then in pairwise(STEPS):
            if self.seen[one].end > self.seen[then].start:
                return f"{then} before {one}"
        return ""


def main(argv: list[str]) -> dict[str, Any]:
    """Trace a run, check each write, return the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks order")
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--commands", type=int, default=5, help="files tagged and undone by name")
    wishes = parser.parse_args(argv)
    strace = shutil.which("strace")
    if strace is None:
        print("order: not measured: strace is not installed", file=sys.stderr)
        return {"unable": "strace is not installed", "passed": False}
    with tempfile.TemporaryDirectory() as room:
        trace = Path(room) / "trace"
        trace.mkdir()
        house = House(Path(room).resolve(), _OPTIONS)
        done = _live(house, _prefix(strace, trace), wishes.files, wishes.commands)
        courses = courses_in(events_in(trace))
    figures = _figures(courses, done)
    _show(figures)
    return figures | {"machine": machine()}


_OPTIONS = {
    "watch": {"settle_seconds": 0.3},
    "policy": {"threshold": 0.0},  # whatever can be heard is tagged
    "model": {"backbone": "none"},
}


def _prefix(strace: str, trace: Path) -> list[str]:
    """Return the words that have a program traced, each process into a file of its own."""
    looks = ["-f", "-ff", "-D", "-y", "-ttt", "-T", "-xx", "-s", "5000", "--seccomp-bpf"]
    return [strace, *looks, "-e", f"trace={TRACED}", "-e", "signal=none", "-o", str(trace / "t")]


def _live(house: House, prefix: list[str], count: int, by_command: int) -> int:
    """Let the daemon tag dropped files and commands tag and undo; return how many writes stood."""
    styles = list(STYLES)
    aside = house.root / "aside"
    aside.mkdir()
    for number in range(count):
        fmt = FORMATS[number % len(FORMATS)]
        name = f"{number:03}{suffix(fmt)}"
        style = styles[number % len(styles)]
        make_audio(aside / name, fmt, style=style, seconds=3.0, seed=number)
    with house.daemon(prefix=prefix):
        for file in sorted(aside.iterdir()):
            shutil.copyfile(file, house.music / file.name)
        until(lambda: house.states() == {"tagged": count}, "all are tagged", within=60 + 10 * count)
        files = sorted(house.music.iterdir())[:by_command]
        for file in files:
            house.cli("tag", str(file), "--genre", "R&B/Soul", prefix=prefix)
        for file in files:
            house.cli("undo", str(file), prefix=prefix)
        found = house.db.execute(
            "select count(*) from tag_writes where state in ('done', 'undone')"
        )
        done = int(found.fetchone()[0])
    return done


def events_in(trace: Path) -> list[Event]:
    """Return what strace saw of all processes, in the order in which the calls began."""
    events = [event for file in trace.iterdir() for event in _events(file)]
    return sorted(events, key=lambda event: event.start)


def _events(file: Path) -> Iterator[Event]:
    with file.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            found = _LINE.match(line.rstrip("\n"))
            if found is None or int(found["answer"]) < 0:
                continue
            handle = _HANDLE.match(found["rest"])
            start = float(found["start"])
            yield Event(
                start=start,
                end=start + float(found["s"]),
                call=found["call"],
                handle=_bytes(handle[1]) if handle else b"",
                texts=tuple(_bytes(text) for text in _TEXT.findall(found["rest"])),
                flags=_TEXT.sub("", found["rest"]),
            )


def _bytes(text: str) -> bytes:
    """Undo strace's escapes."""
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), os.fsencode(text))


def courses_in(events: list[Event]) -> list[Course]:
    """Return the course of each write: a working copy that took the place of a file."""
    found = []
    for event in events:
        if event.call in RENAMES and len(event.texts) == 2 and SCRATCH in event.texts[0]:
            course = Course(path=event.texts[1], scratch=event.texts[0])
            course.seen["exchanged"] = event
            _look(course, events)
            found.append(course)
    return found


def _look(course: Course, events: list[Event]) -> None:
    """Find the steps around the exchange; where one came several times, what it must prove."""
    swap, scratch = course.seen["exchanged"], course.scratch
    folder = scratch[: scratch.index(SCRATCH)]
    record = events_of_record(events, scratch)
    named = [event for event in events if scratch in (event.handle, *event.texts)]
    made = [e for e in named if e.call == "openat" and "O_CREAT" in e.flags]
    copied = [e for e in named if e.call in SYNCS and e.end <= swap.start]
    kept = [e for e in record if copied and copied[-1].end <= e.start and e.end <= swap.start]
    settled = [e for e in _syncs_of(folder, events) if e.start >= swap.end]
    closed = [e for e in record if settled and e.start >= settled[0].end]
    removed = [e for e in named if e.call in REMOVALS]
    found = (record[:1], made[:1], copied[-1:], kept[-1:], [swap], settled[:1], closed[:1])
    for step, one in zip(STEPS, (*found, removed[-1:]), strict=True):
        if one:
            course.seen[step] = one[0]


def _syncs_of(path: bytes, events: list[Event]) -> list[Event]:
    return [event for event in events if event.call in SYNCS and event.handle == path]


def events_of_record(events: list[Event], scratch: bytes) -> list[Event]:
    """Return the moments when something that names *scratch* came safely into the record.

    That is a sync of its log after pages with the name were written to it.
    """
    found, pending = [], False
    for event in events:
        if not event.handle.endswith(b"library.db-wal"):
            continue
        if event.call in SYNCS:
            if pending:
                found.append(Event(start=event.start, end=event.end, call="journal"))
            pending = False
        elif any(scratch in text for text in event.texts):
            pending = True
    return found


def _figures(courses: list[Course], done: int) -> dict[str, Any]:
    faults = [fault for course in courses if (fault := course.fault())]
    whole = [course for course in courses if not course.fault()]
    return {
        "writes_done": done,
        "writes_seen": len(courses),
        "bad": len(faults),
        "bad_ones": faults[:10],
        "by_exchange": sum("RENAME_EXCHANGE" in c.seen["exchanged"].flags for c in courses),
        "ms_after_begin": {step: _ms(whole, step) for step in STEPS} if whole else {},
        "passed": not faults and len(courses) == done > 0,
    }


def _ms(courses: list[Course], step: str) -> float:
    """Return the median of when a step was over, in ms after the journal was begun."""
    return round(1000 * median(c.seen[step].end - c.seen["journal begun"].end for c in courses), 2)


def _show(figures: dict[str, Any]) -> None:
    print(f"{'step':22}{'over after, ms (median)':>24}")
    for step, ms in figures["ms_after_begin"].items():
        print(f"{step:22}{ms:24.2f}")
    print(f"\n{figures['writes_done']} writes stand in the record, {figures['writes_seen']} seen, ")
    print(f"{figures['by_exchange']} by exchange; out of order: {figures['bad']}")
    for bad in figures["bad_ones"]:
        print(bad)
