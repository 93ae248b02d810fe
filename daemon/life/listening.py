"""Have a worker hear a track, judge what was heard, and tell the lifecycle what to do.

Runs on the supervisor's thread; what was heard is kept in the record, so that most files
are judged again without being heard again.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from sqlite_utils import Database

from core.decision.album import Album
from core.decision.policy import Action, Decision
from core.decision.verdict import Verdict
from core.errors import GenrewatchError
from core.library import files, hearings
from core.library.files import FileRow
from core.library.hearings import HearingRow
from core.library.schema import writing
from core.taxonomy import fold, fold_all
from daemon import processes
from daemon.backbone import backbone_folder
from daemon.config import Config
from daemon.judging.anew import judged_together, rest_of_albums
from daemon.judging.arriving import keep_first_guess
from daemon.judging.judge import Judge, hearing_row, verdict_row
from daemon.life import lifecycle
from daemon.life.jobs import BACKLOG, HEAR, Job
from daemon.life.lifecycle import Stage
from daemon.life.reading import at_once
from daemon.life.underway import Underway
from daemon.limits import seconds_for

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
        clock: Callable[[], float],
        now: Callable[[], "datetime"],
        handle: Callable[[lifecycle.Event], None],
        trouble: Callable[[str, GenrewatchError], None],
    ) -> None:
        self._db = db
        self._config = config
        self._judge = judge
        self._underway = underway
        self._clock = clock
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
            self._met(row, kept)
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

    def judge_albums(self) -> None:
        """Judge the tracks whose album is whole by now, or has waited long enough."""
        for paths in self._underway.together.take(self._clock(), self._is_awaited):
            with writing(self._db):
                self._judge_album(paths)

    def let_go(self, path: str) -> None:
        """Have a file that changed while it waited for its album looked at anew at once."""
        if self._underway.together.is_held(path):
            self._underway.together.drop(path)
            self._handle(lifecycle.Heard(path=path, decision=None))

    def judge_again(self, path: str) -> None:
        """Judge a not-sure file anew by what is kept of it, with the rest of its album."""
        row = files.file_at(self._db, path)
        if row is not None and row.state == "not_sure":
            self.judge_unsure([row])

    def judge_unsure(self, rows: Iterable[FileRow]) -> None:
        """Judge not-sure files at rest anew by what is kept, with the rest of their albums."""
        at_rest = [row for row in rows if self._is_at_rest(row)]
        self._judge_together([*at_rest, *self._rest_of_albums(at_rest)])

    def _met(self, row: FileRow, kept: HearingRow) -> None:
        """Judge a track that was just heard, or let it wait for its album."""
        album = self._judge.album(row)
        if album is None or row.state == "tagged":
            self._judged(row, kept, self._judge.verdict(kept, row))
            return
        self._underway.together.hold(row.path, album, self._clock())
        self.judge_albums()

    def _is_awaited(self, album: Album) -> bool:
        """Say whether a file is on its way that is of the album, or may be for all we know."""
        rows = (files.file_at(self._db, path) for path in self._underway.coming(album[0]))
        return any(
            row is None or self._judge.album(row) == album or not (row.was_read or row.existing)
            for row in rows
        )

    def _judge_album(self, paths: list[str]) -> None:
        """Judge what was heard of an album, and with it what we were not sure of before."""
        rows = [row for path in paths if (row := files.file_at(self._db, path)) is not None]
        ready = self._judge_together([*rows, *self._rest_of_albums(rows)])
        for path in paths:
            if path not in ready:  # its hearing does not do any more: another model is in use
                self._handle(lifecycle.Changed(path=path))
                self._handle(lifecycle.Heard(path=path, decision=None))

    def _rest_of_albums(self, rows: Sequence[FileRow]) -> list[FileRow]:
        """Return the not-sure files at rest of the same albums."""
        rest = rest_of_albums(self._db, self._judge, rows)
        return [row for row in rest if self._is_at_rest(row)]

    def _is_at_rest(self, row: FileRow) -> bool:
        return self._underway.stage(row.path) is Stage.RESTING

    def _judge_together(self, rows: Iterable[FileRow]) -> set[str]:
        """Judge files by what is kept of them, those of an album together; return which it was."""
        done = judged_together(self._judge, rows)
        for item in done:
            self._judged(item.row, item.hearing, item.verdict)
        return {item.row.path for item in done}

    def _heard(self, path: str, hearing: "Hearing", judge: bool) -> None:
        row = files.file_at(self._db, path)
        if row is None or row.fingerprint != hearing.fingerprint:  # other audio by now
            self._handle(lifecycle.Changed(path=path))
            self._handle(lifecycle.Heard(path=path, decision=None))
            return
        kept = hearing_row(hearing)
        hearings.save_hearing(self._db, kept)
        if judge:
            self._met(row, kept)
        else:
            self._handle(lifecycle.Heard(path=path, decision=None))

    def _judged(self, row: FileRow, kept: HearingRow, verdict: Verdict) -> None:
        unwritable = self._underway.unwritable(row.path)
        decision = self._judge.decide(verdict, row, unwritable=unwritable)
        keep_first_guess(self._db, row, verdict, decision, self._now())
        hearings.save_verdict(self._db, verdict_row(kept.fingerprint, verdict), self._now())
        if self._is_as_before(row, decision):
            return
        self._underway.hand(row.path).stamp = row.stamp  # the file's state that is decided about
        if row.state == "tagged":
            self._handle(lifecycle.Heard(path=row.path, decision=self._change(verdict, row)))
            return
        self._handle(lifecycle.Heard(path=row.path, decision=decision))

    def _is_as_before(self, row: FileRow, decision: Decision) -> bool:
        """Say whether a not-sure file at rest stays so for the same reason: nothing to tell."""
        return self._is_at_rest(row) and row.state == "not_sure" and decision.reason == row.reason

    def _change(self, verdict: Verdict, row: FileRow) -> Decision | None:
        """Return the change that propagation makes to what we wrote, None where it stays."""
        decision = self._judge.decide(verdict, row, asked=True)
        differs = decision.genre is not None and fold(decision.genre) not in fold_all(row.genres)
        certain = decision.action is Action.WRITE and not decision.guessed
        return decision if certain and differs else None
