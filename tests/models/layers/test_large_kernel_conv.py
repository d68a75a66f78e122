import keras
import numpy as np
import pytest
from differentiation import gradient
from keras import ops

from gandeblur.models.layers import large_kernel_conv
from gandeblur.models.layers.large_kernel_conv import Conv2D, plain_convolution

CASES = [
    # kernel, padding, image
    ((1, 121), "same", (17, 130)),
    ((121, 1), "same", (131, 9)),
    ((16, 16), "same", (37, 65)),
    ((16, 16), "valid", (33, 50)),
    ((1, 21), "valid", (5, 33)),
    ((20, 1), "valid", (20, 3)),
    ((5, 40), "same", (11, 7)),
    ((1, 21), "same", (3, 145)),  # long enough for tiles
    ((20, 1), "valid", (78, 3)),
]


def numpy(x):
    return ops.convert_to_numpy(x)


def relative_error(actual, expected):
    return np.abs(actual - expected).max() / np.abs(expected).max()


def layer_and_data(kernel, padding, size):
    rng = np.random.default_rng(sum(kernel) + sum(size))
    layer = Conv2D(4, kernel, padding=padding, bias_initializer="normal")
    x = rng.normal(size=(2, *size, 3)).astype("float32")
    layer.build(x.shape)
    return layer, x, rng


@pytest.mark.parametrize(("kernel", "padding", "size"), CASES)
def test_equals_conv2d_in_output_and_both_gradients(kernel, padding, size):
    layer, x, rng = layer_and_data(kernel, padding, size)
    reference = keras.layers.Conv2D.from_config(layer.get_config())
    reference.build(x.shape)
    reference.set_weights(layer.get_weights())
    expected = numpy(reference(x))
    assert relative_error(numpy(layer(x)), expected) < 1e-5

    weight = rng.normal(size=expected.shape).astype("float32")  # a random cotangent
    w = numpy(layer.kernel)

    def loss(x_and_w):
        return weight * layer.convolution_op(*x_and_w)

    ours = gradient(loss, [x, w])
    with plain_convolution():
        theirs = gradient(loss, [x, w])
    for actual, wanted in zip(ours, theirs, strict=True):
        assert relative_error(numpy(actual), numpy(wanted)) < 1e-4


def test_gradient_of_a_gradient_norm_agrees_with_plain_convolution():
    """What a gradient penalty differentiates."""
    layer, x, _ = layer_and_data((16, 16), "same", (20, 20))

    def penalty(w):
        return gradient(lambda image: layer.convolution_op(image, w) ** 2, x) ** 2

    ours = numpy(gradient(penalty, layer.kernel.value))
    with plain_convolution():
        theirs = numpy(gradient(penalty, layer.kernel.value))
    assert relative_error(ours, theirs) < 1e-4


def test_tiles_join_without_a_seam(monkeypatch):
    layer, x, _ = layer_and_data((16, 16), "same", (70, 45))
    tiled = numpy(layer(x))
    monkeypatch.setattr(large_kernel_conv, "TILE_PX", 128)
    np.testing.assert_allclose(tiled, numpy(layer(x)), atol=1e-5)


def test_is_a_conv2d_to_the_outside(tmp_path):
    layer, x, _ = layer_and_data((16, 16), "same", (20, 20))
    plain = keras.layers.Conv2D.from_config(layer.get_config())
    assert plain.get_config() == layer.get_config()
    plain.build(x.shape)
    assert [v.path.split("/")[-1] for v in layer.weights] == [v.path.split("/")[-1] for v in plain.weights]
    image = keras.Input((20, 20, 3))
    ours, theirs = keras.Model(image, layer(image)), keras.Model(image, plain(image))
    ours.save_weights(tmp_path / "w.weights.h5")
    theirs.load_weights(tmp_path / "w.weights.h5")
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def by_spectra(layer, x, monkeypatch):
    """Whether the layer multiplied spectra for this input."""
    calls = []
    for name in ("_correlate_columns", "_correlate_tiles"):
        function = getattr(large_kernel_conv, name)
        monkeypatch.setattr(large_kernel_conv, name, lambda *a, f=function: calls.append(1) or f(*a))
    layer(x)
    return bool(calls)


def test_one_switch_leaves_the_convolution_to_the_backend(monkeypatch):
    layer, x, _ = layer_and_data((16, 16), "same", (20, 20))
    assert by_spectra(layer, x, monkeypatch)
    with plain_convolution():
        assert not by_spectra(layer, x, monkeypatch)
    monkeypatch.setattr(large_kernel_conv, "has_accelerator", lambda: True)
    assert not by_spectra(layer, x, monkeypatch)


@pytest.mark.parametrize("option", [{"strides": 2}, {"dilation_rate": 2}, {"groups": 3, "filters": 3}])
def test_what_it_does_not_compute_is_keras_own(option, monkeypatch):
    layer = Conv2D(**{"filters": 4, "kernel_size": 3, "padding": "same"} | option)
    assert not by_spectra(layer, np.zeros((1, 9, 9, 3), "float32"), monkeypatch)


def test_too_small_an_image_is_keras_own_error():
    with pytest.raises(ValueError, match="[Nn]egative|one of the dimensions"):
        Conv2D(4, (1, 9))(np.zeros((1, 8, 8, 3), "float32"))
