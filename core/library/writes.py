"""The journal's rows: every change of a tag that was begun, and how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from core.library.codec import as_list, list_json, path_bytes, path_text, time_text
from core.stamp import Stamp

__all__ = [
    "GUESS",
    "PROPAGATION",
    "WriteRow",
    "answers_taken_back",
    "close_write",
    "fail_write",
    "finished_writes",
    "forget_undo",
    "guesses_standing",
    "kept_writes",
    "last_writes",
    "let_go",
    "move_writes",
    "newest_standing_write",
    "next_write",
    "open_write",
    "open_write_at",
    "open_writes",
    "our_genres_of_track",
    "rows_where",
    "save_prepared",
    "standing_writes_at",
    "undo_bytes",
    "undo_record",
    "was_undone",
    "write_named",
    "write_of",
    "write_with_scratch",
    "writes_at",
    "writes_before",
    "writes_since",
]

COLUMNS = (
    "id, path, scratch, fingerprint, old, new, old_origin, origin, cause, undoes, state, reason, "
    "writer_pid, writer_started, begun_at, closed_at, after_mtime_ns, writer_boot, before_size, "
    "before_mtime_ns, before_ctime_ns, before_inode, copy_size, copy_mtime_ns, "
    "copy_inode, hash_before, hash_after, prepared_at, kept, undo_size, replaced, lot"
)
# causes of writes that no promise covers: a best guess, and what follows from a correction
GUESS, PROPAGATION = "guess", "propagation"
STANDING = "state = 'done' and undoes is null and not replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRow:
    """One tag write, open or closed; its undo record is asked for by `undo_record`."""

    path: str
    scratch: str
    fingerprint: str | None
    old: tuple[str, ...]
    new: tuple[str, ...]
    old_origin: str
    origin: str  # whose the new genres are
    cause: str  # "drop", "tag", "review", "audit", "guess", "propagation", "page", "undo"
    writer_pid: int
    writer_started: str
    undoes: int | None = None
    state: str = "open"
    reason: str = ""
    begun_at: str = ""
    closed_at: str | None = None
    after_mtime_ns: int | None = None
    writer_boot: str = ""
    before: Stamp | None = None  # the original that was copied, once prepared
    copy: Stamp | None = None  # what takes its place; its ctime is not kept
    hash_before: str | None = None
    hash_after: str | None = None
    prepared_at: str | None = None  # the copy is whole on disk, and the undo record is here
    kept: bool = False  # the original may still lie under the scratch name
    undo_size: int = 0
    replaced: bool = False  # another file of this track moved to its path since
    lot: str | None = None  # the name of the act that this is a part of
    id: int = 0


def open_write(db: Database, row: WriteRow, now: datetime) -> int:
    """Append an open write and return its id; a second one for the same file is refused by SQL."""
    cursor = db.execute(
        """
        insert into tag_writes
            (path, scratch, fingerprint, old, new, old_origin, origin, cause, undoes, state,
             writer_pid, writer_started, writer_boot, begun_at, lot)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?)
        """,
        [
            path_bytes(row.path),
            path_bytes(row.scratch),
            row.fingerprint,
            list_json(row.old),
            list_json(row.new),
            row.old_origin,
            row.origin,
            row.cause,
            row.undoes,
            row.writer_pid,
            row.writer_started,
            row.writer_boot,
            time_text(now),
            row.lot,
        ],
    )
    return int(cursor.lastrowid or 0)


def next_write(db: Database) -> int:
    """Return the id that the next write will get, inside one transaction."""
    found: int = db.execute("select coalesce(max(id), 0) + 1 from tag_writes").fetchone()[0]
    return found


def close_write(
    db: Database,
    write: int,
    state: str,
    now: datetime,
    *,
    old: Sequence[str] | None = None,
    reason: str = "",
    after_mtime_ns: int | None = None,
) -> None:
    """Record how the write ended; *old* replaces what was believed to stand there before."""
    db.execute(
        """
        update tag_writes
        set state = ?, reason = ?, closed_at = ?, after_mtime_ns = ?, old = coalesce(?, old)
        where id = ?
        """,
        [
            state,
            reason,
            time_text(now),
            after_mtime_ns,
            None if old is None else list_json(old),
            write,
        ],
    )
    db.execute(
        "update tag_writes set state = 'undone' "
        "where id = (select undoes from tag_writes where id = ? and state = 'done')",
        [write],
    )


def save_prepared(
    db: Database,
    write: int,
    now: datetime,
    *,
    old: Sequence[str],
    before: Stamp,
    copy: Stamp | None,
    hashes: tuple[str, str],
    undo: bytes | None,
) -> None:
    """Record what was copied, that the *copy* is whole, and what takes the write back.

    From now on the original may come to lie under the scratch name. *copy* is None where the
    genres stood there already.
    """
    size, mtime_ns, inode = (copy.size, copy.mtime_ns, copy.inode) if copy else (None,) * 3
    db.execute(
        """
        update tag_writes
        set old = ?, before_size = ?, before_mtime_ns = ?, before_ctime_ns = ?, before_inode = ?,
            copy_size = ?, copy_mtime_ns = ?, copy_inode = ?, hash_before = ?, hash_after = ?,
            undo = ?, undo_size = ?, prepared_at = ?, kept = ?
        where id = ?
        """,
        [
            *(list_json(old), before.size, before.mtime_ns, before.ctime_ns, before.inode),
            *(size, mtime_ns, inode, *hashes),
            *(undo, len(undo or b""), time_text(now), int(copy is not None)),
            write,
        ],
    )


def fail_write(db: Database, write: int, reason: str, now: datetime, *, kept: bool = False) -> None:
    """Close a write that is known never to have been, or to be taken back; no undo is needed.

    *kept*: a file that is not ours to remove lies under the scratch name.
    """
    db.execute(
        "update tag_writes set state = 'done' where state = 'undone' "
        "and id = (select undoes from tag_writes where id = ? and state = 'done')",
        [write],
    )
    db.execute(
        "update tag_writes set state = 'failed', reason = ?, closed_at = ?, prepared_at = null, "
        "undo = null, undo_size = 0, kept = ? where id = ?",
        [reason, time_text(now), int(kept), write],
    )


def let_go(db: Database, write: int) -> None:
    """Record that nothing lies under the scratch name; what it undid needs no undo any more."""
    db.execute("update tag_writes set kept = 0 where id = ?", [write])
    db.execute(
        "update tag_writes set undo = null, undo_size = 0 where state = 'undone' "
        "and id = (select undoes from tag_writes where id = ?)",
        [write],
    )


def forget_undo(db: Database, write: int) -> None:
    """Drop what takes a write back byte by byte; its genre can still be put back."""
    db.execute("update tag_writes set undo = null, undo_size = 0 where id = ?", [write])


def undo_record(db: Database, write: int) -> bytes:
    """Return what takes the write back, empty where nothing is kept."""
    row = db.execute("select undo from tag_writes where id = ?", [write]).fetchone()
    return bytes(row[0]) if row and row[0] else b""


def undo_bytes(db: Database) -> int:
    """Return how much room all undo records take."""
    found: int = db.execute(
        "select coalesce(sum(undo_size), 0) from tag_writes where undo_size > 0"
    ).fetchone()[0]
    return found


def kept_writes(db: Database) -> list[WriteRow]:
    """Return the closed writes whose scratch name may still be in use."""
    return rows_where(db, "where kept = 1 and state != 'open' order by id", [])


def write_with_scratch(db: Database, name: str) -> WriteRow | None:
    """Return the write that used this scratch name, in whichever folder."""
    ending = path_bytes("/" + name)
    clause = "where substr(scratch, -?) = ? order by id desc limit 1"
    return _first(rows_where(db, clause, [len(ending), ending]))


def open_writes(db: Database) -> list[WriteRow]:
    """Return the writes that were begun and never closed."""
    return rows_where(db, "where state = 'open' order by id", [])


def open_write_at(db: Database, path: str) -> WriteRow | None:
    """Return the open write of this file."""
    return _first(rows_where(db, "where state = 'open' and path = ?", [path_bytes(path)]))


def newest_standing_write(db: Database, path: str) -> WriteRow | None:
    """Return the last write of this file that stands and can be undone."""
    clause = f"where path = ? and {STANDING} order by id desc limit 1"
    return _first(rows_where(db, clause, [path_bytes(path)]))


def standing_writes_at(db: Database, path: str) -> list[WriteRow]:
    """Return the writes of this file that stand and can be undone, the latest first."""
    return rows_where(db, f"where path = ? and {STANDING} order by id desc", [path_bytes(path)])


def writes_since(db: Database, moment: datetime) -> list[WriteRow]:
    """Return the standing writes begun since *moment* that can be undone, the latest first."""
    clause = f"where {STANDING} and begun_at >= ? order by id desc"
    return rows_where(db, clause, [time_text(moment)])


def writes_before(db: Database, moment: datetime) -> list[WriteRow]:
    """Return the done writes begun before *moment* and not taken back, the latest first."""
    return rows_where(
        db,
        "where state = 'done' and undoes is null and begun_at < ? order by id desc",
        [time_text(moment)],
    )


def writes_at(db: Database, path: str) -> list[WriteRow]:
    """Return all writes of this file, the oldest first."""
    return rows_where(db, "where path = ? order by id", [path_bytes(path)])


def write_of(db: Database, write: int) -> WriteRow | None:
    """Return the write with this id."""
    return _first(rows_where(db, "where id = ?", [write]))


def write_named(db: Database, fingerprint: str | None, scratch: str | None) -> WriteRow | None:
    """Return the write of this track that worked under the name *scratch*."""
    if scratch is None:
        return None
    values = [fingerprint, path_bytes(scratch)]
    return _first(rows_where(db, "where fingerprint is ? and scratch = ?", values))


def finished_writes(db: Database) -> list[WriteRow]:
    """Return every write that was done, taken back since or not, the oldest first."""
    return rows_where(db, "where state in ('done', 'undone') order by id", [])


def last_writes(db: Database, limit: int) -> list[WriteRow]:
    """Return the last standing writes that can be undone, the latest first; -1 for all."""
    return rows_where(db, f"where {STANDING} order by id desc limit ?", [limit])


def guesses_standing(db: Database) -> list[WriteRow]:
    """Return the best guesses below the promise that stand in their files, the latest first.

    What an answer or an edit named since, or what was written anew, is no guess.
    """
    clause = f"""
        where cause = '{GUESS}' and {STANDING}
            and exists (
                select 1 from files
                where files.path = tag_writes.path and files.fingerprint = tag_writes.fingerprint
                    and files.origin = 'ours' and files.genres = tag_writes.new
                    and files.gone_at is null
            )
            and not exists (
                select 1 from tag_writes as later
                where later.path = tag_writes.path and later.id > tag_writes.id
                    and later.state = 'done' and later.undoes is null and not later.replaced
            )
        order by id desc
    """
    return rows_where(db, clause, [])


def answers_taken_back(db: Database) -> list[str]:
    """Return the files whose last write took back an answer in review, or a best guess.

    They have no genre, and wait for one.
    """
    rows = db.execute(
        f"""
        select files.path
        from files
        join tag_writes as back on back.id = (
            select max(id) from tag_writes
            where path = files.path and state in ('done', 'undone')
        )
        join tag_writes as answer on answer.id = back.undoes
        where files.hands_off = 1 and files.origin = 'none' and files.gone_at is null
            and answer.cause in ('review', '{GUESS}')
        order by files.path
        """
    )
    return [path_text(row[0]) for row in rows]


def our_genres_of_track(db: Database, fingerprint: str) -> list[tuple[str, ...]]:
    """Return the genre lists that we wrote to files of this track on our own account.

    Those that may have been written count, too: of a write that was cut short when its copy
    was whole, and of which nobody knows whether it took its place.
    """
    rows = db.execute(
        "select distinct new from tag_writes where fingerprint = ? and origin = 'ours' "
        "and (state in ('done', 'undone') or prepared_at is not null)",
        [fingerprint],
    )
    return [as_list(row[0]) for row in rows]


def was_undone(db: Database, fingerprint: str) -> bool:
    """Say whether the last finished write to a file of this track was an undo."""
    row = db.execute(
        "select cause from tag_writes where fingerprint = ? and state in ('done', 'undone') "
        "order by id desc limit 1",
        [fingerprint],
    ).fetchone()
    return row is not None and row[0] == "undo"


def move_writes(db: Database, old: str, new: str, fingerprint: str | None) -> None:
    """Let the history follow a file of this track that moved: its writes can still be undone.

    What was done to another file of the track, which lay at *new* before, was done to other
    bytes: it is told, but no more taken back.
    """
    db.execute(
        "update tag_writes set replaced = 1 where path = ? and fingerprint = ? and state != 'open'",
        [path_bytes(new), fingerprint],
    )
    db.execute(
        "update tag_writes set path = ? where path = ? and fingerprint = ? and state != 'open'",
        [path_bytes(new), path_bytes(old), fingerprint],
    )


def _first(rows: list[WriteRow]) -> WriteRow | None:
    return rows[0] if rows else None


def rows_where(db: Database, clause: str, values: Sequence[Any]) -> list[WriteRow]:
    """Return the writes that an SQL *clause* of this package chooses."""
    query = f"select {COLUMNS} from tag_writes {clause}"
    return [_row(row) for row in db.execute(query, values)]


def _row(row: Sequence[Any]) -> WriteRow:
    return WriteRow(
        id=row[0],
        path=path_text(row[1]),
        scratch=path_text(row[2]),
        fingerprint=row[3],
        old=as_list(row[4]),
        new=as_list(row[5]),
        old_origin=row[6],
        origin=row[7],
        cause=row[8],
        undoes=row[9],
        state=row[10],
        reason=row[11],
        writer_pid=row[12],
        writer_started=row[13],
        begun_at=row[14],
        closed_at=row[15],
        after_mtime_ns=row[16],
        writer_boot=row[17],
        before=_stamp(row[18:22]),
        copy=_stamp([row[22], row[23], 0, row[24]]),
        hash_before=row[25],
        hash_after=row[26],
        prepared_at=row[27],
        kept=bool(row[28]),
        undo_size=row[29],
        replaced=bool(row[30]),
        lot=row[31],
    )


def _stamp(values: Sequence[int | None]) -> Stamp | None:
    size, mtime_ns, ctime_ns, inode = values
    if size is None or mtime_ns is None or ctime_ns is None or inode is None:
        return None
    return Stamp(size=size, mtime_ns=mtime_ns, ctime_ns=ctime_ns, inode=inode)
