"""Real workers at their bounds: memory, time, core dumps, zombies; and how long a file may take."""

import mmap
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from core.errors import WorkerError
from daemon import limits
from daemon.processes import Workers
from tests.audio import make_audio
from tests.conftest import ROOT, until

HERE = "tests.daemon.test_limits"
ENOUGH_MB = 512
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel keeps this bound on Linux")


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(nice=0, memory_mb=ENOUGH_MB) as pool:
        yield pool


def fill_heap() -> int:
    """Take memory as Python and most libraries do."""
    return len(bytearray(2 << 30))


def fill_shared() -> int:
    """Take memory that the limit on data does not count."""
    with mmap.mmap(-1, 2 << 30) as shared:
        for at in range(0, len(shared), mmap.PAGESIZE):
            shared[at] = 1
        return len(shared)


def bounds() -> tuple[int, int]:
    """Return the worker's bounds on core dumps and on memory, in MB."""
    core = resource.getrlimit(resource.RLIMIT_CORE)[0]
    return core, resource.getrlimit(resource.RLIMIT_DATA)[0] >> 20


def compute() -> None:
    """Compute without ever letting other threads of this process run."""
    sys.setswitchinterval(1000)
    while True:
        pass


@linux
def test_a_worker_has_its_bounds_before_its_first_job(workers: Workers) -> None:
    """No core dump, and the memory of the configuration."""
    assert workers.call(f"{HERE}:bounds", timeout=60) == (0, ENOUGH_MB)


@linux
def test_the_kernel_would_end_a_worker_before_the_daemon(workers: Workers) -> None:
    """When the whole system is out of memory, a worker goes first."""
    pid = workers.call("os:getpid", timeout=60)
    score = int(Path(f"/proc/{pid}/oom_score_adj").read_text("ascii"))

    assert score > int(Path("/proc/self/oom_score_adj").read_text("ascii"))


@linux
@pytest.mark.parametrize("how", ["fill_heap", "fill_shared"])
def test_a_worker_that_takes_too_much_memory_costs_its_job_only(workers: Workers, how: str) -> None:
    """Whether the kernel refuses it or we see it grow; the remedy names the option."""
    before = workers.call("os:getpid", timeout=60)

    with pytest.raises(WorkerError, match=r"more memory than .*max_memory_mb"):
        workers.call(f"{HERE}:{how}", timeout=60)

    assert workers.call("os:getpid", timeout=60) != before  # a bloated one is not kept


@linux
def test_the_loop_ends_a_greedy_worker(workers: Workers) -> None:
    """The asynchronous way that the daemon takes."""
    outcome: list[object] = []
    workers.start(
        f"{HERE}:fill_shared", (), {}, deadline=None, done=lambda *got: outcome.append(got[1])
    )
    until(lambda: workers.end_overdue(monotonic()) or outcome, within=60, every=0.02)

    assert "more memory" in str(outcome[0])
    workers.settle(monotonic())


def test_an_ordinary_file_stays_far_within_the_default(tmp_path: Path) -> None:
    """Five minutes of stereo, probed: less than half of what a worker may have by default."""
    path = make_audio(tmp_path / "a.flac", seconds=60.0, rate=44_100, channels=2)
    with Workers(nice=0) as workers:
        workers.call("core.analysis:probe", str(path), timeout=60)
        held = limits.held_mb(workers.call("os:getpid", timeout=60))

    assert 10 < held < Workers().memory_mb / 2


def test_no_worker_is_left_as_a_zombie(workers: Workers) -> None:
    """Whoever died was waited for."""
    pids = [workers.call("os:getpid", timeout=60)]
    for end in ("os:abort", f"{HERE}:fill_heap"):
        with pytest.raises(WorkerError):
            workers.call(end, timeout=60)
        pids.append(workers.call("os:getpid", timeout=60))
    os.kill(pids[-1], signal.SIGKILL)

    until(lambda: not any(_is_there(pid) for pid in pids), within=10)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # succeeds on a zombie, too
    except ProcessLookupError:
        return False
    return True


@linux
def test_the_kernel_ends_a_worker_that_nobody_looks_after() -> None:
    """It computes without letting go of the interpreter, and the daemon is dead or busy."""
    script = textwrap.dedent(f"""
        import {HERE} as here, daemon.limits as limits
        limits.CPU_SLACK_S = 0.0
        limits.bound_cpu(0.5)
        here.compute()
    """)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False, timeout=60)

    assert -done.returncode in (signal.SIGXCPU, signal.SIGKILL)


def test_memory_is_the_same_by_either_way() -> None:
    """/proc and ps agree on this very process; nobody is nothing."""
    held = limits.held_mb(os.getpid())

    assert limits._held_by_ps(os.getpid()) == pytest.approx(held, rel=0.2)
    assert limits.held_mb(2**22 + 1) == limits._held_by_ps(2**22 + 1) == 0.0


def test_a_large_file_and_a_long_track_may_take_longer(tmp_path: Path) -> None:
    """By what is there, not by what is stated: neither holes nor headers buy a day."""
    small, sparse = tmp_path / "small", tmp_path / "sparse"
    small.write_bytes(bytes(8 << 20))
    with sparse.open("wb") as file:
        file.truncate(100 << 30)

    assert limits.seconds_for(str(small), 120.0) == pytest.approx(122.0, abs=0.1)
    assert limits.seconds_for(str(sparse), 120.0) == pytest.approx(120.0, abs=0.1)
    assert limits.seconds_for(str(tmp_path / "gone"), 120.0, 3600.0) == 300.0
    assert limits.seconds_for(str(sparse), 120.0, 1e12) <= 120.0 + limits.MOST_S
