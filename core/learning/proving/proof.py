"""The proof that a challenger owes, whole: provenance, words, its files, its costs, the memory.

Every challenger comes through here, by night or by command, and in the benchmark that
poisons some. What cannot be shown counts against it. It puts nothing to use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from core import registry
from core.errors import ModelError, TrainingError
from core.learning.ensemble.export import Trained
from core.learning.ensemble.starts import Before
from core.learning.figures import evaluate
from core.learning.proving import gate, soundness
from core.learning.proving.evidence import collected, forgotten, says
from core.learning.proving.gate import Decision, Evidence, Outcome
from core.learning.tracks.dataset import Replay
from core.registry import Manifest

__all__ = ["Remembered", "brought", "prove"]

LESSONS = 400  # training tracks that the finished model is asked about


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What the record knows of the tracks that a person ever named, by fingerprint."""

    artists: Mapping[str, str] = field(default_factory=dict)  # whose each is, as labels group it
    words: Mapping[str, str] = field(default_factory=dict)  # the genre that the memory gives it


def prove(
    champion: Manifest,
    replay: Replay,
    trained: Trained,
    folder: Path,
    remembered: Remembered,
    before: Mapping[int, Before] | None = None,
) -> Decision:
    """Decide whether the challenger in *folder* takes the *champion*'s place.

    *before* are the champion's members by fold, so far as it kept them. A challenger whose files
    are not whole, that was trained on what it is judged by, or that does not say on what, is
    refused as is a worse one. Raises ModelError where the champion itself cannot be asked.
    """
    in_use, new = soundness.trial(champion.folder, folder, trained.tracks)
    if in_use.trouble:
        raise ModelError(f"the model in use cannot be run: {in_use.trouble}", str(champion.folder))
    try:
        challenger = registry.load(folder)
        evidence = collected(champion, replay, trained, challenger, remembered.artists, before)
        against = soundness.against_load(in_use, new)
        if not against:  # one that is slow or huge is not run on hundreds of tracks
            against = _against_finished(challenger, trained, remembered)
    except (ModelError, TrainingError) as error:
        return Decision(outcome=Outcome.REFUSED, reasons=(error.reason,), figures={})
    decision = gate.with_more_against(gate.compare(evidence), against)
    return replace(decision, figures={**decision.figures, **brought(evidence)})


def _against_finished(challenger: Manifest, trained: Trained, remembered: Remembered) -> list[str]:
    """What speaks against the finished model itself, as it lies in its folder."""
    some = _spread(len(trained.tracks))
    tracks = [trained.tracks[place] for place in some]
    finished = says(challenger, tracks)
    truth = np.array([trained.genres.index(track.genre) for track in tracks])
    unheard = trained.out_of_fold[some]
    against = gate.against_finished(finished, unheard, truth, trained.genres)
    lost = forgotten(finished, trained.genres, tracks, remembered.words)
    return [*against, *_lost(lost)]


def _spread(count: int) -> list[int]:
    """Places of at most LESSONS of *count* tracks, spread evenly."""
    return list(range(0, count, -(-count // LESSONS)))


def _lost(tracks: tuple[str, ...]) -> list[str]:
    if not tracks:
        return []
    return [f"{len(tracks)} tracks that you named would get another genre than you said"]


def brought(evidence: Evidence) -> dict[str, float]:
    """Return how often each model is right on the tags of the library; nothing without any.

    Neither had met the artist of a track when it spoke of it. Doubted tags count like all
    others: to leave out what the models deny would flatter them. Intervals by artist.
    """
    mine = evidence.arrived
    if mine is None or not mine.any():
        return {}
    genres = sorted({*evidence.champion.genres, *evidence.challenger.genres})
    said = [name for name, kept in zip(evidence.truth, mine, strict=True) if kept]
    truth, groups = np.array([genres.index(name) for name in said]), evidence.groups[mine]
    was = evaluate.rights(evidence.champion.over(genres)[mine], truth)
    now = evaluate.rights(evidence.challenger.over(genres)[mine], truth)
    nothing = np.zeros(len(truth))
    return {
        "library_tracks": float(len(truth)),
        "library_artists": float(len(np.unique(groups))),
        # of a genre that was known before
        "library_known": round(float(np.mean([n in evidence.champion.genres for n in said])), 4),
        **_named("library_before", evaluate.difference(nothing, was, groups)),
        **_named("library_after", evaluate.difference(nothing, now, groups)),
        **_named("library_gain", evaluate.difference(was, now, groups)),
    }


def _named(name: str, figure: evaluate.Figure) -> dict[str, float]:
    ends = {"": figure.value, "_low": figure.low, "_high": figure.high}
    return {name + end: round(value, 4) for end, value in ends.items()}
