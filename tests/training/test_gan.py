import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_gan as tiny
from keras import ops

from gandeblur.data.images import to_uint8
from gandeblur.evaluation import metrics
from gandeblur.losses import pixel
from gandeblur.losses.terms import OnImages, Term
from gandeblur.training import devices, gradients
from gandeblur.training.gan import GAN

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="MirroredStrategy is TensorFlow's")


def train(model, data):
    """Trains with fit, one step for each batch of `data`."""
    degraded, sharp = (data[:, side].reshape(-1, *data.shape[3:]) for side in (0, 1))
    mixing = tiny.mixing(len(data), data.shape[2]).reshape(-1)
    dataset = tf.data.Dataset.from_tensor_slices((degraded, sharp, mixing)).batch(data.shape[2], drop_remainder=True)
    return model.fit(dataset, epochs=1, verbose=0, shuffle=False)


def test_one_sgd_step_is_the_formula_written_out():
    """Discriminator on the generator's old images, then the generator against the new discriminator."""
    model = tiny.gan()
    generator, critic = keras.models.clone_model(model.generator), keras.models.clone_model(model.discriminator)
    generator.set_weights(model.generator.get_weights())
    critic.set_weights(model.discriminator.get_weights())
    degraded, sharp = tiny.batches(1)[0]
    model.train_on_batch(degraded, sharp)

    def d_loss():
        real, fake = critic(sharp), critic(generator(degraded))
        return ops.mean(-ops.log(ops.sigmoid(real)) - ops.log(1 - ops.sigmoid(fake)))

    def g_loss():
        restored = generator(degraded)
        return ops.mean((restored - sharp) ** 2) - 0.1 * ops.mean(ops.log(ops.sigmoid(critic(restored))))

    for network, loss in ((critic, d_loss), (generator, g_loss)):
        for weight, slope in zip(network.trainable_variables, gradient(loss, network), strict=True):
            weight.assign(weight - 0.05 * slope)
    expected = generator.get_weights() + critic.get_weights()
    assert tiny.relative_difference(tiny.weights(model), expected) < 1e-5


def gradient(loss, network):
    if keras.backend.backend() == "jax":
        import jax

        def pure(values):
            with keras.StatelessScope(zip(network.trainable_variables, values, strict=True)):
                return loss()

        return jax.jit(jax.grad(pure))([v.value for v in network.trainable_variables])
    with tf.GradientTape() as tape:
        value = loss()
    return tape.gradient(value, [v.value for v in network.trainable_variables])


def test_fit_lowers_the_error_and_validates():
    data = np.concatenate([tiny.batches(8)] * 10)
    model = tiny.gan(lambda: keras.optimizers.Adam(1e-2), discriminator=False)
    first = model.evaluate(*data[0], verbose=0, return_dict=True)
    train(model, data)
    last = model.evaluate(*data[0], verbose=0, return_dict=True)
    assert last["loss"] < first["loss"]
    assert last["psnr_db"] > first["psnr_db"] + 1


def test_validation_scores_8_bit_images_by_the_protocol_and_the_loss_what_is_not_rounded():
    model = tiny.gan(discriminator=False)
    degraded, sharp = tiny.batches(1)[0]
    sharp = np.round(sharp * 255) / 255
    scores = model.evaluate(degraded, sharp, verbose=0, return_dict=True)
    restored = np.array(model(degraded))
    pairs = zip(*(to_uint8(images, (0, 1)) for images in (restored, sharp)), strict=True)
    assert scores["psnr_db"] == pytest.approx(np.mean([metrics.psnr_db(*pair) for pair in pairs]), rel=1e-5)
    assert scores["loss"] == pytest.approx(((restored - sharp) ** 2).mean(), rel=1e-5)
    assert scores.keys() == {"loss", "psnr_db"}


def test_steps_and_order_are_data():
    """Five discriminator steps take five times the images; the optimizers count their own steps."""
    model = tiny.gan(discriminator_steps=5, generator_steps=2)
    model.run_eagerly = tiny.ONE_STEP_EAGERLY
    data = tiny.batches(1, size=10)[0]
    model.train_on_batch(*data)
    assert int(model.discriminator_optimizer.iterations) == 5
    assert int(model.optimizer.iterations) == 2


def test_a_second_trainer_of_the_same_config_takes_the_same_step():
    data = tiny.batches(1)[0]
    one = tiny.gan(accumulate=2, value_range=(0.0, 255.0))
    start = tiny.weights(one)
    one.train_on_batch(*data)
    after = tiny.weights(one)
    other = GAN.from_config(one.get_config())
    for network, count in ((other.generator, len(other.generator.weights)), (other.discriminator, None)):
        network.set_weights(start[:count] if count else start[len(other.generator.weights) :])
    other.compile(keras.optimizers.SGD(0.05), keras.optimizers.SGD(0.05), run_eagerly=tiny.ONE_STEP_EAGERLY)
    other.train_on_batch(*data)
    assert tiny.relative_difference(tiny.weights(other), after) < 1e-5


