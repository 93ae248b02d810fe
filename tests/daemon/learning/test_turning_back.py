"""A new model that people correct more often gives way by itself."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.library import arrivals, feedback_log, runs
from core.library.arrivals import ArrivalRow
from core.library.feedback_log import FeedbackRow
from core.library.schema import open_library
from core.registry import Registry
from daemon.learning.turning_back import go_back_if_worse, last_return
from tests.puppets import GENRES, PaperHouse, guess, paper

START = datetime(2026, 5, 1, tzinfo=UTC)
Room = tuple[Database, Registry]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """A record in which model "one" wrote forty files, one of them corrected; "two" is new."""
    house = PaperHouse(tmp_path)
    house.new_model("two")
    models = Registry(house.models, house.models / "one")
    models.use("two", proven=True)
    house.close()
    db = open_library(tmp_path / "other.db")
    wrote(db, "one", 40, corrected=1, day=0)
    return db, models


def wrote(
    db: Database, version: str, count: int, *, corrected: int, day: int, batch: int | None = None
) -> None:
    """Record that *version* wrote files on *day*, and that the first were *corrected* later."""
    for number in range(count):
        name = f"{version}{number}"
        db.execute("insert into tracks values (?, 6.0, '')", [name])
        first = ArrivalRow(
            fingerprint=name,
            genre="Jazz",
            confidence=0.9,
            sure=0.9,
            source="model",
            model_version=version,
            met=False,
            decision="written",
        )
        arrivals.record_arrival(db, first, START + timedelta(days=day, seconds=number))
    for number in range(corrected):
        word = FeedbackRow(
            path=f"/m/{version}{number}",
            fingerprint=f"{version}{number}",
            kind="correction",
            old=("Jazz",),
            new=("Rock",),
            via="retag",
        )
        feedback_log.record_feedback(db, word, START + timedelta(days=day + 1))
        db.execute("update feedback set batch = ? where id = last_insert_rowid()", [batch])


def test_a_model_that_is_corrected_more_often_is_taken_back(tmp_path: Path) -> None:
    """By the daemon, after a word, without being asked; files stay, and it is told why."""
    house = PaperHouse(tmp_path)
    house.live()
    drop(house, "one", 20)
    house.new_model("two")
    models = Registry(house.models, house.models / "one")
    models.use("two", proven=True)
    drop(house, "two", 30)

    for number in range(12):
        audio = f"two{number}"
        other = next(genre for genre in GENRES if genre != guess(audio, "two"))
        paper(house.music / f"{audio}.mp3", audio, (other,))
    house.settle()

    assert models.champion().version == "one"
    told = last_return(house.db)
    assert told is not None
    assert (told.corrected, told.checks) == (12, 30)
    assert house.row(house.music / "two29.mp3").genres == (guess("two29", "two"),)
    drop(house, "three", 1)
    assert house.row(house.music / "three0.mp3").genres == (guess("three0", "one"),)
    house.close()


def drop(house: PaperHouse, name: str, count: int) -> None:
    """Let *count* files arrive."""
    for number in range(count):
        paper(house.music / f"{name}{number}.mp3", f"{name}{number}")
    house.settle()


def test_it_says_why(room: Room) -> None:
    """In the words that status shows; and the version does not come back by itself."""
    db, models = room
    wrote(db, "two", 30, corrected=12, day=2)

    done = go_back_if_worse(db, models, START)

    assert done is not None
    assert done == last_return(db)
    assert done.reason == (
        "of 30 files tagged by model two you corrected 12, of 40 before it 1,"
        " so model one is in use again"
    )
    assert models.champion().version == "one"
    assert go_back_if_worse(db, models, START) is None


@pytest.mark.parametrize(
    ("count", "corrected"), [(30, 2), (29, 29), (60, 4)], ids=["usual", "few", "more, as usual"]
)
def test_what_is_usual_or_little_leaves_it(room: Room, count: int, corrected: int) -> None:
    """Two of thirty are what one of forty were; and twenty-nine files prove nothing."""
    db, models = room
    wrote(db, "two", count, corrected=corrected, day=2)

    assert go_back_if_worse(db, models, START) is None
    assert models.champion().version == "two"


def test_a_persons_choice_is_never_taken_back(room: Room) -> None:
    """Nor the model that was taken back, once the person puts it to use again."""
    db, models = room
    wrote(db, "two", 30, corrected=12, day=2)
    models.use("two")
    assert go_back_if_worse(db, models, START) is None

    models.use("two", proven=True)
    assert go_back_if_worse(db, models, START) is not None
    models.use("two")

    assert go_back_if_worse(db, models, START) is None
    assert len(runs.get_setting(db, "went_back")) == 1


def test_what_a_program_changed_counts_against_no_model(room: Room) -> None:
    """A batch that a program is thought to have made is nobody's word."""
    db, models = room
    db.execute("insert into batches (begun_at, ended_at, whose) values ('x', 'x', 'program')")
    wrote(db, "two", 30, corrected=12, day=2, batch=1)

    assert go_back_if_worse(db, models, START) is None


def test_what_nobody_can_have_looked_at_does_not_count(room: Room) -> None:
    """Writes after the last word make no model look better."""
    db, models = room
    wrote(db, "two", 30, corrected=12, day=2)
    wrote(db, "three", 30, corrected=0, day=9)
    db.execute("update arrivals set model_version = 'two' where model_version = 'three'")

    done = go_back_if_worse(db, models, START)

    assert done is not None
    assert done.checks == 30


def test_a_program_that_went_over_everything_looked_at_nothing(room: Room) -> None:
    """What it left alone is no less wrong for that, so the model looks no better."""
    db, models = room
    wrote(db, "two", 30, corrected=12, day=2)
    wrote(db, "three", 30, corrected=0, day=9)
    db.execute("update arrivals set model_version = 'two' where model_version = 'three'")
    db.execute("insert into batches (begun_at, ended_at, whose) values ('x', 'x', 'program')")
    wrote(db, "four", 1, corrected=1, day=11, batch=1)

    done = go_back_if_worse(db, models, START)

    assert done is not None
    assert done.checks == 30
