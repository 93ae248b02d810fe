"""The gate: may the challenger take the champion's place?

Pure: both models' predictions on the same held-out tracks in, a decision with its reasons
out. A prediction on a track that its model was trained on is no evidence, and a champion
that does not say what it was trained on cannot be compared. It never repairs evidence.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.errors import TrainingError
from core.learning.figures import evaluate, measures

__all__ = [
    "Decision",
    "Evidence",
    "Outcome",
    "Said",
    "against_finished",
    "compare",
    "loss_by_chance",
    "require_unseen",
    "with_more_against",
]

MARGIN = 0.03  # how much worse the truth may be when chance is allowed for (one-sided 95 %)
MIN_TRACKS = 30  # fewer say nothing either way
F1_MARGIN = 0.03
CALIBRATION_MARGIN = 0.02
GENRE_TRACKS, GENRE_MARGIN = 20, 0.10  # a genre with so many tracks may not lose more
FEW_TRACKS, KNOWN = 5, 0.25  # of what it was trained on, a finished model knows more than that
DOUBT = 0.1  # a loss that chance alone brings more often than this is no loss


class Outcome(StrEnum):
    """What came of a night."""

    PROMOTED = "promoted"
    REFUSED = "refused"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Said:
    """What one model says of the evidence: probabilities [tracks, its genres]."""

    genres: tuple[str, ...]
    probabilities: NDArray[np.float64]

    def over(self, genres: Sequence[str]) -> NDArray[np.float64]:
        """[tracks, G]: the same over *genres*; a genre that the model lacks gets nothing."""
        spread = np.zeros((len(self.probabilities), len(genres)))
        for column, genre in enumerate(self.genres):
            if genre in genres:
                spread[:, list(genres).index(genre)] = self.probabilities[:, column]
        return spread


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Tracks that neither model was trained on when it spoke of them."""

    truth: tuple[str, ...]  # [tracks], what people say or the collection's labels
    groups: NDArray[np.int32]  # [tracks], artists
    labelled: NDArray[np.bool_]  # [tracks], whether this user said it
    newest: NDArray[np.bool_]  # [tracks], said since the champion was trained
    champion: Said
    challenger: Said
    arrived: NDArray[np.bool_] | None = None  # [tracks], whether a library's tags say it
    answers: NDArray[np.bool_] | None = None  # [tracks], named because of what a model had said
    deployed: NDArray[np.float64] | None = None  # the challenger's, as sure as it was written


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Promoted or refused, the reasons in words, and the figures they rest on."""

    outcome: Outcome
    reasons: tuple[str, ...]
    figures: dict[str, float]


def require_unseen(
    scored: Sequence[str], trained_on: Collection[str] | None, out_of_fold: Collection[str]
) -> None:
    """Raise TrainingError if a model was trained on a *scored* fingerprint.

    A track it was trained on counts when its prediction is out of fold. *trained_on* None
    means that the manifest has no list: then nothing can be said.
    """
    if not trained_on:
        raise TrainingError(
            "the model does not say which tracks it was trained on, so it cannot be compared",
            remedy="rebuild it, or go back to a model that does",
        )
    known = set(trained_on) - set(out_of_fold)
    seen = sum(fingerprint in known for fingerprint in scored)
    if seen:
        raise TrainingError(
            f"the model was trained on {seen} of the tracks it would be judged by",
            remedy="judge it by other tracks",
        )


def compare(evidence: Evidence) -> Decision:
    """Decide: the challenger goes live only if it is not worse than the champion.

    A genre that the champion lacks is one that it gets wrong, so a new one is worth what it
    brings. Over all tracks the challenger may not be worse by more than 3 points with chance
    allowed for, nor in macro-F1; and it may lose no more than chance explains in calibration,
    in a well-filled genre, on what this user said, and where nothing can make good a loss: on
    genres that both know, and on tracks that nobody named because the champion was wrong.
    """
    if len(evidence.truth) < MIN_TRACKS:
        count = len(evidence.truth)
        reason = f"{count} held-out tracks are too few to compare ({MIN_TRACKS} are needed)"
        return Decision(outcome=Outcome.REFUSED, reasons=(reason,), figures={})
    held = _held(evidence)
    figures = _overall(held)
    for name, some in (("labels", evidence.labelled), ("newest", evidence.newest)):
        figures |= _of_these(name, held.was[some], held.now[some], held.groups[some])
    against = [*_against(figures), *_against_parts(held), *_against_genres(held)]
    if against:
        return Decision(outcome=Outcome.REFUSED, reasons=tuple(against), figures=figures)
    return Decision(outcome=Outcome.PROMOTED, reasons=(_praise(figures),), figures=figures)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Held:
    """Both models' words [n, G] over the genres of both, beside the truth [n]."""

    genres: tuple[str, ...]
    truth: NDArray[np.int64]
    groups: NDArray[np.int32]
    old: NDArray[np.float64]
    new: NDArray[np.float64]
    written: NDArray[np.float64]  # the challenger's, as sure as its folder makes it
    known: NDArray[np.bool_]  # [G], to both
    unasked: NDArray[np.bool_]  # [n], not named because of what the champion had said

    @property
    def was(self) -> NDArray[np.bool_]:
        """[n], where the champion is right."""
        return np.asarray(self.old.argmax(axis=1) == self.truth)

    @property
    def now(self) -> NDArray[np.bool_]:
        """[n], where the challenger is."""
        return np.asarray(self.new.argmax(axis=1) == self.truth)


