import numpy as np
import pytest
from keras import ops

from gandeblur.models import dark_channel_gan, hkust_gan
from gandeblur.models.layers.identity_start import tanh_around

BLURRED = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)).astype("float32")


def test_no_correction_leaves_the_image_up_to_a_hundredth():
    np.testing.assert_allclose(ops.convert_to_numpy(tanh_around(BLURRED, 0 * BLURRED)), 0.99 * BLURRED, atol=1e-6)
    white = np.ones((1, 1, 1, 3), "float32")
    assert np.isfinite(ops.convert_to_numpy(tanh_around(white, white))).all()


def test_without_an_image_it_is_tanh():
    np.testing.assert_allclose(ops.convert_to_numpy(tanh_around(None, BLURRED)), np.tanh(BLURRED), rtol=1e-5)


@pytest.mark.parametrize(
    "generator",
    [
        lambda start: hkust_gan.generator(maps=3, blocks=1, identity_start=start),
        lambda start: dark_channel_gan.generator(
            encoder_maps=(3, 4), decoder_maps=(4, 3), dropout=0.0, dropout_layers=0, identity_start=start
        ),
    ],
    ids=["HKUST", "dark channel"],
)
def test_generators_start_as_the_identity_with_the_papers_weights(generator):
    near, papers = generator(1e-6), generator(None)
    assert [weight.shape for weight in near.weights] == [weight.shape for weight in papers.weights]
    np.testing.assert_allclose(ops.convert_to_numpy(near(BLURRED)), BLURRED, atol=0.011)
    assert np.abs(ops.convert_to_numpy(papers(BLURRED)) - BLURRED).max() > 0.1
