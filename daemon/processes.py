"""The processes that do the heavy work: analysis workers and the trainer.

The only door to analysis, rewriting and learning, which are named here by dotted name and
never imported. A worker that dies or hangs costs its one job: each has an executor of its
own, so it is known which. The seam is concurrent.futures.Executor.
"""

import functools
import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from core.errors import GenrewatchError, TrainingError, WorkerError
from core.stamp import Stamp
from core.tags import Manner, Prepared
from core.tags.journal import Job, Writer
from daemon import limits
from daemon.config import Tags

if TYPE_CHECKING:
    from core.analysis import Probe

__all__ = [
    "ANALYSE",
    "EVALUATION",
    "GLANCE",
    "LESSONS",
    "NIGHTLY",
    "PREPARE",
    "PREPARE_BACK",
    "PROBE",
    "READ_TAG",
    "SCORE",
    "TAKE_PLACE",
    "TRAIN",
    "Workers",
    "is_alive",
    "one_thread_each",
    "preparing",
    "read_genres",
    "run_trainer",
    "taking_place",
    "this_process",
]

GLANCE = "core.analysis:glance"
PROBE = "core.analysis:probe"
ANALYSE = "core.analysis:analyse"
SCORE = "core.analysis:score"
READ_TAG = "core.tags.formats:read"
PREPARE = "core.tags.rewrite:prepare"
PREPARE_BACK = "core.tags.rewrite:prepare_back"
TAKE_PLACE = "core.tags.rewrite:take_place"
TRAIN = "core.learning.train"
NIGHTLY = "core.learning.nightly"
EVALUATION = "core.learning.evaluation"
LESSONS = "core.learning.lessons"

LOOK_S = 0.5  # how often to look after a worker that somebody waits for
WINK_S = 0.05  # the least: a worker that has not even started cannot be ended yet
GUARD_S = 0.2  # how often to look whether the trainer is to be ended
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def one_thread_each(environ: Any) -> None:
    """Let numeric libraries use one thread; two fight over the caches and win nothing."""
    for name in THREADS:
        environ.setdefault(name, "1")


@dataclass(slots=True)
class _Slot:
    """One worker process with its own executor."""

    executor: Executor
    pid: Any  # shared integer, set by the worker when it starts
    future: Future[Any] | None = None
    deadline: float | None = None
    ended: WorkerError | None = None  # why we ended it
    idle_since: float = 0.0


@dataclass(slots=True)
class Workers:
    """At most *count* workers, started when needed and let go when idle."""

    count: int = 1
    idle_seconds: float = 60.0
    nice: int = 10
    memory_mb: int = 1024
    _slots: list[_Slot] = field(default_factory=list)

    def free(self) -> bool:
        """Say whether another job may be started now."""
        busy = sum(slot.future is not None for slot in self._slots)
        return busy < self.count

    def busy(self) -> int:
        """Return how many jobs are under way."""
        return sum(slot.future is not None for slot in self._slots)

    def start(
        self,
        call: str,
        arguments: Sequence[Any],
        options: dict[str, Any],
        *,
        deadline: float | None,
        done: Callable[[Any, GenrewatchError | None], None],
        seconds: float | None = None,
    ) -> None:
        """Start *call* ("module:function") in a free worker.

        *done* gets the result or the error, on a thread of the executor's. A worker that is
        not done by *deadline* is ended by `end_overdue`, and by the kernel where it computes
        far beyond *seconds*.
        """
        slot, future = self._hand_over(call, tuple(arguments), options, seconds)
        slot.deadline = deadline
        future.add_done_callback(lambda future: done(*_outcome(future, slot.ended)))

    def call(self, call: str, *arguments: Any, timeout: float, **options: Any) -> Any:
        """Run *call* in a worker and wait for it; raises what it raises, or WorkerError."""
        slot, future = self._hand_over(call, arguments, options, timeout)
        end = time.monotonic() + timeout
        while not _is_done(future, min(LOOK_S, max(WINK_S, end - time.monotonic()))):
            self._look_after(slot, late=time.monotonic() >= end)
        result, error = _outcome(future, slot.ended)
        self.settle(0.0)
        if error is not None:
            raise error
        return result

    def end_overdue(self, now: float) -> None:
        """Kill the workers whose time is up, or that hold too much memory."""
        for slot in self._slots:
            if slot.future is not None:
                self._look_after(slot, late=slot.deadline is not None and now > slot.deadline)

    def settle(self, now: float) -> None:
        """Take note of finished jobs, drop broken workers and let idle ones go."""
        for slot in list(self._slots):
            if slot.future is not None and slot.future.done():
                broken = isinstance(slot.future.exception(), _SPOILT)
                slot.future, slot.deadline, slot.idle_since = None, None, now
                if broken:
                    self._remove(slot)
            elif slot.future is None and now - slot.idle_since > self.idle_seconds:
                self._remove(slot)

    def close(self, *, kill: bool = False) -> None:
        """End all workers, after their jobs or at once."""
        for slot in list(self._slots):
            if kill and slot.future is not None:
                _kill(slot)
            self._remove(slot)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hand_over(
        self,
        call: str,
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        seconds: float | None,
    ) -> tuple[_Slot, Future[Any]]:
        while True:
            slot = self._free_slot()
            try:
                future = slot.executor.submit(_call, call, arguments, options, seconds)
            except BrokenProcessPool:  # killed while it was idle
                self._remove(slot)
                continue
            slot.future, slot.ended = future, None
            return slot, future

    def _look_after(self, slot: _Slot, *, late: bool) -> None:
        """End the slot's worker where it is *late*, or greedy beyond what the kernel sees."""
        if slot.ended is not None:
            return
        greedy = bool(slot.pid.value) and limits.held_mb(slot.pid.value) > self.memory_mb
        if (late or greedy) and _kill(slot):
            slot.ended = _too_much() if greedy else _too_long()

    def _free_slot(self) -> _Slot:
        for slot in self._slots:
            if slot.future is None:
                return slot
        slot = self._new_slot()
        self._slots.append(slot)
        return slot

    def _new_slot(self) -> _Slot:
        context = multiprocessing.get_context("spawn")
        pid = context.Value("i", 0)
        executor = ProcessPoolExecutor(
            max_workers=1,
            mp_context=context,
            initializer=_begin,
            initargs=(pid, self.nice, self.memory_mb),
        )
        return _Slot(executor=executor, pid=pid)

    def _remove(self, slot: _Slot) -> None:
        self._slots.remove(slot)
        slot.executor.shutdown(wait=True, cancel_futures=True)


