import cmath
import math
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from gandeblur.data.blur.trajectories import PAPER, RELEASED_CODE, draw, follow, trajectories

SEEDS = tf.stack([tf.range(8), tf.range(8) + 100], axis=1)
# So short and so often shaken that every term of the recursion counts.
SHAKEN = replace(
    RELEASED_CODE, steps=60, shake_probability=(0.5, 1.0), impulsiveness=(0.1, 0.5), gaussian_shake=(0.0, 1.0)
)

both_parameters = pytest.mark.parametrize("parameters", [PAPER, RELEASED_CODE], ids=["paper", "released code"])


def plain_path(path, noise, shake, parameters):
    """Algorithm 1 for one path, step by step, as printed: complex numbers x + iy in pixels, float64."""
    steps, length = parameters.steps, parameters.length_px
    angle = 2 * math.pi * (path[0] - 0.5)
    inertia, p_b, p_g, p_s = (
        low + (high - low) * u
        for (low, high), u in zip(
            (parameters.inertia, parameters.shake_probability, parameters.gaussian_shake, parameters.impulsiveness),
            path[1:],
            strict=True,
        )
    )
    velocity = length / (steps - 1) * cmath.exp(1j * angle)
    points, shakes = [0j], 0
    for t in range(steps - 1):
        change = 0j
        if shake[t] < p_b * p_s:
            change = 2 * velocity * cmath.exp(1j * (math.pi + (shake[t] / (p_b * p_s) - 0.5)))
            shakes += 1
        normal = cmath.rect(math.sqrt(-2 * math.log(noise[0][t])), 2 * math.pi * (noise[1][t] - 0.5))
        change += p_s * (p_g * normal - inertia * points[-1]) * (length / (steps - 1))
        velocity += change
        velocity *= length / (steps - 1) / abs(velocity)
        points.append(points[-1] + velocity)
    return np.array([(point.imag, point.real) for point in points]), shakes


@pytest.mark.parametrize("parameters", [PAPER, RELEASED_CODE, SHAKEN], ids=["paper", "released code", "shaken"])
def test_the_recursion_agrees_with_algorithm_1_step_by_step(parameters):
    draws = draw(SEEDS, parameters)
    ours = follow(draws, replace(parameters)).numpy() if parameters.steps < 100 else trajectories(SEEDS, parameters)
    path, noise, shake = (np.asarray(numbers, np.float64) for numbers in draws)
    shakes = 0
    for row in range(len(SEEDS)):
        expected, row_shakes = plain_path(path[:, row], noise[..., row], shake[:, row], parameters)
        shakes += row_shakes
        # Each of the 2000 float32 additions may round by 2e-6 px, all the same way where the path is straight.
        np.testing.assert_allclose(ours[row], expected, atol=5e-3)
    assert shakes > (50 if parameters is SHAKEN else 0)


@both_parameters
@given(seed=st.integers(-(2**31), 2**31 - 1), length_px=st.sampled_from([60.0, 7.5]))
@settings(max_examples=5, deadline=None)
def test_each_path_has_the_length_asked_for(parameters, seed, length_px):
    paths = trajectories(SEEDS + seed % 1000, replace(parameters, length_px=length_px)).numpy().astype(np.float64)
    assert paths.shape == (8, 2000, 2)
    np.testing.assert_array_equal(paths[:, 0], 0)
    lengths = np.linalg.norm(np.diff(paths, axis=1), axis=-1).sum(axis=1)
    np.testing.assert_allclose(lengths, length_px, rtol=1e-3)


@both_parameters
def test_a_path_of_length_0_stays_at_the_origin(parameters):
    np.testing.assert_array_equal(trajectories(SEEDS, replace(parameters, length_px=0.0)), 0)


@both_parameters
def test_a_path_depends_on_its_own_seed_only(parameters):
    together = trajectories(SEEDS, parameters).numpy()
    np.testing.assert_array_equal(trajectories(SEEDS, parameters), together)
    np.testing.assert_allclose(trajectories(SEEDS[3:4], parameters)[0], together[3], atol=1e-4)
    assert min(np.abs(together[3] - together[row]).max() for row in (0, 1, 2, 4, 5, 6, 7)) > 0.1


def test_first_directions_are_uniform_on_the_circle():
    seeds = tf.stack([tf.range(4000), tf.zeros(4000, tf.int32)], axis=1)
    straight = replace(PAPER, steps=2, length_px=1.0, inertia=(0, 0), gaussian_shake=(0, 0), shake_probability=(0, 0))
    direction = trajectories(seeds, straight).numpy()[:, 1] @ [1j, 1]
    np.testing.assert_allclose(np.abs(direction), 1, rtol=1e-5)
    for order in (1, 2, 3):
        assert np.abs((direction**order).mean()) < 4 / np.sqrt(4000)


def test_a_straight_path_without_noise_inertia_and_shakes():
    straight = replace(PAPER, inertia=(0, 0), gaussian_shake=(0, 0), shake_probability=(0, 0))
    ends = trajectories(SEEDS, straight).numpy()[:, -1]
    np.testing.assert_allclose(np.linalg.norm(ends, axis=1), 60, rtol=1e-4)
