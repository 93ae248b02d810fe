"""A tag write is whole or never was, as far as the record goes; what a crash left is told by stat.

The worker is played by hand on small real files: its copy under the scratch name, the
exchange, and what other programs do in between.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.errors import LibraryError, WriteDelayed, WriteRefused
from core.library import files, writes
from core.library.files import FileRow
from core.library.schema import open_library, writing
from core.library.writes import WriteRow
from core.stamp import Stamp
from core.tags import Prepared, WriteResult, journal
from core.tags.journal import Job, Writer
from core.tags.swap import exchange
from tests.factories import NOON, file_row, stamp

ME = Writer(pid=1, started="now", boot="this")
OLD, NEW = b"the music, no genre", b"the music, Jazz"


@pytest.fixture
def db(tmp_path: Path) -> Database:
    db = open_library(tmp_path / "library.db")
    files.remember_track(db, "f1", 6.0, NOON)
    return db


@pytest.fixture
def music(tmp_path: Path) -> Path:
    path = tmp_path / "music" / "a.mp3"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def known(db: Database, path: Path, **changes: object) -> FileRow:
    row = file_row(str(path), stamp=Stamp.of(path.lstat()), **changes)
    files.save_file(db, row, NOON)
    return row


def begin(db: Database, row: FileRow, origin: str = "ours") -> Job:
    return journal.begin(db, row, ("Jazz",), origin=origin, cause="drop", writer=ME, now=NOON)


def prepare(db: Database, job: Job, old: tuple[str, ...] = ()) -> Prepared:
    """Do what a worker does up to the swap, and record it."""
    scratch = Path(job.scratch)
    scratch.write_bytes(NEW)
    made = Prepared(
        old=old,
        new=job.genres,
        before=Stamp.of(os.lstat(job.path)),
        undo=b"patch",
        hash_before="1",
        hash_after="2",
        changed=True,
        copy=Stamp.of(scratch.lstat()),
    )
    journal.prepared(db, job, made, NOON)
    return made


def swap(job: Job, made: Prepared) -> WriteResult:
    exchange(job.path, job.scratch)
    return WriteResult(
        old=made.old,
        new=made.new,
        before=made.before,
        after=Stamp.of(os.lstat(job.path)),
        kept=True,
        original=Stamp.of(os.lstat(job.scratch)),
    )


def written(db: Database, path: Path, **changes: object) -> tuple[Job, WriteRow]:
    """Write once, from begin to commit."""
    row = known(db, path, **changes)
    job = begin(db, row)
    made = prepare(db, job, old=row.genres)
    journal.commit(db, job, swap(job, made), NOON)
    return job, row_of(db, job)


def row_of(db: Database, job: Job) -> WriteRow:
    row = writes.write_of(db, job.write)
    assert row is not None
    return row


def at(db: Database, path: Path) -> FileRow:
    row = files.file_at(db, str(path))
    assert row is not None
    return row


def recover(db: Database, found: tuple[tuple[str, ...], Stamp] | None = None) -> list[str]:
    return journal.recover(db, lambda writer: False, lambda path: found, NOON)


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


# the usual course ------------------------------------------------------------------------


def test_a_committed_write_is_what_the_record_knows(db: Database, music: Path) -> None:
    """Genres, stamp and owner change in one transaction with the journal's row."""
    _, row = written(db, music)

    file = at(db, music)
    assert (file.genres, file.origin, file.state) == (("Jazz",), "ours", "tagged")
    assert file.stamp == Stamp.of(music.lstat())
    assert (row.state, row.kept) == ("done", False)
    assert writes.undo_record(db, row.id) == b"patch"
    assert (writes.open_writes(db), writes.kept_writes(db)) == ([], [])
    assert hidden(music.parent) == []


def test_what_takes_a_write_back_is_on_disk_before_the_swap(db: Database, music: Path) -> None:
    """Another connection sees it while the original still lies in its place."""
    job = begin(db, known(db, music))
    prepare(db, job)

    beside = open_library(Path(db.execute("pragma database_list").fetchone()[2]))
    [row] = writes.open_writes(beside)
    assert writes.undo_record(beside, row.id) == b"patch"
    assert row.prepared_at is not None
    assert music.read_bytes() == OLD
    beside.conn.close()


