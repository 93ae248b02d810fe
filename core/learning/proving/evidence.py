"""What the gate may rest on: both models' words on tracks whose artists neither had met.

The challenger speaks of each track by the members that were trained without its artist.
The champion does, too, of what is in its replay; of other tracks it speaks itself, but only
where it knows no track of that artist. Whatever cannot be shown to be so is refused.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core import registry
from core.decision.memory import Evidence as Memory
from core.decision.memory import blend
from core.decision.verdict import GenreConfidence, Verdict, calibrate, confidences
from core.errors import TrainingError
from core.learning.ensemble.export import Trained
from core.learning.proving.gate import Evidence, Said, require_unseen
from core.learning.tracks.dataset import Replay, Track, group_numbers
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
) -> Evidence:
    """Return the evidence about the *challenger*, as *trained*, against the *champion*.

    *artists* says of every track that a person ever named whose it is, also of words that
    were taken back. Raises TrainingError where one of them was trained on what it is judged
    by, or does not say what it was trained on.
    """
    require_apart(trained, challenger)
    then = {track.fingerprint: row for row, track in enumerate(replay.tracks)}
    met = met_by(champion.fingerprints, trained.tracks, artists)
    judged = np.array([t.fingerprint in then or t.group not in met for t in trained.tracks])
    tracks = [track for track, kept in zip(trained.tracks, judged, strict=True) if kept]
    fresh = np.array([track.fingerprint not in then for track in tracks])
    return Evidence(
        truth=tuple(track.genre for track in tracks),
        groups=group_numbers(tracks),
        labelled=np.array([track.labelled for track in tracks]),
        newest=fresh & np.array([track.labelled for track in tracks]),
        champion=Said(
            genres=champion.genres, probabilities=_champions(champion, replay, tracks, then)
        ),
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


def _champions(
    champion: Manifest, replay: Replay, tracks: Sequence[Track], then: Mapping[str, int]
) -> Words:
    """The champion's words on *tracks*: from its replay, out of fold, else its own."""
    fresh = [place for place, track in enumerate(tracks) if track.fingerprint not in then]
    unheard = [tracks[place].fingerprint for place in fresh]
    require_unseen(unheard, champion.fingerprints, out_of_fold=())
    words = np.zeros((len(tracks), len(champion.genres)))
    for place, track in enumerate(tracks):
        if track.fingerprint in then:
            words[place] = replay.words[then[track.fingerprint]]
    if fresh:
        words[fresh] = says(champion, [tracks[place] for place in fresh])
    return words


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
