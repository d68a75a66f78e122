import json

import keras
import numpy as np
import pytest
from keras import layers, ops
from weight_derivatives import float64, relative_error_of_penalty_gradient

from gandeblur.models import deblurgan as deblurgan_networks
from gandeblur.models.layers import deblurgan

TINY = {"maps": 4, "blocks": 2, "dropout": 0.5}


def images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def numpy(x):
    return ops.convert_to_numpy(x)


def test_restored_image_is_clipped_to_minus_1_and_1():
    generator = deblurgan_networks.generator(**TINY)
    generator.get_layer("conv_out").bias.assign([9, -9, 0])
    restored = numpy(generator(images(1, 16, 16, 3)))
    assert restored.max() == 1 and restored.min() == -1


def test_without_a_correction_the_blurred_image_passes_through():
    generator = deblurgan_networks.generator(**TINY)
    generator.get_layer("conv_out").kernel.assign(np.zeros((7, 7, 4, 3)))
    blurred = 1.5 * images(1, 16, 20, 3)
    np.testing.assert_array_equal(numpy(generator(blurred)), np.clip(blurred, -1, 1))


def test_refuses_images_too_small_for_its_reflections():
    with pytest.raises(ValueError, match="block1_conv1: 1x2 .* too small"):
        deblurgan_networks.generator(**TINY)(images(1, 4, 8, 3))


def test_upsampling_is_the_adjoint_of_downsampling():
    """<down(x), y> = <x, up(y)> with one kernel: both put the centre tap on the even pixels."""
    kernel = np.random.default_rng(0).normal(size=(3, 3, 5, 4)).astype("float32")
    x, y = images(1, 12, 8, 5), images(1, 6, 4, 4, seed=1)

    blurred = keras.Input((None, None, 3))
    encoder = keras.Model(blurred, deblurgan.encoder(blurred, 4))
    down = keras.Sequential([encoder.get_layer("down1_pad"), layers.Conv2D(4, 3, strides=2)])
    down.build(x.shape)
    down.set_weights([kernel, np.zeros(4)])

    latent = keras.Input((None, None, 8))
    decoder = keras.Model(latent, deblurgan.decoder(latent, 4, output_stddev=0.02))
    up = keras.Sequential([layers.Conv2DTranspose(5, 3, strides=2), decoder.get_layer("up1_crop")])
    up.build(y.shape)
    up.set_weights([kernel, np.zeros(5)])

    np.testing.assert_allclose(np.sum(numpy(down(x)) * y), np.sum(x * numpy(up(y))), rtol=1e-4)


def test_blocks_drop_values_in_training_only():
    generator, blurred = deblurgan_networks.generator(**TINY), images(1, 16, 16, 3)
    np.testing.assert_array_equal(numpy(generator(blurred)), numpy(generator(blurred, training=False)))
    assert np.abs(numpy(generator(blurred, training=True)) - numpy(generator(blurred))).max() > 0.01


def test_weights_start_as_gaussian_noise_of_0_02_and_biases_as_0():
    for model in (deblurgan_networks.generator(maps=16, blocks=1, dropout=0.5), deblurgan_networks.critic(maps=16)):
        for variable in model.trainable_variables:
            values = numpy(variable)
            if variable.name == "bias":
                assert not values.any()
            elif values.size > 2000:
                assert abs(values.std() - 0.02) < 0.002


def test_small_initial_weights_of_the_output_start_the_generator_as_the_identity():
    blurred = images(1, 16, 16, 3)
    for stddev, low, high in ((0.02, 0.05, 1), (1e-5, 0, 1e-3)):
        restored = numpy(deblurgan_networks.generator(**TINY, output_stddev=stddev)(blurred))
        assert low < np.abs(restored - blurred).max() < high


def test_critic_halves_three_times_and_adds_a_border():
    critic = deblurgan_networks.critic(maps=4)
    assert critic.compute_output_shape((None, 256, 256, 3)) == (None, 35, 35, 1)


def test_critic_is_normalised_behind_its_middle_convolutions_only():
    names = [layer.name for layer in deblurgan_networks.critic(maps=4).layers if "norm" in layer.name]
    assert names == ["conv2_norm", "conv3_norm", "conv4_norm"]


def test_gradient_penalty_of_the_critic_has_the_right_gradient():
    with float64():
        config = json.dumps(deblurgan_networks.critic(maps=2).get_config()).replace('"float32"', '"float64"')
        critic = keras.Model.from_config(json.loads(config))
        error = relative_error_of_penalty_gradient(critic, np.random.default_rng(1).uniform(-1, 1, (2, 32, 32, 3)))
    print(f"gradient penalty of the critic: relative error {error:.2e}")
    assert error < 1e-6
