"""Each step of a file's life, carried out: what the lifecycle instructs, and what came of it.

Runs on the supervisor's thread. Talks to the record, the journal and the queue of jobs;
what it remembers of a file lasts only while that file is under way.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from sqlite_utils import Database

from core.decision.feedback import Origin
from core.decision.identity import Met
from core.decision.policy import Action, Decision
from core.decision.verdict import Verdict
from core.errors import GenrewatchError, WorkerError, WriteRefused
from core.library import files, hearings, writes
from core.library.files import FileRow
from core.library.hearings import HearingRow
from core.library.schema import writing
from core.stamp import Stamp
from core.tags import WriteResult, journal
from core.tags.journal import Writer
from core.taxonomy import fold, fold_all
from daemon import lifecycle, meeting, processes
from daemon.backbone import backbone_folder, is_fully_heard
from daemon.config import Config
from daemon.jobs import BACKLOG, FIRST, HEAR, NEW, Job, Jobs
from daemon.judge import Judge, hearing_row, verdict_row
from daemon.lifecycle import Lifecycle, Stage
from daemon.limits import seconds_for
from daemon.scan import Found, Gone, Scan
from daemon.settle import Settling
from daemon.watch import Entry, look

if TYPE_CHECKING:
    from core.analysis import Glance, Hearing, Probe

__all__ = ["Clock", "Steps"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time, as told to the daemon's loop."""

    monotonic: Callable[[], float]
    now: Callable[[], datetime]


