"""PSNR and SSIM under named, frozen protocols, and a measure of grid artifacts.

Two numbers are comparable only when they were taken the same way: one restored image scores an SSIM between
0.78 and 0.88 by choice of window and channels alone. So a protocol is an object with a name, and every number
carries it. All scores are taken on full images rounded to 8 bits; scikit-image computes PSNR and SSIM.
"""

import csv
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from gandeblur.errors import InputError
from gandeblur.files import replacing

METRICS = ("psnr_db", "ssim")
GRID_METRICS = {"grid_2px_db": 2, "grid_4px_db": 4}  # name -> period in pixels

_SSIM_WINDOWS = {
    # Wang et al. 2004 and tf.image.ssim: weighted moments, divided by N.
    "gaussian": {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False},
    # scikit-image's defaults: plain moments, divided by N - 1.
    "uniform": {"win_size": 7},
}


@dataclass(frozen=True)
class Protocol:
    """How a score is taken: everything that changes the number.

    The rest is common to all protocols: 8-bit rounded full images, data range 255, K1 = 0.01, K2 = 0.03, SSIM
    one channel at a time and averaged over the windows inside the image; PSNR from the squared error averaged
    over pixels and channels.

    Attributes:
        name: travels with every number.
        channels: "rgb", or "y" for BT.601 luma, 16 to 235, rounded to 8 bits (MATLAB's `rgb2ycbcr`).
        ssim_window: "gaussian" (11x11, sigma 1.5) or "uniform" (7x7).
        crop_border_px: this many pixels are left out at each side.
    """

    name: str
    channels: Literal["rgb", "y"] = "rgb"
    ssim_window: Literal["gaussian", "uniform"] = "gaussian"
    crop_border_px: int = 0

    def __str__(self) -> str:
        """The name and its meaning in one line, for reports."""
        values = {"rgb": "all RGB values", "y": "BT.601 luma"}[self.channels]
        window = {"gaussian": "Gaussian 11x11, sigma 1.5", "uniform": "uniform 7x7"}[self.ssim_window]
        crop = f", {self.crop_border_px} px cropped at each side" if self.crop_border_px else ""
        return (
            f"{self.name}: PSNR over {values} of the 8-bit image, data range 255; "
            f"SSIM per channel, {window}, valid region{crop}"
        )


RGB = Protocol("rgb-8bit-gaussian")  # tf.image.psnr and tf.image.ssim
RGB_SKIMAGE = Protocol("rgb-8bit-uniform", ssim_window="uniform")  # scikit-image's defaults
Y = Protocol("y-8bit-gaussian", channels="y")  # usual in super-resolution papers


