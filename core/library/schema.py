"""Open the record, bring it to the newest schema, and lend safe transactions.

SQLite in WAL mode with STRICT tables and foreign keys; migrations run in order and are
remembered by sqlite-utils. A database from a newer program is refused, never touched.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database, Migrations

from core.errors import LibraryError
from core.library.backup import back_up
from core.library.faults import told
from core.library.keys import give_keys

__all__ = ["BACKUPS", "SCHEMA_VERSION", "on_disk", "open_library", "reading", "writing"]

SCHEMA_VERSION = 9
BUSY_TIMEOUT_S = 30.0
BACKUPS = "backups"  # the folder of backups beside the record

migrations = Migrations("genrewatch")


@migrations()
def m001_first(db: Database) -> None:
    """Create the tables of the first release."""
    for statement in FIRST:
        db.execute(statement)


@migrations()
def m002_tags(db: Database) -> None:
    """Keep what the backbone's tags say of a track."""
    db.execute("alter table hearings add column tags blob")  # f16 [50]: mean probabilities


@migrations()
def m003_safety(db: Database) -> None:
    """Keep what a write can be taken back by, who writes, and when a failed file is tried again."""
    for statement in SAFETY:
        db.execute(statement)


@migrations()
def m004_keys(db: Database) -> None:
    """Keep whose music it is as keys, so that every spelling of an artist is found at once."""
    for statement in KEYS:
        db.execute(statement)
    give_keys(db)


@migrations()
def m005_replaced(db: Database) -> None:
    """Tell what was done to a file from what was done to another of its track that lay there."""
    db.execute("alter table tag_writes add column replaced integer not null default 0")


@migrations()
def m006_taste(db: Database) -> None:
    """Keep first guesses, batches of edits, audits, the person's taxonomy, lots of writes."""
    for statement in TASTE:
        db.execute(statement)


@migrations()
def m007_edits(db: Database) -> None:
    """Keep when a file was edited and with what else, to tell a person's act from a program's."""
    for statement in EDITS:
        db.execute(statement)


@migrations()
def m008_spoken_for(db: Database) -> None:
    """Tell which lessons bear on other music of their artist."""
    for statement in SPOKEN_FOR:
        db.execute(statement)


@migrations()
def m009_lots(db: Database) -> None:
    """Name lots, so that they survive a lost record; let a refusal be part of one."""
    for statement in LOTS:
        db.execute(statement)


