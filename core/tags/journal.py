"""The promise that a tag write is whole or never was: begin, prepared, commit, abandon, undo.

The row is on disk before a worker touches anything, what takes the write back before the
file is replaced; the replaced original is kept until the row is closed. Runs in the
resident; knows the library and names on disk, never a tag format.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlite_utils import Database

from core.errors import LibraryError, WriteDelayed, WriteRefused, WriteUnderWay
from core.library import files, lots, writes
from core.library.files import FileRow
from core.library.schema import on_disk, writing
from core.library.writes import WriteRow
from core.stamp import Stamp
from core.tags import Prepared, WriteResult, remains
from core.tags.remains import Lying

__all__ = [
    "SCRATCH_MARK",
    "Back",
    "Extra",
    "Job",
    "Writer",
    "abandon",
    "begin",
    "begin_undo",
    "check_undo",
    "clear",
    "commit",
    "find_out",
    "is_open",
    "is_scratch",
    "nothing_more",
    "prepared",
    "recover",
    "resolve",
    "scratch_name",
    "sweep",
]

Extra = Callable[[WriteRow, FileRow], None]  # what is recorded together with a finished write
Genres = Callable[[str], tuple[tuple[str, ...], Stamp] | None]
Witness = Callable[[WriteRow], None]

SCRATCH_MARK = ".genrewatch-"
STOPPED = "stopped before it was done"
WRITTEN_ELSEWHERE = "another program was writing to it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The process that writes: a pid alone would be taken for another after a reboot."""

    pid: int
    started: str
    boot: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """What a worker needs to take a write back: its undo record, and what it wrote."""

    undo: bytes  # empty where none is kept: then only the genre goes back
    hash_before: str
    hash_after: str
    written: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A write that was begun, and what the worker needs."""

    write: int
    path: str
    scratch: str
    genres: tuple[str, ...]
    expected: Stamp | None
    back: Back | None = None  # of an undo
    lot: str | None = None  # the name of the act that it is a part of


def scratch_name(path: str, token: str) -> str:
    """Return a dot name beside *path* without an audio extension, at most 255 bytes long."""
    folder, _, _ = path.rpartition("/")
    return f"{folder}/{SCRATCH_MARK}{token}.tmp"


def is_scratch(name: str) -> bool:
    """Say whether a file name is one of our working copies."""
    return os.path.basename(name).startswith(SCRATCH_MARK)  # noqa: PTH119  odd bytes survive


def nothing_more(write: WriteRow, row: FileRow) -> None:
    """Record nothing together with a finished write."""


# the course of a write -------------------------------------------------------------------


def begin(
    db: Database,
    row: FileRow,
    genres: tuple[str, ...],
    *,
    origin: str,
    cause: str,
    writer: Writer,
    now: datetime,
    past: WriteRow | None = None,
    lot: str | None = None,
) -> Job:
    """Record that *genres* will be written to the file, and return the job for a worker.

    *past* is the write that this one takes back, *lot* the name of the act that this one is a
    part of, empty where it is the first of one. Raises WriteUnderWay where another process
    is writing this very file, LibraryError within another transaction: the row would reach the
    disk too late.
    """
    with on_disk(db):
        if writes.open_write_at(db, row.path):
            raise WriteUnderWay("another write of this file is under way", row.path, "try again")
        # the number tells apart what is begun in one instant, the rest what was lost since
        number = writes.next_write(db)
        token = f"{writer.pid}-{now:%Y%m%d%H%M%S%f}-{number}"
        opened = WriteRow(
            path=row.path,
            scratch=scratch_name(row.path, token),
            fingerprint=row.fingerprint,
            old=row.genres,
            new=genres,
            old_origin=row.origin,
            origin=origin,
            cause=cause,
            undoes=past.id if past else None,
            writer_pid=writer.pid,
            writer_started=writer.started,
            writer_boot=writer.boot,
            lot=lots.new_name(db, writer.pid, now) if lot == "" else lot,
        )
        write = writes.open_write(db, opened, now)
    return Job(
        write=write,
        path=row.path,
        scratch=opened.scratch,
        genres=genres,
        expected=row.stamp,
        back=_back(db, past) if past else None,
        lot=opened.lot,
    )


def begin_undo(db: Database, row: FileRow, past: WriteRow, *, writer: Writer, now: datetime) -> Job:
    """Record that the file's genres go back to what stood there before *past*.

    Raises WriteRefused where someone changed the genre or the music since: that stands.
    """
    check_undo(row, past)
    return begin(
        db,
        row,
        past.old,
        origin=past.old_origin,
        cause="undo",
        writer=writer,
        now=now,
        past=past,
    )


def check_undo(row: FileRow, past: WriteRow) -> None:
    """Raise WriteRefused where *past* is no more what stands in the file."""
    if row.fingerprint != past.fingerprint:
        raise WriteRefused(
            "other music lies there now, so there is nothing of ours to take back", row.path
        )
    if row.genres != past.new:
        raise WriteRefused(
            "the genre was changed since, so there is nothing of ours to take back", row.path
        )


def clear(db: Database, job: Job) -> None:
    """Remove the unfinished copy that a dead worker left, before another tries."""
    remains.remove(_row(db, job.write))


def prepared(db: Database, job: Job, made: Prepared, now: datetime) -> None:
    """Record that the copy is whole on disk, and what takes the write back.

    Raises LibraryError within another transaction.
    """
    copy = made.copy or remains.stamp_at(job.scratch)
    with on_disk(db):
        writes.save_prepared(
            db,
            job.write,
            now,
            old=made.old,
            before=made.before,
            copy=copy if made.changed else None,
            hashes=(made.hash_before, made.hash_after),
            undo=made.undo if made.changed and job.back is None else None,
        )


def commit(
    db: Database,
    job: Job,
    result: WriteResult,
    now: datetime,
    extra: Extra = nothing_more,
    witness: Witness = lambda row: None,
) -> None:
    """Close the write, record the file as it now is, and remove the kept original.

    *extra* is done in the same transaction. Raises WriteDelayed where another program, which
    had the original open, wrote to it meanwhile: then that stands again.
    """
    row = _row(db, job.write)
    kept = remains.stamp_at(row.scratch)  # None: its folder was moved, and it with it
    if result.original is not None and kept is not None and kept != result.original:
        _take_back(db, row, now)
        raise WriteDelayed(WRITTEN_ELSEWHERE, row.path)
    _close(db, row, result.old, result.after, now, extra, witness)
    if not _let_go(db, row, now, witness):
        raise WriteDelayed(WRITTEN_ELSEWHERE, row.path)


def abandon(db: Database, job: Job, reason: str, now: datetime) -> None:
    """Close a write that failed before its copy could take the file's place."""
    find_out(db, job, now, reason=reason)


