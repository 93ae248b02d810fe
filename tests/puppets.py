"""A house of paper: the real record, journal, scan and steps over files that are JSON.

Nothing is decoded, so a file's whole life takes milliseconds and can be cut short at every
statement. A paper file says which audio it holds, its genres and its title; the worker that
stands in reads and rewrites it with real stats and a real rename. Time is a number that
only `settle` moves.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from core import registry
from core.analysis import Glance, Hearing, Probe
from core.analysis.disk import born_ns
from core.errors import AudioError, GenrewatchError, WorkerError, WriteRefused
from core.library import feedback_log, files, writes
from core.library.files import FileRow
from core.library.schema import open_library
from core.library.witness import Witness
from core.stamp import Stamp
from core.tags import Prepared, TagReading, WriteResult
from core.tags.journal import Writer
from core.tags.swap import exchange
from daemon import processes
from daemon.acts import Desk
from daemon.config import Config, Model, Policy, Watch
from daemon.life.steps import Clock
from daemon.supervisor import Supervisor

__all__ = ["FAINT", "GENRES", "Crash", "PaperHouse", "Worker", "guess", "paper", "read_paper"]

GENRES = ("Rock", "Jazz", "Folk")
FEATURES = 135
FAINT = "?"  # audio of such a name leaves the model in doubt
HEAD = 8  # letters of the audio's name by which it is known at a glance


class Crash(BaseException):
    """The process is gone, here and now."""


def paper(
    path: Path, audio: str, genres: tuple[str, ...] = (), title: str = "", **whose: str
) -> None:
    """Write a paper file, as a program does that writes in place; *whose*: artist and album."""
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {"audio": audio, "genres": list(genres), "title": title, **whose}
    path.write_text(json.dumps(said), "utf-8")


def read_paper(path: Path | str) -> dict[str, Any]:
    """Return what a paper file says; raises AudioError where it is torn."""
    try:
        found: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise AudioError("it breaks off", str(path)) from error
    return found


def guess(audio: str, model: str = "one") -> str:
    """Return the genre that a model hears in some audio."""
    return GENRES[hashlib.sha256(f"{audio}{model}".encode()).digest()[0] % len(GENRES)]


class PaperHouse:
    """One folder or more of paper files, the record of them, and the daemon's steps."""

    def __init__(
        self, root: Path, *, folders: tuple[str, ...] = ("music",), threshold: float = 0.0
    ):
        self.root = root
        self.folders = [root / name for name in folders]
        self.music = self.folders[0]
        self.models = root / "models"
        _make_model(self.models, "one")
        registry.Registry(self.models, self.models / "one").use("one")
        self.config = Config(
            watch=Watch(folders=tuple(map(str, self.folders)), settle_seconds=1.0),
            policy=Policy(threshold=threshold),
            model=Model(backbone="none"),  # paper makes no sound
        )
        self.witness = Witness(root / "writes.log")
        self.backbone: str | None = None  # which one there is, for models that need it
        self.time = 0.0
        self.lives = 0
        self.crash_at: int | None = None
        self.points = 0
        self.begin()

    # lives and deaths --------------------------------------------------------------------

    def begin(self, workers: Any = None) -> None:
        """Start the daemon, by default with a worker that is done at once."""
        self.lives += 1
        self.writer = Writer(pid=self.lives, started=str(self.lives), boot="paper")
        self.db = open_library(self.root / "library.db")
        self.db.execute("pragma synchronous = off")  # whoever dies here is no machine
        execute = self.db.execute
        self.db.execute = lambda *given: (self.point(), execute(*given))[1]  # type: ignore[method-assign]
        self.worker = Worker(self)
        workers = workers or self.worker
        self.witness.settle(self.db)
        tell = self.witness.recorder(self.db)
        models = registry.Registry(self.models, self.models / "one", backbone=lambda: self.backbone)
        self.daemon = Supervisor(
            self.db,
            models,
            self.config,
            workers,
            writer=self.writer,
            clock=Clock(monotonic=lambda: self.time, now=self.now),
            witness=tell,
            settle_witness=lambda: self.witness.settle(self.db),
        )
        self.desk = Desk(self.db, models, self.config, workers, writer=self.writer, witness=tell)

    def live(self) -> None:
        """Recover, rescan and go on until nothing is left to do."""
        self.daemon._scan.begin()
        self.daemon._recover()
        self.settle()

    def settle(self) -> None:
        """Rescan and let time pass until all is still, twice: our own writes are seen too."""
        for _ in range(2):
            self.daemon._rescan()
            self.work()

    def work(self) -> None:
        """Let time pass until nothing is waited for."""
        daemon = self.daemon
        for _ in range(1000):
            self.step()
            if len(daemon._jobs) or not daemon._inbox.empty():
                continue  # no time passes while there is something to do
            due = daemon._steps.next_due()
            if due is None:
                return
            self.time = max(self.time, due)
        raise AssertionError("it never comes to rest")

    def step(self) -> None:
        """Take one turn of the daemon's loop."""
        self.daemon._take_messages(0.0)
        self.daemon._tick()
        self.daemon._steps.try_again()
        self.daemon._steps.fall_due(self.time)
        self.daemon._jobs.start()

    def live_and_die(self, at: int) -> bool:
        """Live, but die at the *at*-th statement or act; say whether that point was met."""
        self.crash_at, self.points = at, 0
        try:
            self.live()
        except Crash:
            return True
        finally:
            self.crash_at = None
        return False

    def reborn(self) -> None:
        """Start anew with what is on disk, and live."""
        self.close()
        self.begin()
        self.live()

    def close(self) -> None:
        """Drop everything that is in memory."""
        self.db.conn.close()

    def new_model(self, name: str, backbone: str | None = None) -> None:
        """Let another model be the champion, one that needs the *backbone* if any."""
        _make_model(self.models, name, backbone)
        models = registry.Registry(self.models, self.models / "one", backbone=lambda: self.backbone)
        models.use(name)

    # what it knows -----------------------------------------------------------------------

    def row(self, path: Path) -> FileRow:
        """Return the record's row of a file."""
        row = files.file_at(self.db, str(path))
        assert row is not None, path
        return row

    def kinds(self, path: Path | None = None) -> list[str]:
        """Return the kinds of all feedback, or of that on one path."""
        rows = feedback_log.all_feedback(self.db)
        return [row.kind for row in rows if path is None or row.path == str(path)]

    def done(self, path: Path) -> list[tuple[str, ...]]:
        """Return the genre lists that were written to the file."""
        rows = writes.writes_at(self.db, str(path))
        return [row.new for row in rows if row.state in ("done", "undone") and row.cause != "undo"]

    def leftovers(self) -> list[Path]:
        """Return working copies that nobody has removed, and open writes."""
        scratch = [p for folder in self.folders for p in folder.rglob(".genrewatch-*")]
        return [*scratch, *(Path(row.path) for row in writes.open_writes(self.db))]

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime(2026, 5, 1, tzinfo=UTC) + timedelta(seconds=self.time)

    def point(self) -> None:
        self.points += 1
        if self.crash_at is not None and self.points == self.crash_at:
            raise Crash


