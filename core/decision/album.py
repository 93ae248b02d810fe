"""The tracks of one album judged together: one genre, from what was heard in all of them.

Pure: verdicts in, one out, or none where they are better judged singly. Says which tracks
are of one album, too. It never asks whether the promise holds, nor what stands in a file.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.decision.promise import KINSHIP
from core.decision.verdict import GenreConfidence, Verdict
from core.names import Keys

__all__ = ["CONFIDENT", "SETTLED", "Album", "album_of", "albums", "pooled"]

Floats = NDArray[np.float64]
Album = tuple[str, str]  # the folder, and the key of the album

# A track that is so sure of one genre, where the others together are so sure of another, shows
# that the album has several. Tuned in simulation on libraries that no reported figure is about.
CONFIDENT = 0.9
SETTLED = 0.7
LEAST = 1e-9  # no genre is ruled out by one track


def album_of(path: str, keys: Keys, by_track: Iterable[str] = ()) -> Album | None:
    """Return the album that the file at *path* is judged with; None where it stands alone.

    So do tracks of no album or of a compilation, and all in the folders *by_track* (absolute)
    or below them.
    """
    folder = path.rpartition("/")[0]
    if not keys.album or any(_lies_in(folder, given.rstrip("/")) for given in by_track):
        return None
    return folder, keys.album


def albums[Item](items: Iterable[Item], album: Callable[[Item], Album | None]) -> list[list[Item]]:
    """Return *items* by album, in the order of each one's first; who has none is alone."""
    found: dict[Album | int, list[Item]] = defaultdict(list)
    for number, item in enumerate(items):
        found[album(item) or number].append(item)
    return list(found.values())


def pooled(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the one verdict on tracks of one album, each with its own, by the same model.

    None where they are judged singly: fewer than two with a genre, or one that is CONFIDENT
    of another genre than the others.
    """
    heard = [verdict for verdict in verdicts if verdict.genres]
    if len(heard) < 2:  # noqa: PLR2004
        return None
    names = [item.genre for item in heard[0].genres]
    each = np.array([_along(verdict, names) for verdict in heard])
    if any(_differs(each, place) for place in range(len(each)) if heard[place].sure >= CONFIDENT):
        return None
    shares = _together(each)
    best = int(shares.argmax())
    return Verdict(
        genres=tuple(
            GenreConfidence(genre=names[place], confidence=float(shares[place]))
            for place in np.argsort(-shares, kind="stable")
        ),
        model_version=heard[0].model_version,
        segments=sum(verdict.segments for verdict in heard),
        evidence=f"model, {len(heard)} tracks of the album together",
        right=_right(heard, each, best),
        outside=float(np.mean([verdict.outside for verdict in heard])),
        suggested=_suggested(heard),
    )


def _lies_in(folder: str, given: str) -> bool:
    return folder == given or folder.startswith(f"{given}/")


def _differs(each: Floats, place: int) -> bool:
    """Say whether the others of *each* [m, G] are sure of another genre than the one at *place*."""
    others = _together(np.delete(each, place, axis=0))
    return bool(others.max() >= SETTLED and others.argmax() != each[place].argmax())


def _along(verdict: Verdict, names: Sequence[str]) -> list[float]:
    said = {item.genre: item.confidence for item in verdict.genres}
    return [said.get(name, 0.0) for name in names]


def _together(each: Floats) -> Floats:
    """The probabilities [G] that the tracks' own [m, G] amount to.

    Log-probabilities are added, each for what a track of so many by one artist is worth:
    what the model mistakes in one it mistakes in the others, too (Kish's design effect).
    """
    logs = np.log(np.maximum(each, LEAST)).sum(axis=0) / (1 + (len(each) - 1) * KINSHIP)
    shares = np.exp(logs - logs.max())
    return np.asarray(shares / shares.sum())


def _right(heard: Sequence[Verdict], each: Floats, best: int) -> float | None:
    """The chance that the genre numbered *best* is right, from each track's own chance.

    Each track's probabilities are first brought to give its own first genre that chance.
    """
    if all(verdict.right is None for verdict in heard):
        return None
    chances = np.array([verdict.sure for verdict in heard])
    first = each.argmax(axis=1)
    rest = np.maximum(1 - each.max(axis=1), LEAST)
    cautious = each * ((1 - chances) / rest)[:, None]
    cautious[np.arange(len(each)), first] = chances
    return float(_together(cautious)[best])


def _suggested(heard: Sequence[Verdict]) -> tuple[GenreConfidence, ...]:
    """What is suggested beyond the learned genres, each as strongly as by all on average."""
    sums: dict[str, float] = defaultdict(float)
    for verdict in heard:
        for item in verdict.suggested:
            sums[item.genre] += item.confidence
    order = sorted(sums, key=lambda genre: -sums[genre])
    return tuple(GenreConfidence(genre=name, confidence=sums[name] / len(heard)) for name in order)
