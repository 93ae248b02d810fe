-- a record as the third version wrote it, with a write that can be taken back
BEGIN TRANSACTION;
PRAGMA user_version = 3;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'genrewatch','m001_first','2026-11-25 22:11:25.430081+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'genrewatch','m002_tags','2026-11-25 22:11:25.436011+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'genrewatch','m003_safety','2026-11-25 22:11:25.456813+00:00');
CREATE TABLE feedback (
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
    ;
CREATE TABLE files (
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
    , volume integer, head text, tries integer not null default 0, retry_at text) strict
    ;
INSERT INTO "files" VALUES(X'2F6D2F612E6D7033',X'2F6D','f1',1000,5,5,7,'["Jazz"]','ours','',NULL,NULL,NULL,NULL,NULL,0,'tagged','',0,0,'2026-05-01T12:00:00.000Z','2026-05-01T12:00:00.000Z',NULL,NULL,NULL,0,NULL);
CREATE TABLE folders (
        path blob primary key,            -- absolute, as the file system spells it
        first_watched_at text not null,   -- ISO 8601 UTC
        baseline_at text                  -- when everything that was there had been listed
    ) strict
    ;
CREATE TABLE hearings (
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
    , tags blob) strict
    ;
CREATE TABLE runs (
        id integer primary key,
        asked_by text not null check (asked_by in ('night', 'command', 'train')),
        started_at text not null,
        ended_at text,
        outcome text check (outcome in ('promoted', 'refused', 'skipped', 'failed')),
        reason text not null default '',
        version text,
        last_feedback integer not null default 0  -- feedback up to this id was learned from
    ) strict
    ;
CREATE TABLE settings (
        key text primary key,
        value text not null               -- JSON
    ) strict
    ;
CREATE TABLE spellings (
        folded text primary key,          -- case, spaces, hyphens and "&" folded
        spelling text not null,           -- as the person writes it
        at text not null
    ) strict
    ;
CREATE TABLE tag_writes (
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
    , writer_boot text not null default '', before_size integer, before_mtime_ns integer, before_ctime_ns integer, before_inode integer, copy_size integer, copy_mtime_ns integer, copy_inode integer, hash_before text, hash_after text, undo blob, undo_size integer not null default 0, prepared_at text, kept integer not null default 0) strict
    ;
INSERT INTO "tag_writes" VALUES(1,X'2F6D2F612E6D7033',X'2F6D2F2E67656E726577617463682D312D322E746D70','f1','[]','["Jazz"]','none','ours','drop',NULL,'done','',1,'42','2026-05-01T12:00:00.000Z','2026-05-01T12:00:00.000Z',2,'b',1,2,3,4,1,2,4,'h1','h2',X'7061746368',5,'2026-05-01T12:00:00.000Z',1);
CREATE TABLE tracks (
        fingerprint text primary key,     -- hash of the audio packets
        duration_s real not null,
        first_seen_at text not null
    ) strict
    ;
INSERT INTO "tracks" VALUES('f1',6.0,'2026-05-01T12:00:00.000Z');
CREATE TABLE verdicts (
        fingerprint text primary key references tracks (fingerprint),
        model_version text not null,
        genres text not null,             -- JSON list of [genre, confidence], surest first
        evidence text not null,
        segments integer not null,
        at text not null
    ) strict
    ;
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX files_by_fingerprint on files (fingerprint);
CREATE INDEX files_by_state on files (state, changed_at);
CREATE UNIQUE INDEX one_open_write_a_file on tag_writes (path) where state = 'open';
CREATE INDEX tag_writes_by_path on tag_writes (path, id);
CREATE INDEX tag_writes_by_fingerprint on tag_writes (fingerprint, state);
CREATE INDEX feedback_by_fingerprint on feedback (fingerprint, id);
CREATE INDEX feedback_by_artist on feedback (artist);
CREATE INDEX tag_writes_by_undo on tag_writes (undo_size);
CREATE INDEX tag_writes_by_kept on tag_writes (kept);
CREATE INDEX files_by_retry on files (retry_at);
CREATE INDEX files_by_head on files (head);
CREATE INDEX files_by_dir on files (dir, gone_at, path, size, mtime_ns, ctime_ns, inode, state);
CREATE INDEX files_unread on files (path, gone_at) where state = 'pending' and existing and fingerprint is null and head is null;
COMMIT;