def _held(evidence: Evidence) -> _Held:
    both = {*evidence.champion.genres} & {*evidence.challenger.genres}
    genres = tuple(sorted({*evidence.champion.genres, *evidence.challenger.genres}))
    new, answers = evidence.challenger, evidence.answers
    written = new if evidence.deployed is None else replace(new, probabilities=evidence.deployed)
    return _Held(
        genres=genres,
        truth=np.array([genres.index(genre) for genre in evidence.truth]),
        groups=evidence.groups,
        old=evidence.champion.over(genres),
        new=new.over(genres),
        written=written.over(genres),
        known=np.array([genre in both for genre in genres]),
        unasked=np.ones(len(evidence.truth), dtype=bool) if answers is None else ~answers,
    )


def _overall(held: _Held) -> dict[str, float]:
    gain, low, _ = evaluate.paired_gain(held.was, held.now, held.groups)
    counts = evaluate.artist_counts(held.groups)
    honest = [
        evaluate.calibration_change(held.old, words, held.truth, held.groups)
        for words in (held.new, held.written)
    ]
    excess, chance = max(honest, key=lambda told: (_is_dishonest(*told), told[0]))
    return {
        "tracks": float(len(held.truth)),
        "artists": float(len(np.unique(held.groups))),
        "champion_accuracy": float(np.average(held.was, weights=counts)),
        "challenger_accuracy": float(np.average(held.now, weights=counts)),
        "gain": gain,
        "gain_low": low,
        "macro_f1_gain": _mean_f1(held, held.new) - _mean_f1(held, held.old),
        "calibration_error_gain": excess,
        "calibration_error_by_chance": chance,
    }


def _mean_f1(held: _Held, words: NDArray[np.float64]) -> float:
    """Of *words* [n, G], over the genres that both know; 0 where there are none."""
    if not held.known[held.truth].any():
        return 0.0
    given = measures.answers(words, held.truth)
    weights = evaluate.artist_counts(held.groups)[given.order]
    some = replace(given, truth=given.truth * held.known)
    return float(measures.macro_f1(some, weights[None, :])[0])


def _of_these(
    name: str, was: NDArray[np.bool_], now: NDArray[np.bool_], groups: NDArray[np.int32]
) -> dict[str, float]:
    return {
        name: float(len(was)),
        f"{name}_right_champion": float(was.sum()),
        f"{name}_right_challenger": float(now.sum()),
        f"{name}_loss_by_chance": loss_by_chance(was, now, groups),
    }


def loss_by_chance(
    was: NDArray[np.bool_], now: NDArray[np.bool_], groups: NDArray[np.int32]
) -> float:
    """Return how often chance alone loses as much: McNemar's test, one-sided, mid-p, by artist.

    *was* and *now* [tracks] say which answers were right. An artist of *groups* [tracks] lost
    where more of his were right before: his tracks stand or fall together, so that each
    counted alone would see a loss in every second change. Fagerland et al. 2013.
    """
    _, index = np.unique(groups, return_inverse=True)
    change = np.bincount(index, now.astype(float) - was)
    lost, won = int(np.sum(change < 0)), int(np.sum(change > 0))
    ways = [math.comb(lost + won, k) for k in range(lost, lost + won + 1)]
    return float((sum(ways) - ways[0] / 2) / 2 ** (lost + won))


