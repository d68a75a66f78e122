from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from gandeblur.data.blur.kernels import EXPOSURES, kernel_side_px, motion_kernels, rasterise
from gandeblur.data.blur.trajectories import PAPER, SCRIPT, trajectories

ROWS = 16
SEED = tf.constant([3, 5])

both_parameters = pytest.mark.parametrize("parameters", [PAPER, SCRIPT], ids=["paper", "script"])


def centre_px(kernels):
    """Centre of mass from the middle of the canvas: [count, 2]."""
    offset = np.arange(kernels.shape[-1]) - kernels.shape[-1] // 2
    return np.stack([kernels.sum(axis=2) @ offset, kernels.sum(axis=1) @ offset], axis=1)


def spread_px2(kernels):
    """Second moment about the middle of the canvas, [count]."""
    offset = np.arange(kernels.shape[-1]) - kernels.shape[-1] // 2
    return np.einsum("nyx,yx->n", kernels, offset[:, None] ** 2 + offset**2)


@both_parameters
@given(seed=st.integers(0, 2**31 - 1))
@settings(max_examples=8, deadline=None)
def test_a_kernel_sums_to_one_is_centred_and_fits_its_canvas(parameters, seed):
    kernels = motion_kernels(tf.constant([seed, 5]), ROWS, parameters).numpy().astype(np.float64)
    assert kernels.shape == (ROWS, 63, 63)
    assert kernels.min() >= 0
    np.testing.assert_allclose(kernels.sum(axis=(1, 2)), 1, atol=1e-6)
    # A weight that fell off the canvas would pull the centre away.
    np.testing.assert_allclose(centre_px(kernels), 0, atol=1e-3)


@both_parameters
def test_the_splats_are_bilinear(parameters):
    paths = trajectories(SEED, ROWS, parameters)
    exposures = np.tile(EXPOSURES, ROWS // 4).astype(np.float32)
    kernels = rasterise(paths, tf.constant(exposures), parameters.length_px).numpy()
    pixels = np.arange(63) - 31
    for path, exposure, kernel in zip(paths.numpy().astype(np.float64), exposures, kernels, strict=True):
        path = path[: round(2000 * exposure)]
        y, x = (path - path.mean(axis=0)).T
        hats_y, hats_x = (np.maximum(0, 1 - np.abs(pixels - position[:, None])) for position in (y, x))
        np.testing.assert_allclose(kernel, hats_y.T @ hats_x / len(path), atol=1e-5)


@pytest.mark.parametrize("length_px", [0.0, 0.5, 1.0, 2.0, 7.9, 60.0, 61.0])
def test_the_longest_kernel_fits_whole(length_px):
    directions = np.array([(0, 1), (1, 0), (-1, 0), (0.6, -0.8)])
    paths = np.linspace(0, length_px, 2000)[:, None] * directions[:, None]
    kernels = rasterise(tf.constant(paths, tf.float32), tf.ones([4]), length_px).numpy().astype(np.float64)
    assert kernels.shape == (4, kernel_side_px(length_px), kernel_side_px(length_px))
    np.testing.assert_allclose(centre_px(kernels), 0, atol=1e-3)
    # Variance of an even line, L^2 / 12, and what the bilinear splats add: 1/4 at most along each axis.
    beyond = spread_px2(kernels) - length_px**2 / 12 * (2001 / 1999)
    assert np.all((beyond > -1e-2) & (beyond < 0.5 + 1e-2))


@both_parameters
def test_a_path_of_length_0_is_the_identity(parameters):
    kernels = motion_kernels(SEED, ROWS, replace(parameters, length_px=0.0)).numpy()
    expected = np.zeros((ROWS, 3, 3))
    expected[:, 1, 1] = 1
    np.testing.assert_array_equal(kernels, expected)


@both_parameters
def test_longer_exposures_blur_more(parameters):
    paths = trajectories(SEED, ROWS, parameters)
    spreads = [
        spread_px2(rasterise(paths, tf.fill([ROWS], exposure), parameters.length_px).numpy()).mean()
        for exposure in EXPOSURES
    ]
    assert all(longer > 1.2 * shorter for shorter, longer in zip(spreads, spreads[1:], strict=False))


@both_parameters
def test_one_seed_gives_the_same_kernels_each_of_its_own(parameters):
    kernels = motion_kernels(SEED, ROWS, parameters).numpy()
    np.testing.assert_array_equal(motion_kernels(SEED, ROWS, parameters), kernels)
    assert min(np.abs(kernels[6] - kernels[row]).max() for row in range(ROWS) if row != 6) > 1e-3


def test_exposures_are_drawn_evenly():
    short = replace(PAPER, steps=100, length_px=8.0, inertia=(0, 0), gaussian_shake=(0, 0), shake_probability=(0, 0))
    spread = spread_px2(motion_kernels(SEED, 2000, short, exposures=(0.01, 1.0)).numpy())
    assert 0.45 < (spread > 1).mean() < 0.55  # one point: at most 1/2; the whole line: 64 / 12 at least
