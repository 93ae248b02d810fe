"""Carries out what the lifecycle says: the one loop of the daemon.

One thread owns the record and the lifecycle; watchdog, workers, schedule and signals only
put messages into its inbox. Whatever it remembers may be lost at any instant: the rescan
and the journal rebuild it.
"""

import queue
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog
from sqlite_utils import Database

from core import registry
from core.errors import FolderHeld, LibraryError, ModelError
from core.library import feedback_log, runs
from core.library.faults import RESTORE, Fault, told
from core.stamp import Stamp
from core.tags.journal import Witness, Writer
from daemon import processes
from daemon.config import Config, expand
from daemon.judging.following import offers, settle
from daemon.judging.judge import Judge
from daemon.learning.turning_back import go_back_if_worse
from daemon.life import meeting
from daemon.life.jobs import BACKLOG, URGENT, Jobs
from daemon.life.rescoring import Rescoring
from daemon.life.steps import Clock, Steps
from daemon.life.writing import Lot
from daemon.processes import Workers
from daemon.telling.promises import keep_promise
from daemon.watching.backlog import Backlog
from daemon.watching.folders import Folders
from daemon.watching.rescans import Rescans
from daemon.watching.scan import Scan, rules_of
from daemon.watching.volumes import volume_of
from daemon.watching.watch import Watcher

if TYPE_CHECKING:
    pass

__all__ = ["Supervisor"]

log = structlog.get_logger(__name__)

TICK_S = 2.0  # how often the record is asked whether someone else has written: a pause, a model
SET_BACK_S = 60.0  # a clock that is set back by less delays no night to speak of
AFTER_FAULT_S = 10.0  # a full disk or a damaged model is no better a moment later
LEAVE_S = 10.0  # how long a write under way may take to end when we are stopped


