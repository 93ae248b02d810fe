"""When may the night's training begin? Once there is something to learn and nothing else to do.

It waits for mains power and an idle machine, looks again within the hours of grace, and then
gives the night up. It asks no clock: time itself and the machine are handed in.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlite_utils import Database

from core.library import feedback_log, runs
from daemon.config import Training
from daemon.learning.power import load_per_core, on_battery

__all__ = [
    "LOOK_S",
    "NO_START",
    "WAITS",
    "Machine",
    "to_learn",
    "too_little",
    "wait",
    "why_not_now",
]

LOOK_S = 300.0  # how often to ask the machine again
WAITS = "training_waits"  # the setting that says what the night waits for
NO_START = "the trainer cannot start"  # how the reason of such a night begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What is asked of the machine before it may train."""

    on_battery: Callable[[], bool] = on_battery
    load: Callable[[], float] = load_per_core
    busy: Callable[[], bool] = lambda: False  # whether files of ours are being read


def to_learn(db: Database) -> tuple[int, int]:
    """Return how many labels a person gave since the last training, and of how many artists."""
    found = feedback_log.labels_since(db, runs.last_learned_feedback(db))
    return len(found), len({artist for _, artist in found})


def too_little(training: Training, labels: int, artists: int) -> str | None:
    """Say why *labels* new ones, of so many *artists*, are nothing to learn yet; None if enough."""
    if labels < training.minimum_feedback:
        return f"nothing to learn yet, {labels} of {training.minimum_feedback} new labels"
    if artists < training.minimum_artists:
        needed = training.minimum_artists
        return f"nothing to learn yet, {labels} new labels are of {artists} of {needed} artists"
    return None


def why_not_now(training: Training, machine: Machine) -> str | None:
    """Say what the training waits for; None when it may begin."""
    if not training.on_battery and machine.on_battery():
        return "the machine runs on its battery"
    if machine.busy():
        return "new files are being read"
    load = machine.load()
    if load > training.max_load:
        return f"the machine is busy (load {load:.1f} per core)"
    return None


def wait(
    training: Training,
    machine: Machine,
    tell: Callable[[str | None], None],
    pause: Callable[[float], bool],
) -> str | None:
    """Wait until the training may begin; return why it may not after all, None when it may.

    *tell* is told what it waits for, and None at the end; *pause* sleeps for some seconds and
    says whether to give up.
    """
    left, why = training.grace_hours * 3600, why_not_now(training, machine)
    while why is not None and left > 0:
        tell(why)
        if pause(min(LOOK_S, left)):
            return "stopped while it waited"
        left, why = left - LOOK_S, why_not_now(training, machine)
    tell(None)
    return why and f"{why}, and did for {training.grace_hours:g} hours"
