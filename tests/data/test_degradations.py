import io
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage
from skimage import data as skimage_data
from streams import degrade

from gandeblur.data.degradations import blur, disk_kernel, enlarge, gain_and_clip, gaussian_noise, jpeg

SEED = tf.constant([1, 2], tf.int64)
DISK = disk_kernel(3.5)


def random_image(height=32, width=40):
    return np.random.default_rng(0).random((height, width, 3), dtype=np.float32)


@pytest.mark.parametrize("radius_px", [0.3, 1.0, 2.7, 3.5, 5.25])
def test_disk_is_the_area_within_each_pixel(radius_px):
    kernel = disk_kernel(radius_px)
    half = int(np.ceil(radius_px - 0.5))
    assert kernel.dtype == np.float32 and kernel.shape == (2 * half + 1,) * 2
    fine = 400
    grid = (np.arange(len(kernel) * fine) + 0.5) / fine - half - 0.5
    inside = grid[:, None] ** 2 + grid**2 <= radius_px**2
    area = inside.reshape(len(kernel), fine, len(kernel), fine).mean(axis=(1, 3))
    np.testing.assert_allclose(kernel, area / (np.pi * radius_px**2), atol=2e-4 * area.max() / radius_px**2)


@given(st.floats(0.05, 30))
@example(4.46560081543263)  # its square by the C library's power is less than its product with itself
@settings(max_examples=50, deadline=None)
def test_disk_sums_to_one_and_is_symmetric(radius_px):
    kernel = disk_kernel(radius_px)
    assert abs(kernel.sum(dtype=np.float64) - 1) < 1e-6
    assert kernel.min() >= 0
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-7)
    np.testing.assert_allclose(kernel, kernel[::-1], atol=1e-7)
    if radius_px > np.sqrt(0.5):  # the middle pixel lies within the disk: its area is 1 of pi r^2
        np.testing.assert_allclose(kernel[len(kernel) // 2, len(kernel) // 2], 1 / (np.pi * radius_px**2), rtol=1e-5)


def test_the_papers_disk():
    # fspecial('disk', 3.5) is 7 x 7, its corners are empty and its middle 5 x 3 pixels are full.
    assert DISK.shape == (7, 7)
    assert DISK[0, 0] == DISK[6, 6] == 0
    np.testing.assert_allclose(DISK[1:6, 2:5], 1 / (np.pi * 3.5**2), rtol=1e-6)


def test_blur_is_a_convolution_that_repeats_the_border():
    kernel = np.random.default_rng(1).random((5, 7), dtype=np.float32)  # not symmetric, not square
    kernel /= kernel.sum()
    image = random_image()
    expected = ndimage.convolve(image.astype(np.float64), kernel[..., None].astype(np.float64), mode="nearest")
    np.testing.assert_allclose(blur(tf.constant(image), SEED, kernel=kernel), expected, rtol=1e-5)


def test_blur_leaves_a_constant_image_alone():
    image = tf.fill([2, 9, 3], 0.4)  # lower than the kernel
    np.testing.assert_allclose(blur(image, SEED, kernel=DISK), image, atol=1e-6)


def test_gain_multiplies_and_clips():
    image = tf.reshape(tf.constant([0.0, 0.5, 0.76, 0.77, 1.0, 0.1]), [1, 2, 3])
    np.testing.assert_allclose(
        tf.reshape(gain_and_clip(image, SEED, gain=1.3), [-1]), [0, 0.65, 0.988, 1, 1, 0.13], atol=1e-6
    )


def test_noise_has_the_variance_asked_for_and_is_clipped():
    image = tf.fill([200, 200, 3], 0.5)
    noise = gaussian_noise(image, SEED, variance=5e-4).numpy() - 0.5
    assert abs(noise.mean()) < 5 * np.sqrt(5e-4 / noise.size)
    assert abs(noise.var() / 5e-4 - 1) < 0.05
    assert np.abs(np.corrcoef(noise.reshape(-1, 3).T) - np.eye(3)).max() < 0.03  # independent channels
    bright = gaussian_noise(tf.ones([50, 50, 3]), SEED, variance=5e-4).numpy()
    assert bright.max() == 1 and 0.4 < (bright == 1).mean() < 0.6


def test_each_image_draws_its_own_variance_from_a_range():
    image = tf.fill([64, 64, 3], 0.5)
    seeds = [tf.constant([1, number]) for number in range(200)]
    variances = np.array([np.var(gaussian_noise(image, seed, variance=(0.0005, 0.002))) for seed in seeds])
    assert 0.00045 < variances.min() < 0.0006 and 0.0019 < variances.max() < 0.0022
    assert abs(variances.mean() / 0.00125 - 1) < 0.1
    # The noise itself is that of a fixed variance.
    one = gaussian_noise(image, seeds[0], variance=(0.001, 0.001))
    np.testing.assert_allclose(one, gaussian_noise(image, seeds[0], variance=0.001), atol=1e-6)


def test_a_share_of_the_images_gets_noise_the_others_are_left_as_they_are():
    image = tf.fill([8, 8, 3], 0.5)
    seeds = [tf.constant([1, number]) for number in range(400)]
    some = [gaussian_noise(image, seed, variance=(0.0005, 0.002), share=0.25).numpy() for seed in seeds]
    noisy = [not np.array_equal(one, image) for one in some]
    assert abs(np.mean(noisy) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 400)
    # Who gets noise hangs neither on its variance nor on its values.
    every = [gaussian_noise(image, seed, variance=(0.0005, 0.002)).numpy() for seed in seeds]
    assert all(np.array_equal(one, other) for one, other, has in zip(some, every, noisy, strict=True) if has)
    assert abs(np.corrcoef(noisy, [one.std() for one in every])[0, 1]) < 0.2


def test_noise_depends_on_the_seed_only():
    image = tf.fill([8, 8, 3], 0.5)
    first, again = (gaussian_noise(image, SEED, variance=5e-4) for _ in range(2))
    other = gaussian_noise(image, SEED + 1, variance=5e-4)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).min() > 0


def test_jpeg_agrees_with_pillow():
    small = (255 * random_image(5, 6)).astype(np.uint8)
    smooth = Image.fromarray(small).resize((37, 21), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    smooth.save(file, "JPEG", quality=70)  # Pillow's default is 4:2:0, too
    pixels = tf.constant(np.asarray(smooth), tf.float32) / 255
    ours = 255 * jpeg(pixels, SEED, quality=70).numpy()
    assert ours.shape == (21, 37, 3)
    np.testing.assert_allclose(ours, np.round(ours), atol=1e-4)  # 8-bit values
    reference = np.asarray(Image.open(file)).astype(np.float32)
    assert np.abs(ours - reference).max() <= 2
    error = [np.mean((255 * (jpeg(pixels, SEED, quality=quality) - pixels)) ** 2) for quality in (10, 70, 100)]
    assert error[0] > error[1] > error[2]


def test_steps_apply_in_order():
    image = tf.constant(random_image())
    kernel_step, gain_step = partial(blur, kernel=DISK), partial(gain_and_clip, gain=1.3)
    forward = degrade(image, (kernel_step, gain_step), SEED)
    np.testing.assert_array_equal(forward, gain_step(kernel_step(image, SEED), SEED))
    assert np.abs(forward - degrade(image, (gain_step, kernel_step), SEED)).max() > 0.01
    np.testing.assert_array_equal(degrade(image, (), SEED), image)


def test_each_step_has_its_own_seed():
    noise = partial(gaussian_noise, variance=1e-4)
    image = tf.fill([64, 64, 3], 0.5)
    once = degrade(image, (noise,), SEED) - image
    second = degrade(image, (noise, noise), SEED) - image - once
    assert abs(np.corrcoef(np.ravel(once), np.ravel(second))[0, 1]) < 0.05


def test_enlargement_is_pillows_bicubic_down_and_up():
    image = Image.fromarray(64 + skimage_data.astronaut()[100:220, 100:196] // 2)  # Pillow clips between its passes
    small = image.resize((32, 40), Image.Resampling.BICUBIC)
    expected = np.asarray(small.resize(image.size, Image.Resampling.BICUBIC), np.float32) / 255
    enlarged = enlarge(tf.constant(np.asarray(image, np.float32) / 255), None, factor=3.0)
    assert np.abs(enlarged - expected).max() < 3 / 255  # Pillow rounds the small image to 8 bits
    assert np.abs(enlarged - expected).mean() < 0.5 / 255


def test_enlargement_keeps_flat_images_and_odd_sizes():
    flat = tf.fill((37, 53, 3), 0.3)
    np.testing.assert_allclose(enlarge(flat, None, factor=2.5), flat, atol=1e-6)
    tiny = tf.random.stateless_uniform((2, 5, 3), (0, 0))
    assert enlarge(tiny, None, factor=9.0).shape == (2, 5, 3)
