"""What every row of the table works on.

Axes: tracks (all excerpts, short and long), G genres. Rows of figures are made elsewhere.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.hearings import identity
from benchmarks.accuracy.store import Store
from core.learning.base import Excerpts
from core.learning.ensemble.fitting import Recipe
from core.learning.nets.prior import TagLayer
from core.learning.tracks.dataset import Track, embeddings, genres_of, group_numbers

__all__ = ["Bench", "over_folds"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """The heard excerpts, how models are trained on them, and where results are kept."""

    excerpts: Excerpts
    recipe: Recipe
    store: Store
    tags: TagLayer | None = None
    folder: str | None = None  # the backbone's; None: the 135 features alone
    data: Path | None = None  # of the audio; None where the excerpts are made up

    @property
    def tracks(self) -> tuple[Track, ...]:
        """All excerpts."""
        return self.excerpts.tracks

    @property
    def folds(self) -> NDArray[np.int64]:
        """[tracks], apart by artist."""
        return self.excerpts.folds

    @property
    def short(self) -> NDArray[np.bool_]:
        """[tracks]: those of 2 to 3 s, which P1 is about; the others are P2's."""
        return self.excerpts.short

    @cached_property
    def genres(self) -> tuple[str, ...]:
        """In order of name."""
        return genres_of(self.tracks)

    @cached_property
    def truth(self) -> NDArray[np.int64]:
        """[tracks], places in `genres`."""
        return np.array([self.genres.index(track.genre) for track in self.tracks])

    @cached_property
    def groups(self) -> NDArray[np.int32]:
        """[tracks], artists."""
        return group_numbers(self.tracks)

    @cached_property
    def embedding(self) -> NDArray[np.float32] | None:
        """[tracks, 200]; None without a backbone."""
        return embeddings(self.tracks)

    @cached_property
    def identity(self) -> str:
        """A name for all that was heard, for keys of the store."""
        return identity(self.tracks)


def over_folds(folds: NDArray[np.int64]) -> list[int]:
    """Return the numbers of the folds, in order."""
    return [int(fold) for fold in np.unique(folds)]