def find_out(
    db: Database,
    job: Job,
    now: datetime,
    *,
    reason: str,
    extra: Extra = nothing_more,
    witness: Witness = lambda row: None,
) -> bool:
    """Close a write by what the disk shows, whatever its worker said; say if it was done."""
    row = _row(db, job.write)
    return resolve(db, row, now, reason=reason, extra=extra, witness=witness)


def is_open(db: Database, job: Job) -> bool:
    """Say whether the write has not been closed yet."""
    return _row(db, job.write).state == "open"


# after a crash ---------------------------------------------------------------------------


def recover(
    db: Database,
    alive: Callable[[Writer], bool],
    genres_of: Genres,
    now: datetime,
    extra: Extra = nothing_more,
    witness: Witness = lambda row: None,
) -> list[str]:
    """Close the writes that dead writers left, remove their leftovers, and return the paths.

    *genres_of* reads a file's genres and stamp, None where it cannot. *extra* is done in the
    transaction of a write that turns out to be done.
    """
    touched = []
    for row in [*writes.open_writes(db), *writes.kept_writes(db)]:
        if alive(Writer(pid=row.writer_pid, started=row.writer_started, boot=row.writer_boot)):
            continue
        if row.state == "open":
            resolve(db, row, now, genres_of=genres_of, extra=extra, witness=witness)
        elif row.state != "failed":
            _let_go(db, row, now, witness)
        elif remains.remove(row):
            writes.let_go(db, row.id)
        touched.append(row.path)
    return touched


def sweep(db: Database, paths: Iterable[str]) -> list[str]:
    """Clear away what lies at *paths* as working copies of ours, and return what is gone.

    It may lie elsewhere than it was made: its folder was moved during the write. What no
    write knows may be another machine's, or of another state: it stays.
    """
    return [path for path in paths if _is_swept(db, path)]


def _is_swept(db: Database, leftover: str) -> bool:
    """Let the file beside be what the record says: the new one where that is done, or the old."""
    folder, _, name = leftover.rpartition("/")
    row = writes.write_with_scratch(db, name)
    if row is None or row.state == "open":  # an open one is for recover
        return False
    here = replace(row, path=f"{folder}/{row.path.rpartition('/')[2]}", scratch=leftover)
    failed = row.state == "failed"
    match remains.lying(here):
        case Lying.UNTOUCHED:
            gone = remains.remove(here)
        case Lying.IN_PLACE if not failed:
            gone = remains.remove(here)
        case Lying.IN_PLACE | Lying.EDITED | Lying.STRANGER if failed:
            gone = remains.put_back(here)
        case _:
            return False
    if gone:
        with writing(db):
            writes.let_go(db, row.id)
    return gone


