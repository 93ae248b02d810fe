"""One draw of artists in three parts: the champion's, the user's, and those that tell the truth.

The gate never sees the third part. Models are linear (on the 135 features and on the
embedding), trained by the program's own code; no artist is in two parts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import registry
from core.learning.ensemble.export import Paper, Trained, write_model
from core.learning.ensemble.fitting import Recipe, no_check
from core.learning.figures.evaluate import difference, rights
from core.learning.proving.evidence import says
from core.learning.proving.proof import Remembered
from core.learning.tracks.dataset import Track
from core.learning.train import train
from core.registry import Manifest

__all__ = ["RECIPE", "SOURCE", "Sides", "Word", "dealt", "gain", "remembered", "thinned", "written"]

RECIPE = Recipe(members=0)  # no networks: a challenger then takes seconds
MOST = 4
SOURCE = "backbone"  # the name of the embedding's weights: all hearings here are by the same
Write = Callable[[Trained, Paper, Path], Path]
Ask = Callable[[Manifest, Sequence[Track]], NDArray[np.float64]]
CREATED = "2026-01-01T00:00:00+00:00"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Word:
    """A person's word on a track, as the record gives it."""

    fingerprint: str
    genre: str
    group: str
    features: NDArray[np.float32]
    embedding: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sides:
    """The three parts."""

    base: tuple[Track, ...]
    user: tuple[Track, ...]
    truth: tuple[Track, ...]

    def words(self, count: int | None = None) -> tuple[Word, ...]:
        """What the user says, rightly, of the first *count* of his tracks."""
        return tuple(
            Word(
                fingerprint=track.fingerprint,
                genre=track.genre,
                group=track.group,
                features=track.features,
                embedding=track.embedding,
            )
            for track in self.user[:count]
        )


def dealt(tracks: Sequence[Track], seed: int, shares: tuple[float, float]) -> Sides:
    """Deal the artists of each genre by *seed*: two parts get *shares*, the third what is left.

    Two artists of every genre go to the first part at least, so that it can be learned.
    """
    rng = np.random.default_rng(seed)
    part: dict[str, int] = {}
    for genre in sorted({track.genre for track in tracks}):
        artists = {track.group for track in tracks if track.genre == genre}
        needed = 2 - sum(part.get(name) == 0 for name in artists)  # some play two genres
        names = rng.permutation(sorted(artists - set(part)))
        first, second = (round(share * len(names)) for share in shares)
        ends = np.cumsum([max(needed, first), second])
        for place, name in enumerate(names.tolist()):
            part[name] = int(np.searchsorted(ends, place, side="right"))
    order = rng.permutation(len(tracks))
    shuffled = [replace(tracks[place], copies=()) for place in order]
    base, user, truth = (tuple(t for t in shuffled if part[t.group] == i) for i in range(3))
    return Sides(base=base, user=user, truth=_capped(truth))


def _capped(tracks: Sequence[Track]) -> tuple[Track, ...]:
    """At most MOST tracks of an artist, so that no single one tells the truth."""
    return tuple(track for track in tracks if _turn(track, tracks) < MOST)


def thinned(tracks: Sequence[Track], each: int) -> tuple[Track, ...]:
    """Return *each* tracks of every genre, by as many artists as there are."""
    kept: list[Track] = []
    for genre in sorted({track.genre for track in tracks}):
        mine = [track for track in tracks if track.genre == genre]
        kept += sorted(mine, key=lambda track: _turn(track, mine))[:each]
    return tuple(kept)


def _turn(track: Track, among: Sequence[Track]) -> int:
    """Of how many tracks by its artist it comes after."""
    same = [other.fingerprint for other in among if other.group == track.group]
    return same.index(track.fingerprint)


def written(tracks: Sequence[Track], root: Path, version: str, write: Write = write_model) -> Path:
    """Train a model on *tracks* as the program does and return its folder."""
    made = train(tracks, RECIPE, lambda stage, done, total: None, no_check)
    paper = Paper(
        version=version, created=CREATED, provenance="excerpts", licence="none", backbone=SOURCE
    )
    return write(made, paper, root)


def remembered(words: Sequence[Word]) -> Remembered:
    """What the record would know of *words*."""
    artists: Mapping[str, str] = {word.fingerprint: word.group for word in words}
    return Remembered(artists=artists, words={word.fingerprint: word.genre for word in words})


def gain(
    champion: Path, challenger: Path, truth: Sequence[Track], ask: Ask = says
) -> dict[str, float]:
    """Return how much more often the *challenger* is right on *truth*, with 95 % over artists."""
    old, new = (_right(folder, truth, ask) for folder in (champion, challenger))
    groups = np.unique([track.group for track in truth], return_inverse=True)[1]
    found = difference(old, new, groups)
    return {
        "n": len(truth),
        "champion": float(old.mean()),
        "challenger": float(new.mean()),
        "gain": found.value,
        "low": found.low,
        "high": found.high,
    }


def _right(folder: Path, tracks: Sequence[Track], ask: Ask) -> NDArray[np.float64]:
    model = registry.load(folder)
    known = [track.genre in model.genres for track in tracks]
    places = [model.genres.index(t.genre) if k else 0 for t, k in zip(tracks, known, strict=True)]
    right: NDArray[np.float64] = rights(ask(model, tracks), np.array(places)) * np.array(known)
    return right
