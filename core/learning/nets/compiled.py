"""A compiled network that is started afresh for each fit, since tracing takes longer than that.

AdamW, a falling rate, stopped by artists that are held out; on wish the weights are averaged
while training (Polyak & Juditsky 1992). Knows no track.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from core.learning.nets import networks

__all__ = ["Compiled", "Course", "Weights"]

Weights = list[NDArray[np.float32]]  # as Keras lists them
KEPT = 0.5  # of the weights of the network before
Plain = tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]  # weights [F, G], bias [G]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a fit proceeds."""

    epochs: int  # at most
    patience: int  # epochs without gain before it stops; half of it before it slows down
    rate: float
    decay: float
    averaged: float = 0.0  # share of the mean that stays at each step; 0: no mean


class Compiled:
    """One network, compiled once."""

    def __init__(self, build: Callable[[int], keras.Model], course: Course, *, seed: int) -> None:
        """Compile what *build* makes of a seed; fits are numbered, and *seed* is of all."""
        self._build, self._course, self._seed = build, course, seed
        self.model = build(seed)
        averaged = {"use_ema": True, "ema_momentum": course.averaged} if course.averaged else {}
        self.model.compile(
            optimizer=keras.optimizers.AdamW(course.rate, weight_decay=course.decay, **averaged),
            loss=keras.losses.CategoricalCrossentropy(from_logits=True),
            jit_compile=False,  # compiling takes longer than the training of so small a net
        )
        self.model.optimizer.build(self.model.trainable_variables)
        self._starts: dict[int, Weights] = {}

    def restart(self, number: int, plain: Plain, before: Weights | None = None) -> None:
        """Give it the state of a new network *number* that says what *plain* says.

        It then learns only what the plain member cannot, which on few artists is little. Of the
        weights of a network *before* it keeps a part: on the whole of them it would learn worse
        (shrink and perturb, Ash & Adams 2020).
        """
        for mine, new in zip(self.model.variables, self._start(number), strict=True):
            mine.assign(new)
        networks.begin_plain(self.model, *plain)
        if before is not None:
            kept = zip(before, self.model.get_weights(), strict=True)
            self.model.set_weights([KEPT * old + (1 - KEPT) * new for old, new in kept])
        for state in self.model.optimizer.variables:
            state.assign(tf.zeros_like(state))
        self.model.optimizer.learning_rate = self._course.rate

    def fit(
        self, batches: keras.utils.PyDataset, valid: tuple[Any, ...], check: Callable[[], None]
    ) -> None:
        """Train on *batches* until *valid* (inputs, labels, weights) gains nothing more."""
        self.model.fit(
            batches,
            epochs=self._course.epochs,
            validation_data=valid,
            validation_batch_size=4096,
            shuffle=False,  # the batches are random; Keras would shuffle by a state of its own
            callbacks=self._callbacks(check),
            verbose=0,
        )

    def weights(self) -> Weights:
        """Return the weights as they are now."""
        return list(self.model.get_weights())

    def _start(self, number: int) -> Weights:
        """The variables of a new network *number*, the state of its randomness among them."""
        if number not in self._starts:
            fresh = self._build(self._seed * 1000 + number)
            self._starts[number] = [np.asarray(variable) for variable in fresh.variables]
        return self._starts[number]

    def _callbacks(self, check: Callable[[], None]) -> list[keras.callbacks.Callback]:
        patience = self._course.patience
        mean = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if self._course.averaged else []
        return [
            *mean,  # first, so that the others judge and keep the mean
            keras.callbacks.ReduceLROnPlateau(
                factor=0.5, patience=max(1, patience // 2), min_lr=1e-5
            ),
            keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True),
            keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: check()),
        ]
