"""Write a trained ensemble as a model folder, complete or not at all.

Each member becomes a LiteRT file; the finished folder is loaded as a worker would load it
and must say what Keras said, else it is thrown away. A folder once there never changes.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from core.analysis.features import FEATURE_VERSION, FEATURES
from core.decision.beyond import Known
from core.decision.promise import Cases, Promise
from core.decision.surety import Surety
from core.errors import ModelError, TrainingError
from core.learning.confidence.calibrate import Calibration
from core.learning.ensemble.starts import STARTS, Before, starts
from core.learning.figures.evaluate import Accuracy
from core.learning.nets.members import Ensemble, Plain
from core.learning.tracks.dataset import Track, embeddings, group_numbers, stacked
from core.registry import BACKBONE, BEYOND

__all__ = ["Paper", "Trained", "write_model"]

TOLERANCE = 1e-3  # of a logit; LiteRT adds in another order


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What the model says of itself beyond its numbers."""

    version: str
    created: str  # ISO 8601 UTC
    provenance: str
    licence: str
    backbone: str | None = None  # sha256 of the weights behind the tracks' embeddings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A finished training: the ensemble, and what it is known to be worth."""

    genres: tuple[str, ...]
    ensemble: Ensemble
    tracks: tuple[Track, ...]
    out_of_fold: NDArray[np.float64]  # [tracks, G], calibrated without the track's artist
    pooled: NDArray[np.float64]  # [tracks, G], the same before any calibration
    folds: NDArray[np.integer[Any]]  # [tracks], which of them were predicted together
    calibration: Calibration
    promise: Promise
    collection: Cases  # blind answers on the collection; the user's own labels are none
    library: Cases  # those on the user's tracks that were named unprompted
    surety: Surety | None  # what says how likely the first genre is right, if anything does
    longest: int  # segments of the longest tracks that the calibration holds for
    accuracy: Accuracy
    protocol: str
    figures: Mapping[str, float]  # more about the same predictions
    shares: Mapping[str, float]  # what each kind of member counts; 0: tried, and left out
    # of each fold the fingerprints that its members were trained on when they spoke of it
    lessons: Mapping[int, frozenset[str]]
    known: Known | None = None  # what lies beyond the genres; None without a backbone
    starts: Mapping[int, Before] = field(default_factory=dict)  # for the next night, by fold


