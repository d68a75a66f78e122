"""The pieces of DeblurGAN's generator and critic (Kupyn et al., 2018) that two papers' networks are made of.

Every convolution has a bias, and starts as DeblurGAN's (and pix2pix'): weights from N(0, 0.02^2), biases 0. A bias
in front of an instance normalisation changes nothing and learns nothing; the papers' parameter counts include it.
"""

from typing import Any

import keras
from keras import layers, ops

from gandeblur.models.layers.convolution import Conv2D
from gandeblur.models.layers.instance_norm import InstanceNormalization


def initial_weights(stddev: float = 0.02) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=stddev)


def norm_relu(x: Any, name: str) -> Any:
    x = InstanceNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def reflect_conv(x: Any, maps: int, kernel_px: int, name: str, stddev: float = 0.02, **options: Any) -> Any:
    """Convolution with stride 1 that keeps the size by reflection."""
    start = initial_weights(stddev)
    return Conv2D(maps, kernel_px, padding="reflect", kernel_initializer=start, name=name, **options)(x)


def encoder(x: Any, maps: int) -> Any:
    """conv 7x7 `maps`, conv 3x3 stride 2 twice: `[B, H, W, C]` -> `[B, H/4, W/4, 4 maps]`, normalised, ReLU."""
    x = norm_relu(reflect_conv(x, maps, 7, "conv_in"), "conv_in")
    for name, factor in (("down1", 2), ("down2", 4)):
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
        x = Conv2D(factor * maps, 3, strides=2, kernel_initializer=initial_weights(), name=name)(x)
        x = norm_relu(x, name)
    return x


def residual_block(x: Any, maps: int, dropout: float, name: str) -> Any:
    """conv 3x3, IN, ReLU, dropout, conv 3x3, IN, the input added: `[B, h, w, maps]`, each side 2 or more."""
    y = reflect_conv(x, maps, 3, f"{name}_conv1")
    y = norm_relu(y, f"{name}_conv1")
    y = layers.Dropout(dropout, name=f"{name}_dropout")(y)
    y = reflect_conv(y, maps, 3, f"{name}_conv2")
    y = InstanceNormalization(name=f"{name}_conv2_norm")(y)
    return layers.Add(name=f"{name}_add")([x, y])


def decoder(x: Any, maps: int, output_stddev: float) -> Any:
    """Transposed conv 3x3 stride 2 twice, conv 7x7, tanh: `[B, h, w, C]` -> `[B, 4h, 4w, 3]` float32 in (-1, 1).

    `output_stddev` is that of the last convolution's initial weights: 0.02 makes noise that fills the range, a small
    one lets a generator with a global skip start as the identity.
    """
    for name, factor in (("up1", 2), ("up2", 1)):
        x = layers.Conv2DTranspose(factor * maps, 3, strides=2, kernel_initializer=initial_weights(), name=name)(x)
        # The adjoint of zero padding by 1 and stride 2: centre taps lie on even pixels (`same` puts first taps there).
        x = layers.Cropping2D(((1, 0), (1, 0)), name=f"{name}_crop")(x)
        x = norm_relu(x, name)
    x = reflect_conv(x, 3, 7, "conv_out", stddev=output_stddev, dtype="float32")
    return layers.Activation("tanh", dtype="float32", name="tanh")(x)


def global_skip(inputs: Any, correction: Any) -> Any:
    """`inputs + correction` clipped to [-1, 1], float32."""
    x = layers.Add(dtype="float32", name="global_skip")([inputs, correction])
    return ops.clip(x, -1.0, 1.0)


def patch_scores(x: Any, maps: int) -> Any:
    """PatchGAN: conv 4x4 with `maps`, 2, 4 and 8 times as many maps and one: `[B, H, W, C]` -> `[B, h, w, 1]` float32.

    h = H/8 + 3 for 8 | H. LeakyReLU behind each convolution but the last, IN between the first and the last.
    """
    for number, (width, strides) in enumerate([(maps, 2), (2 * maps, 2), (4 * maps, 2), (8 * maps, 1)], start=1):
        x = _padded_conv(x, width, strides, f"conv{number}")
        if number > 1:
            x = InstanceNormalization(name=f"conv{number}_norm")(x)
        x = layers.LeakyReLU(0.2, name=f"conv{number}_relu")(x)
    return _padded_conv(x, 1, 1, "conv5", dtype="float32")


def _padded_conv(x, maps, strides, name, **options):
    x = layers.ZeroPadding2D(2, name=f"{name}_pad")(x)
    initializer = initial_weights()
    return Conv2D(maps, 4, strides=strides, kernel_initializer=initializer, name=name, **options)(x)