@dataclass(slots=True)
class Worker:
    """A worker that is done at once, and that can die in the middle."""

    house: PaperHouse
    calls: list[str] = field(default_factory=list)
    paths: list[tuple[str, str]] = field(default_factory=list)  # what each call was about

    def free(self) -> bool:
        return True

    def busy(self) -> int:
        return 0

    def settle(self, now: float) -> None:
        pass

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
        try:
            result = self._carry_out(call, arguments, options)
        except GenrewatchError as error:
            done(None, error)
        else:
            done(result, None)

    def call(self, call: str, *arguments: Any, timeout: float, **options: Any) -> Any:
        return self._carry_out(call, arguments, options)

    def _carry_out(self, call: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        point = self.house.point
        self.calls.append(call)
        self.paths.append((call, str(arguments[0])))
        match call:
            case processes.GLANCE:
                probe = _probe(*arguments)
                return Glance(
                    head=probe.head, volume=probe.volume, stamp=probe.stamp, tag=probe.tag
                )
            case processes.PROBE:
                return _probe(*arguments, **options)
            case processes.ANALYSE:
                return _hearing(*arguments, embedded=self.house.backbone is not None)
            case processes.SCORE:
                features, folder = arguments
                return _scores(_audio_of(features), Path(folder).name, len(features))
            case processes.PREPARE:
                return prepare(*arguments, point=point, **options)
            case processes.PREPARE_BACK:
                return prepare_back(*arguments, point=point, **options)
            case processes.TAKE_PLACE:
                return take_place(*arguments, point=point)
        raise WorkerError(f"no such call: {call}")


def _probe(path: str, *, whole: bool = False) -> Probe:
    try:
        stat = os.stat(path)  # noqa: PTH116
    except OSError as error:
        raise AudioError("cannot be read", path) from error
    said = read_paper(path)
    return Probe(
        fingerprint=said["audio"],
        head=said["audio"][:HEAD],
        volume=stat.st_dev,
        duration_s=6.0,
        stamp=Stamp.of(stat),
        links=stat.st_nlink,
        born_ns=born_ns(path),
        whole=_digest(Path(path).read_bytes()) if whole else "",
        tag=TagReading(
            format="paper",
            genres=tuple(said["genres"]),
            other=said["title"],
            title=said["title"],
            **_whose(said),
        ),
    )


def _whose(said: dict[str, Any]) -> dict[str, str]:
    return {key: said[key] for key in ("artist", "album", "album_artist") if key in said}


def _hearing(path: str, folder: str, *, embedded: bool) -> Hearing:
    audio = read_paper(path)["audio"]
    model = Path(folder).name
    return Hearing(
        fingerprint=audio,
        duration_s=6.0,
        feature_version=1,
        model_version=model,
        starts_s=np.zeros(1, np.float32),
        features=_features(audio),
        scores=_scores(audio, model, 1),
        genres=GENRES,
        seconds_heard=5.0,
        embedding=np.ones((2, 200), np.float32) if embedded else None,
    )


def _features(audio: str) -> Any:
    """Hide the audio's name in the features, so that a kept hearing can be scored anew."""
    row = np.zeros((1, FEATURES), np.float32)
    letters = audio.encode()[:FEATURES]
    row[0, : len(letters)] = list(letters)
    return row


def _audio_of(features: Any) -> str:
    return bytes(int(value) for value in features[0] if value).decode()


def _scores(audio: str, model: str, count: int) -> Any:
    scores = np.zeros((1, count, len(GENRES)), np.float32)
    scores[..., GENRES.index(guess(audio, model))] = 1.0 if audio.endswith(FAINT) else 5.0
    return scores


def prepare(
    path: str,
    genres: tuple[str, ...],
    *,
    scratch: str,
    expected: Stamp | None,
    point: Callable[[], None] = lambda: None,
    **_: Any,
) -> Prepared:
    """Make the changed copy of a paper file, as a worker does."""
    before = Stamp.of(os.lstat(path)) if os.path.lexists(path) else None
    if before is None or (expected is not None and before != expected):
        raise WriteRefused("the file was changed meanwhile", path)
    said = read_paper(path)
    old = tuple(said["genres"])
    point()
    if old == tuple(genres):
        return _prepared(path, old, genres, before, None)
    shutil.copyfile(path, scratch)
    point()
    paper(Path(scratch), said["audio"], genres, said["title"], **_whose(said))
    point()
    return _prepared(path, old, genres, before, scratch)


def prepare_back(
    path: str,
    undo: bytes,
    hash_after: str,
    hash_before: str,
    genres: tuple[str, ...],
    written: tuple[str, ...],
    *,
    scratch: str,
    **options: Any,
) -> Prepared:
    """Make the copy that takes a write back: the bytes of before, or the genre alone."""
    whole = Path(path).read_bytes()
    if undo and _digest(whole) == hash_after:
        made = prepare(path, genres, scratch=scratch, **options)
        if made.changed:
            Path(scratch).write_bytes(undo)
            assert _digest(undo) == hash_before
            made = replace(made, copy=Stamp.of(os.lstat(scratch)))
        return made
    if tuple(read_paper(path)["genres"]) not in (written, genres):
        raise WriteRefused("the genre was changed since", path)
    return prepare(path, genres, scratch=scratch, **options)


def take_place(
    path: str, scratch: str, made: Prepared, *, point: Callable[[], None] = lambda: None
) -> WriteResult:
    """Exchange the copy and the file, as a worker does."""
    if not os.path.lexists(path) or Stamp.of(os.lstat(path)) != made.before:
        os.unlink(scratch)  # noqa: PTH108
        raise WriteRefused("the file was changed meanwhile", path)
    point()
    exchange(path, scratch)
    point()
    return WriteResult(
        old=made.old,
        new=made.new,
        before=made.before,
        after=Stamp.of(os.lstat(path)),
        kept=True,
        original=Stamp.of(os.lstat(scratch)),
    )


def _prepared(
    path: str, old: tuple[str, ...], new: tuple[str, ...], before: Stamp, scratch: str | None
) -> Prepared:
    whole = Path(path).read_bytes()
    return Prepared(
        old=old,
        new=tuple(new),
        before=before,
        undo=whole,
        hash_before=_digest(whole),
        hash_after=_digest(Path(scratch).read_bytes()) if scratch else "",
        changed=scratch is not None,
        copy=Stamp.of(os.lstat(scratch)) if scratch else None,
    )


def _digest(whole: bytes) -> str:
    return hashlib.sha256(whole).hexdigest()


def _make_model(root: Path, version: str, backbone: str | None = None) -> None:
    folder = root / version
    folder.mkdir(parents=True, exist_ok=True)
    calibration = {"temperature": 1.0, "bias": {}, "threshold": None, "promise": 0.9}
    (folder / "calibration.json").write_text(json.dumps(calibration), "utf-8")
    digest = hashlib.sha256((folder / "calibration.json").read_bytes()).hexdigest()
    manifest = {
        "format": 1, "version": version, "created": "2026-05-01T00:00:00+00:00",
        "feature_version": 1, "genres": list(GENRES),
        "members": [{"file": "calibration.json", "weight": 1.0}],
        "calibration": "calibration.json", "replay": "none", "files": {"calibration.json": digest},
        "provenance": "paper", "licence": "none", "training": {"fingerprints": []},
        "metrics": {"accuracy": 1.0, "low": 1.0, "high": 1.0, "n": 1, "protocol": "paper"},
        "backbone": {"name": "paper", "sha256": backbone} if backbone else None,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
