"""One tag write from beginning to end, as the journal wants it: copy, undo record, swap, close.

The order is written down once, as a generator of calls for a worker. The daemon hands each
call to its queue, a command waits for each; both get what came of it back into the course.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from core.decision.feedback import Origin
from core.errors import GenrewatchError, WorkerError, WriteDelayed, WriteRefused
from core.library import files, hearings, writes
from core.library.files import FileRow
from core.library.writes import WriteRow
from core.tags import Prepared, WriteResult, journal
from core.tags.journal import Extra, Witness, Writer, nothing_more
from daemon import processes
from daemon.config import Config
from daemon.life import lifecycle
from daemon.life.jobs import URGENT, Jobs
from daemon.life.jobs import Job as Task
from daemon.life.underway import Underway
from daemon.life.undoing import undo_trouble
from daemon.limits import seconds_for
from daemon.processes import Workers
from daemon.watching.watch import look

__all__ = ["Call", "Course", "Lot", "Pen", "Writing", "carry_out"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a worker is to do next."""

    call: str
    arguments: tuple[Any, ...]
    seconds: float  # it may take so long
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Lot:
    """What one act writes and refuses, which is taken back together."""

    name: str = ""  # in the record; empty until something was written or refused


Course = Generator[Call, Any, WriteResult]


class Pen:
    """Begins tag writes and knows their course."""

    def __init__(
        self,
        db: Database,
        config: Config,
        *,
        writer: Writer,
        now: Callable[[], datetime],
        witness: Witness = lambda row: None,
    ) -> None:
        self._db = db
        self._config = config
        self._writer = writer
        self._now = now
        self._witness = witness

    def write(
        self,
        row: FileRow,
        genres: tuple[str, ...],
        origin: Origin,
        cause: str,
        extra: Extra = nothing_more,
        lot: Lot | None = None,
    ) -> Course:
        """Begin to write *genres*, as a part of *lot*; *extra* is recorded together with it.

        Raises WriteRefused where another write of the file is under way, WriteDelayed where
        there is no room for another undo record.
        """
        if trouble := undo_trouble(self._db, self._config.tags):
            raise WriteDelayed(trouble)
        job = journal.begin(
            self._db,
            row,
            genres,
            origin=origin.value,
            cause=cause,
            writer=self._writer,
            now=self._now(),
            lot=None if lot is None else lot.name,
        )
        if lot is not None:
            lot.name = job.lot or ""
        return self._course(job, extra)

    def undo(self, row: FileRow, past: WriteRow, extra: Extra = nothing_more) -> Course:
        """Begin to take back *past*; raises WriteRefused where it is not what stands there."""
        job = journal.begin_undo(self._db, row, past, writer=self._writer, now=self._now())
        return self._course(job, extra)

    def _course(self, job: journal.Job, extra: Extra) -> Course:
        made = yield from self._prepare(job)
        journal.prepared(self._db, job, made, self._now())
        if made.changed:
            result = yield from self._take_place(job, made, extra)
        else:
            result = _as_it_was(made)
        if journal.is_open(self._db, job):
            journal.commit(self._db, job, result, self._now(), extra, self._witness)
        return result

    def _prepare(self, job: journal.Job) -> Generator[Call, Any, Prepared]:
        """Have the copy made; a worker that dies of it gets a second chance."""
        call = processes.preparing(job, self._config.tags)
        chances = 2
        while True:
            chances -= 1
            try:
                made: Prepared = yield self._call(job, *call)
            except (GenrewatchError, KeyboardInterrupt) as error:
                if chances and isinstance(error, WorkerError):
                    journal.clear(self._db, job)
                    continue
                journal.abandon(self._db, job, _reason(error), self._now())
                raise
            return made

    def _take_place(
        self, job: journal.Job, made: Prepared, extra: Extra
    ) -> Generator[Call, Any, WriteResult]:
        """Have the copy take the file's place; where no answer comes, the disk tells."""
        call = processes.taking_place(job, made)
        try:
            result: WriteResult = yield self._call(job, *call)
        except (GenrewatchError, KeyboardInterrupt) as error:
            if not self._was_done(job, _reason(error), extra) or not isinstance(error, WorkerError):
                raise
            return _as_it_was(made)
        return result

    def _was_done(self, job: journal.Job, reason: str, extra: Extra) -> bool:
        return journal.find_out(
            self._db,
            job,
            self._now(),
            reason=reason,
            extra=extra,
            witness=self._witness,
        )

    def _call(
        self, job: journal.Job, call: str, arguments: tuple[Any, ...], options: dict[str, Any]
    ) -> Call:
        seconds = seconds_for(job.path, self._config.workers.timeout_seconds)
        return Call(call=call, arguments=arguments, options=options, seconds=seconds)


