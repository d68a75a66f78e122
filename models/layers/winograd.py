"""Correlations with fewer products: Winograd's minimal filtering F(4x4, 3x3) and F(3x3, 4x4).

A tile of 4x4 outputs of 3x3 taps, or of 3x3 outputs of 4x4 taps, depends on 6x6 inputs. Evaluated at 6 points along
each axis, it costs 36 products for each pair of an input and an output map, where the definition takes 144
(Winograd 1980; Lavin & Gray 2016):

    Y = A [ (G g G^T) * (B d B^T) ] A^T        d: 6x6 inputs, g: taps, Y: outputs

Here the tiles of all images stand side by side, and B d B^T is one product with the 36x36 matrix B x B (Kronecker).
Matrix products need no compiler, take any image size in one graph, run on every backend, and leave the choice of the
points free, where transforms that are written out as sums want small whole numbers. The points 0, +-1/sqrt(2),
+-sqrt(2) and infinity round six times less, at worst, than the usual 0, +-1, +-2 (docs/convolutions.md).
"""

import functools
from typing import Any

import numpy as np
from keras import ops

from gandeblur.models.layers import backend

TAPS = (3, 4)  # along either axis
POINTS = (0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5))  # and infinity
# Tiles times maps whose transforms are made and used together: their arrays stay in the processor's cache.
CHUNK = 256 * 256


def correlate(x: Any, w: Any, reflect: bool = False) -> Any:
    """Correlation: float32 `[B, H, W, C]`, `[t, t, C, M]` -> `[B, H - t + 1, W - t + 1, M]`, H and W known or not.

    Its gradients are correlations of the same kind, and so it is differentiated to any order.

    Args:
        x: images.
        w: taps, t of `TAPS`.
        reflect: mirrors the images at their border pixels, which are not repeated: `[B, H, W, M]`, H and W 2 or more;
            t is 3.
    """

    @ops.custom_gradient
    def correlated(x, w):
        def gradients(*args, upstream=None):
            [y] = args or [upstream]
            return _image_gradient(y, w, reflect), _weight_gradient(x, y, w.shape[0], reflect)

        return _output(x, w, reflect), gradients

    return correlated(ops.convert_to_tensor(x), ops.convert_to_tensor(w))


def _image_gradient(y, w, reflect):
    around = (w.shape[0] - 1, w.shape[0] - 1)
    y = ops.pad(y, [(0, 0), around, around, (0, 0)])
    x = correlate(y, ops.swapaxes(ops.flip(w, axis=(0, 1)), 2, 3))
    return _folded(_folded(x, 1), 2) if reflect else x


def _folded(x, axis):
    """The adjoint of mirroring: what lies beyond the border is added to what it mirrors."""
    length = ops.shape(x)[axis] - 2

    def at(start, size, before, after):
        part = ops.take(x, ops.arange(start, start + size), axis=axis)
        return ops.pad(part, [(before, after) if one == axis else (0, 0) for one in range(4)])

    return at(1, length, 0, 0) + at(0, 1, 1, length - 2) + at(length + 1, 1, length - 2, 1)


def _weight_gradient(x, y, taps, reflect):
    """sum over images and places of x y: `[B, H, W, C]`, `[B, H - t + 1, W - t + 1, M]` -> `[t, t, C, M]`."""

    @ops.custom_gradient
    def correlated(x, y):
        def gradients(*args, upstream=None):
            [w] = args or [upstream]
            return _image_gradient(y, w, reflect), correlate(x, w, reflect)

        return _weights(x, y, taps, reflect), gradients

    return correlated(x, y)


@backend.traced_once
def _output(x, w, reflect):
    (batch, height, width, channels), (taps, _, _, maps) = ops.shape(x), w.shape
    _, of_taps, of_products = _matrices(taps, POINTS)
    side = _outputs(taps)
    if not reflect:
        height, width = height - taps + 1, width - taps + 1
    rows, columns = batch * _ceil(height, side), _ceil(width, side)
    filters = ops.reshape(_transformed(of_taps, w), (-1, channels, maps))
    chunks = _ceil(rows * columns * max(channels, maps), CHUNK)
    share = _ceil(rows, chunks)  # rows of tiles in a chunk

    def outputs(chunk):
        """`[side^2 share columns, M]`: the pixels of `share` rows of tiles, row by row."""
        row = ops.minimum(chunk * share + ops.arange(share, dtype="int32"), rows - 1)
        p = ops.matmul(_transformed_windows(x, row, _ceil(height, side), columns, taps, reflect), filters)
        return ops.take(ops.reshape(_transformed(of_products, p), (-1, maps)), _places(share, columns, side), axis=0)

    y = ops.reshape(backend.map_chunks(outputs, chunks), (-1, side * side * columns, maps))[:rows]
    return ops.reshape(y, (batch, -1, side * columns, maps))[:, :height, :width]