def test_the_witness_is_told_before_the_write_counts(db: Database, music: Path) -> None:
    """If it cannot be told, nothing is closed, and the next look at the disk decides."""
    job = begin(db, known(db, music))
    result = swap(job, prepare(db, job))

    def fail(row: WriteRow) -> None:
        raise OSError

    with pytest.raises(OSError):
        journal.commit(db, job, result, NOON, witness=fail)
    assert row_of(db, job).state == "open"
    told: list[WriteRow] = []
    journal.recover(db, lambda writer: False, lambda path: None, NOON, witness=told.append)

    assert [row.id for row in told] == [job.write]
    assert row_of(db, job).state == "done"
    assert hidden(music.parent) == []


def test_a_second_write_of_the_same_file_is_refused(db: Database, music: Path) -> None:
    """Commands and daemon do not meet in one file."""
    row = known(db, music)
    begin(db, row)

    with pytest.raises(WriteRefused):
        begin(db, row)


def test_an_abandoned_write_leaves_the_file_as_known(db: Database, music: Path) -> None:
    """The copy is removed, the reason kept, and there is nothing to undo."""
    job = begin(db, known(db, music))
    prepare(db, job)

    journal.abandon(db, job, "disk full", NOON)

    row = row_of(db, job)
    assert (row.state, row.reason, row.undo_size) == ("failed", "disk full", 0)
    assert music.read_bytes() == OLD
    assert at(db, music).genres == ()
    assert hidden(music.parent) == []


def test_an_original_written_to_through_an_old_handle_wins(db: Database, music: Path) -> None:
    """Another program had it open across the swap: what it wrote stands, and we try later."""
    job = begin(db, known(db, music))
    with music.open("r+b") as handle:
        result = swap(job, prepare(db, job))
        handle.write(b"THE")
        handle.flush()

        with pytest.raises(WriteDelayed, match="another program"):
            journal.commit(db, job, result, NOON)

    assert music.read_bytes() == b"THE" + OLD[3:]
    assert row_of(db, job).state == "failed"
    assert hidden(music.parent) == []
    assert at(db, music).genres == ()


# undo ------------------------------------------------------------------------------------


def test_an_undo_puts_back_genre_and_owner_and_stays_off(db: Database, music: Path) -> None:
    """Afterwards the file is nobody's and left alone, and its undo record is needed no more."""
    job, past = written(db, music, genres=("Unknown",), origin="none")
    undo = journal.begin_undo(db, at(db, music), past, writer=ME, now=NOON)
    assert undo.back is not None
    assert (undo.back.undo, undo.back.hash_before, undo.back.written) == (b"patch", "1", ("Jazz",))

    made = replace(prepare(db, undo, old=("Jazz",)), new=("Unknown",))
    journal.commit(db, undo, swap(undo, made), NOON)

    back = at(db, music)
    assert (back.genres, back.origin) == (("Unknown",), "none")
    assert (back.hands_off, back.state) == (True, "left")
    assert row_of(db, job).state == "undone"
    assert writes.newest_standing_write(db, job.path) is None
    assert writes.undo_bytes(db) == 0


def test_an_undo_that_is_taken_back_leaves_the_write_standing(db: Database, music: Path) -> None:
    """Somebody wrote to the file during the undo: it can be undone again."""
    job, past = written(db, music)
    undo = journal.begin_undo(db, at(db, music), past, writer=ME, now=NOON)
    with music.open("r+b") as handle:
        result = swap(undo, prepare(db, undo))
        handle.write(b"THE")
        handle.flush()
        with pytest.raises(WriteDelayed):
            journal.commit(db, undo, result, NOON)

    assert row_of(db, job).state == "done"
    assert writes.undo_record(db, job.write) == b"patch"
    assert not at(db, music).hands_off


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"genres": ("Doom",), "origin": "person", "state": "left"}, "changed since"),
        ({"genres": ("Jazz",), "fingerprint": "f2"}, "other music"),
    ],
)
def test_what_a_person_changed_since_is_not_undone(
    db: Database, music: Path, changes: dict[str, object], reason: str
) -> None:
    """Their word stands."""
    _, past = written(db, music)

    with pytest.raises(WriteRefused, match=reason):
        journal.begin_undo(db, file_row(str(music), **changes), past, writer=ME, now=NOON)