def write_model(trained: Trained, paper: Paper, root: Path) -> Path:
    """Write *trained* to *root*/version and return that folder.

    Raises TrainingError when the version exists, the disk refuses, or the written model
    does not agree with Keras.
    """
    target = root / paper.version
    if target.exists():
        raise TrainingError("that model version exists already", str(target), "choose another name")
    partial = root / f".{paper.version}.partial"
    shutil.rmtree(partial, ignore_errors=True)  # of one that was killed
    try:
        partial.mkdir(mode=0o700, parents=True)
        _fill(trained, paper, partial)
        _agree(trained, partial)
        for path in partial.iterdir():  # they hold what a person's music sounds like
            path.chmod(0o600)
        _sync(partial)
        partial.rename(target)
    except OSError as error:
        raise TrainingError(
            f"the model cannot be written ({error.strerror})", str(root), "make room or allow it"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _fill(trained: Trained, paper: Paper, folder: Path) -> None:
    members = []
    weights = trained.ensemble.weights
    for number, (member, weight) in enumerate(zip(trained.ensemble.members, weights, strict=True)):
        name = f"member-{number}.tflite"
        _export(member.model(), folder / name)
        members.append(
            {"file": name, "weight": weight, "input": member.judges, "kind": member.kind}
        )
    _write_json(folder / "calibration.json", _calibration(trained))
    np.savez_compressed(folder / "replay.npz", **_replay(trained))
    if trained.known is not None:
        np.savez_compressed(folder / BEYOND, **trained.known.arrays())
    plain = trained.ensemble.plain
    if plain is not None:
        np.savez_compressed(folder / "linear.npz", **_linear(plain))
    if trained.starts:
        np.savez_compressed(folder / STARTS, **starts(trained.starts))
    files = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
    manifest = {
        "format": 1,
        "version": paper.version,
        "created": paper.created,
        "feature_version": FEATURE_VERSION,
        "genres": list(trained.genres),
        "members": members,
        "calibration": "calibration.json",
        "replay": "replay.npz",
        "linear": None if plain is None else "linear.npz",
        "backbone": _backbone(trained, paper),
        "provenance": paper.provenance,
        "licence": paper.licence,
        "metrics": _metrics(trained),
        "training": {"fingerprints": sorted(track.fingerprint for track in trained.tracks)},
        "files": files,
    }
    _write_json(folder / "manifest.json", manifest)


def _backbone(trained: Trained, paper: Paper) -> dict[str, str] | None:
    """Name the backbone that a worker must have for this model; None where it needs none."""
    if not trained.ensemble.embedded:
        return None
    if paper.backbone is None:
        raise TrainingError("nobody said which backbone the embeddings are from")
    return {"name": BACKBONE, "sha256": paper.backbone}


def _export(model: keras.Model, target: Path) -> None:
    """Convert to LiteRT; the converter talks to stdout, which is not ours to litter."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            model.export(str(target), format="litert", verbose=False)
        except (RuntimeError, ValueError, TypeError) as error:
            raise TrainingError("the network cannot be converted to LiteRT") from error


def _calibration(trained: Trained) -> dict[str, Any]:
    bias = dict(zip(trained.genres, trained.calibration.bias.tolist(), strict=True))
    return {
        "temperature": trained.calibration.temperature,
        "bias": {genre: round(value, 6) for genre, value in bias.items()},
        "threshold": trained.promise.threshold,
        "promise": trained.promise.precision,
        "evidence": asdict(trained.promise),
        "longest": trained.longest,
        "collection": _cases(trained.collection),
        "library": _cases(trained.library),
        "right": None if trained.surety is None else trained.surety.document(),
    }


def _cases(cases: Cases) -> dict[str, Any]:
    return {
        "sure": [round(value, 4) for value in cases.sure.tolist()],
        "right": cases.right.astype(int).tolist(),
        "artist": cases.artist.tolist(),
    }


def _metrics(trained: Trained) -> dict[str, Any]:
    accuracy = asdict(trained.accuracy)
    figures = {name: round(float(value), 4) for name, value in trained.figures.items()}
    value = round(accuracy.pop("value"), 4)
    rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in accuracy.items()}
    shares = {kind: round(float(share), 4) for kind, share in trained.shares.items()}
    told = {"accuracy": value, **rounded, "protocol": trained.protocol, **figures}
    return {**told, "members": shares}


def _replay(trained: Trained) -> dict[str, NDArray[Any]]:
    """The training tracks for nights to come: numbers only, no names."""
    limit = np.finfo(np.float16).max
    features = [np.clip(track.features, -limit, limit) for track in trained.tracks]
    counts = [len(rows) for rows in features]
    embedding = embeddings(trained.tracks)
    kept = {} if embedding is None else {"embedding": embedding.astype(np.float16)}
    return {
        **kept,
        "features": np.concatenate(features).astype(np.float16),
        "track": np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        "genre": np.array([trained.genres.index(t.genre) for t in trained.tracks], np.int16),
        "group": group_numbers(trained.tracks),
        "fingerprint": np.array([t.fingerprint.encode() for t in trained.tracks], "S32"),
        "oof": trained.out_of_fold.astype(np.float16),
        "fold": trained.folds.astype(np.int8),
        "labelled": np.array([track.labelled for track in trained.tracks]),
        "arrived": np.array([track.arrived for track in trained.tracks]),
    }


def _linear(plain: Plain) -> dict[str, NDArray[Any]]:
    """The plain member in numbers, from which the program explains without its runtime."""
    knots = plain.knots
    return {
        "start": knots.start,
        "width": knots.width,
        "slope": knots.slope,
        "foot": knots.foot,
        "weights": plain.weights.astype(np.float32),
        "bias": plain.bias.astype(np.float32),
        "blocks": np.array([feature.block for feature in FEATURES]),
    }


def _agree(trained: Trained, folder: Path) -> None:
    """Load the folder as a worker does and compare it with Keras on training segments."""
    from core.analysis.runtime import Ensemble as Runtime

    some = _spread(trained.tracks, 64)
    wanted = trained.ensemble.scores(*stacked(some))
    try:
        runtime = Runtime(folder)
        found = [runtime.score(track.features, track.embedding) for track in some]
    except ModelError as error:
        raise TrainingError(f"the exported model does not load ({error.what})") from error
    worst = float(np.max(np.abs(np.concatenate(found, axis=1) - wanted)))
    if not worst <= TOLERANCE:
        raise TrainingError(
            f"the exported model differs from the trained one by {worst:.3g}",
            remedy="run doctor; the LiteRT of this machine may be broken",
        )


def _spread(tracks: Sequence[Track], count: int) -> Sequence[Track]:
    return tracks[:: max(1, len(tracks) // count)]


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
