"""The protocols of an evaluation: artist folds, the leak beside, members, blocks, the champion.

Whoever is judged was never met: no artist is on both sides, except where the leaky protocol
is shown to say what such a figure is worth. Choices, calibration and weights see no track
that they are judged on. It reads no file and writes none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from core import registry
from core.decision.verdict import calibrate
from core.learning.confidence.calibrate import cross_fitted, left_out
from core.learning.confidence.weighing import Said, cross_weighted
from core.learning.ensemble.fitting import Check, Recipe, Studio
from core.learning.figures import evaluate
from core.learning.figures.evaluate import Summary
from core.learning.figures.findings import Brings, Findings, InUse, Leak, brings
from core.learning.nets.prior import TagLayer
from core.learning.proving.evidence import says
from core.learning.tracks.dataset import (
    Track,
    apart,
    dealt,
    embeddings,
    genres_of,
    group_numbers,
    require_enough,
    require_telling,
    without_embeddings,
)
from core.learning.tracks.hearing import Progress
from core.learning.train import feature_groups, pooled_by, said_out_of_fold

__all__ = [
    "Bench",
    "examine",
    "in_use",
    "plain_words",
    "random_folds",
    "regardless",
]

FOLDS = 5
# What a block of the 135 features is about, in the order of the table of features.
BLOCKS = {
    "A": "timbre",
    "B": "spectral contrast",
    "C": "spectral shape",
    "D": "level and energy",
    "E": "harmony",
    "F": "harmonic and percussive",
    "G": "rhythm",
    "H": "modulation",
}
KINDS = {
    "transformer": "transformers on the 135 features",
    "linear": "linear model on the 135 features",
    "embedding": "linear head on the embedding",
}

Words = NDArray[np.float64]  # [tracks, G]
Mask = NDArray[np.bool_]  # [tracks]
Split = Callable[[Sequence[Track], Mask], tuple[Sequence[Track], Sequence[Track]]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """How to train while evaluating, and whom to tell."""

    recipe: Recipe
    progress: Progress
    check: Check  # called between epochs; raises to stop
    tags: TagLayer | None = None  # the backbone's last layer

    def studio(self, genres: Sequence[str], recipe: Recipe | None = None) -> Studio:
        """Return where to train, by *recipe* instead of the bench's own if given."""
        return Studio(genres, feature_groups(), recipe or self.recipe, self.tags)

    def counted(self, stage: str, total: int) -> Callable[[], None]:
        """Return a function that counts up to *total* and reports each step."""
        done = count(1)
        self.progress(stage, 0, total)
        return lambda: self.progress(stage, min(next(done), total), total)


def examine(
    tracks: Sequence[Track],
    bench: Bench,
    *,
    subject: str,
    protocol: str = "",
    judged: Mask | None = None,
    fair: Mask | None = None,
    champion: InUse | None = None,
    notes: Sequence[str] = (),
) -> Findings:
    """Return what models trained on some artists' *tracks* are worth on the others'.

    *judged* [tracks] picks those that the figures are about, by default all; the others
    only help to train. *fair* [tracks] are those that nobody chose by what the program had
    said, by default all. Raises TrainingError where there is too little to say anything.
    """
    shelf = _shelf(tracks, judged, bench.recipe.seed)
    whole, without = _voices(shelf, bench)
    honest = cross_fitted(whole, shelf.truth, shelf.groups)[shelf.about]
    truth, groups = shelf.truth[shelf.about], shelf.groups[shelf.about]
    chosen = np.ones(len(truth), dtype=bool) if fair is None else fair[shelf.about]
    return Findings(
        subject=subject,
        protocol=f"out of fold, {len(np.unique(shelf.folds))} folds apart by artist{protocol}",
        genres=shelf.genres,
        words=honest,
        truth=truth,
        groups=groups,
        summary=evaluate.summary(honest, truth, groups),
        fair=_fair(honest, truth, groups, chosen),
        leak=_leak(shelf, bench),
        members=_bring(shelf, whole, without),
        blocks=_blocks(shelf, bench),
        in_use=champion,
        notes=tuple(notes),
    )


