"""One file, its record, and a whole save or undo of it, for benchmarks that disturb them.

The write goes the program's own way: journal, copy, undo record, exchange, close; only the
worker's calls are made in this very process. Judging goes another way: plain mutagen and
PyAV say what became of the file. Nothing here strikes.
"""

import hashlib
import importlib
import os
import sys
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.decision.feedback import Origin
from core.errors import GenrewatchError, WorkerError
from core.library import files, writes
from core.library.files import FileRow
from core.library.schema import open_library
from core.stamp import Stamp
from core.tags import journal
from core.tags.formats import read
from daemon import processes
from daemon.config import Config
from daemon.life.writing import Pen, carry_out
from tests.audio import genres_in, make_audio, retag, suffix
from tests.tagging import fill, others, packets

__all__ = ["NEW", "OLD", "Here", "Judge", "Room", "Sample", "make_sample", "quick_disk"]

OLD, NEW = "Old", "R&B/Soul"
TRACK = "f1"
COVER = 20_000  # bytes of picture: enough to be lost, little to copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A music file of some format, with the genre OLD."""

    fmt: str
    data: bytes

    @property
    def name(self) -> str:
        """Its name in the room."""
        return f"a{suffix(self.fmt)}"


def make_sample(folder: Path, fmt: str, *, full: bool, seed: int = 0) -> Sample:
    """Make a second of music with a genre; *full* adds a picture and many other tags.

    Encoders leave threads behind, so a process that is to fork makes no sample.
    """
    path = make_audio(folder / f"made-{seed}{suffix(fmt)}", fmt, seconds=1, title="T", seed=seed)
    if full:
        fill(path, cover=COVER)
    retag(path, genre=OLD, v2_version=3 if fmt == "mp3" else 4)
    return Sample(fmt=fmt, data=path.read_bytes())


def quick_disk() -> str | None:
    """Return a folder in memory, where there is one: faults need no slow disk."""
    shm = "/dev/shm"  # noqa: S108
    return shm if sys.platform == "linux" and os.access(shm, os.W_OK) else None


class Here:
    """Stands in for the workers: their calls are made at once, in this process."""

    def call(self, call: str, *arguments: Any, timeout: float, **options: Any) -> Any:
        """Make a call as a worker does; what it did not foresee is told as a worker tells it."""
        module, _, name = call.partition(":")
        try:
            return getattr(importlib.import_module(module), name)(*arguments, **options)
        except GenrewatchError:
            raise
        except Exception as error:
            raise WorkerError(f"an unexpected fault ({type(error).__name__}: {error})") from error

    def close(self, *, kill: bool = False) -> None:
        """Do nothing: there is nobody to end."""


