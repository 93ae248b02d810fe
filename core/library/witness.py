"""The second witness: a plain log of finished tag writes and feedback beside the database.

One JSON object a line, appended and synced before the database commits, never shortened.
Read back when the database was lost or put back from a backup, so that what we wrote is
known as ours and never comes back as a person's word. Knows no tag format.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from core.errors import LibraryError
from core.library import feedback_log, files, lots, runs, writes
from core.library.codec import as_time, list_json, path_bytes
from core.library.feedback_log import FeedbackRow
from core.library.files import FileRow
from core.library.schema import writing
from core.library.writes import WriteRow
from core.stamp import Stamp
from core.tags.copying import sync_directory, sync_file

__all__ = ["Replayed", "Witness", "is_unread"]

Entry = dict[str, Any]

# what tells who a file is, as fields of its row
IDENTITY = (
    *("fingerprint", "head", "volume", "other", "artist", "album_artist", "album", "title"),
    *("composer", "compilation", "existing", "first_seen_at"),
)
MARK = "witness"  # setting: up to where the log was read, and the last feedback written to it


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What the database lacked and was put back from the log."""

    writes: int = 0
    feedback: int = 0
    unreadable: int = 0  # lines torn by a crash


@dataclass(frozen=True, slots=True)
class Witness:
    """The log at *path*."""

    path: Path

    def recorder(self, db: Database) -> Callable[[WriteRow], None]:
        """Return what the journal calls with each write, in the transaction that closes it."""
        return lambda row: self._record(db, writes.write_of(db, row.id) or row)

    def _record(self, db: Database, row: WriteRow) -> None:
        with self._told():
            self._append([_write_entry(db, row)])

    def settle(self, db: Database) -> Replayed:
        """Let log and database know the same: what one lacks is taken from the other.

        Raises LibraryError where the log cannot be read or written.
        """
        with self._told(), writing(db):
            return self._settle(db)

    def _settle(self, db: Database) -> Replayed:
        known = runs.get_setting(db, MARK)
        mark = known or {"read": 0, "feedback": 0}
        if self._size() < mark["read"] or not self._size():  # it was lost, or never was
            self._append(_write_entry(db, row) for row in writes.finished_writes(db))
            mark = {"read": self._size(), "feedback": 0}
        said = feedback_log.feedback_after(db, mark["feedback"])
        self._append(_feedback_entry(db, row) for row in said)
        done = _replayed(db, self._entries(mark["read"]))
        now = {"read": self._size(), "feedback": feedback_log.last_feedback_id(db)}
        if now != known:
            runs.set_setting(db, MARK, now)
        return done

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"the log of writes cannot be kept ({error.strerror})"
            remedy = "make room, and make it readable and writable"
            raise LibraryError(what, str(self.path), remedy) from error

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _append(self, entries: Iterable[Entry]) -> None:
        lines = "".join(json.dumps(entry) + "\n" for entry in entries)
        if not lines:
            return
        fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(fd, "rb+") as log:  # noqa: PTH123  a descriptor, not a name
            is_new, torn = _ending(fd)
            _write_whole(fd, ("\n" * torn + lines).encode("ascii"))
            sync_file(log)
        if is_new:
            sync_directory(str(self.path.parent))

    def _entries(self, start: int) -> Iterator[Entry | None]:
        """Yield what stands in the log from *start* on, None for a line that is torn."""
        if not self.path.exists():
            return
        with self.path.open("rb") as log:
            log.seek(start)
            for line in log:
                if line.strip():
                    yield _entry(line)


def is_unread(db: Database) -> bool:
    """Say whether the database has never met the log: it is new, or its settings are lost."""
    return runs.get_setting(db, MARK) is None


# lines ---------------------------------------------------------------------------------


def _ending(fd: int) -> tuple[bool, bool]:
    """Say whether the log is new, and whether its last line lacks its end."""
    size = os.fstat(fd).st_size
    return size == 0, size > 0 and os.pread(fd, 1, size - 1) != b"\n"