# after a crash ---------------------------------------------------------------------------


def test_killed_before_the_copy_was_whole(db: Database, music: Path) -> None:
    """The half copy goes; nothing was written, whatever genre stands there by chance."""
    job = begin(db, known(db, music))
    Path(job.scratch).write_bytes(b"half")

    assert recover(db, found=(("Jazz",), stamp())) == [job.path]

    assert row_of(db, job).state == "failed"
    assert music.read_bytes() == OLD
    assert hidden(music.parent) == []
    assert writes.our_genres_of_track(db, "f1") == []


def test_killed_before_the_swap(db: Database, music: Path) -> None:
    """The whole copy goes as well, and its genre never counts as ours."""
    job = begin(db, known(db, music))
    prepare(db, job)

    recover(db)

    assert row_of(db, job).state == "failed"
    assert music.read_bytes() == OLD
    assert hidden(music.parent) == []
    assert writes.our_genres_of_track(db, "f1") == []


def test_killed_after_the_swap(db: Database, music: Path) -> None:
    """It was done: the record learns so, the original goes."""
    job = begin(db, known(db, music))
    swap(job, prepare(db, job))

    recover(db)

    assert row_of(db, job).state == "done"
    assert (at(db, music).genres, at(db, music).origin) == (("Jazz",), "ours")
    assert at(db, music).stamp == Stamp.of(music.lstat())
    assert music.read_bytes() == NEW
    assert hidden(music.parent) == []


def test_killed_after_the_copy_was_renamed_over_the_file(db: Database, music: Path) -> None:
    """As where a file system knows no exchange."""
    job = begin(db, known(db, music))
    prepare(db, job)
    os.replace(job.scratch, job.path)  # noqa: PTH105

    recover(db)

    assert row_of(db, job).state == "done"
    assert at(db, music).genres == ("Jazz",)


