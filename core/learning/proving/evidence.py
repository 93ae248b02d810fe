"""What the gate may rest on: both models' words on tracks whose artists neither had met.

Each speaks by the members that were trained without the fold of the track: the champion of
its replay in words that it kept, of other tracks by members that it kept. A shipped one keeps
none and speaks itself, where it knows no track of that artist. What cannot be shown is refused.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core import registry
from core.decision.memory import Evidence as Memory
from core.decision.memory import blend
from core.decision.verdict import GenreConfidence, Verdict, calibrate, confidences
from core.errors import TrainingError
from core.learning.confidence.weighing import shared
from core.learning.ensemble.export import Trained
from core.learning.ensemble.starts import ALL, Before
from core.learning.proving.gate import Evidence, Said, require_unseen
from core.learning.tracks.dataset import Replay, Track, group_numbers, stacked
from core.registry import Manifest
from core.taxonomy import fold

__all__ = ["collected", "forgotten", "met_by", "require_apart", "says"]

Words = NDArray[np.float64]  # [tracks, genres]


def collected(
    champion: Manifest,
    replay: Replay,
    trained: Trained,
    challenger: Manifest,
    artists: Mapping[str, str],
    before: Mapping[int, Before] | None = None,
) -> Evidence:
    """Return the evidence about the *challenger*, as *trained*, against the *champion*.

    *artists* says of every track that a person ever named whose it is, also of words that
    were taken back; *before* are the champion's members by the fold that they were trained
    without, so far as it kept them. Raises TrainingError where one of them was trained on what
    it is judged by, or does not say what it was trained on.
    """
    require_apart(trained, challenger)
    then = {track.fingerprint: row for row, track in enumerate(replay.tracks)}
    words, judged = _champions(replay, trained, then, artists, _speakers(champion, before or {}))
    tracks = [track for track, kept in zip(trained.tracks, judged, strict=True) if kept]
    fresh = np.array([track.fingerprint not in then for track in tracks])
    return Evidence(
        truth=tuple(track.genre for track in tracks),
        groups=group_numbers(tracks),
        labelled=np.array([track.labelled for track in tracks]),
        newest=fresh & np.array([track.labelled for track in tracks]),
        champion=Said(genres=champion.genres, probabilities=words[judged]),
        challenger=Said(genres=trained.genres, probabilities=trained.out_of_fold[judged]),
        deployed=_deployed(trained, challenger)[judged],
        arrived=np.array([track.arrived for track in tracks]),
        answers=np.array([track.labelled and not track.unprompted for track in tracks]),
    )


def met_by(
    fingerprints: Collection[str], tracks: Sequence[Track], artists: Mapping[str, str]
) -> frozenset[str]:
    """Return the groups of *tracks* of which a model trained on *fingerprints* knows a track."""
    known = set(fingerprints)
    now = {track.group for track in tracks if track.fingerprint in known}
    return frozenset(now | {group for name, group in artists.items() if name in known})


def require_apart(trained: Trained, challenger: Manifest) -> None:
    """Raise TrainingError unless no word of *trained* is of an artist that it was trained on.

    Each fold's members say which tracks they learned from; the manifest must list all.
    """
    names = [track.fingerprint for track in trained.tracks]
    if set(names) - set(challenger.fingerprints):
        raise TrainingError("its manifest does not list every track that it was trained on")
    require_unseen(names, challenger.fingerprints, out_of_fold=names)
    group = {track.fingerprint: track.group for track in trained.tracks}
    for number in np.unique(trained.folds).tolist():
        lessons = trained.lessons.get(number)
        held = [t for t, f in zip(trained.tracks, trained.folds, strict=True) if f == number]
        require_unseen([track.fingerprint for track in held], lessons, out_of_fold=())
        known = {group.get(name) for name in lessons or ()}
        shared = sum(track.group in known for track in held)
        if shared:
            raise TrainingError(
                f"it was trained on the artists of {shared} of the tracks it would be judged by"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Speaker:
    """Who speaks for the champion: its members of one fold, or itself."""

    fold: int | None  # of which tracks, in the challenger's training, too; None: of any
    lessons: Collection[str]  # all that it was trained on
    says: Callable[[Sequence[Track]], Words]


def _speakers(champion: Manifest, before: Mapping[int, Before]) -> tuple[_Speaker, ...]:
    """Those trained without a fold first: they know no more than the challenger's members do."""
    kept = {number: each for number, each in before.items() if _speaks_for(champion, each)}
    apart = [
        _Speaker(fold=number, lessons=each.lessons, says=partial(_say_apart, champion, each))
        for number, each in kept.items()
        if number != ALL
    ]
    # by its name here, so that whoever stands in for `says` is asked
    itself = _Speaker(
        fold=None, lessons=champion.fingerprints, says=lambda tracks: says(champion, tracks)
    )
    return (*apart, itself)


