"""The queue before the workers: who is next, what became of it, and one more try after a crash.

Results come back through *post*, so that all else runs on the supervisor's one thread.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from core.errors import GenrewatchError, WorkerError
from daemon.processes import Workers

__all__ = ["BACKLOG", "FIRST", "HEAR", "NEW", "URGENT", "Job", "Jobs"]

# A write that is half done goes on at once. What is begun is ended before the next file is
# begun, so that a storm of drops starves no write; what a person may have changed comes before
# all that is new, and what lay there before comes last.
URGENT, FIRST, HEAR, NEW, BACKLOG = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call for a worker; *done* and *failed* run on the supervisor's thread."""

    call: str  # "module:function"
    arguments: tuple[Any, ...]
    seconds: float  # it may take so long
    done: Callable[[Any], None]
    failed: Callable[[GenrewatchError], None]
    options: dict[str, Any] = field(default_factory=dict)
    again: bool = False  # try once more when a worker dies of it


@dataclass(order=True, slots=True)
class _Waiting:
    priority: int
    number: int
    prepare: Callable[[], Job | None] = field(compare=False)


class Jobs:
    """Jobs that wait, and the workers they wait for."""

    def __init__(
        self,
        workers: Workers,
        now: Callable[[], float],
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self._workers = workers
        self._now = now
        self._post = post
        self._waiting: list[_Waiting] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._waiting) + self._workers.busy()

    def add(self, priority: int, prepare: Callable[[], Job | None]) -> None:
        """Queue a job; *prepare* makes it when its turn comes, None if it is moot by then."""
        heapq.heappush(self._waiting, _Waiting(priority, next(self._numbers), prepare))

    def start(self, lowest: int = BACKLOG) -> None:
        """Give waiting jobs to free workers, none of less priority than *lowest*."""
        while self._waiting and self._waiting[0].priority <= lowest and self._workers.free():
            job = heapq.heappop(self._waiting).prepare()
            if job is not None:
                self._run(job)

    def tend(self) -> None:
        """End what takes too long, let idle workers go."""
        self._workers.end_overdue(self._now())
        self._workers.settle(self._now())

    def close(self) -> None:
        """End all workers at once; jobs under way are given up."""
        self._workers.close(kill=True)

    def _run(self, job: Job) -> None:
        def done(result: Any, error: GenrewatchError | None) -> None:
            self._post(lambda: self._finished(job, result, error))

        self._workers.start(
            job.call,
            job.arguments,
            job.options,
            deadline=self._now() + job.seconds,
            done=done,
            seconds=job.seconds,
        )

    def _finished(self, job: Job, result: Any, error: GenrewatchError | None) -> None:
        self._workers.settle(self._now())
        if error is None:
            job.done(result)
        elif job.again and isinstance(error, WorkerError):
            self.add(BACKLOG, lambda: _last_try(job))
        else:
            job.failed(error)


def _last_try(job: Job) -> Job:
    return Job(
        call=job.call,
        arguments=job.arguments,
        seconds=job.seconds,
        done=job.done,
        failed=job.failed,
        options=job.options,
    )
