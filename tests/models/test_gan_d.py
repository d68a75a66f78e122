import keras
import numpy as np
import pytest

from gandeblur.models import gan_d

TINY = {"maps": 4, "wide_maps": 6}


def test_odcnn_is_the_centre_of_the_generator_without_the_padding():
    """Away from the border, zero padding makes no difference: the two are the same network."""
    generator, odcnn = gan_d.generator(**TINY, identity_noise=0.01), gan_d.odcnn(**TINY)
    odcnn.set_weights(generator.get_weights())
    image = np.random.default_rng(0).random((1, 192, 192, 3), "float32")
    whole = keras.ops.convert_to_numpy(generator(image))
    valid = keras.ops.convert_to_numpy(odcnn(image))
    # 64 pixels of padding in sum; the transposed convolution of either mixes 7 more with its own border.
    np.testing.assert_allclose(valid[:, 7:-7, 7:-7], whole[:, 71:-71, 71:-71], atol=1e-5)


def test_starts_as_the_identity():
    image = np.random.default_rng(0).random((1, 40, 30, 3), "float32")
    restored = keras.ops.convert_to_numpy(gan_d.generator(**TINY, identity_noise=0.0)(image))
    np.testing.assert_allclose(restored, image, atol=1e-5)


def test_identity_noise_differs_between_layers_and_seeds():
    first, second = gan_d.Identity(0.1, seed=1), gan_d.Identity(0.1, seed=2)
    noise = keras.ops.convert_to_numpy(first((5, 5, 4, 4)))
    assert not np.allclose(noise, keras.ops.convert_to_numpy(second((5, 5, 4, 4))))
    assert np.array_equal(
        noise, keras.ops.convert_to_numpy(gan_d.Identity.from_config(first.get_config())((5, 5, 4, 4)))
    )
    tap = np.zeros((5, 5, 4, 4))
    tap[2, 2, :3, :3] = np.eye(3)
    assert abs((noise - tap).std() - 0.1) < 0.01


def test_discriminator_refuses_another_size():
    model = gan_d.discriminator(block_maps=(4, 4), dense_units=(5,), image_px=32)
    with pytest.raises(ValueError, match="expected shape"):
        model(np.zeros((2, 64, 64, 3), "float32"))
