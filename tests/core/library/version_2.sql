-- a record as the second version wrote it, with a write that was under way
BEGIN TRANSACTION;
PRAGMA user_version = 2;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'genrewatch','m001_first','2026-11-25 17:46:52.055834+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'genrewatch','m002_tags','2026-11-25 17:46:52.056810+00:00');
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
INSERT INTO "files" VALUES(X'2F6D2F612E6D7033',X'2F6D','f1',1000,5,5,7,'["Jazz"]','ours','','Ann',NULL,NULL,NULL,NULL,0,'tagged','',0,0,'2026-05-01T12:00:00.000Z','2026-05-01T12:00:00.000Z',NULL);
INSERT INTO "files" VALUES(X'2F6D2FFF2E6D7033',X'2F6D',NULL,1000,5,5,7,'[]','none','',NULL,NULL,NULL,NULL,NULL,0,'failed','it breaks off',0,0,'2026-05-01T12:00:00.000Z','2026-05-01T12:00:00.000Z',NULL);
CREATE TABLE folders (
        path blob primary key,            -- absolute, as the file system spells it
        first_watched_at text not null,   -- ISO 8601 UTC
        baseline_at text                  -- when everything that was there had been listed
    ) strict
    ;
INSERT INTO "folders" VALUES(X'2F6D','2026-05-01T12:00:00.000Z','2026-05-01T12:00:00.000Z');
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
INSERT INTO "hearings" VALUES('f1',1,'m1','["Jazz", "Rock"]',3,X'8835933A493536BD3E3B24374CB8A638D535B53447276038E4B937B1B7B7CA381629AEB441BA1DB42B2069B42D3D073C6CC18EBF98B1C1B6D632F4323C4073BC0BB616402C394E391DB898BE5C31FA2EE9BC77B99CAC8FBB4AAE1C2E8E280DB8C038213B22358CBADA3903B8093B4ABC513B23A5FFBC06B5ED2A5D34DCBB6EBC633278B78933133A98BE1234E63CC3B47DBA053A0E342B3B86B5EDBD0AAF22B7343A323286BEC8BC123B70391FB94C9421377F37033B1B3412AE24B4393C80C070B03928B4BD533536B9E63A05B05A39E03C203601BB0FBE033F1FAF82B99E3020B2D13A58280A23B7B9833723BC5439193E19BEEFC0EF38194101BC01BDB638BABA0CB892B542387CB67234A6B1C2BA1EB59ABBAC1E7FBC5FBCD43DCFAAE6AA1838BCB650B3CD368534A3BCAB3AB9B839BC34BB40B6823EB4BC1F3147C06B96323B93B309B969339A394F39E43FB132BDB808B0A4ACF62EB0A79131AFBEA33A99B8B1BC1A39453DE337283175BBBE410B3B8FBC3DBA912D38BE653158B7E83CB23B6CC1572978BE703C6131633843BC503F0A4042BCF73563B909A610BD783FC1BBBDB403382EB9A8B382B845B0AFBC02B79FB257B5422BB1B4073A2CB55FB051B936B80FBD263892BCF8B9BF35713667B60AC0BA362734A6BD2A3A9CB981BC202EB6B17C326CBE403FD2B829BEF338ADB533356FB5A6ABDD33F9B96E3985B7F5BAEE2C1F3755B3E6BAF5380BBF20BC0F2972BD2B2706AB313B51BB',X'04BB9EC00B4068BCBC3E3E3E623495B83B309DBC2C340C1A41389A3BEE3E37B62C3C55BA28BBF2B8DBBBD83B633B173D7AA66434A1B89BBC27374B346EBCAF38F8BEBAB10BB93CB855BC9F3B8738BC3C2D3031BD10B6C4BC2637CB3C0F35E6B822B61832D7BD4F30DF317BB8F2B6EC30B5BAB9BA143A8232A23E08BC34BF5A3B793B19BAF9BD9FAC1DBFE7B56CC04AB44DC04DB4F03DD0B4E2396BB96EBB24BE023C35AE543EE1BC3EB4A228793D1C3F8FB9B9BC23BF283D5AB094B97EAE38C11BBF123B8135472E37BC4838E73E1CBDE3A8D0B7EC340CA96BB27DBB74AC59B96AB285AFCD3817B90AB6123C5BB40EB57B3AFE32C42851312CBD8836183D3D386DBE87339FBB60B45F2DF3BC2B3D25AF013ABF38373D9B3C0DBEED1C58C0BEB76D39073B043D97B69334132CEF3C393E44B681439DA862B68B38D139203870B9C63D9C260B3E773D32BD04BC19BC44331C28EC33A9BA84368A3D6ABDD7B26433B5B0DAB2023F113DAB3A38BA74408935BEB8A3B509B837401E32502A55C0CA3949BC92BCCC3803BB953A703C36BFC6B0',X'02B95535EAC0334297B9D7B9E43A19A9',X'000000000000803F00000040',X'1EBF0439D83A33B781B4C73745BB0437613266B992BD38B301BB013C9C30423A4F30353444BA5839243FF4B4BEB80DB1B3B79DB96C30A8B4C13D9C0A2F359E3BD0B4BF3D10B977BADCB558AF9BBD7EA8ACBE923D2FAD23B944BB27B623B32EBC5CBBFDB12BB8843B8D3C1A24943757BD1939D4A7C137673E90C02D3465BCBD3841BDEDB77D32E838C92C58BA6EB8133BA29DBCBEC03AA936FD3A63B5A03A3FBC8F38D9B76539063CE3B98FAAFC28C23CAF39E1BC5237F6393F40B7BE4AB8553D6CBDCCBC2338133C59B952387C2F133E3896EC3B3ABBEBB130AE8E3CA33804BA75392A3A25AF1FB434B2C8BE0A328233EDBAF1397EBD6AB89AB7F33F66BE8038893B0B36BA3C03BC8FC0223AC9BC39B5B7BC363CEC3AC3B93A3BC32F76B0592B7DB2EC38F73497B5063CE4B89734C136EA3D0BB8F93EA33135B261B9B138442A6ABC83BC72B868B95C3C813DF33ABA35DAB6F92A143B43404E3B7DB4DE28B9B742BAE5B14232583FA92A6E3D123F0B2D6E3EB839AEB63E34DB256FB35CB29D30F23614BBCEA017BE2C34FD383F319334B83852B9A6B31638023C52361B41D9ADFF3B113D48B090BABBBC3131713C5934883111B67D3846C0703333277BBD5A408DBD4FBCCEBC713C1BBB5939B33828343BBDE6B8B13E2ABDA7BA31B1793A0734F03945BC8F3B8D3861BE293E964026BA202B973DEDBDF6BF30BD89B8A1B8DC384C34FCBC8A387F3FCA3CEE3B2A25DE3BBBBB023A95AD863C75375CBC1930DF3C84BC79B826BAFCBDB13B3E3D663AC333A9AAA933DAB9273B2F3C763B3FB8052D4EB1283FC03187BF6036873F7B39093B9E28E3BF3EBFFCBC0FB0F634843973B5A83B7AB4A3B9D03A51BB75C13DBC072E29C2B7B550B5B5BDEEBD66B760B80A3DFF3553BED6BAA439953F2F36F934713FCEA5F2B4A7BD1BB85C40B0BDBB21A2BD1C301A3BCCB3D839C4392737DD3E3B3AE1B472B9C3BA9D372EB575415F3FDDB244B5C33E89BF3AB79B3B4CBBA1B79EB5493967306F36C338AA27713CD5B9BFBD1CBF7CBE67B81F3C9331CAB848BC3BB875B685B8BBBD9DB7123C59C0B3B33EC0DC31FBB92CC0722E453FF82EA63C94AC51C0D937B1B6D9BD473A973434B8F23AFABA263986BB463867BC',X'F53D1234BB3D94BA9EB7B83A7DC144BC223C7137D53BF5B48338D9B97DBDC7BE6AB864B809B919C3FFBF43B89834A1B8',X'EA352A304F37E63BC3389D38EC3B153BFE3BA13B5739E334063992357C3A65306737BA3A4637CF384A2E9034A33B4139D7352338333A4D3AA03AA234A0331C3938388538DE321935043ABC350F3AF8299B3BA932A7375E3B0E344733E33B3C3B4238D02B');
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
INSERT INTO "settings" VALUES('paused','true');
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
INSERT INTO "tag_writes" VALUES(1,X'2F6D2F612E6D7033',X'2F6D2F2E67656E726577617463682D312D322E746D70','f1','["Rock"]','["Jazz"]','none','ours','drop',NULL,'done','',1,'42','2026-05-01T12:00:00.000Z','2026-05-01T12:00:00.000Z',5);
INSERT INTO "tag_writes" VALUES(2,X'2F6D2F622E6D7033',X'2F6D2F2E67656E726577617463682D312D322E746D70','f1','["Rock"]','["Jazz"]','none','ours','drop',NULL,'open','',1,'42','2026-05-01T12:00:00.000Z',NULL,NULL);
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
