"""Another champion speaks of the files we are not sure of: from the record, else from the file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.library import hearings
from daemon import processes
from daemon.config import Policy
from daemon.judging.judge import Judge
from tests.puppets import PaperHouse, paper

SURER_THAN_ANY = 1.0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    """A house in which no verdict is ever sure enough, with one file in review."""
    made = PaperHouse(tmp_path, threshold=SURER_THAN_ANY)
    made.live()
    paper(made.music / "a.mp3", "A")
    made.settle()
    assert made.row(made.music / "a.mp3").state == "not_sure"
    made.worker.calls.clear()
    yield made
    made.close()


def judged_by(house: PaperHouse) -> str:
    """Return the model whose verdict stands."""
    verdict = hearings.verdict_of(house.db, "A")
    assert verdict is not None
    return verdict.model_version


def test_kept_features_are_enough_for_a_plain_model(house: PaperHouse) -> None:
    """Nothing is decoded."""
    house.new_model("two")
    house.settle()

    assert judged_by(house) == "two"
    assert house.worker.calls == [processes.SCORE]


def test_a_track_heard_without_the_backbone_is_heard_anew(house: PaperHouse) -> None:
    """Once; the next model scores it by the embedding that is kept from then on."""
    house.backbone = "abc"
    house.new_model("two", backbone="abc")
    house.settle()
    assert judged_by(house) == "two"
    assert house.worker.calls == [processes.ANALYSE]
    kept = hearings.hearing_of(house.db, "A")
    assert kept is not None
    assert kept.embedding is not None

    house.new_model("three", backbone="abc")
    house.settle()
    assert judged_by(house) == "three"
    assert house.worker.calls == [processes.ANALYSE, processes.SCORE]


def test_a_track_that_cannot_be_heard_anew_is_asked_once(house: PaperHouse) -> None:
    """Its old verdict stands then, and the house comes to rest."""
    (house.music / "a.mp3").write_text("torn", "utf-8")
    stat = (house.music / "a.mp3").stat()
    house.backbone = "abc"
    house.new_model("two", backbone="abc")

    house.settle()

    assert house.row(house.music / "a.mp3").stamp.size == stat.st_size
    assert house.worker.calls.count(processes.ANALYSE) <= 1


def test_the_shipped_model_stands_in_while_the_backbone_is_gone(house: PaperHouse) -> None:
    """And steps back when it returns, without a restart."""
    house.backbone = "abc"
    house.new_model("two", backbone="abc")
    house.settle()

    found = []
    for house.backbone in (None, "abc"):
        house.settle()
        found.append(judged_by(house))

    assert found == ["one", "two"]


def test_what_was_named_is_evidence_under_the_next_model_too(house: PaperHouse) -> None:
    """Most of all a name that it never learned: without it the promise would look kept."""
    paper(house.music / "a.mp3", "A", ("Zydeco",))
    house.time += 100
    house.settle()
    house.new_model("two")
    house.worker.calls.clear()
    house.settle()

    judge = Judge(house.db, house.daemon._models, Policy())

    assert house.worker.calls == [processes.SCORE]
    assert (judge.footing().own, judge.footing().evidence.realised) == (1, 0.0)
