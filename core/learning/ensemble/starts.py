"""What a night may start from: the members trained before, of each fold and of all tracks.

A fit begins at their weights and is taught what they say. Honest by one rule: they count only
where every track that they were trained on is one that their successor is trained on, so
whatever is held out was seen by neither. Plain arrays; nothing is pickled.
"""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from core.decision.verdict import pool
from core.learning.nets import networks
from core.learning.nets.members import Ensemble, Member, OnEmbedding, Plain, SegmentNet
from core.learning.tracks.dataset import Track, stacked

__all__ = [
    "ALL",
    "STARTS",
    "Before",
    "can_be_kept",
    "load_starts",
    "read_arrays",
    "save_arrays",
    "starts",
]

STARTS = "starts.npz"  # in a model folder
ALL = -1  # in place of a fold's number: trained on all tracks
KNOTS = ("start", "width", "slope", "foot")
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Before:
    """An ensemble, its genres, and the fingerprints of all that went into it."""

    genres: tuple[str, ...]
    ensemble: Ensemble
    lessons: frozenset[str]

    def suits(self, tracks: Sequence[Track]) -> bool:
        """Say whether it saw no track but *tracks*, which its successor is trained on."""
        return self.lessons <= {track.fingerprint for track in tracks}

    def teach(self, tracks: Sequence[Track], genres: Sequence[str]) -> tuple[Track, ...]:
        """Return *tracks* with what it says of those that it knows and no person of ours named.

        *genres* are the successor's; of one that it has not learned it says nothing.
        """
        mine = [place for place, track in enumerate(tracks) if self._may_teach(track)]
        taught = list(tracks)
        if not mine:
            return tuple(taught)
        words = np.zeros((len(mine), len(genres)))
        columns = [list(genres).index(genre) for genre in self.genres if genre in genres]
        kept = [number for number, genre in enumerate(self.genres) if genre in genres]
        words[:, columns] = _pooled(self.ensemble, [tracks[place] for place in mine])[:, kept]
        for place, row in zip(mine, words, strict=True):
            if row.sum() > 0:
                taught[place] = replace(tracks[place], taught=row / row.sum())
        return tuple(taught)

    def _may_teach(self, track: Track) -> bool:
        replayed = track.fingerprint in self.lessons and not (track.labelled or track.arrived)
        return replayed and track.genre in self.genres

    def member(self, kind: str, number: int = 0) -> Member | None:
        """Return its member of *kind*, the *number*th of them; None where there is none."""
        found = [member for member in self.ensemble.members if member.kind == kind]
        return found[number] if number < len(found) else None


def _pooled(ensemble: Ensemble, tracks: Sequence[Track]) -> NDArray[np.float64]:
    scores = ensemble.scores(*stacked(tracks))
    ends = np.cumsum([len(track.features) for track in tracks])[:-1]
    weights = np.array(ensemble.weights)
    return np.stack([pool(part, weights) for part in np.split(scores, ends, axis=1)])


# --- as arrays ------------------------------------------------------------------------------


def can_be_kept(ensemble: Ensemble) -> bool:
    """Say whether every member can be kept: those that are not tried by default cannot."""
    return all(isinstance(m, Plain | OnEmbedding | SegmentNet) for m in ensemble.members)


def starts(found: Mapping[int, Before]) -> Arrays:
    """Return *found*, by fold, as arrays by name."""
    arrays: Arrays = {"folds": np.array(sorted(found), dtype=np.int64)}
    for number, before in found.items():
        held = {name: _shorter(name, each) for name, each in as_arrays(before).items()}
        arrays |= {f"{number}/{name}": each for name, each in held.items()}
    return arrays


def _shorter(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Where one only begins, weights need few digits."""
    return values.astype(np.float16) if name.partition("/")[2].startswith("w") else values


def as_arrays(before: Before) -> Arrays:
    """Return one of them as arrays by name."""
    members = before.ensemble.members
    arrays: Arrays = {
        "genres": np.array(before.genres),
        "kinds": np.array([member.kind for member in members]),
        "counts": np.array(before.ensemble.weights),
        "lessons": np.array(sorted(name.encode() for name in before.lessons), dtype="S32"),
    }
    for place, member in enumerate(members):
        arrays |= {f"{place}/{name}": each for name, each in _member(member).items()}
    return arrays


def from_arrays(held: Mapping[str, NDArray[Any]], groups: tuple[int, ...]) -> Before:
    """Return what `as_arrays` was given; raises KeyError and ValueError where it was not."""
    genres = tuple(str(genre) for genre in held["genres"])
    shape = networks.Shape(groups=groups, genres=len(genres))
    kinds = [str(kind) for kind in held["kinds"]]
    members = tuple(
        _made(kind, _below(held, f"{place}/"), shape) for place, kind in enumerate(kinds)
    )
    return Before(
        genres=genres,
        ensemble=Ensemble(members=members, weights=tuple(held["counts"].tolist())),
        lessons=frozenset(name.decode() for name in held["lessons"].tolist()),
    )


def _member(member: Member) -> Arrays:
    if isinstance(member, OnEmbedding):
        head = member.head
        return {"c": head.centre, "d": head.width, "w": head.weights, "b": head.bias}
    if isinstance(member, Plain):
        return {**_knots(member.knots), "w": member.weights, "b": member.bias}
    if isinstance(member, SegmentNet):
        weights = {f"w{number}": each for number, each in enumerate(member.weights)}
        return {**_knots(member.knots), **weights}
    raise ValueError(f"a member of kind {member.kind} cannot be kept")


def _made(kind: str, held: Mapping[str, NDArray[Any]], shape: networks.Shape) -> Member:
    if kind == OnEmbedding.kind:
        head = networks.Head(
            centre=held["c"], width=held["d"], weights=held["w"].astype(float), bias=held["b"]
        )
        return OnEmbedding(head=head)
    knots = networks.Knots(**{name: held[name] for name in KNOTS})
    if kind == Plain.kind:
        return Plain(knots=knots, weights=held["w"].astype(float), bias=held["b"])
    count = sum(name.startswith("w") and name[1:].isdigit() for name in held)
    weights = [held[f"w{number}"].astype(np.float32) for number in range(count)]
    return SegmentNet(shape=shape, knots=knots, weights=weights)


def _knots(knots: networks.Knots) -> Arrays:
    return {name: getattr(knots, name) for name in KNOTS}


def _below(held: Mapping[str, NDArray[Any]], prefix: str) -> Arrays:
    return {name.removeprefix(prefix): held[name] for name in held if name.startswith(prefix)}


# --- on disk --------------------------------------------------------------------------------


def load_starts(path: Path, groups: tuple[int, ...]) -> dict[int, Before]:
    """Return what lies at *path*, by fold; nothing where nothing does or it cannot be read.

    A night can do without: then it starts from nothing.
    """
    held = read_arrays(path)
    try:
        return {
            int(number): from_arrays(_below(held, f"{number}/"), groups)
            for number in held.get("folds", ())
        }
    except (KeyError, ValueError):
        return {}


def read_arrays(path: Path) -> Arrays:
    """Return the arrays at *path*; none where there is no whole file."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
    except (OSError, ValueError, BadZipFile):
        return {}


def save_arrays(path: Path, arrays: Arrays) -> None:
    """Write *arrays* whole or not at all; raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(scratch, "wb", opener=_private) as file:
            np.savez(file, **arrays)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
