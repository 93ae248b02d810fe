"""Another program edits thousands of files at once, genres and other fields: what comes of it.

The library is drawn with noise from a half of the artists, each made-up artist around one of
its tracks. The same files that come next are guessed with the edit and without it.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.figures import interval
from benchmarks.accuracy.heard import say
from benchmarks.learning.house import House, room
from benchmarks.learning.library import Clip, albums, half, shipped
from benchmarks.night.library import drawn
from core.analysis.features import FEATURE_VERSION
from core.library import batches, hearings
from core.taxonomy import fold
from daemon.config import Policy

__all__ = ["FILES", "rows"]

FILES, FEW = 5000, 100  # with audio to draw from, and on made-up excerpts
NEXT = 0.08  # so many files, of those that are there, come after it
SEEN = 0.5  # of these, by artists that are there
NAMED = 0.06  # of the files are named by the person before the tagger comes
WITHIN_S = 110.0  # the tagger takes so long
# it writes one of the shops' words or of the library's genres, by chance: wrong nearly always
SHOPS = ("Alternative", "Soundtrack", "World")
POLICY = Policy(threshold=0.9)  # so that some of the files bear a genre of ours


def rows(bench: Bench, seeds: Sequence[int], *, files: int = FILES) -> dict[str, Any]:
    """Return what became of the edited files, and of the guesses after them."""
    with room() as root:
        return {f"tagger of {files:,}": _Town(bench, seeds[0], root, files).edited()}


class _Town:
    """A library of thousands, kept as it was before the tagger came."""

    def __init__(self, bench: Bench, seed: int, root: Path, files: int) -> None:
        side = half(bench, seed)
        self.root, self.rng = root, np.random.default_rng([seed, 17])
        self.base = shipped(bench, side, root / "base")
        self.there, self.next = self._library([clip.track for clip in side.library], files, seed)
        self.clips = {clip.fingerprint: clip for clip in (*self.there, *self.next)}
        self.genres = sorted({clip.genre for clip in self.there})
        self.time = 0.0
        began = time.monotonic()
        self.named = self._filled()
        say(f"  {files} files came in {time.monotonic() - began:.0f} s")
        self.without = self._at_home(self._guess_next)

    def _library(self, near: Sequence[Any], files: int, seed: int) -> tuple[list[Clip], list[Clip]]:
        """The files that are there, and those that come next: half by artists that are there."""
        more = round(NEXT * files)
        made = list(drawn(near, files + more, seed))
        clips = albums(made, None, seed=seed)
        by_artist = [list(own) for _, own in groupby(clips, key=lambda clip: clip.who)]
        self.rng.shuffle(by_artist)
        new: list[Clip] = []
        while len(new) < more * (1 - SEEN):
            new += by_artist.pop()
        old = [own.pop() for own in by_artist[: max(0, more - len(new))] if len(own) > 1]
        coming = [*new, *old]
        order = self.rng.permutation(len(coming))
        return [clip for own in by_artist for clip in own], [coming[place] for place in order]

    def _filled(self) -> dict[str, str]:
        """Let all files come, album by album, and a person name some of those guessed wrongly."""
        house = self._open()
        wrong: list[Clip] = []
        for _, album in groupby(self.there, key=lambda clip: (clip.artist, clip.album)):
            mine = list(album)
            house.arrive(*mine)
            wrong += [clip for clip in mine if _is_wrong(house, clip)]
        chosen = [
            wrong[place]
            for place in self.rng.permutation(len(wrong))[: round(NAMED * len(self.there))]
        ]
        for clip in chosen:
            if house.genres(clip):
                house.retag((clip, (clip.genre,)))
            else:
                house.answer(clip, clip.genre)
        self.time = house.time
        house.close()
        shutil.move(self.root / "house", self.root / "kept")
        return {clip.fingerprint: clip.genre for clip in chosen}

    def edited(self) -> dict[str, Any]:
        """Return what became of the files, and of what is guessed of the next."""
        return self._at_home(self._edited)

    def _edited(self, house: House) -> dict[str, Any]:
        names = (*SHOPS, *self.genres)
        chosen = self.rng.integers(len(names), size=len(self.there)).tolist()
        edits = [(clip, (names[each],)) for clip, each in zip(self.there, chosen, strict=True)]
        before, written = _labels(house), self._written(house)
        other = [(clip, said) for clip, said in edits if house.genres(clip) != said]
        # our own tag, which the person had changed, put back: obeyed, and nobody's word
        back = sum(said in house.written(clip) for clip, said in other)
        began = time.monotonic()
        house.retag(*edits, other="looked up", within_s=WITHIN_S)
        seconds = time.monotonic() - began
        say(f"  the tagger was obeyed in {seconds:.0f} s")
        found = batches.unanswered(house.db)
        after = self._guess_next(house)
        night = house.night()
        figures = {
            "files": len(self.there),
            "edited within_s": WITHIN_S,
            "to another genre": len(other),
            "to what we had written there": back,
            "named by the person before": len(self.named),
            "written by us before": written,
            "batches": [f"{batch.files} files, a {batch.whose}'s" for batch in found],
            "files that it was not obeyed for": self._disobeyed(house, edits),
            "files that we wrote to since": self._written(house) - written,
            "night": night.outcome,
            "labels to learn from, without it": len(before),
            "labels to learn from, with it": len(_labels(house)),
            "of these changed": len(before ^ _labels(house)),
            "seconds": round(seconds, 1),
            "ms of a file": round(1000 * seconds / len(self.there), 1),
            **self._next_against(after),
        }
        batches.answer(house.db, found[0].id, "person", house.now())
        figures['labels to learn from after "mine"'] = len(_labels(house))
        figures["still not answered"] = len(batches.unanswered(house.db))
        return {**figures, **_met(figures)}

    def _written(self, house: House) -> int:
        return sum(len(house.written(clip)) for clip in self.there)

    def _disobeyed(self, house: House, edits: Sequence[tuple[Clip, tuple[str, ...]]]) -> int:
        return sum(house.genres(c) != said or house.row(c).genres != said for c, said in edits)

    def _next_against(self, after: Sequence[bool]) -> dict[str, Any]:
        """What is guessed wrongly of the next files, with the edit and without it."""
        known = {clip.artist for clip in self.there}
        seen = np.array([clip.artist in known for clip in self.next])
        old, new = np.array(self.without, float), np.array(after, float)
        who = np.unique([clip.who for clip in self.next], return_inverse=True)[1]
        return {
            "next files": len(self.next),
            "wrong of 100 of them, without it": round(100 * float(old.mean()), 1),
            "wrong of 100 of them, with it": round(100 * float(new.mean()), 1),
            "against without": _more(new - old, who),
            "of seen artists, against without": _more((new - old)[seen], who[seen]),
        }

    def _guess_next(self, house: House) -> list[bool]:
        """Let the next files come one by one; return which were guessed wrongly."""
        found = []
        for clip in self.next:
            house.arrive(clip)
            found.append(_is_wrong(house, clip))
        return found

    def _at_home[T](self, act: Callable[[House], T]) -> T:
        """Do something in the house as it was kept."""
        shutil.rmtree(self.root / "house", ignore_errors=True)
        shutil.copytree(self.root / "kept", self.root / "house")
        house = self._open()
        try:
            return act(house)
        finally:
            house.close()

    def _open(self) -> House:
        home = self.root / "house"
        return House(home, self.base, self.clips, policy=POLICY, time=self.time)


def _is_wrong(house: House, clip: Clip) -> bool:
    guess = house.guessed(clip).genre
    return guess is None or fold(guess) != fold(clip.genre)


def _labels(house: House) -> set[tuple[str, str]]:
    """What a training would learn from: tracks and their genres."""
    return {(item.fingerprint, item.genre) for item in hearings.labels(house.db, FEATURE_VERSION)}


def _met(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Say what must be, and whether it is."""
    nothing = (
        "files that it was not obeyed for",
        "files that we wrote to since",
        "of these changed",
        "still not answered",
    )
    words = figures["to another genre"] - figures["to what we had written there"]
    one = figures["batches"] == [f"{words} files, a program's"]
    kept = not any(figures[name] for name in nothing)
    mine = figures['labels to learn from after "mine"'] >= words
    no_worse = figures["against without"]["low"] <= 0
    return {
        "must": "all obeyed, none written to since, one batch that teaches nothing until it is"
        ' "mine", the next guesses not worse',
        "met": one and kept and mine and no_worse,
    }


def _more(change: NDArray[np.float64], who: NDArray[np.int64]) -> dict[str, Any]:
    """How many more of 100 files, with a 95 % interval over artists [files]."""
    if not len(change):
        return {"points": 0.0, "low": 0.0, "high": 0.0, "n": 0}
    found = interval(100 * change, who.astype(np.int32))
    return {
        "points": round(found.value, 2),
        "low": round(found.low, 2),
        "high": round(found.high, 2),
        "n": len(change),
    }
