"""The promise in this library: on what it rests, and what `status` says of it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.decision.promise import Footing
from core.library import feedback_log, runs
from core.library.feedback_log import FeedbackRow
from core.registry import Registry
from daemon.config import Policy
from daemon.judging.judge import Judge
from daemon.telling.promises import keep_promise, promise_line, promise_of
from tests.factories import NOON
from tests.puppets import PaperHouse, guess, paper

BASE = {"sure": [0.5] * 100, "right": [1] * 100, "artist": list(range(100))}
PROMISE = Policy(threshold="promise", precision=0.9)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[PaperHouse]:
    """A house whose model was right on a hundred artists of its collection, at .5."""
    made = PaperHouse(tmp_path, threshold=1.0)
    keep(made, collection=BASE)
    yield made
    made.close()


def keep(house: PaperHouse, **more: object) -> None:
    """Write *more* into the calibration of the model in use."""
    folder = house.models / "one"
    kept = json.loads((folder / "calibration.json").read_text("utf-8")) | more
    (folder / "calibration.json").write_text(json.dumps(kept), "utf-8")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    digest = hashlib.sha256((folder / "calibration.json").read_bytes()).hexdigest()
    manifest["files"]["calibration.json"] = digest
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def models(house: PaperHouse) -> Registry:
    return Registry(house.models, house.models / "one")


def hear(house: PaperHouse, names: list[str]) -> None:
    """Let the daemon hear a file of each name; none is sure enough to be written."""
    house.live()
    for name in names:
        paper(house.music / f"{name}.mp3", name)
    house.settle()


def say(house: PaperHouse, name: str, genre: str, via: str = "retag", kind: str = "label") -> None:
    """Record a person's word on the track *name*, by an artist of its own."""
    row = FeedbackRow(
        path=str(house.music / f"{name}.mp3"),
        fingerprint=name,
        kind=kind,
        old=(),
        new=(genre,),
        via=via,
        artist=name,
    )
    feedback_log.record_feedback(house.db, row, NOON)


def test_at_first_the_collection_is_a_cautious_start(house: PaperHouse) -> None:
    """A file may be in half as much doubt as would do there, and status says so."""
    told = promise_of(house.db, models(house), PROMISE)

    assert told["rests_on"] == "base"
    assert told["threshold"] == pytest.approx(0.75)
    assert (told["n"], told["realised"], told["own"]) == (100, 1.0, 0)
    assert "half as much doubt" in promise_line(told)


def test_names_given_unprompted_take_its_place(house: PaperHouse) -> None:
    """Thirty tracks that a person named without a word of ours, and the model was right."""
    names = [f"track {number}" for number in range(30)]
    hear(house, names)
    for name in names:
        say(house, name, guess(name))

    told = promise_of(house.db, models(house), PROMISE)

    assert told["rests_on"] == "your library"
    assert (told["n"], told["artists"], told["realised"]) == (30, 30, 1.0)
    assert "your library" in promise_line(told)


def test_reactions_set_no_threshold(house: PaperHouse) -> None:
    """Thirty confirmations that the person picked change nothing."""
    names = [f"track {number}" for number in range(30)]
    hear(house, names)
    for name in names:
        say(house, name, guess(name), via="review", kind="confirmation")

    told = promise_of(house.db, models(house), PROMISE)

    assert told["rests_on"] == "base"
    assert told["own"] == 0


def test_audits_that_contradict_stop_all_writing(house: PaperHouse) -> None:
    """Wrong in both of the first two audits: nothing is written, and status says what then."""
    hear(house, ["a", "b"])
    judge = Judge(house.db, models(house), PROMISE)
    assert judge.threshold() < 1
    for name in ("a", "b"):
        say(house, name, "Zydeco", via="audit", kind="correction")

    told = promise_of(house.db, models(house), PROMISE)

    assert judge.threshold() > 1
    assert told["rests_on"] == "not enough evidence yet"
    assert told["threshold"] is None
    assert "nothing is written" in promise_line(told)