def _fair(
    honest: Words, truth: NDArray[np.int64], groups: NDArray[np.int32], chosen: Mask
) -> Summary | None:
    """The figures on the *chosen* alone; None where that is all of them or none."""
    if chosen.all() or not chosen.any():
        return None
    return evaluate.summary(honest[chosen], truth[chosen], groups[chosen])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shelf:
    """The tracks of one evaluation, numbered and dealt."""

    tracks: tuple[Track, ...]
    genres: tuple[str, ...]
    truth: NDArray[np.int64]  # [tracks]
    groups: NDArray[np.int32]  # [tracks]
    folds: NDArray[np.int64]  # [tracks], no artist in two
    about: Mask  # [tracks], those that are judged

    @property
    def plain(self) -> tuple[Track, ...]:
        """The tracks without copies: enough for models that cost next to nothing."""
        return tuple(replace(track, copies=()) for track in self.tracks)


def _shelf(tracks: Sequence[Track], judged: Mask | None, seed: int) -> Shelf:
    about = np.ones(len(tracks), dtype=bool) if judged is None else judged
    require_telling([track for track, mine in zip(tracks, about, strict=True) if mine])
    require_enough(tracks)
    if embeddings(tracks) is None:  # a head that some tracks cannot have helps nobody
        tracks = without_embeddings(tracks)
    groups, genres = group_numbers(tracks), genres_of(tracks)
    return Shelf(
        tracks=tuple(tracks),
        genres=genres,
        truth=np.array([genres.index(track.genre) for track in tracks]),
        groups=groups,
        folds=dealt(tracks, most=FOLDS, seed=seed),
        about=about,
    )


# --- the ensemble, and the ensemble without each kind of member -----------------------------


def _voices(shelf: Shelf, bench: Bench) -> tuple[Words, dict[str, Words]]:
    """What the ensemble says of artists it never met, and what it says without each kind."""
    studio, parts = bench.studio(shelf.genres), len(np.unique(shelf.folds))
    fitted = bench.counted("training", parts * bench.recipe.members)
    said = said_out_of_fold(shelf.tracks, shelf.folds, studio, bench.check, fitted)
    names = dict.fromkeys(said.kinds) if len(set(said.kinds)) > 1 else {}
    without = {KINDS.get(name, name): cross_weighted(_silent(said, name)) for name in names}
    return cross_weighted(said), without


def _silent(said: Said, name: str) -> Said:
    """The same without the members of the kind *name*; the others' shares are fitted anew."""
    others = np.array([kind != name for kind in said.kinds])
    kinds = tuple(kind for kind in said.kinds if kind != name)
    return replace(said, scores=said.scores[others], kinds=kinds)


def _bring(shelf: Shelf, whole: Words, without: dict[str, Words]) -> tuple[Brings, ...]:
    """Compare the *whole* with what is said *without* each part, each as calibrated as it can be.

    Otherwise a part would seem to help by mere loudness.
    """
    about, truth, groups = shelf.about, shelf.truth[shelf.about], shelf.groups[shelf.about]
    best = _evened(shelf, whole)[about]
    return tuple(
        brings(name, _evened(shelf, words)[about], best, truth, groups)
        for name, words in without.items()
    )


def _evened(shelf: Shelf, words: Words) -> Words:
    """Give *words* the temperature that suits them, each track's fitted without its artist."""
    even, unbiased = words.copy(), np.zeros(words.shape[1])
    for out in left_out(shelf.groups):
        if not out.all():
            temperature = _temperature(words[~out], shelf.truth[~out])
            even[out] = calibrate(words[out], temperature, unbiased)
    return even


def _temperature(words: Words, truth: NDArray[np.int64]) -> float:
    """Return the temperature with the least log loss, between a fifth and five."""
    from scipy.optimize import minimize_scalar

    unbiased = np.zeros(words.shape[1])

    def loss(log: float) -> float:
        said = calibrate(words, float(np.exp(log)), unbiased)
        return float(evaluate.losses(said, truth).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-1.6, 1.6), method="bounded").x))


# --- plain models, which cost next to nothing -----------------------------------------------


