"""Backups of a real record: whole, private, few; and the way back to one."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.errors import LibraryError
from core.library import files, runs
from core.library.backup import back_up, backups, days_to_keep, put_back, trouble_of
from core.library.schema import SCHEMA_VERSION, open_library, writing
from tests.factories import NOON, file_row

TODAY = date(2026, 5, 1)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


@pytest.fixture
def db(library: Path) -> Iterator[Database]:
    made = open_library(library)
    for number in range(300):
        files.save_file(made, file_row(f"/m/{number}.mp3", fingerprint=None), NOON)
    yield made
    made.close()


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as found:
        return int(found.execute("select count(*) from files").fetchone()[0])


def damage(library: Path) -> None:
    """Overwrite the middle of the record, as a failing disk does."""
    with closing(sqlite3.connect(library)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    with library.open("rb+") as file:
        file.seek(library.stat().st_size // 2)
        file.write(os.urandom(library.stat().st_size // 4))


def test_a_backup_is_whole_private_and_alone(db: Database, library: Path, tmp_path: Path) -> None:
    """Also while a transaction is under way, of which it holds nothing."""
    folder = tmp_path / "backups"
    with writing(db):
        files.save_file(db, file_row("/m/later.mp3", fingerprint=None), NOON)
        made = back_up(library, folder, TODAY)

    assert made == folder / "library-2026-05-01.db"
    assert [path.name for path in folder.iterdir()] == [made.name]
    assert made.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert count(made) == 300
    assert trouble_of(made, thorough=True) is None


def test_a_damaged_record_never_takes_a_good_backup_away(
    db: Database, library: Path, tmp_path: Path
) -> None:
    """The copy is checked before it takes a name."""
    folder = tmp_path / "backups"
    good = back_up(library, folder, TODAY)
    db.close()
    damage(library)

    with pytest.raises(LibraryError, match="damaged"):
        back_up(library, folder, TODAY)

    assert [one.path for one in backups(folder)] == [good]
    assert [path.name for path in folder.iterdir()] == [good.name]
    assert trouble_of(library) is not None
    assert trouble_of(good) is None


def test_what_is_no_record_is_trouble(tmp_path: Path) -> None:
    """Told, not raised."""
    path = tmp_path / "library.db"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)

    assert "not a database" in (trouble_of(path) or "")


def test_three_days_and_four_weeks_are_kept() -> None:
    """However long it runs; and a missed day costs none of the others."""
    kept: set[date] = set()
    for number in range(100):
        if number % 10 != 5:
            today = TODAY + timedelta(days=number)
            kept = days_to_keep(kept | {today})

    ages = sorted((today - day).days for day in kept)
    assert ages[:3] == [0, 1, 2]
    assert len(ages) <= 6
    assert 15 <= ages[-1] < 28


def test_old_copies_are_dropped_and_strange_files_stay(
    db: Database, library: Path, tmp_path: Path
) -> None:
    """Of copies from before a migration, the last two."""
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "mine.db").write_text("hands off")
    (folder / "library-2026-99-99.db").write_text("hands off")
    for number in range(40):
        back_up(library, folder, TODAY + timedelta(days=number))
    for version in (2, 3, 4):
        back_up(library, folder, TODAY, before=version)

    made = backups(folder)
    assert len([one for one in made if one.before is None]) <= 6
    assert [one.before for one in made if one.before] == [4, 3]
    assert {"mine.db", "library-2026-99-99.db"} <= {path.name for path in folder.iterdir()}


def test_a_damaged_record_is_put_aside_whole(db: Database, library: Path, tmp_path: Path) -> None:
    """With what SQLite keeps beside it; the backup is the record then, and stays a backup."""
    folder, aside = tmp_path / "backups", tmp_path / "damaged"
    good = back_up(library, folder, TODAY)
    db.close()
    damage(library)
    before = library.read_bytes()
    library.with_name("library.db-wal").write_bytes(b"more")

    kept = put_back(library, good, aside, NOON)

    assert kept is not None
    assert kept.read_bytes() == before
    assert kept.with_name(kept.name + "-wal").read_bytes() == b"more"
    assert good.exists()
    restored = open_library(library)
    assert count(library) == 300
    assert restored.execute("pragma journal_mode").fetchone()[0] == "wal"
    restored.close()


def test_without_a_backup_one_starts_empty(db: Database, library: Path, tmp_path: Path) -> None:
    """And what lay there is put aside all the same."""
    db.close()

    kept = put_back(library, None, tmp_path / "damaged", NOON)

    assert kept is not None
    assert count(kept) == 300
    assert not library.exists()


def test_a_migration_leaves_a_backup_behind(tmp_path: Path) -> None:
    """Of the record as it was before."""
    path = tmp_path / "library.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(Path(__file__).with_name("version_1.sql").read_text("utf-8"))

    db = open_library(path)

    [made] = backups(tmp_path / "backups")
    assert made.before == SCHEMA_VERSION
    with closing(sqlite3.connect(made.path)) as found:
        assert found.execute("pragma user_version").fetchone()[0] == 1
    assert runs.get_setting(db, "paused") is None
    db.close()


def test_a_new_record_needs_no_backup(db: Database, tmp_path: Path) -> None:
    """There was nothing before it."""
    assert db.execute("select 1").fetchone()
    assert not (tmp_path / "backups").exists()
