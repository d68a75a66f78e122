"""Scores against TensorFlow's and scikit-image's own, MATLAB's written out, and closed forms."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from gandeblur.data.images import to_uint8
from gandeblur.evaluation import metrics

PROTOCOLS = (metrics.RGB, metrics.RGB_SKIMAGE, metrics.RGB_MATLAB, metrics.Y)


@pytest.fixture(scope="module")
def sharp():
    return data.astronaut()[:96, 160:271]  # odd width


@pytest.fixture(scope="module")
def restored(sharp):
    noise = np.random.default_rng(0).normal(0, 12, sharp.shape)
    return to_uint8(sharp * 0.9 + noise, (0, 255))


def matlab_luma(image):
    """Rec. 601 as MATLAB's rgb2ycbcr documents it for uint8, written out for each pixel's channels."""
    red, green, blue = (image[..., channel].astype(float) for channel in range(3))
    return np.round(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255).astype(np.uint8)[..., None]


def test_rgb_is_tensorflows(restored, sharp):
    assert metrics.psnr_db(restored, sharp, metrics.RGB) == pytest.approx(
        float(tf.image.psnr(restored, sharp, 255)), abs=1e-4
    )
    assert metrics.ssim(restored, sharp, metrics.RGB) == pytest.approx(
        float(tf.image.ssim(tf.constant(restored), tf.constant(sharp), 255)), abs=1e-4
    )


def test_y_is_tensorflows_on_matlabs_luma(restored, sharp):
    a, b = tf.constant(matlab_luma(restored)), tf.constant(matlab_luma(sharp))
    assert metrics.psnr_db(restored, sharp, metrics.Y) == pytest.approx(float(tf.image.psnr(a, b, 255)), abs=1e-4)
    assert metrics.ssim(restored, sharp, metrics.Y) == pytest.approx(float(tf.image.ssim(a, b, 255)), abs=1e-4)


def test_rgb_skimage_is_its_default(restored, sharp):
    protocol = metrics.RGB_SKIMAGE
    assert metrics.psnr_db(restored, sharp, protocol) == pytest.approx(
        peak_signal_noise_ratio(sharp, restored), abs=1e-12
    )
    expected = structural_similarity(sharp, restored, channel_axis=-1)
    assert metrics.ssim(restored, sharp, protocol) == pytest.approx(expected, abs=1e-12)


def test_rgb_matlab_is_the_sum_over_a_volume_written_out():
    """Voxel by voxel: weights of each of 11x11x11 neighbours, coordinates beyond a border moved onto it."""
    rng = np.random.default_rng(0)
    sharp = rng.integers(0, 256, (6, 5, 3), np.uint8)
    restored = to_uint8(sharp * 0.8 + rng.normal(0, 30, sharp.shape), (0, 255))
    weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.einsum("i,j,k", weights, weights, weights) / weights.sum() ** 3
    similarities = []
    for voxel in np.ndindex(sharp.shape):
        near = np.ix_(*(np.clip(np.arange(p - 5, p + 6), 0, n - 1) for p, n in zip(voxel, sharp.shape, strict=True)))
        x, y = restored[near].astype(float), sharp[near].astype(float)
        mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
        var_x, var_y = (weights * (x - mean_x) ** 2).sum(), (weights * (y - mean_y) ** 2).sum()
        covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
        luminance = (2 * mean_x * mean_y + 2.55**2) / (mean_x**2 + mean_y**2 + 2.55**2)
        similarities.append(luminance * (2 * covariance + 7.65**2) / (var_x + var_y + 7.65**2))
    score = metrics.ssim(restored, sharp, metrics.RGB_MATLAB)
    assert score == pytest.approx(np.mean(similarities), abs=1e-12) and 0.1 < score < 0.9


@pytest.mark.parametrize(
    ("colour", "luma"),
    [((0, 0, 0), 16), ((255, 255, 255), 235), ((255, 0, 0), 81), ((0, 255, 0), 145), ((0, 0, 255), 41)],
)
def test_luma_of_primaries_is_matlabs(colour, luma):
    """A flat image of the colour against black: the PSNR gives its luma away."""
    image = np.full((12, 12, 3), colour, np.uint8)
    black = np.zeros_like(image)
    expected = 20 * math.log10(255 / (luma - 16)) if luma != 16 else math.inf
    assert metrics.psnr_db(image, black, metrics.Y) == pytest.approx(expected)


def test_the_protocols_disagree(restored, sharp):
    """Else the tests above could not tell one from another."""
    scores = [metrics.ssim(restored, sharp, p) for p in PROTOCOLS]
    assert min(abs(a - b) for a, b in itertools.combinations(scores, 2)) > 1e-3


def test_constant_error_in_closed_form():
    sharp = np.full((16, 16, 3), 100, np.uint8)
    assert metrics.psnr_db(sharp + 5, sharp) == pytest.approx(20 * math.log10(255 / 5))
    luminance_term = (2 * 105 * 100 + 2.55**2) / (105**2 + 100**2 + 2.55**2)
    for protocol in (metrics.RGB, metrics.RGB_MATLAB):
        assert metrics.ssim(sharp + 5, sharp, protocol) == pytest.approx(luminance_term)


def test_identical_images(sharp):
    assert metrics.psnr_db(sharp, sharp) == math.inf
    assert all(metrics.ssim(sharp, sharp, protocol) == pytest.approx(1, abs=1e-12) for protocol in PROTOCOLS)


@pytest.mark.parametrize("score", [metrics.psnr_db, metrics.ssim])
@pytest.mark.parametrize(
    "wrong",
    [np.zeros((16, 17, 3), np.uint8), np.zeros((16, 16, 3), np.float32), np.zeros((16, 16), np.uint8)],
)
def test_wrong_images_are_refused(score, wrong):
    with pytest.raises(ValueError, match="restored image is"):
        score(wrong, np.zeros((16, 16, 3), np.uint8))


def test_every_protocol_says_in_one_line_what_tells_it_from_the_others():
    texts = {str(protocol).partition(": ")[2] for protocol in PROTOCOLS}
    assert len(texts) == len(PROTOCOLS) and not any("\n" in text for text in texts)


def test_no_module_waits_for_tensorflow_keras_or_matplotlib():
    modules = ", ".join(
        f"gandeblur.evaluation.{name}" for name in ("metrics", "report", "results", "detectors", "scoring")
    )
    code = f"import sys, {modules}; print({{'tensorflow', 'keras', 'matplotlib'}} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed == "set()\n"
