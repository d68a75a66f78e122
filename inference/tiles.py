"""An image in tiles that overlap: where they lie, how they blend, and how large they may be."""

import math
from typing import NamedTuple

import keras
import numpy as np

GIB = 2**30
# What TensorFlow and the weights of the largest network take before the first pixel.
_BASE_BYTES = 1.2 * GIB
# Beside the tile: the image, padded and restored, and the sum of the tiles in float32.
_BYTES_PER_IMAGE_PIXEL = 30
# A network's peak, measured, is at most so many times its largest layer's output in float32.
_LAYERS_AT_ONCE = 4


class Window(NamedTuple):
    """A tile's place along one axis, and the weight of each of its pixels there."""

    start: int
    weights: np.ndarray  # float32 [tile]; at each pixel of the axis, the weights of all windows sum up to 1


def windows(length: int, tile: int, margin: int, multiple: int) -> list[Window]:
    """Windows of `tile` pixels that cover an axis.

    Neighbours share at least `2 margin` pixels; at an inner edge a window's weight is 0 for half the margin, rises
    linearly over a margin, and is 1 from there, before it is divided by the sum of all.

    Args:
        length: pixels of the axis, a multiple of `multiple`.
        tile: pixels of a window, a multiple of `multiple`; at most `length`.
        margin: pixels.
        multiple: windows start at a multiple of it, so that the network's strided layers meet the same pixels as in
            the whole image.
    """
    step = max(multiple, (tile - 2 * margin) // multiple * multiple)
    starts = [*range(0, length - tile, step), length - tile]
    ramp = np.clip((np.arange(tile) + 0.5 - margin / 2) / max(margin, 1), 1e-6, 1)
    parts = [np.ones(tile) for _ in starts]
    for number, start in enumerate(starts):
        if start > 0:
            parts[number] *= ramp
        if start + tile < length:
            parts[number] *= ramp[::-1]
    total = np.zeros(length)
    for start, part in zip(starts, parts, strict=True):
        total[start : start + tile] += part
    return [
        Window(start, (part / total[start : start + tile]).astype(np.float32))
        for start, part in zip(starts, parts, strict=True)
    ]


def bytes_per_pixel(network: keras.Model) -> float:
    """What a network takes per pixel of its input, about."""
    side = 512
    every = keras.Model(network.inputs, [layer.output for layer in network.layers])
    shapes = every.compute_output_shape((1, side, side, 3))
    return _LAYERS_AT_ONCE * 4 * max(math.prod(shape[1:]) for shape in shapes if len(shape) == 4) / side**2


def largest_tile(per_pixel: float, height: int, width: int, memory_bytes: float) -> int | None:
    """The side of the largest square tile that fits into the memory; None: the whole image does.

    Args:
        per_pixel: see `bytes_per_pixel`.
        height, width: of the image.
        memory_bytes: of the whole process.

    Raises:
        ValueError: the image itself does not fit.
    """
    left = memory_bytes - _BASE_BYTES - _BYTES_PER_IMAGE_PIXEL * height * width
    if per_pixel * height * width <= left:
        return None
    if left < per_pixel * 128**2:
        raise ValueError(
            f"an image of {width}x{height} needs {(memory_bytes - left) / GIB + 0.5:.1f} GiB of memory at least"
        )
    return int(math.sqrt(left / per_pixel))
