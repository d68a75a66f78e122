"""Learning-rate schedules that resume.

A schedule is a frozen, printable object. Its `rate` is the rate an optimizer is built with: a number, or a function of
the optimizer's own steps. Its `callback` changes the rate by the training's course.
"""

import math
import time
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import ops

from gandeblur.training import devices


def rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The optimizer's learning rate as a float, also where a strategy mirrors it."""
    return float(ops.convert_to_numpy(optimizer.learning_rate))


@dataclass(frozen=True)
class Schedule:
    """The course of a learning rate in a training: by itself, constant."""

    def rate(self, first: float, epochs: int, steps_per_epoch: int) -> Any:
        """The learning rate for an optimizer, a number or a Keras schedule.

        Args:
            first: rate at the start.
            epochs: of the whole training.
            steps_per_epoch: of this optimizer.
        """
        return first

    def callback(self, optimizers: list[keras.optimizers.Optimizer]) -> "StatefulCallback | None":
        """A callback that changes the optimizers' rates as the training goes; None where there is no need of one."""
        return None

    def over(self, state: dict) -> bool:
        """Whether a training with this state of the callback has come to its end, whatever its epochs."""
        return False


@dataclass(frozen=True)
class Constant(Schedule):
    """One rate for the whole training."""


@dataclass(frozen=True)
class LinearToZero(Schedule):
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
class Cosine(Schedule):
    """From the full rate down half a cosine to `floor` times it, step by step (Loshchilov & Hutter 2017).

    Attributes:
        floor: last rate, as a fraction of the first.
    """

    floor: float = 0.02

    def rate(self, first: float, epochs: int, steps_per_epoch: int) -> keras.optimizers.schedules.CosineDecay:
        return keras.optimizers.schedules.CosineDecay(first, epochs * steps_per_epoch, alpha=self.floor)


@dataclass(frozen=True)
class OverTime(Schedule):
    """Half a cosine from the full rate to `floor` times it, laid over minutes of training.

    The first epoch has the full rate. Each later epoch has the rate of its middle, which is known if the epoch takes as
    long as the one before. The machine decides how many steps fit into the minutes: stopped and resumed, or slowed down
    by other work, the training ends at the lowest rate and in time.

    Attributes:
        minutes: of all sittings together; the epoch that would end nearest to them is the last.
        floor: last rate, as a fraction of the first.
    """

    minutes: float = field(repr=False)  # not what makes a run this run: it may be given more time
    floor: float = 0.02

    def callback(self, optimizers: list[keras.optimizers.Optimizer]) -> "OverTimeCallback":
        return OverTimeCallback(self, optimizers)

    def over(self, state: dict) -> bool:
        return state["spent_s"] + state["epoch_s"] / 2 > 60 * self.minutes


@dataclass(frozen=True)
class Plateau(Schedule):
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


class StatefulCallback(keras.callbacks.Callback):
    """A callback whose state, JSON-able, travels in the checkpoint."""

    def get_state(self) -> dict:
        raise NotImplementedError

    def set_state(self, state: dict) -> None:
        raise NotImplementedError


class OverTimeCallback(StatefulCallback):
    """`OverTime` at work: sets the rates, and ends the training when its time is over."""

    def __init__(self, schedule: OverTime, optimizers: list[keras.optimizers.Optimizer]):
        super().__init__()
        self.schedule = schedule
        self.optimizers = optimizers
        self.first = [rate(optimizer) for optimizer in optimizers]
        self.state = {"spent_s": 0.0, "epoch_s": 0.0}  # of all epochs, of the last one

    def get_state(self) -> dict:
        return dict(self.state)

    def set_state(self, state: dict) -> None:
        self.state = dict(state)

    @property
    def left_s(self) -> float:
        """Seconds of training that are left."""
        return max(0.0, 60 * self.schedule.minutes - self.state["spent_s"])

    def on_train_begin(self, logs=None):
        self.before = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        middle_s = self.state["spent_s"] + self.state["epoch_s"] / 2
        share = min(1.0, middle_s / (60 * self.schedule.minutes))
        factor = self.schedule.floor + (1 - self.schedule.floor) * (1 + math.cos(math.pi * share)) / 2
        for optimizer, first in zip(self.optimizers, self.first, strict=True):
            optimizer.learning_rate = factor * first

    def on_epoch_end(self, epoch, logs=None):
        now = time.monotonic()
        # One clock for all workers, or their rates would differ.
        epoch_s, self.before = devices.of_chief(self.model, now - self.before), now
        self.state = {"spent_s": self.state["spent_s"] + epoch_s, "epoch_s": epoch_s}
        self.model.stop_training = self.schedule.over(self.state)


class PlateauCallback(StatefulCallback):
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
