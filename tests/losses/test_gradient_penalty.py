import numpy as np
import pytest
from differentiation import gradient
from keras import ops

from gandeblur.losses.gradient_penalty import gradient_penalty, mix

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(3, 4, 5, 2)).astype("float32")


def numpy(x):
    return ops.convert_to_numpy(x)


def score(score_map):
    return ops.mean(score_map, axis=(1, 2, 3))


def test_linear_critic_is_penalised_by_its_own_slope_whatever_the_images():
    a = RNG.normal(size=(4, 5, 2)).astype("float32")

    def critic(x):
        return ops.sum(a * x, axis=(1, 2, 3))

    penalty = numpy(gradient_penalty(gradient(critic, IMAGES)))
    np.testing.assert_allclose(penalty, np.full(3, (np.linalg.norm(a) - 1) ** 2), rtol=1e-5)
    a /= np.linalg.norm(a)
    np.testing.assert_allclose(numpy(gradient_penalty(gradient(critic, IMAGES))), np.zeros(3), atol=1e-12)


def test_quadratic_critic_is_penalised_by_the_distance_of_its_images_from_the_origin():
    """D = c |x|^2 / 2 has the slope c x, of norm c |x|; over all pixels, not per pixel."""
    penalty = gradient_penalty(gradient(lambda x: 0.3 * ops.sum(x**2, axis=(1, 2, 3)) / 2, IMAGES))
    lengths = np.sqrt((IMAGES**2).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(numpy(penalty), (0.3 * lengths - 1) ** 2, rtol=1e-5)


def test_score_map_counts_by_its_mean():
    """D(x) = mean of x^2 over a map as large as the image: slope 2 x / n."""
    slopes = gradient(lambda x: score(x**2), IMAGES)
    lengths = np.sqrt((IMAGES**2).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(numpy(gradient_penalty(slopes)), (2 * lengths / 40 - 1) ** 2, rtol=1e-5)


def test_its_gradient_for_the_critics_weights_is_that_of_the_formula():
    """(c |x| - 1)^2 differentiated by c: 2 (c |x| - 1) |x|. The penalty trains the critic through its slope."""

    def penalty(c):
        return gradient_penalty(gradient(lambda x: c * ops.sum(x**2, axis=(1, 2, 3)) / 2, IMAGES))

    lengths = np.sqrt((IMAGES**2).sum(axis=(1, 2, 3)))
    expected = (2 * (0.3 * lengths - 1) * lengths).sum()
    np.testing.assert_allclose(numpy(gradient(penalty, np.float32(0.3))), expected, rtol=1e-5)


def test_flat_critic_costs_1_and_has_a_finite_gradient():
    flat = np.zeros((2, 4, 5, 2), "float32")
    np.testing.assert_allclose(numpy(gradient_penalty(flat)), [1, 1], rtol=1e-5)
    np.testing.assert_array_equal(numpy(gradient(gradient_penalty, flat)), flat)


@pytest.mark.parametrize("slope", [1e-30, 1e-7, 1e-3, 1.0, 1e3])
def test_gradient_of_a_slope_of_any_size_is_no_steeper_than_the_formulas(slope):
    """|d (s - 1)^2 / ds| = 2 |s - 1|."""
    slopes = np.zeros((1, 4, 5, 2), "float32")
    slopes[0, 1, 2, 0] = slope
    steepness = np.abs(numpy(gradient(gradient_penalty, slopes))).max()
    assert steepness <= 2 * abs(slope - 1) * (1 + 1e-6)


def test_each_image_is_mixed_by_its_own_weight():
    real, fake = np.full((4, 2, 3, 1), 8.0, "float32"), np.full((4, 2, 3, 1), -4.0, "float32")
    mixed = numpy(mix(real, fake, np.array([0, 0.25, 0.5, 1], "float32")))
    np.testing.assert_array_equal(mixed, np.broadcast_to(np.reshape([-4, -1, 2, 8], (4, 1, 1, 1)), mixed.shape))


def test_mixing_ends_at_the_images_themselves():
    fake = IMAGES[::-1]
    np.testing.assert_array_equal(numpy(mix(IMAGES, fake, np.ones(3, "float32"))), IMAGES)
    np.testing.assert_array_equal(numpy(mix(IMAGES, fake, np.zeros(3, "float32"))), fake)