def test_killed_before_the_original_was_removed(
    db: Database, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is closed, and the leftover is removed at the next start, once."""
    job = begin(db, known(db, music))
    result = swap(job, prepare(db, job))
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", _refuse)
        journal.commit(db, job, result, NOON)
    assert hidden(music.parent) != []
    assert row_of(db, job).state == "done"

    assert recover(db) == [job.path]
    assert recover(db) == []

    assert music.read_bytes() == NEW
    assert hidden(music.parent) == []
    assert row_of(db, job).state == "done"


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError


def test_killed_before_the_original_was_removed_and_that_was_edited(
    db: Database, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the other program wrote stands again, and the write never was."""
    job = begin(db, known(db, music))
    result = swap(job, prepare(db, job))
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", _refuse)
        journal.commit(db, job, result, NOON)
    Path(job.scratch).write_bytes(b"their edit")

    recover(db)

    assert music.read_bytes() == b"their edit"
    assert row_of(db, job).state == "failed"
    file = at(db, music)
    assert (file.genres, file.origin, file.state) == ((), "none", "pending")
    assert hidden(music.parent) == []


def test_killed_after_the_swap_and_the_original_was_edited(db: Database, music: Path) -> None:
    """It gets its place back, with the edit."""
    job = begin(db, known(db, music))
    swap(job, prepare(db, job))
    Path(job.scratch).write_bytes(b"their edit")

    recover(db)

    assert music.read_bytes() == b"their edit"
    assert row_of(db, job).state == "failed"
    assert hidden(music.parent) == []


def test_killed_after_the_swap_with_a_strangers_file(db: Database, music: Path) -> None:
    """A mover was quicker than the swap: its file gets its place back."""
    job = begin(db, known(db, music))
    made = prepare(db, job)
    other = music.with_name("other")
    other.write_bytes(b"another file altogether")
    other.replace(music)
    swap(job, made)

    recover(db)

    assert music.read_bytes() == b"another file altogether"
    assert row_of(db, job).state == "failed"
    assert hidden(music.parent) == []


def test_killed_after_the_swap_and_the_file_moved(db: Database, music: Path) -> None:
    """The moved file carries our genre: it must be known as ours, and nothing comes back."""
    job = begin(db, known(db, music))
    swap(job, prepare(db, job))
    music.rename(music.with_name("b.mp3"))

    recover(db)

    assert row_of(db, job).state == "done"
    assert (at(db, music).genres, at(db, music).origin) == (("Jazz",), "ours")
    assert [path.name for path in music.parent.iterdir()] == ["b.mp3"]


def test_killed_and_nobody_knows_whether_the_copy_took_its_place(db: Database, music: Path) -> None:
    """Renamed over, say, and moved: the genre may be ours wherever it is found."""
    job = begin(db, known(db, music))
    prepare(db, job)
    os.replace(job.scratch, music.with_name("b.mp3"))  # noqa: PTH105
    music.unlink()

    recover(db)

    assert row_of(db, job).state == "failed"
    assert writes.our_genres_of_track(db, "f1") == [("Jazz",)]


def test_killed_and_the_file_deleted(db: Database, music: Path) -> None:
    """A path that vanished before the swap is not made anew."""
    job = begin(db, known(db, music))
    prepare(db, job)
    music.unlink()

    recover(db)

    assert row_of(db, job).state == "failed"
    assert list(music.parent.iterdir()) == []


def test_both_written_to_since_both_are_kept(db: Database, music: Path) -> None:
    """An old handle changed the original, an editor our copy: neither is thrown away."""
    job = begin(db, known(db, music))
    swap(job, prepare(db, job))
    Path(job.scratch).write_bytes(b"edited through an old handle")
    with music.open("ab") as file:
        file.write(b"edited by name")

    recover(db)

    assert music.read_bytes() == NEW + b"edited by name"
    assert Path(job.scratch).read_bytes() == b"edited through an old handle"
    assert row_of(db, job).kept


@pytest.mark.parametrize(("moment", "state"), [("before", "failed"), ("after", "done")], ids=str)
def test_other_inode_numbers_after_a_mount_mislead_nobody(
    db: Database, music: Path, moment: str, state: str
) -> None:
    """Some file systems number anew at each mount: size and time tell."""
    job = begin(db, known(db, music))
    made = prepare(db, job)
    if moment == "after":
        swap(job, made)
    db.execute("update tag_writes set before_inode = -1, copy_inode = -2")

    recover(db)

    assert row_of(db, job).state == state
    assert music.read_bytes() == (NEW if state == "done" else OLD)
    assert hidden(music.parent) == []


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ((("Jazz",), stamp(size=2)), "done"),  # killed after the swap, before the commit
        (((), stamp()), "failed"),  # killed before the swap
        (None, "failed"),  # the file is gone or unreadable
    ],
)
def test_what_an_older_version_left_open_is_closed_by_reading(
    db: Database, music: Path, found: tuple[tuple[str, ...], Stamp] | None, state: str
) -> None:
    """It kept no stamps: the file itself says whether the write happened."""
    job = begin(db, known(db, music))
    db.execute("update tag_writes set writer_boot = ''")
    Path(job.scratch).write_bytes(b"half")

    assert recover(db, found) == [job.path]

    assert not Path(job.scratch).exists()
    assert row_of(db, job).state == state
    assert at(db, music).state == ("tagged" if state == "done" else "pending")


