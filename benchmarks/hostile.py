"""Bad files, thousands of them: `python -m benchmarks hostile [--mutants 5000] [--house 300]`.

Damaged, malicious and odd files go through probe, decoder and tag write in a real worker;
some hundred of them, with pipes, loops and sparse giants, into the folder of a real daemon.
Each must stay byte for byte or get its genre and nothing else, each refusal be one sentence.
"""

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.tools.house import House, until
from benchmarks.tools.mutants import Mutant, bombs, mutant
from benchmarks.tools.oddities import Oddity, make_oddities
from benchmarks.tools.outcomes import Attempt, is_sentence
from benchmarks.tools.timing import machine
from core.errors import WorkerError
from daemon.limits import held_mb
from daemon.processes import Workers

ATTEMPT = "benchmarks.tools.outcomes:attempt"
DIFFERENCE = "benchmarks.tools.outcomes:difference"
GENRE = "Deep Techno"
SCRATCH = ".genrewatch-hostile.tmp"
MOST_MB = 512.0  # that a worker may hold at its worst; it is ended at twice that
MOST_S = 20.0  # of the processor, for one file
PATIENCE_S = 240.0  # for one file, on a busy machine
MOST_RESIDENT_MB = 120.0  # the daemon itself, however bad the files
TELL_EVERY = 250


@dataclass(slots=True)
class Tally:
    """What became of the files of one layer, and what must not have."""

    ends: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    peak_mb: float = 0.0
    slowest_s: float = 0.0

    def take(self, got: Attempt) -> None:
        """Count one attempt."""
        self.peak_mb = max(self.peak_mb, got.peak_mb)
        self.slowest_s = max(self.slowest_s, got.seconds)
        self.ends["done" if got.step == "done" else f"refused at {got.step}"] += 1
        if got.reason:
            self.reasons[got.reason] += 1


