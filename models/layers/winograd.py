"""3x3 correlations with fewer products: Winograd's minimal filtering F(4x4, 3x3) (Winograd 1980; Lavin & Gray 2016).

A tile of 4x4 outputs depends on 6x6 inputs. Evaluated at 6 points along each axis, it costs 36 products for each pair
of an input and an output map, where the definition takes 144:

    Y = A [ (G g G^T) * (B d B^T) ] A^T        d: 6x6 inputs, g: 3x3 taps, Y: 4x4 outputs

Here the tiles of all images stand side by side, and B d B^T is one product with the 36x36 matrix B x B (Kronecker).
Matrix products need no compiler, take any image size in one graph, run on every backend, and leave the choice of the
points free, where transforms that are written out as sums want small whole numbers. The points 0, +-1/sqrt(2),
+-sqrt(2) and infinity round six times less, at worst, than the usual 0, +-1, +-2 (docs/convolutions.md).
"""

from typing import Any

import numpy as np
from keras import ops

from gandeblur.models.layers import backend

TAPS, OUTPUTS = 3, 4
SIDE = OUTPUTS + TAPS - 1  # inputs that a tile depends on, along an axis
POINTS = (0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5))  # and infinity
# Tiles whose transforms are made and used together: their arrays stay in the processor's cache.
CHUNK = 256


def correlate(x: Any, w: Any) -> Any:
    """Valid correlation: float32 `[B, H, W, C]`, `[3, 3, C, M]` -> `[B, H - 2, W - 2, M]`, H and W known or not.

    Its gradients are correlations of the same kind, and so it is differentiated to any order.
    """

    @ops.custom_gradient
    def correlated(x, w):
        def gradients(*args, upstream=None):
            [y] = args or [upstream]
            return correlate(_pad(y), _adjoint(w)), _weight_gradient(x, y)

        return _output(x, w), gradients

    return correlated(ops.convert_to_tensor(x), ops.convert_to_tensor(w))


def _weight_gradient(x, y):
    """sum over images and places of x y: `[B, H, W, C]`, `[B, H - 2, W - 2, M]` -> `[3, 3, C, M]`."""

    @ops.custom_gradient
    def correlated(x, y):
        def gradients(*args, upstream=None):
            [w] = args or [upstream]
            return correlate(_pad(y), _adjoint(w)), correlate(x, w)

        return _weights(x, y), gradients

    return correlated(x, y)


def _pad(y):
    return ops.pad(y, [(0, 0), (TAPS - 1, TAPS - 1), (TAPS - 1, TAPS - 1), (0, 0)])


def _adjoint(w):
    return ops.swapaxes(ops.flip(w, axis=(0, 1)), 2, 3)


@backend.traced_once
def _output(x, w):
    (batch, height, width, channels), maps = ops.shape(x), w.shape[-1]
    height, width = height - TAPS + 1, width - TAPS + 1
    rows, columns = _tiles(height), _tiles(width)
    filters = ops.reshape(_transformed(_OF_TAPS, w), (SIDE**2, channels, maps))

    def outputs(tiles):
        p = ops.matmul(_transformed_windows(x, tiles, rows, columns), filters)
        return ops.reshape(_transformed(_OF_PRODUCTS, p), (-1, maps))

    tiles = batch * rows * columns
    chunks = (tiles + CHUNK - 1) // CHUNK
    size = (tiles + chunks - 1) // chunks
    numbers = ops.minimum(ops.reshape(ops.arange(chunks * size, dtype="int32"), (chunks, size)), tiles - 1)
    y = outputs(numbers[0]) if isinstance(chunks, int) and chunks == 1 else ops.map(outputs, numbers)
    return ops.take(ops.reshape(y, (-1, maps)), _places(batch, height, width, rows, columns, size), axis=0)


