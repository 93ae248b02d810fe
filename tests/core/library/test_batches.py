"""Batches of edits on a real record."""

from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from core.decision import memory, testimony
from core.decision.batches import crowds
from core.decision.memory import WEIGHT
from core.library import batches, evidence, feedback_log, hearings
from core.library.batches import Edit
from core.library.feedback_log import FeedbackRow
from core.library.files import remember_track, save_file
from core.library.hearings import HearingRow
from core.library.schema import open_library
from core.names import keys_of
from daemon.life import meeting
from tests.factories import NOON, file_row

SECOND = 10**9
ANN = keys_of(artist="Ann")


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_library(tmp_path / "library.db")


def edit(db: Database, name: str, genre: str, *, at: int = 0, artist: str = "Ann") -> int:
    """Record that a person or program gave *genre* to a file at a second; return the word."""
    row = FeedbackRow(
        path=f"/m/{name}.mp3",
        fingerprint=name,
        kind="label",
        old=(),
        new=(genre,),
        via="retag",
        artist=artist,
        edited_ns=at * SECOND,
    )
    remember_track(db, name, 60.0, NOON)
    feedback_log.record_feedback(db, row, NOON)
    return feedback_log.last_feedback_id(db)


def edits_of(db: Database, *words: int) -> list[Edit]:
    rows = {row.id: row for row in feedback_log.all_feedback(db)}
    return [Edit(word=n, at_ns=rows[n].edited_ns or 0, batch=rows[n].batch) for n in words]


def batch_of(db: Database, whose: str, *words: int) -> int:
    number = batches.gather(db, edits_of(db, *words))
    batches.set_whose(db, number, whose)
    return number


def test_edits_are_found_by_the_time_of_the_file(db: Database) -> None:
    """Whenever they were noticed; words that came in another way are none."""
    first = edit(db, "a", "Jazz", at=100)
    second = edit(db, "b", "Jazz", at=130)
    edit(db, "c", "Jazz", at=300)
    said = FeedbackRow(
        path="/m/d", fingerprint="d", kind="label", old=(), new=("Jazz",), via="review"
    )
    feedback_log.record_feedback(db, said, NOON)

    assert batches.edits_near(db, first, 60 * SECOND, 9) == [
        Edit(word=first, at_ns=100 * SECOND),
        Edit(word=second, at_ns=130 * SECOND),
    ]
    assert batches.edits_near(db, feedback_log.last_feedback_id(db), 60 * SECOND, 9) == []


def test_of_many_edits_the_nearest_are_read(db: Database) -> None:
    """Of thousands each new one would else read all; those of one moment by their order."""
    words = [
        edit(db, name, "Jazz", at=at) for name, at in zip("abcdef", (1, 2, 3, 3, 3, 4), strict=True)
    ]

    near = batches.edits_near(db, words[3], 60 * SECOND, 2)

    assert [found.word for found in near] == [words[2], words[3], words[4], words[5]]


@pytest.mark.parametrize("seed", range(4))
def test_one_by_one_edits_make_the_batches_of_all(db: Database, seed: int) -> None:
    """Whatever the order in which they are noticed, and though each looks at its nearest alone."""
    rng = np.random.default_rng(seed)
    busy = rng.integers(0, 1500, 3)
    moments = [*(int(rng.integers(start, start + 200)) for start in busy for _ in range(30)),
               *rng.integers(0, 2000, 60).tolist()]  # fmt: skip
    for number in rng.permutation(len(moments)).tolist():
        edit(db, f"{number}", "Jazz", at=moments[number])
        meeting.join_batch(db, feedback_log.last_feedback_id(db))

    gathered = {found.word: found.batch for found in batches.all_edits(db)}
    expected = crowds(batches.all_edits(db))

    assert expected
    for together in expected:
        assert len({gathered[found.word] for found in together}) == 1
    inside = {found.word for together in expected for found in together}
    assert inside == {word for word, batch in gathered.items() if batch is not None}
    assert len(expected) == len({gathered[together[0].word] for together in expected})


def test_batches_that_meet_become_one(db: Database) -> None:
    """With the time of both; a person's answer is kept."""
    words = [edit(db, name, "Jazz", at=number) for number, name in enumerate("abcd")]
    first = batch_of(db, "program", *words[:2])
    second = batch_of(db, "program", words[3])
    assert batches.answer(db, second, "person", NOON)

    whole = batches.gather(db, edits_of(db, *words[1:]))
    batches.set_whose(db, whole, "program")

    assert whole == second != first
    rows = feedback_log.all_feedback(db)
    assert {row.batch for row in rows} == {second}
    assert {row.whose for row in rows} == {"person"}
    assert batches.unanswered(db) == []
    assert not batches.answer(db, first, "program", NOON)  # it is no batch of its own any more


