import keras
import numpy as np
import pytest
from keras import ops
from scipy.fft import dctn
from skimage import data

from gandeblur.models import dark_channel_gan
from gandeblur.models.layers.deblurgan import initial_weights
from gandeblur.models.layers.patch_whitening import PatchWhitening


def kernels(side, maps):
    return ops.convert_to_numpy(PatchWhitening()((side, side, 3, maps)))


def test_each_kernel_is_one_cosine_of_one_colour():
    spectra = dctn(kernels(5, 75), axes=(0, 1), norm="ortho")  # [u, v, channel, map]
    colours = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]]) / np.sqrt([[3], [2], [6]])
    found = np.einsum("uvim,ci->uvcm", spectra, colours).reshape(75, 75)
    gains = found.max(axis=0)
    np.testing.assert_allclose(found / gains, np.eye(75)[found.argmax(axis=0)].T, atol=1e-5)
    assert sorted(found.argmax(axis=0)) == list(range(75))
    assert (np.diff(gains) >= -1e-4).all()  # the strongest pattern, with the smallest gain, first
    np.testing.assert_allclose(gains[:3], [1 / 6 / 0.64, 1 / 0.64, 1 / 0.64], rtol=1e-5)


def test_its_maps_of_a_photograph_tell_more_apart_than_those_of_noise():
    """The largest eigenvalue of the maps' covariance over the smallest: that of their twelve strongest patterns."""
    pixels = data.astronaut() / 127.5 - 1
    patches = np.lib.stride_tricks.sliding_window_view(pixels, (5, 5), axis=(0, 1))[::7, ::7]  # [y, x, channel, 5, 5]

    def spread(start):
        maps = np.einsum("pqiyx,yxim->pqm", patches, ops.convert_to_numpy(start((5, 5, 3, 12))))
        eigenvalues = np.linalg.eigvalsh(np.cov(maps.reshape(-1, 12).T))
        return eigenvalues[-1] / eigenvalues[0]

    keras.utils.set_random_seed(0)
    assert spread(PatchWhitening()) < 30
    assert spread(initial_weights()) > 1000


def test_a_generator_that_starts_so_has_the_same_weights():
    def first_layer(**start):
        generator = dark_channel_gan.generator(
            encoder_maps=(8, 4), decoder_maps=(4, 3), dropout=0.0, dropout_layers=0, **start
        )
        return ops.convert_to_numpy(generator.get_layer("enc1").kernel), generator.count_params()

    (whitened, parameters), (noise, same) = first_layer(whitened_start=True), first_layer()
    assert parameters == same
    np.testing.assert_array_equal(whitened, kernels(5, 8))
    assert np.abs(noise).max() < 0.1


@pytest.mark.parametrize("shape", [(5, 3, 3, 8), (5, 5, 4, 8), (1, 1, 3, 4)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="3 k\\^2 at most"):
        PatchWhitening()(shape)