def test_value_range_scales_the_networks_images_not_the_losses():
    data = tiny.batches(1)[0]
    one, other = tiny.gan(discriminator=False), tiny.gan(discriminator=False, value_range=(0.0, 255.0))
    biasless = [w if w.ndim > 1 else 0 * w for w in one.generator.get_weights()]
    one.generator.set_weights(biasless)
    other.generator.set_weights(biasless)  # a network of ReLUs without biases is homogeneous
    np.testing.assert_allclose(other(data[0]), one(data[0]), atol=1e-4)
    np.testing.assert_allclose(one.evaluate(*data, verbose=0), other.evaluate(*data, verbose=0), rtol=1e-4)


def test_the_share_of_each_term_in_the_generators_gradient():
    """Two terms whose gradients are parallel, one three times the other; a third without any."""
    terms = [Term(name, OnImages(pixel.mean_squared_error), weight) for name, weight in (("a", 1.0), ("b", 3.0))]
    terms.append(Term("none", OnImages(lambda restored, sharp: ops.mean(0 * restored, axis=(1, 2, 3)))))
    logs = tiny.gan(generator_terms=terms).train_on_batch(*tiny.batches(1)[0], return_dict=True)
    shares = [float(logs[f"{term.name}_gradient_share"]) for term in terms]
    np.testing.assert_allclose(shares, [0.25, 0.75, 0], rtol=1e-5)


def test_smaller_output_is_compared_with_the_centre():
    from gandeblur.models import gan_d

    generator = gan_d.odcnn(maps=3, wide_maps=3, identity_noise=0.0)
    model = GAN(
        generator,
        None,
        generator_terms=(Term("mse", OnImages(pixel.mean_squared_error)),),
        discriminator_terms=(),
    )
    model.compile(keras.optimizers.SGD(0.0))
    image = np.random.default_rng(0).random((1, 184, 184, 3), np.float32)
    restored = model.predict(image, verbose=0)
    assert restored.shape == (1, 56, 56, 3)
    expected = ((restored - image[:, 64:-64, 64:-64]) ** 2).mean()
    np.testing.assert_allclose(model.evaluate(image, image, verbose=0, return_dict=True)["loss"], expected, rtol=1e-5)


def test_waiting_for_data_is_counted():
    model = tiny.gan()

    def slow():
        import time

        for degraded, sharp in tiny.batches(3):
            time.sleep(0.05)
            yield degraded, sharp

    signature = (tf.TensorSpec((4, tiny.SIDE_PX, tiny.SIDE_PX, 3)),) * 2
    dataset = tf.data.Dataset.from_generator(slow, output_signature=signature)
    model.fit(dataset.apply(tf.data.experimental.assert_cardinality(3)), verbose=0, shuffle=False)
    assert model.data_clock.waited_s > 0.1


def test_input_gradient_is_that_of_the_formula():
    """The slope of |x|^2 is 2 x; for the gradient penalty to come."""

    def loss(x):
        return ops.sum(x**2), "aux"

    x = ops.convert_to_tensor(np.arange(6, dtype="float32").reshape(2, 3))
    scope = keras.StatelessScope() if keras.backend.backend() == "jax" else None
    if scope:
        with scope:
            (value, aux), slope = gradients.value_and_input_gradient(loss, x)
    else:
        (value, aux), slope = gradients.value_and_input_gradient(loss, x)
    assert float(value) == 55 and aux == "aux"
    np.testing.assert_allclose(ops.convert_to_numpy(slope), 2 * ops.convert_to_numpy(x))


@pytest.mark.parametrize("named", ["gpu", "cpu:", "cpu:0", "cpu:x", "cpu:3"])  # the tests have two
def test_devices_that_are_not_there_are_named(named):
    with pytest.raises(ValueError, match=f"--devices={named}"):
        devices.strategy(named)


def test_all_devices_are_as_many_as_can_share_the_batch(monkeypatch, capsys):
    for found in ("_tensorflow_devices", "_jax_devices"):
        monkeypatch.setattr(devices, found, lambda cpus: ["first", "second", "third"])
    monkeypatch.setattr(devices, "_strategy", lambda names: names)
    assert devices.strategy("all") == devices.strategy("all", batch_size=6) == ("first", "second", "third")
    assert capsys.readouterr().out == ""
    assert devices.strategy("all", batch_size=4) == ("first", "second")
    assert devices.strategy("all", batch_size=1) is None
    assert "note: 1 of 3 devices train; more cannot share --batch_size=1 evenly\n" in capsys.readouterr().out