def _write_whole(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _entry(line: bytes) -> Entry | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _write_entry(db: Database, row: WriteRow) -> Entry:
    """Return the line of a write. Odd bytes of a path travel as escaped surrogates."""
    undone = writes.write_of(db, row.undoes) if row.undoes is not None else None
    return {
        "what": "write",
        "state": row.state,
        "at": row.begun_at,
        "closed": row.closed_at or row.begun_at,
        "path": row.path,
        "scratch": row.scratch,  # names the write for good: its process and its instant
        "fingerprint": row.fingerprint,
        "old": list(row.old),
        "new": list(row.new),
        "old_origin": row.old_origin,
        "origin": row.origin,
        "cause": row.cause,
        "undoes": undone.scratch if undone else None,
        "mtime_ns": row.after_mtime_ns,
        "lot": row.lot,
        "file": _file_entry(db, row.path),
    }


def _feedback_entry(db: Database, row: FeedbackRow) -> Entry:
    return {
        "what": "feedback",
        "at": row.at,
        "path": row.path,
        "fingerprint": row.fingerprint,
        "kind": row.kind,
        "old": list(row.old),
        "new": list(row.new),
        "via": row.via,
        "artist": row.artist,
        "album_artist": row.album_artist,
        "album": row.album,
        "composer": row.composer,
        "compilation": row.compilation,
        "edited_ns": row.edited_ns,
        "other_changed": row.other_changed,
        "lot": row.lot,
        "file": _file_entry(db, row.path),
    }


def _file_entry(db: Database, path: str) -> Entry | None:
    """Return the file as it is known now: by this a record that never met it knows it again."""
    row = files.file_at(db, path)
    if row is None or row.fingerprint is None:
        return None
    kept = {name: value for name in IDENTITY if (value := getattr(row, name))}
    duration_s = files.duration_of_track(db, row.fingerprint) or 0.0
    return kept | {"stamp": asdict(row.stamp), "duration_s": duration_s}


# reading back --------------------------------------------------------------------------


def _replayed(db: Database, entries: Iterable[Entry | None]) -> Replayed:
    done = Replayed()
    for entry in entries:
        if entry is None:
            done = replace(done, unreadable=done.unreadable + 1)
        elif entry.get("what") == "write":
            done = replace(done, writes=done.writes + _put_back_write(db, entry))
        elif entry.get("what") == "feedback":
            done = replace(done, feedback=done.feedback + _put_back_feedback(db, entry))
    return done


def _put_back_write(db: Database, entry: Entry) -> bool:
    """Insert the write if the database lacks it, or end it where it stands open there."""
    known = writes.write_named(db, entry["fingerprint"], entry["scratch"])
    if entry["state"] == "failed":  # done, and put back because somebody else had written, too
        return known is not None and known.state == "done" and _take_back(db, known, entry)
    if known is not None and known.state != "open":
        return False
    undone = writes.write_named(db, entry["fingerprint"], entry["undoes"])
    if known is None:
        _insert_write(db, entry, undone)
    else:
        _end(db, known, entry)
    if undone is not None:
        db.execute("update tag_writes set state = 'undone' where id = ?", [undone.id])
    _remember_write(db, entry)
    return True


def _take_back(db: Database, known: WriteRow, entry: Entry) -> bool:
    _end(db, known, entry)
    row = _row_of(db, entry)
    if row is not None and row.genres == known.new:
        as_before = replace(row, genres=known.old, origin=known.old_origin, state="pending")
        files.save_file(db, as_before, as_time(entry["closed"]))
    return True


def _end(db: Database, known: WriteRow, entry: Entry) -> None:
    values = [entry["state"], entry["closed"], entry["mtime_ns"], known.id]
    db.execute(
        "update tag_writes set state = ?, closed_at = ?, after_mtime_ns = ? where id = ?", values
    )


def _insert_write(db: Database, entry: Entry, undone: WriteRow | None) -> None:
    db.execute(
        """
        insert into tag_writes
            (path, scratch, fingerprint, old, new, old_origin, origin, cause, undoes, state,
             writer_pid, writer_started, begun_at, closed_at, after_mtime_ns, lot)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'done', 0, '', ?, ?, ?, ?)
        """,
        [
            path_bytes(entry["path"]),
            path_bytes(entry["scratch"]),
            entry["fingerprint"],
            list_json(entry["old"]),
            list_json(entry["new"]),
            entry["old_origin"],
            entry["origin"],
            entry["cause"],
            undone.id if undone else None,
            entry["at"],
            entry["closed"],
            entry["mtime_ns"],
            entry.get("lot"),  # not in a log of an older program
        ],
    )


def _put_back_feedback(db: Database, entry: Entry) -> bool:
    said = FeedbackRow(
        **{key: entry[key] for key in FEEDBACK_KEYS},
        old=tuple(entry["old"]),
        new=tuple(entry["new"]),
        composer=entry.get("composer"),  # not in a log of an older program, like these
        edited_ns=entry.get("edited_ns"),
        other_changed=entry.get("other_changed", False),
        lot=entry.get("lot"),
    )
    if any(_is_same_word(said, row) for row in feedback_log.story_of_track(db, said.fingerprint)):
        return False
    if lots.is_withdrawal(said):
        return _put_back_withdrawal(db, said)
    feedback_log.record_feedback(db, said, as_time(said.at))
    if said.via == "retag":  # any other word came with a write, or left the file as it was
        _remember_retag(db, entry, said)
    return True


def _put_back_withdrawal(db: Database, said: FeedbackRow) -> bool:
    refused = [row for row in lots.refusals_of(db, said.fingerprint) if row.old == said.new]
    if refused:
        lots.withdraw(db, replace(refused[0], path=said.path), as_time(said.at))
    return bool(refused)


FEEDBACK_KEYS = (
    *("path", "fingerprint", "kind", "via", "artist", "album_artist", "album", "compilation", "at"),
)


def _is_same_word(one: FeedbackRow, other: FeedbackRow) -> bool:
    return replace(one, id=0, path="") == replace(other, id=0, path="")


def _remember_write(db: Database, entry: Entry) -> None:
    """Let the file's row know our write."""
    row = _row_of(db, entry)
    if row is None:
        return
    undone, ours = entry["cause"] == "undo", entry["origin"] == "ours"
    known = replace(
        row,
        genres=tuple(entry["new"]),
        origin=entry["origin"],
        state="tagged" if ours and not undone else "left",
        reason="undone; left alone until you name it again" if undone else "",
        hands_off=undone,
    )
    files.save_file(db, known, as_time(entry["closed"]))


def _remember_retag(db: Database, entry: Entry, said: FeedbackRow) -> None:
    row = _row_of(db, entry)
    if row is None:
        return
    put_back = said.kind == "reversion"
    theirs = "person" if not put_back else ("arrived" if said.new else "none")
    known = replace(row, genres=said.new, origin=theirs, state="left", hands_off=put_back)
    files.save_file(db, known, as_time(said.at))


def _row_of(db: Database, entry: Entry) -> FileRow | None:
    """Return the file's row; where it is unknown, as it was then, to be found where it lies now.

    None where other music lies there, or nothing was known of it then.
    """
    row, told = files.file_at(db, entry["path"]), entry["file"]
    if row is not None and row.fingerprint is not None:
        return row if row.fingerprint == entry["fingerprint"] else None
    if told is None or told["fingerprint"] != entry["fingerprint"]:
        return None
    if row is not None and row.was_read and row.head != told.get("head"):
        return None
    at = entry.get("closed") or entry["at"]
    files.remember_track(db, told["fingerprint"], told["duration_s"], as_time(at))
    kept = {name: told[name] for name in IDENTITY if name in told}
    stamp = Stamp(**told["stamp"])
    return FileRow(path=entry["path"], stamp=stamp, state="left", gone_at=at, **kept)
