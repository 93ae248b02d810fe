"""The record on a real SQLite file."""

import contextlib
import multiprocessing
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from core.errors import LibraryError
from core.library import evidence, feedback_log, files, hearings, runs, writes
from core.library.feedback_log import FeedbackRow
from core.library.hearings import HearingRow
from core.library.schema import SCHEMA_VERSION, open_library, reading, writing
from core.names import Keys
from tests.factories import NOON, file_row, stamp
from tests.small_disk import small_disk


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "state" / "library.db")


def heard(fingerprint: str = "f1", segments: int = 3) -> HearingRow:
    rng = np.random.default_rng(1)
    return HearingRow(
        fingerprint=fingerprint,
        feature_version=1,
        model_version="m1",
        genres=("Jazz", "Rock"),
        segments=segments,
        track_features=rng.normal(size=(2, 135)).astype(np.float32),
        pooled_scores=rng.normal(size=(4, 2)).astype(np.float32),
        starts_s=np.arange(segments, dtype=np.float32),
        features=rng.normal(size=(segments, 135)).astype(np.float32),
        scores=rng.normal(size=(4, segments, 2)).astype(np.float32),
        embedding=rng.normal(size=200).astype(np.float32),
        tags=rng.random(50).astype(np.float32),
    )


def said(kind: str, *new: str, fingerprint: str = "f1", artist: str | None = "Ann") -> FeedbackRow:
    return FeedbackRow(
        path="/m/a.mp3",
        fingerprint=fingerprint,
        kind=kind,
        old=("Rock",),
        new=new,
        via="retag",
        artist=artist,
    )


def of_version(version: int, folder: Path) -> Path:
    """Make a record as that version wrote it."""
    path = folder / "library.db"
    with contextlib.closing(sqlite3.connect(path)) as old:
        dump = Path(__file__).with_name(f"version_{version}.sql")
        old.executescript(dump.read_text("utf-8"))
    return path


def test_the_record_is_private_and_in_wal(db: Database, tmp_path: Path) -> None:
    """Nobody else reads what a person listens to."""
    path = tmp_path / "state" / "library.db"

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert db.execute("pragma journal_mode").fetchone()[0] == "wal"
    assert db.execute("pragma synchronous").fetchone()[0] == 2


def test_a_newer_record_is_refused_untouched(db: Database, tmp_path: Path) -> None:
    """An old program does not guess at a new schema."""
    db.execute(f"pragma user_version = {SCHEMA_VERSION + 1}")
    db.close()

    with pytest.raises(LibraryError, match="newer"):
        open_library(tmp_path / "state" / "library.db")


def test_a_record_of_version_1_is_brought_up(tmp_path: Path) -> None:
    """What stands in it stays; what came later is empty."""
    db = open_library(of_version(1, tmp_path))

    assert db.execute("pragma user_version").fetchone()[0] == SCHEMA_VERSION
    assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
    kept = hearings.hearing_of(db, "f1")
    assert kept is not None
    assert kept.embedding is None
    assert kept.tags is None
    assert np.allclose(kept.pooled_scores, heard().pooled_scores, atol=1e-3)
    assert [row.new for row in feedback_log.all_feedback(db)] == [("Jazz",)]
    hearings.save_hearing(db, heard())


def test_a_record_of_version_2_is_brought_up(tmp_path: Path) -> None:
    """Its writes, the open one too, can be read and closed; what it did not keep is absent."""
    db = open_library(of_version(2, tmp_path))

    assert db.execute("pragma user_version").fetchone()[0] == SCHEMA_VERSION
    assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
    [done] = writes.writes_at(db, "/m/a.mp3")
    assert (done.state, done.new, done.writer_boot, done.before) == ("done", ("Jazz",), "", None)
    assert (done.prepared_at, done.hash_before, done.kept) == (None, None, False)
    [left_open] = writes.open_writes(db)
    writes.close_write(db, left_open.id, "failed", NOON)
    row = files.file_at(db, "/m/a.mp3")
    assert row is not None
    assert (row.state, row.volume, row.head, row.tries, row.retry_at) == (
        "tagged", None, None, 0, None,
    )  # fmt: skip
    assert files.file_at(db, "/m/\udcff.mp3") is not None


def test_a_record_of_version_3_is_brought_up(tmp_path: Path) -> None:
    """What it could take back can still be taken back."""
    db = open_library(of_version(3, tmp_path))

    assert db.execute("pragma user_version").fetchone()[0] == SCHEMA_VERSION
    [done] = writes.standing_writes_at(db, "/m/a.mp3")
    assert (done.new, done.replaced, done.undo_size) == (("Jazz",), False, 5)
    assert writes.undo_record(db, done.id) == b"patch"