def open_library(path: Path) -> Database:
    """Open the record at *path*, created where absent, at the newest schema.

    Raises LibraryError when it cannot be opened or is from a newer program.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )  # one user at a time, though not always the same thread (the page)
        path.chmod(0o600)
        return _prepared(Database(connection), path)
    except sqlite3.Error as error:
        raise told(error, str(path)) from error
    except OSError as error:
        raise LibraryError(
            f"the record cannot be opened ({error.strerror})",
            str(path),
            "make its folder writable, or give another with --state-dir",
        ) from error


@contextmanager
def writing(db: Database) -> Iterator[None]:
    """Hold the write lock from the start: a plain `begin` that reads first fails at once in WAL.

    Within another such block it is part of that one: all is recorded, or nothing.
    """
    if _in_transaction(db):
        yield
        return
    db.execute("begin immediate")
    try:
        yield
    except BaseException:
        if _in_transaction(db):  # a full disk makes SQLite roll back by itself
            db.execute("rollback")
        raise
    db.execute("commit")


@contextmanager
def reading(db: Database) -> Iterator[None]:
    """See the record as of one instant, whatever others write meanwhile; writes nothing."""
    if _in_transaction(db):
        yield
        return
    db.execute("begin")
    try:
        yield
    finally:
        db.execute("rollback")


@contextmanager
def on_disk(db: Database) -> Iterator[None]:
    """As `writing`, and all is on disk at the end; raises LibraryError within another block."""
    if _in_transaction(db):
        raise LibraryError(
            "what must be on disk before a file is touched was to be recorded within another "
            "transaction, so no file was touched"
        )
    with writing(db):
        yield


def _in_transaction(db: Database) -> bool:
    return bool(db.conn.in_transaction)


def _prepared(db: Database, path: Path) -> Database:
    db.execute("pragma foreign_keys = on")
    found = db.execute("pragma user_version").fetchone()[0]
    if found > SCHEMA_VERSION:
        raise LibraryError(
            "the record was made by a newer genrewatch", str(path), "update the program"
        )
    if found < SCHEMA_VERSION:
        _bring_up(db, path)
    db.execute("pragma synchronous = full")  # a committed journal row must survive a power cut
    db.execute("pragma fullfsync = on")  # and on macOS, fsync alone does not reach the disk
    return db


def _private(path: str, flags: int) -> int:
    """Open for the owner alone, whatever the umask."""
    return os.open(path, flags, 0o600)


def _bring_up(db: Database, path: Path) -> None:
    """Make the tables, one process at a time.

    The change to WAL fails at once, whatever the timeout, while another process looks in: so
    whoever opens a new record together with us waits at a lock of its own.
    """
    with open(path.with_name(f"{path.name}.lock"), "w", opener=_private) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = db.execute("pragma user_version").fetchone()[0]
        if found < SCHEMA_VERSION:
            db.execute("pragma journal_mode = wal")
            if found:
                back_up(
                    path, path.parent / BACKUPS, datetime.now(UTC).date(), before=SCHEMA_VERSION
                )
            migrations.apply(db)
            db.execute(f"pragma user_version = {SCHEMA_VERSION}")


FIRST = (
    """
    create table folders (
        path blob primary key,            -- absolute, as the file system spells it
        first_watched_at text not null,   -- ISO 8601 UTC
        baseline_at text                  -- when everything that was there had been listed
    ) strict
    """,
    """
    create table tracks (
        fingerprint text primary key,     -- hash of the audio packets
        duration_s real not null,
        first_seen_at text not null
    ) strict
    """,
    """
    create table files (
        path blob primary key,
        dir blob not null,                -- the folder it lies in, for the rescan
        fingerprint text references tracks (fingerprint),  -- null until probed
        size integer not null,
        mtime_ns integer not null,
        ctime_ns integer not null,
        inode integer not null,
        genres text not null default '[]',    -- JSON list, as last read from a settled file
        origin text not null default 'none'
            check (origin in ('none', 'person', 'arrived', 'program', 'ours')),
        other text not null default '',   -- digest of all other tags, to know restores
        artist text,
        album_artist text,
        album text,
        title text,
        composer text,
        compilation integer not null default 0,
        state text not null
            check (state in ('pending', 'tagged', 'not_sure', 'left', 'failed')),
        reason text not null default '',  -- why it is in that state, one sentence
        existing integer not null default 0,  -- lay there when the folder was first watched
        hands_off integer not null default 0, -- undone or put back: only a person acts on it now
        first_seen_at text not null,
        changed_at text not null,         -- when state last changed
        gone_at text                      -- vanished; kept, so that a move is recognised
    ) strict
    """,
    "create index files_by_dir on files (dir)",
    "create index files_by_fingerprint on files (fingerprint)",
    "create index files_by_state on files (state, changed_at)",
    """
    create table hearings (
        fingerprint text primary key references tracks (fingerprint),
        feature_version integer not null,
        model_version text not null,
        genres text not null,             -- JSON list: the columns of the scores
        segments integer not null,        -- how many were heard; 0 is silence
        track_features blob not null,     -- f16 [2, 135]: mean and std over segments
        embedding blob,                   -- f16: mean backbone embedding, where there is one
        pooled_scores blob not null,      -- f16 [members, genres]: mean over segments
        starts_s blob,                    -- f32 [segments], for labelled and not-sure tracks
        features blob,                    -- f16 [segments, 135], likewise
        scores blob                       -- f16 [members, segments, genres], likewise
    ) strict
    """,
    """
    create table verdicts (
        fingerprint text primary key references tracks (fingerprint),
        model_version text not null,
        genres text not null,             -- JSON list of [genre, confidence], surest first
        evidence text not null,
        segments integer not null,
        at text not null
    ) strict
    """,
    """
    create table tag_writes (
        id integer primary key,
        path blob not null,
        scratch blob not null,            -- the copy that is worked on, to be found after a crash
        fingerprint text,
        old text not null,                -- JSON list: genres before
        new text not null,                -- JSON list: genres asked for
        old_origin text not null,         -- whose the old genres were
        origin text not null check (origin in ('person', 'ours', 'arrived', 'program', 'none')),
        cause text not null,              -- 'drop', 'tag', 'review', 'undo', …
        undoes integer references tag_writes (id),
        state text not null check (state in ('open', 'done', 'undone', 'failed')),
        reason text not null default '',
        writer_pid integer not null,
        writer_started text not null,     -- start time of that process: pids are used again
        begun_at text not null,
        closed_at text,
        after_mtime_ns integer
    ) strict
    """,
    "create unique index one_open_write_a_file on tag_writes (path) where state = 'open'",
    "create index tag_writes_by_path on tag_writes (path, id)",
    "create index tag_writes_by_fingerprint on tag_writes (fingerprint, state)",
    """
    create table feedback (
        id integer primary key,
        path blob not null,
        fingerprint text not null,
        kind text not null
            check (kind in ('correction', 'rejection', 'label', 'confirmation', 'reversion')),
        old text not null,                -- JSON list
        new text not null,                -- JSON list
        via text not null,                -- 'retag', 'tag', 'review', 'page'
        artist text,
        album_artist text,
        album text,
        compilation integer not null default 0,
        at text not null
    ) strict
    """,
    "create index feedback_by_fingerprint on feedback (fingerprint, id)",
    "create index feedback_by_artist on feedback (artist)",
    """
    create table spellings (
        folded text primary key,          -- case, spaces, hyphens and "&" folded
        spelling text not null,           -- as the person writes it
        at text not null
    ) strict
    """,
    """
    create table runs (
        id integer primary key,
        asked_by text not null check (asked_by in ('night', 'command', 'train')),
        started_at text not null,
        ended_at text,
        outcome text check (outcome in ('promoted', 'refused', 'skipped', 'failed')),
        reason text not null default '',
        version text,
        last_feedback integer not null default 0  -- feedback up to this id was learned from
    ) strict
    """,
    """
    create table settings (
        key text primary key,
        value text not null               -- JSON
    ) strict
    """,
)

SAFETY = (
    # a process is known by its pid, its start and the boot: start times repeat after a reboot
    "alter table tag_writes add column writer_boot text not null default ''",
    "alter table tag_writes add column before_size integer",  # the original that was copied
    "alter table tag_writes add column before_mtime_ns integer",
    "alter table tag_writes add column before_ctime_ns integer",
    "alter table tag_writes add column before_inode integer",
    "alter table tag_writes add column copy_size integer",  # the copy that takes its place
    "alter table tag_writes add column copy_mtime_ns integer",
    "alter table tag_writes add column copy_inode integer",
    "alter table tag_writes add column hash_before text",  # of the whole file
    "alter table tag_writes add column hash_after text",
    "alter table tag_writes add column undo blob",  # reverse patch: what brings the file back
    "alter table tag_writes add column undo_size integer not null default 0",
    # null until the copy is whole on disk and its undo record is here
    "alter table tag_writes add column prepared_at text",
    # the original may still lie under the scratch name
    "alter table tag_writes add column kept integer not null default 0",
    "alter table files add column volume integer",  # the device it lies on
    "alter table files add column head text",  # hash of the first MiB of its audio, blind to tags
    "alter table files add column tries integer not null default 0",  # failed in passing so often
    "alter table files add column retry_at text",  # when a failed file is tried again
    "create index tag_writes_by_undo on tag_writes (undo_size)",
    "create index tag_writes_by_kept on tag_writes (kept)",
    "create index files_by_retry on files (retry_at)",
    "create index files_by_head on files (head)",
    # whatever a rescan compares, so that it reads this index and no row
    "drop index files_by_dir",
    "create index files_by_dir on files "
    "(dir, gone_at, path, size, mtime_ns, ctime_ns, inode, state)",
    # the backlog, however large the library: what is to be read next, how much is left
    "create index files_unread on files (path, gone_at) "
    "where state = 'pending' and existing and fingerprint is null and head is null",
)

KEYS = (
    "alter table feedback add column composer text",
    # empty for nobody in particular; made of the columns of like name by core/names.py
    *(
        f"alter table {table} add column {key}_key text not null default ''"
        for table in ("files", "feedback")
        for key in ("composer", "artist", "album")
    ),
    *(
        f"create index {table}_by_{key}_key on {table} ({key}_key) where {key}_key != ''"
        for table in ("files", "feedback")
        for key in ("composer", "artist", "album")
    ),
)

TASTE = (
    """
    create table batches (
        id integer primary key,
        begun_at text not null,           -- ISO 8601 UTC, of its first edit
        ended_at text not null,           -- and of its last
        whose text not null check (whose in ('person', 'program')),  -- as it looks, or as answered
        answered_at text                  -- when a person said whose; null until then
    ) strict
    """,
    "alter table feedback add column batch integer references batches (id)",  # of many
    "create index feedback_by_batch on feedback (batch) where batch is not null",
    """
    create table taxonomy (
        folded text not null,             -- of the genre that this is about
        genre text not null,              -- as the person writes it
        relation text not null check (relation in ('alias', 'parent')),
        target text not null,             -- what it means, or belongs to
        at text not null,
        primary key (folded, relation)
    ) strict
    """,
    """
    create table arrivals (
        fingerprint text primary key references tracks (fingerprint),
        genre text,                       -- the first guess, never changed; null for none
        confidence real not null,
        sure real not null,               -- what was held against the threshold
        source text not null,             -- whose word it was: the model's, the memory's
        model_version text not null,
        met integer not null,             -- whether somebody had named its artist before
        decision text not null,           -- 'written', 'guessed', 'not sure' or 'left'
        at text not null
    ) strict
    """,
    "create index arrivals_by_time on arrivals (at)",
    """
    create table audits (
        fingerprint text primary key references tracks (fingerprint),
        why text not null check (why in ('first writes', 'random')),
        asked_at text not null,
        answered_at text                  -- null while nobody has answered
    ) strict
    """,
    """
    create table lessons (
        path blob primary key,            -- a file of a tagged library that is learned from
        tagged text not null,             -- JSON list: its genres as read
        genre text not null,              -- the one that is learned, cleaned
        artist_key text not null,
        turn integer not null,            -- when it is heard: each artist and genre early
        fingerprint text references tracks (fingerprint),  -- null until heard
        state text not null check (state in ('waiting', 'heard', 'failed')),
        reason text not null default '',
        doubted real,                     -- what the others say for its genre, where that is little
        at text not null
    ) strict
    """,
    "create index lessons_by_turn on lessons (state, turn)",
    "alter table tag_writes add column lot integer",  # writes of one act share the first one's id
    "create index tag_writes_by_lot on tag_writes (lot) where lot is not null",
)

EDITS = (
    "alter table feedback add column edited_ns integer",  # by the file's own time; of retags alone
    # the same save changed other fields
    "alter table feedback add column other_changed integer not null default 0",
    "create index feedback_by_edit on feedback (edited_ns) where edited_ns is not null",
    "drop index feedback_by_artist",  # artists are found by their keys
    """
    create view words as  -- what people said; a program's edits are none
    select * from feedback
    where batch is null or batch in (select id from batches where whose = 'person')
    """,
)

SPOKEN_FOR = (
    # whether it bears on its artist's other tracks, as nothing on a compilation does
    "alter table lessons add column speaks integer not null default 0",
    "create index lessons_by_artist on lessons (artist_key) where speaks",
)

LOTS = (
    "drop index tag_writes_by_lot",
    "alter table tag_writes rename column lot to first_of_lot",
    "alter table tag_writes add column lot text",  # what one act did shares this name
    "update tag_writes set lot = cast(first_of_lot as text) where first_of_lot is not null",
    "alter table tag_writes drop column first_of_lot",
    "create index tag_writes_by_lot on tag_writes (lot) where lot is not null",
    "alter table feedback add column lot text",  # of a refusal in an answer, likewise
    "create index feedback_by_lot on feedback (lot) where lot is not null",
    # a refusal that was taken back, and the word that says so
    "alter table feedback add column withdrawn integer not null default 0",
    "drop view words",
    """
    create view words as  -- what people said and did not take back; a program's edits are none
    select * from feedback
    where not withdrawn
        and (batch is null or batch in (select id from batches where whose = 'person'))
    """,
)
