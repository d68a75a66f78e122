"""Weights of small trainings, as they were before the experiments were rebuilt: the same seed gives the same numbers.

`golden.npz` holds every tenth value; a difference of rounding between machines is allowed, no more.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
import tiny_experiment
from tiny_experiments import tiny

from gandeblur.experiments.paper import Experiment, Smaller
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.experiments.settings import choose
from gandeblur.experiments.train import build, train
from gandeblur.losses.pixel import mean_absolute_error
from gandeblur.training import checkpoint
from gandeblur.training.gan import Term, between_images
from gandeblur.training.schedules import LinearToZero

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="initial weights differ on JAX")

STEPS = [
    ("sharingan", "sharingan"),
    ("ird_gan", "ird"),
    ("ird_gan", "no_l1"),
    ("hkust_gan", "hkust"),
    ("dark_channel_gan", "dc250"),
    ("dark_channel_gan", "dc0"),
    ("dark_channel_gan", "dc250p"),
]


# The quick schedules of the time, at the size of a test.
SHORT = {"crop_px": 32, "batch_size": 2, "epochs": 2, "steps_per_epoch": 2, "downsample": 1}
LINEAR = {"learning_rate": 2e-4, "schedule": LinearToZero(constant_share=0.5)}
PIXELS = {"content": Term("content", between_images(mean_absolute_error), 100.0)}
AS_IT_WAS = {
    "sharingan": Smaller("", SHORT | LINEAR, PIXELS),
    "ird_gan": Smaller("", SHORT | LINEAR, PIXELS),
    "hkust_gan": Smaller("", SHORT | LINEAR | {"learning_rate": 5e-4}, PIXELS),
    "dark_channel_gan": Smaller("", SHORT, PIXELS),
}


def assert_golden(ours, name):
    """All but one in fifty are equal: of a gradient that is nothing but rounding, Adam makes whole steps.

    (A bias in front of an instance normalisation has such a gradient.) A change of seed, order or formula moves all.
    """
    with np.load(Path(__file__).with_name("golden.npz")) as archive:
        theirs = archive[name]
    assert ours.shape == theirs.shape
    assert np.isclose(ours, theirs, rtol=1e-4, atol=1e-5).mean() > 0.98


@pytest.mark.parametrize(("name", "variant"), STEPS)
def test_three_steps_on_given_images(name, variant):
    settings = choose(Experiment(tiny(EXPERIMENTS[name]).variants, {"quick": AS_IT_WAS[name]}), variant=variant)
    model = build(settings)
    count = settings.paper.training.batch_size * settings.paper.training.discriminator_steps
    rng = np.random.default_rng(1)
    for _ in range(3):
        sharp = rng.random((count, 32, 32, 3), np.float32)
        model.train_on_batch(sharp * 0.7, sharp, rng.random(count, np.float32))
    weights = model.generator.get_weights() + model.discriminator.get_weights()
    ours = np.concatenate([np.ravel(array) for array in weights])[::10]
    assert_golden(ours, f"{name}-{variant}")


@pytest.mark.parametrize("variant", ["combined", "odcnn"])
def test_a_whole_training_from_files_to_checkpoint(variant, tmp_path):
    train(choose(tiny_experiment.EXPERIMENT, variant=variant, workdir=tmp_path))
    with np.load(tmp_path / "checkpoint.npz") as archive:
        arrays = [archive[key] for key in archive.files if key != checkpoint.META]
    ours = np.concatenate([np.ravel(array) for array in arrays if array.dtype == np.float32])[::10]
    assert_golden(ours, f"gan_d-{variant}")
