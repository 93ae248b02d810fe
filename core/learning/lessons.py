"""What the tags of a library are worth: which of them look wrong.

`python -m core.learning.lessons` says which tags look wrong, judged by models that had not
met their artists and by what the same artist's other files say (confident learning: Northcutt
et al. 2021, arXiv 1911.00068). It changes neither the record nor any model.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core import registry
from core.decision.memory import KAPPA
from core.errors import GenrewatchError
from core.learning.tracks.dataset import (
    LABEL_WEIGHT,
    LESSON_WEIGHT,
    Track,
    embeddings,
    from_labels,
    from_replay,
    genres_of,
    group_numbers,
    require_enough,
    split_groups,
    with_lessons,
    without_embeddings,
)

if TYPE_CHECKING:  # TensorFlow: whoever only counts goes without
    from core.learning.ensemble.fitting import Studio
    from core.learning.nets.prior import TagLayer

__all__ = ["Doubt", "doubts", "look", "look_among", "main", "out_of_fold", "suspicious"]

FOLDS = 5
# A tag is doubted where the others give its genre less than this part of what they give it on
# average. On libraries with tags made wrong (seeds that no figure is about) a tenth found 86 %
# of them, and 86 % of what it found was wrong; a quarter found 93 %, but of artists with two
# genres it would doubt the rarer one.
LITTLE = 0.1

Words = NDArray[np.float64]  # [tracks, G]
Numbers = NDArray[np.integer[Any]]  # [tracks]
Step = Callable[[int, int], None]  # told that so many of so many are done


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A track whose tag looks wrong, and what the others say."""

    fingerprint: str
    tagged: str
    probability: float  # of the tagged genre, as the others have it
    instead: str  # what they say instead
    surely: float  # and its probability


def suspicious(words: Words, given: Numbers, groups: Numbers) -> tuple[NDArray[np.bool_], Words]:
    """Say which *given* genres [n] look wrong, and the probabilities [n, G] that say so.

    *words* are out of fold by artist; to them comes what the other tracks of the same artist
    are tagged, as the memory weighs a word. A genre is doubted where its probability is less
    than LITTLE of its own mean over the tracks that have it, and another is likelier.
    """
    held = _with_the_artist(words, given, groups)
    own = held[np.arange(len(given)), given]
    files = np.bincount(given, minlength=words.shape[1])
    usual = np.bincount(given, own, minlength=words.shape[1]) / np.maximum(files, 1)
    return (own < LITTLE * usual[given]) & (held.argmax(axis=1) != given), held


def _with_the_artist(words: Words, given: Numbers, groups: Numbers) -> Words:
    """[n, G]: *words* shrunk towards what the artist's other tracks are tagged."""
    _, artist = np.unique(groups, return_inverse=True)
    tags = np.zeros((int(artist.max(initial=-1)) + 1, words.shape[1]))
    np.add.at(tags, (artist, given), 1.0)
    others = tags[artist]
    others[np.arange(len(given)), given] -= 1.0
    return np.asarray((others + KAPPA * words) / (others.sum(axis=1, keepdims=True) + KAPPA))


def doubts(tracks: Sequence[Track], words: Words, genres: Sequence[str]) -> tuple[Doubt, ...]:
    """Return which of the tagged *tracks* are doubted by *words* [n, G], most doubted first."""
    if not tracks:
        return ()
    given = np.array([genres.index(track.genre) for track in tracks])
    wrong, held = suspicious(words, given, group_numbers(tracks))
    found = [
        Doubt(
            fingerprint=tracks[place].fingerprint,
            tagged=tracks[place].genre,
            probability=round(float(held[place, given[place]]), 4),
            instead=genres[int(held[place].argmax())],
            surely=round(float(held[place].max()), 4),
        )
        for place in np.flatnonzero(wrong)
    ]
    return tuple(sorted(found, key=lambda doubt: (doubt.probability, doubt.fingerprint)))


