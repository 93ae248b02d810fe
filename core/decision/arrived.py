"""What the genre tags that a library came with teach: one genre a file, or why none.

Pure. It cleans what shops, rippers and years of tagging left (spellings, joined lists, words
that say nothing, shelves of a store, genres of a handful of files) and deals the rest into
turns, so that however few are heard, each genre and each artist is among them early.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from core.decision.vocabulary import LEARNED
from core.taxonomy import KNOWN, SPOKEN_OF, fold, fold_all, spell

__all__ = ["Dropped", "Lesson", "Tagged", "Taught", "Why", "Wishes", "clean", "in_turn"]

# What joins genres in one value beside ";", which every reader splits at.
JOINTS = (";", "/", "|", "\\", ",", " - ")
SPOKEN = fold_all(
    (
        "Audiobook", "Audiobooks", "Audio Book", "Book", "Books & Spoken", "Hörbuch", "Hörbücher",
        "Hörspiel", "Podcast", "Podcasts", "Speech", "Spoken", "Spoken Word", "Voice Memo",
    )
)  # fmt: skip


class Why(StrEnum):
    """Why a file teaches nothing."""

    OURS = "it is our own tag"
    PROGRAM = "a program wrote it"
    EMPTY = "it has no genre"
    MEANINGLESS = "it says nothing"
    SPOKEN = "it is no music"
    BROAD = "it is too broad"
    RARE = "too few files or artists have it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """A file of the library as tagged."""

    path: str
    genres: tuple[str, ...]  # as read, numbers as names
    artist: str = ""  # a key; "" where nobody in particular made it
    speaks: bool = False  # bears on other music of the artist, as no compilation does
    useless: Why | None = None  # known before its genres are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A file and the one genre that it teaches; *turn* is its place in the order of hearing."""

    path: str
    tagged: tuple[str, ...]
    genre: str
    artist: str = ""
    speaks: bool = False
    turn: int = -1

    @property
    def group(self) -> str:
        """Whose music it counts as: its artist's, else its folder's."""
        return self.artist or self.path.rpartition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A file that teaches nothing; *value* is what stands there, "" for nothing."""

    path: str
    value: str
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What a library teaches, and what not."""

    lessons: tuple[Lesson, ...]
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user and the model in use say of genres."""

    known: tuple[str, ...] = ()  # genres of the model in use, as it spells them
    empty: tuple[str, ...] = ()  # values that mean nothing
    broad: tuple[str, ...] = ()  # shelves of a store
    spelled: Mapping[str, str] = field(default_factory=dict)  # folded → as the user writes it
    aliases: Mapping[str, str] = field(default_factory=dict)  # folded → what it means


def clean(library: Sequence[Tagged], wishes: Wishes) -> Taught:
    """Return what the files of *library* teach, each the first genre of its own that is left.

    A genre that the model in use does not know needs 8 files of 3 artists. Joined values are
    taken apart where all parts are genres by themselves, in this library or to us: "Rock/Pop",
    but not "Duo Cello/Klavier". Else the first part is taught where the model in use knows it:
    "Jazz, Bebop" is Jazz, and a list never becomes a genre by being common.
    """
    sieve = _sieve(library, wishes)
    found = [_lesson(file, sieve) for file in library]
    known = fold_all(wishes.known)
    lessons = [_led(item, known) for item in found if isinstance(item, Lesson)]
    frequent, spelled = _frequent(lessons, wishes), _spellings(lessons, wishes)
    kept = [item for item in lessons if fold(item.genre) in frequent]
    rare = [item for item in lessons if fold(item.genre) not in frequent]
    return Taught(
        lessons=tuple(replace(item, genre=spelled[fold(item.genre)]) for item in kept),
        dropped=(
            *(item for item in found if isinstance(item, Dropped)),
            *(Dropped(path=item.path, value=item.genre, why=Why.RARE) for item in rare),
        ),
    )


def in_turn(lessons: Sequence[Lesson], seed: int) -> tuple[Lesson, ...]:
    """Return *lessons* in the order in which they are heard, by chance only among equals.

    The genres take turns; within a genre each artist is heard once before any is again.
    """
    chance = np.random.default_rng(seed).permutation(len(lessons))
    by_name = sorted(lessons, key=lambda item: item.path)  # whatever order the disk has them in
    shuffled = [by_name[place] for place in chance]
    again = _ranks([(fold(item.genre), item.group) for item in shuffled])
    once = [item for _, item in sorted(zip(again, shuffled, strict=True), key=lambda pair: pair[0])]
    turns = _ranks([(fold(item.genre),) for item in once])
    order = sorted(zip(turns, once, strict=True), key=lambda pair: pair[0])
    return tuple(replace(item, turn=turn) for turn, (_, item) in enumerate(order))


def _ranks(keys: Sequence[tuple[str, ...]]) -> list[int]:
    """How often each key stood there before."""
    seen: Counter[tuple[str, ...]] = Counter()
    ranks = []
    for key in keys:
        ranks.append(seen[key])
        seen[key] += 1
    return ranks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sieve:
    """What is let through, all folded."""

    words: frozenset[str]  # genres that stand by themselves here, and those that we know
    empty: frozenset[str]
    broad: frozenset[str]
    aliases: Mapping[str, str]


def _sieve(library: Iterable[Tagged], wishes: Wishes) -> _Sieve:
    alone = fold_all(genre for file in library for genre in file.genres if not _is_joined(genre))
    ours = fold_all((*wishes.known, *KNOWN, *SPOKEN_OF, *wishes.broad, *wishes.empty))
    return _Sieve(
        words=alone | ours | frozenset(wishes.aliases),
        empty=fold_all(wishes.empty),
        broad=fold_all(wishes.broad),
        aliases=wishes.aliases,
    )


def _is_joined(genre: str) -> bool:
    return any(joint in genre for joint in JOINTS)


def _lesson(file: Tagged, sieve: _Sieve) -> Lesson | Dropped:
    """What *file* teaches: the first of its genres that tells anything, else why none does."""
    if file.useless is not None:
        return Dropped(path=file.path, value="; ".join(file.genres), why=file.useless)
    first: Dropped | None = None
    for part in (part for value in file.genres for part in _parts(value, sieve.words)):
        why = _useless(part, sieve)
        if why is None:
            genre = sieve.aliases.get(fold(part), part)
            return Lesson(
                path=file.path,
                tagged=file.genres,
                genre=genre,
                artist=file.artist,
                speaks=file.speaks,
            )
        first = first or Dropped(path=file.path, value=part, why=why)
    return first or Dropped(path=file.path, value="", why=Why.EMPTY)


def _parts(value: str, words: Collection[str]) -> list[str]:
    """*value* taken apart at the first joint where each part is one of *words*, else whole."""
    if fold(value) in words:
        return [value.strip()]
    for joint in JOINTS:
        parts = [part.strip() for part in value.split(joint) if part.strip()]
        if len(parts) > 1 and all(fold(part) in words for part in parts):
            return parts
    return [value.strip()]


def _useless(value: str, sieve: _Sieve) -> Why | None:
    folded = fold(value)
    if not any(letter.isalpha() for letter in folded) or folded in sieve.empty:
        return Why.MEANINGLESS
    if folded in SPOKEN:
        return Why.SPOKEN
    return Why.BROAD if folded in sieve.broad else None


def _frequent(lessons: Iterable[Lesson], wishes: Wishes) -> frozenset[str]:
    """The folded genres that the model knows, or that enough files of enough artists have."""
    files: Counter[str] = Counter()
    artists: dict[str, set[str]] = defaultdict(set)
    for item in lessons:
        files[fold(item.genre)] += 1
        artists[fold(item.genre)].add(item.group)
    enough = (g for g in files if files[g] >= LEARNED.tracks and len(artists[g]) >= LEARNED.artists)
    return fold_all(wishes.known) | frozenset(enough)


def _led(item: Lesson, known: Collection[str]) -> Lesson:
    """Let a joined value stand for its first part where that is one of the genres *known*."""
    if fold(item.genre) in known:
        return item
    heads = (item.genre.partition(joint)[0].strip() for joint in JOINTS if joint in item.genre)
    first = next((head for head in heads if fold(head) in known), item.genre)
    return replace(item, genre=first)


def _spellings(lessons: Iterable[Lesson], wishes: Wishes) -> dict[str, str]:
    """How each folded genre is written: by the user, else by the model, else mostly here."""
    common = Counter(item.genre for item in lessons)
    here: dict[str, str] = {}
    for genre, _ in sorted(common.items(), key=lambda pair: (-pair[1], pair[0])):
        here.setdefault(fold(genre), genre)
    model = {fold(genre): genre for genre in wishes.known}
    return {
        folded: spell(model.get(folded, genre), wishes.spelled) for folded, genre in here.items()
    }
