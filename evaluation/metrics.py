"""PSNR and SSIM under named, frozen protocols.

Two numbers are comparable only when they were taken the same way: one restored image scores an SSIM between
0.78 and 0.88 by choice of window and channels alone. So a protocol is an object with a name, and every number
carries it. All scores are taken on full images rounded to 8 bits.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

METRICS = ("psnr_db", "ssim")

_SSIM_WINDOWS: dict[str, dict[str, Any]] = {
    # Wang et al. 2004 and tf.image.ssim: weighted moments, divided by N.
    "gaussian": {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False},
    # scikit-image's defaults: plain moments, divided by N - 1.
    "uniform": {"win_size": 7},
}


@dataclass(frozen=True)
class Protocol:
    """How a score is taken: everything that changes the number.

    The rest is common to all protocols: 8-bit rounded full images, PSNR's data range 255, K1 = 0.01, K2 = 0.03; PSNR
    from the squared error averaged over pixels and channels.

    Attributes:
        name: travels with every number.
        channels: "rgb", or "y" for BT.601 luma, 16 to 235, rounded to 8 bits (MATLAB's `rgb2ycbcr`).
        ssim_window: "gaussian" (11x11, sigma 1.5) or "uniform" (7x7), one channel at a time, averaged over channels
            and over the windows inside the image. Or "matlab-3d", MATLAB's `ssim(A, B)` of colour images: it takes
            them for volumes of depth 3, with a Gaussian of 11x11x11 and sigma 1.5 in all three directions, border
            values repeated on all six sides, averaged over the whole volume.
        ssim_range: SSIM's data range in grey levels; scikit-image up to 0.18 took 510 for floats in [0, 1].
    """

    name: str
    channels: Literal["rgb", "y"] = "rgb"
    ssim_window: Literal["gaussian", "uniform", "matlab-3d"] = "gaussian"
    ssim_range: int = 255

    def __str__(self) -> str:
        """The name and its meaning in one line, for reports."""
        values = {"rgb": "all RGB values", "y": "BT.601 luma"}[self.channels]
        window = {
            "gaussian": "per channel, Gaussian 11x11, sigma 1.5, valid region",
            "uniform": "per channel, uniform 7x7, valid region",
            "matlab-3d": "of the channels as one volume, Gaussian 11x11x11, sigma 1.5, border values repeated",
        }[self.ssim_window]
        doubled = f", data range {self.ssim_range}" if self.ssim_range != 255 else ""
        return f"{self.name}: PSNR over {values} of the 8-bit image, data range 255; SSIM {window}{doubled}"


RGB = Protocol("rgb-8bit-gaussian")  # tf.image.psnr and tf.image.ssim
RGB_SKIMAGE = Protocol("rgb-8bit-uniform", ssim_window="uniform")  # scikit-image's defaults
RGB_MATLAB = Protocol("rgb-8bit-matlab-3d", ssim_window="matlab-3d")  # MATLAB's psnr and ssim of colour images
RGB_RANGE_2 = Protocol("rgb-8bit-range-2", ssim_range=510)  # the dark-channel authors' test, which inflates SSIM
Y = Protocol("y-8bit-gaussian", channels="y")  # usual in super-resolution papers
PROTOCOLS = (RGB, RGB_SKIMAGE, RGB_MATLAB, RGB_RANGE_2, Y)


def psnr_db(restored: np.ndarray, sharp: np.ndarray, protocol: Protocol = RGB) -> float:
    """Peak signal-to-noise ratio, 10 log10(255^2 / MSE); infinite for identical images.

    Written out: scikit-image's function is this line too, but takes half a second to import.

    Args:
        restored: uint8 [H, W, 3], RGB.
        sharp: uint8 [H, W, 3], the truth.
        protocol: channels.

    Raises:
        ValueError: the shapes differ, or an image is not uint8 [H, W, 3].
    """
    restored, sharp = _prepare(restored, sharp, protocol)
    error = np.subtract(restored, sharp, dtype=np.float64)
    with np.errstate(divide="ignore"):  # identical images: the answer is infinity, not a warning
        return float(10 * np.log10(255**2 / np.mean(error**2)))


def ssim(restored: np.ndarray, sharp: np.ndarray, protocol: Protocol = RGB) -> float:
    """Structural similarity (Wang et al. 2004), in [-1, 1], averaged as the protocol says.

    Args:
        restored: uint8 [H, W, 3], RGB, at least as large as the window (11x11 or 7x7; "matlab-3d" takes any size).
        sharp: uint8 [H, W, 3], the truth.
        protocol: channels and window.

    Raises:
        ValueError: the shapes differ, an image is not uint8 [H, W, 3], or it is smaller than the window.
    """
    restored, sharp = _prepare(restored, sharp, protocol)
    if protocol.ssim_window == "matlab-3d":
        return _ssim_of_volumes(restored, sharp)
    from skimage.metrics import structural_similarity  # here, as sharp images alone are checked without waiting for it

    window = _SSIM_WINDOWS[protocol.ssim_window]
    return float(structural_similarity(restored, sharp, data_range=protocol.ssim_range, channel_axis=-1, **window))


def checked(restored: np.ndarray, sharp: np.ndarray) -> None:
    """Raises ValueError unless both images are uint8 [H, W, 3] of one size."""
    for role, image in (("restored", restored), ("sharp", sharp)):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
            raise ValueError(f"the {role} image is {image.dtype} {image.shape}; scores need uint8 [H, W, 3]")
    if restored.shape != sharp.shape:
        raise ValueError(f"the restored image is {restored.shape}, the sharp one {sharp.shape}")


def _prepare(restored: np.ndarray, sharp: np.ndarray, protocol: Protocol) -> tuple[np.ndarray, np.ndarray]:
    """Checks both images and takes the protocol's channels: uint8 [h, w, 3 or 1]."""
    checked(restored, sharp)
    return (_luma(restored), _luma(sharp)) if protocol.channels == "y" else (restored, sharp)


def _luma(image: np.ndarray) -> np.ndarray:
    """BT.601 luma of uint8 RGB, 16 to 235, rounded: uint8 [H, W, 1]."""
    luma = 16 + image @ np.array([[65.481], [128.553], [24.966]]) / 255
    return np.rint(luma).astype(np.uint8)


def _ssim_of_volumes(restored: np.ndarray, sharp: np.ndarray) -> float:
    """MATLAB's `ssim` of arrays of three dimensions; scikit-image has no window that repeats the border."""
    from scipy.ndimage import gaussian_filter

    def mean(volume: np.ndarray) -> np.ndarray:
        return gaussian_filter(volume, sigma=1.5, radius=5, mode="nearest")

    x, y = restored.astype(np.float64), sharp.astype(np.float64)
    mean_x, mean_y = mean(x), mean(y)
    variances = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float(np.mean(similarity / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))))
