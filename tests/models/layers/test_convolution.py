import keras
import numpy as np
import pytest
from differentiation import gradient
from keras import ops

from gandeblur.models.layers import convolution, spectral, winograd
from gandeblur.models.layers.convolution import Conv2D, fixes_size, plain_convolution

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
    ((3, 3), "same", (9, 14)),
    ((3, 3), "same", (1, 1)),
    ((3, 3), "valid", (3, 7)),
    ((3, 3), "valid", (70, 81)),
    ((4, 4), "same", (9, 14)),
    ((4, 4), "same", (1, 2)),
    ((4, 4), "valid", (4, 5)),
    ((4, 4), "valid", (18, 27)),
    ((3, 3), "reflect", (2, 2)),
    ((3, 3), "reflect", (3, 8)),
    ((3, 3), "reflect", (13, 6)),
    ((21, 17), "reflect", (30, 41)),
]


@pytest.fixture
def few_maps(monkeypatch):
    """3x3 and 4x4 kernels of any width take Winograd's way."""
    monkeypatch.setattr(convolution, "_WINOGRAD_MAPS", 0)
    monkeypatch.setattr(convolution, "_WINOGRAD_TILES", 0)


def numpy(x):
    return ops.convert_to_numpy(x)


def reference_of(layer, x):
    """What Keras' own layer makes of the images, mirrored by NumPy where ours mirrors."""
    config = layer.get_config()
    if layer.padding == "reflect":
        above, left = (size // 2 for size in layer.kernel_size)
        x = np.pad(x, [(0, 0), (above, above), (left, left), (0, 0)], mode="reflect")
        config["padding"] = "valid"
    reference = keras.layers.Conv2D.from_config(config)
    reference.build(x.shape)
    reference.set_weights(layer.get_weights())
    return numpy(reference(x))


def relative_error(actual, expected):
    return np.abs(actual - expected).max() / np.abs(expected).max()


def layer_and_data(kernel, padding, size):
    rng = np.random.default_rng(sum(kernel) + sum(size))
    layer = Conv2D(4, kernel, padding=padding, bias_initializer="normal")
    x = rng.normal(size=(2, *size, 3)).astype("float32")
    layer.build(x.shape)
    return layer, x, rng


@pytest.mark.usefixtures("few_maps")
@pytest.mark.parametrize(("kernel", "padding", "size"), CASES)
def test_equals_conv2d_in_output_and_both_gradients(kernel, padding, size):
    layer, x, rng = layer_and_data(kernel, padding, size)
    assert layer.way(x.shape) == ("spectral" if max(kernel) > 4 else "winograd")
    expected = reference_of(layer, x)
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


@pytest.mark.usefixtures("few_maps")
@pytest.mark.parametrize(
    ("kernel", "padding"), [((16, 16), "same"), ((3, 3), "same"), ((3, 3), "reflect"), ((4, 4), "valid")]
)
def test_gradient_of_a_gradient_norm_agrees_with_plain_convolution(kernel, padding):
    """What a gradient penalty differentiates."""
    layer, x, _ = layer_and_data(kernel, padding, (20, 20))

    def penalty(w):
        return gradient(lambda image: layer.convolution_op(image, w) ** 2, x) ** 2

    ours = numpy(gradient(penalty, layer.kernel.value))
    with plain_convolution():
        theirs = numpy(gradient(penalty, layer.kernel.value))
    assert relative_error(ours, theirs) < 1e-4


@pytest.mark.usefixtures("few_maps")
@pytest.mark.parametrize("padding", ["same", "reflect"])
@pytest.mark.parametrize("size", [(70, 81), (3, 300)])
def test_chunks_of_tiles_join_without_a_seam(padding, size, monkeypatch):
    layer, x, _ = layer_and_data((3, 3), padding, size)
    whole = numpy(layer(x))
    monkeypatch.setattr(winograd, "CHUNK", 250)
    np.testing.assert_allclose(numpy(layer(x)), whole, atol=1e-5)


def test_mirrors_the_image_without_repeating_its_border():
    layer, x, _ = layer_and_data((7, 7), "reflect", (4, 5))
    assert relative_error(numpy(layer(x)), reference_of(layer, x)) < 1e-5


@pytest.mark.parametrize("size", [(3, 9), (9, 3), (1, 1)])
def test_refuses_an_image_too_small_to_mirror(size):
    with pytest.raises(ValueError, match=f"{size[0]}x{size[1]} .* too small to mirror 3 pixels; each side needs 4"):
        Conv2D(2, 7, padding="reflect")(np.zeros((1, *size, 2), "float32"))


@pytest.mark.parametrize("option", [{"strides": 2}, {"dilation_rate": 2}, {"kernel_size": 4}])
def test_refuses_to_mirror_for_what_would_change_the_size(option):
    with pytest.raises(ValueError, match="padding='reflect' takes kernels of odd sides"):
        Conv2D(**{"filters": 2, "kernel_size": 3, "padding": "reflect"} | option)


def test_a_mirrored_shape_is_known_where_the_size_is():
    layer = Conv2D.from_config(Conv2D(4, 5, padding="reflect").get_config())
    assert layer(keras.Input((None, 7, 3))).shape == (None, None, 7, 4)
    with pytest.raises(ValueError, match="too small"):
        layer.compute_output_shape((None, 2, 7, 3))


def test_tiles_join_without_a_seam(monkeypatch):
    layer, x, _ = layer_and_data((16, 16), "same", (70, 45))
    tiled = numpy(layer(x))
    monkeypatch.setattr(spectral, "TILE_PX", 128)
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


@pytest.mark.parametrize(
    ("kernel", "maps", "dtype", "way"),
    [
        ((16, 16), 4, "float32", "spectral"),
        ((1, 121), 4, "mixed_bfloat16", "spectral"),
        ((3, 3), 96, "float32", "winograd"),
        ((3, 3), 95, "float32", "direct"),
        ((3, 3), 96, "mixed_bfloat16", "direct"),
        ((3, 3), 96, "float64", "direct"),
        ((7, 7), 64, "float32", "direct"),
        ((1, 1), 64, "float32", "direct"),
    ],
)
def test_the_way_follows_kernel_maps_and_type(kernel, maps, dtype, way, monkeypatch):
    monkeypatch.setattr(convolution, "emulates_bfloat16", lambda: False)
    layer, shape = Conv2D(maps, kernel, padding="same", dtype=dtype), (1, 20, 20, maps)
    assert layer.way(shape) == way
    with plain_convolution():
        assert layer.way(shape) == "direct"
    monkeypatch.setattr(convolution, "has_accelerator", lambda: True)
    assert layer.way(shape) == "direct"


@pytest.mark.parametrize(("one", "other", "way"), [(256, 64, "winograd"), (128, 64, "direct")])
def test_the_way_follows_both_numbers_of_maps(one, other, way):
    assert Conv2D(one, 3).way((1, 20, 20, other)) == Conv2D(other, 3).way((1, 20, 20, one)) == way


def test_where_bfloat16_is_emulated_float32_computes_it(monkeypatch):
    layer = Conv2D(96, 3, dtype="mixed_bfloat16")
    monkeypatch.setattr(convolution, "emulates_bfloat16", lambda: True)
    assert layer.way((1, 20, 20, 96)) == "winograd"
    assert keras.backend.standardize_dtype(layer(np.ones((1, 6, 6, 96), "float32")).dtype) == "bfloat16"


@pytest.mark.parametrize("option", [{"strides": 2}, {"dilation_rate": 2}, {"groups": 2}])
def test_what_it_does_not_compute_is_keras_own(option):
    assert Conv2D(**{"filters": 96, "kernel_size": 3, "padding": "same"} | option).way((1, 9, 9, 96)) == "direct"
    assert Conv2D(96, 3, padding="same").way((1, 9, 9, 96)) == "winograd"


@pytest.mark.parametrize(
    ("asked", "shape", "way"),
    [
        ("0", (2, 27, 27, 96), "winograd"),  # 8x8 tiles of 3x3 outputs in each image
        ("0", (1, 24, 27, 96), "direct"),
        ("0", (None, 27, 27, 96), "direct"),
        ("1", (1, 24, 27, 96), "winograd"),
    ],
)
def test_4x4_kernels_need_a_batch_that_pays_for_their_transform(monkeypatch, asked, shape, way):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", asked)
    assert Conv2D(96, 4).way(shape) == way


@pytest.mark.parametrize(("kernel", "size"), [((1, 9), 8), ((3, 3), 2), ((16, 16), 15)])
def test_too_small_an_image_is_keras_own_error(kernel, size):
    with pytest.raises(ValueError, match="[Nn]egative|one of the dimensions"):
        Conv2D(64, kernel)(np.zeros((1, size, size, 64), "float32"))


@pytest.mark.parametrize("taps", winograd.TAPS)
def test_winograd_rounds_three_times_as_much_as_the_definition(taps):
    """Against float64; the usual points 0, 1, -1, 2, -2 and infinity would round six times as much."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 34, 34, 64)), rng.normal(size=(taps, taps, 64, 64)) / 24
    windows = np.lib.stride_tricks.sliding_window_view(x[0], (taps, taps), axis=(0, 1))
    exact = np.einsum("hwcij,ijcm->hwm", windows, w)
    ours = numpy(winograd.correlate(x.astype("float32"), w.astype("float32")))[0]
    direct = numpy(ops.conv(x.astype("float32"), w.astype("float32")))[0]
    error, least = (np.sqrt(np.mean((y - exact) ** 2)) / exact.std() for y in (ours, direct))
    assert error < 1.5e-6
    assert error < 6 * least


@pytest.mark.parametrize("taps", winograd.TAPS)
def test_winograd_s_matrices_filter_every_axis_of_integers(taps):
    """y[n] = sum_j w[j] x[n + j], for unit inputs and unit taps: the definition, exhausted."""
    of_inputs, of_taps, of_products = winograd._of_axis(taps, winograd.POINTS)
    for place in range(len(of_inputs)):
        for tap in range(taps):
            x, w = np.eye(len(of_inputs))[place], np.eye(taps)[tap]
            y = of_products @ ((of_inputs @ x) * (of_taps @ w))
            np.testing.assert_allclose(y, np.correlate(x, w, "valid"), atol=1e-14)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX compiles for each size")
@pytest.mark.parametrize("padding", ["same", "reflect", "valid"])
def test_winograd_takes_every_size_in_one_graph(padding):
    import tensorflow as tf

    layer = Conv2D(96, 3, padding=padding)
    layer.build((None, None, None, 96))
    graph = tf.function(layer, input_signature=[tf.TensorSpec((1, None, None, 96))])
    for size in ((5, 9), (66, 70)):
        x = tf.random.stateless_normal((1, *size, 96), (1, 2))
        with plain_convolution():
            expected = layer(x)
        assert relative_error(numpy(graph(x)), numpy(expected)) < 1e-5
    assert graph.experimental_get_tracing_count() == 1


def test_only_a_way_that_asks_for_the_size_fixes_it():
    image = keras.Input((None, None, 64))
    assert not fixes_size(keras.Model(image, Conv2D(64, 3)(image)))
    assert fixes_size(keras.Model(image, Conv2D(2, (1, 121))(image)))
