"""The second witness, on a real SQLite file that is lost, restored or older than its log."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.errors import LibraryError
from core.library import feedback_log, files, lots, runs, writes
from core.library.feedback_log import FeedbackRow
from core.library.schema import open_library, writing
from core.library.witness import Replayed, Witness, is_unread
from core.library.writes import WriteRow
from tests.factories import NOON, file_row

PATHS = ("/m/a.mp3", "/m/\udcff\udcfe \U0001f3b5\n.mp3")


@pytest.fixture
def log(tmp_path: Path) -> Witness:
    return Witness(tmp_path / "writes.log")


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "library.db")


def write(
    db: Database, log: Witness | None, path: str = PATHS[0], number: int = 1, **changes: object
) -> WriteRow:
    """Write as the journal does: begun, closed, and told to the log in one transaction."""
    values: dict[str, object] = {
        "path": path,
        "scratch": f"/m/.genrewatch-{number}.tmp",
        "fingerprint": "f1",
        "old": (),
        "new": ("Rock",),
        "old_origin": "none",
        "origin": "ours",
        "cause": "drop",
        "writer_pid": 1,
        "writer_started": "then",
    }
    row = WriteRow(**(values | changes))  # type: ignore[arg-type]
    write = writes.open_write(db, row, NOON)
    with writing(db):
        writes.close_write(db, write, "done", NOON, after_mtime_ns=5)
        if log is not None:
            log.recorder(db)(replace(row, id=write))
    found = writes.write_of(db, write)
    assert found is not None
    return found


def said(path: str = PATHS[0], kind: str = "correction", via: str = "retag") -> FeedbackRow:
    return FeedbackRow(
        path=path, fingerprint="f1", kind=kind, old=("Rock",), new=("Jazz",), via=via, artist="Ann"
    )


def another(tmp_path: Path) -> Database:
    """A database that knows nothing, beside the same log."""
    return open_library(tmp_path / "empty.db")


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_database_learns_what_we_wrote(
    db: Database, log: Witness, tmp_path: Path, path: str
) -> None:
    """With any bytes in the path; the write can be undone, and its genre is known as ours."""
    known = write(db, log, path)
    empty = another(tmp_path)
    assert is_unread(empty)

    assert log.settle(empty) == Replayed(writes=1)

    found = writes.newest_standing_write(empty, path)
    assert found is not None
    put_back = replace(known, id=found.id, writer_pid=0, writer_started="")
    assert (found.new, found.origin, found.begun_at) == (known.new, "ours", known.begun_at)
    assert found.after_mtime_ns == put_back.after_mtime_ns == 5
    assert writes.our_genres_of_track(empty, "f1") == [("Rock",)]
    assert not is_unread(empty)


def test_the_log_is_private_and_read_once(db: Database, log: Witness, tmp_path: Path) -> None:
    """Nobody else reads it, and nothing comes back twice."""
    write(db, log)
    empty = another(tmp_path)
    log.settle(empty)

    assert log.path.stat().st_mode & 0o777 == 0o600
    assert log.settle(empty) == Replayed()
    runs.set_setting(empty, "witness", {"read": 0, "feedback": 0})
    assert log.settle(empty) == Replayed()
    assert len(writes.writes_at(empty, PATHS[0])) == 1


def test_an_undo_stays_undone(db: Database, log: Witness, tmp_path: Path) -> None:
    """The track is left alone by a database that never saw the undo."""
    first = write(db, log)
    undo = {"old": ("Rock",), "new": (), "old_origin": "ours", "origin": "none", "cause": "undo"}
    write(db, log, number=2, undoes=first.id, **undo)
    empty = another(tmp_path)

    assert log.settle(empty) == Replayed(writes=2)

    assert [row.state for row in writes.writes_at(empty, PATHS[0])] == ["undone", "done"]
    assert writes.was_undone(empty, "f1")
    assert writes.newest_standing_write(empty, PATHS[0]) is None


def test_a_restored_database_knows_its_files_as_they_became(db: Database, log: Witness) -> None:
    """A row from before our write says ours afterwards, so that the rescan hears no person."""
    files.remember_track(db, "f1", 6.0, NOON)
    files.save_file(db, file_row(PATHS[0], state="not_sure"), NOON)
    log.settle(db)
    row = WriteRow(
        path=PATHS[0],
        scratch="/m/.genrewatch-1.tmp",
        fingerprint="f1",
        old=(),
        new=("Rock",),
        old_origin="none",
        origin="ours",
        cause="drop",
        writer_pid=1,
        writer_started="then",
        begun_at="2026-05-01T12:00:00.000Z",
    )
    log.recorder(db)(row)  # the database is from before this write

    assert log.settle(db) == Replayed(writes=1)

    found = files.file_at(db, PATHS[0])
    assert found is not None
    assert (found.genres, found.origin, found.state) == (("Rock",), "ours", "tagged")
    assert found.stamp == file_row().stamp  # so that the file itself is looked at again


def test_a_write_open_in_the_backup_is_closed(db: Database, log: Witness, tmp_path: Path) -> None:
    """The backup was made in the middle of it: one row, done."""
    row = write(db, log)
    old = another(tmp_path)
    writes.open_write(old, row, NOON)

    assert log.settle(old) == Replayed(writes=1)

    assert [found.state for found in writes.writes_at(old, PATHS[0])] == ["done"]


def test_a_failed_write_stays_failed(db: Database, log: Witness) -> None:
    """What the database knows of a write wins over the log."""
    row = write(db, log)
    db.execute("update tag_writes set state = 'failed' where id = ?", [row.id])

    assert log.settle(db) == Replayed()
    assert [found.state for found in writes.writes_at(db, PATHS[0])] == ["failed"]


def test_words_are_kept_and_come_back_once(db: Database, log: Witness, tmp_path: Path) -> None:
    """A correction is put back with its time, and its file is the person's."""
    write(db, log)
    feedback_log.record_feedback(db, said(), NOON)
    log.settle(db)
    log.settle(db)
    assert len(log.path.read_text("ascii").splitlines()) == 2
    old = another(tmp_path)
    files.remember_track(old, "f1", 6.0, NOON)
    files.save_file(old, file_row(PATHS[0], genres=("Rock",), origin="ours"), NOON)

    assert log.settle(old) == Replayed(writes=1, feedback=1)

    assert feedback_log.all_feedback(old) == [replace(said(), at="2026-05-01T12:00:00.000Z", id=1)]
    found = files.file_at(old, PATHS[0])
    assert found is not None
    assert (found.genres, found.origin, found.state) == (("Jazz",), "person", "left")
    assert log.settle(old) == Replayed()


