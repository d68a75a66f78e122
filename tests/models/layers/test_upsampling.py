import keras
import numpy as np

from gandeblur.models.layers.upsampling import UpSampling2D


def test_it_is_keras_nearest_upsampling():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)
    layer, theirs = UpSampling2D(), keras.layers.UpSampling2D(2, interpolation="nearest")
    np.testing.assert_array_equal(layer(x), theirs(x))
    assert layer.compute_output_shape((None, None, 5, 4)) == (None, None, 10, 4)
    inputs = keras.Input((None, None, 4))
    np.testing.assert_array_equal(keras.Model(inputs, layer(inputs))(x), theirs(x))
