import numpy as np
from keras import ops

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
