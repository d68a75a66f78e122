"""Learning-rate schedules that resume: their state travels in the checkpoint."""

from functools import partial

import keras


def rate(optimizer):
    """The optimizer's learning rate as a float, also where a strategy mirrors it."""
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


class Plateau(keras.callbacks.Callback):
    """Multiplies both learning rates by `factor` once the validation loss has not fallen for `patience` epochs.

    GAN-D IV-B: "updated the learning rate when validation loss dropped to certain range of loss"; the paper gives
    neither factor nor range. An epoch counts as progress if it falls below the best loss by `min_relative_change`.

    Args:
        optimizers: optimizers whose `learning_rate` is lowered.
        factor: in (0, 1).
        patience: epochs.
        floor: lowest learning rate, as a fraction of the first.
    """

    def __init__(self, optimizers, *, factor, patience, floor=1e-2, min_relative_change=1e-3):
        super().__init__()
        self.optimizers = optimizers
        self.factor = factor
        self.patience = patience
        self.min_relative_change = min_relative_change
        self.lowest = [floor * rate(optimizer) for optimizer in optimizers]
        self.best = float("inf")
        self.wait = 0

    def get_state(self):
        return {"best": self.best, "wait": self.wait}

    def set_state(self, state):
        self.best, self.wait = state["best"], state["wait"]

    def on_epoch_end(self, epoch, logs=None):
        loss = logs["val_loss"]
        if loss < self.best * (1 - self.min_relative_change):
            self.best, self.wait = loss, 0
            return
        self.wait += 1
        if self.wait >= self.patience:
            self.wait = 0
            for optimizer, lowest in zip(self.optimizers, self.lowest, strict=True):
                optimizer.learning_rate = max(lowest, self.factor * rate(optimizer))


class LinearToZero(keras.callbacks.Callback):
    """Keeps both learning rates for part of the epochs, then lowers them linearly to 0 at the end of the training.

    DeblurGAN: constant for 150 epochs, linear to zero over the next 150. Epoch e of E (counted from 0), the first C =
    `constant_share` E of which have the full rate, has the rate times min(1, (E - e) / (E - C)): the first epoch after
    the constant ones still has all of it.

    Args:
        optimizers: optimizers whose `learning_rate` is set.
        constant_share: part of the epochs with the full rate, from 0 to 1 (all of them).
    """

    def __init__(self, optimizers, *, constant_share):
        super().__init__()
        self.optimizers = optimizers
        self.constant_share = constant_share
        self.first = [rate(optimizer) for optimizer in optimizers]

    def get_state(self):
        return {}  # the epoch tells all

    def set_state(self, state):
        pass

    def on_epoch_begin(self, epoch, logs=None):
        epochs = self.params["epochs"]
        constant = self.constant_share * epochs
        for optimizer, first in zip(self.optimizers, self.first, strict=True):
            # The first case also spares the second a division by 0.
            optimizer.learning_rate = first * (1.0 if epoch <= constant else (epochs - epoch) / (epochs - constant))


constant = partial(LinearToZero, constant_share=1.0)