@dataclass(slots=True)
class Room:
    """A music folder with one file in it, and a state directory with its record."""

    root: Path
    sample: Sample
    path: Path = field(init=False)
    record: bytes = field(init=False)  # a record that knows the file
    undoable: tuple[bytes, bytes] = field(init=False)  # file and record after a write
    stamp: Stamp = field(init=False)  # of the file as it was laid

    def __post_init__(self) -> None:
        for folder in (self.music, self.state):
            folder.mkdir(parents=True, exist_ok=True)
        self.path = self.music / self.sample.name
        self.path.write_bytes(self.sample.data)
        self.stamp = _stamp(self.path)
        db = open_library(self.library)
        with closing(db.conn):
            files.remember_track(db, TRACK, 1.0, datetime.now(UTC))
            files.save_file(db, self._row(), datetime.now(UTC))
        self.record = self.library.read_bytes()
        self.save()
        self.undoable = self.path.read_bytes(), self.library.read_bytes()

    @property
    def music(self) -> Path:
        """Where the file lies."""
        return self.root / "music"

    @property
    def state(self) -> Path:
        """Where the record lies."""
        return self.root / "state"

    @property
    def library(self) -> Path:
        """The record."""
        return self.state / "library.db"

    def lay(self, *, written: bool = False) -> None:
        """Put everything as it was at first, or as it was after the write."""
        data, record = self.undoable if written else (self.sample.data, self.record)
        for folder in (self.music, self.state):
            for entry in folder.iterdir():
                entry.unlink()
        self.path.write_bytes(data)
        self.library.write_bytes(record)
        self.look()

    def look(self) -> None:
        """Take the file for known as it lies there now."""
        self.stamp = _stamp(self.path)

    def save(self) -> None:
        """Write NEW into the file, the program's way."""
        db = open_library(self.library)
        with closing(db.conn):
            row = replace(self._known(db), stamp=self.stamp)
            carry_out(self._pen(db).write(row, (NEW,), Origin.OURS, "drop"), Here())

    def undo(self) -> None:
        """Take the last write back, the program's way."""
        db = open_library(self.library)
        with closing(db.conn):
            row = replace(self._known(db), stamp=self.stamp)
            past = writes.newest_standing_write(db, str(self.path))
            assert past is not None
            carry_out(self._pen(db).undo(row, past), Here())

    def save_naively(self) -> None:
        """Write NEW as any tag editor does: plain mutagen, in place."""
        retag(self.path, genre=NEW)

    def start_anew(self) -> str:
        """Recover as the next start of the daemon does; say what is wrong then, "" if nothing."""
        db = open_library(self.library)
        with closing(db.conn):
            journal.recover(db, lambda _: False, genres_and_stamp, datetime.now(UTC))
            left = self.root.rglob(f"{journal.SCRATCH_MARK}*")
            journal.sweep(db, [str(path) for path in left])  # as a rescan does
            for leftover in self.root.rglob(f"{journal.SCRATCH_MARK}*"):  # as a rescan does
                journal.sweep(db, str(leftover))
            if writes.open_writes(db):
                return "a write is still open"
            known, found = self._known(db).genres, genres_and_stamp(str(self.path))
            if found is not None and found[0] != known:
                return f"the record says {known}, the file {found[0]}"
        return ""

    def leftovers(self) -> list[str]:
        """Return what lies in the folder beside the file."""
        return sorted(entry.name for entry in self.music.iterdir() if entry != self.path)

    def _known(self, db: Any) -> FileRow:
        row = files.file_at(db, str(self.path))
        assert row is not None
        return row

    def _pen(self, db: Any) -> Pen:
        writer = processes.this_process()
        return Pen(db, Config(), writer=writer, now=lambda: datetime.now(UTC))

    def _row(self) -> FileRow:
        return FileRow(
            path=str(self.path),
            stamp=self.stamp,
            state="pending",
            fingerprint=TRACK,
            genres=(OLD,),
            origin="ours",
        )


class Judge:
    """Says what a file is, compared with a sample; knows nothing of how it was written."""

    def __init__(self, path: Path, *, exact: bytes | None = None) -> None:
        self._packets, self._others = packets(path), others(path)
        self._mode = path.stat().st_mode
        self._exact = exact  # what a file with the genre OLD must be, byte for byte
        self._known: dict[bytes, str] = {}

    def what(self, path: Path) -> str:
        """Return "old" or "new", else what is wrong with the file at *path*."""
        if not path.exists():
            return "the file is gone"
        if path.stat().st_mode != self._mode:
            return "its mode changed"
        data = path.read_bytes()
        key = hashlib.blake2b(data).digest()
        if key not in self._known:
            self._known[key] = self._look(path, data)
        return self._known[key]

    def _look(self, path: Path, data: bytes) -> str:
        try:
            genres, heard, told = genres_in(path), packets(path), others(path)
        except Exception as error:  # the judges themselves give up on it
            return f"it cannot be read ({type(error).__name__})"
        if heard != self._packets:
            return "the audio is damaged"
        if told != self._others:
            return "other tags are lost"
        if genres == [OLD] and self._exact not in (None, data):
            return "it is not bit for bit what it was"
        return {(OLD,): "old", (NEW,): "new"}.get(tuple(genres), f"the genre is {genres}")


def genres_and_stamp(path: str) -> tuple[tuple[str, ...], Stamp] | None:
    """Return a file's genres and stamp, None where it cannot be read."""
    try:
        return read(path).genres, _stamp(Path(path))
    except (GenrewatchError, OSError):
        return None


def _stamp(path: Path) -> Stamp:
    return Stamp.of(path.lstat())
