"""What a worker and the trainer may take of memory and time, and how a worker is held to that.

A worker binds itself before its first job, so that the kernel keeps the bounds whatever a
hostile file makes of a decoder. Where the kernel keeps no bound on memory (macOS), the
resident looks how much a worker holds. Reads no file, only its size.
"""

import os
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["bind_worker", "bound_cpu", "held_mb", "seconds_for", "trainer_mb"]

LINUX = sys.platform.startswith("linux")
MEGABYTE = 1 << 20
SLOWEST = 4 * MEGABYTE  # bytes a second: a network folder over a poor wireless link
LISTENING = 20.0  # seconds of audio read through in one, however slow the machine
MOST_S = 1800.0  # what size and what length may add at most, since both can be made up
FIRST_TO_GO = "800"  # of 1000: the kernel, out of memory, ends a worker before the daemon
CPU_SLACK_S = 60.0
TRAINER_SHARE = 0.2  # of the machine's memory that a training may take at most


def bind_worker(memory_mb: int) -> None:
    """Bind this process: memory, no core dump, the first to go when the system has none left.

    The limit counts what it may write to (heap, mappings, thread stacks), not the libraries
    and models that it maps: those are many and harmless.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not LINUX:
        return
    most = memory_mb * MEGABYTE
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    with suppress(OSError):  # a container may forbid it
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO, "ascii")


def bound_cpu(seconds: float) -> None:
    """Let the kernel end this process if it computes for twice *seconds* more.

    Its parent ends it sooner. This is for one that nobody looks after: no thread of its own
    notices the death of the daemon while a library computes without ever letting go.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime + 2 * seconds + CPU_SLACK_S)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def trainer_mb(most: float, machine_mb: float | None = None) -> float:
    """Return what a training may take: *most* MB, or a fifth of the machine's, whichever is less.

    *machine_mb* is by default what the system says it has; where it says nothing, *most* holds.
    """
    there = _machine_mb() if machine_mb is None else machine_mb
    return min(most, TRAINER_SHARE * there) if there > 0 else most


def _machine_mb() -> float:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / MEGABYTE
    except (OSError, ValueError):  # unknown to this system
        return 0.0


def held_mb(pid: int) -> float:
    """Return the resident memory of the process in MB, 0 where there is no such process."""
    if LINUX:
        with suppress(OSError, IndexError):
            pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
            return int(pages) * resource.getpagesize() / MEGABYTE
        return 0.0
    return _held_by_ps(pid)


def _held_by_ps(pid: int) -> float:
    answer = subprocess.run(
        ["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    kilobytes = answer.stdout.strip()
    return int(kilobytes) / 1024 if kilobytes.isdigit() else 0.0


def seconds_for(path: str, base_s: float, duration_s: float = 0.0) -> float:
    """Return how long a worker may take: *base_s*, more for a large file and a long track.

    Of a file with holes counts what is there, not the size that it states.
    """
    by_size = min(_bytes_there(path) / SLOWEST, MOST_S)
    return base_s + by_size + min(max(duration_s, 0.0) / LISTENING, MOST_S)


def _bytes_there(path: str) -> int:
    try:
        found = os.stat(path)  # noqa: PTH116  a str may hold any bytes
    except OSError:
        return 0
    return min(found.st_size, found.st_blocks * 512)
