"""Papers with small networks and SGD, under which rounding stays rounding: `python tiny_sgd.py NAME --workdir=...`."""

import os
import sys
import time

import keras
from tiny_experiments import tiny

from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.experiments.spec import Training
from gandeblur.stages import options
from gandeblur.training.checkpoint import Checkpoint

# Of generator and discriminator. Small: where a pixel's error is all rounding, the gradient of the mean absolute error,
# which DeblurGAN's schedule weighs by 6,000, has no sure sign.
RATES = {"gan_d": (0.1, 0.1), "deblurgan": (4e-8, 1e-5), "dark_channel_gan": (1e-4, 1e-3)}
CHANGES = {
    "gan_d": {"batch_size": 2, "accumulate": 2, "ema": 0.5},  # parts of a batch, and averaged weights
    "deblurgan": {"dropout": 0.0},  # each replica drops units of its own
    "dark_channel_gan": {"dropout": 0.0},  # and batch normalisation, by the statistics of all replicas
}
EPOCHS = 5


def experiment(name):
    """Five epochs of one step of four images each, so that every step leaves its losses and a checkpoint."""
    return tiny(EXPERIMENTS[name], **{"batch_size": 4, "epochs": EPOCHS, "steps_per_epoch": 1, **CHANGES[name]})


def sgd(name):
    """In place of `Training.optimizer`."""
    return lambda self, network: keras.optimizers.SGD(RATES[name][network != "generator"])


def main(name):
    Training.optimizer = sgd(name)
    if "PAUSE_S" in os.environ:  # after each epoch, so that there is time to kill it
        save = Checkpoint.on_epoch_end
        pause_s = float(os.environ["PAUSE_S"])
        Checkpoint.on_epoch_end = lambda self, epoch, logs=None: (save(self, epoch, logs), time.sleep(pause_s))
    options.main(experiment(name))


if __name__ == "__main__":
    main(sys.argv.pop(1))
