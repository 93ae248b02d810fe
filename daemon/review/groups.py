"""Which of the files that we are not sure of can be answered for with one key, and in what order.

Pure: judged files in, groups out, the one that teaches most first. It asks nobody and writes
nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core.taxonomy import fold
from daemon.telling.status import GUESSES, Judged, review_json

__all__ = ["By", "Group", "Guess", "by_album", "group_json", "grouped", "one_by_one"]

PARTS = 3  # an artist's files take at most so many answers
PART = 4  # what is guessed for less than a fourth of an artist's files is no group of its own,
FEW = 5  # nor what is guessed for fewer than this


class By(StrEnum):
    """What the files of a group share."""

    ALBUM = "album"
    ARTIST = "artist"
    COMPOSER = "composer"
    GUESS = "guess"
    FILE = "file"  # it is alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A genre that is offered for a group."""

    genre: str
    confidence: float  # mean over its files
    first: int  # for how many of them it comes first


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Files that one key answers for."""

    by: By
    name: str  # of what they share, as it is tagged
    files: tuple[Judged, ...]

    @property
    def guesses(self) -> tuple[Guess, ...]:
        """The three likeliest genres of the group, the likeliest first."""
        said: dict[str, float] = defaultdict(float)
        names: dict[str, str] = {}
        for item in self.files:
            for genre, confidence in item.verdict.genres if item.verdict else ():
                said[fold(genre)] += confidence
                names.setdefault(fold(genre), genre)
        first = Counter(_first(item) for item in self.files)
        best = sorted(said, key=lambda key: (-said[key], -first[key], key))[:GUESSES]
        count = len(self.files)
        return tuple(
            Guess(genre=names[key], confidence=said[key] / count, first=first[key]) for key in best
        )

    def above(self, parents: Mapping[str, str]) -> Guess | None:
        """Return what the first guess belongs to by *parents* (folded → spelled), if anything.

        It is right wherever one of its kin is. None where it is offered already.
        """
        guesses = self.guesses
        parent = parents.get(fold(guesses[0].genre)) if guesses else None
        if parent is None or fold(parent) in {fold(guess.genre) for guess in guesses}:
            return None
        kin = [
            confidence
            for item in self.files
            for genre, confidence in (item.verdict.genres if item.verdict else ())
            if fold(parent) in (fold(genre), fold(parents.get(fold(genre), "")))
        ]
        return Guess(genre=parent, confidence=sum(kin) / len(self.files), first=0)

    @property
    def worth(self) -> float:
        """How much an answer teaches: for how many files, and how unsure we are of them."""
        return sum(1 - _surest(item) for item in self.files)


def grouped(files: Iterable[Judged]) -> tuple[Group, ...]:
    """Return every file in one group, by artist where it has one, the most informative first.

    An album of several artists stays together; an artist's files are split by what is guessed
    where that differs for many, into three at most. Whoever has no artist goes by composer,
    else by the guess.
    """
    albums, rest = _shared_albums(files)
    artists, rest = _parted(rest, lambda item: item.row.keys.artist)
    composers, rest = _parted(rest, lambda item: item.row.keys.composer)
    guesses, _ = _parted(rest, lambda item: _first(item) or "\0")
    found = [_group(By.ALBUM, _album, items) for items in albums]
    found += [_group(By.ARTIST, _artist, part) for items in artists for part in _by_guess(items)]
    found += [_group(By.COMPOSER, _composer, items) for items in composers]
    found += [_group(By.GUESS, _guess, items) for items in guesses]
    return tuple(sorted(found, key=lambda group: (-group.worth, group.files[0].row.path)))


def by_album(group: Group) -> tuple[Group, ...]:
    """Return the files of *group* by their albums, those without an album each alone."""
    albums, rest = _parted(group.files, lambda item: item.row.keys.album)
    parts = [_group(By.ALBUM, _album, items) for items in albums]
    return (*parts, *one_by_one(rest))


def one_by_one(files: Iterable[Judged]) -> tuple[Group, ...]:
    """Return each file alone."""
    return tuple(_group(By.FILE, _name, [item]) for item in files)


def group_json(group: Group) -> dict[str, Any]:
    """Return one group as `review --json` shows it."""
    return {
        "by": group.by.value,
        "name": group.name,
        "guesses": [
            {"genre": g.genre, "confidence": round(g.confidence, 4), "first": g.first}
            for g in group.guesses
        ],
        "files": [review_json(item) for item in group.files],
    }


def _group(by: By, name: Callable[[Judged], str], items: Sequence[Judged]) -> Group:
    ordered = tuple(sorted(items, key=lambda item: (item.row.album or "", item.row.path)))
    if len(ordered) == 1:
        return Group(by=By.FILE, name=_name(ordered[0]), files=ordered)
    named = Counter(name(item) for item in ordered)
    return Group(by=by, name=named.most_common(1)[0][0], files=ordered)


def _shared_albums(files: Iterable[Judged]) -> tuple[list[list[Judged]], list[Judged]]:
    """The albums whose files are of several artists, and all other files."""
    albums, rest = _parted(files, lambda item: item.row.keys.album)
    shared: list[list[Judged]] = []
    for items in albums:
        if len({item.row.keys.artist for item in items}) > 1:
            shared.append(items)
        else:
            rest += items
    return shared, rest


def _by_guess(items: list[Judged]) -> list[list[Judged]]:
    """An artist's files by what is guessed first, where a guess has its share of them."""
    parts, rest = _parted(items, _first)
    parts.sort(key=lambda part: -len(part))
    enough = max(len(items) // PART, FEW)
    large = [part for part in parts[: PARTS - 1] if len(part) >= enough]
    if not large:
        return [items]
    rest += [item for part in parts[len(large) :] for item in part]
    if len(rest) >= enough:
        return [*large, rest]
    return [[*large[0], *rest], *large[1:]]


def _parted(
    files: Iterable[Judged], key: Callable[[Judged], str]
) -> tuple[list[list[Judged]], list[Judged]]:
    """The files by *key*, and those that have none."""
    parts: dict[str, list[Judged]] = defaultdict(list)
    for item in files:
        parts[key(item)].append(item)
    rest = parts.pop("", [])
    return list(parts.values()), rest


def _first(item: Judged) -> str:
    """The first guess, folded; empty where there is none."""
    return fold(item.verdict.genres[0][0]) if item.verdict and item.verdict.genres else ""


def _surest(item: Judged) -> float:
    return item.verdict.genres[0][1] if item.verdict and item.verdict.genres else 0.0


def _album(item: Judged) -> str:
    return item.row.album or ""


def _artist(item: Judged) -> str:
    return item.row.artist or item.row.album_artist or ""


def _composer(item: Judged) -> str:
    return item.row.composer or ""


def _guess(item: Judged) -> str:
    return item.verdict.genres[0][0] if item.verdict and item.verdict.genres else ""


def _name(item: Judged) -> str:
    return item.row.path.rpartition("/")[2]