def resolve(
    db: Database,
    row: WriteRow,
    now: datetime,
    *,
    reason: str = STOPPED,
    genres_of: Genres = lambda path: None,
    extra: Extra = nothing_more,
    witness: Witness = lambda row: None,
) -> bool:
    """Close a write that nobody is at any more, by which file lies where; say if it was done.

    Where that cannot be told by stat, *genres_of* is asked; where it cannot either, the
    write counts as failed, and its genres may yet be found somewhere as ours.
    """
    match remains.lying(row):
        case Lying.UNTOUCHED:
            kept = not remains.remove(row)
            with writing(db):
                writes.fail_write(db, row.id, reason, now, kept=kept)
            return False
        case Lying.EDITED | Lying.STRANGER:
            _take_back(db, row, now)
            return False
        case Lying.IN_PLACE:
            here = remains.stamp_at(row.path)
            stamp = here if remains.is_copy(row, here) else row.copy
        case Lying.UNCLEAR:
            found = genres_of(row.path)
            if found is None or found[0] != row.new:
                gone = remains.remove(row)
                with writing(db):
                    writes.close_write(db, row.id, "failed", now, reason=reason)
                    if gone:
                        writes.let_go(db, row.id)
                return False
            stamp = found[1]
    _close(db, row, row.old, stamp, now, extra, witness)
    return _let_go(db, row, now, witness)


def _close(
    db: Database,
    row: WriteRow,
    old: tuple[str, ...],
    after: Stamp | None,
    now: datetime,
    extra: Extra,
    witness: Witness,
) -> None:
    with writing(db):
        mtime_ns = after.mtime_ns if after else None
        writes.close_write(db, row.id, "done", now, old=old, after_mtime_ns=mtime_ns)
        file = files.file_at(db, row.path)
        if file is not None:
            written = _as_written(file, row, after or file.stamp)
            files.save_file(db, written, now)
            extra(row, written)
        witness(row)


def _let_go(db: Database, row: WriteRow, now: datetime, witness: Witness) -> bool:
    """Remove the original that was kept, once it is sure that nobody wrote to it; say if so."""
    if row.copy is not None and remains.lying(row) not in (Lying.IN_PLACE, Lying.UNCLEAR):
        _take_back(db, _row(db, row.id), now)
        witness(_row(db, row.id))  # it knows the write as done
        return False
    if remains.remove(row):
        with writing(db):
            writes.let_go(db, row.id)
    return True


def _take_back(db: Database, row: WriteRow, now: datetime) -> None:
    """Put what lies under the scratch name in its place again, and say that nothing was written.

    Where our copy is there no more, moved away or written over, both files stay where they
    are: one of them holds what another program wrote, and the row remembers it.
    """
    cleared = remains.put_back(row)
    with writing(db):
        writes.fail_write(db, row.id, WRITTEN_ELSEWHERE, now, kept=not cleared)
        file = files.file_at(db, row.path)
        if file is not None and file.genres == row.new and row.state != "open":
            files.save_file(db, _as_before(file, row), now)


def _row(db: Database, write: int) -> WriteRow:
    row = writes.write_of(db, write)
    if row is None:
        raise LibraryError(f"write {write} is not in the record", None, "restore a backup")
    return row


def _back(db: Database, past: WriteRow) -> Back:
    return Back(
        undo=writes.undo_record(db, past.id),
        hash_before=past.hash_before or "",
        hash_after=past.hash_after or "",
        written=past.new,
    )


def _as_written(file: FileRow, row: WriteRow, after: Stamp) -> FileRow:
    ours = row.origin == "ours"
    return replace(
        file,
        genres=row.new,
        stamp=after,
        origin=row.origin,
        state="tagged" if ours else "left",
        reason=_reason(row),
        hands_off=row.undoes is not None,
        gone_at=None,
        tries=0,
        retry_at=None,
    )


def _as_before(file: FileRow, row: WriteRow) -> FileRow:
    return replace(file, genres=row.old, origin=row.old_origin, state="pending", reason="")


def _reason(row: WriteRow) -> str:
    if row.undoes is not None:
        return "undone; left alone until you name it again"
    return "" if row.origin == "ours" else "you named the genre"
