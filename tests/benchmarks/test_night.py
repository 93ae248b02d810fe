"""Nights that are killed: when death comes, and how far a night is, as seen from outside."""

import os
import random
from pathlib import Path

import numpy as np
import pytest

from benchmarks.night.deaths import Deaths, at, instants, into, table
from benchmarks.night.library import FEW, dealt
from benchmarks.night.spending import PHASES, Watch
from benchmarks.tools.house import House


def test_instants_lie_all_over_the_night() -> None:
    """One in each equal part, in another order than that of time, and others by another seed."""
    found = instants(random.Random(1), 20, 40.0)

    assert sorted(int(instant // 2.0) for instant in found) == list(range(20))
    assert found != sorted(found)
    assert found != instants(random.Random(2), 20, 40.0)


def test_death_comes_at_its_instant() -> None:
    """Whatever the phase."""
    assert not at(3.0)(2.9, PHASES[-1])
    assert at(3.0)(3.1, PHASES[0])


def test_death_in_a_phase_waits_for_it() -> None:
    """So late after it was reached; a phase that was passed over counts as reached."""
    due = into("the gate", 0.5)

    assert not due(90.0, "the model is written")
    assert not due(91.0, "the gate")
    assert not due(91.4, "the gate")
    assert due(91.5, "the command ends")


def test_the_table_names_each_phase() -> None:
    """Those that nobody was killed in, too."""
    deaths = Deaths()
    deaths.phases["the gate"] += 3

    lines = table(deaths.phases).splitlines()

    assert len(lines) == len(PHASES)
    assert [line.split()[-1] for line in lines if line.startswith("the gate")] == ["3"]
    assert sum(int(line.split()[-1]) for line in lines) == 3


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A look at a command whose only trainer is this process, TensorFlow loaded or not."""
    monkeypatch.setattr("benchmarks.night.spending.below", lambda command: [os.getpid()])
    monkeypatch.setattr("benchmarks.night.spending.TENSORFLOW", b"libc")
    return Watch(house=House(tmp_path, {}), command=0, before=frozenset())


def test_a_night_is_seen_by_what_lies_there(watch: Watch) -> None:
    """Finished ensembles, a part of a model, a whole model."""
    state, seen = watch.house.state, [watch.look(0.0)]
    (state / "cache" / "finished").mkdir(parents=True)
    for number in range(6):
        (state / "cache" / "finished" / f"{number}.npz").touch()
        seen.append(watch.look(1.0 + number))
    (state / "models" / ".2026-11-26.1.partial").mkdir(parents=True)
    seen.append(watch.look(8.0))
    (state / "models" / ".2026-11-26.1.partial").rename(state / "models" / "2026-11-26.1")
    (state / "models" / "2026-11-26.1" / "manifest.json").touch()
    seen.append(watch.look(9.0))

    assert seen == [*PHASES[2:8], "the last ensemble", "the model is written", "the gate"]
    assert watch.began_s["fold 3 of 5"] == 2.0
    assert watch.peak_mb > 0


def test_a_night_never_goes_back(watch: Watch) -> None:
    """What is removed at the end does not make it young again."""
    finished = watch.house.state / "cache" / "finished"
    finished.mkdir(parents=True)
    (finished / "a.npz").touch()
    assert watch.look(0.0) == "fold 2 of 5"
    (finished / "a.npz").unlink()

    assert watch.look(1.0) == "fold 2 of 5"
    assert watch.look_at_disk() == "fold 2 of 5"


def test_nobody_is_on_both_sides_of_a_small_library() -> None:
    """Each genre has artists on both, and each track a fingerprint of its own."""
    before, named = dealt(48, 1)
    tracks = [*before, *named]

    assert not {t.group for t in before} & {t.group for t in named}
    assert {t.genre for t in before} == {t.genre for t in named} == set(FEW)
    assert len({t.fingerprint for t in tracks}) == len(tracks) == 48
    assert all(np.isfinite(t.features).all() for t in tracks)
