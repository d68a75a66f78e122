"""Two logical CPUs, so that tests can train on several devices; what is full; what the whole session shares."""

import shutil

import keras
import pytest
import tensorflow as tf
import tiny_experiment

from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.training import backend

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
if keras.backend.backend() == "jax":
    backend.strategy("cpu:2")

REASONS = ("slow", "machines", "browser", "runtimes", "jax", "networks")


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what `-m` does not want
def pytest_collection_modifyitems(items):
    for item in items:
        if any(item.get_closest_marker(reason) for reason in REASONS):
            item.add_marker("full")


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """The work folder of the tiny GAN-D after its three epochs and all stages; who writes takes `run`, a copy."""
    folder = tmp_path_factory.mktemp("tiny") / "run"
    assert tiny_experiment.call(f"--workdir={folder}") == 0
    return folder


@pytest.fixture
def run(tiny_run, tmp_path, monkeypatch):
    """A copy of `tiny_run`, which `gandeblur.load` opens."""
    monkeypatch.setitem(EXPERIMENTS, "gan_d", tiny_experiment.EXPERIMENT)
    return shutil.copytree(tiny_run, tmp_path / "run")
