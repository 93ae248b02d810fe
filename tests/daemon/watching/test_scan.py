"""An absent folder that was watched before is a lost mount, at the start as well."""

from pathlib import Path

import pytest
from sqlite_utils import Database

from core.library import files
from core.library.schema import open_library
from daemon.watching.scan import Found, Scan
from daemon.watching.watch import Rules
from tests.factories import NOON


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "state" / "library.db")


def scan(db: Database, folder: Path) -> Scan:
    rules = Rules.of(["*"], [], skip_known=True, follow=False)
    return Scan(db, [str(folder)], rules, lambda: NOON)


def test_a_folder_never_watched_before_is_made(db: Database, tmp_path: Path) -> None:
    """The first run needs no preparation."""
    scan(db, tmp_path / "music").begin()

    assert (tmp_path / "music").is_dir()


def test_a_mount_that_is_away_at_the_start_is_not_made_anew(db: Database, tmp_path: Path) -> None:
    """Nothing counts as gone, and what comes back with it is what lay there before."""
    music, away = tmp_path / "music", tmp_path / "away"
    music.mkdir()
    (music / "a.mp3").write_bytes(b"x")
    first = scan(db, music)
    first.begin()
    assert list(first.all()) == []
    assert [type(finding) for finding in first.unread(10)] == [Found]
    music.rename(away)

    again = scan(db, music)
    again.begin()
    assert list(again.all()) == []

    assert not music.exists()
    away.rename(music)
    row = files.file_at(db, str(music / "a.mp3"))
    assert row is not None
    assert row.existing
    assert row.gone_at is None
