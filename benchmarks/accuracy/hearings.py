"""The excerpts as heard: by the program itself, once, then from the store.

A fold at a time, so that a run that was cut off need not hear everything again. Known by
the bytes of the files, the code that hears, and the backbone.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.store import Arrays, Store, digest
from core.errors import TrainingError
from core.learning.base import Excerpts, Piece, pieces
from core.learning.dataset import Sample, Track
from core.learning.hearing import Augmentation, Progress, hear_all
from core.registry import backbone_source

__all__ = ["as_arrays", "from_arrays", "heard_excerpts", "heard_samples", "identity"]

HEARING = ("core.learning.hearing", "core.learning.augment")


def heard_excerpts(
    data: Path, store: Store, progress: Progress, *, seed: int, factor: int, backbone: str | None
) -> Excerpts:
    """Return all fault-filtered excerpts under *data*; raises TrainingError, ModelError."""
    listed = pieces(data)
    if not listed:
        raise TrainingError("there are no excerpts", str(data), "name the folder of the excerpts")
    augmentation = Augmentation(factor=factor, seed=seed)
    tracks: dict[int, Track] = {}
    for fold in sorted({piece.fold for piece in listed}):
        mine = [number for number, piece in enumerate(listed) if piece.fold == fold]
        samples = [listed[number].sample for number in mine]
        heard = heard_samples(samples, augmentation, store, progress, backbone=backbone)
        tracks.update(zip(mine, heard, strict=True))
    return _excerpts([tracks[number] for number in range(len(listed))], listed)


def heard_samples(
    samples: Sequence[Sample],
    augmentation: Augmentation,
    store: Store,
    progress: Progress,
    *,
    backbone: str | None,
) -> tuple[Track, ...]:
    """Return *samples* as heard, in their order; raises TrainingError where one cannot be."""

    def hear() -> Arrays:
        material = hear_all(samples, augmentation, progress, backbone=backbone)
        if material.left_out:
            left = material.left_out[0]
            raise TrainingError(f"an excerpt cannot be heard: {left.reason}", left.path)
        return as_arrays(material.tracks)

    source = backbone_source(Path(backbone)) if backbone else None
    each = [[_sha256(Path(s.path)), s.genre, s.group] for s in samples]
    key = f"hearings {json.dumps(each)} {augmentation} {source}"
    return from_arrays(store.kept(key, hear, code=HEARING))


def identity(tracks: Sequence[Track]) -> str:
    """Return a name for what *tracks* hold, to the bit."""
    parts: list[str | bytes] = []
    for name, values in as_arrays(tracks).items():
        parts += [name, str(values.dtype), str(values.shape), values.tobytes()]
    return digest(*parts)


def as_arrays(tracks: Sequence[Track]) -> Arrays:
    """Return *tracks* as arrays by name; whatever else a track may carry one day comes along."""
    arrays: Arrays = {}
    table = []
    for number, track in enumerate(tracks):
        row = {}
        for field in fields(track):
            row[field.name] = _put(arrays, f"{number}.{field.name}", getattr(track, field.name))
        table.append(row)
    arrays["table"] = np.array(json.dumps(table))
    return arrays


def from_arrays(arrays: Arrays) -> tuple[Track, ...]:
    """Return the tracks that `as_arrays` wrote."""
    rows = json.loads(str(arrays["table"]))
    return tuple(
        Track(**{name: _got(arrays, f"{number}.{name}", kept) for name, kept in row.items()})
        for number, row in enumerate(rows)
    )


def _put(arrays: Arrays, name: str, value: Any) -> Any:
    """Put the arrays of *value* under *name*; return what else there is to know of it."""
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": True}
    if isinstance(value, tuple):
        return {"each": [_put(arrays, f"{name}.{i}", item) for i, item in enumerate(value)]}
    return value


def _got(arrays: Arrays, name: str, kept: Any) -> Any:
    if not isinstance(kept, dict):
        return kept
    if "array" in kept:
        return arrays[name]
    return tuple(_got(arrays, f"{name}.{i}", item) for i, item in enumerate(kept["each"]))


def _excerpts(tracks: Sequence[Track], listed: Sequence[Piece]) -> Excerpts:
    return Excerpts(
        tracks=tuple(tracks),
        clips=_column(listed, lambda piece: piece.clip),
        folds=_column(listed, lambda piece: piece.fold),
        short=_column(listed, lambda piece: piece.short),
    )


def _column(listed: Sequence[Piece], of: Callable[[Piece], Any]) -> NDArray[Any]:
    return np.array([of(piece) for piece in listed])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
