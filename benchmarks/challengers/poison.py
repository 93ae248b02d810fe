"""Seven ways to spoil a challenger: each a trainer that does wrong, or damage to what it wrote.

They stand in for faults of ours: labels read in the wrong order, a genre lost, confidence
that nothing supports, folds that leak, members that nobody can afford, files cut short.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.challengers.light import trained_once as train
from core.decision.verdict import calibrate
from core.learning.ensemble.export import Trained
from core.learning.nets.members import SEGMENTS, Ensemble, Heard, Member, OnEmbedding, Plain
from core.learning.tracks.dataset import Track

__all__ = ["KINDS", "Poison"]

Trainer = Callable[..., Trained]
Damage = Callable[[Path], None]
FEATURES = 135


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """How a challenger is spoilt: while it is trained, once it is written, or once it has won."""

    kind: str
    how: str
    trainer: Trainer = train
    damage: Damage | None = None  # before the gate
    later: Damage | None = None  # after it, before it is put to use


def _renamed(tracks: Sequence[Track], names: Sequence[str]) -> list[Track]:
    return [replace(track, genre=name) for track, name in zip(tracks, names, strict=True)]


# --- labels and genres ----------------------------------------------------------------------


def shuffled(seed: int) -> Poison:
    """The genres of half to all of the tracks change places before it is trained."""
    share = (0.5, 0.75, 1.0)[seed % 3]

    def trainer(tracks: Sequence[Track], *given: Any, **named: Any) -> Trained:
        rng = np.random.default_rng(seed)
        names = np.array([track.genre for track in tracks], dtype=object)
        some = rng.permutation(len(names))[: round(share * len(names))]
        names[some] = names[rng.permutation(some)]
        return replace(
            train(_renamed(tracks, names.tolist()), *given, **named), tracks=tuple(tracks)
        )

    return Poison(kind="shuffled labels", how=f"{share:.0%} of the tracks", trainer=trainer)


def collapsed(seed: int) -> Poison:
    """One genre is never said any more, or nearly always."""
    shift = (-8.0, 4.0)[seed % 2]

    def trainer(tracks: Sequence[Track], *given: Any, **named: Any) -> Trained:
        made = train(tracks, *given, **named)
        push = shift * np.eye(len(made.genres))[seed * 3 % len(made.genres)]
        kept = made.ensemble
        members = tuple(_pushed(member, push) for member in kept.members)
        return replace(
            made,
            ensemble=Ensemble(members=members, weights=kept.weights),
            out_of_fold=calibrate(made.out_of_fold, 1.0, push),
            pooled=calibrate(made.pooled, 1.0, push),
        )

    how = "never said" if shift < 0 else "nearly always said"
    return Poison(kind="one genre collapsed", how=how, trainer=trainer)


def _pushed(member: Member, push: NDArray[np.float64]) -> Member:
    """The same member, its logits moved by *push* [G]."""
    if isinstance(member, Plain):
        return replace(member, bias=member.bias + push)
    if isinstance(member, OnEmbedding):
        return replace(member, head=replace(member.head, bias=member.head.bias + push))
    return member


# --- confidence -----------------------------------------------------------------------------


def over_confident(seed: int) -> Poison:
    """Its confidences are too sharp: all it says, or only what its folder would make it say."""
    sharper = (2.0, 3.0, 5.0)[seed % 3]

    def trainer(tracks: Sequence[Track], *given: Any, **named: Any) -> Trained:
        made = train(tracks, *given, **named)
        cool = replace(made.calibration, temperature=made.calibration.temperature / sharper)
        if seed % 2:
            return replace(made, calibration=cool)
        words = calibrate(made.out_of_fold, 1 / sharper, np.zeros(len(made.genres)))
        return replace(made, calibration=cool, out_of_fold=words)

    how = f"temperature / {sharper:g}, {'written only' if seed % 2 else 'everywhere'}"
    return Poison(kind="over-confident", how=how, trainer=trainer)


# --- artists on both sides ------------------------------------------------------------------


def leaking(seed: int) -> Poison:
    """It was trained on artists that it is judged by, hides it, or says nothing of it."""

    def by_track(tracks: Sequence[Track], *given: Any, **named: Any) -> Trained:
        loose = [replace(track, group=track.fingerprint, fold=-1) for track in tracks]
        return replace(train(loose, *given, **named), tracks=tuple(tracks))

    def by_heart(tracks: Sequence[Track], *given: Any, **named: Any) -> Trained:
        made = train(tracks, *given, **named)
        everything = frozenset(track.fingerprint for track in tracks)
        told = _by_heart(made)
        return replace(made, out_of_fold=told, lessons=dict.fromkeys(made.lessons, everything))

    def silent(tracks: Sequence[Track], *given: Any, **named: Any) -> Trained:
        made = train(tracks, *given, **named)
        return replace(made, out_of_fold=_by_heart(made), lessons={})

    ways: Sequence[tuple[str, Trainer, Damage | None]] = (
        ("folds by track, not by artist", by_track, None),
        ("judged by what it was trained on", by_heart, None),
        ("it says of no fold what it was trained on", silent, None),
        ("its manifest lists nothing", by_heart, _listing(lambda names: [])),
        ("its manifest hides a track", train, _listing(lambda names: names[1:])),
    )
    how, trainer, damage = ways[seed % len(ways)]
    return Poison(kind="trained on scored artists", how=how, trainer=trainer, damage=damage)


def _by_heart(made: Trained) -> NDArray[np.float64]:
    """What the finished ensemble says of the tracks that it was trained on."""
    from core.learning.train import pooled_by

    pooled = pooled_by(made.ensemble, made.tracks)
    return calibrate(pooled, made.calibration.temperature, made.calibration.bias)


def _listing(change: Callable[[list[str]], list[str]]) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / "manifest.json"
        document = json.loads(path.read_text("utf-8"))
        document["training"]["fingerprints"] = change(document["training"]["fingerprints"])
        path.write_text(json.dumps(document), "utf-8")

    return damage


# --- costs ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Burden:
    """A member that says nothing, and takes its time or its room over it."""

    kind: ClassVar[str] = "linear"
    judges: ClassVar[str] = SEGMENTS
    genres: int
    size: int  # of the product of matrices that it makes of each segment, for nothing
    room: int  # numbers that it keeps, for nothing

    def says(self, heard: Heard) -> NDArray[np.floating[Any]]:
        """Return the logits [R, G] of somebody who knows nothing."""
        return np.zeros((len(heard.features), self.genres), np.float32)

    def model(self) -> keras.Model:
        """Build it from raw features (N, F) to logits (N, G), all zero."""
        features = keras.Input((FEATURES,))
        spent = keras.layers.Dense(1, use_bias=False)(features)
        if self.room:
            wide = keras.layers.Dense(self.room // FEATURES, use_bias=False)(features)
            spent = spent + keras.ops.mean(wide, axis=1, keepdims=True)
        if self.size:
            square = keras.ops.tile(features[:, :1, None], (1, self.size, self.size)) * 1e-6
            product = keras.ops.matmul(square, keras.ops.transpose(square, (0, 2, 1)))
            spent = spent + keras.ops.mean(product, axis=(1, 2))[:, None]
        bounded = keras.ops.tanh(spent) * 0.0
        return keras.Model(features, keras.ops.tile(bounded, (1, self.genres)))


def _burdened(size: int, room: int) -> Trainer:
    def trainer(tracks: Sequence[Track], *given: Any, **named: Any) -> Trained:
        made = train(tracks, *given, **named)
        burden: Member = Burden(genres=len(made.genres), size=size, room=room)
        kept = made.ensemble
        weights = (*(weight * (1 - 1e-6) for weight in kept.weights), 1e-6)
        return replace(made, ensemble=Ensemble(members=(*kept.members, burden), weights=weights))

    return trainer


def slow(seed: int) -> Poison:
    """One member multiplies large matrices for each segment and says nothing."""
    size = (1000, 1100, 1200)[seed % 3]
    how = f"{size} x {size} matrices a segment"
    return Poison(kind="slow", how=how, trainer=_burdened(size, 0))


def huge(seed: int) -> Poison:
    """One member has tens of millions of numbers for nothing."""
    megabytes = (24, 48, 96)[seed % 3]
    how = f"{megabytes} MB more"
    return Poison(kind="huge", how=how, trainer=_burdened(0, megabytes * 2**20 // 4))


# --- files ----------------------------------------------------------------------------------


def truncated(seed: int) -> Poison:
    """A file is cut short, its hash right or wrong, before the gate or after it."""
    ways: Sequence[tuple[str, Damage | None, Damage | None]] = (
        ("half of a member, before the gate", _cut("member-0.tflite", 0.5), None),
        ("half of a member, its hash made anew", _cut("member-1.tflite", 0.5, hash_too=True), None),
        ("the last byte of a member", _cut("member-1.tflite", 1.0), None),
        ("half of a member, after the gate", None, _cut("member-0.tflite", 0.5)),
        ("the calibration, its hash made anew", _cut("calibration.json", 0.5, hash_too=True), None),
        (
            "a tenth of a member left, its hash made anew",
            _cut("member-0.tflite", 0.1, hash_too=True),
            None,
        ),
        ("the manifest", _cut("manifest.json", 0.5), None),
    )
    how, damage, later = ways[seed % len(ways)]
    return Poison(kind="truncated file", how=how, damage=damage, later=later)


def _cut(name: str, share: float, *, hash_too: bool = False) -> Damage:
    """Keep *share* of a file, one byte less where that is all of it."""

    def damage(folder: Path) -> None:
        whole = (folder / name).read_bytes()
        part = whole[: min(len(whole) - 1, round(share * len(whole)))]
        (folder / name).write_bytes(part)
        if hash_too:
            manifest = folder / "manifest.json"
            document = json.loads(manifest.read_text("utf-8"))
            document["files"][name] = hashlib.sha256(part).hexdigest()
            manifest.write_text(json.dumps(document), "utf-8")

    return damage


KINDS: Mapping[str, Callable[[int], Poison]] = {
    "shuffled labels": shuffled,
    "one genre collapsed": collapsed,
    "over-confident": over_confident,
    "trained on scored artists": leaking,
    "slow": slow,
    "huge": huge,
    "truncated file": truncated,
}
