import numpy as np
import pytest
from keras import ops

from gandeblur.losses import adversarial

LOGITS = np.array([[-3.0], [0.0], [0.7], [5.0]], "float32")
D = 1 / (1 + np.exp(-LOGITS[:, 0].astype("float64")))


def numpy(x):
    return ops.convert_to_numpy(x)


def test_equals_the_papers_formula_with_the_sigmoid_written_out():
    np.testing.assert_allclose(
        numpy(adversarial.discriminator(LOGITS, LOGITS[::-1])), -np.log(D) - np.log(1 - D[::-1]), rtol=1e-5
    )
    np.testing.assert_allclose(numpy(adversarial.non_saturating(LOGITS)), -np.log(D), rtol=1e-5)


def test_undecided_discriminator_costs_log_4():
    zero = np.zeros((3, 1), "float32")
    np.testing.assert_allclose(numpy(adversarial.discriminator(zero, zero)), np.full(3, np.log(4)), rtol=1e-6)


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_finite_where_the_sigmoid_underflows(logit):
    logits = np.full((1, 1), logit, "float32")
    for value in (
        adversarial.discriminator(logits, logits),
        adversarial.non_saturating(logits),
    ):
        assert np.isfinite(numpy(value)).all()
    np.testing.assert_allclose(numpy(adversarial.discriminator(logits, logits)), [200], rtol=1e-6)


def test_score_maps_are_averaged_per_image():
    scores = np.stack([np.zeros((4, 4, 1)), np.full((4, 4, 1), 100.0)]).astype("float32")
    np.testing.assert_allclose(numpy(adversarial.non_saturating(scores)), [np.log(2), 0], atol=1e-6)


def test_wasserstein_losses_are_differences_of_mean_scores():
    real = np.array([[3.0], [-200.0]], "float32")
    fake = np.array([[1.0], [100.0]], "float32")
    np.testing.assert_array_equal(numpy(adversarial.wasserstein_critic(real, fake)), [-2, 300])
    np.testing.assert_array_equal(numpy(adversarial.wasserstein_generator(fake)), [-1, -100])


def test_wasserstein_losses_average_score_maps_per_image():
    real = np.arange(24, dtype="float32").reshape(2, 3, 4, 1)
    np.testing.assert_allclose(numpy(adversarial.wasserstein_critic(real, -real)), [-11, -35])
    np.testing.assert_allclose(numpy(adversarial.wasserstein_generator(real)), [-5.5, -17.5])


def test_critic_that_scores_all_alike_costs_nothing():
    scores = np.full((2, 4, 4, 1), 7.0, "float32")
    np.testing.assert_array_equal(numpy(adversarial.wasserstein_critic(scores, scores)), [0, 0])
