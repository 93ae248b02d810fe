"""The people of the simulations: what they call their music, what they correct, how it comes.

Pure: a half of the artists and a random number generator in, each file's genre by this
person and the acts of a day out. They see guesses, never the program's inside.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.learning.library import Clip

__all__ = [
    "ENOUGH",
    "PEOPLE",
    "TWO_GENRES",
    "Person",
    "arriving",
    "centres",
    "direction",
    "names",
    "second_genre",
]

Rng = np.random.Generator
Names = dict[str, str]  # fingerprint -> the genre by this person
Naming = Callable[[Sequence[Clip], Rng], Names]

SPLIT, RENAMED, MERGED = 3, 3, 2  # genres; pairs of them
CONTRARY = 0.2  # of the artists
TWO_GENRES = 0.3  # of the artists with at least ENOUGH files
ENOUGH = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with a library."""

    name: str
    fixes: float = 1.0  # of wrong first guesses that they correct
    slips: float = 0.0  # of right ones that they "correct"
    naming: Naming
    by_album: bool = False  # files come an album at a time
    tagger: bool = False  # another program once edits all files that are there
    player: bool = False  # another program puts back what stood there before us
    audits: bool = False  # answers what is asked of writes drawn at random


def as_it_is(clips: Sequence[Clip], rng: Rng) -> Names:
    """Return the collection's own genres."""
    return {clip.fingerprint: clip.genre for clip in clips}


def splitting(clips: Sequence[Clip], rng: Rng) -> Names:
    """Return names by which three genres are split in two, by how the artists sound."""
    found = as_it_is(clips, rng)
    for genre in _some(clips, rng, SPLIT):
        mine = [clip for clip in clips if clip.genre == genre]
        second = _brighter([direction(clip) for clip in mine], [clip.who for clip in mine])
        found |= {c.fingerprint: f"New {genre}" for c, it in zip(mine, second, strict=True) if it}
    return found


def merging(clips: Sequence[Clip], rng: Rng) -> Names:
    """Return names by which two pairs of genres are one each."""
    chosen = _some(clips, rng, 2 * MERGED)
    pairs = dict(zip(chosen[::2], chosen[1::2], strict=True))
    return {clip.fingerprint: pairs.get(clip.genre, clip.genre) for clip in clips}


def renaming(clips: Sequence[Clip], rng: Rng) -> Names:
    """Return names by which three genres are called something else."""
    chosen = _some(clips, rng, RENAMED)
    return {c.fingerprint: f"My {c.genre}" if c.genre in chosen else c.genre for c in clips}


def contrary(clips: Sequence[Clip], rng: Rng) -> Names:
    """Return names by which one artist in five is of another genre than everybody says."""
    genres = sorted({clip.genre for clip in clips})
    artists = sorted({clip.who for clip in clips})
    odd = rng.choice(artists, max(1, round(CONTRARY * len(artists))), replace=False)
    other = {who: genres[int(rng.integers(len(genres)))] for who in odd}
    return {clip.fingerprint: other.get(clip.who, clip.genre) for clip in clips}


def two_genres(clips: Sequence[Clip], rng: Rng) -> Names:
    """Return names by which three in ten of the larger artists have a second genre.

    It is the one whose sound comes closest to theirs, for the half of their files that is closest
    to it.
    """
    found = as_it_is(clips, rng)
    middle = centres(clips)
    for who in sorted({clip.who for clip in clips}):
        mine = [clip for clip in clips if clip.who == who]
        if len(mine) < ENOUGH or rng.random() >= TWO_GENRES:
            continue
        other, near = second_genre(mine, middle)
        for place in np.argsort(-near)[: len(mine) // 2]:
            found[mine[place].fingerprint] = other
    return found


def second_genre(mine: Sequence[Clip], middle: Mapping[str, np.ndarray]) -> tuple[str, np.ndarray]:
    """Return the genre that comes closest to clips of one genre, and how close to each [clips].

    *middle* is where each genre lies, as `centres` gives it.
    """
    near = {
        genre: np.array([direction(clip) @ centre for clip in mine])
        for genre, centre in middle.items()
        if genre != mine[0].genre
    }
    other = max(near, key=lambda genre: float(near[genre].mean()))
    return other, near[other]


def arriving(person: Person, clips: Sequence[Clip]) -> list[list[Clip]]:
    """Return which files come together, in order: each alone, or album by album."""
    if not person.by_album:
        return [[clip] for clip in clips]
    found: dict[tuple[str, str], list[Clip]] = {}
    for clip in clips:
        key = (clip.artist or clip.fingerprint, clip.album or "")
        found.setdefault(key, []).append(clip)
    return list(found.values())


def names(person: Person, clips: Sequence[Clip], seed: Sequence[int]) -> Mapping[str, str]:
    """Return each clip's genre by this *person*, by fingerprint."""
    ordered = sorted(clips, key=lambda clip: clip.fingerprint)
    return person.naming(ordered, np.random.default_rng([*seed, 11]))


def direction(clip: Clip) -> np.ndarray:
    """Return how the clip sounds: a direction [d]."""
    track = clip.track
    heard = track.features.mean(axis=0) if track.embedding is None else track.embedding
    return np.asarray(heard / max(float(np.linalg.norm(heard)), 1e-9))


def centres(clips: Sequence[Clip]) -> dict[str, np.ndarray]:
    """Return where the genres of *clips* lie: the mean direction [d] of each."""
    genres = sorted({clip.genre for clip in clips})
    return {g: np.mean([direction(c) for c in clips if c.genre == g], axis=0) for g in genres}


PEOPLE: Mapping[str, Person] = {
    person.name: person
    for person in (
        Person(name="every error", naming=as_it_is),
        Person(name="30 %", naming=as_it_is, fixes=0.3),
        Person(name="answers audits", naming=as_it_is, audits=True),
        Person(name="splitter", naming=splitting),
        Person(name="merger", naming=merging),
        Person(name="renamer", naming=renaming),
        Person(name="contrarian", naming=contrary),
        Person(name="sloppy", naming=as_it_is, fixes=0.3, slips=0.05),
        Person(name="two genres", naming=two_genres),
        Person(name="album bursts", naming=as_it_is, by_album=True),
        Person(name="album bursts, 30 %", naming=as_it_is, by_album=True, fixes=0.3),
        Person(name="tagger", naming=as_it_is, tagger=True),
        Person(name="player", naming=as_it_is, player=True),
    )
}


def _some(clips: Sequence[Clip], rng: Rng, count: int) -> list[str]:
    """Genres that the library holds, drawn; fewer where it has fewer."""
    genres = sorted({clip.genre for clip in clips})
    count = min(count, len(genres) // 2 * 2 if count > len(genres) else count)
    return [str(genre) for genre in rng.permutation(genres)[:count]]


def _brighter(heard: Sequence[np.ndarray], artists: Sequence[str]) -> list[bool]:
    """Which rows are of the artists beyond the middle of what tells the artists apart most."""
    named = sorted(set(artists))
    means = np.stack(
        [
            np.mean([h for h, who in zip(heard, artists, strict=True) if who == name], axis=0)
            for name in named
        ]
    )
    away = means - means.mean(axis=0)
    along = away @ np.linalg.svd(away, full_matrices=False)[2][0]
    beyond = dict(zip(named, (along > np.median(along)).tolist(), strict=True))
    return [beyond[who] for who in artists]
