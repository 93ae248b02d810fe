"""Small nights under SIGKILL: instants over a night's whole length, and into its short phases.

A night that was killed is begun again, killed again or left to end. After each death the
model in use has to be as it was, bit for bit, and whatever else lies there whole.
"""

import hashlib
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.night.library import CHAMPION, copied, models_of, small
from benchmarks.night.spending import PHASES, Death, Ran, newest, spend
from benchmarks.tools.house import House
from core import registry
from core.errors import ModelError
from core.learning.tracks.dataset import from_replay
from core.library import feedback_log, runs

__all__ = ["at", "instants", "into", "killed"]

LIVES = 12  # after which a night that does not end is taken to go round in circles
AIMED = ("the model is written", "the gate")  # so short that few instants meet them
TIMES = 2  # that each of these is aimed at
ENDS = ("promoted", "refused")
Prints = dict[str, str]  # sha256 of files by name


@dataclass(slots=True)
class Deaths:
    """What became of the nights that were killed."""

    phases: Counter[str] = field(default_factory=Counter)
    lives_s: list[float] = field(default_factory=list)
    went_on: int = 0  # lives that began with finished ensembles of the life before
    from_start: int = 0  # those that had none to begin with
    nights: int = 0
    same: int = 0  # nights that made to the bit what the undisturbed one made
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Usual:
    """The house before the night, and what comes of a night that nobody disturbs."""

    still: House
    ran: Ran
    words: int  # that the record holds
    champion: Prints
    made: NDArray[Any] | None


def killed(room: Path, tracks: int, kills: int, seed: int) -> dict[str, Any]:
    """Kill small nights *kills* times and more, let each end, and look at what is left."""
    rng, deaths = random.Random(seed), Deaths()
    usual = _undisturbed(room, tracks, seed)
    print(f"undisturbed: {usual.ran}", flush=True)
    waiting = instants(rng, kills, usual.ran.seconds)
    while waiting:
        _one_night(usual, room / f"night-{deaths.nights}", waiting, rng, deaths)
        print(f"{deaths.phases.total()} kills, {deaths.nights} nights, {deaths.wrong}", flush=True)
    for phase in AIMED * TIMES:
        aim = into(phase, rng.random() * _lasted(usual.ran, phase))
        _aimed_night(usual, room / f"night-{deaths.nights}", aim, rng, deaths)
    print(table(deaths.phases), flush=True)
    return {
        "tracks": tracks,
        "undisturbed_s": round(usual.ran.seconds, 1),
        "undisturbed_began_s": {p: round(s, 1) for p, s in usual.ran.began_s.items()},
        "kills": deaths.phases.total(),
        "kills_by_phase": {phase: deaths.phases[phase] for phase in PHASES},
        "nights": deaths.nights,
        "median_life_s": round(float(np.median(deaths.lives_s)), 1),
        "begun_again_with_something_finished": deaths.went_on,
        "begun_again_from_nothing": deaths.from_start,
        "nights_that_made_the_same_model": deaths.same,
        "wrong": deaths.wrong,
    }


def instants(rng: random.Random, count: int, seconds: float) -> list[float]:
    """Return *count* instants in random order, one drawn from each equal part of *seconds*."""
    found = [(part + rng.random()) * seconds / count for part in range(count)]
    rng.shuffle(found)
    return found


def at(instant: float) -> Death:
    """Return the death that comes *instant* seconds after the night began."""
    return lambda seconds, phase: seconds >= instant


def into(wanted: str, late: float) -> Death:
    """Return the death that comes *late* seconds after the phase *wanted* was reached."""
    began: list[float] = []

    def due(seconds: float, phase: str) -> bool:
        if PHASES.index(phase) >= PHASES.index(wanted) and not began:
            began.append(seconds)
        return bool(began) and seconds >= began[0] + late

    return due


def table(phases: Mapping[str, int]) -> str:
    """Return how often each phase was killed, a line each."""
    width = max(map(len, PHASES))
    return "\n".join(f"{phase:{width}}  {phases.get(phase, 0):3}" for phase in PHASES)


# --- nights -------------------------------------------------------------------------------------


def _undisturbed(room: Path, tracks: int, seed: int) -> Usual:
    still = small(room / "still", tracks, seed)
    words, champion = feedback_log.count_since(still.db, 0), _prints(_folder(still))
    still.close()
    house = copied(still, room / "undisturbed")
    ran = spend(house)
    made = _made(house)
    house.close()
    return Usual(still=still, ran=ran, words=words, champion=champion, made=made)