def test_a_rejection_in_review_leaves_the_file_as_it_is(
    db: Database, log: Witness, tmp_path: Path
) -> None:
    """It said "not this" of a guess, not of a tag."""
    not_this = replace(said(kind="rejection", via="review"), new=())
    feedback_log.record_feedback(db, not_this, NOON)
    log.settle(db)
    old = another(tmp_path)
    files.remember_track(old, "f1", 6.0, NOON)
    files.save_file(old, file_row(PATHS[0], state="not_sure"), NOON)

    log.settle(old)

    found = files.file_at(old, PATHS[0])
    assert found is not None
    assert (found.state, found.origin) == ("not_sure", "none")


def test_a_put_back_genre_leaves_hands_off(db: Database, log: Witness, tmp_path: Path) -> None:
    """A reversion is not a person's word, here neither."""
    reversion = replace(said(kind="reversion"), new=())
    feedback_log.record_feedback(db, reversion, NOON)
    log.settle(db)
    old = another(tmp_path)
    files.remember_track(old, "f1", 6.0, NOON)
    files.save_file(old, file_row(PATHS[0], genres=("Rock",), origin="ours"), NOON)

    log.settle(old)

    found = files.file_at(old, PATHS[0])
    assert found is not None
    assert (found.genres, found.origin, found.hands_off) == ((), "none", True)


