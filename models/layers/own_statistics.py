"""Normalisations by the image's own statistics, also of an image in tiles.

An image restored in tiles would be normalised tile by tile, each by its own mean and variance. A network's
normalisations can be told to use other statistics: the pooled ones of many tiles.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from gandeblur.models.layers import backend

Moments = tuple[Any, Any]  # mean and variance of each channel, float32 `[B, 1, 1, C]` or `[1, 1, 1, C]`


class OwnStatistics:
    """The base of layers that normalise an image by its own statistics."""

    given: Moments | None = None  # to be used in place of the image's own
    seen: list[Moments] | None = None  # receives the moments that are used

    def _normalise(self, x: Any, epsilon: float, scale: Any = None, offset: Any = None) -> Any:
        """(x - mean) / sqrt(variance + epsilon) * scale + offset, for `[B, H, W, C]`, in at least float32.

        Returns:
            The same shape and type, normalised by each image's own moments or by the given ones.
        """
        if backend.fuses_normalisation(x):
            y, moments = backend.fused_normalisation(x, self.given, epsilon, scale, offset)
        else:
            # Plain means, as they have second derivatives; `tf.nn.moments`, on which Keras' layers rest, stops them.
            wide = ops.cast(x, "float64" if keras.backend.standardize_dtype(x.dtype) == "float64" else "float32")
            moments = self.given or _moments(wide)
            mean, variance = moments
            y = (wide - mean) * ops.rsqrt(variance + epsilon)
            if scale is not None:
                y = y * ops.cast(scale, y.dtype) + ops.cast(offset, y.dtype)
            y = ops.cast(y, x.dtype)
        if self.seen is not None:
            self.seen.append(moments)
        return y


def _moments(x):
    mean = ops.mean(x, axis=(1, 2), keepdims=True)
    return mean, ops.mean(ops.square(x - mean), axis=(1, 2), keepdims=True)


def own_statistics_layers(network: keras.Model) -> list[Any]:
    """The layers of a network that normalise an image by its own statistics at test time."""
    layers = [layer for layer in network.layers if isinstance(layer, OwnStatistics)]
    return [layer for layer in layers if getattr(layer, "own_statistics", True)]


@contextmanager
def statistics(network: keras.Model, given: Sequence[Moments] | None) -> Any:
    """Within it, calls of the network use `given`, one for each of its `own_statistics_layers`, or each image's own.

    Yields:
        For each of these layers a list, to which each of its calls appends the moments that it used.
    """
    layers = own_statistics_layers(network)
    # One each: where a network branches, it calls its layers in another order than it lists them.
    seen: list[list[Moments]] = [[] for _ in layers]
    try:
        for number, layer in enumerate(layers):
            # Not by attribute: Keras would wrap the list and keep track of the tensors.
            vars(layer).update(given=given[number] if given is not None else None, seen=seen[number])
        yield seen
    finally:
        for layer in layers:
            vars(layer).update(given=None, seen=None)


def pooled(parts: Sequence[Sequence[Moments]]) -> list[Moments]:
    """The moments of the whole, layer by layer, from the moments of equally large parts.

    With means m and variances v of the parts: mean m, and mean (v + m^2) - (mean m)^2.
    """
    result = []
    for moments in zip(*parts, strict=True):
        means = ops.stack([mean for mean, _ in moments])
        squares = ops.stack([variance + ops.square(mean) for mean, variance in moments])
        mean = ops.mean(means, axis=0)
        result.append((mean, ops.maximum(ops.mean(squares, axis=0) - ops.square(mean), 0.0)))
    return result
