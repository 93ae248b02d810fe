"""Does an answer stay when the same music is heard louder, slower, driven, through MP3?

Excerpts of artists never heard, disturbed at fixed strengths. Counted are flips of the first
genre, and flips into the genres that get the effect more often in training, beside a model
that was trained without any copies: so it is seen whether the net learned the augmenter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from sys import stderr
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import figures
from benchmarks.accuracy.bench import Bench, over_folds
from benchmarks.accuracy.fits import without_folds
from benchmarks.accuracy.packing import pack, unpack
from benchmarks.accuracy.store import digest
from core.analysis.decode import listen
from core.analysis.segments import RATE, plan_segments
from core.learning.base import pieces
from core.learning.tracks import effects
from core.learning.tracks.augment import favoured, warped
from core.learning.tracks.dataset import Track
from core.learning.tracks.hearing import described
from core.taxonomy import fold

__all__ = ["WAYS", "Way", "rows"]

HEARING = (
    "core.learning.tracks.hearing",
    "core.learning.tracks.effects",
    "core.learning.tracks.augment",
)
MORE = 0.03  # flips towards what the effect favours, above those of the model without copies
ROOM_BELOW_DB = 6.0  # the tail, below the sound

Samples = NDArray[np.float32]
First = NDArray[np.int64]  # [excerpts], the first genre


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One disturbance at a fixed strength, and the effect of the augmenter that it is."""

    effect: str
    apply: Callable[[Samples], Samples]


def _room(sound: Samples) -> Samples:
    return effects.reverberant(sound, RATE, 0.5, ROOM_BELOW_DB, np.random.default_rng(0))


WAYS: Mapping[str, Way] = {
    "6 dB louder": Way(effect="loudness", apply=lambda sound: effects.louder(sound, 6)),
    "6 dB softer": Way(effect="loudness", apply=lambda sound: effects.louder(sound, -6)),
    "1 semitone up": Way(effect="pitch", apply=lambda sound: effects.pitched(sound, RATE, 1)),
    "1 semitone down": Way(effect="pitch", apply=lambda sound: effects.pitched(sound, RATE, -1)),
    "10 % faster": Way(effect="tempo", apply=lambda sound: effects.stretched(sound, 1.1)),
    "10 % slower": Way(effect="tempo", apply=lambda sound: effects.stretched(sound, 0.9)),
    "MP3 64 kbit/s": Way(effect="codec", apply=lambda sound: effects.coded(sound, RATE, 64)),
    "reverb 0.5 s": Way(effect="room", apply=_room),
    "drive 12 dB": Way(effect="drive", apply=lambda sound: effects.driven(sound, 12)),
    "bass +6 dB": Way(effect="bass", apply=lambda sound: effects.lowest_raised(sound, RATE, 6)),
}


def rows(bench: Bench) -> dict[str, Any]:
    """Return a row for each way to disturb: by the 135 alone and, where it is, the backbone."""
    heard = {name: _heard(bench, name) for name in WAYS}
    bare = _without_copies(bench)
    found: dict[str, Any] = {}
    for title, plain in (("135 alone", True), ("with backbone", False)):
        if plain or bench.embedding is not None:
            ours, theirs = (_said(b, heard, plain=plain) for b in (bench, bare))
            found[title] = {name: _row(bench, name, ours, theirs) for name in WAYS}
    return found


# --- what is heard --------------------------------------------------------------------------


def _heard(bench: Bench, name: str) -> tuple[Track, ...]:
    """The short excerpts, disturbed in the way of that *name*."""
    asked = [track for track, short in zip(bench.tracks, bench.short, strict=True) if short]
    data = bench.data
    if data is None:
        return tuple(_shaken(track) for track in asked)
    each = digest(*(track.fingerprint for track in asked))
    key = f"disturbed {name} {each} {bench.folder}"
    kept = bench.store.kept(key, lambda: pack(_all(bench, data, name, asked)), code=HEARING)
    return tuple(unpack(kept))


