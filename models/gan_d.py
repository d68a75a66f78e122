"""GAN-D: Generative Adversarial Networks for Image Deconvolution (Lee et al., KAIST), section III-A and figure 1.

Generator (and ODCNN, Xu et al. 2014, the same layers without padding), ReLU after every layer but the last:

    layer             kernel     maps
    conv              1 x 121    maps (38)
    conv              121 x 1    maps
    conv              16 x 16    maps
    conv              1 x 1      wide_maps (512)
    transposed conv   8 x 8      3

Discriminator: a shortened VGG, five blocks of conv 2x2 stride 2, ReLU, max-pool 2x2 stride 2, then four dense layers.
"""

import math
import random
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from gandeblur.models.layers.convolution import Conv2D


def generator(*, maps: int, wide_maps: int, identity_noise: float | None = None) -> keras.Model:
    """Zero-padded network: float `[B, H, W, 3]` of any size and range -> `[B, H, W, 3]` float32.

    Args:
        maps: output maps of the first three layers (38).
        wide_maps: output maps of the 1x1 layer (512).
        identity_noise: None for Keras' default initialisation; a standard deviation to start as the identity with
            noise on all weights (see `Identity`).
    """
    return _network("gan_d_generator", "same", maps, maps, wide_maps, identity_noise)


def odcnn(
    *, maps: int, wide_maps: int, identity_noise: float | None = None, deep_maps: int | None = None
) -> keras.Model:
    """ODCNN: `[B, H, W, 3]` -> `[B, H-128, W-128, 3]` (184 -> 56): valid padding, else as `generator`.

    Xu et al. have 512 maps after the 16x16 layer, `deep_maps`; GAN-D's text has 38 there and calls the structures the
    same, so None is `maps`.
    """
    return _network("odcnn", "valid", maps, deep_maps or maps, wide_maps, identity_noise)


def _network(name, padding, maps, deep_maps, wide_maps, identity_noise):
    initializer = "glorot_uniform" if identity_noise is None else Identity(identity_noise)
    options = {"padding": padding, "kernel_initializer": initializer}
    x = inputs = keras.Input((None, None, 3), name="degraded")
    x = Conv2D(maps, (1, 121), activation="relu", name="conv_1x121", **options)(x)
    x = Conv2D(maps, (121, 1), activation="relu", name="conv_121x1", **options)(x)
    x = Conv2D(deep_maps, (16, 16), activation="relu", name="conv_16x16", **options)(x)
    x = layers.Conv2D(wide_maps, (1, 1), activation="relu", name="conv_1x1", **options)(x)
    x = layers.Conv2DTranspose(3, (8, 8), dtype="float32", name="transposed_8x8", **options)(x)
    return keras.Model(inputs, x, name=name)


def discriminator(*, block_maps: Sequence[int], dense_units: Sequence[int], image_px: int) -> keras.Model:
    """`[B, image_px, image_px, 3]` -> logit `[B, 1]` float32, the paper's sigmoid left to the loss (it underflows).

    Args:
        block_maps: maps of the five blocks (64, 128, 256, 512, 512).
        dense_units: units of the hidden dense layers (4096, 4096, 100).
        image_px: side of the images; ties the first dense layer to the image size.
    """
    x = inputs = keras.Input((image_px, image_px, 3), name="image")
    for block, maps in enumerate(block_maps, start=1):
        x = layers.Conv2D(maps, 2, strides=2, padding="same", activation="relu", name=f"block{block}_conv")(x)
        x = layers.MaxPooling2D(2, strides=2, padding="same", name=f"block{block}_pool")(x)
    x = layers.Flatten(name="flatten")(x)
    for number, units in enumerate(dense_units, start=1):
        x = layers.Dense(units, activation="relu", name=f"dense_{number}")(x)
    x = layers.Dense(1, dtype="float32", name="logit")(x)
    return keras.Model(inputs, x, name="gan_d_discriminator")


@keras.saving.register_keras_serializable("gandeblur")
class Identity(keras.initializers.Initializer):
    """One unit tap per colour at the kernel's origin, and Gaussian noise of `stddev` on every weight.

    A network of such layers passes a non-negative image through unchanged, whatever its kernel sizes: the taps lie
    where `same` padding puts the output pixel, `(size - 1) // 2`, for a convolution and its transpose alike.
    Kernels are `[kh, kw, in, out]` or, transposed, `[kh, kw, out, in]`; colours are the first three maps.
    """

    def __init__(self, stddev: float, seed: int | None = None) -> None:
        self.stddev = stddev
        self.seed = random.randrange(2**31) if seed is None else seed

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        # The size is part of the seed: one initializer serves several layers with unlike noise.
        noise = keras.random.normal(shape, stddev=self.stddev, dtype=dtype, seed=self.seed + math.prod(shape))
        row, column = ((size - 1) // 2 for size in shape[:2])
        tap = ops.pad(
            ops.eye(min(shape[2:]), dtype=dtype)[:3, :3],
            [(0, size - min(3, *shape[2:])) for size in shape[2:]],
        )
        where = [(row, shape[0] - row - 1), (column, shape[1] - column - 1), (0, 0), (0, 0)]
        return noise + ops.pad(tap[None, None], where)

    def get_config(self) -> dict[str, Any]:
        return {"stddev": self.stddev, "seed": self.seed}
