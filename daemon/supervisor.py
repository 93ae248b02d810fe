"""Carries out what the lifecycle says: the one loop of the daemon.

One thread owns the record and the lifecycle; watchdog, workers, schedule and signals only
put messages into its inbox. Whatever it remembers may be lost at any instant: the rescan
and the journal rebuild it.
"""

import heapq
import itertools
import os
import queue
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from sqlite_utils import Database

from core import registry
from core.decision.feedback import Origin
from core.decision.identity import Met
from core.errors import GenrewatchError, WorkerError, WriteRefused
from core.library import files, hearings, runs, writes
from core.library.files import FileRow
from core.library.schema import writing
from core.stamp import Stamp
from core.tags import journal
from core.tags.journal import Job, Writer
from daemon import lifecycle, meeting, processes
from daemon.config import Config, expand
from daemon.judge import Judge, hearing_row, verdict_row
from daemon.lifecycle import Lifecycle, Stage
from daemon.processes import Workers
from daemon.settle import Settling
from daemon.watch import Directory, Entry, Rules, Skipped, Watcher, look, walk

if TYPE_CHECKING:
    from core.analysis import Hearing, Probe

__all__ = ["Clock", "Supervisor", "rules_of"]

log = structlog.get_logger(__name__)

TICK_S = 1.0  # how often the record is asked whether someone else has written
NEW, BACKLOG = 0, 1  # new drops overtake what lay there before
RESCORED_AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time, as told to the supervisor."""

    monotonic: Callable[[], float]
    now: Callable[[], datetime]


@dataclass(order=True, slots=True)
class _Task:
    """A job waiting for a worker."""

    priority: int
    number: int
    path: str = field(compare=False)
    start: Callable[[], None] = field(compare=False)


def rules_of(config: Config) -> Rules:
    """Return which names concern us."""
    watch = config.watch
    return Rules.of(
        watch.include, watch.exclude, skip_known=watch.skip_known, follow=watch.follow_symlinks
    )


class Supervisor:
    """The daemon's loop over one record and one set of folders."""

    def __init__(
        self,
        db: Database,
        models: registry.Registry,
        config: Config,
        workers: Workers,
        *,
        writer: Writer,
        clock: Clock,
        retrain: Callable[[], None] = lambda: None,
        report: Callable[[str, str], None] = lambda path, outcome: None,
    ) -> None:
        self._db = db
        self._config = config
        self._workers = workers
        self._writer = writer
        self._clock = clock
        self._retrain = retrain
        self._report = report
        self._judge = Judge(db, models, config.policy)
        self._rules = rules_of(config)
        self._folders = [expand(folder) for folder in config.watch.folders]
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lifecycle = Lifecycle()
        self._settling = Settling(config.watch.settle_seconds)
        self._tasks: list[_Task] = []
        self._numbers = itertools.count()
        self._at_hand: dict[str, _AtHand] = {}
        self._rescan_due = 0.0
        self._data_version = -1
        self._paused = False
        self._stopping = False
        self._scored_model: str | None = None

    # messages from other threads ---------------------------------------------------------

    def hint(self, path: str) -> None:
        """Say that something may have changed at *path* (from any thread)."""
        self._inbox.put(lambda: self._look(path))

    def night(self) -> None:
        """Say that it is time to retrain (from any thread)."""
        self._inbox.put(self._retrain)

    def stop(self) -> None:
        """End the loop after the message at hand (from any thread or signal handler)."""
        self._inbox.put(self._stop)

    # the loop ----------------------------------------------------------------------------

    def run(self) -> None:
        """Watch, until stopped."""
        self._recover()
        watcher = Watcher(self.hint)
        try:
            self._start_watching(watcher)
            while not self._stopping:
                self._once()
        finally:
            watcher.stop()
            self._finish()

    def idle(self) -> bool:
        """Say whether nothing is under way or waited for."""
        return not (len(self._lifecycle) or self._tasks or self._workers.busy())

    def _once(self) -> None:
        with suppress(queue.Empty):
            self._inbox.get(timeout=self._patience())()
            while True:
                self._inbox.get_nowait()()
        now = self._clock.monotonic()
        self._tick()
        for path, stamp in list(self._settling.due(now)):
            self._is_due(path, stamp)
        if now >= self._rescan_due:
            self.rescan()
        self._workers.end_overdue(now)
        self._workers.settle(now)
        self._start_tasks()

    def _patience(self) -> float:
        now = self._clock.monotonic()
        moments = [self._rescan_due, now + TICK_S]
        due = self._settling.next_due()
        if due is not None:
            moments.append(due)
        return max(0.0, min(moments) - now)

    def _tick(self) -> None:
        """Take note of what other processes wrote: a pause, another champion."""
        version = runs.data_version(self._db)
        if version != self._data_version:
            self._data_version = version
            self._paused = bool(runs.get_setting(self._db, "paused"))
        if not self._paused and not self._tasks:
            self._score_anew()

    def _stop(self) -> None:
        self._stopping = True

    def _finish(self) -> None:
        """Let writes under way end, give up the rest."""
        deadline = self._clock.monotonic() + 5.0
        while self._is_writing() and self._clock.monotonic() < deadline:
            with suppress(queue.Empty):
                self._inbox.get(timeout=0.1)()
        self._workers.close(kill=True)

    def _is_writing(self) -> bool:
        return any(self._lifecycle.stage(path) is Stage.WRITING for path in self._at_hand)

    # looking -----------------------------------------------------------------------------

    def _start_watching(self, watcher: Watcher) -> None:
        for folder in self._folders:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103  odd bytes survive
            files.watch_folder(self._db, folder, self._clock.now())
            try:
                watcher.add(folder)
            except OSError as error:
                log.warning("no events, only rescans", folder=folder, error=str(error))

    def rescan(self) -> None:
        """Compare every watched folder with the record."""
        skipped = Skipped()
        for folder in self._folders:
            self._rescan_folder(folder, skipped)
        runs.set_setting(self._db, "skipped", {"folders": skipped.folders, "files": skipped.files})
        self._rescan_due = self._clock.monotonic() + self._config.watch.rescan_minutes * 60

    def _rescan_folder(self, folder: str, skipped: Skipped) -> None:
        if not self._is_present(folder):
            log.warning("folder absent or empty; taken for unmounted", folder=folder)
            return
        known = files.folder(self._db, folder)
        if known is None or known.baseline_at is None:
            self._take_baseline(folder)
        visited = set()
        for directory in walk(folder, self._rules, skipped):
            visited.add(directory.path)
            self._compare(directory)
        for lost in set(files.known_dirs(self._db, folder)) - visited:
            self._check_gone(lost)

    def _is_present(self, folder: str) -> bool:
        """Say whether the folder is there; an emptied one that held files is a lost mount."""
        try:
            with os.scandir(folder) as entries:
                if next(entries, None) is not None:
                    return True
        except OSError:
            return False
        return not files.known_dirs(self._db, folder)

    def _take_baseline(self, folder: str) -> None:
        """List what lies there now: it is read, never written unasked."""
        now = self._clock.now()
        found = [
            (entry.path, entry.stamp)
            for directory in walk(folder, self._rules)
            for entry in directory.entries
        ]
        with writing(self._db):
            files.add_existing(self._db, found, now)
            files.finish_baseline(self._db, folder, now)

    def _compare(self, directory: Directory) -> None:
        known = files.files_in_dir(self._db, directory.path)
        for entry in directory.entries:
            self._consider(entry, known.pop(entry.path, None))
        if known:
            self._gone(list(known))

    def _look(self, path: str) -> None:
        """Look at *path* because of a hint."""
        folder = self._folder_of(path)
        if folder is None or not self._may_enter(path, folder):
            return
        entry = look(path)
        if entry is None:
            self._check_gone(path)
        elif os.path.isdir(path) and not entry.is_link:  # noqa: PTH112
            self._look_into(path)
        elif self._rules.wants_file(path):
            row = files.file_at(self._db, path)
            here = row is not None and row.gone_at is None
            self._consider(entry, (row.stamp, row.state) if row and here else None)

    def _look_into(self, path: str) -> None:
        if self._rules.wants_folder(path):
            for directory in walk(path, self._rules):
                self._compare(directory)
        if self._rules.wants_file(path) and (entry := look(path)) is not None:
            row = files.file_at(self._db, path)
            self._consider(entry, (row.stamp, row.state) if row else None)

    def _folder_of(self, path: str) -> str | None:
        return next((f for f in self._folders if path == f or path.startswith(f + "/")), None)

    def _may_enter(self, path: str, folder: str) -> bool:
        parent = os.path.dirname(path)  # noqa: PTH120
        while len(parent) > len(folder):
            if not self._rules.wants_folder(parent):
                return False
            parent = os.path.dirname(parent)  # noqa: PTH120
        return True

    def _consider(self, entry: Entry, known: tuple[Stamp, str] | None) -> None:
        if known is not None and known == (entry.stamp, known[1]) and known[1] != "pending":
            return
        if entry.is_link or not entry.is_file:
            self._set_aside(entry)
            return
        stage = self._lifecycle.stage(entry.path)
        if stage is Stage.WRITING:  # our own doing, most likely: look once it is recorded
            self._hand(entry.path).look_again = True
            return
        if stage in (Stage.SETTLING, Stage.CONFIRMING):
            self._settling.arm(entry.path, entry.stamp, self._clock.monotonic())
            return
        at_hand = self._at_hand.get(entry.path)
        if stage is not Stage.RESTING and at_hand and at_hand.stamp == entry.stamp:
            return  # it is just this state of the file that is being worked on
        self._handle(lifecycle.Changed(path=entry.path))

    def _set_aside(self, entry: Entry) -> None:
        if entry.is_link:
            state, reason = "left", "a symbolic link; drop the file itself"
        else:
            state, reason = "failed", "not a file but a folder or device; rename it"
        row = FileRow(path=entry.path, stamp=entry.stamp, state=state, reason=reason)
        files.save_file(self._db, row, self._clock.now())

    def _check_gone(self, path: str) -> None:
        folder = self._folder_of(path)
        if folder is None or not self._is_present(folder):
            return
        rows = files.files_gone_or_here(self._db, path)
        self._gone([row.path for row in rows if not row.gone_at and not _exists(row.path)])

    def _gone(self, paths: list[str]) -> None:
        with writing(self._db):
            files.mark_gone(self._db, paths, self._clock.now())
        for path in paths:
            self._settling.drop(path)
            self._handle(lifecycle.Vanished(path=path))

    # settling ----------------------------------------------------------------------------

    def _is_due(self, path: str, armed: Stamp) -> None:
        entry = look(path)
        if entry is None:
            self._check_gone(path)
            self._handle(lifecycle.Vanished(path=path))
        elif entry.stamp != armed or writes.open_write_at(self._db, path):
            self._settling.rearm(path, entry.stamp, self._clock.monotonic())
        else:
            self._hand(path).stamp = entry.stamp
            self._handle(lifecycle.Still(path=path))

    # carrying out ------------------------------------------------------------------------

    def _handle(self, event: lifecycle.Event) -> None:
        for instruction in self._lifecycle.handle(event):
            self._carry_out(instruction)
        if self._lifecycle.stage(event.path) is Stage.RESTING:
            at_hand = self._at_hand.pop(event.path, None)
            if at_hand is not None and at_hand.look_again:
                self._look(event.path)

    def _carry_out(self, instruction: lifecycle.Instruction) -> None:
        match instruction:
            case lifecycle.Arm(path=path):
                self._arm(path)
            case lifecycle.Probe(path=path):
                self._queue(path, lambda: self._start_probe(path))
            case lifecycle.Save(met=met):
                meeting.save(self._db, met, self._clock.now())
            case lifecycle.Note(met=met):
                self._note(met)
            case lifecycle.Hear(path=path, judge=judge):
                self._queue(path, lambda: self._start_hearing(path, judge))
            case lifecycle.Write(path=path, genre=genre):
                self._queue(path, lambda: self._start_write(path, genre))
            case lifecycle.Rest(path=path, state=state, reason=reason):
                self._rest(path, state, reason)

    def _arm(self, path: str) -> None:
        entry = look(path)
        if entry is not None:
            self._settling.rearm(path, entry.stamp, self._clock.monotonic())
        else:
            self._handle(lifecycle.Vanished(path=path))

    def _queue(self, path: str, start: Callable[[], None]) -> None:
        row = files.file_at(self._db, path)
        priority = BACKLOG if row is not None and row.existing else NEW
        heapq.heappush(self._tasks, _Task(priority, next(self._numbers), path, start))

    def _start_tasks(self) -> None:
        while self._tasks and not self._paused and self._workers.free():
            heapq.heappop(self._tasks).start()

    def _hand(self, path: str) -> "_AtHand":
        return self._at_hand.setdefault(path, _AtHand())

    def _note(self, met: Met) -> None:
        row = meeting.note(self._db, met, self._clock.now(), via="retag")
        log.info("feedback", path=row.path, kind=met.meaning.kind, genres=row.genres)
        self._judge_relatives(row)

    def _judge_relatives(self, row: FileRow) -> None:
        """Judge anew the not-sure files of this artist: what was said takes effect at once."""
        if not row.artist:
            return
        for other in files.files_in_state(self._db, "not_sure"):
            if other.artist == row.artist and other.path != row.path:
                self._judge_again(other)

    def _judge_again(self, row: FileRow) -> None:
        kept = hearings.hearing_of(self._db, row.fingerprint or "")
        at_rest = self._lifecycle.stage(row.path) is Stage.RESTING
        if kept is None or kept.scores is None or not at_rest:
            return
        if kept.model_version != self._judge.model().version:
            return
        self._judged(row, kept)

    def _rest(self, path: str, state: str | None, reason: str) -> None:
        if state is None:
            return
        now = self._clock.now()
        row = files.file_at(self._db, path)
        stamp = self._hand(path).stamp or (row.stamp if row else None)
        if row is None and stamp is not None:
            row = FileRow(path=path, stamp=stamp, state=state, reason=reason)
        elif row is not None and stamp is not None:
            row = replace(row, stamp=stamp, state=state, reason=reason)
        if row is not None:
            files.save_file(self._db, row, now)
            self._report(path, f"{state.replace('_', ' ')}: {reason}" if reason else state)

    # jobs for workers --------------------------------------------------------------------

    def _start(
        self,
        path: str,
        call: str,
        arguments: tuple[Any, ...],
        then: Callable[[Any], None],
        *,
        seconds: float,
        options: dict[str, Any] | None = None,
        failed: Callable[[GenrewatchError], None] | None = None,
        again: Callable[[], None] | None = None,
    ) -> None:
        """Start a job; *then* and *failed* run on the loop. A crash is tried once more."""

        def done(result: Any, error: GenrewatchError | None) -> None:
            self._inbox.put(lambda: self._done(path, result, error, then, failed, again))

        deadline = self._clock.monotonic() + seconds
        self._workers.start(call, arguments, options or {}, deadline=deadline, done=done)

    def _done(
        self,
        path: str,
        result: Any,
        error: GenrewatchError | None,
        then: Callable[[Any], None],
        failed: Callable[[GenrewatchError], None] | None,
        again: Callable[[], None] | None,
    ) -> None:
        self._workers.settle(self._clock.monotonic())
        if error is None:
            then(result)
            return
        at_hand = self._hand(path)
        if isinstance(error, WorkerError) and again is not None and not at_hand.tried_again:
            at_hand.tried_again = True
            heapq.heappush(self._tasks, _Task(BACKLOG, next(self._numbers), path, again))
            return
        (failed or (lambda reason: self._trouble(path, reason)))(error)

    def _trouble(self, path: str, error: GenrewatchError) -> None:
        """Set the file aside with its reason, unless it changed meanwhile."""
        log.info("trouble", path=path, reason=error.reason)
        entry = look(path)
        if entry is None:
            self._check_gone(path)
            self._handle(lifecycle.Vanished(path=path))
            return
        if entry.stamp != self._hand(path).stamp:
            self._handle(lifecycle.Changed(path=path))
        self._handle(lifecycle.Trouble(path=path, reason=error.reason))

    def _start_probe(self, path: str) -> None:
        self._start(
            path,
            processes.PROBE,
            (path,),
            lambda probe: self._probed(path, probe),
            seconds=self._config.workers.timeout_seconds,
            again=lambda: self._start_probe(path),
        )

    def _probed(self, path: str, probe: "Probe") -> None:
        if probe.stamp != self._hand(path).stamp:  # it moved on while it was read
            self._handle(lifecycle.Changed(path=path))
        at_hand = self._hand(path)
        at_hand.duration_s, at_hand.unwritable = probe.duration_s, probe.tag.unwritable
        files.remember_track(self._db, probe.fingerprint, probe.duration_s, self._clock.now())
        met = meeting.meet_probe(
            self._db, path, probe, self._config.policy.empty_values, self._on_lost_mount
        )
        kept = hearings.hearing_of(self._db, probe.fingerprint)
        has_segments = kept is not None and kept.features is not None
        self._handle(lifecycle.Probed(path=path, met=met, has_segments=has_segments))

    def _on_lost_mount(self, path: str) -> bool:
        folder = self._folder_of(path)
        return folder is not None and not self._is_present(folder)

    def _start_hearing(self, path: str, judge: bool) -> None:
        row = files.file_at(self._db, path)
        if row is None:
            self._handle(lifecycle.Vanished(path=path))
            return
        kept = self._kept_hearing(row)
        if judge and kept is not None:
            self._judged(row, kept)
            return
        at_hand = self._hand(path)
        self._start(
            path,
            processes.ANALYSE,
            (path, str(self._judge.model_dir())),
            lambda hearing: self._heard(path, hearing, judge),
            seconds=self._config.workers.timeout_seconds + at_hand.duration_s / 20,
            again=lambda: self._start_hearing(path, judge),
        )

    def _kept_hearing(self, row: FileRow) -> hearings.HearingRow | None:
        kept = hearings.hearing_of(self._db, row.fingerprint or "")
        fresh = kept is not None and kept.model_version == self._judge.model().version
        return kept if kept is not None and fresh and kept.scores is not None else None

    def _heard(self, path: str, hearing: "Hearing", judge: bool) -> None:
        row = files.file_at(self._db, path)
        if row is None or row.fingerprint != hearing.fingerprint:
            self._handle(lifecycle.Changed(path=path))
            self._handle(lifecycle.Heard(path=path, decision=None))
            return
        kept = hearing_row(hearing)
        hearings.save_hearing(self._db, kept)
        if judge:
            self._judged(row, kept)
        else:
            self._handle(lifecycle.Heard(path=path, decision=None))

    def _judged(self, row: FileRow, kept: hearings.HearingRow) -> None:
        verdict = self._judge.verdict(kept, row)
        hearings.save_verdict(self._db, verdict_row(kept.fingerprint, verdict), self._clock.now())
        unwritable = self._at_hand[row.path].unwritable if row.path in self._at_hand else None
        decision = self._judge.decide(verdict, row, unwritable=unwritable)
        self._handle(lifecycle.Heard(path=row.path, decision=decision))

    def _start_write(self, path: str, genre: str) -> None:
        row = files.file_at(self._db, path)
        if row is None:
            return
        try:
            job = journal.begin(
                self._db,
                row,
                (genre,),
                origin=Origin.OURS.value,
                cause="drop",
                writer=self._writer,
                now=self._clock.now(),
            )
        except WriteRefused:  # a command is writing this very file: look once it is done
            self._handle(lifecycle.Changed(path=path))
            self._handle(lifecycle.Written(path=path))
            return
        self._start(
            path,
            processes.REWRITE,
            (path, job.genres),
            lambda result: self._written(job, result),
            seconds=self._config.workers.timeout_seconds,
            options={
                "scratch": job.scratch,
                "expected": job.expected,
                "keep_mtime": self._config.tags.keep_mtime,
                "allow_hard_links": self._config.tags.hard_links == "write",
            },
            failed=lambda error: self._not_written(job, error),
        )

    def _written(self, job: Job, result: Any) -> None:
        journal.commit(self._db, job, result, self._clock.now())
        row = files.file_at(self._db, job.path)
        if row is not None and row.fingerprint is not None:
            hearings.drop_segments(self._db, row.fingerprint)
        log.info("tagged", path=job.path, genres=job.genres)
        self._report(job.path, f"tagged {', '.join(job.genres)}")
        self._handle(lifecycle.Written(path=job.path))

    def _not_written(self, job: Job, error: GenrewatchError) -> None:
        with suppress(OSError):
            os.unlink(job.scratch)  # noqa: PTH108  a killed worker could not
        journal.abandon(self._db, job, error.reason, self._clock.now())
        if isinstance(error, WriteRefused) and "hard link" in error.what:
            self._handle(lifecycle.Written(path=job.path))
            self._rest(job.path, "left", error.reason)
            return
        self._trouble(job.path, error)

    # another model -----------------------------------------------------------------------

    def _score_anew(self) -> None:
        """After a change of model, let it say what it thinks of the files we are not sure of."""
        version = self._judge.model().version
        if version == self._scored_model:
            return
        stale = hearings.stale_unsure(self._db, version, RESCORED_AT_ONCE)
        if not stale:
            self._scored_model = version
        for path, fingerprint in stale:
            self._queue_scoring(path, fingerprint)

    def _queue_scoring(self, path: str, fingerprint: str) -> None:
        task = _Task(
            BACKLOG, next(self._numbers), path, lambda: self._start_scoring(path, fingerprint)
        )
        heapq.heappush(self._tasks, task)

    def _start_scoring(self, path: str, fingerprint: str) -> None:
        kept = hearings.hearing_of(self._db, fingerprint)
        if kept is None or kept.features is None or kept.segments == 0:
            self._mark_scored(fingerprint)
            return
        self._start(
            path,
            processes.SCORE,
            (kept.features, str(self._judge.model_dir())),
            lambda scores: self._scored(path, kept, scores),
            seconds=self._config.workers.timeout_seconds,
            failed=lambda error: self._mark_scored(fingerprint),
        )

    def _scored(self, path: str, kept: hearings.HearingRow, scores: Any) -> None:
        manifest = self._judge.model().manifest
        fresh = replace(
            kept,
            model_version=manifest.version,
            genres=manifest.genres,
            scores=scores,
            pooled_scores=scores.mean(axis=1),
        )
        hearings.save_hearing(self._db, fresh)
        row = files.file_at(self._db, path)
        if row is not None and row.state == "not_sure":
            self._judged(row, fresh)

    def _mark_scored(self, fingerprint: str) -> None:
        """Take note that there is nothing to be scored anew for this track."""
        old = hearings.verdict_of(self._db, fingerprint)
        if old is not None:
            version = self._judge.model().version
            hearings.save_verdict(self._db, replace(old, model_version=version), self._clock.now())

    # after a crash -----------------------------------------------------------------------

    def _recover(self) -> None:
        """Finish or roll back what a crash left open, before anything is looked at."""
        journal.recover(self._db, processes.is_alive, self._genres_of, self._clock.now())

    def _genres_of(self, path: str) -> tuple[tuple[str, ...], Stamp] | None:
        try:
            probe = self._workers.call(
                processes.PROBE, path, timeout=self._config.workers.timeout_seconds
            )
        except GenrewatchError as error:
            log.info("not readable after a crash", path=path, reason=error.reason)
            return None
        return probe.tag.genres, probe.stamp


@dataclass(slots=True)
class _AtHand:
    """What the supervisor remembers of a file only while it is under way."""

    stamp: Stamp | None = None  # as it was when it fell due
    duration_s: float = 0.0
    unwritable: str | None = None
    tried_again: bool = False
    look_again: bool = False


def _exists(path: str) -> bool:
    return os.path.lexists(path)


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)