class Supervisor:
    """The daemon's loop: messages and timers in, steps carried out."""

    def __init__(
        self,
        db: Database,
        models: registry.Registry,
        config: Config,
        workers: Workers,
        *,
        writer: Writer,
        clock: Clock,
        watcher: Callable[[Callable[[str], None]], Watcher] = Watcher,
        on_battery: Callable[[], bool] = lambda: False,
        retrain: Callable[[], None] = lambda: None,
        report: Callable[[str, str], None] = lambda path, outcome: None,
        settle_witness: Callable[[], object] = lambda: None,
        clock_set_back: Callable[[], None] = lambda: None,
        witness: Witness = lambda row: None,
    ) -> None:
        self._db = db
        self._models = models
        self._config = config
        self._clock = clock
        self._workers = workers
        self._writer = writer
        self._retrain = retrain
        self._settle_witness = settle_witness
        self._clock_set_back = clock_set_back
        self._lead = self._wall_lead()
        self._words = feedback_log.last_feedback_id(db)
        self._begun = False
        self._told_fault = ""
        self._witness = witness
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        folders = [expand(folder) for folder in config.watch.folders]
        self._scan = Scan(db, folders, rules_of(config.watch), clock.now)
        self._watcher = watcher(self.hint)
        self._folders = Folders(db, folders, self._watcher)
        self._scan.refused = self._folders.refused
        self._jobs = Jobs(workers, clock.monotonic, self._inbox.put)
        self._judge = judge = Judge(db, models, config.policy)
        self._steps = Steps(
            db,
            config,
            judge,
            self._scan,
            self._jobs,
            writer=writer,
            clock=clock,
            report=report,
            witness=witness,
        )
        self._rescoring = Rescoring(
            db,
            judge,
            self._jobs,
            config,
            self._steps.judge_again,
            self._steps.hear_again,
            clock.now,
        )
        self._backlog = Backlog(
            db,
            self._scan.unread,
            self._steps.take_in,
            self._steps.is_under_way,
            lambda: not config.backlog.on_battery and on_battery(),
        )
        self._rescans = Rescans(
            folders, config.watch.rescan_minutes * 60, config.watch.quiet_hours * 3600
        )
        self._look_due = 0.0
        self._data_version = -1
        self._paused = False
        self._stopping = False
        self._told_queue: int | None = None
        self._tell_due = 0.0

    def hint(self, path: str) -> None:
        """Say that something may have changed at *path* (from any thread)."""
        self._inbox.put(lambda: self._look(path))

    def night(self) -> None:
        """Say that it is time to retrain (from any thread)."""
        self._inbox.put(self._retrain)

    def is_at_rest(self) -> bool:
        """Say whether nothing is waited for or worked on (from any thread)."""
        return not self._steps.under_way() and not len(self._jobs)

    def fail(self, error: LibraryError) -> None:
        """End the loop with *error* (from any thread)."""

        def end() -> None:
            raise error

        self._inbox.put(end)

    def stop(self) -> None:
        """End the loop after the message at hand (from any thread or signal handler)."""
        self._inbox.put(self._stop)

    def run(self) -> None:
        """Watch, until stopped."""
        try:
            while not self._begun and not self._stopping:
                self._guarded(self._begin)
                if not self._begun:
                    self._guarded(lambda: self._take_messages(AFTER_FAULT_S))
            while not self._stopping:
                self._guarded(self._once)
        finally:
            self._watcher.stop()
            self._finish()
            self._folders.close()

    def _guarded(self, act: Callable[[], None]) -> None:
        """Let no fault end the daemon: what was under way is forgotten and looked at anew.

        Nothing is lost by that, since the record and the journal say where each file stood.
        """
        self._steps.begin_turn()
        try:
            act()
            self._told_fault = ""
        except Fault as error:
            self._wait_for_record(told(error))
        except LibraryError as error:
            self._wait_for_record(error)
        except Exception:
            if not self._begun:
                raise
            log.exception("a step failed; everything is looked at anew")
            self._steps.forget()
            culprit = self._steps.culprit()
            if culprit is not None:
                self._inbox.put(lambda: self._steps.blame(culprit))
            self._rescans.all_due(self._clock.monotonic() + AFTER_FAULT_S)

    def _wait_for_record(self, error: LibraryError) -> None:
        """Say once why nothing can be recorded (full, busy, read-only), and go on later.

        Nothing is lost: what could not be recorded is found by the next rescan. A damaged
        record gets no better, nor does a folder that another watches; then the daemon ends.
        """
        if error.remedy == RESTORE or isinstance(error, FolderHeld):
            raise error
        if str(error) != self._told_fault:
            log.error("the record is out of reach; tried again", reason=str(error))
        self._told_fault = str(error)
        self._steps.forget()
        self._rescans.all_due(self._clock.monotonic() + AFTER_FAULT_S)

    def _begin(self) -> None:
        self._scan.begin()
        self._folders.begin()
        self._recover()
        meeting.join_batches(self._db)
        self._begun = True

    def _once(self) -> None:
        self._take_messages(self._patience())
        now = self._clock.monotonic()
        self._tick()
        self._steps.try_again()
        self._steps.fall_due(now)
        due = self._rescans.due(now)
        if due:
            self._rescan(*due)
        self._tell_queue()
        self._jobs.tend()
        self._jobs.start(URGENT if self._paused else BACKLOG)

    def _take_messages(self, patience: float) -> None:
        with suppress(queue.Empty):
            self._inbox.get(timeout=patience)()
            while not self._stopping:
                self._inbox.get_nowait()()

    def _patience(self) -> float:
        now = self._clock.monotonic()
        due = self._steps.next_due()
        moments = [self._rescans.next_due(), now + TICK_S, *([due] if due is not None else [])]
        return max(0.0, min(moments) - now)

    def _tell_queue(self) -> None:
        """Let `status` know how much is waited for, at most once a tick until nothing is."""
        count = self._steps.under_way()
        now = self._clock.monotonic()
        if count != self._told_queue and (now >= self._tell_due or not count):
            runs.set_setting(self._db, "queue", count)
            self._told_queue = count
            self._tell_due = now + TICK_S

    def _tick(self) -> None:
        """Take note of what other processes wrote: a pause, another champion."""
        version = runs.data_version(self._db)
        if version != self._data_version:
            self._data_version = version
            self._paused = bool(runs.get_setting(self._db, "paused"))
        self._steps.look_at_words()
        self._look_at_folders()
        words = feedback_log.last_feedback_id(self._db)
        if words != self._words:
            self._settle_witness()
            self._words = words
            self._look_back()
            self._follow()
            self._keep_promise()
        lead = self._wall_lead()
        if lead < self._lead - SET_BACK_S:
            self._clock_set_back()
        self._lead = lead
        if not self._paused:
            self._backlog.feed(self._clock.monotonic())
        if not self._paused and not len(self._jobs):
            try:
                self._rescoring.check()
            except ModelError as error:  # status finds the same and tells it
                log.info("no model to score with", reason=error.reason)

    def _follow(self) -> None:
        """After a word, where the person wishes it, change what we wrote on the same evidence."""
        if self._config.policy.propagate != "auto" or self._paused:
            return
        newest = feedback_log.last_feedback_id(self._db)
        try:
            found = offers(self._db, self._judge)
        except ModelError as error:  # status finds the same and tells it
            log.info("no model to follow a word with", reason=error.reason)
            return
        done = []
        for offer in found:
            lot = Lot()
            done += [self._steps.follow(row, offer.genre, lot) for row in offer.files]
        if all(done):
            settle(self._db, newest)

    def _keep_promise(self) -> None:
        """After a word, let `status` know on what the promise rests, which is known here."""
        try:
            keep_promise(self._db, self._judge, self._config.policy)
        except ModelError as error:  # status finds the same and tells it
            log.info("no model to promise anything", reason=error.reason)

    def _look_back(self) -> None:
        """After a word, take a new model back that people correct more often than those before."""
        try:
            done = go_back_if_worse(self._db, self._models, self._clock.now())
        except ModelError as error:  # the one in use stays; status tells what is wrong with it
            log.warning("no model to go back to", reason=error.reason)
            return
        if done is not None:
            log.warning("went back", model=done.to, reason=done.reason)

    def _look_at_folders(self) -> None:
        """Look at once into a folder that came back; asked at most once a tick."""
        now = self._clock.monotonic()
        if not self._begun or now < self._look_due:
            return
        self._look_due = now + TICK_S
        for folder in self._folders.look(paused=self._paused):
            self._scan.begin()
            self._rescans.arrived(folder, now)

    def _wall_lead(self) -> float:
        """Return how far the time of day is before the time that only grows."""
        return self._clock.now().timestamp() - self._clock.monotonic()

    def _rescan(self, *folders: str) -> None:
        """Look at these folders anew, at all where none is named."""
        self._recover()  # of commands that were killed
        for folder in folders or self._scan.folders:
            started = self._clock.monotonic()
            for finding in self._scan.folder(folder):
                self._steps.take_in(finding)
            self._rescans.done(
                folder,
                started,
                self._clock.monotonic(),
                volume_of(folder),
                tells=folder not in self._folders.blind,
            )
        self._backlog.wake()

    def _look(self, path: str) -> None:
        self._rescans.heard(self._scan.folder_of(path) or "")
        for finding in self._scan.at(path):
            self._steps.take_in(finding)

    def _recover(self) -> None:
        """Finish or roll back what a crash left open, before anything is looked at."""
        meeting.recover(self._db, self._is_at_it, self._genres_of, self._clock.now(), self._witness)

    def _is_at_it(self, writer: Writer) -> bool:
        """Say whether a write of *writer* may still end; none of ours does while we rest."""
        if writer == self._writer and not len(self._jobs) and self._inbox.empty():
            return False
        return processes.is_alive(writer)

    def _genres_of(self, path: str) -> tuple[tuple[str, ...], Stamp] | None:
        return processes.read_genres(self._workers, path, self._config.workers.timeout_seconds)

    def _stop(self) -> None:
        self._stopping = True

    def _finish(self) -> None:
        """Let writes under way end, give up the rest."""
        deadline = self._clock.monotonic() + LEAVE_S
        while self._steps.is_writing() and self._clock.monotonic() < deadline:
            self._jobs.start(URGENT)
            with suppress(queue.Empty):
                self._inbox.get(timeout=0.1)()
        self._jobs.close()