def read_genres(
    workers: Workers, path: str, timeout: float
) -> tuple[tuple[str, ...], Stamp] | None:
    """Return a file's genres and stamp as a worker reads them; None where it cannot.

    Why not matters to nobody: the write counts as never done, and the file is looked at anew.
    """
    try:
        probe: Probe = workers.call(PROBE, path, timeout=limits.seconds_for(path, timeout))
    except GenrewatchError:
        return None
    return probe.tag.genres, probe.stamp


def preparing(job: Job, tags: Tags) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Return the call that makes the changed copy, its arguments and its options."""
    options = {
        "scratch": job.scratch,
        "expected": job.expected,
        "manner": Manner(
            keep_mtime=tags.keep_mtime,
            allow_hard_links=tags.hard_links == "write",
            ignore_owner=not tags.keep_owner,
        ),
    }
    back = job.back
    if back is None:
        return PREPARE, (job.path, job.genres), options
    given = (job.path, back.undo, back.hash_after, back.hash_before, job.genres, back.written)
    return PREPARE_BACK, given, options


def taking_place(job: Job, made: Prepared) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Return the call that lets the copy take the file's place; the undo record stays here."""
    return TAKE_PLACE, (job.path, job.scratch, replace(made, undo=b"")), {}


def run_trainer(
    module: str,
    arguments: Sequence[str],
    *,
    stdin: str = "",
    seconds: float | None = None,
    stopped: threading.Event | None = None,
    task: str = "training",
) -> Iterator[dict[str, Any]]:
    """Run a trainer to its end at the lowest priority, yielding its JSON lines.

    Raises TrainingError when it dies, overruns *seconds*, is *stopped* or reports an error;
    *task* is what the message then calls it.
    """
    stopped = stopped or threading.Event()
    command = [sys.executable, "-m", module, *arguments]
    home = Path(__file__).resolve().parent.parent
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=home,
            env=_trainer_environment(),
            start_new_session=True,
        ) as process,
        _killed_after(process, seconds, stopped) as timed_out,
    ):
        yield from _messages(process, stdin, task)
        code = process.wait()
        if stopped.is_set():
            raise TrainingError("stopped with the daemon", None, "it is made up for next night")
        _check_end(code, errors, task, timed_out=timed_out.is_set())


def this_process() -> Writer:
    """Return who we are, so that nobody takes our open writes for a dead process's."""
    return Writer(pid=os.getpid(), started=_started(os.getpid()), boot=_boot())


def is_alive(writer: Writer) -> bool:
    """Say whether that very process still runs."""
    return writer.boot == _boot() and _started(writer.pid) == writer.started != ""


def _started(pid: int) -> str:
    """Return when the process started, in a form that only has to be the same each time."""
    if Path("/proc/self/stat").exists():
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
            return fields[19]
        return ""
    answer = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


