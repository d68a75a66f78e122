import os

import h5py
import keras
import numpy as np
import pytest
import skimage.data
from differentiation import gradient
from keras import ops

from gandeblur.errors import InputError
from gandeblur.losses.perceptual import Perceptual, features, perceptual_loss

RNG = np.random.default_rng(0)
LAYER = "block1_conv2"
ARRAYS = {
    "block1_conv1_kernel": RNG.normal(0, 0.2, (3, 3, 3, 64)).astype("float32"),
    "block1_conv1_bias": RNG.normal(0, 1, 64).astype("float32"),
    "block1_conv2_kernel": RNG.normal(0, 0.05, (3, 3, 64, 64)).astype("float32"),
    "block1_conv2_bias": RNG.normal(0, 1, 64).astype("float32"),
}
of_files = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="either backend reads files alike, and JAX builds VGG slowly"
)
SHARP, RESTORED = RNG.random((2, 2, 9, 8, 3), np.float32)


def numpy(x):
    return ops.convert_to_numpy(x)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vgg.npz"
    np.savez(path, **ARRAYS)
    return path


@pytest.fixture(scope="module")
def model(weights):
    return features("vgg19", LAYER, weights)


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_features_are_the_files_convolutions_written_out(network, weights):
    model = features(network, LAYER, weights)
    np.testing.assert_allclose(numpy(model(RESTORED)), numpy(ops.relu(before_the_relu())), rtol=1e-4, atol=1e-4)


def before_the_relu():
    maps = ops.relu(ops.conv(RESTORED, ARRAYS["block1_conv1_kernel"], padding="same") + ARRAYS["block1_conv1_bias"])
    return ops.conv(maps, ARRAYS["block1_conv2_kernel"], padding="same") + ARRAYS["block1_conv2_bias"]


