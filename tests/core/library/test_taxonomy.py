"""What the record knows of the person's genres."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.library import taxonomy
from core.library.feedback_log import FeedbackRow, record_feedback
from core.library.files import remember_track, save_file
from core.library.schema import open_library
from core.library.taxonomy import Carried, Change
from tests.factories import NOON, file_row


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "library.db")


def say(db: Database, track: str, *new: str, old: str = "", artist: str | None = "Ann") -> None:
    row = FeedbackRow(
        path=f"/m/{track}.mp3",
        fingerprint=track,
        kind="label" if new else "rejection",
        old=(old,) if old else (),
        new=new,
        via="retag",
        artist=artist,
    )
    record_feedback(db, row, NOON)


def lie(db: Database, track: str, genre: str, origin: str = "ours") -> None:
    remember_track(db, track, 60.0, NOON)
    path = f"/m/{track}.mp3"
    save_file(db, file_row(path, fingerprint=track, genres=(genre,), origin=origin), NOON)


def test_a_name_means_one_thing_and_belongs_to_one(db: Database) -> None:
    """The last word counts, however the name is spelled; forgotten, both are gone."""
    taxonomy.relate(db, "Hip-Hop", "alias", "Urban", NOON)
    taxonomy.relate(db, "hip hop", "alias", "Rap", NOON + timedelta(seconds=1))
    taxonomy.relate(db, "Rap", "parent", "Pop", NOON)

    assert [(r.genre, r.relation, r.target) for r in taxonomy.relations(db)] == [
        ("Rap", "parent", "Pop"),
        ("hip hop", "alias", "Rap"),
    ]
    assert [r.target for r in taxonomy.forget(db, "HIP-HOP")] == ["Rap"]
    assert [r.relation for r in taxonomy.relations(db)] == ["parent"]


def test_each_track_counts_once_for_its_artist(db: Database) -> None:
    """By the last word on it; where nobody is named, the folder is the artist."""
    say(db, "f1", "Zouk")
    say(db, "f1", "Kompa")
    say(db, "f2", "Kompa")
    say(db, "f3", "Zouk", artist=None)
    say(db, "f4", "Zouk")
    say(db, "f4", old="Zouk")

    found = {(item.genre, item.artist): item.tracks for item in taxonomy.named(db)}
    assert found == {("Kompa", "ann"): 2, ("Zouk", "/m"): 1}


def test_what_changes_is_noticed(db: Database) -> None:
    """A word, an alias, and its loss."""
    seen = [taxonomy.newest_change(db)]
    for act in (
        lambda: say(db, "f1", "Zouk"),
        lambda: taxonomy.relate(db, "A", "alias", "B", NOON),
        lambda: taxonomy.forget(db, "A"),
    ):
        act()
        seen.append(taxonomy.newest_change(db))

    assert all(one != other for one, other in pairwise(seen))


def test_files_are_counted_by_whose_genre_they_carry(db: Database) -> None:
    """And found by any spelling of it."""
    lie(db, "f1", "Zouk")
    lie(db, "f2", "Zouk")
    lie(db, "f3", "zouk", "person")

    assert Carried(genre="Zouk", origin="ours", files=2) in taxonomy.carried(db)
    assert [origin for _, origin in taxonomy.files_with(db, ["ZOUK"])] == ["ours", "ours", "person"]


def test_what_became_of_a_genre_is_told_track_by_track(db: Database) -> None:
    """Renamed, cleared, or still there."""
    say(db, "f1", "Rap", old="Hip-Hop")
    say(db, "f2", old="Hip-Hop")
    lie(db, "f3", "Hip-Hop")

    assert sorted(taxonomy.changes(db), key=lambda item: item.fingerprint) == [
        Change(fingerprint="f1", old="Hip-Hop", new="Rap"),
        Change(fingerprint="f2", old="Hip-Hop", new=""),
        Change(fingerprint="f3", old="Hip-Hop", new="Hip-Hop"),
    ]


def test_a_declined_rename_is_remembered(db: Database) -> None:
    """Whatever the spelling."""
    taxonomy.decline_rename(db, "Hip-Hop", "Rap")

    assert taxonomy.declined_renames(db) == {("hiphop", "rap")}