@backend.traced_once
def _weights(x, y, taps, reflect):
    (batch, height, width, maps), channels = ops.shape(y), x.shape[-1]
    _, of_taps, of_products = _matrices(taps, POINTS)
    side = _outputs(taps)
    rows, columns = _ceil(height, side), _ceil(width, side)
    below, right = rows * side - height, columns * side - width
    y = ops.reshape(ops.pad(y, [(0, 0), (0, below), (0, right), (0, 0)]), (-1, side, columns, side, maps))
    y = ops.reshape(ops.transpose(y, (1, 3, 0, 2, 4)), (side**2, -1))
    p = ops.reshape(ops.matmul(of_products.T, y), (of_products.shape[1], -1, maps))
    d = _transformed_windows(x, ops.arange(batch * rows, dtype="int32"), rows, columns, taps, reflect)
    w = ops.matmul(ops.swapaxes(d, 1, 2), p)
    return ops.reshape(ops.matmul(of_taps.T, ops.reshape(w, (of_taps.shape[0], -1))), (taps, taps, channels, maps))


def _transformed_windows(x, row, rows, columns, taps, reflect):
    """`[36, tiles, C]`: the tiles' inputs at the points.

    Args:
        x: `[B, H, W, C]`.
        row: `[n]`, the rows of tiles, of which each image has `rows`.
        columns: tiles in a row.
    """
    _, height, width, channels = ops.shape(x)
    of_inputs, *_ = _matrices(taps, POINTS)
    step, place = _outputs(taps), ops.arange(len(POINTS) + 1, dtype="int32")[:, None]
    y = _pixel(step * (row % rows) + place, height, reflect) + row // rows * height
    columns = _pixel(step * ops.arange(columns, dtype="int32") + place, width, reflect)
    pixels = ops.reshape(y[:, None, :, None] * width + columns[:, None], (-1,))
    d = ops.take(ops.reshape(x, (-1, channels)), pixels, axis=0)
    return ops.reshape(_transformed(of_inputs, d), (of_inputs.shape[0], -1, channels))


def _transformed(matrix, x):
    return ops.matmul(matrix, ops.reshape(x, (matrix.shape[1], -1)))


def tiles(length: int, taps: int) -> int:
    """How many tiles cover so many outputs along an axis."""
    return _ceil(length, _outputs(taps))


def _outputs(taps):
    """The side of a tile's outputs."""
    return len(POINTS) + 2 - taps


def _ceil(dividend, divisor):
    return (dividend + divisor - 1) // divisor


def _pixel(place, length, reflect):
    """Which of an axis' pixels stands at a place of its tiles; beyond the border, any."""
    if reflect:
        place = ops.abs(place - 1)
        place = ops.where(place < length, place, 2 * length - 2 - place)
    return ops.clip(place, 0, length - 1)


def _places(rows, columns, side):
    """`[side rows, side columns]`: where each pixel stands in `[side^2, rows columns]` outputs of tiles."""
    y = ops.arange(side * rows, dtype="int32")[:, None]
    x = ops.arange(side * columns, dtype="int32")
    tile = y // side * columns + x // side
    return (y % side * side + x % side) * (rows * columns) + tile


@functools.cache
def _matrices(taps, points):
    """Of inputs, of taps and of products, both axes at once: float32 `[36, 36]`, `[36, t^2]` and `[(7 - t)^2, 36]`."""
    return tuple(np.kron(matrix, matrix).astype("float32") for matrix in _of_axis(taps, points))


def _of_axis(taps, points):
    """B, G and A^T of one axis, by Lagrange's interpolation at the points and infinity (Toom-Cook, transposed)."""
    side = len(points) + 1
    outputs = side - taps + 1
    of_inputs, of_taps, of_products = np.zeros((side, side)), np.zeros((side, taps)), np.zeros((outputs, side))
    for row, point in enumerate(points):
        others = [other for other in points if other != point]
        of_inputs[row, :-1] = np.polynomial.polynomial.polyfromroots(others)
        of_taps[row] = point ** np.arange(taps) / np.prod([point - other for other in others])
        of_products[:, row] = point ** np.arange(outputs)
    of_inputs[-1] = np.polynomial.polynomial.polyfromroots(points)
    of_taps[-1, -1] = of_products[-1, -1] = 1
    return of_inputs, of_taps, of_products
