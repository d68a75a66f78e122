import keras
import numpy as np
import pytest
from keras import ops

from gandeblur.models.layers.reflect_pad import ReflectPadding2D


def test_mirrors_the_image_without_repeating_its_border():
    x = np.random.default_rng(0).random((2, 4, 5, 3)).astype("float32")
    expected = np.pad(x, [(0, 0), (3, 3), (3, 3), (0, 0)], mode="reflect")
    np.testing.assert_array_equal(ops.convert_to_numpy(ReflectPadding2D(3)(x)), expected)


@pytest.mark.parametrize("size", [(3, 9), (9, 3), (1, 1)])
def test_refuses_an_image_too_small_to_mirror(size):
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]} .* too small to mirror 3 pixels; each side needs 4"):
        ReflectPadding2D(3)(np.zeros((1, *size, 2), "float32"))


def test_shape_is_known_where_the_size_is():
    layer = ReflectPadding2D.from_config(ReflectPadding2D(2).get_config())
    assert layer(keras.Input((None, 7, 3))).shape == (None, None, 11, 3)
    with pytest.raises(ValueError, match="too small"):
        layer.compute_output_shape((None, 2, 7, 3))
