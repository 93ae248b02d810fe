"""What was read once is kept true word by word."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from core.decision.promise import Cases
from core.library import batches, feedback_log, hearings, lessons
from core.library.batches import Edit
from core.library.evidence import Voiced, voiced
from core.library.feedback_log import FeedbackRow
from core.library.files import remember_track
from core.library.hearings import HearingRow
from core.library.lessons import LessonRow
from core.library.schema import open_library
from core.names import artist_key
from core.registry import base_dir, load
from daemon.judging import blind
from daemon.judging.blind import Answer, Blind
from daemon.judging.voices import Voices
from tests.factories import NOON

Act = Callable[[Database], None]


@pytest.fixture
def db(tmp_path: Path) -> Database:
    found = open_library(tmp_path / "library.db")
    for number in range(6):
        name(found, f"t{number}", "Jazz", artist=f"artist {number % 4}")
        hear(found, f"t{number}", number)
    return found


def name(db: Database, track: str, genre: str, *, artist: str = "Ann", kind: str = "label") -> int:
    row = FeedbackRow(
        path=f"/m/{track}.mp3",
        fingerprint=track,
        kind=kind,
        old=(genre,) if kind == "rejection" else (),
        new=() if kind == "rejection" else (genre,),
        via="retag",
        artist=artist,
        edited_ns=1,
    )
    remember_track(db, track, 60.0, NOON)
    feedback_log.record_feedback(db, row, NOON)
    return feedback_log.last_feedback_id(db)


def hear(db: Database, track: str, seed: int) -> None:
    row = HearingRow(
        fingerprint=track,
        feature_version=1,
        model_version="m",
        genres=("Jazz",),
        segments=1,
        track_features=np.zeros((2, 135), np.float32),
        pooled_scores=np.zeros((1, 1), np.float32),
        embedding=np.random.default_rng(seed).normal(size=200).astype(np.float32),
    )
    hearings.save_hearing(db, row)


def heard_first(db: Database) -> None:
    """A track is heard, and named only then."""
    remember_track(db, "new", 60.0, NOON)
    hear(db, "new", 9)
    name(db, "new", "Pop")


def named_first(db: Database) -> None:
    """A track is named, and heard only then."""
    name(db, "new", "Pop")
    hear(db, "new", 9)


def act_at_once(db: Database) -> None:
    """Several tracks turn out to be of one act."""
    words = [name(db, f"t{number}", "Folk") for number in range(3)]
    batches.set_whose(db, gather(db, words), "person")


def act_of_a_program(db: Database) -> None:
    """A program goes over several tracks, and over one that was named before."""
    gather(db, [name(db, "t0", "Folk"), name(db, "t9", "Folk")])


def gather(db: Database, words: list[int]) -> int:
    return batches.gather(db, [Edit(word=word, at_ns=1) for word in words])


ACTS: list[Act] = [
    heard_first,
    named_first,
    act_at_once,
    act_of_a_program,
    lambda db: [name(db, "t1", "Pop"), hear(db, "t2", 77)][0],  # type: ignore[list-item]
    lambda db: name(db, "t3", "Jazz", kind="rejection"),
    lambda db: batches.answer(db, 1, "person", NOON),
]


def test_voices_are_as_if_they_were_read_anew(db: Database) -> None:
    """Whatever was said or heard since; the order means nothing."""
    kept = Voices(db)
    kept.all()
    for act in ACTS:
        act(db)

        assert as_set(kept.all()) == as_set(voiced(db))


def test_blind_answers_are_as_if_they_were_read_anew(db: Database) -> None:
    """So a retag decides about the very next file."""
    manifest = load(base_dir(backbone=False))
    kept = Blind(db, manifest, lambda track: answer(db, track))
    kept.cases(same)
    for act in ACTS:
        act(db)
        fresh = Blind(db, manifest, lambda track: answer(db, track))

        assert as_counts(kept.cases(same)) == as_counts(fresh.cases(same))


def test_artists_known_by_the_tags_of_a_library_are_met(db: Database) -> None:
    """Of these, too, the model has learned; its words on them say nothing of the next artist."""
    manifest = load(base_dir(backbone=False))
    known = min(manifest.fingerprints)
    remember_track(db, known, 60.0, NOON)
    row = LessonRow(
        path="/m/x.mp3",
        tagged=("Jazz",),
        genre="Jazz",
        artist_key=artist_key("artist 1"),
        turn=0,
        fingerprint=known,
        state="heard",
    )
    before = len(Blind(db, manifest, lambda track: answer(db, track)).cases(same))
    lessons.set_lessons(db, [row], (), NOON)

    found = Blind(db, manifest, lambda track: answer(db, track)).cases(same)

    assert (before, len(found)) == (6, 4)  # t1 and t5 are theirs


def test_only_the_newest_answers_count(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """They say how good the model is now, and no more of them are asked for."""
    asked: list[str] = []
    monkeypatch.setattr(blind, "MOST", 2)

    def asking(track: str) -> Answer | None:
        asked.append(track)
        return answer(db, track)

    found = Blind(db, load(base_dir(backbone=False)), asking).cases(same)

    assert (len(found), asked) == (2, ["t5", "t4"])


def answer(db: Database, track: str) -> Answer | None:
    return Answer(genre="Jazz", sure=0.5) if hearings.hearing_of(db, track) else None


def same(one: str, other: str) -> bool:
    return one == other


def as_set(found: Voiced) -> set[tuple[object, ...]]:
    rows = zip(
        found.fingerprints,
        found.genres,
        found.refused,
        found.of_one_act.tolist(),
        found.heard.sum(axis=1).tolist(),
        strict=True,
    )
    return set(rows)


def as_counts(found: Cases) -> tuple[int, int, int]:
    return len(found), int(found.right.sum()), len(set(found.artist.tolist()))