class Steps:
    """Each instruction of the lifecycle, carried out; each result, turned into its event."""

    def __init__(
        self,
        db: Database,
        config: Config,
        judge: Judge,
        scan: Scan,
        jobs: Jobs,
        *,
        writer: Writer,
        clock: Clock,
        report: Callable[[str, str], None],
    ) -> None:
        self._db = db
        self._config = config
        self._judge = judge
        self._scan = scan
        self._jobs = jobs
        self._writer = writer
        self._clock = clock
        self._report = report
        self._lifecycle = Lifecycle()
        self._settling = Settling(config.watch.settle_seconds)
        self._at_hand: dict[str, _AtHand] = {}

    # what was found ----------------------------------------------------------------------

    def take_in(self, finding: Found | Gone) -> None:
        """Take note of a file that is new, changed or gone."""
        match finding:
            case Found(entry=entry):
                self._found(entry)
            case Gone(paths=paths):
                self._gone(paths)

    def fall_due(self, now: float) -> None:
        """Go on with the files that have been still long enough."""
        for path, armed in list(self._settling.due(now)):
            self._is_due(path, armed)

    def next_due(self) -> float | None:
        """Return when the next file falls due."""
        return self._settling.next_due()

    def forget(self) -> None:
        """Forget what is under way; writes that workers are at are recorded all the same."""
        self._lifecycle = Lifecycle()
        self._settling = Settling(self._config.watch.settle_seconds)
        self._at_hand.clear()

    def under_way(self) -> int:
        """Return how many files are waited for or worked on."""
        return len(self._lifecycle)

    def is_under_way(self, path: str) -> bool:
        """Say whether the file is waited for or worked on."""
        return self._lifecycle.stage(path) is not Stage.RESTING

    def is_writing(self) -> bool:
        """Say whether a tag write is under way."""
        return any(self._lifecycle.stage(path) is Stage.WRITING for path in self._at_hand)

    def _found(self, entry: Entry) -> None:
        if entry.is_link or not entry.is_file:
            self._set_aside(entry)
            return
        stage = self._lifecycle.stage(entry.path)
        if stage is Stage.WRITING:  # our own doing, most likely: look once it is recorded
            self._hand(entry.path).look_again = True
        elif stage in (Stage.SETTLING, Stage.CONFIRMING):
            self._settling.arm(entry.path, entry.stamp, self._clock.monotonic())
        elif stage is Stage.RESTING or self._hand(entry.path).stamp != entry.stamp:
            self._handle(lifecycle.Changed(path=entry.path))

    def _set_aside(self, entry: Entry) -> None:
        if entry.is_link:
            state, reason = "left", "a symbolic link; drop the file itself"
        else:
            state, reason = "failed", "not a file but a folder or device; rename it"
        row = FileRow(path=entry.path, stamp=entry.stamp, state=state, reason=reason)
        files.save_file(self._db, row, self._clock.now())
        self._report(entry.path, f"{state}: {reason}")

    def _gone(self, paths: tuple[str, ...]) -> None:
        with writing(self._db):
            files.mark_gone(self._db, paths, self._clock.now())
        for path in paths:
            self._vanished(path)

    def _vanished(self, path: str) -> None:
        self._settling.drop(path)
        self._handle(lifecycle.Vanished(path=path))

    def _is_due(self, path: str, armed: Stamp) -> None:
        entry = look(path)
        if entry is None:
            self._gone((path,))
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
                for finding in self._scan.at(event.path):
                    self.take_in(finding)

    def _carry_out(self, instruction: lifecycle.Instruction) -> None:
        match instruction:
            case lifecycle.Arm(path=path):
                self._arm(path)
            case lifecycle.Probe(path=path):
                self._jobs.add(self._turn_to_read(path), lambda: self._reading(path))
            case lifecycle.Save(met=met):
                meeting.save(self._db, met, self._clock.now())
            case lifecycle.Note(met=met, still_to_hear=still_to_hear):
                self._note(met, still_to_hear)
            case lifecycle.Hear(path=path, judge=judge):
                self._jobs.add(self._turn_to_hear(path), lambda: self._hearing(path, judge))
            case lifecycle.Write(path=path, genre=genre):
                self._jobs.add(FIRST, lambda: self._writing(path, genre))
            case lifecycle.Rest(path=path, state=state, reason=reason):
                self._rest(path, state, reason)

    def _arm(self, path: str) -> None:
        entry = look(path)
        if entry is None:
            self._gone((path,))
        else:
            self._settling.rearm(path, entry.stamp, self._clock.monotonic())

    def _turn_to_read(self, path: str) -> int:
        row = files.file_at(self._db, path)
        if row is None or not row.was_read:
            return BACKLOG if row is not None and row.existing else NEW
        return NEW if row.state == "pending" else FIRST  # a person may have changed its tag

    def _turn_to_hear(self, path: str) -> int:
        row = files.file_at(self._db, path)
        return HEAR if row is None or row.state == "pending" else BACKLOG

    def _hand(self, path: str) -> "_AtHand":
        return self._at_hand.setdefault(path, _AtHand())

    def _rest(self, path: str, state: str, reason: str) -> None:
        row = files.file_at(self._db, path)
        stamp = self._hand(path).stamp or (row.stamp if row else None)
        if stamp is None:
            return
        found = row or FileRow(path=path, stamp=stamp, state=state)
        files.save_file(
            self._db, replace(found, stamp=stamp, state=state, reason=reason), self._clock.now()
        )
        self._report(path, f"{state.replace('_', ' ')}{': ' if reason else ''}{reason}")

    def _note(self, met: Met, still_to_hear: bool) -> None:
        row = meeting.note(
            self._db, met, self._clock.now(), via="retag", still_to_hear=still_to_hear
        )
        log.info("feedback", path=row.path, kind=met.meaning.kind, genres=row.genres)
        for other in files.unsure_of_artist(self._db, row.artist):
            self._judge_kept(other)

    def _trouble(self, path: str, error: GenrewatchError) -> None:
        """Set the file aside with its reason, unless it changed or vanished meanwhile."""
        log.info("trouble", path=path, reason=error.reason)
        entry = look(path)
        if entry is None:
            self._gone((path,))
            return
        if entry.stamp != self._hand(path).stamp:
            self._handle(lifecycle.Changed(path=path))
        self._handle(lifecycle.Trouble(path=path, reason=error.reason))

    # reading -----------------------------------------------------------------------------

    def _reading(self, path: str) -> Job:
        """Read who a file is: at a glance what lay there before, whole what is new or changed."""
        row = files.file_at(self._db, path)
        if row is not None and row.existing and not row.was_read:
            return self._glancing(path)
        return self._probing(path)

    def _glancing(self, path: str) -> Job:
        return Job(
            call=processes.GLANCE,
            arguments=(path,),
            seconds=self._config.workers.timeout_seconds,
            done=self._at_once(lambda glance: self._glanced(path, glance)),
            failed=lambda error: self._trouble(path, error),
            again=True,
        )

    def _glanced(self, path: str, glance: "Glance") -> None:
        if meeting.is_known_elsewhere(self._db, path, glance.head):
            self._jobs.add(BACKLOG, lambda: self._probing(path))
            return
        self._note_state(path, glance.stamp)
        met = meeting.meet_glance(self._db, path, glance, self._config.policy.empty_values)
        self._handle(lifecycle.Probed(path=path, met=met, has_segments=False))

    def _at_once[Result](self, step: Callable[[Result], None]) -> Callable[[Result], None]:
        """Let all that *step* records be one transaction: the disk is waited for once."""

        def taken(result: Result) -> None:
            with writing(self._db):
                step(result)

        return taken

    def _note_state(self, path: str, read: Stamp) -> None:
        """Have the file looked at once more if it moved on while it was read."""
        entry = look(path)
        if entry is None or not read == self._hand(path).stamp == entry.stamp:
            self._handle(lifecycle.Changed(path=path))

    def _probing(self, path: str) -> Job:
        return Job(
            call=processes.PROBE,
            arguments=(path,),
            seconds=seconds_for(path, self._config.workers.timeout_seconds),
            done=self._at_once(lambda probe: self._probed(path, probe)),
            failed=lambda error: self._trouble(path, error),
            again=True,
        )

    def _probed(self, path: str, probe: "Probe") -> None:
        self._note_state(path, probe.stamp)
        at_hand = self._hand(path)
        at_hand.duration_s, at_hand.unwritable = probe.duration_s, probe.tag.unwritable
        files.remember_track(self._db, probe.fingerprint, probe.duration_s, self._clock.now())
        met = meeting.meet_probe(
            self._db,
            path,
            probe,
            self._config.policy.empty_values,
            self._scan.is_on_lost_mount,
            self._is_awaited,
        )
        kept = hearings.hearing_of(self._db, probe.fingerprint)
        has_segments = is_fully_heard(kept, self._config.model)
        self._handle(lifecycle.Probed(path=path, met=met, has_segments=has_segments))

    def _is_awaited(self, inode: int) -> bool:
        """Say whether a file with this inode is on its way."""
        stamps = [hand.stamp for hand in self._at_hand.values()]
        return inode in {s.inode for s in [*self._settling.stamps(), *stamps] if s is not None}

    # hearing and judging -----------------------------------------------------------------

    def _hearing(self, path: str, judge: bool) -> Job | None:
        row = files.file_at(self._db, path)
        if row is None:
            self._vanished(path)
            return None
        kept = self._judge.kept_hearing(row.fingerprint)
        if judge and kept is not None:
            self._judged(row, kept)
            return None
        return Job(
            call=processes.ANALYSE,
            arguments=(path, str(self._judge.model_dir())),
            options={"backbone": backbone_folder(self._config.model)},
            # a long recording takes long to read through, though few seconds of it are heard
            seconds=seconds_for(
                path, self._config.workers.timeout_seconds, self._hand(path).duration_s
            ),
            done=self._at_once(lambda hearing: self._heard(path, hearing, judge)),
            failed=lambda error: self._trouble(path, error),
            again=True,
        )

    def _heard(self, path: str, hearing: "Hearing", judge: bool) -> None:
        row = files.file_at(self._db, path)
        if row is None or row.fingerprint != hearing.fingerprint:  # other audio by now
            self._handle(lifecycle.Changed(path=path))
            self._handle(lifecycle.Heard(path=path, decision=None))
            return
        kept = hearing_row(hearing)
        hearings.save_hearing(self._db, kept)
        if judge:
            self._judged(row, kept)
        else:
            self._handle(lifecycle.Heard(path=path, decision=None))

    def hear_again(self, path: str) -> None:
        """Listen anew to a file at rest, whose hearing does not do for the model in use."""
        self._handle(lifecycle.Outdated(path=path))

    def judge_again(self, path: str, kept: HearingRow) -> None:
        """Judge a file at rest by a hearing under another model."""
        row = files.file_at(self._db, path)
        at_rest = self._lifecycle.stage(path) is Stage.RESTING
        if row is not None and row.state == "not_sure" and at_rest:
            self._judged(row, kept)

    def _judge_kept(self, row: FileRow) -> None:
        kept = self._judge.kept_hearing(row.fingerprint)
        if kept is not None:
            self.judge_again(row.path, kept)

    def _judged(self, row: FileRow, kept: HearingRow) -> None:
        self._hand(row.path).stamp = row.stamp  # the state of the file that is decided about
        verdict = self._judge.verdict(kept, row)
        hearings.save_verdict(self._db, verdict_row(kept.fingerprint, verdict), self._clock.now())
        at_hand = self._at_hand.get(row.path, _AtHand())
        decision = self._judge.decide(verdict, row, unwritable=at_hand.unwritable)
        if row.state == "tagged":
            self._handle(lifecycle.Heard(path=row.path, decision=self._change(verdict, row)))
            return
        self._handle(lifecycle.Heard(path=row.path, decision=decision))

    def _change(self, verdict: Verdict, row: FileRow) -> Decision | None:
        """Return the change that propagation makes to what we wrote, None where it stays."""
        decision = self._judge.decide(verdict, row, asked=True)
        differs = decision.genre is not None and fold(decision.genre) not in fold_all(row.genres)
        return decision if decision.action is Action.WRITE and differs else None

    # writing -----------------------------------------------------------------------------

    def _writing(self, path: str, genre: str) -> Job | None:
        row = files.file_at(self._db, path)
        if row is None or row.stamp != self._hand(path).stamp:  # a command was quicker
            self._handle(lifecycle.Changed(path=path))
            self._handle(lifecycle.Written(path=path))
            return None
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
            return None
        return self._rewriting(job)

    def _rewriting(self, job: journal.Job) -> Job:
        return Job(
            call=processes.REWRITE,
            arguments=(job.path, job.genres),
            options=processes.rewrite_options(job, self._config.tags),
            seconds=self._config.workers.timeout_seconds,
            done=lambda result: self._written(job, result),
            failed=lambda error: self._not_written(job, error),
        )

    def _written(self, job: journal.Job, result: WriteResult) -> None:
        journal.commit(self._db, job, result, self._clock.now())
        row = files.file_at(self._db, job.path)
        if row is not None and row.fingerprint is not None:
            hearings.drop_segments(self._db, row.fingerprint)
        self._report(job.path, f"tagged {', '.join(job.genres)}")
        self._handle(lifecycle.Written(path=job.path))

    def _find_out(self, job: journal.Job, error: GenrewatchError) -> None:
        """Look at the file to know whether a write was done whose worker did not answer."""

        def close(found: tuple[tuple[str, ...], Stamp] | None) -> None:
            row = writes.open_write_at(self._db, job.path)
            if row is not None and journal.resolve(self._db, row, found, self._clock.now()):
                self._handle(lifecycle.Written(path=job.path))
            else:
                self._trouble(job.path, error)

        probing = Job(
            call=processes.PROBE,
            arguments=(job.path,),
            seconds=self._config.workers.timeout_seconds,
            done=lambda probe: close((probe.tag.genres, probe.stamp)),
            failed=lambda _: close(None),
            again=True,
        )
        self._jobs.add(NEW, lambda: probing)

    def _not_written(self, job: journal.Job, error: GenrewatchError) -> None:
        if isinstance(error, WorkerError):  # it may have been done before the worker died
            self._find_out(job, error)
            return
        journal.abandon(self._db, job, error.reason, self._clock.now())
        entry = look(job.path)
        if not isinstance(error, WriteRefused) or entry is None:
            self._trouble(job.path, error)
            return
        if entry.stamp != job.expected:  # refused because it changed: begin anew
            self._handle(lifecycle.Changed(path=job.path))
        else:
            self._rest(job.path, "left", error.reason)
        self._handle(lifecycle.Written(path=job.path))


@dataclass(slots=True)
class _AtHand:
    """What is remembered of a file only while it is under way."""

    stamp: Stamp | None = None  # as it was when it fell due
    duration_s: float = 0.0
    unwritable: str | None = None
    look_again: bool = False
