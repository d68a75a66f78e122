"""Motion blur as a degradation: draw many kernels at once, then apply one to each image.

kernels = step.draw(seed, 256)  # [256, k, k]: far cheaper than one by one
blurred = step(image, kernels[0])
"""

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
            2.2: what moves grows brighter, the more so the stronger its contrast.
    """

    parameters: Parameters
    exposures: tuple[float, ...] = EXPOSURES
    gamma: float = 1.0

    def __str__(self) -> str:
        """ "motion blur (paths of 6 to 60 px, ...)"."""
        path = self.parameters
        lengths = [path.length_px * exposure for exposure in self.exposures]
        low, high = path.gaussian_shake
        told = [
            f"paths of {min(lengths):g} to {max(lengths):g} px in {len(lengths)} exposures",
            f"Gaussian shake {low:g} to {high:g}",
            f"impulsiveness {min(path.impulsiveness):g} to {max(path.impulsiveness):g}",
        ]
        light = [f"means of light, gamma {self.gamma:g}"] if self.gamma != 1 else []
        return f"motion blur ({', '.join(told + light)})"

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
