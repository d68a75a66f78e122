"""Motion blur as a degradation: `draw` many at once, then apply one to each image.

    kernels = step.draw(seeds)                 # [256, 2] -> [256, k, k]: far cheaper than one by one
    blurred = step(image, kernels[0])

Both steps keep the brightness: a kernel sums to 1, and so do the weights of two. Beyond the border the nearest
pixel is repeated, as in `degradations.blur`.
"""

import math
from dataclasses import dataclass

import tensorflow as tf

from gandeblur.data.blur.kernels import EXPOSURES, motion_kernels
from gandeblur.data.blur.threefry import split, uniforms
from gandeblur.data.blur.trajectories import Parameters
from gandeblur.data.degradations import blur

# Streams of a row's seed in `VaryingBlur`; the kernels draw from new seeds.
_KERNELS, _REGIONS = range(2)

# Terms of the mask's cosine series in y and in x: at most so many half periods, less one, over the image.
_WAVES = 3

# Where the series crosses 0 its slope is about 5 per side of the image: the mask rises from 0.1 to 0.9 within some 6 %.
_STEEPNESS = 15.0


@dataclass(frozen=True)
class MotionBlur:
    """One camera motion for the whole image: blurred = kernel * sharp.

    Attributes:
        parameters: of the camera's path, `PAPER` or `RELEASED_CODE`.
        exposures: fractions of the path, in (0, 1], drawn uniformly.
    """

    parameters: Parameters
    exposures: tuple[float, ...] = EXPOSURES

    def draw(self, seeds: tf.Tensor) -> tf.Tensor:
        """Kernels, float32 `[count, k, k]`, from integer seeds `[count, 2]`."""
        return motion_kernels(seeds, self.parameters, self.exposures)

    def __call__(self, image: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Blurs an image.

        Args:
            image: float32 `[H, W, 3]` in [0, 1].
            kernel: float32 `[k, k]`, one row of `draw`.

        Returns:
            float32 `[H, W, 3]` in [0, 1].
        """
        return blur(image, None, kernel=kernel)


@dataclass(frozen=True)
class VaryingBlur:
    """Spatially varying blur: object and background move differently, and meet along a soft, random edge.

    With a mask m(y, x) in [0, 1], blurred = m (kernel_1 * sharp) + (1 - m) (kernel_2 * sharp). The mask is a
    sigmoid of a random sum of cosines over the image, so that regions scale with it.

    Attributes:
        parameters, exposures: see `MotionBlur`; each kernel has a path and an exposure of its own.
    """

    parameters: Parameters
    exposures: tuple[float, ...] = EXPOSURES

    def draw(self, seeds: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Kernels, float32 `[count, 2, k, k]`, and waves, float32 `[count, n, n]`, from integer seeds `[count, 2]`."""
        new_seeds = tf.reshape(tf.transpose(split(seeds, _KERNELS, 2), [1, 0, 2]), [-1, 2])
        kernels = motion_kernels(new_seeds, self.parameters, self.exposures)
        amplitudes = 2 * uniforms(seeds, _REGIONS, _WAVES**2) - 1
        side = kernels.shape[-1]
        return tf.reshape(kernels, [-1, 2, side, side]), tf.reshape(tf.transpose(amplitudes), [-1, _WAVES, _WAVES])

    def __call__(self, image: tf.Tensor, drawn: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Blurs an image.

        Args:
            image: float32 `[H, W, 3]` in [0, 1].
            drawn: kernels, float32 `[2, k, k]`, and waves, float32 `[n, n]`: one row of `draw`.

        Returns:
            float32 `[H, W, 3]` in [0, 1].
        """
        kernels, waves = drawn
        mask = region_mask(waves, tf.shape(image)[0], tf.shape(image)[1])[..., None]
        first, second = (blur(image, None, kernel=kernel) for kernel in tf.unstack(kernels))
        return mask * first + (1 - mask) * second


def region_mask(waves: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Weight of the first of two regions: sigmoid(steepness * sum_jk waves[j, k] cos(pi j y) cos(pi k x)).

    Args:
        waves: float32 `[n, n]`; y and x run from 0 to 1 over the image.
        height, width: of the image in pixels.

    Returns:
        float32 `[height, width]` in [0, 1]; the other region's weight is the rest to 1.
    """

    def cosines(length):
        position = (tf.range(length, dtype=tf.float32) + 0.5) / tf.cast(length, tf.float32)
        return tf.cos(math.pi * position[:, None] * tf.range(waves.shape[0], dtype=tf.float32))

    return tf.sigmoid(_STEEPNESS * (cosines(height) @ waves @ tf.transpose(cosines(width))))