def test_what_the_model_was_trained_on_proves_nothing(house: PaperHouse) -> None:
    """Its own answers about artists that it has met are not blind."""
    names = [f"track {number}" for number in range(30)]
    hear(house, names)
    for name in names:
        say(house, name, guess(name))
    manifest = house.models / "one" / "manifest.json"
    document = json.loads(manifest.read_text("utf-8"))
    document["training"]["fingerprints"] = names
    manifest.write_text(json.dumps(document), "utf-8")

    assert promise_of(house.db, models(house), PROMISE)["rests_on"] == "base"


def test_what_it_said_of_them_without_their_artist_counts(house: PaperHouse) -> None:
    """The model carries its blind answers on the user's labels from its training."""
    keep(house, collection=BASE, library=BASE | {"sure": [0.9] * 100})

    told = promise_of(house.db, models(house), PROMISE)

    assert told["rests_on"] == "your library"
    assert told["own"] == 100


def test_without_evidence_nothing_is_promised(house: PaperHouse) -> None:
    """A model that was right too seldom is of no use as a start."""
    keep(house, collection=BASE | {"right": [0, 1] * 50})

    told = promise_of(house.db, models(house), PROMISE)

    assert told["rests_on"] == "not enough evidence yet"
    assert "50% of 100 blind answers right" in promise_line(told)


def test_a_threshold_of_ones_own_is_no_promise(house: PaperHouse) -> None:
    """It is taken as it is, and status says that nothing is promised."""
    told = promise_of(house.db, models(house), Policy(threshold=0.6))

    assert told["rests_on"] == "your threshold"
    assert "60%" in promise_line(told)


def test_a_stricter_promise_asks_for_more(house: PaperHouse) -> None:
    """A hundred right answers are enough for .9 and .95, but not for .99."""
    at = {
        precision: promise_of(house.db, models(house), Policy(precision=precision))["rests_on"]
        for precision in (0.9, 0.95, 0.99)
    }

    assert at == {0.9: "base", 0.95: "base", 0.99: "not enough evidence yet"}


def test_a_model_that_cannot_say_is_a_trouble(house: PaperHouse) -> None:
    """What is damaged behind a good manifest is named, not taken for too little evidence."""
    keep(house, right={"weights": "none"})

    found = promise_of(house.db, models(house), PROMISE)

    assert found["threshold"] is None
    assert "damaged" in found["trouble"]


def test_status_takes_what_the_daemon_found_while_that_holds(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each label would be asked about anew each time; another word or model ends it."""
    names = [f"track {number}" for number in range(30)]
    hear(house, names)
    for name in names:
        say(house, name, guess(name))
    fresh = promise_of(house.db, models(house), PROMISE)
    judge, asked = Judge(house.db, models(house), PROMISE), []
    keep_promise(house.db, judge, PROMISE)
    footing = Judge.footing

    def counted(judge: Judge) -> Footing:
        asked.append(1)
        return footing(judge)

    monkeypatch.setattr(Judge, "footing", counted)
    kept = promise_of(house.db, models(house), PROMISE)
    at_rest = len(asked)
    promise_of(house.db, models(house), replace(PROMISE, precision=0.8))
    say(house, names[0], "Zydeco")
    after_a_word = promise_of(house.db, models(house), PROMISE)
    house.new_model("two")
    promise_of(house.db, models(house), PROMISE)

    assert kept == fresh
    assert at_rest == 0
    assert len(asked) == 3
    assert after_a_word != kept


def test_the_daemon_keeps_it_after_each_word(house: PaperHouse) -> None:
    """As a fresh reading has it."""
    house.config = replace(house.config, policy=PROMISE)
    house.reborn()
    names = [f"track {number}" for number in range(3)]
    hear(house, names)
    for name in names:
        say(house, name, guess(name))
    house.settle()

    kept = runs.get_setting(house.db, "promise")
    runs.set_setting(house.db, "promise", None)

    assert kept is not None
    assert kept["document"] == promise_of(house.db, models(house), PROMISE)