@functools.cache
def _boot() -> str:
    """Return what tells this run of the system from those before; never empty."""
    named = Path("/proc/sys/kernel/random/boot_id")
    if named.exists():
        return named.read_text("utf-8").strip()
    # the time of boot moves with the clock, this does not
    asked = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "unknown"


def _begin(pid: Any, nice: int, memory_mb: int) -> None:
    """Start a worker: say who it is, step back for others, and never outlive the daemon."""
    limits.bind_worker(memory_mb)
    pid.value = os.getpid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the daemon's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.nice(nice)
    _hush()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True).start()


def _hush() -> None:
    """Keep what C libraries print from the terminal; our own words travel as errors."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _die_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _call(
    call: str, arguments: tuple[Any, ...], options: dict[str, Any], seconds: float | None
) -> Any:
    if seconds is not None:
        limits.bound_cpu(seconds)
    module, _, name = call.partition(":")
    return getattr(importlib.import_module(module), name)(*arguments, **options)


# after these a worker is gone, or too bloated to be worth keeping
_SPOILT = (BrokenProcessPool, MemoryError)


def _too_long() -> WorkerError:
    return WorkerError("it took too long to analyse", None, "it is set aside")


def _too_much() -> WorkerError:
    remedy = "it is set aside; if it plays, raise max_memory_mb under [workers]"
    return WorkerError("it takes more memory than a worker may have", None, remedy)


def _outcome(future: Future[Any], ended: WorkerError | None) -> tuple[Any, GenrewatchError | None]:
    if future.cancelled():
        return None, WorkerError("the job was given up")
    error = future.exception()
    if error is None:
        return future.result(), None
    return None, _told(error, ended)


def _told(error: BaseException, ended: WorkerError | None) -> GenrewatchError:
    if isinstance(error, GenrewatchError):
        return error
    if isinstance(error, MemoryError):
        return _too_much()
    if ended is not None:
        return ended
    if isinstance(error, BrokenProcessPool):
        return WorkerError("the analysis crashed on it", None, "it is set aside")
    told = WorkerError(f"an unexpected fault ({type(error).__name__}: {error})")
    told.__cause__ = error
    return told


def _is_done(future: Future[Any], timeout: float) -> bool:
    try:
        future.exception(timeout)
    except TimeoutError:
        return False
    return True


def _kill(slot: _Slot) -> bool:
    """Kill the slot's worker; say whether there was one yet."""
    if not slot.pid.value:
        return False
    with suppress(ProcessLookupError):
        os.kill(slot.pid.value, signal.SIGKILL)
    return True


def _trainer_environment() -> dict[str, str]:
    """Two cores for TensorFlow, but one for BLAS: on many small fits its threads wait in turns."""
    kept = {name: value for name, value in os.environ.items() if name not in THREADS}
    fixed = {"OPENBLAS_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1"}
    return kept | fixed | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}


@contextmanager
def _killed_after(
    process: "subprocess.Popen[str]", seconds: float | None, stopped: threading.Event
) -> Iterator[threading.Event]:
    """Kill the process when its time is up, it is stopped, or its reader gives up."""
    timed_out = threading.Event()
    guard = threading.Thread(
        target=_guard, args=(process, seconds, stopped, timed_out), daemon=True
    )
    guard.start()
    try:
        yield timed_out
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        guard.join()


def _guard(
    process: "subprocess.Popen[str]",
    seconds: float | None,
    stopped: threading.Event,
    timed_out: threading.Event,
) -> None:
    end = None if seconds is None else time.monotonic() + seconds
    while process.poll() is None:
        if stopped.wait(GUARD_S):
            process.kill()
            return
        if end is not None and time.monotonic() > end:
            timed_out.set()
            process.kill()
            return


def _messages(process: "subprocess.Popen[str]", stdin: str, task: str) -> Iterator[dict[str, Any]]:
    if process.stdin is None or process.stdout is None:
        raise TrainingError(f"the {task} could not be started")
    with suppress(BrokenPipeError):
        process.stdin.write(stdin)
        process.stdin.close()
    for line in process.stdout:
        message = _message(line)
        if message.get("event") == "error":
            raise TrainingError(message["what"], message.get("path"), message.get("remedy"))
        if message:
            yield message


def _message(line: str) -> dict[str, Any]:
    """Return the JSON object in *line*, empty for stray output of some library."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _check_end(code: int, errors: IO[str], task: str, *, timed_out: bool) -> None:
    if timed_out:
        raise TrainingError(f"the {task} took longer than allowed", None, "raise max_minutes")
    if code != 0:
        errors.seek(0)
        words = [line.strip() for line in errors if line.strip()]
        raise TrainingError(f"the {task} ended with code {code} ({(words or ['no word'])[-1]})")
