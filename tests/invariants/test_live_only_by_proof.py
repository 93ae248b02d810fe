"""Invariant 6: a model goes live only when the night says so and it is whole.

The trainer is a process that does as it is told: it refuses, fails, dies, lies. Whatever
it does, the model in use is the one before or the one that was proven, and never another.
"""

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core import registry
from core.errors import ModelError, TrainingError
from core.library import feedback_log, runs
from daemon import processes
from daemon.config import Config, Training
from daemon.learning import training
from daemon.learning.patience import NO_START, WAITS, Machine
from daemon.state import State, locked
from tests.conftest import until
from tests.puppets import GENRES, PaperHouse, guess, paper

NOW = datetime(2026, 5, 1, tzinfo=UTC)
EAGER = Training(minimum_feedback=1, minimum_artists=1)  # one word is enough
IDLE = Machine(on_battery=lambda: False, load=lambda: 0.0)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PaperHouse]:
    """A house with one correction to learn from, whose trainer is a puppet."""
    made = PaperHouse(tmp_path)
    made.config = replace(made.config, training=EAGER)
    monkeypatch.setattr(processes, "NIGHTLY", "tests.puppet_trainer")
    monkeypatch.setattr(processes, "TRAIN", "tests.puppet_trainer")
    monkeypatch.setattr(registry, "base_dir", lambda *, backbone: made.models / "one")
    made.live()
    paper(made.music / "a.mp3", "A")
    made.settle()
    paper(made.music / "a.mp3", "A", ("Zydeco",))
    made.settle()
    yield made
    made.close()


def night(house: PaperHouse, asked_by: str = "night") -> training.Outcome:
    """Spend a night as the daemon does."""
    state = State(root=house.root)
    return training.retrain(house.db, state, house.config, asked_by=asked_by)


def champion(house: PaperHouse) -> str:
    """Return the version that the next file is judged by."""
    return registry.Registry(house.models, house.models / "one").champion().version


@pytest.mark.parametrize(
    ("how", "outcome"),
    [
        ("refused", "refused"),
        ("failed", "failed"),
        ("skipped", "skipped"),
        ("raises", "failed"),
        ("does not start", "skipped"),
        ("says nothing", "failed"),
        ("dies at once", "failed"),
        ("dies at the end", "failed"),
        ("promotes a damaged model", "failed"),
        ("promotes what is not there", "failed"),
    ],
)
def test_without_proof_the_champion_stays(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch, how: str, outcome: str
) -> None:
    """The reason is kept, and the night is tried again with the same words."""
    monkeypatch.setenv("PUPPET", how)

    came = night(house)

    assert came.outcome == outcome
    assert came.reason
    assert champion(house) == "one"
    run = runs.last_run(house.db)
    assert run is not None
    assert (run.outcome, run.reason) == (outcome, came.reason)
    learned = runs.last_learned_feedback(house.db)
    assert learned == (feedback_log.last_feedback_id(house.db) if outcome == "refused" else 0)


