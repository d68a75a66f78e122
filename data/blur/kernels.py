"""Blur kernels from camera paths."""

import math
from collections.abc import Sequence

import tensorflow as tf

from gandeblur.data.blur.trajectories import Parameters, one_of, trajectories

# DeblurGAN's exposure times, as fractions of the path.
EXPOSURES = (1 / 100, 1 / 10, 1 / 2, 1.0)


def kernel_side_px(length_px: float) -> int:
    """Side of the smallest canvas, the same for all paths of one length, that each of them fits.

    The points lie evenly along the path, so that an end is on average half the path away from them all, measured
    along the path: no point is farther than `length_px / 2` from the centroid. One pixel more takes the splats.
    """
    return 2 * math.ceil(length_px / 2) + 3


@tf.function(jit_compile=True)
def rasterise(paths: tf.Tensor, exposure: tf.Tensor, length_px: float) -> tf.Tensor:
    """Kernels from the first part of each path, its centre of mass in the middle of the canvas.

    A point shares its weight among the four nearest pixels bilinearly: sub-pixel positions are kept.

    Args:
        paths: float32 `[count, steps, 2]`, (y, x) in pixels.
        exposure: float32 `[count]`, in (0, 1]: the fraction of each path that is used, one point at least.
        length_px: length of each whole path.

    Returns:
        float32 `[count, k, k]`, not negative, with sum 1; `k = kernel_side_px(length_px)`.
    """
    count, steps = tf.shape(paths)[0], paths.shape[1]
    side = kernel_side_px(length_px)
    used = tf.maximum(tf.round(exposure * steps), 1.0)[:, None]
    weight = tf.cast(tf.range(steps, dtype=tf.float32) < used, tf.float32)

    def cells(position):
        position += side // 2 - tf.reduce_sum(weight * position, axis=1, keepdims=True) / used
        corner = tf.floor(position)
        return position - corner, tf.cast(corner, tf.int32)

    # y and x apart: XLA is half as fast where they lie side by side.
    (down, row), (right, column) = (cells(position) for position in tf.unstack(paths, axis=-1))
    # One scatter of four weights to the upper left pixel, then three shifts: a third of the time of four scatters.
    cell = (tf.range(count)[:, None] * side + row) * side + column
    cell = tf.where(weight > 0, cell, -1)  # -1 is dropped; points beyond the exposure may lie off the canvas
    weights = [(1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right]
    splats = tf.stack([weight * share for share in weights], axis=-1)
    sums = tf.reshape(tf.math.unsorted_segment_sum(splats, cell, count * side * side), [count, side, side, 4])
    here, right, below, diagonal = tf.unstack(sums, axis=-1)
    # What a roll wraps around is 0: no upper left pixel lies in the last row or column.
    kernels = here + tf.roll(right, 1, 2) + tf.roll(below, 1, 1) + tf.roll(diagonal, [1, 1], [1, 2])
    # Not by `used`: rounding would leave the sum of 2000 weights up to 1e-5 from 1, and change the brightness.
    return kernels / tf.reduce_sum(kernels, axis=[1, 2], keepdims=True)


def motion_kernels(
    seed: tf.Tensor, count: int | tf.Tensor, parameters: Parameters, exposures: Sequence[float] = EXPOSURES
) -> tf.Tensor:
    """Random motion kernels: a path of Algorithm 1 each, at an exposure drawn evenly from `exposures`.

    Args:
        seed: integer `[2]`, of all kernels together.
        count: how many.
        parameters: of the paths.
        exposures: fractions of the path, in (0, 1].

    Returns:
        float32 `[count, k, k]`, not negative, with sum 1. Kernel k depends on `seed`, `count` and k only.
    """
    path_seed, exposure_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    exposure = one_of(exposures, exposure_seed, count)
    return rasterise(trajectories(path_seed, count, parameters), exposure, parameters.length_px)
