import keras
import numpy as np
import pytest
from differentiation import gradient
from keras import ops
from vgg_file import random_arrays

from gandeblur.losses import perceptual
from gandeblur.losses.features import DIRECTIONS, Directions

RNG = np.random.default_rng(0)
SHARP, RESTORED = RNG.random((2, 2, 12, 16, 3), np.float32)
ONE = Directions("vgg19", ("block1_conv2",))


def numpy(x):
    return ops.convert_to_numpy(x)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vgg.npz"
    np.savez(path, **random_arrays("block2_conv2"))
    return path


def unit(maps):
    return maps / np.linalg.norm(maps, axis=-1, keepdims=True)


def distance(ours, theirs):
    return np.mean(np.sum((unit(ours) - unit(theirs)) ** 2, axis=-1), axis=(1, 2))


def seen(weights, layer, relu=True):
    """Maps of both images, by the model that the perceptual loss takes."""
    model = perceptual.features("vgg19", layer, weights, relu=relu)
    return [numpy(model(perceptual.preprocessed(images))) for images in (RESTORED, SHARP)]


@pytest.mark.parametrize("relu", ["both", *(pytest.param(one, marks=pytest.mark.slow) for one in ("behind", "before"))])
def test_the_distance_is_the_formula_summed_over_layers_and_sides_of_the_relu(weights, relu):
    layers = ("block1_conv2", "block2_conv2")
    sides = {"behind": [True], "before": [False], "both": [True, False]}[relu]
    expected = sum(distance(*seen(weights, layer, side)) for layer in layers for side in sides)
    found = numpy(Directions("vgg19", layers, relu).load(weights)(RESTORED, SHARP))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_what_is_told_apart(weights):
    """Identical images have distance 0; vectors of no negative entry at most 2 for each layer; brighter is farther."""
    loss = ONE.load(weights)
    assert numpy(loss(SHARP, SHARP)).tolist() == [0, 0]
    near, far = numpy(loss(0.9 * SHARP + 0.1 * RESTORED, SHARP)), numpy(loss(RESTORED, SHARP))
    assert np.all((near > 0) & (near < far) & (far < 2))


def test_pooling_by_means_is_another_network_behind_the_first_pooling_only(weights):
    def pooled(layer):
        kinds = (Directions("vgg19", (layer,), pooling=pooling) for pooling in ("max", "average"))
        return [numpy(kind.load(weights)(RESTORED, SHARP)).tolist() for kind in kinds]

    largest, mean = pooled("block1_conv2")
    assert largest == mean
    largest, mean = pooled("block2_conv2")
    assert largest != mean


def test_the_gradient_is_finite_where_nothing_is_seen_and_ends_at_the_truth(tmp_path):
    arrays = {"block1_conv1_kernel": np.zeros((3, 3, 3, 64)), "block1_conv2_kernel": np.zeros((3, 3, 64, 64))}
    arrays |= {f"block1_conv{number}_bias": np.zeros(64) for number in (1, 2)}
    np.savez(tmp_path / "dead.npz", **{name: array.astype("float32") for name, array in arrays.items()})
    loss = ONE.load(tmp_path / "dead.npz")
    assert numpy(loss(RESTORED, SHARP)).tolist() == [0, 0]
    assert not np.any(gradient(lambda x: ops.sum(loss(x, SHARP)), RESTORED))


def test_the_gradient_is_that_of_central_differences(weights):
    loss = ONE.load(weights)
    direction = RESTORED - SHARP
    step = 1e-2
    ahead, behind = (numpy(loss(RESTORED + sign * step * direction, SHARP)).sum() for sign in (1, -1))
    slope = np.sum(gradient(lambda x: ops.sum(loss(x, SHARP)), RESTORED) * direction)
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=0.03)
    assert not np.any(gradient(lambda x: ops.sum(loss(RESTORED, x)), SHARP))  # the truth is no variable


def test_in_training_the_convolutions_follow_the_policy(weights):
    exact = numpy(ONE.load(weights)(RESTORED, SHARP))
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        coarse = numpy(ONE.load(weights)(RESTORED, SHARP))
    finally:
        keras.config.set_dtype_policy(policy)
    assert coarse.dtype == np.float32
    np.testing.assert_allclose(coarse, exact, rtol=0.02)
    assert np.any(coarse != exact)


def test_it_names_itself():
    assert str(DIRECTIONS) == "directions of VGG19 block1_conv2, block2_conv2, block3_conv3 behind their ReLU"
    both = Directions("vgg19", ("block2_conv2",), "both", "average")
    assert str(both) == "directions of VGG19 block2_conv2 before and behind their ReLU, average pooling"