def _against(figures: dict[str, float]) -> list[str]:
    against = []
    if figures["gain_low"] < -MARGIN:
        against.append(
            f"on {figures['tracks']:.0f} held-out tracks it is right {_often(figures['gain'])},"
            f" and with chance allowed for perhaps {_often(figures['gain_low'])}"
            f" (at most {100 * MARGIN:.0f} less are let through)"
        )
    for name, since in (("labels", ""), ("newest", " since the last training")):
        if figures[f"{name}_loss_by_chance"] < DOUBT:
            against.append(
                f"of {figures[name]:.0f} tracks that you labelled{since} it gets"
                f" {figures[f'{name}_right_challenger']:.0f} right, the one in use"
                f" {figures[f'{name}_right_champion']:.0f}"
            )
    if figures["macro_f1_gain"] < -F1_MARGIN:
        against.append(f"its mean F1 over the genres changes by {figures['macro_f1_gain']:+.3f}")
    change = figures["calibration_error_gain"]
    if _is_dishonest(change, figures["calibration_error_by_chance"]):
        against.append(f"its confidences are less honest (calibration error {change:+.3f})")
    return against


def _is_dishonest(excess: float, by_chance: float) -> bool:
    """Whether so large an *excess* of calibration error is more than chance makes."""
    return excess > CALIBRATION_MARGIN and by_chance < DOUBT


def _often(gain: float) -> str:
    """A change of accuracy as people say it."""
    return f"{100 * abs(gain):.1f} points {'more' if gain > 0 else 'less'} often"


def _against_parts(held: _Held) -> list[str]:
    """What was lost where neither a new genre nor a corrected error can make it good."""
    parts = {
        "of genres that the one in use knows, too,": held.known[held.truth],
        "that answer no word of ours": held.unasked,
    }
    against = []
    for which, mine in parts.items():
        if not mine.any():
            continue
        right = held.was[mine], held.now[mine], held.groups[mine]
        gain, _, _ = evaluate.paired_gain(*right)
        if gain < -MARGIN and loss_by_chance(*right) < DOUBT:
            against.append(f"on the {mine.sum()} tracks {which} it is right {_often(gain)}")
    return against


def _against_genres(held: _Held) -> list[str]:
    """What was lost in the genres that are filled well, each doubted for there being others."""
    parts = {
        genre: held.truth == number
        for number, genre in enumerate(held.genres)
        if held.known[number] and np.sum(held.truth == number) >= GENRE_TRACKS
    }
    against = []
    for genre, mine in parts.items():
        lost = float(held.was[mine].mean() - held.now[mine].mean())
        chance = loss_by_chance(held.was[mine], held.now[mine], held.groups[mine])
        if lost > GENRE_MARGIN and chance < DOUBT / len(parts):
            against.append(f"it finds {lost:.0%} less of the {genre} tracks")
    return against


def _praise(figures: dict[str, float]) -> str:
    return (
        f"right on {figures['challenger_accuracy']:.1%} of {figures['tracks']:.0f} held-out tracks"
        f" by {figures['artists']:.0f} artists (n of one count as √n), the one before on"
        f" {figures['champion_accuracy']:.1%}: {figures['gain']:+.1%}, and with chance allowed for"
        f" at least {figures['gain_low']:+.1%} ({-MARGIN:+.0%} is let through)"
    )


def against_finished(
    finished: NDArray[np.float64],
    unheard: NDArray[np.float64],
    truth: NDArray[np.int64],
    genres: Sequence[str],
) -> list[str]:
    """Return what speaks against a *finished* model by its words on what it was trained on.

    They prove no worth, but must be no worse than the words *unheard* [tracks, G] of those
    that were trained without the track, else something went wrong in the last training or in
    writing it; and a genre that it does not even know of these has collapsed.
    """
    was, now = unheard.argmax(axis=1) == truth, finished.argmax(axis=1) == truth
    if not np.isfinite(finished).all():
        return ["what it says is no number"]
    if now.mean() < was.mean() - MARGIN:
        return [
            f"finished, it is right on {now.mean():.0%} of {len(truth)} tracks that it was trained"
            f" on; before it knew them, on {was.mean():.0%}"
        ]
    return [
        f"of the {genre} tracks that it was trained on it knows {now[truth == number].mean():.0%}"
        for number, genre in enumerate(genres)
        if np.sum(truth == number) >= FEW_TRACKS and now[truth == number].mean() < KNOWN
    ]


def with_more_against(decision: Decision, against: Sequence[str]) -> Decision:
    """Return *decision*, refused where there is more *against* the challenger."""
    if not against:
        return decision
    before = decision.reasons if decision.outcome is Outcome.REFUSED else ()
    return replace(decision, outcome=Outcome.REFUSED, reasons=(*before, *against))