@pytest.mark.parametrize("life", ["open", "closed"])
def test_the_write_of_a_living_process_is_left_to_it(
    db: Database, music: Path, life: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command may be at work while the daemon starts."""
    job = begin(db, known(db, music))
    result = swap(job, prepare(db, job))
    if life == "closed":
        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", _refuse)
            journal.commit(db, job, result, NOON)

    assert journal.recover(db, lambda writer: writer == ME, lambda path: None, NOON) == []
    assert Path(job.scratch).exists()


def test_a_scratch_name_is_hidden_and_no_audio_name() -> None:
    """Players and we ourselves pass over it, whatever the file is called."""
    name = journal.scratch_name("/m/" + "x" * 250 + ".mp3", "1-2").rpartition("/")[2]

    assert name.startswith(".")
    assert not name.endswith(".mp3")
    assert len(name.encode()) < 255
    assert journal.is_scratch(name)


def test_two_files_of_a_folder_written_in_one_instant_have_two_copies(
    db: Database, music: Path
) -> None:
    """Several workers, or a clock that stands still."""
    other = music.with_name("b.mp3")
    other.write_bytes(OLD)

    jobs = [begin(db, known(db, path)) for path in (music, other)]

    assert len({job.scratch for job in jobs}) == 2


def test_a_copy_that_could_not_be_removed_is_removed_later(
    db: Database, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder was read-only for a while, say."""
    job = begin(db, known(db, music))
    prepare(db, job)
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", _refuse)
        recover(db)
    assert hidden(music.parent) != []

    recover(db)

    assert hidden(music.parent) == []
    assert writes.kept_writes(db) == []


# a folder that is moved during a write ---------------------------------------------------


def moved_away(music: Path) -> Path:
    """Rename the folder; return the file's new name."""
    folder = music.parent.rename(music.parent.with_name("renamed"))
    return folder / music.name


def sweep(db: Database, folder: Path) -> list[bool]:
    """Sweep a folder; say of each working copy in it whether it went."""
    found = [str(folder / name) for name in sorted(hidden(folder))]
    gone = journal.sweep(db, found)
    return [path in gone for path in found]


def test_a_copy_that_moved_with_its_folder_is_cleared_away(db: Database, music: Path) -> None:
    """The write failed where the file was; its copy lies where the folder is now."""
    job = begin(db, known(db, music))
    prepare(db, job)
    there = moved_away(music)
    assert sweep(db, there.parent) == [False]  # somebody may still be at it
    journal.abandon(db, job, "it is gone", NOON)

    assert sweep(db, there.parent) == [True]
    assert (there.read_bytes(), hidden(there.parent)) == (OLD, [])


def test_an_exchange_that_moved_with_its_folder_before_the_commit_counts(
    db: Database, music: Path
) -> None:
    """It was done: the record says so, and the original goes where it is found."""
    job = begin(db, known(db, music))
    result = swap(job, prepare(db, job))
    there = moved_away(music)
    journal.commit(db, job, result, NOON)

    assert row_of(db, job).state == "done"
    assert sweep(db, there.parent) == [True]
    assert (there.read_bytes(), hidden(there.parent)) == (NEW, [])


def test_an_exchange_that_nobody_recorded_is_taken_back_where_it_is_found(
    db: Database, music: Path
) -> None:
    """Killed, and the folder moved before the next start: the file is again what is known."""
    job = begin(db, known(db, music))
    swap(job, prepare(db, job))
    there = moved_away(music)
    recover(db)
    assert row_of(db, job).state == "failed"

    assert sweep(db, there.parent) == [True]
    assert (there.read_bytes(), hidden(there.parent)) == (OLD, [])


def test_what_nobody_knows_is_left_where_it_lies(db: Database, music: Path) -> None:
    """A name like ours without a row, and an original whose new file is nowhere, stay."""
    (music.parent / ".genrewatch-9-9.tmp").write_bytes(b"?")
    assert sweep(db, music.parent) == [False]
    job = begin(db, known(db, music))
    journal.commit(db, job, swap(job, prepare(db, job)), NOON)
    Path(job.scratch).write_bytes(b"put there by somebody")

    assert sweep(db, music.parent) == [False, False]
    assert len(hidden(music.parent)) == 2


# --- what must be on disk is on disk ----------------------------------------------------------


def test_no_write_begins_within_another_transaction(db: Database, music: Path) -> None:
    """Its row would reach the disk only after the worker had touched the folder."""
    row = known(db, music)

    with pytest.raises(LibraryError, match="within another transaction"), writing(db):
        begin(db, row)

    assert writes.open_writes(db) == []


def test_no_copy_is_recorded_within_another_transaction(db: Database, music: Path) -> None:
    """What takes the write back would reach the disk after the exchange."""
    job = begin(db, known(db, music))

    with pytest.raises(LibraryError, match="within another transaction"), writing(db):
        prepare(db, job)

    assert row_of(db, job).prepared_at is None
