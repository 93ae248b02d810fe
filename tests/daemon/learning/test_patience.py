"""When a night's training may begin."""

import pytest

from daemon.config import Training
from daemon.learning.patience import LOOK_S, Machine, too_little, wait, why_not_now
from daemon.learning.power import load_per_core
from daemon.limits import trainer_mb

IDLE = Machine(on_battery=lambda: False, load=lambda: 0.1)


@pytest.mark.parametrize(
    ("labels", "artists", "why"),
    [
        (19, 9, "nothing to learn yet, 19 of 20 new labels"),
        (60, 4, "nothing to learn yet, 60 new labels are of 4 of 5 artists"),
        (20, 5, None),
    ],
)
def test_a_night_needs_labels_of_several_artists(
    labels: int, artists: int, why: str | None
) -> None:
    """Twenty of five artists by default; else it says how many there are."""
    assert too_little(Training(), labels, artists) == why


@pytest.mark.parametrize(
    ("machine", "training", "why"),
    [
        (IDLE, Training(), None),
        (
            Machine(on_battery=lambda: True, load=lambda: 0.0),
            Training(),
            "the machine runs on its battery",
        ),
        (Machine(on_battery=lambda: True, load=lambda: 0.0), Training(on_battery=True), None),
        (
            Machine(on_battery=lambda: False, load=lambda: 0.0, busy=lambda: True),
            Training(),
            "new files are being read",
        ),
        (
            Machine(on_battery=lambda: False, load=lambda: 1.25),
            Training(),
            "the machine is busy (load 1.2 per core)",
        ),
        (Machine(on_battery=lambda: False, load=lambda: 1.25), Training(max_load=2.0), None),
    ],
)
def test_what_a_night_waits_for(machine: Machine, training: Training, why: str | None) -> None:
    """Mains, our own files, an idle machine; each may be waived but our own files."""
    assert why_not_now(training, machine) == why


def test_it_begins_as_soon_as_the_machine_is_free() -> None:
    """It looks again every five minutes, tells what it waits for, and then no more."""
    answers = iter([True, True, False])
    machine = Machine(on_battery=lambda: next(answers), load=lambda: 0.0)
    told: list[str | None] = []
    slept: list[float] = []

    assert wait(Training(), machine, told.append, lambda s: bool(slept.append(s))) is None
    assert told == ["the machine runs on its battery"] * 2 + [None]
    assert slept == [LOOK_S, LOOK_S]


def test_it_gives_up_after_the_grace() -> None:
    """With the reason and how long it waited."""
    slept: list[float] = []
    machine = Machine(on_battery=lambda: True, load=lambda: 0.0)

    why = wait(Training(grace_hours=0.5), machine, lambda _: None, lambda s: bool(slept.append(s)))

    assert why == "the machine runs on its battery, and did for 0.5 hours"
    assert sum(slept) == 1800


@pytest.mark.parametrize(
    ("most", "machine_mb", "allowed"), [(2048, 64_000, 2048), (2048, 4_000, 800), (2048, 0, 2048)]
)
def test_a_training_takes_a_fifth_of_the_memory(
    most: float, machine_mb: float, allowed: float
) -> None:
    """Or what the options allow, whichever is less; where nothing is known, the options."""
    assert trainer_mb(most, machine_mb) == allowed


def test_this_machine_tells_its_load_and_memory() -> None:
    """Both are numbers that can be compared with a bound."""
    assert load_per_core() >= 0
    assert 0 < trainer_mb(1e9) < 1e9
