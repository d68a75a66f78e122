"""Three training steps of every experiment, small, by its paper's losses; run as a script, by another backend:

python experiment_steps.py FOLDER      from FOLDER/CASE.start.npz to CASE.end.npz and CASE.weights.h5, for every case
"""

import contextlib
import sys
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from tiny_experiments import only, tiny

from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.experiments.spec import Training
from gandeblur.losses.perceptual import Perceptual, perceptual_loss
from gandeblur.stages import train
from gandeblur.stages.run import choose
from gandeblur.training import checkpoint, weight_files
from gandeblur.training.gan import GAN

SIDE_PX = 32
STEPS = 3
SGD_RATES = {"gan_d": 2e-4}  # of the others: 2e-5
# The two backends draw other numbers from the same state of a seed: no dropout where they are compared.
CHANGES = {
    "gan_d": {"value_range": (0.0, 1.0), "identity_noise": 0.05, "learning_rate": 2e-4},
    "hkust_gan": {},
    "dark_channel_gan": {"dropout": 0.0},
    "ird_gan": {"dropout": 0.0},
    "deblurgan": {"dropout": 0.0},
    "sharingan": {"dropout": 0.0},
}
# Adam has the more state, and is the same for all: of the two papers that share the least.
CASES = [f"{name}-sgd" for name in EXPERIMENTS] + ["gan_d-adam", "dark_channel_gan-adam"]


def settings_of(name, **changes):
    """One variant's settings, with the paper's own losses, two critic steps where it has five."""
    own = only(EXPERIMENTS[name], "the paper's losses", **{**CHANGES.get(name, {}), **changes})
    return choose(tiny(own, **changes), workdir="unused")


def model_of(case, strategy=None, **changes) -> GAN:
    """A compiled model of a case of `CASES`; `changes` as those of a schedule."""
    name, optimizer = case.split("-")
    settings = settings_of(name, **changes)

    def sgd(training, network):
        return keras.optimizers.SGD(SGD_RATES.get(name, 2e-5))

    with (
        mock.patch.object(Perceptual, "load", lambda self, weights: perceptual_loss(_features())),
        mock.patch.object(Training, "optimizer", sgd if optimizer == "sgd" else Training.optimizer),
    ):
        return train.build(settings, strategy)


def _features():
    """A small network in place of VGG."""
    image = keras.Input((None, None, 3))
    x = keras.layers.MaxPooling2D()(keras.layers.Conv2D(4, 3, activation="relu")(image))
    model = keras.Model(image, keras.layers.Conv2D(4, 3)(x))
    rng = np.random.default_rng(0)  # an initializer's seed means other numbers on another backend
    model.set_weights([0.2 * rng.normal(size=weight.shape) for weight in model.weights])
    model.trainable = False
    return model


def train_steps(model, batch_size, strategy=None):
    """Trains `STEPS` steps by `fit`, on the same images whatever the batches' parts and devices."""
    images = max(1, model.discriminator_steps) * batch_size * STEPS
    rng = np.random.default_rng(1)
    sharp = rng.random((images, SIDE_PX, SIDE_PX, 3), np.float32)
    degraded = (0.7 * sharp + 0.1 * rng.random(sharp.shape)).astype(np.float32)
    mixing = rng.random(images, np.float32)
    dataset = tf.data.Dataset.from_tensor_slices((degraded, sharp, mixing))
    dataset = dataset.batch(images // STEPS, drop_remainder=True)
    with strategy.scope() if strategy else contextlib.nullcontext():
        return model.fit(dataset, verbose=0, shuffle=False).history


def relative_differences(ours, theirs, least=1e-2):
    """Largest difference of each pair of arrays, relative to the larger of the second's largest value and `least`."""
    return [np.abs(a - b).max() / max(np.abs(b).max(), least) for a, b in zip(ours, theirs, strict=True)]


def weights(model):
    networks = filter(None, (model.generator, model.discriminator))
    return [np.array(weight) for network in networks for weight in network.weights]


def main(folder):
    folder = Path(folder)
    for case in CASES:
        model = model_of(case)
        checkpoint.restore(folder / f"{case}.start.npz", model)
        train_steps(model, batch_size=2)
        checkpoint.save(folder / f"{case}.end.npz", model, {"case": case})
        weight_files.save_weights(folder / f"{case}.weights.h5", model.generator)


if __name__ == "__main__":
    main(*sys.argv[1:])
