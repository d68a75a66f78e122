"""Normalisations by the image's own statistics, and where those come from when the image is too large to be seen whole.

An image restored in tiles would be normalised tile by tile, each by its own mean and variance. A network's
normalisations can be told to use statistics taken elsewhere: from many tiles together.
"""

from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

Moments = tuple[Any, Any]  # mean and variance of each channel, float32 `[B, 1, 1, C]` or `[1, 1, 1, C]`


class OwnStatistics:
    """What a layer inherits that normalises an image by its own statistics."""

    given: Moments | None = None  # to be used in place of the image's own
    seen: list[Moments] | None = None  # receives what is used

    def _own_moments(self, x: Any) -> Moments:
        """The moments to normalise float `[B, H, W, C]` by: plain means, so that they have second derivatives."""
        if self.given is not None:
            moments = self.given
        else:
            mean = ops.mean(x, axis=(1, 2), keepdims=True)
            moments = mean, ops.mean(ops.square(x - mean), axis=(1, 2), keepdims=True)
        if self.seen is not None:
            self.seen.append(moments)
        return moments


def own_statistics_layers(network: keras.Model) -> list[Any]:
    """The layers of a network that normalise an image by its own statistics at test time."""
    layers = [layer for layer in network.layers if isinstance(layer, OwnStatistics)]
    return [layer for layer in layers if getattr(layer, "own_statistics", True)]


@contextmanager
def statistics(network: keras.Model, given: Sequence[Moments] | None) -> Any:
    """Within it, calls of the network use `given`, one for each of its `own_statistics_layers`, or each image's own.

    Yields:
        A list that each call fills with the moments that it used, in the order of the layers.
    """
    layers = own_statistics_layers(network)
    seen: list[Moments] = []
    try:
        for number, layer in enumerate(layers):
            # Not by attribute: Keras would wrap the list and keep track of the tensors.
            vars(layer).update(given=given[number] if given is not None else None, seen=seen)
        yield seen
    finally:
        for layer in layers:
            vars(layer).update(given=None, seen=None)


def pooled(parts: Sequence[Sequence[Moments]]) -> list[Moments]:
    """The moments of equally large parts of an image, each layer by layer, as those of the parts together.

    With means m and variances v of the parts: mean m, and mean (v + m^2) - (mean m)^2.
    """
    result = []
    for moments in zip(*parts, strict=True):
        means = ops.stack([mean for mean, _ in moments])
        squares = ops.stack([variance + ops.square(mean) for mean, variance in moments])
        mean = ops.mean(means, axis=0)
        result.append((mean, ops.maximum(ops.mean(squares, axis=0) - ops.square(mean), 0.0)))
    return result
