"""How often is the first guess wrong, and is the promise kept? Counts over what came of each.

Pure. What nobody spoke of is unknown and is counted as such: people correct what is wrong
more often than they confirm what is right, so every share says of which files it is one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.decision.promise import upper_error, worth
from core.library.progress import Followed
from core.taxonomy import fold

__all__ = [
    "Block",
    "Genre",
    "Share",
    "Tally",
    "Written",
    "blocks",
    "by_artist",
    "by_source",
    "per_genre",
    "share",
    "tally",
    "was_right",
    "written",
]

CONFIDENCE = 0.95  # of intervals, two-sided
MOST_BLOCKS = 12
SIZES = (25, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)

Means = Callable[[str], str]  # what a genre's name stands for: equal for one genre


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """*of* files, *hits* among them, and the interval that a share of them has, by artist."""

    hits: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.hits / self.of if self.of else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """First guesses: on how many a person spoke, and how many of these were wrong."""

    files: int
    wrong: Share  # of those that a person named
    silent: int  # written, and nobody changed it or took it back: perhaps right

    @property
    def unknown(self) -> int:
        """Files of which nothing is known at all."""
        return self.files - self.wrong.of - self.silent

    @property
    def at_best(self) -> float | None:
        """The share wrong if all that was left as we wrote it is right; None of nothing."""
        known = self.wrong.of + self.silent
        return self.wrong.hits / known if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some files in the order of their arrival."""

    first: int  # counted from 1
    last: int
    ended: str  # when the last of them arrived
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Genre:
    """One genre, among the tracks that a person named."""

    name: str
    named: int  # that the person gave it
    guessed: int  # first guessed to be it
    right: int  # both


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What we wrote, and what came of it."""

    files: int
    changed: int  # a person said that it is something else
    undone: int  # taken back without a word
    asked: Share  # right among those that a person was asked about unprompted

    @property
    def at_best(self) -> float | None:
        """The share right if all that nobody changed is; None of nothing."""
        return 1 - self.changed / self.files if self.files else None


def was_right(genre: str | None, item: Followed, means: Means = fold) -> bool | None:
    """Say whether *genre* is what the person said of the track; None where nobody can know."""
    if item.named is not None:
        return genre is not None and means(genre) == means(item.named)
    if genre is not None and means(genre) in {means(name) for name in item.refused}:
        return False
    return None


def share(hits: Sequence[bool], artists: Sequence[str]) -> Share:
    """Return the share of *hits* [n], with a Clopper-Pearson interval.

    Of many files by one of *artists* [n] each counts for less (Kish's design effect); nobody
    in particular, "", is another artist each time.
    """
    counted = float(worth(_numbered(artists)).sum())
    held, side = counted * sum(hits) / max(len(hits), 1), (1 + CONFIDENCE) / 2
    return Share(
        hits=sum(hits),
        of=len(hits),
        low=1 - upper_error(counted - held, counted, confidence=side),
        high=upper_error(held, counted, confidence=side),
    )


def tally(items: Iterable[Followed], means: Means = fold) -> Tally:
    """Count first guesses, best guesses and those that were left alone among them."""
    found = [(item, was_right(item.first.genre, item, means)) for item in items]
    known = [(item, right) for item, right in found if right is not None]
    return Tally(
        files=len(found),
        wrong=share([not right for _, right in known], [item.artist for item, _ in known]),
        silent=sum(right is None and _stands(item, means) for item, right in found),
    )


def blocks(items: Sequence[Followed], means: Means = fold) -> tuple[Block, ...]:
    """Return the *items* (in the order of arrival) in at most MOST_BLOCKS equal parts, in turn."""
    size = next((size for size in SIZES if len(items) <= size * MOST_BLOCKS), SIZES[-1])
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    return tuple(
        Block(
            first=number * size + 1,
            last=number * size + len(part),
            ended=part[-1].first.at,
            tally=tally(part, means),
        )
        for number, part in enumerate(parts)
    )


def by_source(items: Iterable[Followed], means: Means = fold) -> dict[str, Tally]:
    """Return the tally of each source of a first guess, the commonest first."""
    sources: dict[str, list[Followed]] = defaultdict(list)
    for item in items:
        sources[item.first.source].append(item)
    order = sorted(sources, key=lambda name: (-len(sources[name]), name))
    return {name: tally(sources[name], means) for name in order}


def by_artist(items: Sequence[Followed], means: Means = fold) -> tuple[Tally, Tally]:
    """Return the tallies of files whose artist nobody had named before, and of the others."""
    new, met = ([item for item in items if item.first.met is known] for known in (False, True))
    return tally(new, means), tally(met, means)


def per_genre(items: Iterable[Followed], means: Means = fold) -> tuple[Genre, ...]:
    """Return each genre among the tracks that a person named, the commonest first."""
    named = [(item.first.genre, item.named) for item in items if item.named is not None]
    spelled = {means(name): name for pair in named for name in pair if name is not None}
    spelled |= {means(said): said for _, said in named}  # as the person writes it
    counts = [
        Genre(
            name=name,
            named=sum(means(said) == key for _, said in named),
            guessed=sum(guess is not None and means(guess) == key for guess, _ in named),
            right=sum(
                guess is not None and means(guess) == means(said) == key for guess, said in named
            ),
        )
        for key, name in spelled.items()
    ]
    return tuple(sorted(counts, key=lambda genre: (-genre.named, genre.name)))


def written(items: Iterable[Followed], means: Means = fold) -> Written:
    """Return what came of those that we wrote."""
    ours = [item for item in items if item.written is not None]
    found = [(item, was_right(item.written, item, means)) for item in ours]
    asked = [(item, right) for item, right in found if item.audited and right is not None]
    return Written(
        files=len(ours),
        changed=sum(right is False for _, right in found),
        undone=sum(right is None and item.undone for item, right in found),
        asked=share([bool(right) for _, right in asked], [item.artist for item, _ in asked]),
    )


def _stands(item: Followed, means: Means) -> bool:
    """Whether the first guess stands in the file as we wrote it."""
    guess, wrote = item.first.genre, item.written
    if guess is None or wrote is None or item.undone:
        return False
    return means(guess) == means(wrote)


def _numbered(artists: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    names: dict[str, int] = {}
    numbers = [
        names.setdefault(name, len(names)) if name else -1 - place
        for place, name in enumerate(artists)
    ]
    return np.array(numbers, dtype=np.int64)
