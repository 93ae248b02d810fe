"""Which genres there are for this person: what a name means, which may be proposed.

Pure: what the record holds and the model learned in, a vocabulary out. It renames what is
said, never what stands in a file, and plays no part in deriving feedback.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from core.decision.memory import Counts, Evidence
from core.decision.verdict import GenreConfidence, Verdict
from core.library.taxonomy import Carried, Change, Named, Relation
from core.taxonomy import fold

__all__ = [
    "LEARNED",
    "SUGGESTED",
    "Need",
    "Rename",
    "Use",
    "Vocabulary",
    "above",
    "as_taught",
    "renames",
    "uses",
    "vocabulary",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """How many tracks by how many artists a name needs."""

    tracks: int
    artists: int


SUGGESTED = Need(tracks=3, artists=2)  # before music of others may be called so, by its sound
LEARNED = Need(tracks=8, artists=3)  # before it gets a place in the network, by night

# A name fades when the person used others so often and for so long, and no file carries it.
# Both, so that neither one evening's work nor a year without music makes names disappear.
FADES_AFTER_WORDS = 200
FADES_AFTER = timedelta(days=180)

RENAMED_TRACKS = 10  # so many had the old name at least
RENAMED_SHARE = 0.9  # and so many of them got one and the same new name


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How a person uses a genre: tracks last named so, their artists, the newest such word."""

    genre: str  # as last spelled
    tracks: int = 0
    artists: int = 0
    last: int = 0
    at: str = ""

    def meets(self, need: Need) -> bool:
        """Say whether there are tracks and artists enough."""
        return self.tracks >= need.tracks and self.artists >= need.artists


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """Nearly all tracks of a genre got one new name: is it called so now?"""

    old: str
    new: str
    tracks: int  # that had the old name
    renamed: int  # of these, that have the new one


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What names mean, and which may be proposed; keys and members are folded."""

    aliases: Mapping[str, str] = field(default_factory=dict)  # → what it means, as spelled
    parents: Mapping[str, str] = field(default_factory=dict)  # → what it belongs to, as spelled
    learned: frozenset[str] = frozenset()  # by the model
    suggested: frozenset[str] = frozenset()  # the person's own, on tracks and artists enough
    faded: frozenset[str] = frozenset()

    def named(self, genre: str) -> str:
        """Return what *genre* is called."""
        return self.aliases.get(fold(genre), genre)

    def key(self, genre: str) -> str:
        """Return the form under which names that mean one genre are equal."""
        return fold(self.named(genre))

    def same(self, one: str, other: str) -> bool:
        """Say whether two names mean one genre."""
        return self.key(one) == self.key(other)

    def ancestors(self, genre: str) -> frozenset[str]:
        """Return the keys of all that *genre* belongs to, near and far."""
        found: set[str] = set()
        key = self.key(genre)
        while key in self.parents and fold(self.parents[key]) not in found:
            key = fold(self.parents[key])
            found.add(key)
        return frozenset(found)

    def verdict(self, verdict: Verdict) -> Verdict:
        """Return *verdict* in the person's names: of those that mean one, the sum."""
        genres = self._joined(verdict.genres)
        right = verdict.right
        if right is not None and genres:
            kept = self.same(verdict.genres[0].genre, genres[0].genre)
            kin = [item for item in verdict.genres[1:] if self.same(item.genre, genres[0].genre)]
            right = _either(right, verdict.genres[0], kin) if kept else None
        suggested = self._joined(verdict.suggested)
        return replace(verdict, genres=genres, suggested=suggested, right=right)

    def evidence(self, said: Evidence, *, imprinted: bool = False) -> Evidence:
        """Return what is *said* in the person's names; neighbours only say what may be proposed.

        Where new names are *imprinted*, they are proposed by that, and neighbours say none.
        """
        near, known = self._counts(said.neighbours), self.learned
        proposed = known if imprinted else known | self.suggested
        may = {key: weight for key, weight in near.said.items() if key in proposed}
        return replace(
            said,
            track=None if said.track is None else self.named(said.track),
            album=self._counts(said.album),
            composer=self._counts(said.composer),
            artist=self._counts(said.artist),
            neighbours=replace(near, said=may),
            spelled={self.key(genre): self.named(genre) for genre in said.spelled.values()},
        )

    def unproven(self, verdict: Verdict, said: Evidence) -> bool:
        """Say whether the first genre is the person's own and nothing but its sound speaks for it.

        No answers of the model to any collection bear on such a name, so no promise covers it,
        unless a person gave it to this track, its album, its artist or its composer.
        """
        if verdict.best is None or said.track is not None:
            return False
        key = self.key(verdict.best.genre)
        spoken = (said.album.said, said.artist.said, said.composer.said)
        return key not in self.learned and not any(counts.get(key) for counts in spoken)

    def _joined(self, items: Sequence[GenreConfidence]) -> tuple[GenreConfidence, ...]:
        total: dict[str, float] = defaultdict(float)
        spelled: dict[str, str] = {}
        for item in items:
            name = self.named(item.genre)
            total[fold(name)] += item.confidence
            spelled.setdefault(fold(name), name)
        order = sorted(total, key=lambda key: -total[key])
        return tuple(GenreConfidence(genre=spelled[key], confidence=total[key]) for key in order)

    def _counts(self, counts: Counts) -> Counts:
        return Counts(
            said=self._summed(counts.said),
            refused=self._summed(counts.refused),
            guessed=self._summed(counts.guessed),
        )

    def _summed(self, weights: Mapping[str, float]) -> dict[str, float]:
        total: dict[str, float] = defaultdict(float)
        for genre, weight in weights.items():
            total[self.key(genre)] += weight
        return dict(total)


