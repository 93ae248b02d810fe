"""One whole library through the daemon itself, and the same life in this process.

Real excerpts as files of their own, the daemon with its workers and nightly trainer; beside it
the house of paper with what was heard once for all. The same person lives with both. What is
compared is each first guess and decision, what they rest on, and how each file ends.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.heard import say
from benchmarks.learning import taste
from benchmarks.learning.house import House, room
from benchmarks.learning.library import Clip, Half, half, shipped
from benchmarks.learning.life import CONDITIONS, Diary, Life
from benchmarks.learning.lodging import Lodging
from benchmarks.learning.people import PEOPLE
from core.learning.base import pieces
from core.library import feedback_log, hearings
from core.library.arrivals import ArrivalRow
from core.library.files import FileRow
from daemon.config import Policy, Training

__all__ = ["Ended", "Lived", "compared", "rows"]

CLOSE = 1e-3  # two confidences are the same where they differ by no more
PERSON = "every error"
NIGHTLY = Training(minimum_feedback=10)  # else hardly a night of one library has enough to learn
POLICY = Policy(threshold=0.9)  # so that some are written, and some of these wrongly


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of one file."""

    guess: str | None
    confidence: float
    sure: float
    source: str
    decision: str
    met: bool  # a person had named its artist before
    now: str  # the first genre of its verdict at the end
    state: str
    origin: str
    genres: tuple[str, ...]

    @classmethod
    def of(cls, arrival: ArrivalRow, row: FileRow, now: str) -> "Ended":
        """Return what the record says."""
        return cls(
            guess=arrival.genre,
            confidence=arrival.confidence,
            sure=arrival.sure,
            source=arrival.source,
            decision=arrival.decision,
            met=arrival.met,
            now=now,
            state=row.state,
            origin=str(row.origin),
            genres=row.genres,
        )

    @property
    def did(self) -> tuple[object, ...]:
        """What was decided, without how sure of it."""
        return self.guess, self.decision, self.genres

    def differs(self, other: "Ended") -> list[str]:
        """Return in what it differs from the *other*."""
        return [
            f"{field.name} {getattr(self, field.name)!r}, not {getattr(other, field.name)!r}"
            for field in fields(self)
            if not _is_same(getattr(self, field.name), getattr(other, field.name))
        ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lived:
    """A life that is over."""

    diary: Diary
    ends: Mapping[str, Ended]  # by path, in the order in which the files came
    heard: Mapping[str, Any]  # by path: the features as the record keeps them
    words: Mapping[str, int]  # via -> how many
    seconds: float


class _Divided(Life):
    """A person who names every second of the files without a genre in a player, the rest in review.

    Which, goes by the file's fingerprint.
    """

    def in_a_player(self, clip: Clip) -> bool:
        return super().in_a_player(clip) or int(clip.fingerprint, 16) % 2 == 0


def rows(bench: Bench, seeds: taste.Seeds) -> dict[str, Any]:
    """Return how many decisions are the same; needs the audio of the excerpts."""
    if bench.data is None:
        return {}
    side = half(bench, seeds[0])
    with room() as root:
        base = shipped(bench, side, root / "base")
        outside, nights_s = _by_daemon(root / "outside", base, side, _audio(bench))
        inside = _in_process(root / "inside", base, side)
    return {"through the daemon": {**compared(outside, inside), "nights_s": round(nights_s)}}


def compared(outside: Lived, inside: Lived) -> dict[str, Any]:
    """Return what is the same in two lives with one library, and each file that differs."""
    pairs = [(path, outside.ends[path], end) for path, end in inside.ends.items()]
    differing = {
        f"{place + 1}: {path}": found
        for place, (path, one, other) in enumerate(pairs)
        if (found := one.differs(other))
    }
    heard = [np.array_equal(outside.heard[path], inside.heard[path]) for path in inside.heard]
    nights = outside.diary.nights.tolist(), inside.diary.nights.tolist()
    ends = outside.ends.values()
    return {
        "files": len(pairs),
        "identical": len(pairs) - len(differing),
        "the same first guess and decision": sum(a.did == b.did for _, a, b in pairs),
        "heard the same": sum(heard),
        "first guesses wrong": int(outside.diary.wrong.sum()),
        "written": sum(end.decision == "written" for end in ends),
        "decided with memory": sum(end.source != "model" for end in ends),
        "words": dict(outside.words),
        "nights": nights[0],
        "nights in one process": nights[1],
        "files of a person's genre that were changed": int(outside.diary.changed[0]),
        "files rewritten by a new model": int(outside.diary.changed[1]),
        "seconds": round(outside.seconds),
        "seconds in one process": round(inside.seconds),
        "differing": differing,
        "must": "identical",
        "met": not differing and nights[0] == nights[1],
    }


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= CLOSE
    return bool(one == other)


def _audio(bench: Bench) -> dict[str, Path]:
    """Where the excerpts lie, by fingerprint."""
    assert bench.data is not None
    listed = pieces(bench.data)
    return {
        track.fingerprint: Path(piece.sample.path)
        for track, piece in zip(bench.tracks, listed, strict=True)
    }


def _by_daemon(
    root: Path, base: Path, side: Half, audio: Mapping[str, Path]
) -> tuple[Lived, float]:
    options = {
        "policy": {"threshold": POLICY.threshold},
        "training": {"minimum_feedback": NIGHTLY.minimum_feedback},
    }
    house = Lodging(root, base, audio, options)
    try:
        return _lived(house, side), house.nights_s
    finally:
        house.close()


def _in_process(root: Path, base: Path, side: Half) -> Lived:
    clips = {clip.fingerprint: clip for clip in side.library}
    house = House(root, base, clips, policy=POLICY, training=NIGHTLY)
    try:
        return _lived(house, side)
    finally:
        house.close()


def _lived(house: Any, side: Half) -> Lived:
    began = time.monotonic()
    life = _Divided(house, side, PEOPLE[PERSON], CONDITIONS["all"])
    diary = life.through()
    seconds = time.monotonic() - began
    say(f"  lived through {len(side.library)} files in {seconds:.0f} s")
    words: dict[str, int] = {}
    for row in feedback_log.all_feedback(house.db):
        words[row.via] = words.get(row.via, 0) + 1
    return Lived(
        diary=diary,
        ends={clip.path: _ended(house, clip) for clip in life.came},
        heard={clip.path: _heard(house, clip) for clip in life.came},
        words=words,
        seconds=seconds,
    )


def _ended(house: Any, clip: Clip) -> Ended:
    verdict = hearings.verdict_of(house.db, clip.fingerprint)
    first = verdict.genres[0][0] if verdict and verdict.genres else ""
    return Ended.of(house.guessed(clip), house.row(clip), first)


def _heard(house: Any, clip: Clip) -> Any:
    kept = hearings.hearing_of(house.db, clip.fingerprint)
    if kept is None or kept.features is None:
        return None if kept is None else kept.track_features
    return kept.features
