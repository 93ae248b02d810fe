"""Each step of a file's life, carried out: what the lifecycle instructs, and what came of it.

Runs on the supervisor's thread. Talks to the record, the journal and the queue of jobs;
what it remembers of a file lasts only while that file is under way.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlite_utils import Database

from core.decision.feedback import Origin
from core.decision.identity import Met
from core.decision.policy import Action, Decision
from core.errors import GenrewatchError
from core.library import feedback_log, files, writes
from core.library.files import FileRow
from core.library.schema import writing
from core.stamp import Stamp
from core.tags.journal import Witness, Writer
from daemon.config import Config
from daemon.judging.judge import Judge
from daemon.judging.reconsidering import Reconsidering
from daemon.life import lifecycle, meeting
from daemon.life.jobs import FIRST, Jobs
from daemon.life.lifecycle import Stage
from daemon.life.listening import Listening
from daemon.life.reading import Reading
from daemon.life.retry import PASSING, tried_again_later
from daemon.life.underway import Underway
from daemon.life.writing import Lot, Pen, Writing
from daemon.watching.scan import Found, Gone, Scan
from daemon.watching.watch import Entry, look

__all__ = ["Clock", "Steps"]

log = structlog.get_logger(__name__)

FAULT = "it shows a fault of this program, twice; please report it with what the log says"


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
        witness: Witness = lambda row: None,
    ) -> None:
        self._db = db
        self._config = config
        self._scan = scan
        self._jobs = jobs
        self._clock = clock
        self._report = report
        self._underway = Underway(config.watch.settle_seconds)
        self._faults: Counter[str] = Counter()
        self._lots: dict[str, Lot] = {}  # of the writes that are a part of one
        self._writing = Writing(
            db,
            Pen(db, config, writer=writer, now=clock.now, witness=witness),
            jobs,
            self._underway,
            handle=self._handle,
            trouble=self._trouble,
            rest=self._rest,
            report=report,
        )
        self._reading = Reading(
            db,
            config,
            scan,
            jobs,
            self._underway,
            now=clock.now,
            handle=self._handle,
            trouble=self._trouble,
        )
        self._listening = Listening(
            db,
            config,
            judge,
            self._underway,
            clock=clock.monotonic,
            now=clock.now,
            handle=self._handle,
            trouble=self._trouble,
        )
        self._reconsidering = Reconsidering(
            db, judge, self._listening.judge_unsure, clock.monotonic
        )

    # what was found ----------------------------------------------------------------------

    def take_in(self, finding: Found | Gone) -> None:
        """Take note of a file that is new, changed or gone."""
        match finding:
            case Found(entry=entry):
                self._found(entry)
            case Gone(paths=paths):
                self._gone(paths)

    def fall_due(self, now: float) -> None:
        """Go on with what has waited long enough: still files, whole albums, what words bear on."""
        for path, armed in list(self._underway.settling.due(now)):
            self._is_due(path, armed)
        self._listening.judge_albums()
        self._reconsidering.go_on()

    def next_due(self) -> float | None:
        """Return when the next of these falls due."""
        due = (
            self._underway.settling.next_due(),
            self._underway.together.next_due(),
            self._reconsidering.next_due(),
        )
        return min((moment for moment in due if moment is not None), default=None)

    def look_at_words(self) -> None:
        """Take note of what was said and named by whomever, for what waits."""
        self._reconsidering.look()

    def forget(self) -> None:
        """Forget what is under way; writes that workers are at are recorded all the same."""
        self._lots.clear()
        self._underway.forget()

    def begin_turn(self) -> None:
        """Let what fails now be no file's doing yet."""
        self._underway.begin_turn()

    def culprit(self) -> str | None:
        """Return the file that was dealt with last in this turn."""
        return self._underway.dealt_with()

    def blame(self, path: str) -> None:
        """Set aside the file that a step failed over, the second time that one does.

        Else one file that shows a fault of ours would be looked at anew for ever, and with it
        all others.
        """
        entry = look(path)
        self._faults[path] += 1
        if entry is not None and self._faults[path] > 1:
            self._underway.hand(path).stamp = entry.stamp
            self._rest(path, "failed", FAULT)
            self._underway.let_rest(path)

    def under_way(self) -> int:
        """Return how many files are waited for or worked on."""
        return len(self._underway)

    def is_under_way(self, path: str) -> bool:
        """Say whether the file is waited for or worked on."""
        return self._underway.stage(path) is not Stage.RESTING

    def is_writing(self) -> bool:
        """Say whether a tag write was begun and has not ended."""
        return self._writing.is_under_way()

    def hear_again(self, path: str) -> None:
        """Listen anew to a file at rest, whose hearing does not do for the model in use."""
        self._handle(lifecycle.Outdated(path=path))

    def judge_again(self, path: str) -> None:
        """Judge a file at rest anew, after it was scored by another model."""
        self._listening.judge_again(path)

    def follow(self, row: FileRow, genre: str, lot: Lot) -> bool:
        """Change our genre of a file at rest to the one that follows from a person's word.

        Say whether it was at rest.
        """
        if self._underway.stage(row.path) is not Stage.RESTING:
            return False
        self._underway.hand(row.path).stamp = row.stamp
        self._lots[row.path] = lot
        decision = Decision(action=Action.WRITE, reason="it follows from your word", genre=genre)
        self._handle(lifecycle.Heard(path=row.path, decision=decision))
        return True

    def try_again(self) -> None:
        """Take up the failed files whose time has come."""
        for path in files.due_again(self._db, self._clock.now()):
            if self._underway.stage(path) is Stage.RESTING:
                self._handle(lifecycle.Changed(path=path))

    def _found(self, entry: Entry) -> None:
        if entry.is_link or not entry.is_file:
            self._set_aside(entry)
            return
        stage = self._underway.stage(entry.path)
        if stage is Stage.WRITING:  # our own doing, most likely: look once it is recorded
            self._underway.hand(entry.path).look_again = True
        elif stage in (Stage.SETTLING, Stage.CONFIRMING):
            self._underway.settling.arm(entry.path, entry.stamp, self._clock.monotonic())
        elif stage is Stage.RESTING or self._underway.hand(entry.path).stamp != entry.stamp:
            self._handle(lifecycle.Changed(path=entry.path))
            self._listening.let_go(entry.path)

    def _set_aside(self, entry: Entry) -> None:
        if entry.is_link:
            state, reason = "left", lifecycle.LINK
        else:
            state, reason = "failed", "not a file but a folder or device; rename it"
        # what is known of the file that lay there goes where it is found again
        known = files.file_at(self._db, entry.path)
        row = known or FileRow(path=entry.path, stamp=entry.stamp, state=state)
        aside = replace(row, stamp=entry.stamp, state=state, reason=reason)
        files.save_file(self._db, aside, self._clock.now())
        self._report(entry.path, f"{state}: {reason}")

    def _gone(self, paths: tuple[str, ...]) -> None:
        with writing(self._db):
            files.mark_gone(self._db, paths, self._clock.now())
        for path in paths:
            self._vanished(path)

    def _vanished(self, path: str) -> None:
        self._underway.settling.drop(path)
        self._handle(lifecycle.Vanished(path=path))

    def _is_due(self, path: str, armed: Stamp) -> None:
        entry = look(path)
        if entry is None:
            self._gone((path,))
        elif entry.stamp != armed or writes.open_write_at(self._db, path):
            self._underway.settling.rearm(path, entry.stamp, self._clock.monotonic())
        else:
            self._underway.hand(path).stamp = entry.stamp
            self._handle(lifecycle.Still(path=path))

    # carrying out ------------------------------------------------------------------------

    def _handle(self, event: lifecycle.Event) -> None:
        self._underway.deal_with(event.path)
        for instruction in self._underway.lifecycle.handle(event):
            self._carry_out(instruction)
        if self._underway.let_rest(event.path):
            for finding in self._scan.at(event.path):
                self.take_in(finding)

    def _carry_out(self, instruction: lifecycle.Instruction) -> None:
        match instruction:
            case lifecycle.Arm(path=path):
                self._arm(path)
            case lifecycle.Probe(path=path):
                self._jobs.add(self._reading.turn(path), lambda: self._reading.job(path))
            case lifecycle.Save(met=met):
                meeting.save(self._db, met, self._clock.now())
            case lifecycle.Note(met=met, still_to_hear=still_to_hear):
                self._note(met, still_to_hear)
            case lifecycle.Hear(path=path, judge=judge):
                turn = self._listening.turn(path)
                self._jobs.add(turn, lambda: self._listening.job(path, judge))
            case lifecycle.Write(path=path, genre=genre, guessed=guessed):
                cause, lot = self._cause(path, guessed=guessed), self._lots.pop(path, None)
                self._jobs.add(FIRST, lambda: self._writing.begin(path, genre, cause, lot))
            case lifecycle.Rest(path=path, state=state, reason=reason):
                self._rest(path, state, reason)

    def _cause(self, path: str, *, guessed: bool) -> str:
        """Why a genre is written: for the first time, or in place of one of ours."""
        row = files.file_at(self._db, path)
        ours = row is not None and row.origin == Origin.OURS and bool(row.genres)
        return writes.GUESS if guessed else writes.PROPAGATION if ours else "drop"

    def _arm(self, path: str) -> None:
        entry = look(path)
        if entry is None:
            self._gone((path,))
        else:
            self._underway.settling.rearm(path, entry.stamp, self._clock.monotonic())

    def _rest(self, path: str, state: str, reason: str) -> None:
        row = files.file_at(self._db, path)
        stamp = self._underway.hand(path).stamp or (row.stamp if row else None)
        if stamp is None:
            return
        found = row or FileRow(path=path, stamp=stamp, state=state)
        rested = replace(found, stamp=stamp, state=state, reason=reason)
        now = self._clock.now()
        if self._underway.hand(path).is_delayed:
            files.save_file(self._db, tried_again_later(rested, now), now)
        else:
            files.save_file(self._db, replace(rested, tries=0, retry_at=None), now)
        self._report(path, f"{state.replace('_', ' ')}{': ' if reason else ''}{reason}")

    def _note(self, met: Met, still_to_hear: bool) -> None:
        with writing(self._db):
            row = meeting.note(
                self._db, met, self._clock.now(), via="retag", still_to_hear=still_to_hear
            )
            word = feedback_log.last_feedback_id(self._db)
        log.info("feedback", path=row.path, kind=met.meaning.kind, genres=row.genres)
        self._reconsidering.remember_word(row.keys, word)

    def _trouble(self, path: str, error: GenrewatchError) -> None:
        """Set the file aside with its reason, unless it changed or vanished meanwhile."""
        log.info("trouble", path=path, reason=error.reason)
        entry = look(path)
        if entry is None:
            self._gone((path,))
            return
        if entry.stamp != self._underway.hand(path).stamp:
            self._handle(lifecycle.Changed(path=path))
        self._underway.hand(path).is_delayed = isinstance(error, PASSING)
        self._handle(lifecycle.Trouble(path=path, reason=error.reason))
