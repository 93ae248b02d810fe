"""A tag write is whole or never was, as far as the record goes."""

from pathlib import Path

import pytest
from sqlite_utils import Database

from core.errors import WriteRefused
from core.library import files, writes
from core.library.schema import open_library
from core.stamp import Stamp
from core.tags import WriteResult, journal
from core.tags.journal import Writer
from tests.factories import NOON, file_row, stamp

ME = Writer(pid=1, started="now")


@pytest.fixture
def db(tmp_path: Path) -> Database:
    db = open_library(tmp_path / "library.db")
    files.remember_track(db, "f1", 6.0, NOON)
    return db


def known(db: Database, folder: Path, **changes: object) -> files.FileRow:
    row = file_row(str(folder / "a.mp3"), **changes)
    files.save_file(db, row, NOON)
    return row


def begin(db: Database, row: files.FileRow, origin: str = "ours") -> journal.Job:
    return journal.begin(db, row, ("Jazz",), origin=origin, cause="drop", writer=ME, now=NOON)


def done(*new: str, after: Stamp) -> WriteResult:
    return WriteResult(old=(), new=new, before=stamp(), after=after)


def test_a_committed_write_is_what_the_record_knows(db: Database, tmp_path: Path) -> None:
    """Genres, stamp and owner change in one transaction with the journal's row."""
    job = begin(db, known(db, tmp_path))

    journal.commit(db, job, done("Jazz", after=stamp(size=2000)), NOON)

    row = files.file_at(db, job.path)
    assert row is not None
    assert (row.genres, row.origin, row.state) == (("Jazz",), "ours", "tagged")
    assert row.stamp == stamp(size=2000)
    assert writes.open_writes(db) == []


def test_a_second_write_of_the_same_file_is_refused(db: Database, tmp_path: Path) -> None:
    """Commands and daemon do not meet in one file."""
    row = known(db, tmp_path)
    begin(db, row)

    with pytest.raises(WriteRefused):
        begin(db, row)


def test_an_abandoned_write_leaves_the_file_as_known(db: Database, tmp_path: Path) -> None:
    """The copy is removed, the reason kept."""
    job = begin(db, known(db, tmp_path))
    Path(job.scratch).write_bytes(b"half")

    journal.abandon(db, job, "disk full", NOON)

    assert not Path(job.scratch).exists()
    assert [row.state for row in writes.writes_at(db, job.path)] == ["failed"]
    assert files.file_at(db, job.path).genres == ()  # type: ignore[union-attr]


def test_an_undo_puts_back_genre_and_owner_and_stays_off(db: Database, tmp_path: Path) -> None:
    """Afterwards the file is nobody's and left alone."""
    job = begin(db, known(db, tmp_path, genres=("Unknown",), origin="none"))
    result = WriteResult(old=("Unknown",), new=("Jazz",), before=stamp(), after=stamp(size=2))
    journal.commit(db, job, result, NOON)
    row = files.file_at(db, job.path)
    past = writes.newest_standing_write(db, job.path)
    assert row is not None
    assert past is not None

    undo = journal.begin_undo(db, row, past, writer=ME, now=NOON)
    assert undo.genres == ("Unknown",)
    journal.commit(db, undo, done("Unknown", after=stamp(size=3)), NOON)

    back = files.file_at(db, job.path)
    assert back is not None
    assert (back.origin, back.hands_off, back.state) == ("none", True, "left")
    assert writes.newest_standing_write(db, job.path) is None


def test_what_a_person_changed_since_is_not_undone(db: Database, tmp_path: Path) -> None:
    """Their word stands."""
    job = begin(db, known(db, tmp_path))
    journal.commit(db, job, done("Jazz", after=stamp(size=2)), NOON)
    past = writes.newest_standing_write(db, job.path)
    assert past is not None
    theirs = file_row(job.path, genres=("Doom",), origin="person", state="left")

    with pytest.raises(WriteRefused, match="changed since"):
        journal.begin_undo(db, theirs, past, writer=ME, now=NOON)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ((("Jazz",), stamp(size=2)), "done"),  # killed after the swap, before the commit
        (((), stamp()), "failed"),  # killed before the swap
        (None, "failed"),  # the file is gone or unreadable
    ],
)
def test_what_a_crash_left_open_is_closed_by_looking(
    db: Database, tmp_path: Path, found: tuple[tuple[str, ...], Stamp] | None, state: str
) -> None:
    """The file itself says whether the write happened."""
    job = begin(db, known(db, tmp_path))
    Path(job.scratch).write_bytes(b"half")

    touched = journal.recover(db, lambda writer: False, lambda path: found, NOON)

    assert touched == [job.path]
    assert not Path(job.scratch).exists()
    assert [row.state for row in writes.writes_at(db, job.path)] == [state]
    row = files.file_at(db, job.path)
    assert row is not None
    assert row.state == ("tagged" if state == "done" else "pending")


def test_the_open_write_of_a_living_process_is_left_to_it(db: Database, tmp_path: Path) -> None:
    """A command may be at work while the daemon starts."""
    job = begin(db, known(db, tmp_path))
    Path(job.scratch).write_bytes(b"half")

    assert journal.recover(db, lambda writer: writer == ME, lambda path: None, NOON) == []
    assert Path(job.scratch).exists()


def test_a_scratch_name_is_hidden_and_no_audio_name(tmp_path: Path) -> None:
    """Players and we ourselves pass over it, whatever the file is called."""
    name = journal.scratch_name("/m/" + "x" * 250 + ".mp3", "1-2").rpartition("/")[2]

    assert name.startswith(".")
    assert not name.endswith(".mp3")
    assert len(name.encode()) < 255
    assert journal.is_scratch(name)
