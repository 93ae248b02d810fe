"""What is known of files and tracks: where a track lives, what its tag said, what became of it."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from core.library.codec import as_list, list_json, path_bytes, path_text, time_text
from core.library.keys import as_columns, keys_in
from core.names import Keys
from core.stamp import Stamp

__all__ = [
    "AT_REST",
    "PENDING",
    "FileRow",
    "Folder",
    "Noted",
    "add_existing",
    "count_states",
    "count_unread",
    "due_again",
    "duration_of_track",
    "file_at",
    "files_gone_or_here",
    "files_in_dir",
    "files_in_state",
    "files_of_track",
    "files_with_head",
    "finish_baseline",
    "folder",
    "known_dirs",
    "latest_verdict_paths",
    "mark_gone",
    "move_file",
    "ours_sharing",
    "remember_track",
    "save_file",
    "set_stamp",
    "set_state",
    "unread_in",
    "unsure_sharing",
    "watch_folder",
    "watched_folders",
]

COLUMNS = (
    "path, fingerprint, size, mtime_ns, ctime_ns, inode, genres, origin, other, artist, "
    "album_artist, album, title, composer, compilation, state, reason, existing, hands_off, "
    "first_seen_at, changed_at, gone_at, volume, head, tries, retry_at"
)

# what a walk compares, kept as plain numbers since it is asked of 100,000 files:
# size, mtime_ns, ctime_ns, inode, and whether it is at rest or pending
Noted = tuple[int, int, int, int, int]
AT_REST, PENDING = 0, 1
# of three keys, in this order; what has none shares none
SHARING = (
    "(composer_key != '' and composer_key = ? or artist_key != '' and artist_key = ? "
    "or album_key != '' and album_key = ?)"
)
UNREAD_ROW = "state = 'pending' and existing and fingerprint is null and head is null"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file as last known. *stamp* is of the moment when its tag was read."""

    path: str
    stamp: Stamp
    state: str  # "pending", "tagged", "not_sure", "left" or "failed"
    fingerprint: str | None = None
    genres: tuple[str, ...] = ()
    origin: str = "none"
    other: str = ""
    artist: str | None = None
    album_artist: str | None = None
    album: str | None = None
    title: str | None = None
    composer: str | None = None
    compilation: bool = False
    reason: str = ""
    existing: bool = False
    hands_off: bool = False
    first_seen_at: str = ""
    changed_at: str = ""
    gone_at: str | None = None
    volume: int | None = None  # the device it lies on
    head: str | None = None  # hash of the first MiB of its audio, blind to tags
    tries: int = 0  # how often it failed by what may pass
    retry_at: str | None = None  # when it is tried again

    @property
    def keys(self) -> Keys:
        """Whose music it is, for comparing."""
        return keys_in(self)

    @property
    def was_read(self) -> bool:
        """Say whether it is known who the file is."""
        return self.fingerprint is not None or self.head is not None

    @property
    def is_unread(self) -> bool:
        """Say whether it lay there when its folder was first watched and waits to be read."""
        return self.existing and self.state == "pending" and not self.was_read


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A watched folder; *baseline_at* is None until all that was there has been listed."""

    path: str
    first_watched_at: str
    baseline_at: str | None


def file_at(db: Database, path: str) -> FileRow | None:
    """Return what is known of the file at *path*, vanished or not."""
    row = db.execute(f"select {COLUMNS} from files where path = ?", [path_bytes(path)]).fetchone()
    return _file(row) if row else None


def files_of_track(db: Database, fingerprint: str) -> list[FileRow]:
    """Return every file known to hold this track, the ones still there first."""
    return _files(
        db,
        "where fingerprint = ? order by gone_at is not null, gone_at desc, path",
        [fingerprint],
    )


def files_in_state(db: Database, state: str, limit: int = -1) -> list[FileRow]:
    """Return the files in *state* that are still there, the latest changed first."""
    return _files(
        db,
        "where state = ? and gone_at is null order by changed_at desc, path limit ?",
        [state, limit],
    )


def due_again(db: Database, now: datetime) -> list[str]:
    """Return the failed files that are to be tried again by now."""
    rows = db.execute(
        # the plus keeps SQLite to the few that have a moment, of all that ever failed
        "select path from files where retry_at <= ? and +state = 'failed' and gone_at is null",
        [time_text(now)],
    )
    return [path_text(row[0]) for row in rows]


def unsure_sharing(db: Database, keys: Keys) -> list[FileRow]:
    """Return the not-sure files that share a composer, an artist or an album by *keys*."""
    return _files(
        db,
        f"where {SHARING} and state = 'not_sure' and gone_at is null order by path",
        [keys.composer, keys.artist, keys.album],
    )


def ours_sharing(db: Database, keys: Keys) -> list[FileRow]:
    """Return the files that bear a genre of ours and share a composer, an artist or an album."""
    return _files(
        db,
        f"where {SHARING} and state = 'tagged' and origin = 'ours' and hands_off = 0 "
        "and gone_at is null order by path",
        [keys.composer, keys.artist, keys.album],
    )


def latest_verdict_paths(db: Database, limit: int) -> list[FileRow]:
    """Return the last files that were judged, the latest first."""
    return _files(
        db,
        "where state in ('tagged', 'not_sure') and gone_at is null "
        "order by changed_at desc, path limit ?",
        [limit],
    )


def files_gone_or_here(db: Database, under: str) -> list[FileRow]:
    """Return all files at or below the path *under*."""
    first, last = _below(under)
    return _files(
        db,
        "where path = ? or (path >= ? and path < ?) order by path",
        [path_bytes(under), first, last],
    )


def files_in_dir(db: Database, directory: str) -> dict[str, Noted]:
    """Return by path what is noted of the files in *directory* that are still there."""
    rows = db.execute(
        "select path, size, mtime_ns, ctime_ns, inode, state = 'pending' "
        "from files where dir = ? and gone_at is null",
        [path_bytes(directory)],
    )
    return {path_text(row[0]): row[1:] for row in rows}


def unread_in(db: Database, folder: str, limit: int) -> list[str]:
    """Return files below *folder* that lay there when it was first watched and wait to be read."""
    rows = db.execute(
        f"select path from files where {UNREAD_ROW} and path >= ? and path < ? "
        "and gone_at is null order by path limit ?",
        [*_below(folder), limit],
    )
    return [path_text(row[0]) for row in rows]


def count_unread(db: Database) -> int:
    """Return how many files wait to be read that lay there when their folder was first watched."""
    found = db.execute(f"select count(*) from files where {UNREAD_ROW} and gone_at is null")
    return int(found.fetchone()[0])


def files_with_head(db: Database, head: str) -> list[FileRow]:
    """Return every file known to begin like this one, the ones still there first."""
    return _files(db, "where head = ? order by gone_at is not null, gone_at desc, path", [head])


def known_dirs(db: Database, root: str) -> list[str]:
    """Return the directories at or below *root* that hold files as far as known."""
    first, last = _below(root)
    rows = db.execute(
        "select distinct dir from files "
        "where gone_at is null and (dir = ? or (dir >= ? and dir < ?))",
        [path_bytes(root), first, last],
    )
    return [path_text(row[0]) for row in rows]


def count_states(db: Database) -> dict[str, int]:
    """Return how many files that are still there are in each state."""
    rows = db.execute("select state, count(*) from files where gone_at is null group by state")
    return dict(rows.fetchall())


def save_file(db: Database, row: FileRow, now: datetime) -> None:
    """Record *row* whole; first_seen_at stays, changed_at moves when the state does."""
    before = file_at(db, row.path)
    moment = time_text(now)
    seen = row.first_seen_at or (before.first_seen_at if before else moment)
    changed = before.changed_at if before and before.state == row.state else moment
    _insert(db, replace(row, first_seen_at=seen, changed_at=changed))


def set_state(db: Database, path: str, state: str, reason: str, now: datetime) -> None:
    """Record what became of the file at *path*, and why."""
    db.execute(
        "update files set state = ?, reason = ?, changed_at = ? where path = ?",
        [state, reason, time_text(now), path_bytes(path)],
    )


def set_stamp(db: Database, path: str, stamp: Stamp) -> None:
    """Record that the file at *path* was looked at and means nothing new."""
    db.execute(
        "update files set size = ?, mtime_ns = ?, ctime_ns = ?, inode = ?, gone_at = null "
        "where path = ?",
        [stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode, path_bytes(path)],
    )


def move_file(db: Database, old: str, new: str, stamp: Stamp) -> None:
    """Record that the file at *old* now lies at *new*, with all that is known of it."""
    db.execute("delete from files where path = ?", [path_bytes(new)])
    db.execute(
        "update files set path = ?, dir = ?, gone_at = null where path = ?",
        [path_bytes(new), _dir(new), path_bytes(old)],
    )
    set_stamp(db, new, stamp)


def mark_gone(db: Database, paths: Iterable[str], now: datetime) -> None:
    """Record that these files vanished; they are kept, so that a move is recognised."""
    moment = time_text(now)
    for path in paths:
        db.execute(
            "update files set gone_at = ? where path = ? and gone_at is null",
            [moment, path_bytes(path)],
        )


def remember_track(db: Database, fingerprint: str, duration_s: float, now: datetime) -> None:
    """Record the track, once."""
    db.execute(
        "insert into tracks (fingerprint, duration_s, first_seen_at) values (?, ?, ?) "
        "on conflict (fingerprint) do nothing",
        [fingerprint, duration_s, time_text(now)],
    )


def duration_of_track(db: Database, fingerprint: str) -> float | None:
    """Return how long the track is, in seconds."""
    query = "select duration_s from tracks where fingerprint = ?"
    row = db.execute(query, [fingerprint]).fetchone()
    return float(row[0]) if row else None


def folder(db: Database, path: str) -> Folder | None:
    """Return what is known of the watched folder at *path*."""
    row = db.execute(
        "select first_watched_at, baseline_at from folders where path = ?", [path_bytes(path)]
    ).fetchone()
    return Folder(path=path, first_watched_at=row[0], baseline_at=row[1]) if row else None


def watched_folders(db: Database) -> list[str]:
    """Return every folder that was ever watched."""
    return [path_text(row[0]) for row in db.execute("select path from folders order by path")]


def watch_folder(db: Database, path: str, now: datetime) -> None:
    """Record that *path* is watched from now on, once."""
    db.execute(
        "insert into folders (path, first_watched_at) values (?, ?) on conflict (path) do nothing",
        [path_bytes(path), time_text(now)],
    )


def add_existing(db: Database, found: Iterable[tuple[str, Stamp]], now: datetime) -> None:
    """Record files that lay in a folder when it was first watched: read, never written unasked."""
    moment = time_text(now)
    db.conn.executemany(
        """
        insert into files
            (path, dir, size, mtime_ns, ctime_ns, inode, state, existing, first_seen_at, changed_at)
        values (?, ?, ?, ?, ?, ?, 'pending', 1, ?, ?)
        on conflict (path) do nothing
        """,
        (
            (path_bytes(path), _dir(path), s.size, s.mtime_ns, s.ctime_ns, s.inode, moment, moment)
            for path, s in found
        ),
    )


def finish_baseline(db: Database, path: str, now: datetime) -> None:
    """Record that all that lay in the folder has been listed."""
    db.execute(
        "update folders set baseline_at = ? where path = ?", [time_text(now), path_bytes(path)]
    )


def _insert(db: Database, row: FileRow) -> None:
    values: dict[str, Any] = {
        "path": path_bytes(row.path),
        "dir": _dir(row.path),
        "fingerprint": row.fingerprint,
        "size": row.stamp.size,
        "mtime_ns": row.stamp.mtime_ns,
        "ctime_ns": row.stamp.ctime_ns,
        "inode": row.stamp.inode,
        "genres": list_json(row.genres),
        "origin": row.origin,
        "other": row.other,
        "artist": row.artist,
        "album_artist": row.album_artist,
        "album": row.album,
        "title": row.title,
        "composer": row.composer,
        "compilation": int(row.compilation),
        "state": row.state,
        "reason": row.reason,
        "existing": int(row.existing),
        "hands_off": int(row.hands_off),
        "first_seen_at": row.first_seen_at,
        "changed_at": row.changed_at,
        "gone_at": row.gone_at,
        "volume": row.volume,
        "head": row.head,
        "tries": row.tries,
        "retry_at": row.retry_at,
        **as_columns(row.keys),
    }
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    db.execute(f"insert or replace into files ({names}) values ({places})", values)


def _files(db: Database, clause: str, values: Sequence[Any]) -> list[FileRow]:
    query = f"select {COLUMNS} from files {clause}"
    return [_file(row) for row in db.execute(query, values)]


def _file(row: Sequence[Any]) -> FileRow:
    return FileRow(
        path=path_text(row[0]),
        fingerprint=row[1],
        stamp=Stamp(size=row[2], mtime_ns=row[3], ctime_ns=row[4], inode=row[5]),
        genres=as_list(row[6]),
        origin=row[7],
        other=row[8],
        artist=row[9],
        album_artist=row[10],
        album=row[11],
        title=row[12],
        composer=row[13],
        compilation=bool(row[14]),
        state=row[15],
        reason=row[16],
        existing=bool(row[17]),
        hands_off=bool(row[18]),
        first_seen_at=row[19],
        changed_at=row[20],
        gone_at=row[21],
        volume=row[22],
        head=row[23],
        tries=row[24],
        retry_at=row[25],
    )


def _dir(path: str) -> bytes:
    return os.path.dirname(path_bytes(path))  # noqa: PTH120  bytes


def _below(root: str) -> tuple[bytes, bytes]:
    prefix = path_bytes(root).rstrip(b"/") + b"/"
    return prefix, prefix[:-1] + b"0"  # "0" follows "/" in byte order