def test_what_the_cheap_identity_is_made_of_comes_back(db: Database) -> None:
    """Volume, first bytes and the next try are kept with the file."""
    row = file_row(
        fingerprint=None, volume=2**40, head="abc", tries=2, retry_at="2026-05-01T12:05:00.000Z"
    )

    files.save_file(db, row, NOON)

    found = files.file_at(db, row.path)
    assert found is not None
    assert replace(found, first_seen_at="", changed_at="") == row


def test_something_else_is_no_record(tmp_path: Path) -> None:
    """A file that is not SQLite is told so, and stays as it is."""
    path = tmp_path / "library.db"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 40)

    with pytest.raises(LibraryError):
        open_library(path)
    assert path.read_bytes().startswith(b"not a database")


@pytest.mark.parametrize("path", ["/m/a.mp3", "/m/n\newline \U0001f3b5.mp3", "/m/\udcff\udcfe.mp3"])
def test_any_path_comes_back_as_it_was(db: Database, path: str) -> None:
    """Bytes that are no UTF-8 survive, too."""
    files.remember_track(db, "f1", 6.0, NOON)
    row = file_row(path, genres=("Jazz", "R&B/Soul"), artist="Ann", origin="arrived")

    files.save_file(db, row, NOON)

    found = files.file_at(db, path)
    assert found is not None
    assert replace(found, first_seen_at="", changed_at="") == row
    assert list(files.files_in_dir(db, "/m")) == [path]


def test_a_folder_holds_only_what_is_below_it(db: Database) -> None:
    """/m does not hold /m2, and a vanished file is held no more."""
    for path in ("/m/a.mp3", "/m/x/b.mp3", "/m2/c.mp3"):
        files.save_file(db, file_row(path, fingerprint=None), NOON)
    files.mark_gone(db, ["/m/x/b.mp3"], NOON)

    assert files.known_dirs(db, "/m") == ["/m"]
    assert [row.path for row in files.files_gone_or_here(db, "/m")] == ["/m/a.mp3", "/m/x/b.mp3"]


def test_a_state_keeps_the_time_it_was_reached(db: Database) -> None:
    """Saving the same state again does not make it news."""
    files.save_file(db, file_row(fingerprint=None, state="failed"), NOON)
    later = NOON.replace(hour=15)

    files.save_file(db, file_row(fingerprint=None, state="failed", reason="still"), later)

    row = files.file_at(db, "/m/a.mp3")
    assert row is not None
    assert row.changed_at.startswith("2026-05-01T12:00")


def test_the_rescan_asks_by_index(db: Database) -> None:
    """100,000 known files are not read to look at one folder."""
    plan = db.execute(
        "explain query plan select path from files where dir = ? and gone_at is null", [b"/m"]
    ).fetchall()

    assert "files_by_dir" in str(plan)


def test_what_is_due_again_is_asked_by_index(db: Database) -> None:
    """The loop asks at each turn, however many files ever failed."""
    for number in range(3):
        later = f"2026-05-01T12:0{number}:00.000Z"
        row = file_row(f"/m/{number}.mp3", fingerprint=None, state="failed", retry_at=later)
        files.save_file(db, row, NOON)
    files.save_file(db, file_row(fingerprint=None, state="failed"), NOON)
    asked: list[str] = []
    db.conn.set_trace_callback(asked.append)

    assert files.due_again(db, NOON.replace(minute=1)) == ["/m/0.mp3", "/m/1.mp3"]

    db.conn.set_trace_callback(None)
    assert "files_by_retry" in str(db.execute(f"explain query plan {asked[0]}").fetchall())


def test_a_hearing_comes_back_to_half_precision(db: Database) -> None:
    """float16 keeps three digits, which is more than the ear does."""
    files.remember_track(db, "f1", 6.0, NOON)
    row = heard()

    hearings.save_hearing(db, row)

    found = hearings.hearing_of(db, "f1")
    assert found is not None
    assert found.genres == row.genres
    summary = ("track_features", "pooled_scores", "embedding", "tags")
    for name in (*summary, "starts_s", "features", "scores"):
        np.testing.assert_allclose(getattr(found, name), getattr(row, name), rtol=2e-3, atol=2e-3)


def test_a_summary_is_small(db: Database) -> None:
    """What is kept of every track is about 2 kB at most."""
    files.remember_track(db, "f1", 6.0, NOON)
    hearings.save_hearing(db, heard(segments=24))

    hearings.drop_segments(db, "f1")

    sizes = db.execute(
        "select length(track_features) + length(pooled_scores) + length(embedding) + length(tags), "
        "features from hearings"
    ).fetchone()
    assert sizes[0] < 2048
    assert sizes[1] is None