def test_what_a_batch_did_is_shown_until_somebody_answers(db: Database) -> None:
    """How many files, and which genres, the most frequent first."""
    words = [
        edit(db, name, genre, at=9)
        for name, genre in zip("abc", ("Pop", "Jazz", "Jazz"), strict=True)
    ]
    number = batch_of(db, "program", *words)

    (found,) = batches.unanswered(db)

    assert (found.id, found.files, found.genres, found.whose) == (
        number,
        3,
        ("Jazz", "Pop"),
        "program",
    )
    assert found.begun_at == "1970-01-01T00:00:09.000Z"
    assert batches.paths_of(db, number) == ["/m/a.mp3", "/m/b.mp3", "/m/c.mp3"]
    batches.answer(db, number, "program", NOON)
    assert batches.unanswered(db) == []


def test_a_programs_words_are_whispers_until_a_person_says_mine(db: Database) -> None:
    """In the memory they weigh as little as our own, elsewhere nothing at all."""
    number = batch_of(db, "program", edit(db, "a", "Jazz"))
    hear(db, "a")

    assert memory.recall(db, "new", ANN).artist.said == {"jazz": WEIGHT["program"]}
    assert memory.recall(db, "a", ANN).track is None
    assert weighed_elsewhere(db) == (0, 0, 0, 0)
    before = batches.newest_change(db)
    batches.answer(db, number, "person", NOON)

    assert batches.newest_change(db) != before
    assert memory.recall(db, "new", ANN).artist.said == {"jazz": 1.0}
    assert memory.recall(db, "a", ANN).track == "Jazz"
    assert weighed_elsewhere(db) == (1, 1, 1, 1)


def test_what_we_guessed_speaks_on_beneath_what_a_program_did(db: Database) -> None:
    """That a tagger puts a shop's genres everywhere hides nothing of what was heard."""
    batch_of(db, "program", edit(db, "a", "Alternative"))
    row = file_row("/m/a.mp3", fingerprint="a", genres=("Alternative",), artist="Ann")
    save_file(db, row, NOON)
    guess = (("Jazz", 0.5),)
    hearings.save_verdict(
        db,
        hearings.VerdictRow(
            fingerprint="a", model_version="m", genres=guess, evidence="model", segments=1
        ),
        NOON,
    )

    among = memory.recall(db, "new", ANN).artist

    assert among.said == {}
    assert among.guessed == {"jazz": 0.5 * WEIGHT["guess"]}


def test_a_persons_word_stands_beneath_what_a_program_did_later(db: Database) -> None:
    """A tagger that runs over a library takes back nothing of what a person said."""
    edit(db, "a", "Jazz")
    batch_of(db, "program", edit(db, "a", "Pop", at=999))
    hear(db, "a")

    assert memory.recall(db, "new", ANN).artist.said == {"jazz": 1.0}
    assert memory.recall(db, "a", ANN).track == "Jazz"
    assert [item.genre for item in testimony.unprompted(feedback_log.all_feedback(db))] == ["Jazz"]
    assert [label.genre for label in hearings.labels(db, 1)] == ["Jazz"]


def test_one_act_on_many_files_of_an_artist_counts_by_its_root(db: Database) -> None:
    """A bulk edit of 25 files is worth five words, so that later ones can speak against it."""
    words = [edit(db, f"t{number}", "Jazz") for number in range(25)]
    other = edit(db, "other", "Jazz", artist="Bob")
    batch_of(db, "person", *words, other)
    edit(db, "single", "Pop", at=5000)
    for name in ("t1", "t2", "other", "single"):
        hear(db, name)

    found = memory.recall(db, "new", ANN).artist.said
    near, _ = memory.neighbours(np.ones(200, np.float32), evidence.voiced(db), but="")

    assert found == {"jazz": pytest.approx(5.0), "pop": 1.0}
    assert near.said["pop"] == pytest.approx(1.0)
    assert near.said["jazz"] == pytest.approx(2 / 25**0.5 + 1.0)


def weighed_elsewhere(db: Database) -> tuple[int, int, int, int]:
    """How many words count: as labels, for the promise, for the night, as neighbours."""
    rows = feedback_log.all_feedback(db)
    return (
        len(hearings.labels(db, 1)),
        len(testimony.unprompted(rows)),
        len(feedback_log.labels_since(db, 0)),
        len(evidence.voiced(db).fingerprints),
    )


def hear(db: Database, name: str) -> None:
    row = HearingRow(
        fingerprint=name,
        feature_version=1,
        model_version="m",
        genres=("Jazz",),
        segments=1,
        track_features=np.zeros((2, 135), np.float32),
        pooled_scores=np.zeros((1, 1), np.float32),
        features=np.zeros((1, 135), np.float32),
        embedding=np.ones(200, np.float32),
    )
    hearings.save_hearing(db, row)
