"""The real program in one process: supervisor, record, journal, nights; hearings from the cache.

Files are paper (a fingerprint and the genres, in memory where there is room), a worker stands
in that reads and rewrites them, and the clock is a number. Whatever decides is the program's
own: judge, memory, policy, promise, batches, the nightly training and its gate.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.learning.library import Clip
from core import registry
from core.analysis import Hearing, Probe, score
from core.analysis.features import FEATURE_VERSION
from core.errors import GenrewatchError, WorkerError
from core.learning import nightly
from core.library import files, writes
from core.library.arrivals import ArrivalRow, arrival_of
from core.library.files import FileRow
from core.library.schema import open_library
from core.stamp import Stamp
from core.tags import TagReading
from core.tags.journal import Writer
from daemon import processes
from daemon.acts import Desk
from daemon.config import Config, Policy, Training, Watch
from daemon.learning import training
from daemon.life.steps import Clock
from daemon.life.writing import Lot
from daemon.state import State
from daemon.supervisor import Supervisor
from daemon.telling.audits import Audit, due
from tests.puppets import paper, prepare, prepare_back, read_paper, take_place

__all__ = ["House", "room"]

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
APART_S = 1800.0  # between two files, or two acts of a person
SETTLE_S = 1.0


@contextmanager
def room() -> Iterator[Path]:
    """Lend a folder, in memory where there is some: every commit is synced."""
    memory = Path("/dev/shm")  # noqa: S108
    made = Path(mkdtemp(prefix="genrewatch-", dir=memory if memory.is_dir() else None))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


class House:
    """One library, the record of it, and the daemon that lives with it."""

    def __init__(
        self,
        root: Path,
        base: Path,
        clips: Mapping[str, Clip],
        *,
        members: int = 0,
        policy: Policy | None = None,
        training: Training | None = None,
        time: float = 0.0,
    ) -> None:
        """Move in under *root*, or in again at a later *time* of the clock."""
        self.music = root / "music"
        self.music.mkdir(parents=True, exist_ok=True)
        self.clips = clips
        self.time = time
        self.chance = Random(1)
        self.members = members  # transformers of a nightly training
        self.config = Config(
            watch=Watch(folders=(str(self.music),), settle_seconds=SETTLE_S),
            policy=policy or Policy(),
            training=training or Training(),
        )
        self.state = State(root=root / "state")
        self.state.create()
        self.db = open_library(self.state.library)
        self._hears_with = registry.load(base).backbone
        self.models = registry.Registry(
            self.state.models, base, base, backbone=lambda: self._hears_with
        )
        self.worker = Worker(self)
        writer = Writer(pid=1, started="1", boot="paper")
        self.daemon = Supervisor(
            self.db,
            self.models,
            self.config,
            self.worker,  # type: ignore[arg-type]
            writer=writer,
            clock=Clock(monotonic=lambda: self.time, now=self.now),
        )
        self.desk = Desk(self.db, self.models, self.config, self.worker, writer=writer)  # type: ignore[arg-type]
        self.daemon._scan.begin()
        self.daemon._rescan()
        self._work()

    def close(self) -> None:
        """Let go of the record."""
        self.db.close()

    def now(self) -> datetime:
        """Return the time of day."""
        return BEGAN + timedelta(seconds=self.time)

    def path(self, clip: Clip) -> Path:
        """Return where the file of *clip* lies."""
        return self.music / clip.path.removeprefix("/music/")

    # what happens ------------------------------------------------------------------------

    def arrive(self, *clips: Clip, genres: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """Let files come, all at once, and have the daemon deal with them.

        *genres* are those that stand in them already, by fingerprint.
        """
        self.time += APART_S
        for clip in clips:
            there = (genres or {}).get(clip.fingerprint, ())
            self._put(clip, there, "")
        self._work()

    def retag(
        self,
        *edits: tuple[Clip, tuple[str, ...]],
        other: str | None = None,
        within_s: float = 0.0,
    ) -> None:
        """Let somebody write genres into files, all *within_s*, by another program.

        *other* is what the other tags say from now on, where that program changes them too.
        """
        self.time += APART_S
        for clip, genres in edits:
            said = read_paper(self.path(clip))
            self._put(clip, genres, said["title"] if other is None else other)
            self.time += within_s / len(edits)
        self._work()

    def answer(self, clip: Clip, genre: str) -> None:
        """Let the person name the genre in review."""
        self.time += APART_S
        self.desk.tag(str(self.path(clip)), (genre,), self.now(), dry_run=False, via="review")
        self.daemon.hint(str(self.path(clip)))
        self._work()

    def audits(self) -> tuple[Audit, ...]:
        """Return what the program asks of its own writes just now."""
        return due(self.db, self.now(), self.chance, self.config.review.audits_per_week)

    def answer_audit(self, audit: Audit, genre: str) -> None:
        """Let the person say what an audited file is."""
        self.time += APART_S
        self.desk.answer_audit(audit, genre, self.now(), Lot())
        self.daemon.hint(audit.row.path)
        self._work()

    def night(self) -> training.Outcome:
        """Let the night come: the program's own training and gate, in this process."""
        self.time += APART_S
        with (
            patch.object(processes, "run_trainer", self._trainer),
            patch.object(training, "_now", self.now),
            patch.object(training, "open_models", lambda root, options: self.models),
        ):
            outcome = training.retrain(self.db, self.state, self.config, asked_by="night")
        self._work()
        return outcome

    # what is there -----------------------------------------------------------------------

    def row(self, clip: Clip) -> FileRow:
        """Return the record's row of the file."""
        found = files.file_at(self.db, str(self.path(clip)))
        if found is None:
            raise LookupError(f"the daemon does not know {self.path(clip)}")
        return found

    def guessed(self, clip: Clip) -> ArrivalRow:
        """Return the first guess of the clip."""
        found = arrival_of(self.db, clip.fingerprint)
        if found is None:
            raise LookupError(f"nothing was guessed of {clip.fingerprint}")
        return found

    def genres(self, clip: Clip) -> tuple[str, ...]:
        """Return what stands in the file."""
        return tuple(read_paper(self.path(clip))["genres"])

    def written(self, clip: Clip) -> list[tuple[str, ...]]:
        """Return the genre lists that we wrote to the file on our own account."""
        rows = writes.writes_at(self.db, str(self.path(clip)))
        return [row.new for row in rows if row.origin == "ours" and row.state == "done"]

    # how it works ------------------------------------------------------------------------

    def _put(self, clip: Clip, genres: tuple[str, ...], title: str) -> None:
        path = self.path(clip)
        paper(path, clip.fingerprint, genres, title)
        moment = int(self.now().timestamp() * 1e9)
        os.utime(path, ns=(moment, moment))
        self.daemon.hint(str(path))

    def _work(self) -> None:
        """Let time pass until nothing is waited for."""
        daemon = self.daemon
        while True:
            daemon._take_messages(0.0)
            daemon._tick()
            daemon._steps.try_again()
            daemon._steps.fall_due(self.time)
            daemon._jobs.start()
            if len(daemon._jobs) or not daemon._inbox.empty():
                continue  # no time passes while there is something to do
            due = daemon._steps.next_due()
            if due is None:
                return
            self.time = max(self.time, due)

    def _trainer(self, module: str, arguments: Sequence[str], **_: Any) -> Iterator[dict[str, Any]]:
        """Do what the nightly trainer does, here, without its own bounds and priority."""
        said: list[dict[str, Any]] = []
        with (
            patch.object(nightly, "speak", said.append),
            patch.object(nightly, "step_back", lambda: None),
            patch.object(nightly, "bounded", _unbounded),
            patch.object(nightly, "backbone_named", self._backbone),
        ):
            nightly.main([*arguments, "--members", str(self.members)])
        yield from said

    def _backbone(self, wish: str) -> tuple[str | None, str | None]:
        """The folder of the backbone, where it is here, and which one the hearings are from."""
        here = registry.backbone_source(registry.backbone_dir()) == self._hears_with
        return (str(registry.backbone_dir()) if here else None), self._hears_with


