"""The first guess of each track, in a real record."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.library import feedback_log, files, hearings
from core.library.arrivals import ArrivalRow, arrival_of, arrivals, is_met, record_arrival
from core.library.feedback_log import FeedbackRow
from core.library.hearings import VerdictRow
from core.library.schema import open_library
from core.names import Keys
from tests.factories import NOON

FIRST = ArrivalRow(
    fingerprint="f1",
    genre="Rock",
    confidence=0.6,
    sure=0.7,
    source="model",
    model_version="one",
    met=False,
    decision="not sure",
)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    made = open_library(tmp_path / "library.db")
    for name in ("f1", "f2"):
        files.remember_track(made, name, 6.0, NOON)
    return made


def say(db: Database, kind: str, fingerprint: str = "f2", artist: str | None = "The Anns") -> None:
    row = FeedbackRow(
        path=f"/m/{fingerprint}.mp3",
        fingerprint=fingerprint,
        kind=kind,
        old=(),
        new=("Jazz",),
        via="retag",
        artist=artist,
    )
    feedback_log.record_feedback(db, row, NOON)


def test_only_the_first_guess_is_kept(db: Database) -> None:
    """What is guessed later, when more is known, changes nothing."""
    record_arrival(db, FIRST, NOON)
    record_arrival(db, replace(FIRST, genre="Jazz", met=True, decision="written"), NOON)

    assert [replace(row, at="") for row in arrivals(db)] == [FIRST]
    assert arrival_of(db, "f1") == arrivals(db)[0]
    assert arrival_of(db, "f2") is None


def test_a_guess_after_a_word_or_a_verdict_is_no_first_guess(db: Database) -> None:
    """Nor is one that another model makes of what was judged before such guesses were kept."""
    say(db, "label")
    hearings.save_verdict(
        db,
        VerdictRow(fingerprint="f1", model_version="m", genres=(), evidence="model", segments=1),
        NOON,
    )

    record_arrival(db, FIRST, NOON)
    record_arrival(db, replace(FIRST, fingerprint="f2"), NOON)

    assert arrivals(db) == []


@pytest.mark.parametrize(
    ("kind", "artist", "met"),
    [
        ("label", "Anns, The", True),
        ("confirmation", "The Anns", True),
        ("rejection", "The Anns", False),  # that names nothing
        ("label", "Ben", False),
        ("label", None, False),
    ],
)
def test_an_artist_is_met_once_a_person_named_its_genre(
    db: Database, kind: str, artist: str | None, met: bool
) -> None:
    """In whatever spelling, and of another track."""
    say(db, kind, artist=artist)

    assert is_met(db, Keys(artist="anns"), but="f1") is met
    assert not is_met(db, Keys(artist="anns"), but="f2")
    assert not is_met(db, Keys(), but="f1")


def test_a_program_introduces_nobody(db: Database) -> None:
    """Edits that look like a program's do not count as a person's."""
    db.execute("insert into batches (id, begun_at, ended_at, whose) values (1, '', '', 'program')")
    say(db, "label")
    db.execute("update feedback set batch = 1")

    assert not is_met(db, Keys(artist="anns"), but="f1")
