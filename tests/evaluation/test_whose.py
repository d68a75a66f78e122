"""Which protocol is whose: the formulas of others, written anew, on one image. docs/data.md has the table."""

import numpy as np
import pytest
from scipy.ndimage import correlate
from scipy.signal import correlate2d
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from gandeblur.evaluation import metrics

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
SHARP = data.chelsea()[60:124, 100:180]
RESTORED = ((SHARP.astype(float) + np.roll(SHARP, 1, 1) + np.roll(SHARP, 2, 1)) / 3).round().astype(np.uint8)


def gaussian_px(side):
    """OpenCV's `getGaussianKernel(11, 1.5)`."""
    weights = np.exp(-(((np.arange(side) - side // 2) / 1.5) ** 2) / 2)
    return weights / weights.sum()


def ssim(x, y, mean):
    """Wang et al. 2004, eq. 13, with local means of any kind."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    top, bottom = (
        (2 * mean_x * mean_y + C1) * (2 * covariance + C2),
        (mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2),
    )
    return (top / bottom).mean()


def in_the_plane(image):
    """BasicSR's `_ssim`: the 11x11 window, where it lies in the image."""
    return correlate2d(image, np.outer(gaussian_px(11), gaussian_px(11)), mode="valid")


def in_the_volume(image):
    """NAFNet's `_ssim_3d`: a `Conv3d` of 11x11x11 with `padding_mode="replicate"`."""
    window = np.einsum("i,j,k->ijk", *[gaussian_px(11)] * 3)
    return correlate(image, window, mode="nearest")


def luma(image):
    """BasicSR's `to_y_channel`, which does not round."""
    return (image.astype(np.float64) / 255) @ [65.481, 128.553, 24.966] + 16


def test_rgb_8bit_gaussian_is_basicsrs_and_deepdeblur_pytorchs():
    mse = ((SHARP.astype(float) - RESTORED) ** 2).mean()
    assert metrics.psnr_db(RESTORED, SHARP) == pytest.approx(10 * np.log10(255.0 * 255.0 / mse), abs=1e-9)
    ours = metrics.ssim(RESTORED, SHARP)
    basicsr = np.mean([ssim(RESTORED[..., c], SHARP[..., c], in_the_plane) for c in range(3)])
    deepdeblur = structural_similarity(
        SHARP, RESTORED, channel_axis=-1, gaussian_weights=True, use_sample_covariance=False, data_range=255
    )
    assert ours == pytest.approx(basicsr, abs=1e-6) and ours == pytest.approx(deepdeblur, abs=1e-12)


def test_psnr_is_that_of_batches_in_unit_range():
    """BasicSR's `calculate_psnr_pt` and pyiqa add 1e-8 to the squared error of values from 0 to 1."""
    mse = ((SHARP.astype(float) - RESTORED) ** 2).mean() / 255**2
    assert metrics.psnr_db(RESTORED, SHARP) == pytest.approx(10 * np.log10(1 / (mse + 1e-8)), abs=1e-4)


def test_rgb_8bit_uniform_is_scikit_images_default():
    assert metrics.ssim(RESTORED, SHARP, metrics.RGB_SKIMAGE) == structural_similarity(SHARP, RESTORED, channel_axis=-1)
    assert metrics.psnr_db(RESTORED, SHARP, metrics.RGB_SKIMAGE) == pytest.approx(
        peak_signal_noise_ratio(SHARP, RESTORED)
    )


def test_rgb_8bit_matlab_3d_is_nafnets_and_far_from_the_default():
    ours = metrics.ssim(RESTORED, SHARP, metrics.RGB_MATLAB)
    assert ours == pytest.approx(ssim(RESTORED, SHARP, in_the_volume), abs=1e-6)
    assert ours > metrics.ssim(RESTORED, SHARP) + 0.02


def test_y_8bit_gaussian_rounds_the_luma_and_basicsr_does_not():
    ours = metrics.psnr_db(RESTORED, SHARP, metrics.Y)
    error = luma(SHARP).round() - luma(RESTORED).round()
    assert ours == pytest.approx(10 * np.log10(255**2 / (error**2).mean()), abs=1e-9)
    basicsr = 10 * np.log10(255**2 / ((luma(SHARP) - luma(RESTORED)) ** 2).mean())
    assert 1e-4 < abs(ours - basicsr) < 0.05  # here; one level everywhere makes 0.6 dB
    one_up = np.full((32, 32, 3), 101, np.uint8)
    apart = metrics.psnr_db(one_up, one_up - 1, metrics.Y) - 10 * np.log10(255**2 / (219 / 255) ** 2)
    assert abs(apart) > 1


def test_none_is_ssim_with_mirrored_borders():
    """torchmetrics' and pyiqa's: the means below differ from each of ours by more than rounding."""

    def mirrored(image):
        return correlate(image, np.outer(gaussian_px(11), gaussian_px(11)), mode="mirror")

    theirs = np.mean([ssim(RESTORED[..., c], SHARP[..., c], mirrored) for c in range(3)])
    assert all(abs(metrics.ssim(RESTORED, SHARP, one) - theirs) > 1e-4 for one in metrics.PROTOCOLS)
