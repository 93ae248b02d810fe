-- a record as the first version wrote it
BEGIN TRANSACTION;
PRAGMA user_version = 1;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'genrewatch','m001_first','2026-11-24 23:54:46.659936+00:00');
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
INSERT INTO "feedback" VALUES(1,X'2F6D2F612E6D7033','f1','label','["Rock"]','["Jazz"]','retag','Ann',NULL,NULL,0,'2026-05-01T12:00:00.000Z');
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
    ) strict
    ;
INSERT INTO "files" VALUES(X'2F6D2F612E6D7033',X'2F6D','f1',1000,5,5,7,'[]','none','',NULL,NULL,NULL,NULL,NULL,0,'pending','',0,0,'2026-05-01T12:00:00.000Z','2026-05-01T12:00:00.000Z',NULL);
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
    ) strict
    ;
INSERT INTO "hearings" VALUES('f1',1,'m1','["Jazz", "Rock"]',3,X'8835933A493536BD3E3B24374CB8A638D535B53447276038E4B937B1B7B7CA381629AEB441BA1DB42B2069B42D3D073C6CC18EBF98B1C1B6D632F4323C4073BC0BB616402C394E391DB898BE5C31FA2EE9BC77B99CAC8FBB4AAE1C2E8E280DB8C038213B22358CBADA3903B8093B4ABC513B23A5FFBC06B5ED2A5D34DCBB6EBC633278B78933133A98BE1234E63CC3B47DBA053A0E342B3B86B5EDBD0AAF22B7343A323286BEC8BC123B70391FB94C9421377F37033B1B3412AE24B4393C80C070B03928B4BD533536B9E63A05B05A39E03C203601BB0FBE033F1FAF82B99E3020B2D13A58280A23B7B9833723BC5439193E19BEEFC0EF38194101BC01BDB638BABA0CB892B542387CB67234A6B1C2BA1EB59ABBAC1E7FBC5FBCD43DCFAAE6AA1838BCB650B3CD368534A3BCAB3AB9B839BC34BB40B6823EB4BC1F3147C06B96323B93B309B969339A394F39E43FB132BDB808B0A4ACF62EB0A79131AFBEA33A99B8B1BC1A39453DE337283175BBBE410B3B8FBC3DBA912D38BE653158B7E83CB23B6CC1572978BE703C6131633843BC503F0A4042BCF73563B909A610BD783FC1BBBDB403382EB9A8B382B845B0AFBC02B79FB257B5422BB1B4073A2CB55FB051B936B80FBD263892BCF8B9BF35713667B60AC0BA362734A6BD2A3A9CB981BC202EB6B17C326CBE403FD2B829BEF338ADB533356FB5A6ABDD33F9B96E3985B7F5BAEE2C1F3755B3E6BAF5380BBF20BC0F2972BD2B2706AB313B51BB',NULL,X'02B95535EAC0334297B9D7B9E43A19A9',X'000000000000803F00000040',X'1EBF0439D83A33B781B4C73745BB0437613266B992BD38B301BB013C9C30423A4F30353444BA5839243FF4B4BEB80DB1B3B79DB96C30A8B4C13D9C0A2F359E3BD0B4BF3D10B977BADCB558AF9BBD7EA8ACBE923D2FAD23B944BB27B623B32EBC5CBBFDB12BB8843B8D3C1A24943757BD1939D4A7C137673E90C02D3465BCBD3841BDEDB77D32E838C92C58BA6EB8133BA29DBCBEC03AA936FD3A63B5A03A3FBC8F38D9B76539063CE3B98FAAFC28C23CAF39E1BC5237F6393F40B7BE4AB8553D6CBDCCBC2338133C59B952387C2F133E3896EC3B3ABBEBB130AE8E3CA33804BA75392A3A25AF1FB434B2C8BE0A328233EDBAF1397EBD6AB89AB7F33F66BE8038893B0B36BA3C03BC8FC0223AC9BC39B5B7BC363CEC3AC3B93A3BC32F76B0592B7DB2EC38F73497B5063CE4B89734C136EA3D0BB8F93EA33135B261B9B138442A6ABC83BC72B868B95C3C813DF33ABA35DAB6F92A143B43404E3B7DB4DE28B9B742BAE5B14232583FA92A6E3D123F0B2D6E3EB839AEB63E34DB256FB35CB29D30F23614BBCEA017BE2C34FD383F319334B83852B9A6B31638023C52361B41D9ADFF3B113D48B090BABBBC3131713C5934883111B67D3846C0703333277BBD5A408DBD4FBCCEBC713C1BBB5939B33828343BBDE6B8B13E2ABDA7BA31B1793A0734F03945BC8F3B8D3861BE293E964026BA202B973DEDBDF6BF30BD89B8A1B8DC384C34FCBC8A387F3FCA3CEE3B2A25DE3BBBBB023A95AD863C75375CBC1930DF3C84BC79B826BAFCBDB13B3E3D663AC333A9AAA933DAB9273B2F3C763B3FB8052D4EB1283FC03187BF6036873F7B39093B9E28E3BF3EBFFCBC0FB0F634843973B5A83B7AB4A3B9D03A51BB75C13DBC072E29C2B7B550B5B5BDEEBD66B760B80A3DFF3553BED6BAA439953F2F36F934713FCEA5F2B4A7BD1BB85C40B0BDBB21A2BD1C301A3BCCB3D839C4392737DD3E3B3AE1B472B9C3BA9D372EB575415F3FDDB244B5C33E89BF3AB79B3B4CBBA1B79EB5493967306F36C338AA27713CD5B9BFBD1CBF7CBE67B81F3C9331CAB848BC3BB875B685B8BBBD9DB7123C59C0B3B33EC0DC31FBB92CC0722E453FF82EA63C94AC51C0D937B1B6D9BD473A973434B8F23AFABA263986BB463867BC',X'F53D1234BB3D94BA9EB7B83A7DC144BC223C7137D53BF5B48338D9B97DBDC7BE6AB864B809B919C3FFBF43B89834A1B8');
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
    ) strict
    ;
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
CREATE INDEX files_by_dir on files (dir);
CREATE INDEX files_by_fingerprint on files (fingerprint);
CREATE INDEX files_by_state on files (state, changed_at);
CREATE UNIQUE INDEX one_open_write_a_file on tag_writes (path) where state = 'open';
CREATE INDEX tag_writes_by_path on tag_writes (path, id);
CREATE INDEX tag_writes_by_fingerprint on tag_writes (fingerprint, state);
CREATE INDEX feedback_by_fingerprint on feedback (fingerprint, id);
CREATE INDEX feedback_by_artist on feedback (artist);
COMMIT;
