import keras
import numpy as np
import pytest

from gandeblur.models import gan_d

TINY = {"maps": 4, "wide_maps": 6}


@pytest.mark.parametrize("size", [(16, 16), (33, 47)])
def test_generator_keeps_any_size(size):
    restored = gan_d.generator(**TINY)(np.zeros((2, *size, 3), "float32"))
    assert tuple(restored.shape) == (2, *size, 3)


def test_odcnn_takes_184_to_56():
    assert gan_d.odcnn(**TINY).compute_output_shape((None, 184, 184, 3)) == (None, 56, 56, 3)
    assert tuple(gan_d.odcnn(**TINY)(np.zeros((1, 184, 184, 3), "float32")).shape) == (1, 56, 56, 3)


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
    assert tuple(model(np.zeros((2, 32, 32, 3), "float32")).shape) == (2, 1)
    with pytest.raises(ValueError, match="expected shape"):
        model(np.zeros((2, 64, 64, 3), "float32"))


def test_saved_file_loads_and_restores_the_same(tmp_path):
    model = gan_d.generator(**TINY, identity_noise=0.01)
    model.save(tmp_path / "generator.keras")
    loaded = keras.saving.load_model(tmp_path / "generator.keras")
    image = np.random.default_rng(0).random((1, 20, 20, 3), "float32")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(image)), keras.ops.convert_to_numpy(loaded(image)))
