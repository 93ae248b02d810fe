"""Turn sample files into tracks: decode, features, embedding, copies, in parallel.

Runs in processes of its own, so a file that crashes a decoder costs that file and no more.
Imports no TensorFlow: a spawned process would pay for it each time.
"""

import multiprocessing.connection
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import AudioError
from core.learning.tracks.dataset import LeftOut, Material, Sample, Track
from core.learning.tracks.kept import Entry, Kept
from core.registry import backbone_source
from core.taxonomy import fold

if TYPE_CHECKING:
    from core.analysis.decode import Recording

__all__ = ["Augmentation", "Progress", "described", "hear", "hear_all", "heard", "thinned"]

Progress = Callable[[str, int, int], None]  # stage, done, total

COPY_SEGMENTS = 6  # of a copy; more of one track teach little new


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How many copies of a track of the commonest genre, and which effects they may get."""

    factor: int = 5
    advanced: bool = True
    seed: int = 1


Job = tuple[Sample, Augmentation, str | None, Path | None]


def heard(
    path: str, backbone: str | None
) -> "tuple[Recording, NDArray[np.float32], NDArray[np.float32] | None]":
    """Return what is decoded of *path*, its features [n, 135] and its mean embedding [200].

    The embedding is None without a *backbone* folder, and of silence. Raises AudioError,
    ModelError.
    """
    from core.analysis.decode import listen
    from core.analysis.segments import plan_segments

    recording = listen(path, plan_segments)
    return (recording, *described(recording, backbone))


def described(
    recording: "Recording", backbone: str | None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Features [n, 135] of *recording* and its mean embedding [200], as `heard` gives them."""
    from core.analysis import mean_of
    from core.analysis.features import extract

    features, starts_s = extract(recording)
    if backbone is None:
        return features, None
    from core.analysis import backbone as pretrained

    pieces = pretrained.stretches(recording, starts_s)
    return features, mean_of(pretrained.backbone(backbone).embed(pieces)[0])


def hear(
    sample: Sample,
    augmentation: Augmentation,
    backbone: str | None = None,
    kept: Path | None = None,
) -> Track | LeftOut:
    """Return *sample* as a track with its copies, or why it cannot be learned from.

    Embeddings are by the *backbone* in that folder; in the folder *kept* lies what was heard
    before. Raises ModelError.
    """
    try:
        fingerprint, entry = _entry(sample, augmentation, backbone, kept)
    except AudioError as error:
        return LeftOut(path=sample.path, reason=error.reason)
    if not len(entry.features):
        return LeftOut(path=sample.path, reason="it is silent")
    return Track(
        fingerprint=fingerprint,
        genre=sample.genre,
        group=sample.group,
        features=entry.features,
        embedding=entry.embedding,
        copies=tuple(copy for copy in entry.copies if len(copy)),
    )


def _entry(
    sample: Sample, augmentation: Augmentation, backbone: str | None, kept: Path | None
) -> tuple[str, Entry]:
    """Fingerprint and what is heard of *sample*, from *kept* where it lies there."""
    from core.analysis.decode import scan

    if kept is None:
        return _anew(sample, augmentation, backbone)
    store = Kept(folder=kept)
    source = None if backbone is None else backbone_source(Path(backbone))
    drawn = (fold(sample.genre), augmentation.seed, augmentation.advanced, source)
    fingerprint = scan(sample.path).fingerprint
    known = store.find(fingerprint, *drawn, copies=augmentation.factor)
    if known is not None:
        return fingerprint, known
    fingerprint, entry = _anew(sample, augmentation, backbone)
    store.keep(fingerprint, *drawn, entry=entry)
    return fingerprint, entry


def _anew(sample: Sample, augmentation: Augmentation, backbone: str | None) -> tuple[str, Entry]:
    recording, features, embedding = heard(sample.path, backbone)
    copies = _copies(recording, sample.genre, augmentation) if len(features) else ()
    entry = Entry(features=features, embedding=embedding, copies=copies)
    return recording.scan.fingerprint, entry


def _copies(
    recording: "Recording", genre: str, augmentation: Augmentation
) -> tuple[NDArray[np.float32], ...]:
    """Features [m, 135] of each copy; m is 0 where it is silent.

    The backbone hears none: on inner folds a head fitted on copies too was right one point
    less often, and copies would take two to four times as long.
    """
    from core.analysis.features import extract
    from core.learning.tracks.augment import disturb, random_for

    few = thinned(recording, COPY_SEGMENTS)
    copies = []
    for number in range(augmentation.factor):
        rng = random_for(recording.scan.fingerprint, augmentation.seed, number)
        copies.append(extract(disturb(few, genre, rng, advanced=augmentation.advanced))[0])
    return tuple(copies)