def test_a_proven_model_is_used_for_the_next_file_and_changes_none(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon needs no restart, and what is tagged stays."""
    first = house.music / "b.mp3"
    paper(first, "B")
    house.settle()
    before = first.read_bytes()
    monkeypatch.setenv("PUPPET", "promotes")

    came = night(house)

    assert came.outcome == "promoted"
    assert champion(house) == came.version != "one"
    new = house.music / "new.mp3"
    paper(new, "N")
    house.settle()
    row = house.row(new)
    verdict = house.db.execute(
        "select model_version from verdicts where fingerprint = ?", [row.fingerprint]
    ).fetchone()
    assert verdict == (came.version,)
    assert row.genres == (guess("N", came.version or ""),)
    assert first.read_bytes() == before


def test_a_model_that_beat_another_than_the_one_in_use_is_refused(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changed the model meanwhile, a person or corrections, it stays changed."""
    monkeypatch.setenv("PUPPET", "promotes")
    house.new_model("two")
    state = State(root=house.root)

    came = training.retrain(
        house.db,
        state,
        house.config,
        asked_by="command",
        progress=lambda _message: house.new_model("three"),
    )

    assert (came.outcome, champion(house)) == ("refused", "three")
    assert "another model was put to use" in came.reason


def test_nights_leave_no_more_than_going_back_needs(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model in use, the three before it, and the shipped one."""
    monkeypatch.setenv("PUPPET", "promotes")
    made = [night(house, "command").version for _ in range(6)]

    models = registry.Registry(house.models, house.models / "one")
    assert {path.name for path in models.versions()} == {"one", *made[-4:]}
    assert champion(house) == made[-1]


def test_going_back_is_one_step(house: PaperHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version before is still there and whole."""
    monkeypatch.setenv("PUPPET", "promotes")
    night(house)
    models = registry.Registry(house.models, house.models / "one")

    assert models.rollback().version == "one"
    assert champion(house) == "one"


def test_nothing_new_is_no_night(house: PaperHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was learned from once is not trained on again, and status can say so."""
    monkeypatch.setenv("PUPPET", "refused")
    night(house)
    monkeypatch.setenv("PUPPET", "promotes")

    came = night(house)

    assert came.outcome == "skipped"
    assert "nothing to learn" in came.reason
    assert champion(house) == "one"


def test_too_few_words_are_no_night(house: PaperHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configured minimum counts."""
    monkeypatch.setenv("PUPPET", "promotes")
    house.config = Config(training=Training(minimum_feedback=2))

    came = night(house)

    assert (came.outcome, came.reason) == ("skipped", "nothing to learn yet, 1 of 2 new labels")


def test_a_trainer_that_cannot_start_is_one_reason(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many nights it lasts, the record says it once; then it trains on the same words."""
    monkeypatch.setenv("PUPPET", "does not start")
    for _ in range(3):
        came = night(house)

    kept = house.db.execute("select outcome, reason from runs").fetchall()
    assert kept == [("skipped", came.reason)]
    assert came.reason.startswith(NO_START)
    assert "no such library" in came.reason
    monkeypatch.setenv("PUPPET", "promotes")
    assert night(house).outcome == "promoted"


def test_a_night_waits_for_the_machine(house: PaperHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """On its battery it trains nothing; status hears why, and a stop leaves the night undone."""
    monkeypatch.setenv("PUPPET", "promotes")
    machine = replace(IDLE, on_battery=lambda: True)
    trainer = training.Background(State(root=house.root), house.config, machine)
    trainer.start()
    until(lambda: runs.get_setting(house.db, WAITS) == "the machine runs on its battery")

    trainer.stop()

    assert champion(house) == "one"
    assert runs.last_run(house.db) is None


def test_a_night_is_given_up_with_its_reason(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the hours of grace have passed, as any outcome is recorded."""
    monkeypatch.setenv("PUPPET", "promotes")
    house.config = replace(house.config, training=replace(EAGER, grace_hours=0.00001))
    trainer = training.Background(
        State(root=house.root), house.config, replace(IDLE, load=lambda: 3.0)
    )
    trainer.start()
    until(lambda: runs.last_run(house.db) is not None)
    trainer.stop()

    run = runs.last_run(house.db)
    assert run is not None
    assert (run.outcome, run.reason.partition(",")[0]) == (
        "skipped",
        "the machine is busy (load 3.0 per core)",
    )
    assert champion(house) == "one"


def test_a_night_without_a_record_is_a_reason_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk may be away by night; the next one tries again."""
    ended: list[object] = []
    monkeypatch.setattr(threading, "excepthook", ended.append)
    (tmp_path / "library.db").mkdir()
    trainer = training.Background(State(root=tmp_path), Config(), IDLE)

    trainer.start()
    trainer.stop()

    assert ended == []


def test_a_night_ends_with_the_daemon(house: PaperHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trainer that is deep in its work is not waited for; the champion stays."""
    monkeypatch.setenv("PUPPET", "hangs")
    trainer = training.Background(State(root=house.root), house.config, IDLE)
    trainer.start()
    until(lambda: len(list(house.models.glob("*-*.1"))) == 1)

    trainer.stop()

    assert champion(house) == "one"
    run = runs.last_run(house.db)
    assert run is not None
    assert (run.outcome, "stopped" in run.reason) == ("failed", True)


def test_two_never_train_at_once(house: PaperHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is told so, whoever asks."""
    monkeypatch.setenv("PUPPET", "promotes")
    state = State(root=house.root)
    with locked(state.training_lock, TrainingError("busy")), pytest.raises(TrainingError):
        night(house, "command")

    assert champion(house) == "one"


@pytest.mark.parametrize("harm", ["changed", "missing", "added", "of another format"])
def test_a_model_that_is_not_whole_is_never_used(house: PaperHouse, harm: str) -> None:
    """Every file is checked against the manifest before the champion is named."""
    house.new_model("two")
    models = registry.Registry(house.models, house.models / "one")
    models.use("one")
    folder = house.models / "two"
    if harm == "changed":
        (folder / "calibration.json").write_text("{}", "utf-8")
    elif harm == "missing":
        (folder / "calibration.json").unlink()
    elif harm == "added":
        (folder / "member.pickle").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    else:
        document = json.loads((folder / "manifest.json").read_text("utf-8"))
        (folder / "manifest.json").write_text(json.dumps(document | {"format": 99}), "utf-8")

    with pytest.raises(ModelError):
        models.use("two")

    assert champion(house) == "one"


def test_naming_the_champion_is_whole_or_never_was(
    house: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it is written, the note names the one before."""
    house.new_model("two")
    models = registry.Registry(house.models, house.models / "one")
    models.use("one")

    def die(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", die)
        with pytest.raises(OSError, match="No space"):
            models.use("two")

    assert champion(house) == "one"
    assert models.use("two").genres == GENRES
