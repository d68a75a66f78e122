import json

import keras
import numpy as np
import pytest
from keras import layers, ops

from gandeblur.models import hkust_gan
from gandeblur.training import devices

TINY = {"maps": 4, "blocks": 2}
TINY_DISCRIMINATOR = {"maps": 4, "dense_units": 5, "image_px": 32}
OF_DISCRIMINATOR = [f"conv2d_{number}" for number in range(24, 30)]  # as Table 3 counts them


def images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def numpy(x):
    return ops.convert_to_numpy(x)


def norms(model):
    return [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]


def convolutions(model):
    return [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]


def test_restored_image_is_the_mean_of_tanh_and_the_blurred_image():
    generator, blurred = hkust_gan.generator(**TINY), images(1, 16, 20, 3)
    last = generator.get_layer("conv2d_9")
    last.kernel.assign(np.zeros((7, 7, 4, 3)))
    np.testing.assert_array_equal(numpy(generator(blurred)), blurred / 2)
    bias = np.float32([0.5, -2, 9])
    last.bias.assign(bias)
    np.testing.assert_allclose(numpy(generator(blurred)), (np.tanh(bias) + blurred) / 2, atol=1e-6)


def test_refuses_images_too_small_for_its_reflections():
    with pytest.raises(ValueError, match="conv2d_3: 1x2 .* too small"):
        hkust_gan.generator(**TINY)(images(1, 4, 8, 3))


def test_a_block_whose_second_norm_is_zero_passes_its_input_through():
    generator = hkust_gan.generator(**TINY)
    generator.get_layer("conv2d_4_norm").gamma.assign(np.zeros(16))
    ends = [generator.get_layer(name).output for name in ("conv2d_2_relu", "conv2d_4_add", "conv2d_6_add")]
    first, second, third = map(numpy, keras.Model(generator.input, ends)(images(1, 16, 16, 3)))
    np.testing.assert_array_equal(first, second)
    assert np.abs(third - second).max() > 0.01


def test_every_convolution_of_the_generator_but_the_last_is_normalised():
    generator = hkust_gan.generator(**TINY)
    names = [layer.name for layer in convolutions(generator)]
    assert names == ["conv2d", *(f"conv2d_{number}" for number in range(1, 10))]
    assert [norm.name for norm in norms(generator)] == [f"{name}_norm" for name in names[:-1]]


def test_only_the_7x7_layers_and_the_blocks_mirror_the_border():
    mirrored = [layer for layer in convolutions(hkust_gan.generator(**TINY)) if layer.padding == "reflect"]
    sizes_px = {"conv2d": 7, "conv2d_3": 3, "conv2d_4": 3, "conv2d_5": 3, "conv2d_6": 3, "conv2d_9": 7}
    assert {layer.name: layer.kernel_size for layer in mirrored} == {name: (px, px) for name, px in sizes_px.items()}


def test_all_convolutions_of_the_discriminator_but_the_last_are_followed_by_a_leaky_relu_of_slope_0_2():
    discriminator = hkust_gan.discriminator(**TINY_DISCRIMINATOR)
    slopes = {x.name: x.negative_slope for x in discriminator.layers if isinstance(x, layers.LeakyReLU)}
    assert slopes == {f"{name}_relu": 0.2 for name in OF_DISCRIMINATOR[:-1]}


def test_the_four_middle_convolutions_of_the_discriminator_are_normalised():
    discriminator = hkust_gan.discriminator(**TINY_DISCRIMINATOR)
    assert [layer.name for layer in convolutions(discriminator)] == OF_DISCRIMINATOR
    assert [norm.name for norm in norms(discriminator)] == [f"conv2d_{number}_norm" for number in (25, 26, 27, 28)]


def test_discriminator_halves_four_times_down_to_16x16_at_256_px():
    discriminator = hkust_gan.discriminator(maps=2, dense_units=5, image_px=256)
    sides = [layer.output.shape[1] for layer in convolutions(discriminator)]
    assert sides == [128, 64, 32, 16, 16, 16]
    assert discriminator.get_layer("conv2d_29").output.shape == (None, 16, 16, 1)
    assert discriminator.compute_output_shape((None, 256, 256, 3)) == (None, 1)


