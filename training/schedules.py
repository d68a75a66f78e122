"""Learning-rate schedules that resume.

A schedule is stated by a frozen, printable object that answers two questions: the rate an optimizer is built with, a
number or a function of the optimizer's own steps, and the callback that changes it by what happens in training.
"""

from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops


def rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The optimizer's learning rate as a float, also where a strategy mirrors it."""
    return float(ops.convert_to_numpy(optimizer.learning_rate))


@dataclass(frozen=True)
class Constant:
    """One rate for the whole training."""

    def rate(self, first: float, epochs: int, steps_per_epoch: int) -> Any:
        """What an optimizer takes as its learning rate, a number or a Keras schedule.

        Args:
            first: rate at the start.
            epochs: of the whole training.
            steps_per_epoch: of this optimizer.
        """
        return first

    def callback(self, optimizers: list[keras.optimizers.Optimizer]) -> "PlateauCallback | None":
        """What changes the rate of the optimizers by the validation loss, with a state to keep; None: nothing."""
        return None


@dataclass(frozen=True)
class LinearToZero(Constant):
    """The full rate for part of the epochs, then linearly to 0, epoch by epoch, both networks alike.

    DeblurGAN: constant for 150 epochs, linear to zero over the next 150. Epoch e of E (counted from 0), the first C =
    `constant_share` E of which have the full rate, has the rate times min(1, (E - e) / (E - C)): the first epoch after
    the constant ones still has all of it.

    Attributes:
        constant_share: part of the epochs with the full rate, from 0 to below 1.
    """

    constant_share: float

    def rate(self, first: float, epochs: int, steps_per_epoch: int) -> "LinearToZeroSchedule":
        return LinearToZeroSchedule(first, epochs, steps_per_epoch, self.constant_share)


@dataclass(frozen=True)
class Cosine(Constant):
    """From the full rate down half a cosine to `floor` times it, step by step (Loshchilov & Hutter 2017).

    Attributes:
        floor: last rate, as a fraction of the first.
    """

    floor: float = 0.02

    def rate(self, first: float, epochs: int, steps_per_epoch: int) -> keras.optimizers.schedules.CosineDecay:
        return keras.optimizers.schedules.CosineDecay(first, epochs * steps_per_epoch, alpha=self.floor)


@dataclass(frozen=True)
class Plateau(Constant):
    """The rate times `factor` once the validation loss has not fallen for `patience` epochs.

    GAN-D IV-B: the learning rate was updated when the validation loss "dropped to certain range of loss"; the paper
    gives neither factor nor range. An epoch counts as progress if it falls below the best loss by
    `min_relative_change`.

    Attributes:
        factor: in (0, 1).
        patience: epochs.
        floor: lowest rate, as a fraction of the first.
    """

    factor: float
    patience: int
    floor: float = field(default=1e-2, repr=False)
    min_relative_change: float = field(default=1e-3, repr=False)

    def callback(self, optimizers: list[keras.optimizers.Optimizer]) -> "PlateauCallback":
        return PlateauCallback(self, optimizers)


@keras.saving.register_keras_serializable("gandeblur")
class LinearToZeroSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """`LinearToZero` as Keras takes it: a function of the optimizer's step, so that there is no state to resume."""

    def __init__(self, first: float, epochs: int, steps_per_epoch: int, constant_share: float):
        self.first = first
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.constant_share = constant_share

    def __call__(self, step):
        epoch = ops.cast(ops.floor_divide(step, self.steps_per_epoch), "float32")
        share = (self.epochs - epoch) / (self.epochs * (1 - self.constant_share))
        return self.first * ops.clip(share, 0.0, 1.0)

    def get_config(self):
        return dict(vars(self))


class PlateauCallback(keras.callbacks.Callback):
    """`Plateau` at work: must see the validation loss, and its state travels in the checkpoint."""

    def __init__(self, schedule: Plateau, optimizers: list[keras.optimizers.Optimizer]):
        super().__init__()
        self.schedule = schedule
        self.optimizers = optimizers
        self.lowest = [schedule.floor * rate(optimizer) for optimizer in optimizers]
        self.best = float("inf")
        self.wait = 0

    def get_state(self) -> dict:
        return {"best": self.best, "wait": self.wait}

    def set_state(self, state: dict) -> None:
        self.best, self.wait = state["best"], state["wait"]

    def on_epoch_end(self, epoch, logs=None):
        loss = logs["val_loss"]
        if loss < self.best * (1 - self.schedule.min_relative_change):
            self.best, self.wait = loss, 0
            return
        self.wait += 1
        if self.wait >= self.schedule.patience:
            self.wait = 0
            for optimizer, lowest in zip(self.optimizers, self.lowest, strict=True):
                optimizer.learning_rate = max(lowest, self.schedule.factor * rate(optimizer))
