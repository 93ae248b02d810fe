"""Kill the running daemon at random instants while files arrive, move and are retagged.

`python -m benchmarks kills [--kills 1000]`: several houses in turn. Each death is a SIGKILL,
of the daemon alone (its worker notices) or of both at once, at a random instant
after the start or within a write that the record shows to be open. In the end the daemon
runs until it rests, and every file, the record and the folder are looked at.
"""

import argparse
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.tools.house import ROOT, House, until
from benchmarks.tools.person import Person, look_for_damage
from benchmarks.tools.timing import machine
from core.library import feedback_log, files, runs, writes
from core.registry import base_dir, load
from core.stamp import Stamp

__all__ = ["main"]

OPTIONS = {
    "watch": {"settle_seconds": 0.2},
    "policy": {"threshold": 0.0},  # whatever can be heard is written
    "model": {"backbone": "none"},
}
A_HOUSE = 125  # kills
SHORT_LIFE_S = 1.5  # half of the deaths come at an instant within this
LONG_LIFE_S = 6.0  # the others wait so long for a write to be open
A_WRITE_S = 0.012  # and come at an instant within this of seeing one that is open
A_SWAP_S = 0.005  # or within this of seeing one whose copy is whole
REST_S = 600.0
STEP_S = (0.02, 0.3)  # between two acts of other programs
POLL_S = 0.001


@dataclass(slots=True)
class Deaths:
    """When the daemon was killed."""

    kills: int = 0
    while_starting: int = 0  # before it had said in the record that it is there
    with_open_write: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    life_s: list[float] = field(default_factory=list)


class Killer:
    """One house, the programs in it, and the one who kills."""

    def __init__(self, root: Path, seed: int) -> None:
        self.rng = random.Random(seed)
        self.house = House(root, OPTIONS)
        aside = root / "aside"
        aside.mkdir()
        self.person = Person(self.house.music, aside, self.rng, self._row, self._tell)
        self.deaths = Deaths()
        self.process: subprocess.Popen[bytes] | None = None
        self.said = root / "said.txt"
        self.left_open: set[int] = set()  # writes that the last death cut short

    def live_and_die(self) -> None:
        """Start the daemon, let things happen, kill it."""
        started = time.monotonic()
        self.left_open = {row.id for row in self._open_writes()}
        self._start()
        for _ in range(self.rng.choice((0, 1, 2, 3))):
            self.person.arrive()
        if self.rng.random() < 0.5:
            self._go_on(started + self.rng.uniform(0, SHORT_LIFE_S))
        else:
            self.person.arrive()
            prepared = self.rng.random() < 0.6
            self._go_on(started + LONG_LIFE_S, seen=lambda: self._is_writing(prepared))
            time.sleep(self.rng.uniform(0, A_SWAP_S if prepared else A_WRITE_S))
        self._kill()
        self.deaths.life_s.append(time.monotonic() - started)
        self.person.observe()

    def rest(self) -> None:
        """Start the daemon once more, wait until it has nothing left to do, and end it."""
        self.person.finish()
        self._start()
        until(self._is_at_rest, "the daemon rests", within=REST_S)
        assert self.process is not None
        self.process.terminate()
        self.process.wait()
        self.person.observe()

    def close(self) -> None:
        """Leave nothing running."""
        if self.process is not None:
            _kill_group(self.process)
        self.house.close()

    def _start(self) -> None:
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                [*self.house.command, "run"],
                cwd=ROOT,
                env=_with_bytecode(self.house.environment, self.house.root.parent),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def _go_on(self, end: float, *, seen: Callable[[], bool] = lambda: False) -> None:
        """Let other programs act until *end*, or until something is *seen*."""
        next_act = time.monotonic()
        while time.monotonic() < end:
            if seen():
                return
            if time.monotonic() >= next_act:
                self.person.act()
                next_act = time.monotonic() + self.rng.uniform(*STEP_S)
            time.sleep(POLL_S)

    def _kill(self) -> None:
        assert self.process is not None
        code = self.process.poll()
        if code is not None:
            raise RuntimeError(f"the daemon ended with {code}: {self.said.read_text()[-2000:]}")
        doomed = [self.process.pid]  # its worker notices by itself, while the next life begins
        if self.rng.random() < 0.5:
            doomed += _workers(self.process.pid)
        for pid in doomed:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._tell("killed")
        self.deaths.kills += 1
        self.deaths.while_starting += not self._has_introduced_itself()
        stages = [_stage(row) for row in self._new_writes()]
        self.deaths.with_open_write += bool(stages)
        self.deaths.stages.update(stages)

    def _has_introduced_itself(self) -> bool:
        assert self.process is not None
        if not (self.house.state / "library.db").exists():
            return False
        said = runs.get_setting(self.house.db, "daemon")
        return bool(said) and said["pid"] == self.process.pid

    def _tell(self, what: str) -> None:
        with (self.house.root / "acts.txt").open("a", encoding="utf-8") as acts:
            acts.write(f"{datetime.now(UTC):%H:%M:%S.%f} {what}\n")

    def _open_writes(self) -> list[writes.WriteRow]:
        if not (self.house.state / "library.db").exists():
            return []
        return writes.open_writes(self.house.db)

    def _is_writing(self, prepared: bool) -> bool:
        rows = self._new_writes()
        return any(row.prepared_at for row in rows) if prepared else bool(rows)

    def _new_writes(self) -> list[writes.WriteRow]:
        """Return the open writes that this life has begun."""
        return [row for row in self._open_writes() if row.id not in self.left_open]

    def _row(self, path: Path) -> files.FileRow | None:
        if not (self.house.state / "library.db").exists():
            return None
        return files.file_at(self.house.db, str(path))

    def _is_at_rest(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"the daemon ended: {self.said.read_text()[-2000:]}")
        if self._open_writes() or _leftovers(self.house.music):
            return False
        return all(self._is_done(path) for path in self.person.things)

    def _is_done(self, path: Path) -> bool:
        row = self._row(path)
        if row is None or row.state == "pending" or row.gone_at:
            return False
        return row.stamp == Stamp.of(path.stat())


