"""A grid of 2 pixels, as layers of stride 2 leave it, as a loss: what is the same at every second pixel.

With the error e = restored - sharp and the three patterns of period 2, p = (-1)^x, (-1)^y and (-1)^(x+y),

    loss = mean over windows, channels and patterns of (mean over the window of e p)^2

Detail that stands where it should has no error, detail that stands elsewhere has one sign here and the other there: its
mean over a window falls with the window's size. A grid's does not. So the loss leaves detail alone, and takes what
`evaluation.grid.grid_db` measures.
"""

from typing import Any

from keras import ops

WINDOW_PX = 32


def grid_loss(restored: Any, sharp: Any) -> Any:
    """Float `[B, H, W, C]` twice -> `[B]`; rows and columns beyond a multiple of 32 do not count.

    A grid of amplitude a, that is a and -a in turns along rows or columns, or on the fields of a chess board, costs
    a^2 / 3.
    """
    error = restored - sharp
    height, width = (ops.shape(error)[axis] // WINDOW_PX * WINDOW_PX for axis in (1, 2))
    error = error[:, :height, :width]
    # Means over windows of each of the four places in a square of 2x2 pixels, then the patterns' signs on them.
    places = [ops.average_pool(error[:, y::2, x::2], WINDOW_PX // 2, WINDOW_PX // 2) for y in (0, 1) for x in (0, 1)]
    loss = 0.0
    for signs in ((1, -1, 1, -1), (1, 1, -1, -1), (1, -1, -1, 1)):
        pattern = sum(sign * place for sign, place in zip(signs, places, strict=True)) / 4
        loss = loss + ops.mean(ops.square(pattern), axis=(1, 2, 3))
    return loss / 3