def main(argv: list[str]) -> dict[str, Any]:
    """Try all and return the figures; `passed` tells whether nothing bad came of any."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks hostile")
    parser.add_argument("--mutants", type=int, default=5_000)
    parser.add_argument("--house", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    wishes = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as room:
        figures = {"workers": try_all(Path(room), range(wishes.mutants), wishes.seed)}
    if wishes.house:
        with tempfile.TemporaryDirectory() as room:
            figures["daemon"] = live_with(Path(room), wishes.house, wishes.seed)
    passed = not any(layer["bad"] for layer in figures.values())
    for name, layer in figures.items():
        print(f"{name}: {layer}")
    return {"seed": wishes.seed, **figures, "machine": machine(), "passed": passed}


# --- in a worker -------------------------------------------------------------------------


def try_all(room: Path, numbers: range, seed: int) -> dict[str, Any]:
    """Try the mutants of these numbers one by one in a worker with the default bounds."""
    tally, began = Tally(), time.monotonic()
    with Workers(nice=5) as workers, Workers(nice=5) as judges:
        for number in numbers:
            try_one(room, mutant(number, seed), workers, judges, tally)
            if number % TELL_EVERY == 0:
                print(f"{number} of {numbers.stop}: {dict(tally.ends)}", file=sys.stderr)
    seconds = time.monotonic() - began
    heavy = tally.peak_mb > MOST_MB or tally.slowest_s > MOST_S
    if heavy:
        tally.bad.append(f"took up to {tally.peak_mb:.0f} MB and {tally.slowest_s:.0f} s")
    return {
        "files": len(numbers),
        "bombs": len(bombs()),
        "ends": dict(tally.ends),
        "kinds_of_reasons": len(tally.reasons),
        "commonest_reasons": dict(tally.reasons.most_common(12)),
        "peak_mb": round(tally.peak_mb),
        "slowest_s": round(tally.slowest_s, 1),
        "seconds": round(seconds),
        "bad": tally.bad,
    }


def try_one(room: Path, bad: Mutant, workers: Workers, judges: Workers, tally: Tally) -> None:
    """Let the program do with one file what it does, and judge that from outside."""
    path, scratch = room / f"file{bad.suffix}", room / SCRATCH
    path.write_bytes(bad.content)
    try:
        got: Attempt = workers.call(ATTEMPT, str(path), GENRE, str(scratch), timeout=PATIENCE_S)
    except WorkerError as error:
        tally.ends["the worker ended"] += 1
        tally.reasons[error.reason] += 1
        faults = ["it was changed"] if path.read_bytes() != bad.content else []
        scratch.unlink(missing_ok=True)  # as the journal does when a worker died
    else:
        tally.take(got)
        faults = list(_faults(room, bad, path, got, judges))
    tally.bad += [f"{bad.number} {bad.seed}, {bad.recipe}: {fault}" for fault in faults]
    path.unlink()


def _faults(room: Path, bad: Mutant, path: Path, got: Attempt, judges: Workers) -> Iterator[str]:
    """Yield what must not have come of one file."""
    if got.foreign:
        yield f"at {got.step}: {got.foreign}"
    if got.reason and not is_sentence(got.reason):
        yield f"no sentence: {got.reason!r}"
    left = [item.name for item in room.iterdir() if item != path]
    if left:
        yield f"left behind: {left}"
    changed = path.read_bytes() != bad.content
    if changed and got.step != "done":
        yield "changed although it was refused"
    elif changed and (fault := _judged(room, bad, path, judges)):
        yield fault
    if changed and got.undone != hashlib.sha256(bad.content).hexdigest():
        yield "its undo record does not lead back to the same bytes"


def _judged(room: Path, bad: Mutant, path: Path, judges: Workers) -> str:
    before = room / f"before{bad.suffix}"
    before.write_bytes(bad.content)
    try:
        found: str = judges.call(DIFFERENCE, str(before), str(path), GENRE, timeout=PATIENCE_S)
    except WorkerError as error:
        return f"it cannot be judged: {error.reason}"
    finally:
        before.unlink()
    return found


# --- in the daemon's folder --------------------------------------------------------------


def live_with(room: Path, count: int, seed: int) -> dict[str, Any]:
    """Drop *count* mutants and all oddities on a real daemon, and look at it."""
    options = {
        "watch": {"settle_seconds": 0.2, "rescan_minutes": 0.2},
        "policy": {"threshold": 0.0},  # so that whatever can be heard is written
        "workers": {"timeout_seconds": 60.0},
    }
    house = House(room, options)
    step = max(1, (len(bombs()) + count) // count)
    chosen = [mutant(number * step, seed) for number in range(count)]
    began = time.monotonic()
    with house.daemon() as process:
        dropped = {_drop(house.music, bad): bad for bad in chosen}
        oddities = make_oddities(house.music)
        wanted = {os.fsencode(path) for path in dropped}
        wanted |= {odd.path for odd in oddities if odd.state}
        largest = _wait(house, process.pid, wanted)
        alive = process.poll() is None
        rows = _rows(house)
        zombies = _zombies(process.pid)
    bad = list(_house_faults(room, dropped, oddities, rows))
    bad += [] if alive else ["the daemon died"]
    bad += [f"{zombies} zombies"] if zombies else []
    bad += [f"the daemon held {largest:.0f} MB"] if largest > MOST_RESIDENT_MB else []
    return {
        "files": len(wanted),
        "oddities": {odd.what: ": ".join(rows.get(odd.path, ())) for odd in oddities},
        "states": dict(Counter(rows[path][0] for path in wanted if path in rows)),
        "daemon_mb": round(largest),
        "seconds": round(time.monotonic() - began),
        "bad": bad,
    }


def _drop(music: Path, bad: Mutant) -> Path:
    path = music / f"{bad.number:05}{bad.suffix}"
    path.write_bytes(bad.content)
    return path


def _wait(house: House, pid: int, wanted: set[bytes]) -> float:
    """Wait until something has become of each file; return the most that the daemon held."""
    held = [0.0]

    def settled() -> bool:
        held.append(held_mb(pid))
        rows = _rows(house)
        return all(rows.get(path, ("pending",))[0] != "pending" for path in wanted)

    until(settled, "each file has its state", within=300 + 10 * len(wanted), every=1.0)
    return max(held)


def _rows(house: House) -> dict[bytes, tuple[str, str]]:
    found = house.db.execute("select path, state, reason from files where gone_at is null")
    return {path: (state, reason) for path, state, reason in found.fetchall()}


def _zombies(pid: int) -> int:
    stats = [path.read_text("ascii", "replace") for path in Path("/proc").glob("[0-9]*/stat")]
    fields = [text.rpartition(")")[2].split() for text in stats]
    return sum(1 for row in fields if row[0] == "Z" and row[1] == str(pid))


def _house_faults(
    room: Path,
    dropped: dict[Path, Mutant],
    oddities: list[Oddity],
    rows: dict[bytes, tuple[str, str]],
) -> Iterator[str]:
    with Workers(nice=5) as judges:
        for path, bad in dropped.items():
            state, reason = rows[os.fsencode(path)]
            for fault in _house_fault(room, path, bad, state, reason, judges):
                yield f"{bad.number} {bad.seed}, {bad.recipe}: {fault}"
    for odd in oddities:
        state, reason = rows.get(odd.path, ("", ""))
        if state != odd.state:
            yield f"{odd.what}: {state or 'not known'}, {reason}"
        if state == "failed" and not is_sentence(reason):
            yield f"{odd.what}: no sentence: {reason!r}"
    yield from (f"left behind: {left.name}" for left in room.rglob(".genrewatch-*"))


def _house_fault(
    room: Path, path: Path, bad: Mutant, state: str, reason: str, judges: Workers
) -> Iterator[str]:
    if state in ("failed", "not_sure") and not is_sentence(reason):
        yield f"{state} without a sentence: {reason!r}"
    same = path.read_bytes() == bad.content
    if state == "tagged" and not same:
        before = room / f"before{bad.suffix}"
        before.write_bytes(bad.content)
        yield from filter(
            None, [judges.call(DIFFERENCE, str(before), str(path), None, timeout=PATIENCE_S)]
        )
        before.unlink()
    elif not same:
        yield f"{state}, and its bytes changed"
