"""Derivatives with respect to a network's weights, on the backend that runs."""

import contextlib
from unittest import mock

import keras
import numpy as np
from differentiation import gradient
from keras import ops

from gandeblur.losses.gradient_penalty import gradient_penalty

_STEP = 1e-5


@contextlib.contextmanager
def float64():
    """Within this context, the running backend computes float64 models in float64."""
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    # On JAX, Keras rounds a mean of float64 values to float32.
    with jax.enable_x64(True), mock.patch.object(ops, "mean", jax.numpy.mean):
        yield


def relative_error_of_penalty_gradient(critic, images):
    """|g - g'| / |g'|: g the penalty's derivatives along one random direction per weight tensor, g' differences.

    Args:
        critic: a float64 Keras model; random weights are put in place of its own.
        images: float64 `[B, H, W, C]`.
    """
    rng = np.random.default_rng(0)
    shapes = [tuple(variable.shape) for variable in critic.trainable_variables]
    weights = [rng.normal(size=shape) / np.sqrt(max(np.prod(shape[:-1]), 1)) for shape in shapes]
    directions = [rng.normal(size=shape) for shape in shapes]

    def penalty(steps):
        moved = [w + ops.reshape(s, (1,) * w.ndim) * d for w, s, d in zip(weights, steps, directions, strict=True)]

        def scores(x):
            return ops.mean(critic.stateless_call(moved, [], x)[0], axis=(1, 2, 3))

        return ops.mean(gradient_penalty(gradient(scores, images)))

    if keras.backend.backend() == "jax":
        import jax

        penalty = jax.jit(penalty)
    actual = ops.convert_to_numpy(gradient(lambda steps: penalty(ops.unstack(steps)), np.zeros(len(weights))))
    nudges = _STEP * np.eye(len(weights))
    expected = [float(penalty(list(nudge)) - penalty(list(-nudge))) / (2 * _STEP) for nudge in nudges]
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)
