"""Two logical CPUs, so that tests can train on several devices; what is full; what the whole session shares."""

import os
import shutil
import signal
import sys

import keras
import pytest
import tensorflow as tf
import tiny_experiment

from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.training import devices, gan

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
if keras.backend.backend() == "jax":
    devices.strategy("cpu:2")

REASONS = ("slow", "machines", "browser", "runtimes", "jax", "networks")


def process_state():
    """What a test could leave to those after it."""
    return {
        "policy of dtypes": keras.config.dtype_policy().name,
        "floatx": keras.config.floatx(),
        "functions run eagerly": tf.config.functions_run_eagerly(),
        "folder": os.getcwd(),
        "environment": {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
        "search path": list(sys.path),
        "arguments": list(sys.argv),
        "Ctrl-C": signal.getsignal(signal.SIGINT),
        "scheduling": os.sched_getscheduler(0) if sys.platform == "linux" else None,
    }


@pytest.fixture(autouse=True)
def _by_itself():
    """Each test begins with the same seed, and leaves the process as it was."""
    keras.utils.set_random_seed(0)
    before = process_state()
    yield
    after = process_state()
    keras.config.set_dtype_policy(before["policy of dtypes"])
    os.chdir(before["folder"])
    assert {name: after[name] for name in after if after[name] != before[name]} == {}


@pytest.fixture
def eagerly(monkeypatch):
    """Trainings of a few steps take them layer by layer: to trace one takes longer than they do."""
    compiled = gan.GAN.compile
    monkeypatch.setattr(gan.GAN, "compile", lambda self, *args: compiled(self, *args, run_eagerly=True))


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
