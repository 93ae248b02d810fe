"""From which sureness on is a genre written, so that the promised share of them is right?

Pure. Cases in (how sure, was it right, whose), a threshold and its evidence out. It never
asks where a case comes from; that none was picked by its answer is for others to see to.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CONFIDENCE",
    "Cases",
    "Footing",
    "Promise",
    "Source",
    "contradicted",
    "footing",
    "joined",
    "promise",
    "promised_before",
    "start_of",
    "upper_error",
    "worth",
]

CONFIDENCE = 0.9  # with which the promise holds at the threshold

# Shares of the cases answered, from the surest few to all: fixed before any answer is looked
# at. The first is no smaller, since a test of so few can forgive no error at all, and one
# contestable label in ten is the rule in such collections.
COVERAGES = (0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

# How much errors within an artist go together. Measured on out-of-fold words of 2-3 s
# excerpts it is .1 to .3 over all, up to .5 among the surest (one-way ANOVA, five folds).
KINSHIP = 0.5

# Away from the collection that a model was measured on, errors were about twice as many, at
# high confidence too; so at first a file may be in only half as much doubt.
CAUTION = 0.5

OWN = 52  # answers of the library's own that take the place of the start, whatever they say:
# so many can forgive two errors at .9, so that one bad file stops nothing

PRECISE = 1e-10  # of the bound on an error rate
STEPS = 300  # of the continued fraction, far more than it ever takes


class Source(StrEnum):
    """What a threshold rests on."""

    BASE = "base"  # the collection that the model was measured on, with caution
    LIBRARY = "your library"
    NONE = "none"  # not enough evidence yet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cases:
    """Answers that the model gave blind, each with whether it was right."""

    sure: NDArray[np.float64]  # [n], in [0, 1]
    right: NDArray[np.bool_]  # [n]
    artist: NDArray[np.int64]  # [n], equal for one artist's

    def __len__(self) -> int:
        """The number of cases."""
        return len(self.sure)

    def only(self, kept: NDArray[np.bool_]) -> "Cases":
        """Return those that are *kept* [n]."""
        return Cases(sure=self.sure[kept], right=self.right[kept], artist=self.artist[kept])


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The sureness from which a promise holds, and the evidence for it.

    *n*, *artists*, *realised* and *upper* are of the answers at the threshold, or without
    one, of the last set that was tested.
    """

    precision: float  # what was promised
    threshold: float | None  # None: not enough evidence
    coverage: float  # share of the cases answered at the threshold, 0 without one
    n: int
    artists: int
    realised: float | None  # share of them that was right; None of none
    worth: float  # independent tracks that they are worth
    upper: float  # bound on the error rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What decides about writing, and why: the threshold, and the evidence behind it."""

    source: Source
    threshold: float | None  # of what is written; None: nothing is
    evidence: Promise  # of the library's own where it decides or would have to, else the base's
    own: int = 0  # blind answers of the library, in all


def joined(first: Cases, second: Cases) -> Cases:
    """Return the cases of both, who share no artist."""
    away = int(first.artist.max(initial=-1)) + 1
    return Cases(
        sure=np.concatenate([first.sure, second.sure]),
        right=np.concatenate([first.right, second.right]),
        artist=np.concatenate([first.artist, second.artist + away]),
    )


def promise(cases: Cases, precision: float, *, confidence: float = CONFIDENCE) -> Promise:
    """Return the lowest threshold at which *precision* holds with *confidence*.

    Geifman & El-Yaniv 2017, tested in a fixed order from strict to loose until one fails, so
    testing several costs nothing. The first one tested is the first with enough cases to
    pass at all, 22 for .9 at .9.
    """
    last = _nothing(precision)
    kept: Promise | None = None
    needed = math.log(1 - confidence) / math.log(precision)
    for coverage in COVERAGES if len(cases) else ():
        threshold = float(np.quantile(cases.sure, 1 - coverage))
        last = _tested(cases, threshold, precision, confidence)
        if last.worth < needed:
            continue  # could not pass whatever the answers are, so nothing was tested
        if last.upper > 1 - precision:
            break
        kept = last
    return kept or replace(last, threshold=None, coverage=0.0)