def _all(bench: Bench, data: Path, name: str, asked: Sequence[Track]) -> list[Track]:
    paths = [piece.sample.path for piece in pieces(data) if piece.short]
    print(f"  hearing {len(paths)} excerpts, {name}", file=stderr, flush=True)
    return [
        _hear(track, path, WAYS[name], bench.folder)
        for track, path in zip(asked, paths, strict=True)
    ]


def _hear(track: Track, path: str, way: Way, backbone: str | None) -> Track:
    """*track* as it is heard in the file at *path*, disturbed in that *way*."""
    recording = listen(path, plan_segments)
    assert recording.scan.fingerprint == track.fingerprint
    sound = tuple(way.apply(piece) for piece in recording.pieces)
    features, embedding = described(warped(recording, sound), backbone)
    return replace(track, features=features, embedding=embedding, copies=())


def _shaken(track: Track) -> Track:
    """A made-up excerpt, a little off."""
    return replace(track, features=track.features * np.float32(0.9), copies=())


# --- what is said of it ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Said:
    """First genres of the excerpts as they are, and as they are disturbed in each way."""

    clean: First
    disturbed: Mapping[str, First]


def _said(bench: Bench, heard: Mapping[str, tuple[Track, ...]], *, plain: bool) -> Said:
    """Let models judge that never met the artist."""
    short = np.flatnonzero(bench.short)
    clean = np.zeros(len(short), np.int64)
    disturbed = {name: np.zeros(len(short), np.int64) for name in heard}
    for number in over_folds(bench.folds):
        fit, mine = without_folds(bench, number), np.flatnonzero(bench.folds[short] == number)
        clean[mine] = fit.words(short[mine], plain=plain).argmax(axis=1)
        for name, tracks in heard.items():
            asked = [tracks[place] for place in mine]
            disturbed[name][mine] = fit.of(asked, plain=plain).argmax(axis=1)
    return Said(clean=clean, disturbed=disturbed)


def _without_copies(bench: Bench) -> Bench:
    alone = tuple(replace(track, copies=()) for track in bench.tracks)
    return replace(bench, excerpts=replace(bench.excerpts, tracks=alone))


def _row(bench: Bench, name: str, ours: Said, bare: Said) -> dict[str, Any]:
    groups, truth = bench.groups[bench.short], bench.truth[bench.short]
    drawn = favoured(WAYS[name].effect)
    liked = np.array([fold(genre) in drawn for genre in bench.genres])
    flips, towards = _flips(ours, name, liked)
    bare_flips, bare_towards = _flips(bare, name, liked)
    more = figures.interval(towards - bare_towards, groups)
    figure = {
        "n": len(truth),
        "flips": figures.rounded(figures.interval(flips, groups)),
        "flips without augmentation": round(float(bare_flips.mean()), 4),
        "right, undisturbed and disturbed": [
            round(float((said == truth).mean()), 4) for said in (ours.clean, ours.disturbed[name])
        ],
        "the same without augmentation": [
            round(float((said == truth).mean()), 4) for said in (bare.clean, bare.disturbed[name])
        ],
        "favoured": [genre for genre, mine in zip(bench.genres, liked, strict=True) if mine],
        "flips to favoured": round(float(towards.mean()), 4),
        "flips to favoured without augmentation": round(float(bare_towards.mean()), 4),
        "more flips to favoured": figures.rounded(more),
    }
    return figures.held(
        figure,
        must="at most .03 more flips to favoured genres than without augmentation",
        met=more.value <= MORE,
        aim="fewer",
        reached=more.value < 0,
    )


def _flips(
    said: Said, name: str, liked: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Which first genres changed [excerpts], and which from others to those *liked* [G]."""
    now = said.disturbed[name]
    flipped = now != said.clean
    return flipped.astype(float), (flipped & liked[now] & ~liked[said.clean]).astype(float)
