"""One operation per image, on TensorFlow and a CPU, against the plain formula."""

import keras
import numpy as np
import pytest

from gandeblur.models.layers import backend
from gandeblur.models.layers.batch_norm import BatchNormalization
from gandeblur.models.layers.instance_norm import InstanceNormalization

if keras.backend.backend() != "tensorflow":
    pytest.skip("other backends have the plain formula only", allow_module_level=True)

import tensorflow as tf

SHAPE = (3, 9, 7, 5)


@pytest.fixture
def plain(monkeypatch):
    def within(function):
        with monkeypatch.context() as patch:
            patch.setattr(backend, "fuses_normalisation", lambda x: False)
            return function()

    return within


@pytest.fixture
def images():
    return tf.constant(np.random.default_rng(0).normal(3.0, 2.0, SHAPE), tf.float32)


def test_it_is_taken(images):
    assert backend.fuses_normalisation(images)
    assert not backend.fuses_normalisation(tf.cast(images, tf.float64))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_images(dtype, images, plain):
    layer = InstanceNormalization(dtype=dtype)
    theirs = np.float32(plain(lambda: layer(images)))
    np.testing.assert_allclose(np.float32(layer(images)), theirs, atol=2e-6 if dtype == "float32" else 0.02)


def test_scale_offset_and_the_moments_that_were_used(images, plain):
    layer = BatchNormalization(own_statistics=True)
    layer.build(SHAPE)
    layer.gamma.assign(np.linspace(0.5, 2, 5))
    layer.beta.assign(np.linspace(-1, 1, 5))

    def run(given=None):
        seen = []
        vars(layer).update(given=given, seen=seen)
        return layer(images), seen[0]

    ours, theirs = run(), plain(run)
    np.testing.assert_allclose(ours[0], theirs[0], atol=2e-6)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5)
    given = theirs[1][0][:1] + 0.3, theirs[1][1][:1] * 1.7  # one image's, for all
    ours, theirs = run(given), plain(lambda: run(given))
    np.testing.assert_allclose(ours[0], theirs[0], atol=2e-6)
    assert ours[1] is given
    vars(layer).update(given=None, seen=None)


def test_gradients_of_first_and_second_order(images, plain):
    """As of a gradient penalty: the norm of the gradient of a score, differentiated once more."""
    layer = InstanceNormalization()
    weights = tf.constant(np.random.default_rng(1).normal(size=SHAPE), tf.float32)

    def run():
        with tf.GradientTape() as outer:
            outer.watch(images)
            with tf.GradientTape() as inner:
                inner.watch(images)
                score = tf.reduce_sum(tf.tanh(layer(images)) * weights)
            slopes = inner.gradient(score, images)
            penalty = tf.reduce_sum(tf.square(slopes))
        return slopes, outer.gradient(penalty, images)

    for ours, theirs in zip(run(), plain(run), strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=1e-5)
