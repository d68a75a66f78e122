"""The one place of `models/` that knows which backend computes: operations of TensorFlow that Keras does not offer."""

import os
from collections.abc import Callable
from typing import Any

import keras

from gandeblur.models.layers.hardware import has_accelerator


def traced_once(function: Callable) -> Callable:
    """The function of arrays x, w and of Python values, traced once for all layers that give it the same shapes.

    A network of eighteen equal convolutions, each of some hundred operations, is otherwise traced and optimised for
    seconds. On JAX it is the function itself. To be called inside `keras.ops.custom_gradient`: on TensorFlow gradients
    stop at it, on JAX second derivatives go through it.
    """
    graphs: dict[tuple, Callable] = {}

    def call(x: Any, w: Any, *given: Any) -> Any:
        if keras.backend.backend() != "tensorflow":
            return function(x, w, *given)
        import tensorflow as tf

        # Under a gradient tape, TensorFlow would trace the function's own gradient as well.
        x, w = tf.stop_gradient(x), tf.stop_gradient(w)
        if tf.executing_eagerly():
            return function(x, w, *given)
        signature = tuple(tf.TensorSpec(array.shape, array.dtype) for array in (x, w))
        if (signature, given) not in graphs:
            # Not inlined: it would be optimised as often as it is called.
            graphs[signature, given] = tf.function(
                lambda x, w: function(x, w, *given),
                input_signature=signature,
                autograph=False,
                experimental_attributes={"_noinline": True},
            )
        return graphs[signature, given](x, w)

    return call


def map_chunks(function: Callable, chunks: Any) -> Any:
    """function(0), function(1), ..., float32, stacked: `keras.ops.map`, but one at a time for each processor's core.

    Keras' own begins ten at once on TensorFlow, whose arrays lie in memory together. A single chunk is not stacked.

    Args:
        chunks: their number, an int or an int32 scalar.
    """
    if isinstance(chunks, int) and chunks == 1:
        return function(0)
    numbers = keras.ops.arange(chunks, dtype="int32")
    if keras.backend.backend() != "tensorflow":
        return keras.ops.map(function, numbers)
    import tensorflow as tf

    return tf.map_fn(function, numbers, fn_output_signature=tf.float32, parallel_iterations=os.cpu_count() or 1)


def synchronises() -> bool:
    """Whether Keras' batch normalisation has to be told to take the mean over replicas; on JAX it does so anyway."""
    return keras.backend.backend() == "tensorflow"


def fuses_normalisation(x: Any) -> bool:
    """Whether `fused_normalisation` takes x: on TensorFlow's CPU, a known number of images in float32 or bfloat16."""
    return (
        keras.backend.backend() == "tensorflow"
        and keras.backend.standardize_dtype(x.dtype) in ("float32", "bfloat16")
        and x.shape[0] is not None
        and x.shape[-1] is not None
        and not has_accelerator()
    )


def fused_normalisation(x: Any, given: Any, epsilon: float, scale: Any, offset: Any) -> tuple[Any, Any]:
    """TensorFlow's batch normalisation, image by image, whose gradients are exact to the second order.

    One operation in place of eight, each of which walks over the maps: on a CPU, most of IRD-GAN's time in bfloat16.

    Args:
        x: `[B, H, W, C]`, H and W known or not.
        given: mean and variance of each channel to use in place of the image's own, or None.
        epsilon: added to the variance.
        scale: `[C]` or None for 1.
        offset: `[C]` or None for 0.

    Returns:
        The normalised images, of the same shape and type; the moments used, float32 `[B, 1, 1, C]` or as given.
    """
    import tensorflow as tf

    batch, channels = x.shape[0], x.shape[-1]
    scale = tf.ones(channels) if scale is None else tf.cast(scale, tf.float32)
    offset = tf.zeros(channels) if offset is None else tf.cast(offset, tf.float32)
    images, own = [], []
    for number, image in enumerate(tf.split(x, batch)):
        mean, variance = (
            [tf.zeros(0), tf.zeros(0)]  # its own
            if given is None
            else [tf.reshape(part[number % part.shape[0]], [channels]) for part in given]
        )
        done = tf.raw_ops.FusedBatchNormV3(
            x=image,
            scale=scale,
            offset=offset,
            mean=mean,
            variance=variance,
            epsilon=epsilon,
            is_training=given is None,
        )
        images.append(done.y)
        own.append((done.batch_mean, done.batch_variance))
    if given is not None:
        return tf.concat(images, 0), given
    height, width = keras.ops.shape(x)[1:3]
    pixels = tf.cast(height * width, tf.float32)
    shape = (batch, 1, 1, channels)
    means, variances = (tf.reshape(tf.stack(parts), shape) for parts in zip(*own, strict=True))
    return tf.concat(images, 0), (means, variances * ((pixels - 1) / pixels))  # it returns the unbiased variance
