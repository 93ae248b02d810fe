"""One night on thousands of tracks, and small nights that are killed at random instants.

`python -m benchmarks night [--tracks 5000] [--small 400] [--kills 20]`: tracks are drawn with
noise from those that the shipped model carries, by made-up artists, named by a person in the
record. `genrewatch retrain` then does what each night does, with its own bounds. Deaths are
SIGKILLs of the whole tree of processes, or of the command alone. Nothing is measured of accuracy.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from benchmarks.tools.house import ROOT, House
from benchmarks.tools.timing import machine
from core import registry
from core.analysis.features import FEATURE_VERSION
from core.learning.tracks.dataset import Track, from_replay
from core.library import feedback_log, files, hearings, runs
from core.library.feedback_log import FeedbackRow
from core.library.hearings import HearingRow
from core.library.schema import writing
from daemon.limits import trainer_mb

__all__ = ["main"]

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ALBUMS = (3, 13)  # tracks of a made-up artist
SEGMENTS = (8, 25)  # of a track, as a whole track of three minutes has
OWN_SOUND, OF_TRACK, OF_SEGMENT = 0.3, 0.3, 0.4  # noise, in standard deviations
POLL_S = 0.2
SHORTEST_S, LONGEST = 1.0, 0.5  # a life: seconds at least, of an undisturbed night at most
LIVES = 60  # after which a night that does not end is taken to go round in circles
MINUTES = 30.0  # what a night may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One night, as far as it came."""

    seconds: float
    peak_mb: float  # of the trainer
    killed: bool
    said: str  # the command's last line


@dataclass(slots=True)
class Deaths:
    """What became of the nights that were killed."""

    kills: int = 0
    lives_s: list[float] = field(default_factory=list)
    with_something_finished: int = 0
    nights: int = 0
    same: int = 0  # nights that made to the bit what the undisturbed one made
    wrong: list[str] = field(default_factory=list)


def main(argv: Sequence[str]) -> dict[str, Any]:
    """Measure both; what is wrong is listed, and then nothing has passed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks night")
    parser.add_argument("--tracks", type=int, default=5000)
    parser.add_argument("--small", type=int, default=400)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    wishes = parser.parse_args(argv)
    figures: dict[str, Any] = {"machine": machine()}
    passed = True
    with tempfile.TemporaryDirectory(prefix="night-") as room:
        if wishes.tracks:
            figures["large"] = large(Path(room) / "large", wishes.tracks, wishes.seed)
            print(figures["large"], flush=True)
            passed &= figures["large"]["passed"]
        if wishes.kills:
            figures["killed"] = killed(Path(room), wishes.small, wishes.kills, wishes.seed)
            print(figures["killed"], flush=True)
            passed &= not figures["killed"]["wrong"]
    return {**figures, "passed": bool(passed)}


# --- a night ------------------------------------------------------------------------------------


def large(root: Path, tracks: int, seed: int) -> dict[str, Any]:
    """Spend one night on so many named tracks, within the bounds that it keeps by itself."""
    house = furnished(root, tracks, seed)
    ran = spend(house)
    last = runs.last_run(house.db)
    allowed = trainer_mb(2048)
    outcome = None if last is None else last.outcome
    bounded = ran.seconds < MINUTES * 60 and ran.peak_mb < allowed
    found = {
        "tracks": tracks,
        "minutes": round(ran.seconds / 60, 1),
        "peak_mb": round(ran.peak_mb),
        "allowed_mb": round(allowed),
        "outcome": outcome,
        "reason": "" if last is None else last.reason,
        "members": _members(house),
        "model_mb": _model_mb(house),
        "passed": bounded and outcome in ("promoted", "refused"),
    }
    house.close()
    return found


def spend(house: House, life_s: float | None = None, *, alone: bool = False) -> Ran:
    """Run the command to its end, or kill it after *life_s*; *alone*: not its trainer."""
    began, peak = time.monotonic(), 0.0
    with (house.root / "said.txt").open("w+b") as said:
        process = subprocess.Popen(
            [*house.command, "retrain"],
            cwd=ROOT,
            env=house.environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        while process.poll() is None:
            if life_s is not None and time.monotonic() > began + life_s:
                doomed = [process.pid, *([] if alone else children(process.pid))]
                for pid in doomed:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                process.wait()
                return _ran(began, peak, said, killed=True)
            peak = max([peak, *(_held_mb(pid) for pid in children(process.pid))])
            time.sleep(POLL_S)
        return _ran(began, peak, said, killed=False)


def _ran(began: float, peak: float, said: Any, *, killed: bool) -> Ran:
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    seconds = time.monotonic() - began
    return Ran(seconds=seconds, peak_mb=peak, killed=killed, said=(lines or [""])[-1])


def children(pid: int) -> list[int]:
    """Return the processes below *pid*."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            parent = int((entry / "stat").read_text("utf-8").rpartition(")")[2].split()[1])
            below.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        mine = below.get(waiting.pop(), [])
        found += mine
        waiting += mine
    return found


