import json

import keras
import numpy as np
import pytest
from keras import layers, ops

from gandeblur.models.layers.batch_norm import BatchNormalization


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(2, 3, shape).astype("float32")


def numpy(x):
    return ops.convert_to_numpy(x)


def normalisation(**options):
    layer = BatchNormalization(momentum=0.5, epsilon=1e-5, **options)
    layer.build((None, None, None, 3))
    layer.gamma.assign([1, 2, 3])
    layer.beta.assign([0, 5, -5])
    return layer


def by_hand(x):
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    return (x - mean) / np.sqrt(variance + 1e-5) * [1, 2, 3] + [0, 5, -5]


@pytest.mark.parametrize("own_statistics", [False, True])
def test_training_normalises_by_the_batch_and_averages_its_statistics(own_statistics):
    layer, x = normalisation(own_statistics=own_statistics), images(4, 6, 5, 3)
    np.testing.assert_allclose(numpy(layer(x, training=True)), by_hand(x), atol=1e-4)
    np.testing.assert_allclose(numpy(layer.moving_mean), 0.5 * x.mean(axis=(0, 1, 2)), rtol=1e-4)


def test_without_own_statistics_inference_is_keras():
    layer, keras_layer, x = normalisation(), layers.BatchNormalization(epsilon=1e-5), images(2, 6, 5, 3)
    layer.moving_mean.assign([1, 2, 3])
    keras_layer.build(x.shape)
    keras_layer.set_weights(layer.get_weights())
    np.testing.assert_array_equal(numpy(layer(x)), numpy(keras_layer(x)))


def test_own_statistics_are_those_of_the_images_at_hand_and_leave_no_trace():
    layer, x = normalisation(own_statistics=True), images(1, 6, 5, 3)
    before = [weight.copy() for weight in layer.get_weights()]
    np.testing.assert_allclose(numpy(layer(x)), by_hand(x), atol=1e-4)
    for ours, theirs in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_own_statistics_of_a_single_value_give_the_shift():
    layer = normalisation(own_statistics=True)
    np.testing.assert_array_equal(numpy(layer(images(1, 1, 1, 3)))[0, 0, 0], [0, 5, -5])


def test_own_statistics_are_computed_in_float32():
    exact, mixed = normalisation(own_statistics=True), normalisation(own_statistics=True, dtype="mixed_bfloat16")
    x = images(1, 32, 32, 3) + 100
    assert keras.backend.standardize_dtype(mixed(x).dtype) == "bfloat16"
    rounded = numpy(ops.cast(ops.cast(x, "bfloat16"), "float32"))
    np.testing.assert_allclose(numpy(ops.cast(mixed(x), "float32")), numpy(exact(rounded)), atol=0.1)


@pytest.mark.parametrize("synchronized", [False, True])
def test_a_file_of_either_backend_loads(synchronized):
    config = json.loads(json.dumps(normalisation(own_statistics=True).get_config() | {"synchronized": synchronized}))
    loaded = BatchNormalization.from_config(config)
    assert loaded.own_statistics and loaded.synchronized == (keras.backend.backend() == "tensorflow")
