"""Bounds of a training: time, memory, courtesy; and whether the GPU can be believed.

A thread watches, the training itself stops between two epochs with the reason. Killing a
trainer that does not even get there is its parent's job.
"""

import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
from numpy.typing import NDArray

from core.errors import TrainingError

__all__ = [
    "Pace",
    "TooSlow",
    "bounded",
    "gpu_agrees",
    "peak_memory_mb",
    "step_back",
    "use_best_device",
]

Check = Callable[[], None]
CHECK_S = 0.5
LOWEST = 19
STEP_TOLERANCE = 1e-3  # relative, of the weights after one step


def step_back() -> None:
    """Let every other process go first."""
    os.nice(LOWEST)


@contextmanager
def bounded(*, seconds: float, memory_mb: float) -> Iterator[Check]:
    """Lend a check that raises TrainingError once the time or the memory is used up."""
    stop, reasons, parent = threading.Event(), list[str](), os.getppid()
    end = time.monotonic() + seconds

    def watch() -> None:
        while not stop.wait(CHECK_S):
            if time.monotonic() > end:
                reasons.append(f"it took longer than {seconds / 60:.0f} minutes")
            if os.getppid() != parent:  # nobody would hear the outcome
                reasons.append("the daemon has gone")
            if memory_mb_now() > memory_mb:
                reasons.append(f"it took more than {memory_mb:.0f} MB of memory")

    def check() -> None:
        if reasons:
            raise TrainingError(reasons[0], remedy="raise the limit in [training]")

    watcher = threading.Thread(target=watch, name="limits", daemon=True)
    watcher.start()
    try:
        yield check
    finally:
        stop.set()
        watcher.join()


class TooSlow(TrainingError):
    """The networks would take longer than they may."""


class Pace:
    """A progress that looks, after the first network, how long all would take.

    A night that is too slow for networks is better spent on members that need none than cut off.
    """

    def __init__(
        self,
        progress: Callable[[str, int, int], None],
        seconds: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Pass everything on to *progress*; networks may take *seconds*, None: any time."""
        self._progress, self._seconds, self._clock = progress, seconds, clock
        self._began = clock()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Report; raises TooSlow where *total* networks would take too long."""
        self._progress(stage, done, total)
        if stage == "training" and done == 0:
            self._began = self._clock()
        first = stage == "training" and done == 1 and self._seconds is not None
        if first and (self._clock() - self._began) * total > (self._seconds or 0.0):
            raise TooSlow("its networks would take too long")


def memory_mb_now() -> float:
    """Return the resident memory of this process in MB; its peak where that alone is known."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  not a real file
            return int(statm.read().split()[1]) * resource.getpagesize() / 2**20
    except OSError:
        return peak_memory_mb()


def peak_memory_mb() -> float:
    """Return the largest resident memory so far in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


# --- the GPU of a Mac -----------------------------------------------------------------------


def gpu_agrees() -> tuple[bool, str]:
    """Say whether a training step on the GPU gives what it gives on the CPU, and in words.

    tensorflow-metal trains wrongly on some systems, silently. Without a GPU there is
    nothing to compare and the CPU trains.
    """
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return False, "no GPU, the CPU trains"
    off = step_difference("/CPU:0", "/GPU:0")
    if off <= STEP_TOLERANCE:
        return True, "one step on the GPU agrees with the CPU, the GPU trains"
    return False, f"one step on the GPU is off by {off:.2g}, so the CPU trains"


def use_best_device() -> tuple[bool, str]:
    """Choose where to train, before TensorFlow does anything else; raises nothing."""
    agreed, words = gpu_agrees()
    if not agreed:
        import tensorflow as tf

        with suppress(RuntimeError):  # already at work, then the devices stay as they are
            tf.config.set_visible_devices([], "GPU")
    return agreed, words


def step_difference(one: str, other: str) -> float:
    """Return how far the weights after one training step differ between two devices."""
    first, second = _weights_after_step(one), _weights_after_step(other)
    worst = [np.max(np.abs(a - b)) for a, b in zip(first, second, strict=True)]
    return float(np.max(worst)) if np.all(np.isfinite(worst)) else float("inf")


def _weights_after_step(device: str) -> list[NDArray[np.float32]]:
    """Take one plain gradient step of a small transformer on *device*."""
    import keras
    import tensorflow as tf

    from core.learning.nets.networks import Shape, transformer

    shape = Shape(groups=(5, 3), genres=3, width=8, head=(8, 4), dropout=0.0, mask=0.0, noise=0.0)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(16, 8)).astype(np.float32)
    labels = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 16)]
    with tf.device(device):
        model = transformer(shape, seed=0)
        with tf.GradientTape() as tape:
            loss = keras.losses.CategoricalCrossentropy(from_logits=True)(labels, model(features))
        weights = model.trainable_variables
        for weight, slope in zip(weights, tape.gradient(loss, weights), strict=True):
            weight.assign_sub(0.1 * slope)
    return [np.asarray(weight) for weight in weights]