@contextmanager
def _unbounded(**_: float) -> Iterator[Callable[[], None]]:
    """Let a training take what it takes: this process holds much that is not its own."""
    yield lambda: None


class Worker:
    """A worker that is done at once: paper for files, the cache for ears."""

    def __init__(self, house: House) -> None:
        self._house = house

    def free(self) -> bool:
        """It always is."""
        return True

    def busy(self) -> int:
        """It never is."""
        return 0

    def settle(self, now: float) -> None:
        """There is nothing to end."""

    def start(
        self,
        call: str,
        arguments: tuple[Any, ...],
        options: dict[str, Any],
        *,
        deadline: float | None,
        done: Callable[[Any, GenrewatchError | None], None],
        seconds: float | None = None,
    ) -> None:
        """Carry out the call, and say what came of it."""
        try:
            result = self.call(call, *arguments, timeout=0.0, **options)
        except GenrewatchError as error:
            done(None, error)
        else:
            done(result, None)

    def call(self, call: str, *arguments: Any, timeout: float, **options: Any) -> Any:
        """Carry out the call; raises what the work raises."""
        match call:
            case processes.PROBE:
                return self._probe(*arguments)
            case processes.ANALYSE:
                return self._hear(*arguments)
            case processes.SCORE:
                return score(*arguments, **options)
            case processes.PREPARE:
                return prepare(*arguments, **options)
            case processes.PREPARE_BACK:
                return prepare_back(*arguments, **options)
            case processes.TAKE_PLACE:
                return take_place(*arguments)
        raise WorkerError(f"no such call: {call}")

    def _probe(self, path: str) -> Probe:
        said, stat = read_paper(path), os.stat(path)  # noqa: PTH116
        clip = self._house.clips[said["audio"]]
        return Probe(
            fingerprint=said["audio"],
            head=said["audio"],
            volume=stat.st_dev,
            duration_s=30.0,
            stamp=Stamp.of(stat),
            links=1,
            tag=TagReading(
                format="paper",
                genres=tuple(said["genres"]),
                artist=clip.artist,
                album=clip.album,
                other=said["title"],
            ),
        )

    def _hear(self, path: str, folder: str) -> Hearing:
        track = self._house.clips[read_paper(path)["audio"]].track
        manifest = registry.load(Path(folder))
        return Hearing(
            fingerprint=track.fingerprint,
            duration_s=30.0,
            feature_version=FEATURE_VERSION,
            model_version=manifest.version,
            starts_s=np.zeros(len(track.features), np.float32),
            features=track.features,
            scores=score(track.features, folder, track.embedding),
            genres=manifest.genres,
            seconds_heard=30.0,
            embedding=None if track.embedding is None else track.embedding[None],
        )