def footing(collection: Promise, library: Cases, precision: float) -> Footing:
    """Return on what the promise stands in this library.

    *collection* is what the model's own collection gives. That counts as a start only, with
    CAUTION, until the *library* has evidence of its own, or contradicts it.
    """
    own, count = promise(library, precision), len(library)
    if own.threshold is not None:
        return Footing(source=Source.LIBRARY, threshold=own.threshold, evidence=own, own=count)
    nothing = Footing(source=Source.NONE, threshold=None, evidence=own, own=count)
    if collection.threshold is None:
        return nothing if count else replace(nothing, evidence=collection)
    start = start_of(collection.threshold)
    counted, _ = _counted(library, library.sure >= start)
    if counted >= OWN or contradicted(library, start, precision):
        return nothing
    return Footing(source=Source.BASE, threshold=start, evidence=collection, own=count)


def start_of(threshold: float) -> float:
    """Return the threshold to start with in an unknown library, by that of the collection."""
    return 1 - (1 - threshold) * CAUTION


def promised_before(threshold: float | None, promised: float, precision: float) -> Promise:
    """Return the promise of a model that tells its *threshold* for *promised* and no cases."""
    kept = threshold if promised >= precision else None
    return replace(_nothing(precision), threshold=kept)


def contradicted(cases: Cases, threshold: float, precision: float) -> bool:
    """Say whether *cases* speak against *precision* at *threshold*, with CONFIDENCE."""
    counted, errors = _counted(cases, cases.sure >= threshold)
    return 1 - upper_error(counted - errors, counted, confidence=CONFIDENCE) > 1 - precision


def worth(artist: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return what each track [n] is worth, so that one artist's many do not count in full.

    Of m tracks by one artist each is worth 1 / (1 + (m - 1) * KINSHIP): the sum is the
    number of independent tracks that would say as much (Kish's design effect).
    """
    _, index, count = np.unique(artist, return_inverse=True, return_counts=True)
    each: NDArray[np.float64] = 1 / (1 + (count[index] - 1.0) * KINSHIP)
    return each


def upper_error(errors: float, n: float, *, confidence: float) -> float:
    """Clopper-Pearson upper bound on an error rate after *errors* in *n*; 1 for n = 0.

    Fractions are allowed: the bound is a quantile of Beta(errors + 1, n - errors).
    """
    if n <= 0 or errors >= n:
        return 1.0
    low, high = 0.0, 1.0
    while high - low > PRECISE:
        middle = (low + high) / 2
        below = _beta_share(middle, errors + 1, n - errors)
        low, high = (middle, high) if below < confidence else (low, middle)
    return high


def _tested(cases: Cases, threshold: float, precision: float, confidence: float) -> Promise:
    answered = cases.sure >= threshold
    counted, errors = _counted(cases, answered)
    return Promise(
        precision=precision,
        threshold=threshold,
        coverage=float(answered.mean()),
        n=int(answered.sum()),
        artists=len(np.unique(cases.artist[answered])),
        realised=float(cases.right[answered].mean()),
        worth=counted,
        upper=upper_error(errors, counted, confidence=confidence),
    )


def _counted(cases: Cases, answered: NDArray[np.bool_]) -> tuple[float, float]:
    """Return what the *answered* are worth in all, and the errors among them likewise."""
    each = worth(cases.artist[answered])
    return float(each.sum()), float(each[~cases.right[answered]].sum())


def _nothing(precision: float) -> Promise:
    return Promise(
        precision=precision,
        threshold=None,
        coverage=0.0,
        n=0,
        artists=0,
        realised=None,
        worth=0.0,
        upper=1.0,
    )


def _beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, P(Beta(a, b) < x), for 0 < x < 1."""
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side only
        return 1 - _beta_share(1 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front += a * math.log(x) + b * math.log1p(-x)
    return math.exp(front) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """Its continued fraction by Lentz's method (DLMF 8.17.22)."""
    down = 1 / (1 - (a + b) * x / (a + 1))
    up, result = 1.0, down
    for m in range(1, STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            down, up = 1 / (1 + term * down), 1 + term / up
            result *= up * down
        if abs(up * down - 1) < PRECISE:
            break
    return result