def carry_out(course: Course, workers: Workers) -> WriteResult:
    """Carry a write out to its end, waiting for each call; raises why it was not written."""
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            call = course.throw(error) if error else course.send(answer)
        except StopIteration as end:
            result: WriteResult = end.value
            return result
        error = None
        try:
            answer = workers.call(call.call, *call.arguments, timeout=call.seconds, **call.options)
        except GenrewatchError as failed:
            error = failed
        except KeyboardInterrupt as stop:  # the worker is deaf to Ctrl-C and might go on
            workers.close(kill=True)
            error = stop


class Writing:
    """The daemon's own writes, each call of their courses handed to the queue ahead of all else."""

    def __init__(
        self,
        db: Database,
        pen: Pen,
        jobs: Jobs,
        underway: Underway,
        *,
        handle: Callable[[lifecycle.Event], None],
        trouble: Callable[[str, GenrewatchError], None],
        rest: Callable[[str, str, str], None],
        report: Callable[[str, str], None],
    ) -> None:
        self._db = db
        self._pen = pen
        self._jobs = jobs
        self._underway = underway
        self._handle = handle
        self._trouble = trouble
        self._rest = rest
        self._report = report
        self._courses = 0

    def is_under_way(self) -> bool:
        """Say whether a write was begun and has not ended."""
        return self._courses > 0

    def begin(self, path: str, genre: str, cause: str, lot: Lot | None = None) -> None:
        """Begin to write our verdict, unless the file changed since it was judged."""
        row = files.file_at(self._db, path)
        if row is None or row.stamp != self._underway.hand(path).stamp:  # a command was quicker
            self._look_anew(path)
            return
        try:
            course = self._pen.write(row, (genre,), Origin.OURS, cause, lot=lot)
        except WriteRefused:  # a command is writing this very file: look once it is done
            self._look_anew(path)
        except WriteDelayed as error:
            self._trouble(path, error)
        else:
            self._courses += 1
            self._go_on(path, course, lambda: next(course))

    def _go_on(self, path: str, course: Course, step: Callable[[], Call]) -> None:
        try:
            call = step()
        except StopIteration as end:
            self._courses -= 1
            self._written(path, end.value)
        except GenrewatchError as error:
            self._courses -= 1
            self._not_written(path, error)
        except BaseException:  # the record is out of reach: the disk is asked later
            self._courses -= 1
            raise
        else:
            self._jobs.add(URGENT, lambda: self._task(path, course, call))

    def _task(self, path: str, course: Course, call: Call) -> Task:
        return Task(
            call=call.call,
            arguments=call.arguments,
            options=call.options,
            seconds=call.seconds,
            done=lambda answer: self._go_on(path, course, lambda: course.send(answer)),
            failed=lambda error: self._go_on(path, course, lambda: course.throw(error)),
        )

    def _written(self, path: str, result: WriteResult) -> None:
        row = files.file_at(self._db, path)
        last = writes.newest_standing_write(self._db, path)
        guessed = last is not None and last.cause == writes.GUESS  # still to be asked about
        if row is not None and row.fingerprint is not None and not guessed:
            hearings.drop_segments(self._db, row.fingerprint)
        self._report(path, f"tagged {', '.join(result.new)}")
        self._handle(lifecycle.Written(path=path))

    def _not_written(self, path: str, error: GenrewatchError) -> None:
        entry = look(path)
        if not isinstance(error, WriteRefused) or entry is None:
            self._trouble(path, error)
        elif entry.stamp != self._underway.hand(path).stamp:  # refused because it changed
            self._look_anew(path)
        else:
            self._rest(path, "left", error.reason)
            self._handle(lifecycle.Written(path=path))

    def _look_anew(self, path: str) -> None:
        self._handle(lifecycle.Changed(path=path))
        self._handle(lifecycle.Written(path=path))


def _as_it_was(made: Prepared) -> WriteResult:
    return WriteResult(old=made.old, new=made.new, before=made.before, after=made.before)


def _reason(error: BaseException) -> str:
    return error.reason if isinstance(error, GenrewatchError) else "stopped by the person"
