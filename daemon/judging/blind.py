"""What the model says of tracks that people named without having seen a guess.

The promise rests on it, so it must be true after every word; read is only what is new in the
record since it was asked last, however many words there are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np
from sqlite_utils import Database

from core.decision.promise import Cases
from core.decision.testimony import Testimony, met_artists, unprompted
from core.library import batches, evidence, feedback_log, lessons
from core.registry import Manifest

__all__ = ["Answer", "Blind"]

MOST = 1000  # the newest so many say how good it is now; more would hardly narrow the bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The first genre that a model gives a track, and how sure it is that this is right."""

    genre: str
    sure: float


class Blind:
    """The blind answers of one model in this library."""

    def __init__(
        self, db: Database, manifest: Manifest, answer: Callable[[str], Answer | None]
    ) -> None:
        self._db = db
        self._trained = frozenset(manifest.fingerprints)
        self._answer = answer
        self._read = evidence.NOTHING
        self._batches: tuple[int, int, str] | None = None
        self._told: dict[str, Testimony] = {}  # by track, the newest last
        self._answers: dict[str, Answer | None] = {}  # asked for when they are needed
        self._met: set[str] = set()

    def cases(self, same: Callable[[str, str], bool]) -> Cases:
        """Return what it said of artists of whom it had learned no track, by word or by tag.

        *same* says whether two names mean one genre.
        """
        self._read_on()
        known = [
            (item, answer)
            for item, answer in self._newest()
            # "not that" alone says nothing of another genre
            if not item.refused or same(answer.genre, item.refused)
        ]
        artists = {item.artist: number for number, (item, _) in enumerate(known)}
        return Cases(
            sure=np.array([answer.sure for _, answer in known], dtype=np.float64),
            right=np.array([same(a.genre, item.genre) for item, a in known], dtype=bool),
            artist=np.array([artists[item.artist] for item, _ in known], dtype=np.int64),
        )

    def _newest(self) -> list[tuple[Testimony, Answer]]:
        unmet = (item for item in reversed(self._told.values()) if item.artist not in self._met)
        answers = ((item, self._answer_to(item.fingerprint)) for item in unmet)
        known = ((item, answer) for item, answer in answers if answer is not None)
        return list(islice(known, MOST))

    def _answer_to(self, fingerprint: str) -> Answer | None:
        if fingerprint not in self._answers:
            self._answers[fingerprint] = self._answer(fingerprint)
        return self._answers[fingerprint]

    def _read_on(self) -> None:
        newest, weights = evidence.last_voiced(self._db), batches.newest_change(self._db)
        changed = [] if newest == self._read else evidence.voiced_since(self._db, self._read)
        for fingerprint in changed:
            self._answers.pop(fingerprint, None)  # it may have been heard since
        if self._batches != weights:  # words of another weight than before
            self._read_all()
        else:
            for fingerprint in changed:
                self._read_one(fingerprint)
        self._read, self._batches = newest, weights

    def _read_all(self) -> None:
        rows = feedback_log.all_feedback(self._db)
        self._met = met_artists(rows, self._trained) | lessons.groups_of(self._db, self._trained)
        self._told.clear()
        for item in unprompted(rows):
            self._take(item)

    def _read_one(self, fingerprint: str) -> None:
        rows = feedback_log.feedback_of_track(self._db, fingerprint)
        self._met |= met_artists(rows, self._trained)
        self._told.pop(fingerprint, None)
        for item in unprompted(rows):
            self._take(item)

    def _take(self, item: Testimony) -> None:
        if item.fingerprint not in self._trained:
            self._told[item.fingerprint] = item
