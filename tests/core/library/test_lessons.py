"""What the record keeps of tagged libraries that are learned from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from core.decision import memory
from core.library import files, hearings, lessons
from core.library.hearings import HearingRow
from core.library.lessons import LessonRow
from core.library.schema import open_library
from core.names import keys_of
from tests.factories import NOON


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "library.db")


def lesson(path: str, genre: str = "Jazz", turn: int = 0, artist: str = "x") -> LessonRow:
    return LessonRow(path=path, tagged=(genre,), genre=genre, artist_key=artist, turn=turn)


def keep_hearing(db: Database, fingerprint: str, segments: int = 2) -> None:
    files.remember_track(db, fingerprint, 10.0, NOON)
    row = HearingRow(
        fingerprint=fingerprint,
        feature_version=1,
        model_version="m",
        genres=("Jazz", "Rock"),
        segments=segments,
        track_features=np.zeros((2, 135), np.float32),
        pooled_scores=np.zeros((1, 2), np.float32),
        features=np.ones((segments, 135), np.float32),
        embedding=np.ones(200, np.float32),
    )
    hearings.save_hearing(db, row)


def test_lessons_are_heard_in_turn_and_stay_heard(db: Database) -> None:
    """Whoever goes on later finds the next one."""
    rows = [lesson("/m/b.mp3", turn=1), lesson("/m/a.mp3"), lesson("/m/c.mp3", turn=2)]
    lessons.set_lessons(db, rows, (), NOON)
    keep_hearing(db, "f1")

    first = lessons.next_waiting(db)
    assert first is not None
    lessons.mark_heard(db, first.path, "f1", NOON)
    second = lessons.next_waiting(db)
    third = lessons.next_waiting(db, besides=["/m/b.mp3"])
    lessons.mark_failed(db, "/m/c.mp3", "it is silent", NOON)

    assert [first.path, second and second.path, third and third.path] == [
        "/m/a.mp3",
        "/m/b.mp3",
        "/m/c.mp3",
    ]
    found = lessons.progress(db)
    assert (found.waiting, found.heard, found.failed, found.total) == (1, 1, 1, 3)
    assert lessons.reasons(db) == {"it is silent": 1}


def test_only_what_lies_below_a_folder_is_below_it(db: Database) -> None:
    """A neighbour whose name begins alike is none, and odd bytes are names like any other."""
    odd = "/m/x\udcff/a.mp3"
    lessons.set_lessons(db, [lesson(odd), lesson("/m/xy/a.mp3"), lesson("/m/x/b.mp3")], (), NOON)

    assert [row.path for row in lessons.lessons_below(db, ["/m/x\udcff"])] == [odd]
    assert [row.path for row in lessons.lessons_below(db, ["/m/x/"])] == ["/m/x/b.mp3"]
    assert [row.path for row in lessons.lessons_below(db, ["/m/xy/a.mp3"])] == ["/m/xy/a.mp3"]
    assert len(lessons.lessons_below(db, ["/", "/m"])) == 3


def test_a_track_teaches_once_and_not_where_its_files_disagree(db: Database) -> None:
    """Two names for one music are no lesson; silence is none either."""
    rows = [
        lesson("/m/a.mp3"),
        lesson("/copy/a.mp3"),
        lesson("/m/b.mp3", artist=""),
        lesson("/m/c.mp3"),
        lesson("/copy/c.mp3", genre="Rock"),
        lesson("/m/d.mp3"),
    ]
    lessons.set_lessons(db, rows, (), NOON)
    for name, segments in {"fa": 2, "fb": 1, "fc": 1, "fd": 0}.items():
        keep_hearing(db, name, segments)
    for row in rows:
        lessons.mark_heard(db, row.path, f"f{row.path[-5]}", NOON)
    lessons.doubt(db, {"fb": 0.02})

    found = {item.fingerprint: item for item in lessons.learned(db, feature_version=1)}

    assert sorted(found) == ["fa", "fb"]
    assert (found["fa"].group, found["fb"].group) == ("x", "/m")
    assert (found["fa"].doubted, found["fb"].doubted) == (False, True)
    assert found["fa"].features.shape == (2, 135)
    assert found["fa"].embedding is not None
    assert lessons.learned(db, feature_version=2) == []


@pytest.mark.parametrize("names", [("", "x"), ("x", "")])
def test_a_copy_without_an_artist_does_not_hide_whose_it_is(
    db: Database, names: tuple[str, str]
) -> None:
    """Else the artist would stand on both sides of a split, once as a folder."""
    rows = [lesson("/m/a.mp3", artist=names[0]), lesson("/n/a.mp3", artist=names[1])]
    lessons.set_lessons(db, rows, (), NOON)
    keep_hearing(db, "fa")
    for row in rows:
        lessons.mark_heard(db, row.path, "fa", NOON)

    (found,) = lessons.learned(db, feature_version=1)

    assert found.group == "x"
    assert "x" in lessons.groups_of(db, {"fa"})


def test_a_lesson_bears_on_its_artist_s_music(db: Database) -> None:
    """As a whisper in the memory; not from a compilation, not where it is doubted or not heard."""
    rows = [
        replace(lesson("/m/a.mp3"), speaks=True),
        replace(lesson("/m/b.mp3"), speaks=True),
        lesson("/m/compilation.mp3"),
        replace(lesson("/m/waits.mp3"), speaks=True),
    ]
    lessons.set_lessons(db, rows, (), NOON)
    for name in ("a", "b", "compilation"):
        keep_hearing(db, name)
        lessons.mark_heard(db, f"/m/{name}.mp3", name, NOON)
    lessons.doubt(db, {"b": 0.01})

    said = memory.recall(db, "new", keys_of(artist="X"))

    assert said.artist.said == {"jazz": memory.WEIGHT["arrived"]}
    assert not memory.recall(db, "a", keys_of(artist="X")).artist
    assert not memory.recall(db, "new", keys_of(artist="Y")).artist


def test_doubts_are_those_of_the_last_look(db: Database) -> None:
    """The most suspicious comes first."""
    lessons.set_lessons(db, [lesson("/m/a.mp3"), lesson("/m/b.mp3"), lesson("/m/c.mp3")], (), NOON)
    for name in "abc":
        keep_hearing(db, name)
        lessons.mark_heard(db, f"/m/{name}.mp3", name, NOON)

    lessons.doubt(db, {"a": 0.1})
    lessons.doubt(db, {"b": 0.1, "c": 0.05})

    assert [(row.path, row.doubted) for row in lessons.doubted(db)] == [
        ("/m/c.mp3", 0.05),
        ("/m/b.mp3", 0.1),
    ]
