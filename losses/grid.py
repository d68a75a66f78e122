"""Grids of 2 and 4 pixels, as layers of stride 2 leave them, as a loss: the mean error at every fourth pixel.

With the error e = restored - sharp, and m its means over all pixels of one place (y mod 4, x mod 4), 16 in all,

    loss = mean over places and channels of (m - mean over places of m)^2

Detail in its right place has no error, detail elsewhere falls on all places alike, a grid does not. So the loss leaves
detail alone and takes the grid that `evaluation.grid.grid_db` measures.
"""

from typing import Any

from keras import ops

PERIOD_PX = 4


def grid_loss(restored: Any, sharp: Any) -> Any:
    """Float `[B, H, W, C]` twice -> `[B]`; up to 3 rows and columns at the bottom and right do not count.

    A grid of amplitude a, that is a and -a in turns along rows or columns, or on the fields of a chess board, costs
    a^2; noise of variance v costs 15 v / (H W).
    """
    error = restored - sharp
    rows, columns = (ops.shape(error)[axis] // PERIOD_PX for axis in (1, 2))
    error = error[:, : rows * PERIOD_PX, : columns * PERIOD_PX]
    places = ops.mean(ops.reshape(error, (-1, rows, PERIOD_PX, columns, PERIOD_PX, error.shape[-1])), axis=(1, 3))
    return ops.mean(ops.var(places, axis=(1, 2)), axis=-1)
