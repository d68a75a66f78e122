"""Image Deblurring using GAN (Zhengdong Li, HKUST), sections 2.1 and 2.2, tables 1 to 3.

Generator, every convolution but the last followed by batch normalisation (BN); names as in table 2:

    layer                                kernel   stride   maps
    conv2d: conv, BN, ReLU               7        1        maps (64)
    conv2d_1: conv, BN, ReLU             3        2        2 maps
    conv2d_2: conv, BN, ReLU             3        2        4 maps
    9 blocks, conv2d_3 to conv2d_20:
      conv, BN, ReLU,                    3        1        4 maps
      conv, BN, add                      3        1        4 maps
    conv2d_21: double, conv, BN, ReLU    3        1        2 maps
    conv2d_22: double, conv, BN, ReLU    3        1        maps
    conv2d_23: conv, tanh                7        1        3
    mean with the input

Discriminator, for images of one size; names as in table 3:

    conv2d_24: conv, LeakyReLU           4        2        maps (64)
    conv2d_25: conv, BN, LeakyReLU       4        2        maps
    conv2d_26: conv, BN, LeakyReLU       4        2        2 maps
    conv2d_27: conv, BN, LeakyReLU       4        2        4 maps
    conv2d_28: conv, BN, LeakyReLU       4        1        8 maps
    conv2d_29: conv                      4        1        1
    dense, tanh                                            1024
    dense, sigmoid                                         1

Readings where the paper is silent; its totals in table 1 fix the first two:
- The 24 and 6 layers count the convolutions alone. The parameters also count 4 numbers per map of a BN (running mean
  and variance included), 20,992 in the generator and 3,840 in the discriminator, and two dense layers of 263,168 +
  1,025 behind the flattened 16 x 16 map of a 256 x 256 image. The text's tanh and sigmoid are theirs.
- No BN behind the discriminator's first convolution: 64 maps there instead of behind `conv2d_25` would count the same.
- The output is `(tanh + input) / 2`: in [-1, 1] without clipping, and within 1/2 of half the input.
- Padding: reflection in the blocks and at the 7x7 layers, zeros elsewhere. Doubling repeats pixels.
- No dropout. Slope 0.2 of LeakyReLU. Initial weights, momentum and epsilon of BN: Keras' defaults.
"""

import functools

import keras
from keras import layers

from gandeblur.models.layers.batch_norm import BatchNormalization
from gandeblur.models.layers.convolution import Conv2D
from gandeblur.models.layers.identity_start import tanh_around
from gandeblur.models.layers.image_size import ImageSize
from gandeblur.models.layers.upsampling import UpSampling2D


def generator(
    *,
    maps: int,
    blocks: int,
    identity_start: float | None = None,
    own_statistics: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """Blurred float `[B, H, W, 3]` in [-1, 1] -> restored `[B, H, W, 3]` float32 in [-1, 1].

    H and W are multiples of 4, at least 8.

    Args:
        maps: output maps of the first layer (64).
        blocks: residual blocks (9).
        identity_start: standard deviation of the last convolution's initial weights with which the generator starts as
            nearly the identity, see `layers.identity_start`; None: Keras' default, and the paper's tanh.
        own_statistics: whether batch normalisation takes the statistics of the image at hand at test time, too.
        dropout: share of values dropped in each block in training, behind its first ReLU (the matching code: 0.5).
    """
    norm = functools.partial(BatchNormalization, own_statistics=own_statistics)
    inputs = keras.Input((None, None, 3), name="input_1")
    x = _norm_relu(_reflect_conv(inputs, maps, 7, "conv2d"), "conv2d", norm)
    for name, factor in (("conv2d_1", 2), ("conv2d_2", 4)):
        x = Conv2D(factor * maps, 3, strides=2, padding="same", name=name)(x)
        x = _norm_relu(x, name, norm)
    for number in range(3, 3 + 2 * blocks, 2):
        x = _residual_block(x, 4 * maps, f"conv2d_{number}", f"conv2d_{number + 1}", norm, dropout)
    for number, factor in ((3 + 2 * blocks, 2), (4 + 2 * blocks, 1)):
        name = f"conv2d_{number}"
        x = UpSampling2D(name=f"{name}_double")(x)
        x = Conv2D(factor * maps, 3, padding="same", name=name)(x)
        x = _norm_relu(x, name, norm)
    start = "glorot_uniform" if identity_start is None else keras.initializers.RandomNormal(stddev=identity_start)
    x = _reflect_conv(x, 3, 7, f"conv2d_{5 + 2 * blocks}", dtype="float32", kernel_initializer=start)
    x = tanh_around(inputs if identity_start is not None else None, x)
    restored = layers.Average(dtype="float32", name="global_skip")([x, inputs])
    return keras.Model(inputs, restored, name="hkust_gan_generator")


def _residual_block(x, maps, first, second, norm, dropout):
    y = _norm_relu(_reflect_conv(x, maps, 3, first), first, norm)
    if dropout:
        y = layers.Dropout(dropout, name=f"{first}_dropout")(y)
    y = _reflect_conv(y, maps, 3, second)
    y = norm(name=f"{second}_norm")(y)
    return layers.Add(name=f"{second}_add")([x, y])


def _reflect_conv(x, maps, kernel_px, name, **options):
    return Conv2D(maps, kernel_px, padding="reflect", name=name, **options)(x)


def _norm_relu(x, name, norm):
    x = norm(name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def discriminator(*, maps: int, dense_units: int, image_px: int) -> keras.Model:
    """Float `[B, image_px, image_px, 3]` in [-1, 1] -> `[B, 1]` float32 in [0, 1], 1 meaning sharp.

    Args:
        maps: output maps of the first layer (64).
        dense_units: units of the hidden dense layer (1024).
        image_px: side of the images, a multiple of 16 (256); the hidden dense layer has a weight for each place.

    Raises:
        ValueError: `image_px` is no multiple of 16, or the discriminator is given images of another size.
    """
    if image_px % 16:
        raise ValueError(f"image_px={image_px}: the stride-2 layers halve images four times; give a multiple of 16")
    inputs = keras.Input((None, None, 3), name="input_1")
    x = ImageSize(side_px=image_px, name="size")(inputs)
    widths_and_strides = [(maps, 2), (maps, 2), (2 * maps, 2), (4 * maps, 2), (8 * maps, 1)]
    for number, (width, strides) in enumerate(widths_and_strides, start=24):
        name = f"conv2d_{number}"
        x = Conv2D(width, 4, strides=strides, padding="same", name=name)(x)
        if number > 24:
            x = BatchNormalization(name=f"{name}_norm")(x)
        x = layers.LeakyReLU(0.2, name=f"{name}_relu")(x)
    x = layers.Conv2D(1, 4, padding="same", name="conv2d_29")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(dense_units, activation="tanh", name="dense")(x)
    x = layers.Dense(1, activation="sigmoid", dtype="float32", name="dense_1")(x)
    return keras.Model(inputs, x, name="hkust_gan_discriminator")