def test_the_penalty_is_that_of_the_slope_in_the_networks_range():
    model = tiny.wgan()
    model.run_eagerly = tiny.ONE_STEP_EAGERLY
    critic = model.discriminator
    degraded, sharp = tiny.batches(1)[0]
    mixing = tiny.mixing(2)[1]  # (at the first four, one unit sits on its kink)
    mixed = mixing[:, None, None, None] * sharp + (1 - mixing[:, None, None, None]) * np.array(model(degraded))

    def score(network_images):
        return float(ops.mean(critic(network_images)))

    # Along the slope itself, the directional derivative is its norm: central differences of one image at a time.
    model.train_means["penalty"].reset_state()
    batch = model._batch((degraded, sharp, mixing), model(degraded))
    # JAX needs the scope that a training step gives it.
    with keras.StatelessScope() if keras.backend.backend() == "jax" else contextlib.nullcontext():
        slopes = np.array(batch.slopes(ops.convert_to_tensor(mixed)))
    for image, slope in zip(2 * mixed - 1, slopes, strict=True):
        direction = slope / np.linalg.norm(slope)
        step = 0.0005
        difference = score((image + step * direction)[None]) - score((image - step * direction)[None])
        np.testing.assert_allclose(difference / (2 * step), np.linalg.norm(slope), rtol=0.02)
    model.train_on_batch(degraded, sharp, mixing)
    norms = np.sqrt((slopes**2).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(model.train_means["penalty"].result(), np.mean((norms - 1) ** 2), rtol=1e-3)
    weighted = model.train_means["penalty_weighted"].result()
    np.testing.assert_allclose(weighted, 10 * np.array(model.train_means["penalty"].result()), rtol=1e-6)


def test_a_discriminator_of_six_channels_judges_the_degraded_image_with_the_candidate():
    """One step written out, on a discriminator without normalisation."""
    image = keras.Input((tiny.SIDE_PX, tiny.SIDE_PX, 6))
    model = tiny.cgan()
    model = GAN(
        model.generator,
        keras.Model(image, keras.layers.Dense(1)(keras.layers.Flatten()(image))),
        generator_terms=model.generator_terms,
        discriminator_terms=model.discriminator_terms,
        value_range=(-1.0, 1.0),
    )
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.1))
    degraded, sharp = tiny.batches(1)[0]
    restored = np.array(model.generator(2 * degraded - 1, training=True))  # by the batch's statistics, as in training
    critic = keras.models.clone_model(model.discriminator)
    critic.set_weights(model.discriminator.get_weights())

    def loss():
        real, fake = (
            critic(ops.convert_to_tensor(np.concatenate([2 * degraded - 1, candidate], axis=-1)))
            for candidate in (2 * sharp - 1, restored)
        )
        return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))

    for weight, slope in zip(critic.trainable_variables, gradient(loss, critic), strict=True):
        weight.assign(weight - 0.1 * slope)
    model.train_on_batch(degraded, sharp)
    assert tiny.relative_difference(model.discriminator.get_weights(), critic.get_weights()) < 1e-4


def test_each_critic_step_takes_its_own_images_and_the_generator_the_last():
    model = tiny.wgan(lambda: keras.optimizers.SGD(0.0), discriminator_steps=2)
    model.run_eagerly = tiny.ONE_STEP_EAGERLY
    degraded, sharp = (np.concatenate(parts) for parts in zip(*tiny.batches(2), strict=True))
    model.train_on_batch(degraded, sharp, tiny.mixing(2).reshape(-1))
    content = np.abs(np.array(model(degraded)) - sharp).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(model.train_means["content"].result(), content[1::2].mean(), rtol=1e-4)
    scores = [np.array(model.discriminator(2 * images - 1)).mean() for images in (sharp, np.array(model(degraded)))]
    gap = model.train_means["minus_wasserstein_gap"].result()
    np.testing.assert_allclose(gap, scores[1] - scores[0], rtol=1e-3, atol=1e-6)


@on_tensorflow
def test_each_replica_drops_other_units():
    with devices.strategy("cpu:2").scope():
        model = tiny.wgan(dropout=0.5)
    devices.separate_seeds(model)
    strategy = devices.strategy("cpu:2")
    images = ops.convert_to_tensor(tiny.batches(1)[0][0])

    def forward():
        return strategy.run(lambda: model(images, training=True)).values

    first, second = forward(), forward()
    assert np.abs(np.array(first[0]) - np.array(first[1])).max() > 1e-4
    assert np.abs(np.array(first[0]) - np.array(second[0])).max() > 1e-4