def test_features_before_the_relu_are_the_convolutions_own(weights, model):
    before = numpy(features("vgg19", LAYER, weights, relu=False)(RESTORED))
    np.testing.assert_allclose(before, numpy(before_the_relu()), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(np.maximum(before, 0), numpy(model(RESTORED)))
    assert 0.1 < np.mean(before < 0) < 0.9


@pytest.mark.parametrize(("relu", "text"), [(True, "behind"), (False, "before")])
def test_a_perceptual_loss_is_data_until_its_weights_are_loaded(weights, relu, text):
    perceptual = Perceptual("vgg19", LAYER, relu)
    assert str(perceptual) == f"VGG19 block1_conv2 {text} its ReLU"
    expected = perceptual_loss(features("vgg19", LAYER, weights, relu=relu))(RESTORED, SHARP)
    np.testing.assert_array_equal(numpy(perceptual.load(weights)(RESTORED, SHARP)), numpy(expected))


def test_deeper_layer_keeps_what_leads_to_it_and_takes_images_of_any_size(tmp_path):
    """Two poolings before block 3, each of which halves the sides and drops an odd last row."""
    maps = {"block1_conv1": (3, 64), "block1_conv2": (64, 64), "block2_conv1": (64, 128), "block2_conv2": (128, 128)}
    maps |= {"block3_conv1": (128, 256)}
    arrays = {f"{name}_kernel": np.zeros((3, 3, *pair), "float32") for name, pair in maps.items()}
    arrays |= {f"{name}_bias": np.full(pair[1], 2, "float32") for name, pair in maps.items()}
    np.savez(tmp_path / "vgg.npz", **arrays)
    model = features("vgg16", "block3_conv1", tmp_path / "vgg.npz")
    assert len(model.weights) == 10
    assert numpy(model(np.zeros((1, 9, 15, 3), "float32"))).tolist() == np.full((1, 2, 3, 256), 2.0).tolist()


def test_loss_is_the_formula_with_keras_own_preprocessing(model):
    maps = [
        numpy(model(keras.applications.vgg19.preprocess_input(255 * images.copy()))) for images in (RESTORED, SHARP)
    ]
    expected = ((maps[0] - maps[1]) ** 2).mean(axis=(1, 2, 3)) / 127.5**2
    np.testing.assert_allclose(numpy(perceptual_loss(model)(RESTORED, SHARP)), expected, rtol=1e-5)


def test_without_biases_it_is_the_loss_of_images_between_minus_1_and_1(tmp_path):
    """Less the same mean colour: a network of ReLUs without biases is homogeneous."""
    np.savez(tmp_path / "vgg.npz", **{key: a if a.ndim > 1 else 0 * a for key, a in ARRAYS.items()})
    model = features("vgg19", LAYER, tmp_path / "vgg.npz")
    small = [keras.applications.vgg19.preprocess_input(255 * images.copy()) / 127.5 for images in (RESTORED, SHARP)]
    expected = ((numpy(model(small[0])) - numpy(model(small[1]))) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(numpy(perceptual_loss(model)(RESTORED, SHARP)), expected, rtol=1e-5)


def test_equal_images_cost_nothing_and_each_image_counts_alone(model):
    restored = np.stack([SHARP[0], RESTORED[1]])
    loss = numpy(perceptual_loss(model)(restored, SHARP))
    assert loss.shape == (2,) and loss[0] == 0 and loss[1] > 0


def test_channels_are_told_apart(model):
    red, green = np.zeros((2, 1, 8, 8, 3), "float32")
    red[..., 0] = green[..., 1] = 1
    loss = perceptual_loss(model)
    black = np.zeros_like(red)
    assert numpy(loss(red, black)) != pytest.approx(numpy(loss(green, black)), rel=1e-2)


def test_gradient_reaches_the_restored_image_and_not_the_sharp_one(model):
    loss = perceptual_loss(model)
    both = numpy(gradient(lambda x: loss(x, 0.5 * x), RESTORED))
    restored_only = numpy(gradient(lambda x: loss(x, 0.5 * RESTORED), RESTORED))
    assert np.abs(restored_only).max() > 0
    np.testing.assert_allclose(both, restored_only, rtol=1e-5, atol=1e-9)


def test_network_is_frozen(model):
    assert model.trainable_variables == [] and len(model.variables) == 4


def test_float32_under_a_mixed_policy_which_stays_as_it_was(weights, model):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = features("vgg19", LAYER, weights)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        loss = perceptual_loss(mixed)(RESTORED, SHARP)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(numpy(loss), numpy(perceptual_loss(model)(RESTORED, SHARP)))


def write_h5(path, names):
    """As Keras' download: one group for each layer, those without weights too; zeros but for the first two."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in names]
        channels = 3
        for name in names:
            maps = min(64 * 2 ** (int(name[5]) - 1), 512)
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{kind}".encode() for kind in ("kernel", "bias")]
            for kind, shape in (("kernel", (3, 3, channels, maps)), ("bias", (maps,))):
                data = ARRAYS.get(f"{name}_{kind}")
                group.create_dataset(f"{name}/{kind}", shape, "float32", data)
            channels = maps


def layers(convolutions):
    return [f"block{b}_conv{c}" for b, count in enumerate(convolutions, 1) for c in range(1, count + 1)]


VGG16, VGG19 = (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)


@of_files
def test_the_file_that_keras_downloads_loads_too(tmp_path, model):
    write_h5(tmp_path / "notop.h5", layers(VGG19))
    from_h5 = features("vgg19", LAYER, tmp_path / "notop.h5")
    for ours, theirs in zip(from_h5.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@of_files
@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_weights_h5_of_the_whole_network_loads_too(tmp_path):
    whole = keras.applications.VGG16(weights=None, include_top=False)
    whole.save_weights(tmp_path / "vgg16.weights.h5")
    loaded = features("vgg16", LAYER, tmp_path / "vgg16.weights.h5")
    for ours, theirs in zip(loaded.get_weights(), whole.get_weights(), strict=False):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(InputError, match="does not hold the weights of vgg19"):
        features("vgg19", LAYER, tmp_path / "vgg16.weights.h5")


NETWORKS = {"vgg16": VGG16, "vgg19": VGG19}


@of_files
@pytest.mark.parametrize(("network", "other"), [("vgg19", "vgg16"), ("vgg16", "vgg19")])
def test_file_of_the_other_network_is_refused(tmp_path, network, other):
    write_h5(tmp_path / "notop.h5", layers(NETWORKS[other]))
    refused(tmp_path / "notop.h5", f"does not hold the weights of {network}", network)
    for path, owner in ((tmp_path / "own.npz", network), (tmp_path / "other.npz", other)):
        block3 = [name for name in layers(NETWORKS[owner]) if name.startswith("block3")]
        np.savez(path, **ARRAYS, **{f"{name}_kernel": np.zeros(1) for name in block3})
    features(network, LAYER, tmp_path / "own.npz")
    has = "a" if other == "vgg19" else "no"
    refused(tmp_path / "other.npz", rf"\({has} block3_conv4: weights of {other.upper()}\)", network)


def refused(path, reason, network="vgg19"):
    with pytest.raises(InputError, match=reason) as info:
        features(network, LAYER, path)
    message = str(info.value)
    assert message.startswith(f"{path}: ") and "--vgg_weights=FILE" in message and "\n" not in message


@pytest.mark.parametrize("name", ["none.npz", "none.h5", "none.weights.h5"])
def test_missing_file_is_named(tmp_path, name):
    refused(tmp_path / name, "no such file; fetch https://.*/vgg19_.*notop.h5")


@pytest.mark.parametrize("name", ["text.npz", "text.h5", "text.weights.h5", "text.txt"])
def test_file_of_something_else_is_named(tmp_path, name):
    (tmp_path / name).write_text("no weights")
    refused(tmp_path / name, "does not hold the weights of vgg19 up to block1_conv2")


@of_files
def test_missing_and_misshapen_arrays_are_named(tmp_path):
    path = tmp_path / "vgg.npz"
    np.savez(path, **{key: array for key, array in ARRAYS.items() if key != "block1_conv2_bias"})
    refused(path, "no array block1_conv2_bias")
    np.savez(path, **ARRAYS | {"block1_conv2_kernel": ARRAYS["block1_conv1_kernel"]})
    refused(path, r"block1_conv2_kernel has shape \(3, 3, 3, 64\), not \(3, 3, 64, 64\)")


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_failed_download_says_how_to_get_the_file(monkeypatch, network):
    """And leaves no random weights behind. `keras.utils.get_file` is what keras.applications calls."""

    def no_network(name, origin, **_):
        raise Exception(f"URL fetch failure on {origin}: None -- no route\nto host")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", no_network)
    with pytest.raises(InputError, match=f"^{network}: .*no route.*; fetch https://") as info:
        features(network, LAYER)
    message = str(info.value)
    assert message.endswith(f"{network}_weights_tf_dim_ordering_tf_kernels_notop.h5 and give --vgg_weights=FILE")
    assert "\n" not in message


def test_address_in_messages_is_the_one_that_keras_downloads(monkeypatch):
    asked = []

    def no_network(name, origin, **_):
        asked.append(origin)
        raise OSError("offline")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", no_network)
    for network in ("vgg16", "vgg19"):
        with pytest.raises(InputError) as info:
            features(network, LAYER)
        assert f"fetch {asked[-1]} and" in str(info.value)


@pytest.mark.skipif("GANDEBLUR_VGG19" not in os.environ, reason="GANDEBLUR_VGG19 names no file of VGG19's weights")
def test_real_weights_see_blur_in_a_photograph():
    model = features("vgg19", "block3_conv3", os.environ["GANDEBLUR_VGG19"])
    sharp = (skimage.data.astronaut()[None, 128:256, 128:256] / 255).astype("float32")
    maps = numpy(model(keras.applications.vgg19.preprocess_input(255 * sharp.copy())))
    assert maps.shape == (1, 32, 32, 256)
    assert np.isfinite(maps).all()
    assert (maps.std(axis=(0, 1, 2)) > 0).mean() > 0.95  # nearly every map answers somewhere to a face
    slight, strong = (
        float(perceptual_loss(model)(keras.layers.AveragePooling2D(side, 1, "same")(sharp), sharp)[0])
        for side in (3, 9)
    )
    assert 0 < slight < strong
