import keras
import numpy as np
import pytest
from keras import layers, ops
from weight_derivatives import float64, relative_error_of_penalty_gradient

from gandeblur.models.layers.instance_norm import InstanceNormalization


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(3, 2, shape).astype("float32")


def numpy(x):
    return ops.convert_to_numpy(x)


def test_each_channel_of_each_image_gets_mean_0_and_variance_1():
    x = images(2, 9, 7, 3).astype("float64")
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    y = numpy(InstanceNormalization(epsilon=0.1)(x.astype("float32")))
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 0.1), atol=1e-6)


def test_equals_group_normalisation_with_one_channel_per_group():
    x = images(2, 9, 7, 3)
    keras_layer = layers.GroupNormalization(groups=-1, epsilon=1e-5, scale=False, center=False)
    np.testing.assert_allclose(numpy(InstanceNormalization()(x)), numpy(keras_layer(x)), atol=2e-6)


def test_has_no_weights_and_no_state():
    layer = InstanceNormalization()
    layer(images(1, 4, 4, 2), training=True)
    assert layer.count_params() == 0 and layer.variables == []


def test_a_flat_channel_becomes_zero():
    """But for the rounding of its mean, divided by the root of epsilon."""
    flat = numpy(InstanceNormalization()(np.full((1, 5, 6, 2), 7, "float32")))
    assert np.abs(flat).max() < 1e-3


def test_bfloat16_images_are_normalised_in_float32():
    """The mean of 10,000 values near 200, summed in bfloat16's 8 bits, would be far off."""
    x = ops.cast(200 + images(1, 100, 100, 2), "bfloat16")
    y = InstanceNormalization(dtype="mixed_bfloat16")(x)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    exact = numpy(ops.cast(x, "float32")).astype("float64")
    exact = (exact - exact.mean((1, 2))) / exact.std((1, 2))
    np.testing.assert_allclose(numpy(ops.cast(y, "float32")), exact, atol=0.02)


def test_size_may_be_unknown_and_config_keeps_epsilon():
    layer = InstanceNormalization.from_config(InstanceNormalization(epsilon=0.25).get_config())
    assert layer.epsilon == 0.25
    assert layer(keras.Input((None, None, 5))).shape == (None, None, None, 5)


def small_critic(norm):
    """Convolutions with a normalisation and a kink behind each but the last, as in a PatchGAN."""
    return keras.Sequential(
        [
            keras.Input((12, 12, 3), dtype="float64"),
            layers.Conv2D(4, 4, strides=2, dtype="float64"),
            norm(),
            layers.LeakyReLU(0.2, dtype="float64"),
            layers.Conv2D(4, 3, dtype="float64"),
            norm(),
            layers.LeakyReLU(0.2, dtype="float64"),
            layers.Conv2D(1, 3, dtype="float64"),
        ]
    )


def test_gradient_penalty_has_the_right_gradient():
    with float64():
        critic = small_critic(lambda: InstanceNormalization(dtype="float64"))
        error = relative_error_of_penalty_gradient(critic, np.random.default_rng(1).normal(size=(2, 12, 12, 3)))
    print(f"gradient penalty through instance normalisation: relative error {error:.2e}")
    assert error < 1e-6


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="only TensorFlow's moments stop a gradient")
def test_gradient_penalty_through_keras_normalisation_is_still_wrong():
    """When this fails, TensorFlow has mended `tf.nn.moments` and Keras' own layer may replace ours."""

    def norm():
        return layers.GroupNormalization(groups=-1, epsilon=1e-5, scale=False, center=False, dtype="float64")

    error = relative_error_of_penalty_gradient(small_critic(norm), np.random.default_rng(1).normal(size=(2, 12, 12, 3)))
    print(f"gradient penalty through GroupNormalization: relative error {error:.2e}")
    assert error > 1e-3
