"""Motion blur as a degradation: draw many kernels at once, then apply one (or two, `TwoMotions`) to each image.

kernels = MotionBlur(SCRIPT).draw(seed, 256)  # [256, k, k]: far cheaper than one by one
blurred = MotionBlur(SCRIPT)(image, kernels[0])
"""

import math
from dataclasses import dataclass

import tensorflow as tf

from gandeblur.data.blur.kernels import EXPOSURES, motion_kernels
from gandeblur.data.blur.trajectories import Parameters
from gandeblur.data.degradations import blur


@dataclass(frozen=True)
class MotionBlur:
    """One camera motion for the whole image: blurred = (kernel * sharp^gamma)^(1 / gamma).

    A kernel sums to 1, so that the brightness stays. Beyond the border the nearest pixel is repeated.

    Attributes:
        parameters: of the camera's path, `PAPER` or `SCRIPT`.
        exposures: fractions of the path, in (0, 1], each as likely.
        gamma: 1 takes means of the stored values, as DeblurGAN does. A camera takes means of light, which is about
            2.2: moving things grow brighter, and the stronger their contrast, the more.
    """

    parameters: Parameters
    exposures: tuple[float, ...] = EXPOSURES
    gamma: float = 1.0

    def __str__(self) -> str:
        """ "motion blur (paths of 6 to 60 px, ...)"."""
        path = self.parameters
        lengths = [path.length_px * exposure for exposure in self.exposures]
        low, high = path.gaussian_shake
        parts = [
            f"paths of {min(lengths):g} to {max(lengths):g} px in {len(lengths)} exposures",
            f"Gaussian shake {low:g} to {high:g}",
            f"impulsiveness {min(path.impulsiveness):g} to {max(path.impulsiveness):g}",
        ]
        light = [f"means of light, gamma {self.gamma:g}"] if self.gamma != 1 else []
        return f"motion blur ({', '.join(parts + light)})"

    def draw(self, seed: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
        """Kernels, float32 `[count, k, k]`, from an integer seed `[2]`."""
        return motion_kernels(seed, count, self.parameters, self.exposures)

    def __call__(self, image: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Blurs an image.

        Args:
            image: float32 `[H, W, 3]` in [0, 1].
            kernel: float32 `[k, k]`, one row of `draw`.

        Returns:
            float32 `[H, W, 3]` in [0, 1].
        """
        if self.gamma == 1.0:
            return blur(image, None, kernel=kernel)
        return blur(image**self.gamma, None, kernel=kernel) ** (1 / self.gamma)


@dataclass(frozen=True)
class TwoMotions:
    """Two motions in one image, one on each side of a random line, with a passage between them.

    A camera that turns, or is nearer to one thing than to another, moves its image more at one place than at another.
    Moving things have a blur of their own. Efficient filter flow (Hirsch et al., CVPR 2010) blends the results of
    several kernels; here they are two:

        blurred = (w (kernel_1 * sharp^gamma) + (1 - w) (kernel_2 * sharp^gamma))^(1 / gamma)

    w rises from 0.12 to 0.88 across the line: within 2 pixels, as at the edge of a thing, up to within the image's
    shorter side. The line's distance from the image's middle is at most half the shorter side.

    Attributes:
        motion: how each of the two is drawn. Its own gamma has to be 1.
        gamma: the least and the greatest; an image's own is log-uniform between them: responses of cameras differ,
            and a picture does not tell its own.
    """

    motion: MotionBlur
    gamma: tuple[float, float]

    def __post_init__(self):
        if self.motion.gamma != 1.0:
            raise ValueError(f"the gamma of two motions is their own: {self.gamma}, not {self.motion.gamma} in motion")

    def __str__(self) -> str:
        low, high = self.gamma
        light = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        return f"two motions on the sides of a random line, means of light, gamma {light}: {self.motion}"

    def draw(self, seed: tf.Tensor, count: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Kernels `[count, 2, k, k]`; three uniform numbers of a line `[count, 3]`; gammas `[count]`: all float32."""
        kernels_seed, line_seed, gamma_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
        kernels = self.motion.draw(kernels_seed, 2 * count)
        line = tf.random.stateless_uniform([count, 3], line_seed)
        low, high = self.gamma
        gamma = low * (high / low) ** tf.random.stateless_uniform([count], gamma_seed)
        return tf.reshape(kernels, [count, 2, *kernels.shape[1:]]), line, gamma

    def __call__(self, image: tf.Tensor, drawn: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Blurs an image.

        Args:
            image: float32 `[H, W, 3]` in [0, 1].
            drawn: one row of `draw`: kernels `[2, k, k]`, line `[3]`, gamma `[]`.

        Returns:
            float32 `[H, W, 3]` in [0, 1].
        """
        kernels, line, gamma = drawn
        light = image**gamma
        weight = passage(line, tf.shape(image)[0], tf.shape(image)[1])
        blurred = weight * blur(light, None, kernel=kernels[0]) + (1 - weight) * blur(light, None, kernel=kernels[1])
        return blurred ** (1 / gamma)


def passage(line: tf.Tensor, height: int | tf.Tensor, width: int | tf.Tensor) -> tf.Tensor:
    """The weight w of `TwoMotions`, float32 `[height, width, 1]`: a logistic function of the distance from the line.

    Args:
        line: float32 `[3]` in [0, 1): direction, distance from the middle, width of the passage.
        height, width: of the image.
    """
    height, width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    side = tf.minimum(height, width)
    angle, offset = 2 * math.pi * line[0], (line[1] - 0.5) * side
    passage_px = 2.0 * (side / 2) ** line[2]  # log-uniform from 2 pixels to the shorter side
    y = tf.range(height)[:, tf.newaxis] - (height - 1) / 2
    x = tf.range(width)[tf.newaxis] - (width - 1) / 2
    distance = y * tf.sin(angle) + x * tf.cos(angle) - offset
    return tf.sigmoid(4 * distance / passage_px)[..., tf.newaxis]