def to_uint8(image: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Rounds to 8 bits: clips to `value_range`, scales it to [0, 255], rounds to the nearest integer.

    Args:
        image: float array of any shape.
        value_range: (black, white), for example (0, 1), (-1, 1) or (0, 255).

    Returns:
        uint8 array of the same shape.

    Raises:
        ValueError: a value is NaN or infinite: no pixel value stands for it.
    """
    if not np.isfinite(image).all():
        raise ValueError("the image holds NaN or infinite values")
    black, white = value_range
    scaled = (np.asarray(image, np.float64) - black) * (255 / (white - black))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def psnr_db(restored: np.ndarray, sharp: np.ndarray, protocol: Protocol = RGB) -> float:
    """Peak signal-to-noise ratio, 10 log10(255^2 / MSE); infinite for identical images.

    Args:
        restored: uint8 [H, W, 3], RGB.
        sharp: uint8 [H, W, 3], the truth.
        protocol: channels and crop.

    Raises:
        ValueError: the shapes differ, or an image is not uint8 [H, W, 3].
    """
    restored, sharp = _prepare(restored, sharp, protocol)
    with np.errstate(divide="ignore"):  # identical images: the answer is infinity, not a warning
        return float(peak_signal_noise_ratio(sharp, restored, data_range=255))


def ssim(restored: np.ndarray, sharp: np.ndarray, protocol: Protocol = RGB) -> float:
    """Structural similarity (Wang et al. 2004), in [-1, 1]: the mean over channels and over windows inside.

    Args:
        restored: uint8 [H, W, 3], RGB, at least as large as the window.
        sharp: uint8 [H, W, 3], the truth.
        protocol: channels, window and crop.

    Raises:
        ValueError: the shapes differ, an image is not uint8 [H, W, 3], or it is smaller than the window.
    """
    restored, sharp = _prepare(restored, sharp, protocol)
    return float(
        structural_similarity(restored, sharp, data_range=255, channel_axis=-1, **_SSIM_WINDOWS[protocol.ssim_window])
    )


def grid_db(restored: np.ndarray, sharp: np.ndarray, period_px: int) -> float | None:
    """Grid artifacts: energy of the error at the frequencies of a grid against the energy around them.

    Layers of stride 2 leave grids of 2, two of them grids of 4 pixels. With P = |FFT2(window * error)|^2, the error
    restored - sharp averaged over the channels, the window of Hann, and F the frequencies (k/p, m/p) cycles per pixel
    that no shorter period shares (3 for p = 2, 12 for p = 4):

        10 log10( mean over F of (peak + floor) / (neighbours + floor) )

    Peak and neighbours are the means of P over the bins at most 1 and 3 to 5 away, in rows or columns, whichever is
    more. The floor is the energy per bin of rounding to 8 bits, 1/12 / 3 * sum of window^2: errors below it do
    not count, and identical images score 0. Each frequency has a ratio of its own: photographs have much more
    energy at some than at others, and one ratio of sums would miss a grid at the weaker ones.

    0 dB is no grid; one image of noise scatters by 2 dB (p = 2) and 1 dB (p = 4), so compare means over images.
    A grid that sharp has and restored lacks is an error like any other: some photographs are stored with one, and
    the degraded input's score shows it.

    Args:
        restored: uint8 [H, W, 3], RGB. Up to 3 rows and columns at the bottom and right are left out, so that the
            frequencies fall on bins.
        sharp: uint8 [H, W, 3], the truth.
        period_px: period p of the grid, 2 or 4.

    Returns:
        dB, or None for an image of less than 32 pixels in height or width: its bins are too few.

    Raises:
        ValueError: the shapes differ, or an image is not uint8 [H, W, 3].
    """
    restored, sharp = _prepare(restored, sharp, RGB)
    height, width = (side // 4 * 4 for side in sharp.shape[:2])
    if min(height, width) < 32:
        return None
    error = (restored.astype(np.float64) - sharp).mean(axis=-1)[:height, :width]
    window = np.outer(np.hanning(height + 1)[:-1], np.hanning(width + 1)[:-1])
    power = np.abs(np.fft.fft2(window * error)) ** 2
    floor = np.sum(window**2) / 12 / 3
    offsets = np.arange(-5, 6)
    distance = np.maximum.outer(abs(offsets), abs(offsets))
    ratios = []
    for k, m in np.ndindex(period_px, period_px):
        if math.gcd(k, m, period_px) == 1:
            rows, columns = k * height // period_px + offsets, m * width // period_px + offsets
            around = power[np.ix_(rows % height, columns % width)]
            ratios.append((around[distance <= 1].mean() + floor) / (around[distance >= 3].mean() + floor))
    return float(10 * np.log10(np.mean(ratios)))


def score_set(
    methods: dict[str, Callable[[np.ndarray], np.ndarray]],
    pairs: Iterable[tuple[str, np.ndarray, np.ndarray]],
    protocol: Protocol = RGB,
    keep: Callable[[str, str, np.ndarray], None] | None = None,
) -> dict:
    """Scores every method on every image of one test set.

    Means are over images, each counting once whatever its size. An image restored exactly has an infinite
    PSNR, and then so has the mean of its set: nothing is left out or capped. Means of `grid_db` are plain means of
    the dB values, over the images large enough to have one.

    Args:
        methods: name -> function from degraded to restored, both uint8 [H, W, 3]. The degraded input itself
            is the method `lambda image: image`.
        pairs: (name, degraded, sharp) of each image, uint8 [H, W, 3]. Names are unique.
        protocol: how scores are taken.
        keep: called with (image name, method, restored) for every restored image, and with
            (image name, "sharp", sharp) for the truth, for example to store them.

    Returns:
        `{"protocol": name, "methods": {method: {"psnr_db": {"mean", "min", "max"}, "ssim": {...},
        "grid_2px_db": {...}, "grid_4px_db": {...}}}, "images": [{"name": str, "scores": {method: {"psnr_db": float,
        "ssim": float, "grid_2px_db": float or None, "grid_4px_db": float or None}}}]}`, in the order of `methods`
        and `pairs`; mean, min and max are None where no image has a value. The grids are measured on the whole RGB
        image, whatever the protocol.

    Raises:
        InputError: there is no image, or two images have the same name.
        ValueError: as `psnr_db` and `ssim`.
    """
    images = []
    for name, degraded, sharp in pairs:
        if any(name == image["name"] for image in images):
            raise InputError(f"{name}: two test images have this name; rename one of them")
        scores = {}
        for method, restore in methods.items():
            restored = restore(degraded)
            scores[method] = {
                "psnr_db": psnr_db(restored, sharp, protocol),
                "ssim": ssim(restored, sharp, protocol),
                **{metric: grid_db(restored, sharp, period_px) for metric, period_px in GRID_METRICS.items()},
            }
            if keep:
                keep(name, method, restored)
        if keep:
            keep(name, "sharp", sharp)
        images.append({"name": name, "scores": scores})
    if not images:
        raise InputError("the test set holds no image; name a folder with images")

    def summary(method: str, metric: str) -> dict[str, float | None]:
        values = [image["scores"][method][metric] for image in images if image["scores"][method][metric] is not None]
        if not values:
            return dict.fromkeys(("mean", "min", "max"))
        return {"mean": float(np.mean(values)), "min": min(values), "max": max(values)}

    return {
        "protocol": protocol.name,
        "methods": {
            method: {metric: summary(method, metric) for metric in (*METRICS, *GRID_METRICS)} for method in methods
        },
        "images": images,
    }


def write_csv(sets: dict[str, dict], path: Path) -> None:
    """Writes one row per set, image and method: set, image, method, the scores, protocol.

    A score that an image lacks (see `grid_db`) is an empty cell.

    Written under a temporary name and renamed, so that `path` is the old file or the whole new one.

    Args:
        sets: set name -> result of `score_set`.
        path: file to write or replace.
    """
    metrics = (*METRICS, *GRID_METRICS)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("set", "image", "method", *metrics, "protocol"))
        for set_name, result in sets.items():
            for image in result["images"]:
                for method, scores in image["scores"].items():
                    values = (scores[metric] for metric in metrics)
                    writer.writerow((set_name, image["name"], method, *values, result["protocol"]))


def _prepare(restored: np.ndarray, sharp: np.ndarray, protocol: Protocol) -> tuple[np.ndarray, np.ndarray]:
    """Checks both images, crops them and takes the protocol's channels: uint8 [h, w, 3 or 1]."""
    for role, image in (("restored", restored), ("sharp", sharp)):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
            raise ValueError(f"the {role} image is {image.dtype} {image.shape}; scores need uint8 [H, W, 3]")
    if restored.shape != sharp.shape:
        raise ValueError(f"the restored image is {restored.shape}, the sharp one {sharp.shape}")
    border = protocol.crop_border_px
    height, width, _ = sharp.shape
    images = [image[border : height - border, border : width - border] for image in (restored, sharp)]
    if protocol.channels == "y":
        images = [_luma(image) for image in images]
    return tuple(images)


def _luma(image: np.ndarray) -> np.ndarray:
    """BT.601 luma of uint8 RGB, 16 to 235, rounded: uint8 [H, W, 1]."""
    luma = 16 + image @ np.array([[65.481], [128.553], [24.966]]) / 255
    return np.rint(luma).astype(np.uint8)
