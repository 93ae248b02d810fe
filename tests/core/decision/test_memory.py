"""What people said takes effect at once."""

from pathlib import Path

import pytest
from sqlite_utils import Database

from core.decision import memory
from core.decision.memory import Evidence, Whose
from core.decision.verdict import GenreConfidence, Verdict
from core.library.feedback_log import FeedbackRow, record_feedback
from core.library.schema import open_library
from core.taxonomy import fold
from tests.factories import NOON


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "library.db")


VERDICT = Verdict(
    genres=(
        GenreConfidence(genre="Rock", confidence=0.7),
        GenreConfidence(genre="Jazz", confidence=0.3),
    ),
    model_version="m",
    segments=1,
)


def say(db: Database, fingerprint: str, kind: str, *new: str, old: str = "Rock", **whose: object):
    row = FeedbackRow(
        path=f"/m/{fingerprint}.mp3",
        fingerprint=fingerprint,
        kind=kind,
        old=(old,),
        new=new,
        via="retag",
        **whose,  # type: ignore[arg-type]
    )
    record_feedback(db, row, NOON)


def test_the_word_on_this_very_track_is_certain(db: Database) -> None:
    """The latest word wins."""
    say(db, "f1", "correction", "Pop")
    say(db, "f1", "label", "Jazz", old="Pop")

    blended = memory.blend(VERDICT, memory.recall(db, Whose(fingerprint="f1")))

    assert blended.genres == (GenreConfidence(genre="Jazz", confidence=1.0),)


def test_an_artist_seen_once_pulls_the_next_file_their_way(db: Database) -> None:
    """p = (n_c + kappa p_model) / (n + kappa)."""
    say(db, "f1", "correction", "Jazz", artist="Ann")

    blended = memory.blend(VERDICT, memory.recall(db, Whose(fingerprint="f2", artist="Ann")))

    best = blended.best
    assert best is not None
    assert best.genre == "Jazz"
    assert best.confidence == pytest.approx((1 + 0.8 * 0.3) / 1.8)


def test_the_album_has_more_authority_than_the_artist(db: Database) -> None:
    """Two jazz albums do not make the third one jazz."""
    say(db, "f1", "correction", "Jazz", artist="Ann", album="One")
    say(db, "f2", "correction", "Jazz", artist="Ann", album="One")
    say(db, "f3", "label", "Pop", artist="Ann", album="Two")

    same = memory.recall(db, Whose(fingerprint="f4", artist="Ann", album="Two"))

    assert dict(same.album) == {"Pop": 1}
    assert memory.blend(VERDICT, same).genres[0].genre == "Pop"


@pytest.mark.parametrize(
    "whose", [{"artist": "Various Artists"}, {"artist": "Ann", "compilation": True}]
)
def test_compilations_carry_no_artist_evidence(db: Database, whose: dict[str, object]) -> None:
    """Various artists are no artist."""
    say(db, "f1", "correction", "Jazz", artist=whose["artist"])

    evidence = memory.recall(db, Whose(fingerprint="f2", **whose))  # type: ignore[arg-type]

    assert evidence == Evidence(track=None, album={}, artist={})


def test_a_rejected_genre_is_remembered_until_taken_back(db: Database) -> None:
    """Not this: neither after a cleared tag nor after a correction."""
    say(db, "f1", "rejection", old="Rock")
    say(db, "f2", "correction", "Rock", old="Pop")

    assert memory.rejected_genres(db, "f1") == {fold("Rock")}
    assert memory.rejected_genres(db, "f2") == {fold("Pop")}
    say(db, "f1", "label", "Rock")
    assert memory.rejected_genres(db, "f1") == frozenset()
