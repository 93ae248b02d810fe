"""Turn sample files into tracks: decode, features, augmented copies, in parallel.

Runs in processes of its own, so a file that crashes a decoder costs that file and no more.
Imports no TensorFlow: a spawned process would pay for it each time.
"""

import multiprocessing.connection
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import AudioError
from core.learning.dataset import LeftOut, Material, Sample, Track

if TYPE_CHECKING:
    from core.analysis.decode import Recording

__all__ = ["Augmentation", "Progress", "hear", "hear_all", "heard"]

Progress = Callable[[str, int, int], None]  # stage, done, total

COPY_SEGMENTS = 6  # of a copy; more of one track teach little new


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How many copies of each track, and which effects they may get."""

    factor: int = 5
    advanced: bool = True
    seed: int = 1


def heard(
    path: str, backbone: str | None
) -> "tuple[Recording, NDArray[np.float32], NDArray[np.float32] | None]":
    """Return what is decoded of *path*, its features [n, 135] and its mean embedding [200].

    The embedding is None without a *backbone* folder, and of silence. Raises AudioError,
    ModelError.
    """
    from core.analysis import mean_of
    from core.analysis.decode import listen
    from core.analysis.features import extract
    from core.analysis.segments import plan_segments

    recording = listen(path, plan_segments)
    features, starts_s = extract(recording)
    if backbone is None:
        return recording, features, None
    from core.analysis import backbone as pretrained

    pieces = pretrained.stretches(recording, starts_s)
    return recording, features, mean_of(pretrained.backbone(backbone).embed(pieces)[0])


def hear(
    sample: Sample, augmentation: Augmentation, backbone: str | None = None
) -> Track | LeftOut:
    """Return *sample* as a track with its copies, or why it cannot be learned from.

    Its embedding is by the *backbone* in that folder; copies need none. Raises ModelError.
    """
    from core.analysis.features import extract
    from core.analysis.segments import RATE
    from core.learning.augment import disturb, random_for

    try:
        recording, features, embedding = heard(sample.path, backbone)
    except AudioError as error:
        return LeftOut(path=sample.path, reason=error.reason)
    if not len(features):
        return LeftOut(path=sample.path, reason="it is silent")
    fingerprint = recording.scan.fingerprint
    few = slice(None, None, -(-len(recording.plan.segments) // COPY_SEGMENTS))
    plan = replace(
        recording.plan,
        segments=recording.plan.segments[few],
        contexts=recording.plan.contexts[few],
    )
    copies = []
    for number in range(augmentation.factor):
        rng = random_for(fingerprint, augmentation.seed, number)
        pieces = disturb(recording.pieces, RATE, rng, advanced=augmentation.advanced)
        copies.append(extract(replace(recording, plan=plan, pieces=pieces))[0])
    return Track(
        fingerprint=fingerprint,
        genre=sample.genre,
        group=sample.group,
        features=features,
        embedding=embedding,
        copies=tuple(copy for copy in copies if len(copy)),
    )


def hear_all(
    samples: Sequence[Sample],
    augmentation: Augmentation,
    progress: Progress,
    *,
    processes: int = 2,
    backbone: str | None = None,
) -> Material:
    """Hear all *samples*; duplicates and files that cannot be heard are left out, with reasons.

    Raises ModelError where the *backbone* in that folder cannot be used.
    """
    results: dict[int, Track | LeftOut] = {}
    for number, result in _in_parallel(samples, augmentation, processes, backbone):
        results[number] = result
        progress("features", len(results), len(samples))
    return _without_duplicates(samples, [results[number] for number in range(len(samples))])


def _in_parallel(
    samples: Sequence[Sample], augmentation: Augmentation, processes: int, backbone: str | None
) -> Iterator[tuple[int, Track | LeftOut]]:
    """Yield (number, result) as they come; what was under way in a crash is heard one by one."""
    left = dict(enumerate(samples))
    with _pool(processes) as pool:
        jobs = {pool.submit(hear, sample, augmentation, backbone): n for n, sample in left.items()}
        for job in as_completed(jobs):
            if job.cancelled() or isinstance(job.exception(), BrokenProcessPool):
                continue
            del left[jobs[job]]
            yield jobs[job], job.result()
    for number, sample in left.items():
        with _pool(1) as pool:
            yield number, _survived(pool.submit(hear, sample, augmentation, backbone), sample)


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