def random_folds(tracks: int, folds: int, seed: int) -> NDArray[np.int64]:
    """Deal *tracks* at random [tracks]: the leaky protocol, artists on both sides."""
    return np.asarray(np.random.default_rng(seed).permutation(tracks) % folds, dtype=np.int64)


def regardless(tracks: Sequence[Track], held: Mask) -> tuple[Sequence[Track], Sequence[Track]]:
    """Split *tracks* as `apart` does, but regardless of artists: for the leaky protocol alone."""
    kept = [track for track, out in zip(tracks, held, strict=True) if not out]
    return kept, [track for track, out in zip(tracks, held, strict=True) if out]


def plain_words(
    tracks: Sequence[Track],
    folds: NDArray[np.int64],
    studio: Studio,
    step: Callable[[], None],
    split: Split = apart,
) -> Words:
    """Return what linear members alone say of *tracks* [tracks, G], each out of its fold."""
    words = np.zeros((len(tracks), len(studio.genres)))
    for number in np.unique(folds):
        others, held = split(tracks, folds == number)
        words[folds == number] = pooled_by(studio.train(others), held)
        step()
    return words


def _leak(shelf: Shelf, bench: Bench) -> Leak:
    studio = bench.studio(shelf.genres, replace(bench.recipe, members=0))
    parts = len(np.unique(shelf.folds))
    step = bench.counted("measuring the leak", 2 * parts)
    mixed = random_folds(len(shelf.tracks), parts, bench.recipe.seed)
    truth, groups = shelf.truth[shelf.about], shelf.groups[shelf.about]
    honest = plain_words(shelf.plain, shelf.folds, studio, step)[shelf.about]
    leaky = plain_words(shelf.plain, mixed, studio, step, regardless)[shelf.about]
    nothing = np.zeros(len(truth))
    return Leak(
        model="linear members alone",
        apart=evaluate.difference(nothing, evaluate.rights(honest, truth), groups),
        leaky=evaluate.difference(nothing, evaluate.rights(leaky, truth), groups),
        gain=evaluate.paired(honest, leaky, truth, groups),
    )


def _blocks(shelf: Shelf, bench: Bench) -> tuple[Brings, ...]:
    """What each block brings to the linear model on the 135 features."""
    tracks = without_embeddings(shelf.plain)
    studio = bench.studio(shelf.genres, replace(bench.recipe, members=0))
    columns = _columns()
    step = bench.counted("leaving out blocks", (1 + len(columns)) * len(np.unique(shelf.folds)))

    def said(out: slice) -> Words:
        return plain_words([_deaf_to(t, out) for t in tracks], shelf.folds, studio, step)

    without = {name: said(out) for name, out in columns.items()}
    return _bring(shelf, said(slice(0)), without)


def _columns() -> dict[str, slice]:
    ends = np.cumsum(feature_groups()).tolist()
    starts = [0, *ends[:-1]]
    return {
        f"{letter} {about}": slice(start, end)
        for (letter, about), start, end in zip(BLOCKS.items(), starts, ends, strict=True)
    }


def _deaf_to(track: Track, columns: slice) -> Track:
    """Return *track* with the same value in all *columns* as every other track."""
    features = track.features.copy()
    features[:, columns] = 0.0
    return replace(track, features=features)


# --- the model in use -----------------------------------------------------------------------


def in_use(champion: registry.Manifest, said: Sequence[Track]) -> InUse | None:
    """Judge the *champion* on labelled tracks that it was not trained on; None without any.

    Tracks of genres that it does not know are left out: it could not be right.
    """
    met = {track.group for track in said if track.fingerprint in champion.fingerprints}
    new = [t for t in said if t.fingerprint not in champion.fingerprints]
    known = [track for track in new if track.genre in champion.genres]
    if not known:
        return None
    words = says(champion, known)
    truth = np.array([champion.genres.index(track.genre) for track in known])
    groups = group_numbers(known)
    fresh = np.array([track.group not in met for track in known])
    return InUse(
        version=champion.version,
        unseen=evaluate.summary(words, truth, groups),
        new_artists=(
            evaluate.summary(words[fresh], truth[fresh], groups[fresh]) if fresh.any() else None
        ),
    )
