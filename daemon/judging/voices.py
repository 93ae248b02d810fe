"""The tracks with a person's word, as heard, at hand for whoever sounds like them.

Read once and then word by word, so that a retag is in force for the next file however many
there are.
"""

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from core.library import batches, evidence
from core.library.evidence import Voiced

__all__ = ["Voices"]


class Voices:
    """What the record holds of them, kept up to date."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._batches: tuple[int, int, str] | None = None
        self._read = evidence.NOTHING
        self._voiced: Voiced | None = None

    def all(self) -> Voiced:
        """Return them as they are now; another track that was heard costs no reading."""
        newest, weights = evidence.last_voiced(self._db), batches.newest_change(self._db)
        if self._voiced is None or self._batches != weights:
            self._voiced = evidence.voiced(self._db)
        elif newest != self._read:
            changed = evidence.voiced_since(self._db, self._read)
            self._voiced = _replaced(self._voiced, evidence.voiced(self._db, changed), set(changed))
        self._read, self._batches = newest, weights
        return self._voiced


def _replaced(before: Voiced, fresh: Voiced, changed: set[str]) -> Voiced:
    """*before* but for the *changed* tracks, and what is *fresh* of these."""
    kept = [n for n, name in enumerate(before.fingerprints) if name not in changed]
    return Voiced(
        fingerprints=(*(before.fingerprints[n] for n in kept), *fresh.fingerprints),
        genres=(*(before.genres[n] for n in kept), *fresh.genres),
        refused=(*(before.refused[n] for n in kept), *fresh.refused),
        heard=_stacked(before.heard[kept], fresh.heard),
        of_one_act=np.concatenate([before.of_one_act[kept], fresh.of_one_act]),
    )


def _stacked(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Both [n, d], of which either may be empty and know no d."""
    return np.concatenate([rows for rows in (first, second) if len(rows)] or [first])
