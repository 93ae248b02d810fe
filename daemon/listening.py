"""Have a worker hear a track, judge what was heard, and tell the lifecycle what to do.

Runs on the supervisor's thread; what was heard is kept in the record, so that most files
are judged again without being heard again.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlite_utils import Database

from core.decision.policy import Action, Decision
from core.decision.verdict import Verdict
from core.errors import GenrewatchError
from core.library import files, hearings
from core.library.files import FileRow
from core.library.hearings import HearingRow
from core.taxonomy import fold, fold_all
from daemon import lifecycle, processes
from daemon.arriving import keep_first_guess
from daemon.backbone import backbone_folder
from daemon.config import Config
from daemon.jobs import BACKLOG, HEAR, Job
from daemon.judge import Judge, hearing_row, verdict_row
from daemon.lifecycle import Stage
from daemon.limits import seconds_for
from daemon.reading import at_once
from daemon.underway import Underway

if TYPE_CHECKING:
    from datetime import datetime

    from core.analysis import Hearing

__all__ = ["Listening"]


class Listening:
    """From a track to a decision, told to the lifecycle by *handle*."""

    def __init__(
        self,
        db: Database,
        config: Config,
        judge: Judge,
        underway: Underway,
        *,
        now: Callable[[], "datetime"],
        handle: Callable[[lifecycle.Event], None],
        trouble: Callable[[str, GenrewatchError], None],
    ) -> None:
        self._db = db
        self._config = config
        self._judge = judge
        self._underway = underway
        self._now = now
        self._handle = handle
        self._trouble = trouble

    def turn(self, path: str) -> int:
        """Return how urgent it is to hear the file."""
        row = files.file_at(self._db, path)
        return HEAR if row is None or row.state == "pending" else BACKLOG

    def job(self, path: str, judge: bool) -> Job | None:
        """Return the job that hears the file; None where what is kept of it does."""
        row = files.file_at(self._db, path)
        if row is None:
            self._handle(lifecycle.Vanished(path=path))
            return None
        kept = self._judge.kept_hearing(row.fingerprint)
        if judge and kept is not None:
            self._judged(row, kept)
            return None
        duration_s = self._underway.hand(path).duration_s
        return Job(
            call=processes.ANALYSE,
            arguments=(path, str(self._judge.model_dir())),
            options={"backbone": backbone_folder(self._config.model)},
            # a long recording takes long to read through, though few seconds of it are heard
            seconds=seconds_for(path, self._config.workers.timeout_seconds, duration_s),
            done=at_once(self._db, lambda hearing: self._heard(path, hearing, judge)),
            failed=lambda error: self._trouble(path, error),
            again=True,
        )

    def judge_again(self, path: str, kept: HearingRow) -> None:
        """Judge a file at rest by a hearing under another model."""
        row = files.file_at(self._db, path)
        at_rest = self._underway.stage(path) is Stage.RESTING
        if row is not None and row.state == "not_sure" and at_rest:
            self._judged(row, kept)

    def judge_kept(self, row: FileRow) -> None:
        """Judge a file at rest by what is kept of it, after a word on its artist."""
        kept = self._judge.kept_hearing(row.fingerprint)
        if kept is not None:
            self.judge_again(row.path, kept)

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

    def _judged(self, row: FileRow, kept: HearingRow) -> None:
        at_hand = self._underway.hand(row.path)
        at_hand.stamp = row.stamp  # the state of the file that is decided about
        verdict = self._judge.verdict(kept, row)
        decision = self._judge.decide(verdict, row, unwritable=at_hand.unwritable)
        keep_first_guess(self._db, row, verdict, decision, self._now())
        hearings.save_verdict(self._db, verdict_row(kept.fingerprint, verdict), self._now())
        if row.state == "tagged":
            self._handle(lifecycle.Heard(path=row.path, decision=self._change(verdict, row)))
            return
        self._handle(lifecycle.Heard(path=row.path, decision=decision))

    def _change(self, verdict: Verdict, row: FileRow) -> Decision | None:
        """Return the change that propagation makes to what we wrote, None where it stays."""
        decision = self._judge.decide(verdict, row, asked=True)
        differs = decision.genre is not None and fold(decision.genre) not in fold_all(row.genres)
        certain = decision.action is Action.WRITE and not decision.guessed
        return decision if certain and differs else None
