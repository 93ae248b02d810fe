"""After a change of model, ask it anew: of files we are not sure of, then ours, then those named.

Works on what was kept, so no audio is decoded except of tracks that were heard without the
backbone under a model that needs it; a few at a time, after all else. What it would now say
of our own tags is only noted, for review to offer.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from sqlite_utils import Database

from core.errors import GenrewatchError
from core.library import files, hearings
from core.library.hearings import HearingRow
from daemon import processes
from daemon.config import Config
from daemon.judging.judge import Judge, verdict_row
from daemon.life.jobs import BACKLOG, Job, Jobs

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Rescoring"]

AT_ONCE = 50


class Rescoring:
    """Notices another champion and scores the not-sure files anew."""

    def __init__(
        self,
        db: Database,
        judge: Judge,
        jobs: Jobs,
        config: Config,
        judge_again: Callable[[str], None],
        hear_again: Callable[[str], None],
        now: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._judge = judge
        self._jobs = jobs
        self._config = config
        self._judge_again = judge_again
        self._hear_again = hear_again
        self._now = now
        self._done_for: str | None = None
        self._asked: set[tuple[str, str]] = set()  # (model, track) that was asked about once

    def check(self) -> None:
        """Queue what has not been scored by the model in use."""
        version = self._judge.model().version
        if version == self._done_for:
            return
        stale = hearings.stale_unsure(self._db, version, AT_ONCE)
        for path, fingerprint in stale:
            self._queue(path, fingerprint)
        if not stale and not self._think_over(version) and not self._ask_about_named(version):
            self._done_for = version

    def _think_over(self, version: str) -> bool:
        """Let the new model speak of what we wrote; where the user wishes it, also change that."""
        stale = hearings.stale_tagged(self._db, version, AT_ONCE)
        for path, fingerprint in stale:
            if self._config.policy.propagate == "auto":
                self._hear_again(path)
            else:
                self._queue_glance(path, fingerprint)
        return bool(stale)

    def _ask_about_named(self, version: str) -> bool:
        """Ask the new model about what was named and it has not learned: the promise rests on it.

        A name that no model knows is among it, and would else count nowhere.
        """
        learned = self._judge.model().manifest.fingerprints
        stale = [
            name
            for name in hearings.stale_named(self._db, version)
            if name not in learned and (version, name) not in self._asked
        ][:AT_ONCE]
        for fingerprint in stale:
            self._asked.add((version, fingerprint))
            self._queue_named(fingerprint)
        return bool(stale)

    def _queue_named(self, fingerprint: str) -> None:
        self._jobs.add(BACKLOG, lambda: self._named_job(fingerprint))

    def _named_job(self, fingerprint: str) -> Job | None:
        kept = hearings.hearing_of(self._db, fingerprint)
        rich = self._judge.model().manifest.backbone is not None
        if kept is None or kept.features is None or (rich and kept.embedding is None):
            return None
        return self._score(
            kept,
            kept.features,
            done=lambda scores: self._asked_about(kept, scores),
            failed=lambda error: None,  # it counts nowhere then, as before
        )

    def _asked_about(self, kept: HearingRow, scores: "NDArray[np.float32]") -> None:
        hearings.save_hearing(self._db, self._scored_anew(kept, scores))
        self._judge.look_anew()

    def _queue_glance(self, path: str, fingerprint: str) -> None:
        self._jobs.add(BACKLOG, lambda: self._glance(path, fingerprint))

    def _glance(self, path: str, fingerprint: str) -> Job | None:
        """Score a track by the mean of its segments, which is kept of every one."""
        kept = hearings.hearing_of(self._db, fingerprint)
        rich = self._judge.model().manifest.backbone is not None
        if kept is None or kept.segments == 0 or (rich and kept.embedding is None):
            self._pass_over(fingerprint)
            return None
        whole = kept.track_features[:1] if kept.features is None else kept.features
        return self._score(
            kept,
            whole,
            done=lambda scores: self._glanced(path, kept, scores),
            failed=lambda error: self._pass_over(fingerprint),
        )

    def _glanced(self, path: str, kept: HearingRow, scores: "NDArray[np.float32]") -> None:
        """Note what the new model says of a tag of ours; the file stays as it is."""
        scored = self._scored_anew(kept, scores)
        hearings.save_hearing(
            self._db, replace(scored, scores=None if kept.features is None else scores)
        )
        row = files.file_at(self._db, path)
        verdict = self._judge.at_a_glance(row) if row is not None else None
        if verdict is None:
            self._pass_over(kept.fingerprint)
        else:
            found = verdict_row(kept.fingerprint, verdict)
            hearings.save_verdict(self._db, found, self._now())

    def _queue(self, path: str, fingerprint: str) -> None:
        self._jobs.add(BACKLOG, lambda: self._job(path, fingerprint))

    def _job(self, path: str, fingerprint: str) -> Job | None:
        kept = hearings.hearing_of(self._db, fingerprint)
        if kept is None or kept.features is None or kept.segments == 0:
            self._pass_over(fingerprint)
            return None
        rich = self._judge.model().manifest.backbone is not None
        if rich and kept.embedding is None:  # heard when there was no backbone
            self._hear_anew(path, fingerprint)
            return None
        return self._score(
            kept,
            kept.features,
            done=lambda scores: self._scored(path, kept, scores),
            failed=lambda error: self._pass_over(fingerprint),
        )

    def _score(
        self,
        kept: HearingRow,
        features: "NDArray[np.float32]",
        *,
        done: Callable[["NDArray[np.float32]"], None],
        failed: Callable[[GenrewatchError], None],
    ) -> Job:
        """The job that asks the model in use about *features* [n, 135] of a kept hearing."""
        manifest = self._judge.model().manifest
        return Job(
            call=processes.SCORE,
            arguments=(features, str(manifest.folder)),
            options={"embedding": kept.embedding} if manifest.backbone is not None else {},
            seconds=self._config.workers.timeout_seconds,
            done=done,
            failed=failed,
        )

    def _hear_anew(self, path: str, fingerprint: str) -> None:
        """Have the track heard once more under this model; only once, should that fail."""
        asked = (self._judge.model().version, fingerprint)
        if asked in self._asked:
            self._pass_over(fingerprint)
            return
        self._asked.add(asked)
        self._hear_again(path)

    def _scored_anew(self, kept: HearingRow, scores: "NDArray[np.float32]") -> HearingRow:
        manifest = self._judge.model().manifest
        return replace(
            kept,
            model_version=manifest.version,
            genres=manifest.genres,
            scores=scores,
            pooled_scores=scores.mean(axis=1),
        )

    def _scored(self, path: str, kept: HearingRow, scores: "NDArray[np.float32]") -> None:
        hearings.save_hearing(self._db, self._scored_anew(kept, scores))
        self._pass_over(kept.fingerprint)
        self._judge_again(path)

    def _pass_over(self, fingerprint: str) -> None:
        """Let the old verdict stand under the new model, so that it is not asked for again."""
        old = hearings.verdict_of(self._db, fingerprint)
        if old is not None:
            renamed = replace(old, model_version=self._judge.model().version)
            hearings.save_verdict(self._db, renamed, datetime.fromisoformat(old.at).astimezone(UTC))
