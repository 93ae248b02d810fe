"""Have a worker read who a file is and what its tag says, and tell the lifecycle what it means.

Runs on the supervisor's thread. What lay there before is only glanced at, what is new or
changed is read whole; nothing is written here.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlite_utils import Database

from core.errors import GenrewatchError
from core.library import files, hearings
from core.library.schema import writing
from core.stamp import Stamp
from daemon import processes
from daemon.backbone import is_fully_heard
from daemon.config import Config
from daemon.life import lifecycle, meeting
from daemon.life.jobs import BACKLOG, FIRST, NEW, Job, Jobs
from daemon.life.underway import Underway
from daemon.limits import seconds_for
from daemon.watching.scan import Scan
from daemon.watching.watch import look

if TYPE_CHECKING:
    from core.analysis import Glance, Probe

__all__ = ["Reading", "at_once"]


def at_once[Result](db: Database, step: Callable[[Result], None]) -> Callable[[Result], None]:
    """Let all that *step* records be one transaction: the disk is waited for once."""

    def taken(result: Result) -> None:
        with writing(db):
            step(result)

    return taken


class Reading:
    """From a file to what the record makes of it, told to the lifecycle by *handle*."""

    def __init__(
        self,
        db: Database,
        config: Config,
        scan: Scan,
        jobs: Jobs,
        underway: Underway,
        *,
        now: Callable[[], datetime],
        handle: Callable[[lifecycle.Event], None],
        trouble: Callable[[str, GenrewatchError], None],
    ) -> None:
        self._db = db
        self._config = config
        self._scan = scan
        self._jobs = jobs
        self._underway = underway
        self._now = now
        self._handle = handle
        self._trouble = trouble

    def turn(self, path: str) -> int:
        """Return how urgent it is to read the file."""
        row = files.file_at(self._db, path)
        if row is None or not row.was_read:
            return BACKLOG if row is not None and row.existing else NEW
        return NEW if row.state == "pending" else FIRST  # a person may have changed its tag

    def job(self, path: str) -> Job:
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
            done=at_once(self._db, lambda glance: self._glanced(path, glance)),
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

    def _note_state(self, path: str, read: Stamp) -> None:
        """Have the file looked at once more if it moved on while it was read."""
        entry = look(path)
        if entry is None or not read == self._underway.hand(path).stamp == entry.stamp:
            self._handle(lifecycle.Changed(path=path))

    def _probing(self, path: str) -> Job:
        return Job(
            call=processes.PROBE,
            arguments=(path,),
            options=meeting.probe_options(self._db, path),
            seconds=seconds_for(path, self._config.workers.timeout_seconds),
            done=at_once(self._db, lambda probe: self._probed(path, probe)),
            failed=lambda error: self._trouble(path, error),
            again=True,
        )

    def _probed(self, path: str, probe: "Probe") -> None:
        self._note_state(path, probe.stamp)
        at_hand = self._underway.hand(path)
        at_hand.duration_s, at_hand.unwritable = probe.duration_s, probe.tag.unwritable
        files.remember_track(self._db, probe.fingerprint, probe.duration_s, self._now())
        met = meeting.meet_probe(
            self._db,
            path,
            probe,
            self._config.policy.empty_values,
            self._scan.is_on_lost_mount,
            self._underway.is_awaited,
        )
        kept = hearings.hearing_of(self._db, probe.fingerprint)
        has_segments = is_fully_heard(kept, self._config.model)
        self._handle(lifecycle.Probed(path=path, met=met, has_segments=has_segments))
