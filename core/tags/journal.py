"""The promise that a tag write is whole or never was: begin, commit, abandon, recover.

The journal's row is on disk before a worker touches anything; the worker changes a copy
under a name the row holds. What a crash leaves open is closed at the next start by
looking at the file. Runs in the resident; knows the library, never a tag format.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlite_utils import Database

from core.errors import WriteRefused
from core.library import files, writes
from core.library.files import FileRow
from core.library.schema import writing
from core.library.writes import WriteRow
from core.stamp import Stamp
from core.tags import WriteResult

__all__ = [
    "Job",
    "Writer",
    "abandon",
    "begin",
    "begin_undo",
    "commit",
    "recover",
    "resolve",
    "scratch_name",
]

Extra = Callable[[WriteRow, FileRow], None]

SCRATCH_MARK = ".genrewatch-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The process that writes: a pid alone would be taken for another after a reboot."""

    pid: int
    started: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A write that was begun: what the worker needs and what commit will record."""

    write: int
    path: str
    scratch: str
    genres: tuple[str, ...]
    origin: str
    cause: str
    expected: Stamp | None
    hands_off: bool = False


def scratch_name(path: str, token: str) -> str:
    """Return a dot name beside *path* without an audio extension, at most 255 bytes long."""
    folder, _, _ = path.rpartition("/")
    return f"{folder}/{SCRATCH_MARK}{token}.tmp"


def begin(
    db: Database,
    row: FileRow,
    genres: tuple[str, ...],
    *,
    origin: str,
    cause: str,
    writer: Writer,
    now: datetime,
    undoes: int | None = None,
) -> Job:
    """Record that *genres* will be written to the file, and return the job for a worker.

    Raises WriteRefused where another process is writing this very file.
    """
    scratch = scratch_name(row.path, f"{writer.pid}-{now:%Y%m%d%H%M%S%f}")
    with writing(db):
        if writes.open_write_at(db, row.path):
            raise WriteRefused("another write of this file is under way", row.path, "try again")
        write = writes.open_write(
            db,
            WriteRow(
                path=row.path,
                scratch=scratch,
                fingerprint=row.fingerprint,
                old=row.genres,
                new=genres,
                old_origin=row.origin,
                origin=origin,
                cause=cause,
                undoes=undoes,
                writer_pid=writer.pid,
                writer_started=writer.started,
            ),
            now,
        )
    return Job(
        write=write,
        path=row.path,
        scratch=scratch,
        genres=genres,
        origin=origin,
        cause=cause,
        expected=row.stamp,
        hands_off=undoes is not None,
    )


def begin_undo(db: Database, row: FileRow, past: WriteRow, *, writer: Writer, now: datetime) -> Job:
    """Record that the file's genres go back to what stood there before *past*.

    Raises WriteRefused where someone changed the genre or the music since: that stands.
    """
    if row.fingerprint != past.fingerprint:
        raise WriteRefused(
            "other music lies there now, so there is nothing of ours to take back", row.path
        )
    if row.genres != past.new:
        raise WriteRefused(
            "the genre was changed since, so there is nothing of ours to take back", row.path
        )
    return begin(
        db,
        row,
        past.old,
        origin=past.old_origin,
        cause="undo",
        writer=writer,
        now=now,
        undoes=past.id,
    )


def commit(
    db: Database,
    job: Job,
    result: WriteResult,
    now: datetime,
    extra: Callable[[FileRow], None] = lambda row: None,
) -> None:
    """Close the write and record the file as it now is, in one transaction with *extra*."""
    with writing(db):
        writes.close_write(
            db, job.write, "done", now, old=result.old, after_mtime_ns=result.after.mtime_ns
        )
        row = files.file_at(db, job.path)
        if row is not None:
            written = _as_written(row, job, result)
            files.save_file(db, written, now)
            extra(written)


def abandon(db: Database, job: Job, reason: str, now: datetime) -> None:
    """Close the write as failed: the file is as before. A worker that died left its copy."""
    with suppress(OSError):
        Path(job.scratch).unlink(missing_ok=True)
    with writing(db):
        writes.close_write(db, job.write, "failed", now, reason=reason)


def recover(
    db: Database,
    alive: Callable[[Writer], bool],
    genres_of: Callable[[str], tuple[tuple[str, ...], Stamp] | None],
    now: datetime,
    extra: Extra = lambda write, row: None,
) -> list[str]:
    """Close the writes that dead writers left open, and return the paths.

    *genres_of* reads a file's genres and stamp, None where it cannot. *extra* is done in the
    transaction of a write that turns out to be done.
    """
    touched = []
    for row in writes.open_writes(db):
        if alive(Writer(pid=row.writer_pid, started=row.writer_started)):
            continue
        resolve(db, row, genres_of(row.path), now, extra)
        touched.append(row.path)
    return touched


def resolve(
    db: Database,
    row: WriteRow,
    found: tuple[tuple[str, ...], Stamp] | None,
    now: datetime,
    extra: Extra = lambda write, row: None,
) -> bool:
    """Close a write whose worker did not live to answer, remove its copy, say if it was done.

    It was when *found*, the file's genres and stamp now, are the ones asked for; else it
    never was, and the file is looked at anew.
    """
    with suppress(OSError):
        Path(row.scratch).unlink(missing_ok=True)
    if found is None or found[0] != row.new:
        with writing(db):
            writes.close_write(db, row.id, "failed", now, reason="stopped before it was done")
        return False
    job = Job(
        write=row.id,
        path=row.path,
        scratch=row.scratch,
        genres=row.new,
        origin=row.origin,
        cause=row.cause,
        expected=None,
        hands_off=row.undoes is not None,
    )
    stamp = found[1]
    result = WriteResult(old=row.old, new=row.new, before=stamp, after=stamp)
    commit(db, job, result, now, lambda file: extra(row, file))
    return True


def _as_written(row: FileRow, job: Job, result: WriteResult) -> FileRow:
    ours = job.origin == "ours"
    return replace(
        row,
        genres=result.new,
        stamp=result.after,
        origin=job.origin,
        state="tagged" if ours else "left",
        reason=_reason(job),
        hands_off=job.hands_off,
        gone_at=None,
    )


def _reason(job: Job) -> str:
    if job.cause == "undo":
        return "undone; left alone until you name it again"
    return "" if job.origin == "ours" else "you named the genre"


def is_scratch(name: str) -> bool:
    """Say whether a file name is one of our working copies."""
    return os.path.basename(name).startswith(SCRATCH_MARK)  # noqa: PTH119  odd bytes survive
