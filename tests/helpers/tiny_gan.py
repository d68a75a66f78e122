"""A small GAN and fixed batches, for the tests of training."""

from functools import partial

import keras
import numpy as np
import tensorflow as tf

from gandeblur.losses import adversarial, dark_channel, gradient_penalty, pixel
from gandeblur.losses.terms import OnBothLogits, OnImages, OnRestoredLogits, OnSlopes, Term
from gandeblur.models import dark_channel_gan, gan_d, sharingan
from gandeblur.training.gan import GAN

GENERATOR_TERMS = (
    Term("mse", OnImages(pixel.mean_squared_error)),
    Term("adversarial", OnRestoredLogits(adversarial.non_saturating), 0.1),
)
DISCRIMINATOR_TERMS = (Term("discriminator", OnBothLogits(adversarial.discriminator)),)
SIDE_PX = 16
# To trace one step takes TensorFlow longer than to take it; JAX compiles each operation of an eager step by itself.
ONE_STEP_EAGERLY = keras.backend.backend() == "tensorflow"


def gan(optimizer=lambda: keras.optimizers.SGD(0.05), discriminator=True, **options):
    """A compiled GAN of a few hundred weights."""
    generator = gan_d.generator(maps=3, wide_maps=4, identity_noise=0.05)
    critic = gan_d.discriminator(block_maps=(4, 6), dense_units=(8,), image_px=SIDE_PX) if discriminator else None
    model = GAN(
        generator,
        critic,
        **{
            "generator_terms": GENERATOR_TERMS if discriminator else GENERATOR_TERMS[:1],
            "discriminator_terms": DISCRIMINATOR_TERMS if discriminator else (),
        }
        | options,
    )
    model.compile(*(optimizer() for _ in range(2 if discriminator else 1)))
    return model


def wgan(optimizer=lambda: keras.optimizers.SGD(0.001), dropout=0.0, maps=3, **options):
    """A compiled WGAN with gradient penalty: SharinGAN's networks, narrow, on images in [-1, 1]."""
    model = GAN(
        sharingan.generator(maps=maps, blocks=1, dropout=dropout),
        sharingan.critic(maps=maps),
        generator_terms=(
            Term("content", OnImages(pixel.mean_absolute_error), 10.0),
            Term("adversarial", OnRestoredLogits(adversarial.wasserstein_generator)),
        ),
        discriminator_terms=(
            Term("minus_wasserstein_gap", OnBothLogits(adversarial.wasserstein_critic)),
            Term("penalty", OnSlopes(gradient_penalty.gradient_penalty), 10.0),
        ),
        **{"value_range": (-1.0, 1.0)} | options,
    )
    model.compile(optimizer(), optimizer())
    return model


def cgan(optimizer=lambda: keras.optimizers.SGD(0.01), dropout=0.0, **options):
    """A compiled conditional GAN with batch normalisation: the dark-channel paper's, narrow, two generator steps."""
    model = GAN(
        dark_channel_gan.generator(encoder_maps=(3, 4), decoder_maps=(4, 3), dropout=dropout, dropout_layers=1),
        dark_channel_gan.discriminator(maps=(3, 4), image_px=SIDE_PX),
        generator_terms=(
            Term("l1", OnImages(pixel.mean_absolute_error), 10.0),
            Term("dark_channel", OnImages(partial(dark_channel.dark_channel_loss, window_px=5)), 25.0),
            Term("adversarial", OnRestoredLogits(adversarial.non_saturating)),
        ),
        discriminator_terms=DISCRIMINATOR_TERMS,
        **{"value_range": (-1.0, 1.0), "generator_steps": 2} | options,
    )
    model.compile(optimizer(), optimizer())
    return model


KINDS = {"gan": gan, "wgan": wgan, "cgan": cgan}


def mixing(count, size=4):
    """One number per image of `batches(count, size)`: `[count, size]`."""
    return np.random.default_rng(2).random((count, size), np.float32)


def batches(count, size=4):
    """`[count, 2, size, SIDE_PX, SIDE_PX, 3]`: (degraded, sharp) of each step."""
    rng = np.random.default_rng(1)
    sharp = rng.random((count, size, SIDE_PX, SIDE_PX, 3), np.float32)
    return np.stack([sharp * 0.7, sharp], axis=1)


def fit(model, data, callbacks):
    """Two epochs over `data`, as `batches` makes them, with validation."""
    degraded, sharp = (data[:, side].reshape(-1, *data.shape[3:]) for side in (0, 1))
    dataset = tf.data.Dataset.from_tensor_slices((degraded, sharp)).batch(4, drop_remainder=True)
    model.fit(dataset, validation_data=dataset.take(1), epochs=2, verbose=0, callbacks=callbacks, shuffle=False)


def weights(model):
    return [np.array(w) for w in model.generator.get_weights() + model.discriminator.get_weights()]


def relative_difference(ours, theirs):
    """Largest difference over the arrays, relative to each array's largest value (biases start at 0: at least 0.01)."""
    return max(np.abs(a - b).max() / max(np.abs(b).max(), 1e-2) for a, b in zip(ours, theirs, strict=True))
