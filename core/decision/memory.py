"""What feedback changes at once, without training: this track, its album, its artist.

A read over the record with no state of its own. Authority grows from the acoustic
neighbours over artist and composer to the album, and to the person's word on the track
itself, which is final. Each is shrunk towards what is known without it, so that for
artists with two genres the model decides between them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from core.decision.verdict import GenreConfidence, Verdict
from core.library import evidence, feedback_log
from core.library.evidence import Said, Voiced
from core.library.feedback_log import FeedbackRow
from core.names import Keys
from core.taxonomy import fold

__all__ = [
    "Counts",
    "Evidence",
    "blend",
    "neighbours",
    "on_average",
    "recall",
    "rejected_genres",
    "without",
]

# Tuned in simulation on libraries that no reported figure is about.
KAPPA = 0.4  # how many files of the model's word a person's word weighs against
# Where several genres were said of an artist, how much what is heard in this track decides
# between them: each counts times the model's probability to this power.
LEANING = 0.35
LEAST = 1e-3  # and no genre for less than at this probability
# Cosine distance in which a neighbour's weight falls by e, beyond three times which it is none.
# Of a genre that the model has learned only what sounds nearly the same says more than the model:
# with 200 labels a reach of .2 took 9 of 100 right first genres of unmet artists away, .05 none.
# Of one that it has not, nothing else speaks.
REACH, REACH_OF_LEARNED = 0.2, 0.05
FEW = 1.0  # weight of neighbours that counts as much as all that is known without them
# Our own tag that nobody corrected is a whisper, and so is, by as much as we are sure of it, what
# we guess of a file that we did not write: more would repeat our own mistakes to those who seldom
# correct. What came with the file is a shop's word as often as the person's.
WEIGHT = {"person": 1.0, "arrived": 0.3, "program": 0.15, "ours": 0.3, "guess": 0.3}
# Where a person spoke, they very likely left other guesses of the same kind uncorrected.
UNSAID = 0.25  # what stays of a whisper for a genre that the person did not say
# Where a person's words on an artist differ, those on tracks that sound like this one say more;
# where they do not, those on music of quite another sound say less: of an artist's other genre
# nothing was said yet.
FAR = 0.6  # cosine distance from which on it is another sound; within an artist's .2 to .7
ALIKE = 0.2  # cosine distance beyond that, or beyond the nearest, in which a weight falls by e
STILL = 0.2  # what stays of the farthest
MOST_OF_OURS = 0.36  # of whispers, whatever their number: more, and they believe each other
OUR_OWN = ("ours", "guess")  # these change what is guessed, and never make us surer


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much speaks for genres, and against them: folded genre → weight, 1 a person's word."""

    said: Mapping[str, float] = field(default_factory=dict)
    refused: Mapping[str, float] = field(default_factory=dict)
    guessed: Mapping[str, float] = field(default_factory=dict)  # what we said ourselves, for it

    def __bool__(self) -> bool:
        return bool(self.said or self.refused or self.guessed)

    def whole(self) -> "Counts":
        """Return the same, what we said ourselves taken for said."""
        both = {key: 0.0 for key in (*self.said, *self.guessed)}
        for key in both:
            both[key] = self.said.get(key, 0.0) + self.guessed.get(key, 0.0)
        return replace(self, said=both, guessed={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is said that bears on a track, and how the genres said are spelled."""

    track: str | None = None
    album: Counts = Counts()
    composer: Counts = Counts()
    artist: Counts = Counts()
    neighbours: Counts = Counts()
    spelled: Mapping[str, str] = field(default_factory=dict)


def recall(
    db: Database,
    fingerprint: str,
    keys: Keys,
    *,
    broad: frozenset[str] = frozenset(),
    but: str | None = None,
    heard: NDArray[np.float32] | None = None,
) -> Evidence:
    """Return what the record says of this track, its album, its artist and its composer.

    Words on tracks of quite another sound than this, *heard* so [d], count less; where people's
    words differ, those count most that are of the tracks most like it.

    What merely arrived says nothing where it is one of the *broad* (folded) store genres; nor
    do the tags whose origin is *but*. What we said ourselves of the album counts for the artist,
    and for the album only beside others' words: else it would outvote a word on the artist.
    """
    said = [
        word
        for word in evidence.said_of(db, keys, but=fingerprint)
        if (word.whose == "person" or fold(word.genre) not in broad) and word.whose != but
    ]
    own = _last_word(feedback_log.feedback_of_track(db, fingerprint))
    named = [word for word in said if not word.refused]  # of other albums a refusal says nothing
    alike = _alike(db, heard, named)
    album = _counted((w for w in said if keys.album and w.keys.album == keys.album), alike)
    return Evidence(
        track=own,
        album=album if album.said or not keys.artist else replace(album, guessed={}),
        composer=_counted(
            (w for w in named if keys.composer and w.keys.composer == keys.composer), alike
        ),
        artist=_counted((w for w in named if keys.artist and w.keys.artist == keys.artist), alike),
        spelled={fold(word.genre): word.genre for word in reversed(said)},
    )


def neighbours(
    heard: NDArray[np.float32] | None,
    voiced: Voiced,
    *,
    but: str,
    learned: Container[str] = frozenset(),
) -> tuple[Counts, dict[str, str]]:
    """Return what tracks that sound alike say, and how their genres are spelled.

    *heard* [d] is the track's embedding; a neighbour weighs exp((cosine - 1) / reach), and how
    far it reaches depends on whether the model has *learned* its genre, as spelled.
    """
    if heard is None or not len(voiced.heard) or voiced.heard.shape[1] != len(heard):
        return Counts(), {}
    lengths = np.linalg.norm(voiced.heard, axis=1) * max(float(np.linalg.norm(heard)), 1e-9)
    distance = 1 - voiced.heard @ heard / np.maximum(lengths, 1e-9)
    reach = np.array([REACH_OF_LEARNED if name in learned else REACH for name in voiced.genres])
    closeness = np.where(distance > 3 * reach, 0.0, np.exp(-distance / reach))
    weights = closeness / np.sqrt(voiced.of_one_act)
    said: dict[str, float] = defaultdict(float)
    refused: dict[str, float] = defaultdict(float)
    for place in np.flatnonzero(weights).tolist():
        if voiced.fingerprints[place] != but:
            counts = refused if voiced.refused[place] else said
            counts[fold(voiced.genres[place])] += float(weights[place])
    return Counts(said=dict(said), refused=dict(refused)), {
        fold(genre): genre for genre in dict.fromkeys(voiced.genres)
    }


def rejected_genres(
    db: Database, fingerprint: str, key: Callable[[str], str] = fold
) -> frozenset[str]:
    """Return the genres, by *key*, that a person refused for this track and did not take back."""
    rejected: set[str] = set()
    for row in feedback_log.feedback_of_track(db, fingerprint):
        if row.kind in ("rejection", "correction"):
            rejected |= {key(genre) for genre in row.old}
        rejected -= {key(genre) for genre in row.new}
    return frozenset(rejected)


def on_average(said: Sequence[Evidence]) -> Evidence:
    """Return what bears on tracks that are judged together: of all but their own words, the mean.

    *said* is what bears on each, and not empty.
    """

    def mean(counts: list[Counts]) -> Counts:
        return Counts(
            said=_mean([item.said for item in counts]),
            refused=_mean([item.refused for item in counts]),
            guessed=_mean([item.guessed for item in counts]),
        )

    return Evidence(
        album=mean([item.album for item in said]),
        composer=mean([item.composer for item in said]),
        artist=mean([item.artist for item in said]),
        neighbours=mean([item.neighbours for item in said]),
        spelled={folded: genre for item in said for folded, genre in item.spelled.items()},
    )


def blend(verdict: Verdict, said: Evidence) -> Verdict:
    """Return *verdict* as changed by what is *said*; the closest source speaks last.

    How sure we are of the first genre follows what was said of it, but neither what we said
    ourselves nor what sounds alike makes us surer: that the model has heard already.
    """
    if said.track is not None:
        certain = GenreConfidence(genre=said.track, confidence=1.0)
        settled = replace(verdict, right=None, outside=0.0, suggested=())
        return replace(settled, genres=(certain,), evidence="your word on this track")
    if not verdict.genres:
        return verdict
    names = {**said.spelled, **{fold(item.genre): item.genre for item in verdict.genres}}
    known = {fold(item.genre): item.confidence for item in verdict.genres}
    sure = (
        known if verdict.right is None else {**known, fold(verdict.genres[0].genre): verdict.right}
    )
    heard_in_it = dict(known)
    spoke, outside = verdict.evidence, verdict.outside
    for source, counts in _by_authority(said):
        if counts:
            near = source == "neighbours"
            weight = FEW if near else KAPPA
            if near:
                known = shrunk(known, counts, weight)
                sure = shrunk(sure, replace(counts, said={}), weight)
            else:
                whole = _leaning(counts.whole(), heard_in_it)
                known = shrunk(known, whole, weight)
                sure = _surer(sure, whole, _leaning(counts, heard_in_it))
            outside *= weight / (sum(counts.said.values()) + weight)  # doubted by the model alone
            spoke = f"{source} and model"
    order = sorted(known, key=lambda key: -known[key])
    mixed = tuple(GenreConfidence(genre=names.get(k, k), confidence=known[k]) for k in order)
    right = verdict.right if spoke == verdict.evidence else sure.get(order[0], 0.0)
    heard = replace(verdict, outside=outside, suggested=_but(verdict.suggested, known))
    return replace(heard, genres=mixed, evidence=spoke, right=right)


def _leaning(counts: Counts, heard: Mapping[str, float]) -> Counts:
    """*counts*, of the same weight in all, where the model decides between what was said.

    *heard* is its probability of each genre; one that it has not learned neither gains nor loses.
    """
    tilt = {key: max(heard[key], LEAST) ** LEANING for key in counts.said if key in heard}
    if not tilt or len(counts.said) == 1:
        return counts
    usual = sum(counts.said[key] * tilt[key] for key in tilt) / sum(counts.said[k] for k in tilt)
    leant = {key: weight * tilt.get(key, usual) for key, weight in counts.said.items()}
    scale = sum(counts.said.values()) / sum(leant.values())
    return replace(counts, said={key: weight * scale for key, weight in leant.items()})


def _surer(sure: Mapping[str, float], whole: Counts, others: Counts) -> dict[str, float]:
    """Return how sure of each genre we are after the *whole* of what was said.

    What we said ourselves, and not *others*, only makes us less sure.
    """
    by_all, by_others = (shrunk(sure, each, KAPPA) for each in (whole, others))
    return {key: min(value, by_others.get(key, 0.0)) for key, value in by_all.items()}


def shrunk(known: Mapping[str, float], counts: Counts, kappa: float) -> dict[str, float]:
    """Return p = (n_c + kappa p_known) / (n + kappa), what is refused divided by its weight.

    What is taken from a refused genre goes to no other: to be told what it is not makes us
    no surer of what it is.
    """
    total = sum(counts.said.values()) + kappa
    mixed = {
        key: (counts.said.get(key, 0.0) + kappa * known.get(key, 0.0)) / total
        for key in {**known, **counts.said}
    }
    return {
        key: value * kappa / (kappa + counts.refused.get(key, 0.0)) for key, value in mixed.items()
    }


def without(verdict: Verdict, rejected: frozenset[str]) -> Verdict:
    """Return *verdict* without the folded genres that a person refused for this track.

    What is left keeps its confidence: to be told what it is not makes us no surer.
    """
    kept = _but(verdict.genres, rejected)
    verdict = replace(verdict, suggested=_but(verdict.suggested, rejected))
    if not kept or kept[0] == verdict.best:
        return replace(verdict, genres=kept or verdict.genres)
    return replace(verdict, genres=kept, right=None)


def _but(items: tuple[GenreConfidence, ...], folded: Container[str]) -> tuple[GenreConfidence, ...]:
    """*items* but for those whose genre, folded, is in *folded*."""
    return tuple(item for item in items if fold(item.genre) not in folded)


def _by_authority(said: Evidence) -> tuple[tuple[str, Counts], ...]:
    """The sources from the weakest to the strongest."""
    return (
        ("neighbours", said.neighbours),
        ("artist", said.artist),
        ("composer", said.composer),
        ("album", said.album),
    )


def _mean(weights: Sequence[Mapping[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for each in weights:
        for genre, weight in each.items():
            sums[genre] += weight / len(weights)
    return dict(sums)


def _alike(
    db: Database, heard: NDArray[np.float32] | None, said: Sequence[Said]
) -> dict[str, float]:
    """How much the word on each track counts, by how alike it sounds; {} where no person spoke."""
    spoken = {fold(word.genre) for word in said if word.whose == "person"}
    if heard is None or not spoken:
        return {}
    known = evidence.embeddings_of(db, [word.fingerprint for word in said])
    away = {name: _distance(heard, other) for name, other in known.items()}
    start = FAR if len(spoken) == 1 else min(away.values(), default=0.0)
    return {
        name: STILL + (1 - STILL) * math.exp(min(start - far, 0.0) / ALIKE)
        for name, far in away.items()
    }


def _distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return 1 - float(one @ other) / max(lengths, 1e-9) if len(one) == len(other) else 1.0


def _counted(words: Iterable[Said], alike: Mapping[str, float]) -> Counts:
    """Weigh *words*; n that one act said of one artist count sqrt(n) together.

    More than one, for the person meant all of them; less than n, for it was one thought.
    """
    said: dict[str, float] = defaultdict(float)
    refused: dict[str, float] = defaultdict(float)
    guessed: dict[str, float] = defaultdict(float)
    words = list(words)
    spoken = frozenset(
        fold(word.genre) for word in words if word.whose == "person" and not word.refused
    )
    together = Counter(word.batch for word in words)
    for word in words:
        many = together[word.batch] if word.batch is not None else 1
        weight = _weight(word, spoken) * alike.get(word.fingerprint, 1.0) / math.sqrt(many)
        ours = guessed if word.whose in OUR_OWN else said
        (refused if word.refused else ours)[fold(word.genre)] += weight
    return Counts(said=dict(said), refused=dict(refused), guessed=_at_most(guessed, MOST_OF_OURS))


def _weight(word: Said, spoken: frozenset[str]) -> float:
    """How much a word counts beside what a person has *spoken* of, folded."""
    unsaid = word.whose in OUR_OWN and spoken and fold(word.genre) not in spoken
    return WEIGHT[word.whose] * word.sure * (UNSAID if unsaid else 1.0)


def _at_most(weights: Mapping[str, float], most: float) -> dict[str, float]:
    """*weights* made smaller, in proportion, until they are no more than *most* together."""
    scale = most / max(sum(weights.values()), most)
    return {genre: weight * scale for genre, weight in weights.items()}


def _last_word(rows: list[FeedbackRow]) -> str | None:
    words = [row for row in rows if row.kind != "reversion" and row.whose == "person"]
    if not words or words[-1].kind not in feedback_log.NAMED or not words[-1].new:
        return None
    return words[-1].new[0]