def judge(killer: Killer) -> dict[str, list[str]]:
    """Return what went wrong, by promise; all empty where every promise was kept."""
    house, person = killer.house, killer.person
    ours = frozenset(load(base_dir(backbone=False)).genres)
    there = {path for path in house.music.rglob("*") if path.is_file()}
    damaged = [
        f"{path.name}: {wrong}"
        for path, thing in person.things.items()
        if path in there
        for wrong in look_for_damage(thing, ours | person.words.get(thing.track, set()))
    ]
    return {
        "damaged": damaged,
        "lost": [str(path) for path in person.things if path not in there],
        "duplicated_or_resurrected": [str(p) for p in there - set(person.things) if not _dot(p)],
        "unfinished": [str(path) for path in person.things if not killer._is_done(path)],
        "written_twice": _written_twice(killer),
        "feedback_lost": _feedback(killer, lambda said, sure, unsure: said < sure),
        "feedback_made_up": _feedback(killer, lambda said, sure, unsure: said > sure + unsure),
        "leftovers": [str(path) for path in _leftovers(house.music)],
        "still_open": [row.path for row in killer._open_writes()],
        "integrity": _integrity(killer),
    }


def run_house(
    root: Path, kills: int, seed: int, is_late: Callable[[], bool]
) -> tuple[Killer, dict[str, list[str]]]:
    """Kill the daemon of one house so often, or until it is late, and judge what is left."""
    root.mkdir()
    killer = Killer(root, seed)
    try:
        for number in range(kills):
            if is_late():
                break
            killer.live_and_die()
            if number % 25 == 24:
                print(f"house {seed}: {number + 1} of {kills} kills", file=sys.stderr, flush=True)
        killer.rest()
        return killer, judge(killer)
    finally:
        killer.close()


