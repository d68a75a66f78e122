"""Gradient penalty of Gulrajani et al. (2017), which keeps a Wasserstein critic D close to slope 1:

    x_hat = w x + (1 - w) G(z),  w ~ U(0, 1), one number per image
    penalty = (||dD(x_hat) / dx_hat||_2 - 1)^2, one value per image

D of an image is the mean over its score map. The norm is taken over all pixels and channels of the image's slope. The
slope itself comes from the train step, since backends differentiate in their own ways.
"""

from typing import Any

from keras import ops

# Added under the root, whose derivative is infinite at 0: a critic that is flat at an image (all units off) would
# make every weight NaN. 1e-12 is lost in the rounding of slopes near 1, and bends only those below about 1e-6.
_FLOOR = 1e-12


def mix(real: Any, fake: Any, weights: Any) -> Any:
    """x_hat: a point on the line between each real image and its fake one.

    Args:
        real: float `[B, H, W, C]`.
        fake: the same shape and value range.
        weights: float `[B]` in [0, 1]: the share of the real image.

    Returns:
        float `[B, H, W, C]`.
    """
    weights = ops.reshape(weights, (-1, 1, 1, 1))
    return weights * real + (1 - weights) * fake


def gradient_penalty(slopes: Any) -> Any:
    """(||slope||_2 - 1)^2 of each image.

    Args:
        slopes: float `[B, H, W, C]`: dD(x_hat) / dx_hat, D being the mean over the image's own score map.

    Returns:
        `[B]`; its gradient is finite, 0 where the slope is 0.
    """
    norms = ops.sqrt(ops.sum(ops.square(slopes), axis=(1, 2, 3)) + _FLOOR)
    return ops.square(norms - 1)


def pixel_penalty(slopes: Any) -> Any:
    """Mean over the pixels of (||slope of the pixel||_2 - 1)^2, the norm over its channels: DeblurGAN's released code.

    Args:
        slopes: float `[B, H, W, C]`; in that code of the summed score map.

    Returns:
        `[B]`; its gradient is finite.
    """
    norms = ops.sqrt(ops.sum(ops.square(slopes), axis=-1) + _FLOOR)
    return ops.mean(ops.square(norms - 1), axis=(1, 2))