def test_labels_are_peoples_latest_words(db: Database) -> None:
    """A later rejection takes a label back; a reversion takes nothing back."""
    for fingerprint in ("f1", "f2", "f3"):
        files.remember_track(db, fingerprint, 6.0, NOON)
        hearings.save_hearing(db, heard(fingerprint))
    feedback_log.record_feedback(db, said("correction", "Pop"), NOON)
    feedback_log.record_feedback(db, said("correction", "Jazz"), NOON)
    feedback_log.record_feedback(db, said("reversion"), NOON)
    feedback_log.record_feedback(db, said("label", "Pop", fingerprint="f2", artist=None), NOON)
    feedback_log.record_feedback(db, said("rejection", fingerprint="f2"), NOON)
    feedback_log.record_feedback(db, said("label", "Pop", fingerprint="f3", artist=None), NOON)

    found = hearings.labels(db, feature_version=1)

    assert [(label.fingerprint, label.genre, label.group) for label in found] == [
        ("f1", "Jazz", "ann"),
        ("f3", "Pop", "/m"),
    ]
    assert found[0].features.shape == (3, 135)
    assert found[0].embedding is not None
    assert np.allclose(found[0].embedding, heard("f1").embedding, atol=1e-2)
    assert hearings.labels(db, feature_version=2) == []


def test_only_who_was_named_and_heard_is_read_anew(db: Database) -> None:
    """A new library, heard track by track, does not have the named ones read each time."""
    for fingerprint in ("f1", "f2"):
        files.remember_track(db, fingerprint, 6.0, NOON)
    hearings.save_hearing(db, heard("f1"))
    nobody = evidence.last_voiced(db)
    feedback_log.record_feedback(db, said("label", "Pop", fingerprint="f1"), NOON)
    named = evidence.last_voiced(db)

    hearings.save_hearing(db, heard("f2"))
    assert nobody != named == evidence.last_voiced(db)
    assert evidence.voiced(db).fingerprints == ("f1",)

    feedback_log.record_feedback(db, said("label", "Jazz", fingerprint="f2"), NOON)
    hearings.save_hearing(db, heard("f2"))
    assert evidence.last_voiced(db) != named
    assert evidence.voiced(db).genres == ("Pop", "Jazz")


def test_the_unsure_are_found_by_every_spelling_of_an_artist(db: Database) -> None:
    """A word on one file is a reason to judge anew what the memory takes for the same music."""
    whose = {"a": {"artist": "The Änn"}, "b": {"artist": "ann feat. Bob"}, "c": {"artist": "Bob"}}
    whose["d"] = {"artist": "Orchestra", "composer": "Bach"}
    for name, tagged in whose.items():
        row = file_row(f"/m/{name}.mp3", fingerprint=None, state="not_sure", **tagged)
        files.save_file(db, row, NOON)

    def paths(**keys: str) -> list[str]:
        return [row.path for row in files.unsure_sharing(db, Keys(**keys))]

    assert paths(artist="ann") == ["/m/a.mp3", "/m/b.mp3"]
    assert paths(composer="bach", artist="choir") == ["/m/d.mp3"]
    assert paths() == []


def test_our_own_guesses_are_never_labels(db: Database) -> None:
    """A file that we tagged and nobody touched teaches nothing."""
    files.remember_track(db, "f1", 6.0, NOON)
    hearings.save_hearing(db, heard())
    files.save_file(db, file_row(state="tagged", origin="ours", genres=("Rock",)), NOON)

    assert hearings.labels(db, feature_version=1) == []


def test_labelled_is_what_a_person_named_or_what_came_with_a_genre(db: Database) -> None:
    """A row a track; never our own guess, nor what was not heard, nor a genre taken away."""
    for number, (origin, genres) in enumerate(
        [("person", ("Jazz",)), ("arrived", ("Rock",)), ("ours", ("Pop",)), ("person", ())]
    ):
        files.remember_track(db, f"f{number}", 10.0, NOON)
        hearings.save_hearing(db, heard(f"f{number}"))
        for folder in ("a", "b"):
            path = f"/m/{folder}/{number}.mp3"
            row = file_row(path, fingerprint=f"f{number}", origin=origin, genres=genres)
            files.save_file(db, row, NOON)
    files.remember_track(db, "unheard", 10.0, NOON)
    unheard = file_row("/m/c.mp3", fingerprint="unheard", origin="person", genres=("Jazz",))
    files.save_file(db, unheard, NOON)

    rows = hearings.labelled(db, 1)

    assert [(row.fingerprint, row.genres) for row in rows] == [("f0", ("Jazz",)), ("f1", ("Rock",))]
    assert rows[0].embedding is not None
    assert rows[0].track_features.shape == (2, 135)
    assert hearings.labelled(db, 2) == []