@backend.traced_once
def _weights(x, y):
    (batch, height, width, maps), channels = ops.shape(y), x.shape[-1]
    rows, columns = _tiles(height), _tiles(width)
    numbers = ops.arange(batch * rows * columns, dtype="int32")
    below, right = rows * OUTPUTS - height, columns * OUTPUTS - width
    y = ops.reshape(ops.pad(y, [(0, 0), (0, below), (0, right), (0, 0)]), (-1, OUTPUTS, columns, OUTPUTS, maps))
    y = ops.reshape(ops.transpose(y, (1, 3, 0, 2, 4)), (OUTPUTS**2, -1))
    p = ops.reshape(ops.matmul(_OF_PRODUCTS.T, y), (SIDE**2, -1, maps))
    d = _transformed_windows(x, numbers, rows, columns)
    w = ops.matmul(ops.swapaxes(d, 1, 2), p)
    return ops.reshape(ops.matmul(_OF_TAPS.T, ops.reshape(w, (SIDE**2, -1))), (TAPS, TAPS, channels, maps))


def _transformed_windows(x, tiles, rows, columns):
    """`[36, tiles, C]`: the tiles' inputs at the points. x `[B, H, W, C]`."""
    _, height, width, channels = ops.shape(x)
    d = ops.take(ops.reshape(x, (-1, channels)), _windows(tiles, rows, columns, height, width), axis=0)
    return ops.reshape(_transformed(_OF_INPUTS, d), (SIDE**2, -1, channels))


def _transformed(matrix, x):
    return ops.matmul(matrix, ops.reshape(x, (matrix.shape[1], -1)))


def _tiles(length):
    return (length + OUTPUTS - 1) // OUTPUTS


def _windows(tiles, rows, columns, height, width):
    """`[36, tiles]`: which pixel each place of a tile's window is; beyond the border, the last one."""
    place = ops.arange(SIDE, dtype="int32")
    image, tile = tiles // (rows * columns), tiles % (rows * columns)
    top, left = OUTPUTS * (tile // columns), OUTPUTS * (tile % columns)
    y = ops.minimum(top + place[:, None], height - 1)
    x = ops.minimum(left + place[:, None], width - 1)
    return ops.reshape((image * height + y)[:, None] * width + x, (SIDE**2, -1))


def _places(batch, height, width, rows, columns, size):
    """`[B, H, W]`: where each pixel of the result stands in `[chunks, 16, size]` outputs."""
    image = ops.reshape(ops.arange(batch, dtype="int32"), (-1, 1, 1))
    y = ops.reshape(ops.arange(height, dtype="int32"), (-1, 1))
    x = ops.arange(width, dtype="int32")
    tile = (image * rows + y // OUTPUTS) * columns + x // OUTPUTS
    inside = (y % OUTPUTS) * OUTPUTS + x % OUTPUTS
    return (tile // size * OUTPUTS**2 + inside) * size + tile % size


def _matrices():
    """B, G and A^T of one axis, by Lagrange's interpolation at the points (Toom-Cook, transposed)."""
    of_inputs, of_taps, of_products = np.zeros((SIDE, SIDE)), np.zeros((SIDE, TAPS)), np.zeros((OUTPUTS, SIDE))
    for row, point in enumerate(POINTS):
        others = [other for other in POINTS if other != point]
        of_inputs[row, :-1] = np.polynomial.polynomial.polyfromroots(others)
        of_taps[row] = point ** np.arange(TAPS) / np.prod([point - other for other in others])
        of_products[:, row] = point ** np.arange(OUTPUTS)
    of_inputs[-1] = np.polynomial.polynomial.polyfromroots(POINTS)
    of_taps[-1, -1] = of_products[-1, -1] = 1
    return of_inputs, of_taps, of_products


# Both axes at once: `[36, 36]`, `[36, 9]`, `[16, 36]`.
_OF_INPUTS, _OF_TAPS, _OF_PRODUCTS = (np.kron(matrix, matrix).astype("float32") for matrix in _matrices())