# --- the command ----------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Look for tags that seem wrong; the last line on stdout is done or error.

    Beyond its time or memory it ends with a reason.
    """
    from core.learning.ensemble.limits import bounded, step_back
    from core.learning.train import speak, spoken

    wishes = _parser().parse_args(argv)
    step_back()
    try:
        with bounded(seconds=wishes.max_minutes * 60, memory_mb=wishes.max_memory_mb) as check:

            def step(done: int, total: int) -> None:
                check()
                spoken(speak)("looking for wrong tags", done, total)

            found, tracks = _look(wishes, step)
    except GenrewatchError as error:
        speak({"event": "error", "what": error.what, "path": error.path, "remedy": error.remedy})
        return error.exit_code
    speak({"event": "done", "tracks": tracks, "doubted": [asdict(doubt) for doubt in found]})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core.learning.lessons")
    parser.add_argument("--library", type=Path, required=True, help="the record")
    parser.add_argument("--champion", type=Path, required=True, help="folder of the model in use")
    parser.add_argument("--backbone", default="none", help='its folder, or "none"')
    parser.add_argument("--max-minutes", type=float, default=inf)
    parser.add_argument("--max-memory-mb", type=float, default=inf)
    return parser


def _look(wishes: argparse.Namespace, step: Step) -> tuple[tuple[Doubt, ...], int]:
    from core.learning.nightly import read_record
    from core.learning.train import backbone_named, tags_in

    folder, source = backbone_named(wishes.backbone)
    labels, told = read_record(wishes.library, registry.load(wishes.champion).genres)
    said = with_lessons(from_labels(labels, weight=LABEL_WEIGHT), told["lessons"])
    return look(wishes.champion, said, backbone=source, tags=tags_in(folder), step=step)


def look(
    champion_dir: Path,
    said: Sequence[Track],
    *,
    backbone: str | None,
    tags: "TagLayer | None",
    step: Step = lambda *_: None,
) -> tuple[tuple[Doubt, ...], int]:
    """Return which lessons among what is *said* are doubted, and how many there are.

    Beside it the replay of the model in *champion_dir* is learned from, by linear members with
    the *tags* of this *backbone* if any. Raises TrainingError where that cannot be used.
    """
    from core.learning.nightly import as_replayed, comparable, learnable, merged

    champion, replay = registry.load(champion_dir), from_replay(champion_dir)
    comparable(champion, replay, backbone)
    heard, _ = as_replayed(said, champion)
    tracks = merged(replay.tracks, learnable(heard, champion.genres)[0])
    return look_among(tracks, tags, step), sum(track.arrived for track in tracks)


def look_among(
    tracks: Sequence[Track], tags: "TagLayer | None", step: Step = lambda *_: None
) -> tuple[Doubt, ...]:
    """Return which of the lessons among *tracks* are doubted; raises TrainingError.

    *step* is told how many folds of how many are done.
    """
    from core.learning.ensemble.fitting import Recipe, Studio
    from core.learning.train import feature_groups

    # as if none were doubted, so that no doubt feeds on itself
    even = [replace(t, weight=LESSON_WEIGHT) if t.arrived else t for t in tracks]
    genres = genres_of(even)
    words = out_of_fold(even, Studio(genres, feature_groups(), Recipe(members=0), tags), step)
    mine = [place for place, track in enumerate(even) if track.arrived]
    return doubts([even[place] for place in mine], words[mine], genres)


def out_of_fold(tracks: Sequence[Track], studio: "Studio", step: Step = lambda *_: None) -> Words:
    """Return what linear members alone say of *tracks* [n, G], none of them having met the artist.

    One row a track: enough to tell a wrong tag, and quick for 5,000 tracks. *step* is told of
    each fold. Raises TrainingError where there is too little to hold anything out.
    """
    from core.learning.examine import plain_words

    require_enough(tracks)
    if embeddings(tracks) is None:
        tracks = without_embeddings(tracks)
    plain = [replace(t, features=t.features.mean(axis=0, keepdims=True)) for t in tracks]
    folds = split_groups(plain, folds=min(FOLDS, int(group_numbers(plain).max()) + 1), seed=1)
    total, done = len(np.unique(folds)), count(1)
    step(0, total)
    return plain_words(plain, folds, studio, lambda: step(next(done), total))


if __name__ == "__main__":
    sys.exit(main())
