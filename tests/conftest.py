"""Two logical CPUs, so that tests can train on several devices; before anything else uses TensorFlow or JAX."""

import collections

import keras
import pytest
import tensorflow as tf

from gandeblur.training import devices

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
if keras.backend.backend() == "jax":
    devices.strategy("cpu:2")


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


def pytest_collection_modifyitems(items):
    """The files with the most slow tests first: of several processes, none then begins a long file when others end."""
    slow = collections.Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])
