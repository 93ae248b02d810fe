"""Strikes a piece of work at its k-th call to the system, in a child of its own.

The striking is done by points.c, compiled when it is needed: a seccomp filter that nothing
gets past. Needs Linux on x86-64 and a C compiler; `Unable` says in a sentence what is missing.
"""

import ctypes
import errno
import mmap
import os
import pickle
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["FAULTS", "NOTHING", "STOP", "Fault", "Hung", "Outcome", "Points", "Unable"]

LOOK, FAIL, SHORT, KILL, WAIT = range(5)
MOST_CALLS = 16_384  # as in points.c
LONGEST_S = 10  # of processor time; a write takes some milliseconds, so the child hangs
HEADER = 8  # bytes before the numbers of the calls: two counters
# numbers of the calls that carry bytes to the disk, on x86-64
WRITES = {1: "write", 18: "pwrite64", 40: "sendfile", 326: "copy_file_range"}


class Hung(Exception):
    """The child went on and on, and was ended."""


class Unable(Exception):
    """Nothing can be struck here; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens at the k-th call, and whether at every call from then on."""

    name: str
    act: int
    code: int = 0
    for_good: bool = False


FAULTS = (
    *(
        Fault(name=f"{name} {how}", act=FAIL, code=code, for_good=for_good)
        for name, code in (("EIO", errno.EIO), ("ENOSPC", errno.ENOSPC), ("EDQUOT", errno.EDQUOT))
        for how, for_good in (("once", False), ("for good", True))
    ),
    Fault(name="short write once", act=SHORT),
    Fault(name="short write, then full", act=SHORT, for_good=True),
    Fault(name="SIGKILL", act=KILL),
)
NOTHING = Fault(name="nothing", act=LOOK)
STOP = Fault(name="stop", act=WAIT, for_good=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the child ended: what its work returned or raised, None where it was killed."""

    value: Any = None
    error: BaseException | None = None
    killed: bool = False
    calls: tuple[int, ...] = ()  # the numbers of the calls that it made
    struck: int = 0

    @property
    def writes(self) -> list[int]:
        """Return which of the calls, counted from 1, carried bytes to the disk."""
        return [k for k, number in enumerate(self.calls, 1) if number in WRITES]


@dataclass(slots=True)
class Points:
    """The compiled striker; work is struck where it touches files under *root*."""

    root: Path
    reads: bool = False  # whether calls that only read are counted as well
    _arm: Any = field(init=False)
    _shared: mmap.mmap = field(init=False)

    def __post_init__(self) -> None:
        self._arm = _compiled().points_arm
        self._shared = mmap.mmap(-1, HEADER + 2 * MOST_CALLS)

    def run(
        self,
        work: Callable[[], Any],
        fault: Fault = NOTHING,
        at: int = 0,
        meanwhile: Callable[[], bool] = lambda: False,
        beside: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Do *work* in a child that meets *fault* at its *at*-th call.

        Where STOP holds the child, *meanwhile* is done here before it goes on, and again at
        each of its later calls as long as it returns true; *beside* is done while it runs.
        """
        _check_alone()
        self._shared[:HEADER] = bytes(HEADER)
        answer, tell, hear = os.pipe(), os.pipe(), os.pipe()
        child = os.fork()
        if not child:
            self._live(work, fault, at, (answer[1], tell[1], hear[0]))
        for end in (answer[1], tell[1], hear[0]):
            os.close(end)
        try:
            beside()
            while os.read(tell[0], 1):  # until the child is gone
                os.write(hear[1], b"!" if meanwhile() else b".")
            with open(answer[0], "rb", closefd=False) as file:
                said = file.read()
        finally:
            for end in (answer[0], tell[0], hear[1]):
                os.close(end)
            _, status = os.waitpid(child, 0)
        return self._outcome(said, status)

    def _live(
        self, work: Callable[[], Any], fault: Fault, at: int, ends: tuple[int, int, int]
    ) -> None:
        code = 1
        try:
            answer, tell, hear = ends
            signal.setitimer(signal.ITIMER_PROF, LONGEST_S)  # of its own processor time
            failed = self._armed(fault, at, tell, hear)
            said = (None, OSError(failed, "no filter can be set")) if failed else _done(work)
            with open(answer, "wb") as file:  # noqa: PTH123
                pickle.dump(said, file)
            code = 0
        finally:
            os._exit(code)

    def _armed(self, fault: Fault, at: int, tell: int, hear: int) -> int:
        shared = ctypes.addressof(ctypes.c_char.from_buffer(self._shared))
        under = os.fsencode(self.root)
        wishes = (at, fault.act, fault.code, fault.for_good, self.reads, tell, hear)
        return int(self._arm(ctypes.c_void_p(shared), under, *map(int, wishes)))

    def _outcome(self, said: bytes, status: int) -> Outcome:
        if not os.WIFSIGNALED(status) and not said:
            raise RuntimeError(f"the child ended with {os.waitstatus_to_exitcode(status)}")
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF:
            raise Hung("the write never ends")
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
            raise RuntimeError(f"the child died of signal {os.WTERMSIG(status)}")
        value, error = pickle.loads(said) if said else (None, None)  # noqa: S301  our own child
        counters = memoryview(self._shared)[:HEADER].cast("i")
        count, struck = counters[0], counters[1]
        if count > MOST_CALLS:
            raise RuntimeError(f"{count} calls are more than can be told")
        numbers = memoryview(self._shared)[HEADER : HEADER + 2 * count].cast("H")
        return Outcome(
            value=value,
            error=error,
            killed=os.WIFSIGNALED(status),
            calls=tuple(numbers),
            struck=struck,
        )


def _check_alone() -> None:
    """Raise RuntimeError in a process with threads: no fork of it is safe.

    A thread that was joined may need a moment until the system knows it no more.
    """
    for _ in range(100):
        if len(os.listdir("/proc/self/task")) == 1:  # noqa: PTH208
            return
        time.sleep(0.01)
    raise RuntimeError("a process with threads cannot be forked safely")


def _done(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return work(), None
    except Exception as error:  # whatever it is, it is what was asked for
        error.__traceback__ = None
        return None, error


def _compiled() -> ctypes.CDLL:
    """Compile points.c and load it."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise Unable("calls to the system can be struck on Linux and x86-64 only")
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise Unable("there is no C compiler (cc), so no call to the system can be struck")
    source = Path(__file__).with_suffix(".c")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "points.so"
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(made), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unable(f"points.c cannot be compiled: {done.stderr.strip()[-300:]}")
        return ctypes.CDLL(str(made))
