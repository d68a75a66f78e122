"""Gradients for tests, on the backend that runs."""

import keras
import tensorflow as tf
from keras import ops


def gradient(function, x):
    """d sum(function(x)) / dx; x is an array or a list of them; calls may be nested."""
    x = keras.tree.map_structure(ops.convert_to_tensor, x)
    if keras.backend.backend() == "jax":
        import jax

        # Compiled as a whole: one operation after the other, JAX compiles each of them.
        return jax.jit(jax.grad(lambda x: ops.sum(function(x))))(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = ops.sum(function(x))
    return tape.gradient(value, x)