def _held_mb(pid: int) -> float:
    """Return the most that the process ever held, in MB."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0.0


# --- deaths -------------------------------------------------------------------------------------


def killed(room: Path, tracks: int, kills: int, seed: int) -> dict[str, Any]:
    """Kill small nights at random instants, let each end, and look at what is left."""
    rng, deaths = random.Random(seed), Deaths()
    still = furnished(room / "still", tracks, seed)
    still.close()
    house = _copied(still, room / "undisturbed")
    undisturbed = spend(house)
    made = _made(house)
    house.close()
    print(f"an undisturbed night of {tracks}: {undisturbed}", flush=True)
    while deaths.kills < kills:
        root = room / f"night-{deaths.nights}"
        house = _copied(still, root)
        _one_night(house, undisturbed.seconds, rng, deaths, made)
        house.close()
        shutil.rmtree(root)
        print(f"{deaths.kills} kills in {deaths.nights} nights: {deaths.wrong}", flush=True)
    return {
        "tracks": tracks,
        "undisturbed_s": round(undisturbed.seconds),
        "kills": deaths.kills,
        "nights": deaths.nights,
        "median_life_s": round(float(np.median(deaths.lives_s)), 1),
        "with_something_finished": deaths.with_something_finished,
        "nights_that_made_the_same_model": deaths.same,
        "wrong": deaths.wrong,
    }


def _one_night(
    house: House, usual_s: float, rng: random.Random, deaths: Deaths, made: NDArray[Any] | None
) -> None:
    """Kill one night again and again until it ends before its death comes."""
    words = feedback_log.count_since(house.db, 0)
    for _ in range(LIVES):
        life = rng.uniform(SHORTEST_S, LONGEST * usual_s)
        ran = spend(house, life, alone=rng.random() < 0.5)
        if not ran.killed:
            break
        deaths.kills += 1
        deaths.lives_s.append(ran.seconds)
        deaths.with_something_finished += any((house.state / "cache" / "finished").glob("*.npz"))
        deaths.wrong += list(_broken(house, words))
    else:
        deaths.wrong.append(f"after {LIVES} lives the night had not ended")
    deaths.nights += 1
    deaths.wrong += list(_unfinished(house))
    same = made is not None and np.array_equal(made, _made(house))
    deaths.same += same
    if not same:
        deaths.wrong.append("the night that was killed made another model")


def _broken(house: House, words: int) -> Iterator[str]:
    """What is not as it was before the night that was just killed."""
    models = _models(house)
    if models.champion().version != registry.base_dir(backbone=True).name:
        yield "another model is in use"
    for folder in models.versions():
        try:
            registry.load(folder)
        except registry.ModelError as error:
            yield f"a version is damaged: {error}"
    if house.db.execute("pragma integrity_check").fetchone()[0] != "ok":
        yield "the record is damaged"
    if feedback_log.count_since(house.db, 0) != words:
        yield "a word is lost"
    last = runs.last_run(house.db)
    if last is not None and last.outcome in ("promoted", "refused"):
        yield "a killed night has an outcome"


def _unfinished(house: House) -> Iterator[str]:
    """What a night that ended has left behind or undone."""
    last = runs.last_run(house.db)
    if last is None or last.outcome not in ("promoted", "refused"):
        yield f"the night ended otherwise: {last}"
    if list((house.state / "cache" / "finished").glob("*")):
        yield "finished fits were left behind"
    if list((house.state / "models").glob(".*")):
        yield "a part of a model was left behind"
    _models(house).champion()


def _models(house: House) -> registry.Registry:
    rich, plain = (registry.base_dir(backbone=backbone) for backbone in (True, False))
    heard = registry.load(rich).backbone
    return registry.Registry(house.state / "models", plain, rich, lambda: heard)


def _newest(house: House) -> Path | None:
    return next(reversed(sorted((house.state / "models").glob("[0-9]*"))), None)


def _made(house: House) -> NDArray[Any] | None:
    """What the newest model says out of fold, from which everything else follows."""
    newest = _newest(house)
    return None if newest is None else from_replay(newest).words


def _members(house: House) -> dict[str, float]:
    newest = _newest(house)
    return {} if newest is None else dict(registry.load(newest).metrics["members"])


def _model_mb(house: House) -> dict[str, float]:
    newest = _newest(house)
    sizes = {p.name: p.stat().st_size / 1e6 for p in newest.iterdir()} if newest else {}
    return {name: round(size, 1) for name, size in sizes.items() if size > 1}


# --- a library ----------------------------------------------------------------------------------


def furnished(root: Path, tracks: int, seed: int) -> House:
    """Make a house in which a person has named so many tracks."""
    root.mkdir()
    house = House(root, {})
    replay = from_replay(registry.base_dir(backbone=True)).tracks
    genres = registry.load(registry.base_dir(backbone=True)).genres
    with writing(house.db):
        for number, (track, artist) in enumerate(drawn(replay, tracks, seed)):
            _name(house.db, track, artist, genres, number)
    return house


def _copied(still: House, root: Path) -> House:
    """Another house with the same record."""
    root.mkdir()
    house = House(root, {})
    shutil.copytree(still.state, house.state, dirs_exist_ok=True)
    return house


def drawn(replay: Sequence[Track], count: int, seed: int) -> Iterator[tuple[Track, str]]:
    """Draw *count* tracks with noise, each made-up artist around one track of *replay*."""
    rng = np.random.default_rng(seed)
    wide = np.concatenate([track.features for track in replay]).std(axis=0)
    heard = np.stack([t.embedding for t in replay if t.embedding is not None])
    spread = heard.std(axis=0)
    made, artist = 0, 0
    while made < count:
        near = replay[int(rng.integers(len(replay)))]
        sound = wide * rng.normal(0, OWN_SOUND, len(wide))
        place = near.embedding + spread * rng.normal(0, OWN_SOUND, len(spread))
        for _ in range(min(count - made, int(rng.integers(*ALBUMS)))):
            rows = near.features[rng.integers(len(near.features), size=rng.integers(*SEGMENTS))]
            noise = rng.normal(0, OF_SEGMENT, rows.shape) + rng.normal(0, OF_TRACK, len(wide))
            yield (
                Track(
                    fingerprint=f"{made:032x}",
                    genre=near.genre,
                    group=f"Artist {artist}",
                    features=(rows + sound + wide * noise).astype(np.float32),
                    embedding=(place + spread * rng.normal(0, OF_TRACK, len(spread))).astype(
                        np.float32
                    ),
                ),
                f"Artist {artist}",
            )
            made += 1
        artist += 1


def _name(db: Database, track: Track, artist: str, genres: Sequence[str], number: int) -> None:
    """Let the record know the track, what was heard in it, and what a person says of it."""
    files.remember_track(db, track.fingerprint, 180.0, NOW)
    silent = np.zeros((1, len(genres)), np.float32)
    row = HearingRow(
        fingerprint=track.fingerprint,
        feature_version=FEATURE_VERSION,
        model_version=registry.base_dir(backbone=True).name,
        genres=tuple(genres),
        segments=len(track.features),
        track_features=np.stack([track.features.mean(axis=0), track.features.std(axis=0)]),
        pooled_scores=silent,
        embedding=track.embedding,
        starts_s=np.arange(len(track.features), dtype=np.float32),
        features=track.features,
        scores=np.zeros((1, len(track.features), len(genres)), np.float32),
    )
    hearings.save_hearing(db, row)
    word = FeedbackRow(
        path=f"/music/{artist}/{number}.mp3",
        fingerprint=track.fingerprint,
        kind="label",
        old=(),
        new=(track.genre,),
        via="retag",
        artist=artist,
    )
    feedback_log.record_feedback(db, word, NOW)