def test_a_line_torn_by_a_crash_costs_itself_alone(
    db: Database, log: Witness, tmp_path: Path
) -> None:
    """Wherever it was cut, the lines before and after are read."""
    write(db, log)
    whole = log.path.read_bytes()
    for cut in range(1, len(whole)):
        log.path.write_bytes(whole + whole[:cut].replace(b"-1.tmp", b"-9.tmp"))
        write(db, log, number=1000 + cut)
        empty = open_library(tmp_path / f"{cut}.db")
        found = log.settle(empty)
        empty.close()

        assert found.writes >= 2
        assert found.writes + found.unreadable == 3


def test_a_lost_log_is_made_anew(db: Database, log: Witness, tmp_path: Path) -> None:
    """From what the database knows: also where it is older than the log was."""
    write(db, None)
    feedback_log.record_feedback(db, said(), NOON)
    log.settle(db)
    log.path.unlink()

    log.settle(db)

    lines = log.path.read_text("ascii").splitlines()
    assert [json.loads(line)["what"] for line in lines] == ["write", "feedback"]
    assert log.settle(another(tmp_path)) == Replayed(writes=1, feedback=1)


def test_a_log_that_cannot_be_written_undoes_the_transaction(db: Database, tmp_path: Path) -> None:
    """Then the write stays open and is closed later; one sentence says why."""
    (tmp_path / "folder").mkdir()
    log = Witness(tmp_path / "folder")

    with pytest.raises(LibraryError, match="log of writes"):
        write(db, log)
    assert [row.state for row in writes.open_writes(db)] == ["open"]


def test_a_write_that_was_taken_back_is_none(db: Database, log: Witness, tmp_path: Path) -> None:
    """Another program had written at the same time: the log is told, and so a database is."""
    row = write(db, log)
    older = open_library(tmp_path / "older.db")
    log.settle(older)
    db.execute("update tag_writes set state = 'failed' where id = ?", [row.id])
    log.recorder(db)(row)

    log.settle(older)
    empty = another(tmp_path)
    log.settle(empty)

    for found in (older, empty):
        assert [one.state for one in writes.writes_at(found, PATHS[0])] == ["failed"]
    older.close()


def test_what_was_one_act_is_one_when_it_comes_back(
    db: Database, log: Witness, tmp_path: Path
) -> None:
    """Writes and refusals of one answer are taken back together, under whatever new numbers."""
    write(db, log, number=1)
    for number in (2, 3):
        write(db, log, path=f"/m/{number}.mp3", number=number, lot="an answer")
    feedback_log.record_feedback(
        db, replace(said(kind="rejection", via="review"), lot="an answer"), NOON
    )
    log.settle(db)
    empty = another(tmp_path)
    log.settle(empty)

    acts = lots.last_acts(empty, 1)

    assert {row.path for row in acts.writes} == {"/m/2.mp3", "/m/3.mp3"}
    assert [row.old for row in acts.refusals] == [("Rock",)]


def test_a_refusal_that_was_taken_back_stays_so(db: Database, log: Witness, tmp_path: Path) -> None:
    """Also where the log was read between the two words."""
    refused = replace(said(kind="rejection", via="review"), lot="an answer")
    feedback_log.record_feedback(db, refused, NOON)
    log.settle(db)
    between, after = (open_library(tmp_path / name) for name in ("between.db", "after.db"))
    log.settle(between)
    (word,) = lots.refusals_of(db, "f1")
    lots.withdraw(db, word, NOON)
    log.settle(db)

    assert lots.refusals_of(between, "f1") != []
    for found in (db, between, after):
        log.settle(found)
        assert feedback_log.feedback_of_track(found, "f1") == []
        assert len(feedback_log.story_of_track(found, "f1")) == 2
    assert log.settle(after) == Replayed()


def test_lines_of_an_older_program_are_read(db: Database, log: Witness, tmp_path: Path) -> None:
    """They tell of no lot: each write is an act of its own."""
    for number in (1, 2):
        write(db, log, path=f"/m/{number}.mp3", number=number, lot="an answer")
    entries = [json.loads(line) for line in log.path.read_text().splitlines()]
    for entry in entries:
        assert entry.pop("lot") == "an answer"
    log.path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    empty = another(tmp_path)

    assert log.settle(empty) == Replayed(writes=2)
    assert len(lots.last_acts(empty, 1).writes) == 1