def thinned(recording: "Recording", most: int) -> "Recording":
    """Return *recording* with at most *most* of its segments, evenly, and what they need."""
    from core.analysis.segments import Plan, union

    plan = recording.plan
    few = slice(None, None, -(-len(plan.segments) // most))
    contexts = plan.contexts[few]
    windows = union(contexts)
    return replace(
        recording,
        plan=Plan(segments=plan.segments[few], contexts=contexts, windows=windows),
        pieces=tuple(_cut(recording, window.start, window.stop) for window in windows),
    )


def _cut(recording: "Recording", start: int, stop: int) -> NDArray[np.float32]:
    """The samples [start, stop) of the track, as far as they were decoded."""
    window, piece = next(
        (window, piece)
        for window, piece in zip(recording.plan.windows, recording.pieces, strict=True)
        if window.start <= start < window.stop
    )
    return piece[start - window.start : stop - window.start]


def hear_all(
    samples: Sequence[Sample],
    augmentation: Augmentation,
    progress: Progress,
    *,
    processes: int = 2,
    backbone: str | None = None,
    kept: Path | None = None,
    files: Mapping[str, int] | None = None,
) -> Material:
    """Hear all *samples*; duplicates and files that cannot be heard are left out, with reasons.

    The rarer a genre, the more copies of each of its files (`copies_of`); *files* says how
    many each genre has where *samples* are a part of them. What was heard before is taken
    from the folder *kept*. Raises ModelError where the *backbone* in that folder cannot be
    used.
    """
    files = files or Counter(sample.genre for sample in samples)
    jobs = _jobs(samples, _by_genre(files, augmentation), backbone, kept)
    results: dict[int, Track | LeftOut] = {}
    for number, result in _in_parallel(jobs, processes):
        results[number] = result
        progress("features", len(results), len(samples))
    if kept is not None:
        Kept(folder=kept).trim()
    return _without_duplicates(samples, [results[number] for number in range(len(samples))])


def _jobs(
    samples: Sequence[Sample],
    by_genre: Mapping[str, Augmentation],
    backbone: str | None,
    kept: Path | None,
) -> list[Job]:
    """What `hear` is called with for each of *samples*."""
    return [(sample, by_genre[sample.genre], backbone, kept) for sample in samples]


def _by_genre(files: Mapping[str, int], augmentation: Augmentation) -> dict[str, Augmentation]:
    """How each genre is augmented, of which there are so many *files*."""
    from core.learning.tracks.augment import copies_of

    most = max(files.values(), default=0)
    return {
        genre: replace(augmentation, factor=copies_of(count, most, augmentation.factor))
        for genre, count in files.items()
    }


def _in_parallel(jobs: Sequence[Job], processes: int) -> Iterator[tuple[int, Track | LeftOut]]:
    """Yield (number, result) as they come; what was under way in a crash is heard one by one."""
    left = dict(enumerate(jobs))
    with _pool(processes) as pool:
        running = {pool.submit(hear, *job): n for n, job in left.items()}
        for done in as_completed(running):
            if done.cancelled() or isinstance(done.exception(), BrokenProcessPool):
                continue
            del left[running[done]]
            yield running[done], done.result()
    for number, job in left.items():
        with _pool(1) as pool:
            yield number, _survived(pool.submit(hear, *job), job[0])


def _survived(job: "Future[Track | LeftOut]", sample: Sample) -> Track | LeftOut:
    try:
        return job.result()
    except BrokenProcessPool:
        return LeftOut(path=sample.path, reason="it crashes the decoder")


def _pool(processes: int) -> ProcessPoolExecutor:
    # one thread each: more would fight over the same cores
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=context, initializer=_never_orphaned)


def _never_orphaned() -> None:
    """End with the trainer, also when that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True).start()


def _die_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _without_duplicates(samples: Sequence[Sample], results: Sequence[Track | LeftOut]) -> Material:
    """Keep the first of files with the same audio; with two genres, none of them."""
    tracks: dict[str, Track] = {}
    left_out: list[LeftOut] = []
    disputed: set[str] = set()
    for sample, result in zip(samples, results, strict=True):
        if isinstance(result, LeftOut):
            left_out.append(result)
        elif (other := tracks.get(result.fingerprint)) is None:
            tracks[result.fingerprint] = result
        elif other.genre == result.genre:
            left_out.append(LeftOut(path=sample.path, reason="the same audio is there twice"))
        else:
            disputed.add(result.fingerprint)
            reason = f"the same audio is in {other.genre} and in {result.genre}"
            left_out.append(LeftOut(path=sample.path, reason=reason))
    kept = tuple(track for name, track in tracks.items() if name not in disputed)
    return Material(tracks=kept, left_out=tuple(left_out))
