import keras
import numpy as np
import pytest
from differentiation import gradient
from keras import layers, ops

from gandeblur.models import dark_channel_gan

TINY = {"encoder_maps": (4, 5, 6), "decoder_maps": (7, 8, 3), "dropout": 0.5, "dropout_layers": 1}
PAPER_MAPS = (64, 128, 256, 512, 512, 512, 512, 512)


def images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def numpy(x):
    return ops.convert_to_numpy(x)


def tiny_discriminator():
    return dark_channel_gan.discriminator(maps=(4, 5, 6, 7), image_px=16)


def slim(dropout_layers=3):
    """The paper's eight and eight layers, 32 times thinner."""
    maps = tuple(width // 32 for width in PAPER_MAPS)
    return dark_channel_gan.generator(
        encoder_maps=maps, decoder_maps=(*maps[-2::-1], 3), dropout=0.5, dropout_layers=dropout_layers
    )


def values_of(model, *names, training, inputs):
    outputs = [model.get_layer(name).output for name in names]
    return [numpy(y) for y in keras.Model(model.input, outputs)(inputs, training=training)]


def test_eight_layers_take_256_pixels_to_one_and_back():
    generator = slim()
    assert generator.compute_output_shape((None, 256, 512, 3)) == (None, 256, 512, 3)
    names = [f"{layer.name}_relu" for layer in convs(generator)[:-1]]
    values = values_of(generator, *names, training=False, inputs=images(1, 256, 256, 3))
    assert [y.shape[1] for y in values] == [128, 64, 32, 16, 8, 4, 2, 1, 2, 4, 8, 16, 32, 64, 128]


def test_each_decoder_layer_but_the_last_is_followed_by_the_encoder_layer_of_its_size():
    generator = dark_channel_gan.generator(**TINY)
    into = {layer.name: layer.input.shape[-1] for layer in convs(generator)}
    assert into == {"enc1": 3, "enc2": 4, "enc3": 5, "dec1": 6, "dec2": 7 + 5, "dec3": 8 + 4}
    names = ("dec1_dropout", "enc2_relu", "dec1_skip", "dec2_relu", "enc1_relu", "dec2_skip")
    up1, down2, skip1, up2, down1, skip2 = values_of(generator, *names, training=False, inputs=images(1, 16, 24, 3))
    np.testing.assert_array_equal(skip1, np.concatenate([up1, down2], axis=-1))
    np.testing.assert_array_equal(skip2, np.concatenate([up2, down1], axis=-1))


def test_sizes_of_the_skips_agree_with_figure_2():
    into = [layer.input.shape[-1] for layer in convs(slim())]
    assert [32 * maps for maps in into[1:]] == [64, 128, 256, 512, 512, 512, 512, 512, *[1024] * 4, 512, 256, 128]


def test_dropout_acts_in_training_only_and_in_the_first_three_decoder_layers():
    generator, blurred = slim(), images(1, 256, 256, 3)
    dropouts = [layer.name for layer in generator.layers if isinstance(layer, layers.Dropout)]
    assert dropouts == [f"dec{k}_dropout" for k in (1, 2, 3)]
    names = [f"dec{k}_{part}" for k in (1, 2, 3) for part in ("relu", "dropout")]
    values = values_of(generator, *names, training=False, inputs=blurred)
    for before, after in zip(values[::2], values[1::2], strict=True):
        np.testing.assert_array_equal(after, before)
    before, after = values_of(generator, "dec3_relu", "dec3_dropout", training=True, inputs=blurred)
    assert 0.4 < np.mean(after == 0) < 0.6
    np.testing.assert_allclose(after[after != 0], 2 * before[after != 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("model", "plain", "normalised"),
    [
        (slim, ["enc1", "dec8"], [f"enc{k}" for k in range(2, 9)] + [f"dec{k}" for k in range(1, 8)]),
        (tiny_discriminator, ["conv1"], ["conv2", "conv3", "conv4"]),
    ],
)
def test_every_convolution_but_the_first_and_the_output_is_normalised_then_activated(model, plain, normalised):
    model = model()
    assert [layer.name for layer in convs(model) if f"{layer.name}_norm" not in names(model)] == plain
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    assert [norm.name for norm in norms] == [f"{name}_norm" for name in normalised]
    assert all((norm.momentum, norm.epsilon) == (0.99, 1e-5) for norm in norms)
    # Keras has synchronized normalisation on TensorFlow only.
    assert all(norm.synchronized == (keras.backend.backend() == "tensorflow") for norm in norms)
    relus = [layer for layer in model.layers if isinstance(layer, layers.LeakyReLU)]
    assert len(relus) == len(plain) + len(normalised) - ("dec8" in plain)
    assert all(abs(relu.negative_slope - 0.2) < 1e-7 for relu in relus)
    for relu in relus:
        name = relu.name.removesuffix("_relu")
        assert relu.input is model.get_layer(f"{name}_norm" if name in normalised else name).output


def test_weights_start_as_gaussian_noise_of_0_02_and_the_rest_as_the_identity():
    starts = {"bias": 0, "gamma": 1, "beta": 0}
    checked = []
    for model in (slim(), tiny_discriminator()):
        for variable in model.trainable_variables:
            values = numpy(variable)
            if variable.name != "kernel":
                assert np.all(values == starts[variable.name])
            elif values.size > 1500:
                assert abs(values.std() - 0.02) < 0.002
                assert abs(values.mean()) < 0.002
                checked.append(variable.path)
    assert len(checked) > 10


def test_the_discriminator_s_first_logits_are_as_small_as_asked_for():
    def spread(**start):
        discriminator = dark_channel_gan.discriminator(maps=(4, 5, 6, 64), image_px=64, **start)
        return numpy(discriminator.get_layer("dense").kernel).std(), numpy(discriminator(images(8, 64, 64, 6))).std()

    (kernel, logit), (small_kernel, small_logit) = spread(), spread(logit_stddev=1e-3)
    assert kernel == pytest.approx(0.02, rel=0.1) and small_kernel == pytest.approx(1e-3, rel=0.1)
    assert small_logit < 0.2 * logit


def test_restored_image_lies_between_minus_1_and_1():
    generator = dark_channel_gan.generator(**TINY)
    generator.get_layer("dec3").bias.assign([3, -3, 0])
    restored = numpy(generator(images(1, 16, 16, 3)))
    np.testing.assert_allclose(restored.mean(axis=(0, 1, 2)), [np.tanh(3), -np.tanh(3), 0], atol=0.05)
    assert np.abs(restored).max() < 1


@pytest.mark.parametrize("size", [(12, 16), (16, 20), (4, 4), (17, 16)])
def test_generator_refuses_sides_that_its_layers_cannot_halve(size):
    generator = dark_channel_gan.generator(**TINY)
    message = f"{size[0]}x{size[1]} images: this network takes sides that are a multiple of 8"
    with pytest.raises(ValueError, match=message):
        generator(images(1, *size, 3))
    with pytest.raises(ValueError, match=message):
        generator.predict(images(1, *size, 3), verbose=0)


@pytest.mark.parametrize("image_px", [12, 250])
def test_discriminator_refuses_sides_that_its_layers_cannot_halve(image_px):
    with pytest.raises(ValueError, match=f"image_px={image_px}: .* a multiple of 8"):
        dark_channel_gan.discriminator(maps=(4, 5, 6, 7), image_px=image_px)


def test_discriminator_says_why_it_refuses_another_size():
    with pytest.raises(ValueError, match="8x16 images: the dense layer ties this discriminator to 16x16"):
        tiny_discriminator()(images(1, 8, 16, 6))


def test_discriminator_halves_three_times_and_leaves_the_sigmoid_to_the_loss():
    discriminator = tiny_discriminator()
    assert [tuple(layer.output.shape[1:]) for layer in convs(discriminator)] == [
        (8, 8, 4),
        (4, 4, 5),
        (2, 2, 6),
        (2, 2, 7),
    ]
    assert discriminator.get_layer("dense").activation is keras.activations.linear


def test_discriminator_judges_the_pair():
    """Every pixel of both images has a say; and which of them is the blurred one."""
    discriminator = tiny_discriminator()
    pair = images(1, 16, 16, 6)
    slopes = numpy(gradient(discriminator, pair))
    assert np.all(slopes != 0)
    swapped = np.concatenate([pair[..., 3:], pair[..., :3]], axis=-1)
    assert abs(float(numpy(discriminator(pair) - discriminator(swapped)).item())) > 1e-7


def test_a_bottleneck_of_a_single_value_passes_on_its_shift_whatever_the_image():
    generator = dark_channel_gan.generator(**TINY)
    shift = np.arange(6, dtype="float32")
    norm = generator.get_layer("enc3_norm")
    norm.beta.assign(shift)
    for seed in range(20):
        before, after = values_of(generator, "enc3", "enc3_norm", training=True, inputs=images(1, 8, 8, 3, seed=seed))
        assert before.any()
        np.testing.assert_allclose(after[0, 0, 0], shift, atol=1e-4)
    np.testing.assert_allclose(numpy(norm.moving_variance), 0.99**20, rtol=1e-3)


@pytest.mark.parametrize("own_statistics", [True, False])
def test_moving_averages_count_at_test_time_only_if_asked_for(own_statistics):
    generator, blurred = dark_channel_gan.generator(**TINY, own_statistics=own_statistics), images(1, 16, 16, 3)
    before = numpy(generator(blurred, training=False))
    for layer in generator.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_mean.assign(np.ones(layer.moving_mean.shape, "float32"))
    after = numpy(generator(blurred, training=False))
    assert np.array_equal(before, after) == own_statistics


def convs(model):
    return [layer for layer in model.layers if isinstance(layer, layers.Conv2D | layers.Conv2DTranspose)]


def names(model):
    return {layer.name for layer in model.layers}
