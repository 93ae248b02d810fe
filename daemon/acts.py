"""What a person asks for by command or page: classify, tag, undo, answer in review.

Each act works without a running daemon and safely beside one: the record's write lock and
the journal's one open row a file keep them apart. What is asked here is a person's word.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlite_utils import Database

from core import registry
from core.decision.album import albums
from core.decision.feedback import Kind, Origin, kind_of_word
from core.decision.identity import Met
from core.decision.policy import Action, Decision
from core.decision.testimony import AUDIT
from core.decision.verdict import Verdict
from core.errors import (
    AudioError,
    GenrewatchError,
    UntaggableFile,
    WriteRefused,
    WriteUnderWay,
)
from core.library import audits, batches, feedback_log, files, hearings, lots, writes
from core.library.files import FileRow
from core.library.hearings import HearingRow
from core.library.schema import writing
from core.library.writes import WriteRow
from core.stamp import Stamp
from core.tags import WriteResult, journal
from core.tags.journal import Witness, Writer
from core.taxonomy import fold_all
from daemon import processes
from daemon.backbone import backbone_folder, is_fully_heard
from daemon.config import Config
from daemon.judging import following
from daemon.judging.anew import judge_anew
from daemon.judging.arriving import keep_first_guess
from daemon.judging.classification import Classification, Explanation
from daemon.judging.explain import explanation
from daemon.judging.judge import Judge, hearing_row, verdict_row
from daemon.life import meeting, undoing
from daemon.life.retry import PASSING, tried_again_later
from daemon.life.writing import Course, Lot, Pen, carry_out
from daemon.limits import seconds_for
from daemon.processes import Workers
from daemon.telling.audits import Audit
from daemon.telling.genres import require_names
from daemon.telling.status import Judged, judged
from daemon.watching.scan import is_on_lost_mount
from daemon.watching.watch import Rules, walk

if TYPE_CHECKING:
    from core.analysis import Probe

__all__ = ["Desk", "Tagged", "expand_paths"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """What became of one file that was to be tagged or undone."""

    path: str
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    written: bool = False
    reason: str = ""
    failed: bool = False


def expand_paths(paths: Iterable[str], rules: Rules) -> Iterator[str]:
    """Yield the files that *paths* name; of a folder, all music in it and below."""
    for path in paths:
        absolute = os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111
        if os.path.isdir(absolute):  # noqa: PTH112
            for directory in walk(absolute, rules):
                yield from sorted(entry.path for entry in directory.entries)
        else:
            yield absolute


def _named_since(row: FileRow, shown: FileRow | None) -> str | None:
    """Say why an answer is none for *row*: it got a genre, not ours, or lost its own since *shown*.

    None where it is as the person was shown it.
    """
    if shown is None:
        return None
    if row.fingerprint != shown.fingerprint:
        return "other music lies there by now"
    if row.origin == Origin.OURS or fold_all(row.genres) == fold_all(shown.genres):
        return None
    genres = ", ".join(row.genres)
    by_now = f"was named {genres}" if genres else "lost its genre"
    return f"it {by_now} since you were asked, so it stays so"


class Desk:
    """Where acts are carried out, one at a time, each to its end."""

    def __init__(
        self,
        db: Database,
        models: registry.Registry,
        config: Config,
        workers: Workers,
        *,
        writer: Writer,
        guard: Callable[[str], None] = lambda path: None,
        witness: Witness = lambda row: None,
    ) -> None:
        self._db = db
        self._config = config
        self._workers = workers
        self._writer = writer
        self._guard = guard
        self._witness = witness
        self._judge = Judge(db, models, config.policy)

    # listening ---------------------------------------------------------------------------

    def classify(self, path: str, *, explain: bool = False) -> Classification:
        """Return the verdict on the file at *path* and what would be done; writes nothing.

        With *explain* also why.
        """
        try:
            row, probe = self._read(path, None)
            hearing = self._hear(path, row)
            verdict = self._judge.verdict(hearing, row)
            why = self._why(hearing, row, verdict) if explain else None
        except GenrewatchError as error:
            return Classification(path=path, decision="error", reason=error.reason)
        decision = self._judge.decide(
            verdict, replace(row, existing=False), unwritable=probe.tag.unwritable
        )
        return Classification(
            path=path,
            decision=decision.action.value,
            reason=decision.reason,
            genres=verdict.genres,
            segments=self._judge.segments(hearing),
            duration_s=probe.duration_s,
            why=why,
            outside=verdict.outside,
            suggested=verdict.suggested,
        )

    def _why(self, hearing: HearingRow, row: FileRow, verdict: Verdict) -> Explanation | None:
        policy = self._config.policy
        return explanation(self._db, self._judge, hearing, row, verdict, policy=policy)

    # writing -----------------------------------------------------------------------------

    def tag(
        self,
        path: str,
        genres: tuple[str, ...],
        now: datetime,
        *,
        dry_run: bool,
        via: str = "tag",
        lot: Lot | None = None,
        shown: FileRow | None = None,
    ) -> Tagged:
        """Write *genres* as a person's word; with none given, the verdict's if it is sure.

        As a part of *lot*, if it is given. *shown* is the file as the person was asked about it:
        one that got another genre since is left as it is. Raises ConfigError where one of
        *genres* is no name.
        """
        require_names(*genres)
        try:
            row, probe = self._read(path, None if dry_run else now)
            if trouble := _named_since(row, shown):
                return Tagged(path=path, reason=trouble, failed=True)
            if probe.tag.unwritable:
                raise UntaggableFile(probe.tag.unwritable)
            if genres:
                return self._tag_by_word(row, genres, now, dry_run=dry_run, via=via, lot=lot)
            return self._tag_by_verdict(row, now, dry_run=dry_run)
        except GenrewatchError as error:
            if not dry_run and not isinstance(error, WriteUnderWay):
                self._set_aside(path, error, now)
            return Tagged(path=path, reason=error.reason, failed=True)

    def confirm_not(
        self,
        path: str,
        genre: str,
        now: datetime,
        *,
        via: str = "review",
        lot: Lot | None = None,
        shown: FileRow | None = None,
    ) -> Tagged:
        """Record that the track is not *genre* ("not this"); the file stays as it is.

        As a part of *lot*, if it is given; else as an act of its own. *shown* is the file as the
        person was asked about it: if it got another genre since, that was the answer.
        """
        row = files.file_at(self._db, path)
        if row is None or row.fingerprint is None:
            return Tagged(path=path, reason="nothing is known of this file", failed=True)
        if trouble := _named_since(row, shown):
            return Tagged(path=path, reason=trouble, failed=True)
        said = meeting.word(row, Kind.REJECTION, old=(genre,), new=(), via=via)
        lot = lot or Lot()
        with writing(self._db):
            lot.name = lot.name or lots.new_name(self._db, self._writer.pid, now)
            feedback_log.record_feedback(self._db, replace(said, lot=lot.name), now)
        return Tagged(path=path, reason=f"remembered: not {genre}")

    def withdraw(self, refusal: int, now: datetime, *, dry_run: bool) -> Tagged:
        """Take back that a track is not some genre: the word with the number *refusal*."""
        word = lots.refusal_of(self._db, refusal)
        if word is None:
            return Tagged(path="", reason="that is taken back already", failed=True)
        said = f"not {', '.join(word.old)}"
        if dry_run:
            return Tagged(path=word.path, reason=f"would be taken back: {said}")
        with writing(self._db):
            lots.withdraw(self._db, word, now)
            if word.via == AUDIT:
                audits.reopen(self._db, word.fingerprint)
        return Tagged(path=word.path, reason=f"taken back: {said}")

    def answer_audit(self, audit: Audit, genre: str | None, now: datetime, lot: Lot) -> Tagged:
        """Record what a person answers when asked if our genre is right, and write *genre*.

        None is "no, but I do not know what it is". What is refused stays to be asked.
        """
        row = audit.row
        if genre is None:
            self._keep_segments(row)  # the promise counts only what the model can be asked about
            done = self.confirm_not(row.path, audit.genre, now, via=AUDIT, lot=lot, shown=row)
        else:
            done = self.tag(row.path, (genre,), now, dry_run=False, via=AUDIT, lot=lot, shown=row)
        if not done.failed:
            audits.record_answered(self._db, row.fingerprint or "", now)
        return done

    def last_word(self) -> int:
        """Return a number that grows with each word."""
        return feedback_log.last_feedback_id(self._db)

    def take_as_one(self, after: int, via: str, now: datetime) -> None:
        """Let the words since *after* count as one act: many of them say little more than one."""
        batches.take_as_one(self._db, after, via, now)

    def follow(self, path: str, genre: str, now: datetime, lot: Lot) -> Tagged:
        """Change a genre that we wrote to *genre*, which follows from what a person said.

        It stays ours. A genre that a person set by now, or took back, is refused.
        """
        try:
            row, probe = self._read(path, now)
            if probe.tag.unwritable:
                raise UntaggableFile(probe.tag.unwritable)
            if row.origin != Origin.OURS or row.hands_off or not row.genres:
                raise WriteRefused("its genre is not ours any more", path)
            pen = self._pen(now)
            course = pen.write(row, (genre,), Origin.OURS, writes.PROPAGATION, lot=lot)
            return self._written(row, self._carry_out(course), "written")
        except GenrewatchError as error:
            return Tagged(path=path, reason=error.reason, failed=True)

    def offers(self) -> tuple[following.Offer, ...]:
        """Return which files of ours would be another genre by now.

        By what was said since it was last asked, and by the model in use.
        """
        said = following.offers(self._db, self._judge)
        paths = {row.path for offer in said for row in offer.files}
        thought = following.second_thoughts(self._db, self._judge)
        return (*said, *(o for o in thought if not any(row.path in paths for row in o.files)))

    def decline(self, offer: following.Offer) -> None:
        """Remember that the files of *offer* shall stay as they are."""
        if offer.by_model:
            following.keep(self._db, self._judge, offer)
        else:
            following.decline(self._db, offer)

    def by_album(self, items: Iterable[Judged]) -> list[list[Judged]]:
        """Return files that wait for an answer by the album that each is judged with."""
        return albums(items, lambda item: self._judge.album(item.row))

    def judged_anew(self, items: Iterable[Judged], now: datetime) -> tuple[Judged, ...]:
        """Return files that wait for an answer as they are judged by all that was said by now.

        Without those that were settled meanwhile, or are there no more.
        """
        rows = [row for item in items if (row := self._still_waiting(item.row)) is not None]
        judge_anew(self._db, self._judge, rows, now)
        return judged(self._db, rows)

    def _still_waiting(self, before: FileRow) -> FileRow | None:
        row = files.file_at(self._db, before.path)
        if row is None or row.gone_at:
            return None
        same = (row.state, row.genres) == (before.state, before.genres)
        return row if same else None

    def undo(
        self, path: str, now: datetime, *, dry_run: bool, back_to: int | None = None
    ) -> Tagged:
        """Take back our last standing write of the file, or all down to the write *back_to*.

        Each by its own undo record, the latest first; the first that is refused ends it.
        """
        last = writes.newest_standing_write(self._db, path)
        if last is None:
            return Tagged(path=path, reason="there is no write of ours to undo", failed=True)
        try:
            row, _ = self._read(path, None if dry_run else now)
            past = undoing.standing_down_to(self._db, row, back_to)
            for write in past:
                journal.check_undo(row, write)
                row = self._would_undo(row, write) if dry_run else self._undo(row, write, now)
        except GenrewatchError as error:
            return Tagged(path=path, old=last.new, reason=error.reason, failed=True)
        reason = "would be undone" if dry_run else "undone"
        return Tagged(
            path=path, old=past[0].new, new=row.genres, written=not dry_run, reason=reason
        )

    def existing_without_genre(self) -> list[str]:
        """Return the files that lay there before their folder was watched and have no genre."""
        left = files.files_in_state(self._db, "left")
        return [row.path for row in left if row.existing and row.origin == Origin.NONE]

    def _tag_by_word(
        self,
        row: FileRow,
        genres: tuple[str, ...],
        now: datetime,
        *,
        dry_run: bool,
        via: str,
        lot: Lot | None,
    ) -> Tagged:
        if dry_run:
            return Tagged(path=row.path, old=row.genres, new=genres, reason="would be written")
        kind = kind_of_word(row.genres, Origin(row.origin), genres)
        self._keep_segments(row)

        def remember(_: WriteRow, written: FileRow) -> None:
            if kind is not None:
                said = meeting.word(written, kind, old=row.genres, new=written.genres, via=via)
                feedback_log.record_feedback(self._db, said, now)
            meeting.learn_spellings(self._db, written.genres, now)

        course = self._pen(now).write(row, genres, Origin.PERSON, via, remember, lot)
        return self._written(row, self._carry_out(course), "written")

    def _tag_by_verdict(self, row: FileRow, now: datetime, *, dry_run: bool) -> Tagged:
        hearing = self._hear(row.path, row)
        verdict = self._judge.verdict(hearing, row)
        decision = self._judge.decide(verdict, row, asked=True)
        if not dry_run:
            keep_first_guess(self._db, row, verdict, decision, now)
        if decision.action is not Action.WRITE or decision.genre is None:
            if not dry_run:
                self._remember_decision(row, hearing, verdict, decision, now)
            return Tagged(path=row.path, old=row.genres, new=row.genres, reason=decision.reason)
        new = (decision.genre,)
        if dry_run:
            return Tagged(path=row.path, old=row.genres, new=new, reason="would be written")
        self._remember_verdict(row, verdict, now)
        cause = writes.GUESS if decision.guessed else "tag"
        course = self._pen(now).write(row, new, Origin.OURS, cause)
        return self._written(row, self._carry_out(course), decision.reason)

    def _would_undo(self, row: FileRow, past: WriteRow) -> FileRow:
        return replace(row, genres=past.old, origin=past.old_origin)

    def _undo(self, row: FileRow, past: WriteRow, now: datetime) -> FileRow:
        def unsay(_: WriteRow, written: FileRow) -> None:
            meeting.unsay(self._db, past, written, now)

        self._carry_out(self._pen(now).undo(row, past, unsay))
        return files.file_at(self._db, row.path) or row

    def _pen(self, now: datetime) -> Pen:
        return Pen(
            self._db, self._config, writer=self._writer, now=lambda: now, witness=self._witness
        )

    def _carry_out(self, course: Course) -> WriteResult:
        return carry_out(course, self._workers)

    def _written(self, row: FileRow, result: WriteResult, reason: str) -> Tagged:
        return Tagged(path=row.path, old=result.old, new=result.new, written=True, reason=reason)

    # reading -----------------------------------------------------------------------------

    def _read(self, path: str, now: datetime | None) -> tuple[FileRow, "Probe"]:
        """Probe the file and, with *now* given, bring its row up to date.

        A retag that nobody has noticed yet is feedback, here as in the daemon.
        """
        if now is not None:
            self._guard(path)
        if writes.open_write_at(self._db, path):
            self._recover(now)
        if writes.open_write_at(self._db, path):
            raise WriteUnderWay("another write of this file is under way", None, "try again")
        probe: Probe = self._workers.call(
            processes.PROBE,
            path,
            timeout=seconds_for(path, self._config.workers.timeout_seconds),
            **meeting.probe_options(self._db, path),
        )
        if now is None:
            return self._met(path, probe).row, probe
        with writing(self._db):  # else the daemon might note the same retag in between
            met = self._met(path, probe)
            self._take_in(met, probe.duration_s, now)
        return met.row, probe

    def _met(self, path: str, probe: "Probe") -> Met:
        return meeting.meet_probe(
            self._db, path, probe, self._config.policy.empty_values, self._is_on_lost_mount
        )

    def _recover(self, now: datetime | None) -> None:
        """Close what commands left open that were killed; a dry run closes nothing."""
        if now is not None:
            meeting.recover(self._db, processes.is_alive, self._genres_of, now, self._witness)

    def _genres_of(self, path: str) -> tuple[tuple[str, ...], Stamp] | None:
        return processes.read_genres(self._workers, path, self._config.workers.timeout_seconds)

    def _is_on_lost_mount(self, path: str) -> bool:
        return is_on_lost_mount(self._db, files.watched_folders(self._db), path)

    def _take_in(self, met: Met, duration_s: float, now: datetime) -> None:
        files.remember_track(self._db, met.row.fingerprint or "", duration_s, now)
        if met.meaning.speaks:
            meeting.note(self._db, met, now, via="retag")
        else:
            meeting.save(self._db, met, now)

    def _hear(self, path: str, row: FileRow) -> HearingRow:
        return self._judge.kept_hearing(row.fingerprint) or self._listen(path)

    def _listen(self, path: str) -> HearingRow:
        heard = self._workers.call(
            processes.ANALYSE,
            path,
            str(self._judge.model_dir()),
            backbone=backbone_folder(self._config.model),
            timeout=seconds_for(path, self._config.workers.timeout_seconds * 5),
        )
        return hearing_row(heard)

    def _keep_segments(self, row: FileRow) -> None:
        """Have the segments of a track that a person names, for training."""
        kept = hearings.hearing_of(self._db, row.fingerprint or "")
        if not is_fully_heard(kept, self._config.model):
            with suppress(AudioError):  # what nobody here can hear is no training, but can be named
                hearings.save_hearing(self._db, self._listen(row.path))

    def _remember_verdict(self, row: FileRow, verdict: Verdict, now: datetime) -> None:
        if row.fingerprint is not None:
            hearings.save_verdict(self._db, verdict_row(row.fingerprint, verdict), now)

    def _remember_decision(
        self, row: FileRow, hearing: HearingRow, verdict: Verdict, decision: Decision, now: datetime
    ) -> None:
        hearings.save_hearing(self._db, hearing)
        self._remember_verdict(row, verdict, now)
        if decision.action is Action.NOT_SURE:
            files.set_state(self._db, row.path, "not_sure", decision.reason, now)
        elif row.state == "pending":
            files.set_state(self._db, row.path, "left", decision.reason, now)

    def _set_aside(self, path: str, error: GenrewatchError, now: datetime) -> None:
        row = files.file_at(self._db, path)
        if row is None or row.state != "pending":
            return
        failed = replace(row, state="failed", reason=error.reason)
        if isinstance(error, PASSING):
            failed = tried_again_later(failed, now)
        files.save_file(self._db, failed, now)
