import numpy as np
from keras import ops
from skimage.metrics import structural_similarity

from gandeblur.losses import pixel


def test_one_value_per_image():
    sharp = np.zeros((2, 4, 5, 3), "float32")
    restored = np.stack([np.full((4, 5, 3), 0.5), np.full((4, 5, 3), -2.0)]).astype("float32")
    np.testing.assert_allclose(ops.convert_to_numpy(pixel.mean_squared_error(restored, sharp)), [0.25, 4])
    np.testing.assert_allclose(ops.convert_to_numpy(pixel.mean_absolute_error(restored, sharp)), [0.5, 2])


def test_one_wrong_pixel_counts_by_its_share():
    sharp = np.zeros((1, 4, 5, 3), "float32")
    restored = sharp.copy()
    restored[0, 1, 2, 0] = 3
    np.testing.assert_allclose(ops.convert_to_numpy(pixel.mean_squared_error(restored, sharp)), [9 / 60], rtol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(pixel.mean_absolute_error(restored, sharp)), [3 / 60], rtol=1e-6)


def test_structural_similarity_is_scikit_images():
    rng = np.random.default_rng(0)
    sharp = rng.random((2, 20, 23, 3)).astype(np.float32)
    restored = np.clip(sharp + 0.1 * rng.standard_normal(sharp.shape), 0, 1).astype(np.float32)
    options = dict(data_range=1, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    expected = [structural_similarity(*pair, **options) for pair in zip(restored, sharp, strict=True)]
    np.testing.assert_allclose(pixel.structural_similarity(restored, sharp), expected, rtol=1e-4)
    np.testing.assert_allclose(pixel.structural_similarity(sharp, sharp), 1, rtol=1e-5)
