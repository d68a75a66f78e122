"""Baselines undo what they say they undo."""

import numpy as np
import pytest
from skimage import data
from skimage.filters import gaussian

from gandeblur.data.images import to_uint8
from gandeblur.evaluation import baselines
from gandeblur.evaluation.metrics import psnr_db

GAIN = 1.3


@pytest.fixture(scope="module")
def sharp():
    return data.astronaut()[:64, 180:261]  # odd width, not square


@pytest.fixture(scope="module")
def kernel():
    """Off-centre mass along one side shows a flipped or shifted kernel."""
    kernel = np.outer(np.hanning(9)[1:-1], np.hanning(7)[1:-1])
    kernel[:, 3:] *= 2
    return kernel / kernel.sum()


@pytest.fixture(scope="module")
def blurred(sharp, kernel):
    """Blurred with mirrored borders by a loop over the kernel, times the gain, a little noise, clipped."""
    (height, width), (top, left) = kernel.shape, np.array(kernel.shape) // 2
    padded = np.pad(sharp / 255, ((top, top), (left, left), (0, 0)), mode="symmetric")
    image = sum(
        kernel[height - 1 - i, width - 1 - j] * padded[i : i + sharp.shape[0], j : j + sharp.shape[1]]
        for i in range(height)
        for j in range(width)
    )
    noise = np.random.default_rng(1).normal(0, 0.01, sharp.shape)
    return to_uint8(image * GAIN + noise, (0, 1))


def test_gain_undone_divides():
    image = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    restored = baselines.gain_undone(to_uint8(image.astype(float) * GAIN, (0, 255)), GAIN)
    unclipped = image <= 255 / GAIN
    assert unclipped.any() and not unclipped.all()
    assert np.abs(restored[unclipped].astype(int) - image[unclipped]).max() <= 1
    assert (restored[~unclipped] == round(255 / GAIN)).all()


def test_wiener_beats_the_gain_alone_up_to_the_border(blurred, sharp, kernel):
    gain_only = baselines.gain_undone(blurred, GAIN)
    restored = baselines.gain_undone_wiener(blurred, GAIN, kernel)
    assert psnr_db(restored, sharp) > psnr_db(gain_only, sharp) + 1
    for border in (np.s_[:6], np.s_[-6:], np.s_[:, :6], np.s_[:, -6:]):
        assert psnr_db(restored[border], sharp[border]) > psnr_db(gain_only[border], sharp[border])


def test_wiener_needs_the_true_kernel(blurred, sharp, kernel):
    restored = baselines.gain_undone_wiener(blurred, GAIN, kernel)
    mirrored_kernel = baselines.gain_undone_wiener(blurred, GAIN, kernel[:, ::-1])
    assert psnr_db(restored, sharp) > psnr_db(mirrored_kernel, sharp) + 0.5


def test_wiener_of_a_flat_image_divides_by_the_gain(kernel):
    restored = baselines.gain_undone_wiener(np.full((24, 20, 3), 130, np.uint8), GAIN, kernel)
    assert (restored == 100).all()


def test_tv_lowers_the_total_variation_and_keeps_the_mean():
    noise = np.random.default_rng(2).normal(0, 0.03, (64, 64, 3))
    noisy = to_uint8(gaussian(data.astronaut()[:64, :64], 2, channel_axis=-1) + noise, (0, 1))

    def variation(image):
        return sum(np.abs(part).sum() for part in np.gradient(image.astype(float), axis=(0, 1)))

    weak, default, strong = (baselines.tv_chambolle(noisy, weight) for weight in (0.01, 0.02, 0.2))
    assert variation(noisy) > variation(weak) > variation(default) > variation(strong)
    assert default.mean() == pytest.approx(noisy.mean(), abs=0.5)
    assert np.array_equal(default, baselines.tv_chambolle(noisy))
