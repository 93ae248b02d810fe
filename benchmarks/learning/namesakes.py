"""Artists of two genres, made of real music: two artists of different genres under one name.

Each file keeps the genre that the collection gives it. No artist of the collection has two
genres, so somebody's second kind of music is here somebody else's. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.learning.library import Clip, Half
from benchmarks.learning.people import ENOUGH, TWO_GENRES, direction

__all__ = ["NEAREST", "WHOEVER", "joined"]

NEAREST, WHOEVER = "nearest", "whoever"
SECOND = 2  # files of the artist that the second kind of music is from


def joined(side: Half, which: str) -> Half:
    """Return *side* where three in ten of the larger artists are two, of different genres.

    The second is the one that sounds most like the first (`NEAREST`), or *whoever* is drawn.
    Both are tagged with the first one's name, and keep their albums apart.
    """
    rng = np.random.default_rng([side.seed, int(side.swapped), 17])
    pairs = _pairs(side.library, rng, which)
    library = tuple(_renamed(clip, pairs.get(clip.who)) for clip in side.library)
    return replace(side, library=library, changed=f" {which}")


def _pairs(clips: Sequence[Clip], rng: np.random.Generator, which: str) -> Mapping[str, str]:
    """Whose name a second artist goes by from now on: second → first."""
    of_each: dict[str, list[Clip]] = {}
    for clip in sorted(clips, key=lambda clip: clip.fingerprint):
        if clip.artist is not None:
            of_each.setdefault(clip.who, []).append(clip)
    free = {who for who, mine in of_each.items() if len(mine) >= SECOND}
    found: dict[str, str] = {}
    for first in sorted(of_each):
        drawn = rng.random() < TWO_GENRES
        if not drawn or first not in free or len(of_each[first]) < ENOUGH:
            continue
        others = [who for who in sorted(free) if of_each[who][0].genre != of_each[first][0].genre]
        if others:
            second = _closest(of_each, first, others) if which == NEAREST else rng.choice(others)
            found[str(second)] = first
            free -= {first, str(second)}
    return found


def _closest(of_each: Mapping[str, Sequence[Clip]], first: str, others: Sequence[str]) -> str:
    def middle(who: str) -> np.ndarray:
        mean = np.mean([direction(clip) for clip in of_each[who]], axis=0)
        return np.asarray(mean / np.linalg.norm(mean))

    here = middle(first)
    return max(others, key=lambda who: float(middle(who) @ here))


def _renamed(clip: Clip, first: str | None) -> Clip:
    if first is None:
        return clip
    album = f"{clip.album} again"
    path = f"/music/{first}/{album}/{clip.fingerprint}.flac"
    return replace(clip, who=first, artist=first, album=album, path=path)