@pytest.mark.parametrize("given", [lambda: images(4, 16, 16, 3), lambda: keras.Input((16, 16, 3))])
def test_discriminator_says_why_it_refuses_another_size_also_when_loaded(given, tmp_path):
    discriminator = hkust_gan.discriminator(**TINY_DISCRIMINATOR)
    discriminator.save(tmp_path / "discriminator.keras")
    reason = "16x16 images: the dense layer ties this discriminator to 32x32; give crops of that size"
    for model in (discriminator, keras.saving.load_model(tmp_path / "discriminator.keras")):
        with pytest.raises(ValueError, match=reason):
            model(given())


def test_discriminator_takes_images_whose_size_is_not_known_yet():
    assert hkust_gan.discriminator(**TINY_DISCRIMINATOR)(keras.Input((None, None, 3))).shape == (None, 1)


def test_discriminator_for_a_size_that_is_no_multiple_of_16_is_refused():
    with pytest.raises(ValueError, match="image_px=40: .* multiple of 16"):
        hkust_gan.discriminator(maps=4, dense_units=5, image_px=40)


@pytest.mark.parametrize(
    "model", [lambda: hkust_gan.generator(**TINY), lambda: hkust_gan.discriminator(**TINY_DISCRIMINATOR)]
)
def test_training_moves_the_running_statistics_and_inference_only_uses_them(model):
    model, blurred = model(), images(2, 32, 32, 3)
    start = model.get_weights()
    before = numpy(model(blurred))
    for actual, expected in zip(model.get_weights(), start, strict=True):
        np.testing.assert_array_equal(actual, expected)
    trained = numpy(model(blurred, training=True))
    for norm in norms(model):
        assert np.abs(numpy(norm.moving_mean)).min() > 0
        assert np.abs(numpy(norm.moving_variance) - 1).min() > 0
    after = numpy(model(blurred))
    assert np.abs(after - before).max() > 1e-6
    assert np.abs(trained - before).max() > 1e-4


def test_norms_take_a_hundredth_of_the_batch_s_statistics_in_training():
    norm = hkust_gan.generator(**TINY).get_layer("conv2d_norm")
    x = 3 + images(2, 8, 8, 4)
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    np.testing.assert_allclose(numpy(norm(x, training=True)), (x - mean) / np.sqrt(variance + 1e-3), atol=1e-4)
    np.testing.assert_allclose(numpy(norm.moving_mean), 0.01 * mean, rtol=1e-4)
    np.testing.assert_allclose(numpy(norm.moving_variance), 0.99 + 0.01 * variance, rtol=1e-4)
    expected = (x - 0.01 * mean) / np.sqrt(0.99 + 0.01 * variance + 1e-3)
    np.testing.assert_allclose(numpy(norm(x)), expected, rtol=1e-4)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="replicas need TensorFlow")
def test_norms_take_the_statistics_of_all_replicas_images():
    import tensorflow as tf

    strategy = devices.strategy("cpu:2")
    with strategy.scope():
        norm = hkust_gan.generator(**TINY).get_layer("conv2d_norm")
    halves = [images(2, 8, 8, 4), 5 + images(2, 8, 8, 4, seed=1)]
    split = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(halves[context.replica_id_in_sync_group])
    )
    normalised = tf.function(lambda: strategy.run(lambda x: norm(x, training=True), args=(split,)))()
    both = np.concatenate(halves)
    expected = (both - both.mean(axis=(0, 1, 2))) / np.sqrt(both.var(axis=(0, 1, 2)) + 1e-3)
    np.testing.assert_allclose(np.concatenate(strategy.experimental_local_results(normalised)), expected, atol=1e-4)
    np.testing.assert_allclose(numpy(norm.moving_mean), 0.01 * both.mean(axis=(0, 1, 2)), rtol=1e-4)


@pytest.mark.parametrize("saved_on_tensorflow", ["true", "false"])
def test_a_model_saved_on_either_backend_loads_on_this_one(saved_on_tensorflow):
    config = json.dumps(hkust_gan.generator(**TINY).get_config())
    for value in ("true", "false"):
        config = config.replace(f'"synchronized": {value}', f'"synchronized": {saved_on_tensorflow}')
    loaded = keras.Model.from_config(json.loads(config))
    assert {norm.synchronized for norm in norms(loaded)} == {keras.backend.backend() == "tensorflow"}