def _one_night(
    usual: Usual, root: Path, waiting: list[float], rng: random.Random, deaths: Deaths
) -> None:
    """Kill one night at the instants that wait, until it ends before the next one comes.

    That one waits for the next night; a night that even in its first life was quicker than its
    instant has it drawn anew, from the second half of how long it took.
    """
    house = copied(usual.still, root)
    for life in range(LIVES):
        instant = waiting.pop() if waiting else None
        ran = _life(usual, house, None if instant is None else at(instant), rng, deaths)
        if not ran.killed and instant is not None:
            waiting.append(instant if life else rng.uniform(0.5, 1.0) * ran.seconds)
        if not ran.killed or _switched(house):
            break
    else:
        deaths.wrong.append(f"after {LIVES} lives the night had not ended")
    _end(usual, house, deaths)


def _aimed_night(usual: Usual, root: Path, aim: Death, rng: random.Random, deaths: Deaths) -> None:
    """Kill one night once, in a short phase, and let it end."""
    house = copied(usual.still, root)
    if _life(usual, house, aim, rng, deaths).killed and not _switched(house):
        _life(usual, house, None, rng, deaths)
    _end(usual, house, deaths)


def _life(
    usual: Usual, house: House, death: Death | None, rng: random.Random, deaths: Deaths
) -> Ran:
    """Run the night, from where it is, to its *death* or end; look at what a death has left."""
    again, went_on = runs.last_run(house.db) is not None, any(_finished(house))
    deaths.went_on += again and went_on
    deaths.from_start += again and not went_on
    ran = spend(house, death, alone=rng.random() < 0.5)
    if ran.killed:
        deaths.phases[ran.phase] += 1
        deaths.lives_s.append(ran.seconds)
        deaths.wrong += [f"killed in {ran.phase!r}: {found}" for found in _broken(usual, house)]
    return ran


def _end(usual: Usual, house: House, deaths: Deaths) -> None:
    made = _made(house)
    same = usual.made is not None and made is not None and np.array_equal(usual.made, made)
    deaths.nights += 1
    deaths.same += same
    deaths.wrong += [f"at the end: {found}" for found in _unfinished(house)]
    if not same:
        deaths.wrong.append("the night that was killed made another model")
    house.close()
    shutil.rmtree(house.root)


def _lasted(ran: Ran, phase: str) -> float:
    """Return how many seconds *phase* took."""
    after = [
        began for name, began in ran.began_s.items() if PHASES.index(name) > PHASES.index(phase)
    ]
    return min([ran.seconds, *after]) - ran.began_s.get(phase, ran.seconds)


# --- what is left -------------------------------------------------------------------------------


def _broken(usual: Usual, house: House) -> Iterator[str]:
    """What is not as it was before the night that was just killed."""
    if _prints(_folder(house)) != usual.champion:
        yield "the model that was in use has changed"
    if _switched(house) and models_of(house).proven() is None:
        yield "another model is in use, and not by the gate"
    for folder in models_of(house).versions():
        try:
            registry.load(folder)
        except ModelError as error:
            yield f"a version is damaged: {error}"
    if house.db.execute("pragma integrity_check").fetchone()[0] != "ok":
        yield "the record is damaged"
    if feedback_log.count_since(house.db, 0) != usual.words:
        yield "a word is lost"
    last = runs.last_run(house.db)
    if last is not None and last.outcome in ENDS and not _switched(house):
        yield "a night has an outcome that nothing came of"


def _unfinished(house: House) -> Iterator[str]:
    """What a night that ended has left behind or undone."""
    last = runs.last_run(house.db)
    ended = last is not None and last.outcome in ENDS
    if not ended and not _switched(house):
        yield f"the night ended otherwise: {last}"
    if any(_finished(house)):
        yield "finished fits were left behind"
    if any((house.state / "models").glob(".*")):
        yield "a part of a model was left behind"
    models_of(house).champion()


def _switched(house: House) -> bool:
    """Say whether the night has put its model to use."""
    return models_of(house).champion_dir().name != CHAMPION


def _finished(house: House) -> Iterator[Path]:
    return (house.state / "cache" / "finished").glob("*")


def _folder(house: House) -> Path:
    return house.state / "models" / CHAMPION


def _prints(folder: Path) -> Prints:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _made(house: House) -> NDArray[Any] | None:
    """What the newest model says out of fold, from which everything else follows."""
    made = newest(house)
    return None if made is None else from_replay(made).words
