"""What a worker can hear: `glance` and `probe` (who is this file?), `analyse` (what is in it?).

Runs in an analysis worker, reached by dotted name. This file itself stays light: the
resident unpickles what it returns, so PyAV, scipy and LiteRT are imported inside.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.analysis.disk import born_ns, unreadable
from core.errors import AudioError, ModelError, UntaggableFile
from core.stamp import Stamp
from core.tags import TagReading

if TYPE_CHECKING:
    from core.analysis.decode import Recording, Scan
    from core.registry import Manifest

__all__ = ["Glance", "Hearing", "Probe", "analyse", "glance", "mean_of", "probe", "score"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """Who a file is at first sight, without reading it whole."""

    head: str  # 32 hex digits over the first MiB of audio packets, blind to tags
    volume: int  # the device it lies on
    stamp: Stamp
    tag: TagReading


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Who a file is: its track, its length, its state on disk, its tag."""

    fingerprint: str  # 32 hex digits over the audio packets, blind to tags
    head: str  # what a glance says of it
    volume: int  # the device it lies on
    duration_s: float  # true length, from the packets
    stamp: Stamp
    links: int  # hard links to the file
    tag: TagReading
    born_ns: int = 0  # when the file was made, 0 where the system cannot say
    whole: str = ""  # hash of the whole file, where it was asked for


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hearing:
    """What was heard in a track under one model; n = 0 segments where all is silent."""

    fingerprint: str
    duration_s: float
    feature_version: int
    model_version: str
    starts_s: NDArray[np.float32]  # [n]
    features: NDArray[np.float32]  # [n, 135]
    scores: NDArray[np.float32]  # [members, n, genres], raw logits
    genres: tuple[str, ...]
    seconds_heard: float  # seconds of audio that were decoded for it
    embedding: NDArray[np.float32] | None = None  # [patches, 200], where there is a backbone
    tags: NDArray[np.float32] | None = None  # [patches, 50], its probabilities

    @property
    def mean_embedding(self) -> NDArray[np.float32] | None:
        """[200], by which a track is judged; None without a backbone, and of silence."""
        return mean_of(self.embedding)

    @property
    def mean_tags(self) -> NDArray[np.float32] | None:
        """[50], likewise."""
        return mean_of(self.tags)


def glance(path: str) -> Glance:
    """Cheap identity and tag of the file at *path*, both of one state of it.

    Raises as `probe` does, but a file that breaks off after its first MiB looks whole.
    """
    before = _stat(path)
    begins, tag = _head(path), _tag(path)
    _require_unchanged(path, before)
    return Glance(head=begins, volume=before.st_dev, stamp=Stamp.of(before), tag=tag)


def probe(path: str, *, whole: bool = False) -> Probe:
    """Fingerprint, true length and tag of the file at *path*, all of one state of it.

    *whole* asks for the hash of all its bytes, too. Raises AudioError where it cannot be heard
    or changes meanwhile, TagError where its tag cannot be read. A kind of file without a place
    for a genre is told in the tag reading.
    """
    before = _stat(path)
    scanned = _scan(path)
    tag = _tag(path)
    digest = _whole(path) if whole else ""
    _require_unchanged(path, before)
    return Probe(
        fingerprint=scanned.fingerprint,
        head=scanned.head,
        volume=before.st_dev,
        duration_s=scanned.duration_s,
        stamp=Stamp.of(before),
        links=before.st_nlink,
        tag=tag,
        born_ns=born_ns(path),
        whole=digest,
    )


def analyse(path: str, model_dir: str, backbone: str | None = None) -> Hearing:
    """Hear the file at *path* with the model in *model_dir* and the *backbone* in its folder.

    Raises AudioError, and ModelError also for a model that needs another backbone or any.
    """
    from core.analysis.decode import listen
    from core.analysis.features import FEATURE_VERSION, extract
    from core.analysis.runtime import ensemble
    from core.analysis.segments import RATE, plan_segments

    model = ensemble(model_dir)
    if backbone:
        _require_same(backbone, model.manifest)
    recording = listen(path, plan_segments)
    features, starts_s = extract(recording)
    embedding, tags = _by_backbone(recording, starts_s, backbone) if backbone else (None, None)
    return Hearing(
        fingerprint=recording.scan.fingerprint,
        duration_s=recording.scan.duration_s,
        feature_version=FEATURE_VERSION,
        model_version=model.manifest.version,
        starts_s=starts_s,
        features=features,
        scores=model.score(features, mean_of(embedding)),
        genres=tuple(model.manifest.genres),
        seconds_heard=sum(len(piece) for piece in recording.pieces) / RATE,
        embedding=embedding,
        tags=tags,
    )


def score(
    features: NDArray[np.float32], model_dir: str, embedding: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Raw scores f32 [members, n, genres] of kept *features* f32 [n, 135] and the track's
    mean *embedding* f32 [200], if it has one. Raises ModelError.
    """
    from core.analysis.runtime import ensemble

    return ensemble(model_dir).score(features, embedding)


def mean_of(patches: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    """The mean [d] of *patches* [n, d], by which a track is judged; None without a backbone,
    and of silence.
    """
    if patches is None or not len(patches):
        return None
    return np.asarray(patches.mean(axis=0), np.float32)


def _by_backbone(
    recording: "Recording", starts_s: NDArray[np.float32], folder: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from core.analysis.backbone import backbone, stretches

    return backbone(folder).embed(stretches(recording, starts_s))


def _require_same(backbone: str, model: "Manifest") -> None:
    """Raise ModelError where *model* was trained on another backbone's embeddings."""
    from core.registry import backbone_source

    if model.backbone is not None and model.backbone != backbone_source(Path(backbone)):
        what = f"model {model.version} was trained with another backbone"
        raise ModelError(what, backbone, "run: python -m core.learning.backbone")


def _require_unchanged(path: str, before: os.stat_result) -> None:
    if Stamp.of(_stat(path)) != Stamp.of(before):
        raise AudioError("changed while it was read", path, "it is read again once it is still")


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116 (a str may hold any bytes)
    except OSError as error:
        raise unreadable(error, path) from error


def _whole(path: str) -> str:
    from core.tags.formats import opened
    from core.tags.undo import hash_of

    try:
        with opened(path) as file:
            return hash_of(file)
    except OSError as error:
        raise unreadable(error, path) from error


def _scan(path: str) -> "Scan":
    from core.analysis.decode import Scan, scan

    try:
        return scan(path)
    except AudioError as error:
        known = _unheard(path, error)
        return Scan(fingerprint=known, duration_s=0.0, head=known)


def _head(path: str) -> str:
    from core.analysis.decode import head

    try:
        return head(path)
    except AudioError as error:
        return _unheard(path, error)


def _unheard(path: str, error: AudioError) -> str:
    """Know a track by its bytes where no decoder here knows its kind of file; else *error*."""
    from core.tags import formats

    known = formats.bytes_between_tags(path)
    if known is None:
        raise error
    return known


def _tag(path: str) -> TagReading:
    from core.tags import formats

    try:
        return formats.read(path)
    except UntaggableFile as error:
        return TagReading(format="none", genres=(), unwritable=error.reason)
