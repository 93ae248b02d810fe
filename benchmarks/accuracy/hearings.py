"""The excerpts as heard: by the program itself, once, then from the store.

A fold at a time, so that a run that was cut off need not hear everything again. Known by
the bytes of the files, the code that hears, and the backbone.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.packing import pack, unpack
from benchmarks.accuracy.store import Arrays, Store, digest
from core.errors import TrainingError
from core.learning.base import Excerpts, Piece, pieces
from core.learning.tracks.dataset import Sample, Track
from core.learning.tracks.hearing import Augmentation, Progress, hear_all
from core.registry import backbone_source

__all__ = ["heard_excerpts", "heard_samples", "identity"]

HEARING = ("core.learning.tracks.hearing", "core.learning.tracks.augment")


def heard_excerpts(
    data: Path, store: Store, progress: Progress, *, seed: int, factor: int, backbone: str | None
) -> Excerpts:
    """Return all fault-filtered excerpts under *data*; raises TrainingError, ModelError."""
    listed = pieces(data)
    if not listed:
        raise TrainingError("there are no excerpts", str(data), "name the folder of the excerpts")
    augmentation = Augmentation(factor=factor, seed=seed)
    files = Counter(piece.sample.genre for piece in listed)
    tracks: dict[int, Track] = {}
    for fold in sorted({piece.fold for piece in listed}):
        mine = [number for number, piece in enumerate(listed) if piece.fold == fold]
        samples = [listed[number].sample for number in mine]
        heard = heard_samples(
            samples, augmentation, store, progress, backbone=backbone, files=files
        )
        tracks.update(zip(mine, heard, strict=True))
    return _excerpts([tracks[number] for number in range(len(listed))], listed)


def heard_samples(
    samples: Sequence[Sample],
    augmentation: Augmentation,
    store: Store,
    progress: Progress,
    *,
    backbone: str | None,
    files: Mapping[str, int] | None = None,
) -> tuple[Track, ...]:
    """Return *samples* as heard, in their order; raises TrainingError where one cannot be.

    *files* are those of each genre where *samples* are a part of them.
    """

    def hear() -> Arrays:
        material = hear_all(samples, augmentation, progress, backbone=backbone, files=files)
        if material.left_out:
            left = material.left_out[0]
            raise TrainingError(f"an excerpt cannot be heard: {left.reason}", left.path)
        return pack(material.tracks)

    source = backbone_source(Path(backbone)) if backbone else None
    each = [[_sha256(Path(s.path)), s.genre, s.group] for s in samples]
    key = f"hearings {json.dumps([each, files])} {augmentation} {source}"
    heard: tuple[Track, ...] = unpack(store.kept(key, hear, code=HEARING))
    return heard


def identity(tracks: Sequence[Track]) -> str:
    """Return a name for what *tracks* hold, to the bit."""
    parts: list[str | bytes] = []
    for name, values in pack(tracks).items():
        parts += [name, str(values.dtype), str(values.shape), values.tobytes()]
    return digest(*parts)


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