def main(argv: list[str]) -> dict[str, Any]:
    """Return how the daemon was killed and what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks kills")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, help="kill no more after so long")
    parser.add_argument("--keep", type=Path, help="leave the houses in this new folder")
    options = parser.parse_args(argv)
    started = time.monotonic()
    end = started + 60 * options.minutes if options.minutes else math.inf

    def is_late() -> bool:
        return time.monotonic() > end

    killers, wrong = [], Counter[str]()
    examples: list[str] = []
    left = options.kills
    with _folder(options.keep) as folder:
        while left > 0 and not is_late():
            here = min(left, A_HOUSE)
            seed = options.seed + len(killers)
            killer, found = run_house(folder / str(seed), here, seed, is_late)
            killers.append(killer)
            told = {name: items for name, items in found.items() if items}
            print(f"house {seed}: wrong: {told or 'nothing'}", file=sys.stderr, flush=True)
            wrong.update({name: len(items) for name, items in found.items()})
            examples += [f"house {seed}, {n}: {i}" for n, items in found.items() for i in items]
            left -= here
    return _figures(killers, wrong, examples, time.monotonic() - started)


def _written_twice(killer: Killer) -> list[str]:
    """Return the files that we wrote more than once, by the journal or by their contents."""
    found = []
    for path, thing in killer.person.things.items():
        rows = writes.writes_at(killer.house.db, str(path))
        ours = [row for row in rows if row.origin == "ours" and row.state in ("done", "undone")]
        if len(ours) > 1 or thing.changes > 1:
            found.append(f"{path.name}: {len(ours)} writes on record, {thing.changes} seen")
    return found


def _feedback(killer: Killer, is_wrong: Callable[[int, int, int], bool]) -> list[str]:
    """Return the tracks of which more or less was said, by the record, than really was."""
    said = Counter(row.path for row in feedback_log.all_feedback(killer.house.db))
    by_track: Counter[int] = Counter()
    for path, count in said.items():
        by_track[killer.person.track_of(Path(path))] += count
    tracks = set(by_track) | set(killer.person.sure)
    return [
        f"track {track}: {by_track[track]} on record, {sure} to {sure + unsure} said"
        for track in sorted(tracks)
        for sure, unsure in [(killer.person.sure[track], killer.person.unsure[track])]
        if is_wrong(by_track[track], sure, unsure)
    ]


def _integrity(killer: Killer) -> list[str]:
    found = [row[0] for row in killer.house.db.execute("pragma integrity_check").fetchall()]
    return [] if found == ["ok"] else found


def _leftovers(music: Path) -> list[Path]:
    return [path for path in music.rglob("*") if _dot(path)]


def _dot(path: Path) -> bool:
    return path.name.startswith(".")


def _stage(row: writes.WriteRow) -> str:
    """Return how far an open write had come."""
    scratch = Path(row.scratch).exists()
    if row.prepared_at is None or row.before is None:
        return "copy being made" if scratch else "begun, or taken back"
    inode = Path(row.path).stat().st_ino if Path(row.path).exists() else None
    if inode != row.before.inode:
        return "swapped, not closed" if scratch else "swapped, original let go"
    return "copy whole, not swapped" if scratch else "copy whole, given up"


def _with_bytecode(environment: dict[str, str], root: Path) -> dict[str, str]:
    """Let what was compiled in one life be there in the next, as where it is installed."""
    kept = {k: v for k, v in environment.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(root / "bytecode")}


def _workers(daemon: int) -> list[int]:
    """Return the daemon's workers, as far as /proc tells; without it they notice by themselves."""
    found = []
    for task in Path(f"/proc/{daemon}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(pid) for pid in task.read_text("ascii").split()]
    return [pid for pid in found if not _cleans_up(pid)]


def _cleans_up(pid: int) -> bool:
    """Say whether it is Python's own process that unlinks what its dead have left."""
    with suppress(OSError):
        return b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return True


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="kills-") as made:
        yield Path(made)


def _figures(
    killers: list[Killer], wrong: Counter[str], examples: list[str], seconds: float
) -> dict[str, Any]:
    deaths = [killer.deaths for killer in killers]
    stages = sum((death.stages for death in deaths), Counter[str]())
    done = sum((killer.person.done for killer in killers), Counter[str]())
    lives = sorted(life for death in deaths for life in death.life_s)
    return {
        "kills": sum(death.kills for death in deaths),
        "houses": len(killers),
        "files_at_the_end": sum(len(killer.person.things) for killer in killers),
        "what_other_programs_did": dict(done.most_common()),
        "killed_while_starting": sum(death.while_starting for death in deaths),
        "killed_with_a_write_open": sum(death.with_open_write for death in deaths),
        "how_far_it_had_come": dict(stages.most_common()),
        "life_median_s": round(lives[len(lives) // 2], 2) if lives else None,
        "words_that_must_be_on_record": sum(sum(k.person.sure.values()) for k in killers),
        "wrong": dict(wrong),
        "examples": examples[:50],
        "minutes": round(seconds / 60, 1),
        "machine": machine(),
        "passed": bool(killers) and not any(wrong.values()),
    }