def _speaks_for(champion: Manifest, before: Before) -> bool:
    kinds = {member.kind for member in before.ensemble.members}
    return before.genres == champion.genres and {*champion.kinds} <= kinds


def _say_apart(champion: Manifest, before: Before, tracks: Sequence[Track]) -> Words:
    """What these members say of *tracks*, counting what the *champion*'s do, as sure as it is."""
    shares: defaultdict[str, float] = defaultdict(float)
    for kind, weight in zip(champion.kinds, champion.weights, strict=True):
        shares[kind] += weight
    members, how = before.ensemble, registry.load_calibration(champion)
    weights = np.array(shared([member.kind for member in members.members], shares))
    heard = stacked(tracks)
    parts = np.split(members.scores(*heard), np.cumsum(heard[2])[:-1], axis=1)
    bias = np.array(how.bias)
    return np.stack([confidences(p, weights, how.temperature, bias, how.longest) for p in parts])


def _champions(
    replay: Replay,
    trained: Trained,
    then: Mapping[str, int],
    artists: Mapping[str, str],
    speakers: Sequence[_Speaker],
) -> tuple[Words, NDArray[np.bool_]]:
    """The champion's words [tracks, G], and of which tracks somebody may speak for it.

    Of its replay, in which *then* gives the rows, it has spoken out of fold; of each other track
    the first of *speakers* does that has not met the artist.
    """
    tracks = trained.tracks
    rows = np.array([then.get(track.fingerprint, -1) for track in tracks])
    judged = rows >= 0
    words = np.where(judged[:, None], replay.words[rows], 0.0)
    for speaker in speakers:
        require_unseen((), speaker.lessons, out_of_fold=())
        met = met_by(speaker.lessons, tracks, artists)
        unmet = np.array([track.group not in met for track in tracks])
        theirs = speaker.fold is None or trained.folds == speaker.fold
        mine = np.flatnonzero(~judged & unmet & theirs)
        if len(mine):
            words[mine] = speaker.says([tracks[place] for place in mine])
            judged[mine] = True
    return words, judged


def _deployed(trained: Trained, challenger: Manifest) -> Words:
    """The challenger's words out of fold, as confident as its calibration.json makes them."""
    written = registry.load_calibration(challenger)
    return calibrate(trained.pooled, written.temperature, np.array(written.bias))


def says(model: Manifest, tracks: Sequence[Track]) -> Words:
    """Return what a *model* says of *tracks* [tracks, G], as the daemon would hear it."""
    from core.analysis.runtime import Ensemble

    calibration = registry.load_calibration(model)
    ensemble, weights = Ensemble(model.folder), np.array(model.weights)
    how = (weights, calibration.temperature, np.array(calibration.bias), calibration.longest)
    return np.stack([confidences(ensemble.score(t.features, t.embedding), *how) for t in tracks])


def forgotten(
    words: Words, genres: Sequence[str], tracks: Sequence[Track], said: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the named tracks whose verdict, the memory on, would not be what a person said.

    *words* [tracks, genres] are the model's on *tracks*, *said* the memory's on each of them.
    """
    lost = []
    for track, row in zip(tracks, words, strict=True):
        word = said.get(track.fingerprint)
        best = blend(_verdict(row, genres), Memory(track=word)).best if word else None
        if word and (best is None or fold(best.genre) != fold(word)):
            lost.append(track.fingerprint)
    return tuple(lost)


def _verdict(row: NDArray[np.float64], genres: Sequence[str]) -> Verdict:
    order = np.argsort(-row)
    ordered = [GenreConfidence(genre=genres[i], confidence=float(row[i])) for i in order]
    return Verdict(genres=tuple(ordered), model_version="", segments=1)
