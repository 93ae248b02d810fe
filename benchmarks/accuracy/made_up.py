"""Made-up excerpts, on which the whole table runs in seconds: a trial of the code, no figure.

Each genre has a sound and each artist a stronger one of its own, in features and embedding.
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.bench import Bench
from benchmarks.accuracy.store import Store
from core.analysis.backbone import TAGS
from core.learning.base import Excerpts
from core.learning.ensemble.fitting import Recipe
from core.learning.nets.prior import TagLayer
from core.learning.tracks.dataset import Track

__all__ = ["made_up", "quick"]

GENRES = ("Jazz", "Metal", "Rock")
FOLDS = 3
LONG = 3  # segments of a long excerpt


def quick() -> Recipe:
    """Return a recipe that takes no time: linear members alone."""
    return Recipe(members=0, folds=FOLDS, epochs=2)


def made_up(store: Store, recipe: Recipe, *, artists: int = 6, each: int = 2) -> Bench:
    """Return excerpts of *artists* a genre, *each* clips of one, the first of them long too."""
    rng = np.random.default_rng(1)
    tracks, clips, folds, short = [], [], [], []
    for genre in GENRES:
        sound = rng.normal(0, 0.3, 335)
        for artist in range(artists):
            studio = sound + rng.normal(0, 1, 335)
            for number in range(each):
                for segments in (1, LONG) if number == 0 else (1,):
                    name = f"{genre}.{artist}.{number}"
                    tracks.append(_track(rng, f"{name}.{segments}", genre, studio, segments))
                    clips.append(name)
                    folds.append(artist % FOLDS)
                    short.append(segments == 1)
    excerpts = Excerpts(
        tracks=tuple(tracks), clips=np.array(clips), folds=np.array(folds), short=np.array(short)
    )
    return Bench(excerpts=excerpts, recipe=recipe, store=store, tags=_tags(rng))


def _track(
    rng: np.random.Generator, name: str, genre: str, studio: NDArray[np.float64], segments: int
) -> Track:
    heard = (studio + rng.normal(0, 0.5, (segments, 335))).astype(np.float32)
    copy = heard[:, :135] + rng.normal(0, 0.1, (segments, 135)).astype(np.float32)
    return Track(
        fingerprint=name.ljust(32, "0"),
        genre=genre,
        group=name.rpartition(".")[0].rpartition(".")[0],
        features=heard[:, :135],
        embedding=heard[:, 135:].mean(axis=0),
        copies=(copy,),
    )


def _tags(rng: np.random.Generator) -> TagLayer:
    kernel = rng.normal(0, 0.1, (200, len(TAGS))).astype(np.float32)
    return TagLayer(kernel=kernel, bias=np.zeros(len(TAGS), np.float32))
