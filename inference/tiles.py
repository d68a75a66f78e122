"""An image in tiles that overlap: where they lie, how they blend, and how large they may be."""

import math
from typing import NamedTuple

import keras
import numpy as np

GIB = 2**30
# What TensorFlow and the weights of the largest network take before the first pixel.
_BASE_BYTES = 1.2 * GIB
# Beside the tile: the image, padded and restored, the sum of the tiles and that of the flips in float32.
_BYTES_PER_IMAGE_PIXEL = 36
# Of a tile that is worth the work: half of its side is overlap.
_LEAST_TILE_PX = 128
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
    starts = [*range(0, length - tile, _step(tile, margin, multiple)), length - tile]
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


def tile_sides(
    per_pixel: float, height: int, width: int, memory_bytes: float, margin: int, multiple: int
) -> tuple[int, int]:
    """Height and width of the tiles that fit into the memory and cover the image with the least overlap.

    Args:
        per_pixel: see `bytes_per_pixel`.
        height, width: of the image, multiples of `multiple`.
        memory_bytes: of the whole process.
        margin, multiple: see `windows`.

    Returns:
        The image's own sides where it fits as a whole.

    Raises:
        ValueError: the image itself does not fit.
    """
    left = memory_bytes - _BASE_BYTES - _BYTES_PER_IMAGE_PIXEL * height * width
    if per_pixel * height * width <= left:
        return height, width
    fitting = [
        (rows * columns * high * wide, high, wide)
        for rows, high in _divisions(height, margin, multiple).items()
        for columns, wide in _divisions(width, margin, multiple).items()
        if per_pixel * high * wide <= left
    ]
    if not fitting:
        needed = memory_bytes - left + per_pixel * _least_side(margin, multiple) ** 2
        raise ValueError(f"an image of {width}x{height} needs {needed / GIB + 0.05:.1f} GiB of memory at least")
    return min(fitting)[1:]


def _least_side(margin, multiple):
    """Of a tile that overlaps its neighbours by `2 margin` pixels and is worth the work."""
    return -(-max(_LEAST_TILE_PX, multiple + 2 * margin) // multiple) * multiple


def _divisions(length, margin, multiple):
    """Number of windows that cover an axis -> their least side."""
    sides = range(length, min(length, _least_side(margin, multiple)) - 1, -multiple)
    return {1 + -(-(length - side) // _step(side, margin, multiple)): side for side in sides}


def _step(tile, margin, multiple):
    return max(multiple, (tile - 2 * margin) // multiple * multiple)


def spread(length: int, side: int, number: int, multiple: int) -> list[int]:
    """Where `number` windows of `side` pixels start that lie evenly along an axis, away from its ends."""
    middles = (np.arange(number) + 0.5) / number * length
    starts = np.clip(middles - side / 2, 0, length - side)
    return [int(start) // multiple * multiple for start in starts]
