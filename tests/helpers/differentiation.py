"""Gradients for tests, on the backend that runs."""

import keras
import tensorflow as tf
from keras import ops


def gradient(function, x):
    """d sum(function(x)) / dx; calls may be nested."""
    x = ops.convert_to_tensor(x)
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(lambda x: ops.sum(function(x)))(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = ops.sum(function(x))
    return tape.gradient(value, x)
