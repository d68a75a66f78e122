import cmath
import math
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from gandeblur.data.blur.trajectories import PAPER, SCRIPT, draw, follow, trajectories

SEED, ROWS = tf.constant([3, 100]), 8
# So short and so often shaken that every term of the recursion counts.
SHAKEN = replace(
    SCRIPT, steps=60, shake_probability=(0.5, 1.0), impulsiveness=(0.1, 0.3, 0.5), gaussian_shake=(0.0, 1.0)
)

both_parameters = pytest.mark.parametrize("parameters", [PAPER, SCRIPT], ids=["paper", "script"])


def plain_path(draws, row, parameters):
    """Algorithm 1 for one path, step by step, as printed: complex numbers x + iy in pixels, float64."""
    angle, inertia, p_b, p_g, p_s, noise, shake = (np.asarray(numbers, np.float64)[..., row] for numbers in draws)
    steps, length = parameters.steps, parameters.length_px
    velocity = length / (steps - 1) * cmath.exp(1j * angle)
    points, shakes = [0j], 0
    for t in range(steps - 1):
        change = 0j
        if shake[t] < p_b * p_s:
            change = 2 * velocity * cmath.exp(1j * (math.pi + (shake[t] / (p_b * p_s) - 0.5)))
            shakes += 1
        change += p_s * (p_g * complex(noise[t, 1], noise[t, 0]) - inertia * points[-1]) * (length / (steps - 1))
        velocity += change
        velocity *= length / (steps - 1) / abs(velocity)
        points.append(points[-1] + velocity)
    return np.array([(point.imag, point.real) for point in points]), shakes


@pytest.mark.parametrize("parameters", [PAPER, SCRIPT, SHAKEN], ids=["paper", "script", "shaken"])
def test_the_recursion_agrees_with_algorithm_1_step_by_step(parameters):
    draws = draw(SEED, ROWS, parameters)
    paths = follow(draws, parameters).numpy()
    shakes = 0
    for row in range(ROWS):
        expected, row_shakes = plain_path(draws, row, parameters)
        shakes += row_shakes
        # Each of the 2000 float32 additions may round by 2e-6 px, all the same way where the path is straight.
        np.testing.assert_allclose(paths[row], expected, atol=1e-2)
    assert shakes > (50 if parameters is SHAKEN else 0)


@both_parameters
def test_the_draws_have_their_distributions_and_are_independent(parameters):
    draws = draw(SEED, 20000, replace(parameters, steps=3))
    uniform = np.stack(
        [
            draws.direction / (2 * math.pi),
            draws.inertia / parameters.inertia[1],
            draws.shake_probability / parameters.shake_probability[1],
            draws.gaussian_shake / parameters.gaussian_shake[1],
            *draws.shake,
        ]
    )
    assert uniform.min() >= 0 and uniform.max() < 1 + 1e-6
    for moment in (1, 2, 3):
        np.testing.assert_allclose((uniform**moment).mean(axis=1), 1 / (moment + 1), atol=0.012)
    normal = draws.noise.numpy().reshape(4, -1)
    for moment, expected in ((1, 0), (2, 1), (3, 0), (4, 3)):
        np.testing.assert_allclose((normal**moment).mean(axis=1), expected, atol=0.05 * moment)
    values, counts = np.unique(draws.impulsiveness, return_counts=True)
    np.testing.assert_allclose(values, sorted(parameters.impulsiveness))
    np.testing.assert_allclose(counts / 20000, 1 / len(values), atol=0.012)
    numbers = np.concatenate([uniform, normal, np.repeat(draws.impulsiveness[None], len(values) > 1, axis=0)])
    assert np.abs(np.corrcoef(numbers) - np.eye(len(numbers))).max() < 0.04


@both_parameters
@given(seed=st.integers(0, 2**31 - 200), length_px=st.sampled_from([60.0, 7.5]))
@settings(max_examples=5, deadline=None)
def test_each_path_has_the_length_asked_for(parameters, seed, length_px):
    paths = trajectories(SEED + seed, ROWS, replace(parameters, length_px=length_px)).numpy().astype(np.float64)
    assert paths.shape == (8, 2000, 2)
    np.testing.assert_array_equal(paths[:, 0], 0)
    lengths = np.linalg.norm(np.diff(paths, axis=1), axis=-1).sum(axis=1)
    np.testing.assert_allclose(lengths, length_px, rtol=1e-3)


@both_parameters
def test_a_path_of_length_0_stays_at_the_origin(parameters):
    np.testing.assert_array_equal(trajectories(SEED, ROWS, replace(parameters, length_px=0.0)), 0)


@both_parameters
def test_one_seed_gives_the_same_paths_each_of_its_own_and_another_seed_others(parameters):
    paths = trajectories(SEED, ROWS, parameters).numpy()
    np.testing.assert_array_equal(trajectories(SEED, ROWS, parameters), paths)
    both = np.concatenate([paths, trajectories(SEED + 1, ROWS, parameters)])
    assert min(np.abs(both[i] - both[k]).max() for i in range(2 * ROWS) for k in range(i)) > 0.1


def test_first_directions_are_uniform_on_the_circle():
    straight = replace(PAPER, steps=2, length_px=1.0, inertia=(0, 0), gaussian_shake=(0, 0), shake_probability=(0, 0))
    direction = trajectories(SEED, 4000, straight).numpy()[:, 1] @ [1j, 1]
    np.testing.assert_allclose(np.abs(direction), 1, rtol=1e-5)
    for order in (1, 2, 3):
        assert np.abs((direction**order).mean()) < 4 / np.sqrt(4000)


def test_a_straight_path_without_noise_inertia_and_shakes():
    straight = replace(PAPER, inertia=(0, 0), gaussian_shake=(0, 0), shake_probability=(0, 0))
    ends = trajectories(SEED, ROWS, straight).numpy()[:, -1]
    np.testing.assert_allclose(np.linalg.norm(ends, axis=1), 60, rtol=1e-4)