def test_a_file_has_one_open_write_at_a_time(db: Database) -> None:
    """The database itself refuses the second."""
    row = writes.WriteRow(
        path="/m/a.mp3",
        scratch="/m/.s",
        fingerprint=None,
        old=(),
        new=("Jazz",),
        old_origin="none",
        origin="ours",
        cause="drop",
        writer_pid=1,
        writer_started="x",
    )
    writes.open_write(db, row, NOON)

    with pytest.raises(sqlite3.IntegrityError):
        writes.open_write(db, row, NOON)


def test_feedback_since_the_last_training_is_counted(db: Database) -> None:
    """Only a training that saw the labels takes them off the count."""
    feedback_log.record_feedback(db, said("label", "Jazz"), NOON)
    run = runs.begin_run(db, "night", NOON)
    runs.end_run(db, run, "failed", "no", NOON)
    assert feedback_log.count_since(db, runs.last_learned_feedback(db)) == 1

    run = runs.begin_run(db, "night", NOON)
    runs.end_run(db, run, "promoted", "", NOON, last_feedback=feedback_log.last_feedback_id(db))

    assert feedback_log.count_since(db, runs.last_learned_feedback(db)) == 0


def test_a_track_is_a_new_label_once_and_by_its_last_word(db: Database) -> None:
    """A night waits for so many; a mind that changed is no more to learn from."""
    for row in (
        said("label", "Jazz", fingerprint="before"),
        said("label", "Jazz"),
        said("label", "Soul"),
        said("label", "Jazz", fingerprint="f2", artist="The ANN"),
        said("rejection", fingerprint="f2"),
        said("label", "Jazz", fingerprint="f3", artist=None),
        said("reversion", fingerprint="f3"),
    ):
        feedback_log.record_feedback(db, row, NOON)

    assert sorted(feedback_log.labels_since(db, 1)) == [("f1", "ann"), ("f3", "/m")]


def test_what_is_read_together_is_of_one_instant(db: Database, tmp_path: Path) -> None:
    """Whatever another process says meanwhile; afterwards it is there."""
    other = open_library(tmp_path / "state" / "library.db")
    with reading(db):
        before = feedback_log.last_feedback_id(db)
        feedback_log.record_feedback(other, said("label", "Jazz"), NOON)

        assert feedback_log.all_feedback(db) == []
        assert feedback_log.last_feedback_id(db) == before
    assert len(feedback_log.all_feedback(db)) == 1


def test_a_failed_transaction_leaves_nothing(db: Database) -> None:
    """All or nothing."""
    with pytest.raises(RuntimeError), writing(db):
        runs.set_setting(db, "paused", True)
        raise RuntimeError

    assert runs.get_setting(db, "paused") is None


def _count_up(path: str, times: int) -> None:
    db = open_library(Path(path))
    for _ in range(times):
        with writing(db):
            runs.set_setting(db, "n", (runs.get_setting(db, "n") or 0) + 1)


def test_processes_that_read_then_write_wait_for_each_other(tmp_path: Path) -> None:
    """A plain begin would fail at once with "database is locked"."""
    path = str(tmp_path / "library.db")
    open_library(Path(path)).close()
    context = multiprocessing.get_context("spawn")
    counters = [context.Process(target=_count_up, args=(path, 50)) for _ in range(3)]
    for counter in counters:
        counter.start()
    for counter in counters:
        counter.join()

    assert runs.get_setting(open_library(Path(path)), "n") == 150


def test_another_connections_writes_are_noticed(db: Database, tmp_path: Path) -> None:
    """The daemon sees a pause without asking the table each time."""
    before = runs.data_version(db)
    assert runs.data_version(db) == before

    other = open_library(tmp_path / "state" / "library.db")
    runs.set_setting(other, "paused", True)
    other.close()

    assert runs.data_version(db) != before


def test_stamps_of_a_moved_file_are_the_new_ones(db: Database) -> None:
    """A move changes ctime; all else stays."""
    files.save_file(db, file_row(fingerprint=None, state="tagged", genres=("Jazz",)), NOON)

    files.move_file(db, "/m/a.mp3", "/m/b.mp3", stamp(ctime_ns=99))

    row = files.file_at(db, "/m/b.mp3")
    assert row is not None
    assert row.stamp.ctime_ns == 99
    assert row.genres == ("Jazz",)
    assert files.file_at(db, "/m/a.mp3") is None


def test_a_disk_that_is_full_says_so_from_within_a_transaction(tmp_path: Path) -> None:
    """SQLite rolls back by itself then; the reason is not lost in rolling back once more."""
    with small_disk(tmp_path / "disk", "1m") as disk:
        db = open_library(disk.root / "library.db")
        with pytest.raises(sqlite3.OperationalError, match="full"), writing(db):
            for number in range(100_000):
                files.save_file(db, file_row(f"/m/{number}.mp3", fingerprint=None), NOON)
        assert not db.conn.in_transaction
        assert files.count_states(db) == {}
        db.close()