def vocabulary(
    relations: Iterable[Relation],
    named: Sequence[Named],
    carried: Iterable[Carried],
    learned: Iterable[str],
) -> Vocabulary:
    """Return the vocabulary of a person under a model that *learned* these genres."""
    known = list(relations)
    aliases = _resolved({fold(r.genre): r.target for r in known if r.relation == "alias"})
    plain = Vocabulary(aliases=aliases)
    parents = {plain.key(r.genre): plain.named(r.target) for r in known if r.relation == "parent"}
    taught = frozenset(plain.key(genre) for genre in learned)
    own = uses(named, plain)
    there = {plain.key(item.genre) for item in carried}
    return Vocabulary(
        aliases=aliases,
        parents=parents,
        learned=taught,
        suggested=frozenset(key for key, use in own.items() if use.meets(SUGGESTED)) - taught,
        faded=_faded({*taught, *own}, own, named) - there,
    )


def uses(named: Iterable[Named], names: Vocabulary) -> dict[str, Use]:
    """Return how the person uses each genre, by its key."""
    words: dict[str, list[Named]] = defaultdict(list)
    for item in named:
        words[names.key(item.genre)].append(item)
    return {key: _use(items, names) for key, items in words.items()}


def as_taught(genre: str, learned: Iterable[str], names: Vocabulary) -> str:
    """Return under which name *genre* is trained: the model's own where that means the same.

    So a new alias makes no new class, and what was learned under the old name stays learned.
    """
    known = list(learned)
    same = [name for name in known if fold(name) == fold(genre)]
    meant = [name for name in known if names.same(name, genre)]
    return next(iter([*same, *meant]), names.named(genre))


def above(verdict: Verdict, parents: Mapping[str, str]) -> GenreConfidence | None:
    """Return the parent of the first genre, and how sure it is; None where it has none.

    The parent is right if the first genre is, or else if one of its kin is.
    """
    best = verdict.best
    parent = parents.get(fold(best.genre)) if best else None
    if best is None or parent is None:
        return None
    kin = [
        item
        for item in verdict.genres[1:]
        if fold(parent) in (fold(item.genre), fold(parents.get(fold(item.genre), "")))
    ]
    return GenreConfidence(genre=parent, confidence=_either(verdict.sure, best, kin))


def renames(
    changes: Iterable[Change],
    names: Vocabulary,
    declined: frozenset[tuple[str, str]] = frozenset(),
) -> tuple[Rename, ...]:
    """Return which genres seem to have got a new name, the most tracks first.

    Not what is called so already, nor what a person *declined* (folded old and new).
    """
    became: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        became[fold(change.old)].append(change)
    found = [_renamed(items) for items in became.values()]
    offered = [
        item
        for item in found
        if item is not None
        and not names.same(item.old, item.new)
        and (fold(item.old), fold(item.new)) not in declined
    ]
    return tuple(sorted(offered, key=lambda item: -item.tracks))


def _either(sure: float, first: GenreConfidence, kin: Iterable[GenreConfidence]) -> float:
    """How sure it is that *first*, itself right with *sure*, or one of its *kin* is right.

    Of the doubt that is left these have the share that the verdict gives them.
    """
    share = sum(item.confidence for item in kin) / max(1 - first.confidence, 1e-9)
    return sure + (1 - sure) * min(1.0, share)


def _renamed(items: Sequence[Change]) -> Rename | None:
    tracks: dict[str, set[str]] = defaultdict(set)
    for item in items:
        tracks[fold(item.new)].add(item.fingerprint)
    every = {item.fingerprint for item in items}
    new = max(tracks, key=lambda key: len(tracks[key]))
    old = fold(items[0].old)
    enough = len(every) >= RENAMED_TRACKS and len(tracks[new]) >= RENAMED_SHARE * len(every)
    if not enough or new in ("", old):
        return None
    spelled = next(item.new for item in items if fold(item.new) == new)
    return Rename(old=items[0].old, new=spelled, tracks=len(every), renamed=len(tracks[new]))


def _use(items: Sequence[Named], names: Vocabulary) -> Use:
    newest = max(items, key=lambda item: item.last)
    return Use(
        genre=names.named(newest.genre),
        tracks=sum(item.tracks for item in items),
        artists=len({item.artist for item in items}),
        last=newest.last,
        at=newest.at,
    )


def _faded(keys: Iterable[str], own: Mapping[str, Use], named: Sequence[Named]) -> frozenset[str]:
    """Which of *keys* the person has not used for long, by the record alone: no clock is read."""
    if not named:
        return frozenset()
    newest = max(named, key=lambda item: item.last)
    first = min(item.at for item in named)
    until = datetime.fromisoformat(newest.at)
    faded = []
    for key in keys:
        use = own.get(key, Use(genre=key, at=first))
        words = sum(item.tracks for item in named if item.last > use.last)
        long_ago = until - datetime.fromisoformat(use.at) >= FADES_AFTER
        if long_ago and words >= FADES_AFTER_WORDS:
            faded.append(key)
    return frozenset(faded)


def _resolved(aliases: Mapping[str, str]) -> dict[str, str]:
    """Return what each alias means in the end: an alias of an alias means what that one means."""
    return {key: _end(aliases, key) for key in aliases}


def _end(aliases: Mapping[str, str], key: str) -> str:
    """Follow *key* to its end; in a circle, which nothing of ours makes, to where it began."""
    seen = {key}
    target = aliases[key]
    while fold(target) in aliases and fold(target) not in seen:
        seen.add(fold(target))
        target = aliases[fold(target)]
    return target
