"""Pixel losses and similarity: one value per image."""

import numpy as np
from keras import ops


def mean_squared_error(restored, sharp):
    """Mean over height, width and channels of (restored - sharp)^2: float `[B, H, W, C]` twice -> `[B]`."""
    return ops.mean(ops.square(restored - sharp), axis=(1, 2, 3))


def mean_absolute_error(restored, sharp):
    """Mean over height, width and channels of |restored - sharp|: float `[B, H, W, C]` twice -> `[B]`."""
    return ops.mean(ops.abs(restored - sharp), axis=(1, 2, 3))


def structural_similarity(restored, sharp):
    """SSIM (Wang et al. 2004): Gaussian window 11x11, sigma 1.5, per channel, averaged over the windows inside.

    Args:
        restored, sharp: float `[B, H, W, C]` in [0, 1], each side at least 11.

    Returns:
        `[B]`, in [-1, 1]; 1 for equal images.
    """
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = (weights / weights.sum()).astype(np.float32)
    channels = sharp.shape[-1]

    def window_mean(images):
        for shape in ((11, 1, 1, 1), (1, 11, 1, 1)):
            kernel = ops.tile(ops.reshape(weights, shape), (1, 1, channels, 1))
            images = ops.depthwise_conv(images, kernel, padding="valid")
        return images

    mean_r, mean_s = window_mean(restored), window_mean(sharp)
    variance_r = window_mean(restored**2) - mean_r**2
    variance_s = window_mean(sharp**2) - mean_s**2
    covariance = window_mean(restored * sharp) - mean_r * mean_s
    c1, c2 = 0.01**2, 0.03**2
    similarity = (2 * mean_r * mean_s + c1) * (2 * covariance + c2)
    similarity /= (mean_r**2 + mean_s**2 + c1) * (variance_r + variance_s + c2)
    return ops.mean(similarity, axis=(1, 2, 3))
