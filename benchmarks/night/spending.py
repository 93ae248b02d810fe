"""One night, by the command: run to its end or killed, watched from outside meanwhile.

How far it is tells what lies on disk and which processes there are; the program is not asked.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.tools.house import ROOT, House
from core.champion import VERSION

__all__ = ["PHASES", "Death", "Ran", "Watch", "newest", "spend", "versions"]

POLL_S = 0.05
TENSORFLOW = b"_pywrap_tensorflow"
FOLDS = 5
STARTING = ("the command starts", "the trainer starts")
TRAINING = (*(f"fold {number} of {FOLDS}" for number in range(1, FOLDS + 1)), "the last ensemble")
LATE = ("the model is written", "the gate", "the command ends")
PHASES = (*STARTING, *TRAINING, *LATE)
Death = Callable[[float, str], bool]  # seconds since it began, and its phase: is it due?


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One night, as far as it came."""

    seconds: float
    peak_mb: float  # of the trainer
    killed: bool
    phase: str  # at its end
    began_s: dict[str, float]  # when each phase was first seen


@dataclass(slots=True)
class Watch:
    """Looks at a night from outside; phases only go forward."""

    house: House
    command: int
    before: frozenset[Path]
    place: int = 0
    loaded: bool = False
    trained: bool = False
    peak_mb: float = 0.0
    began_s: dict[str, float] = field(default_factory=dict)

    @property
    def phase(self) -> str:
        """The phase last seen."""
        return PHASES[self.place]

    def look(self, seconds: float) -> str:
        """Return the phase that the night is in, so many *seconds* after it began."""
        trainers = below(self.command)
        self.peak_mb = max([self.peak_mb, *(_held_mb(pid) for pid in trainers)])
        self.place = max(self.place, PHASES.index(self._seen(trainers)))
        self.began_s.setdefault(self.phase, seconds)
        return self.phase

    def look_at_disk(self) -> str:
        """Return the phase that a dead night was in."""
        self.place = max(self.place, PHASES.index(self._late() or PHASES[self.place]))
        return self.phase

    def _seen(self, trainers: list[int]) -> str:
        if not trainers:
            return LATE[2] if self.trained else STARTING[0]
        self.loaded = self.loaded or any(_has_loaded(pid) for pid in trainers)
        self.trained = self.trained or self.loaded
        if not self.loaded:
            return STARTING[1]
        finished = len(list((self.house.state / "cache" / "finished").glob("[!.]*.npz")))
        return self._late() or TRAINING[min(finished, FOLDS)]

    def _late(self) -> str | None:
        models = self.house.state / "models"
        if versions(self.house) - self.before:
            return LATE[1]
        return LATE[0] if any(models.glob(".*.partial")) else None


def spend(house: House, death: Death | None = None, *, alone: bool = False) -> Ran:
    """Run the command to its end, or kill it when *death* says so; *alone*: not its trainer."""
    began = time.monotonic()
    with (house.root / "said.txt").open("w+b") as said:
        process = subprocess.Popen(
            [*house.command, "retrain"],
            cwd=ROOT,
            env=house.environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        watch = Watch(house=house, command=process.pid, before=versions(house))
        while process.poll() is None:
            seconds = time.monotonic() - began
            phase = watch.look(seconds)
            if death is not None and death(seconds, phase):
                _kill(process, alone=alone)
                watch.look_at_disk()
                return _ran(began, watch, killed=process.returncode == -signal.SIGKILL)
            time.sleep(POLL_S)
    return _ran(began, watch, killed=False)


def _kill(process: "subprocess.Popen[bytes]", *, alone: bool) -> None:
    for pid in [process.pid, *([] if alone else below(process.pid))]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _ran(began: float, watch: Watch, *, killed: bool) -> Ran:
    return Ran(
        seconds=time.monotonic() - began,
        peak_mb=watch.peak_mb,
        killed=killed,
        phase=watch.phase,
        began_s=watch.began_s,
    )


def versions(house: House) -> frozenset[Path]:
    """Return the folders of the models made in *house*, whole ones."""
    found = (house.state / "models").glob("*/manifest.json")
    return frozenset(path.parent for path in found if VERSION.fullmatch(path.parent.name))


def newest(house: House) -> Path | None:
    """Return the folder of the newest of them."""
    return max(versions(house), default=None, key=lambda path: path.stat().st_mtime_ns)


def below(pid: int) -> list[int]:
    """Return the processes below *pid*."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        mine: list[int] = []
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with suppress(OSError):
                mine += [int(child) for child in task.read_text("ascii").split()]
        found += mine
        waiting += mine
    return found


def _has_loaded(pid: int) -> bool:
    with suppress(OSError):
        return TENSORFLOW in Path(f"/proc/{pid}/maps").read_bytes()
    return False


def _held_mb(pid: int) -> float:
    """Return the most that the process ever held, in MB."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0
