"""The pieces of DeblurGAN's generator (Kupyn et al., 2018) that two papers' generators are made of.

Every convolution has a bias, and starts as DeblurGAN's (and pix2pix'): weights from N(0, 0.02^2), biases 0. A bias
in front of an instance normalisation changes nothing and learns nothing; the papers' parameter counts include it.
"""

import keras
from keras import layers, ops

from gandeblur.models.layers.instance_norm import InstanceNormalization
from gandeblur.models.layers.reflect_pad import ReflectPadding2D


def initial_weights(stddev=0.02):
    return keras.initializers.RandomNormal(stddev=stddev)


def norm_relu(x, name):
    x = InstanceNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def reflect_conv(x, maps, kernel_px, name, stddev=0.02, **options):
    """Convolution with stride 1 that keeps the size by reflection."""
    x = ReflectPadding2D(kernel_px // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(maps, kernel_px, kernel_initializer=initial_weights(stddev), name=name, **options)(x)


def encoder(x, maps):
    """conv 7x7 `maps`, conv 3x3 stride 2 twice: `[B, H, W, C]` -> `[B, H/4, W/4, 4 maps]`, normalised, ReLU."""
    x = norm_relu(reflect_conv(x, maps, 7, "conv_in"), "conv_in")
    for name, factor in (("down1", 2), ("down2", 4)):
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
        x = layers.Conv2D(factor * maps, 3, strides=2, kernel_initializer=initial_weights(), name=name)(x)
        x = norm_relu(x, name)
    return x


def decoder(x, maps, output_stddev):
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


def global_skip(inputs, correction):
    """`inputs + correction` clipped to [-1, 1], float32."""
    x = layers.Add(dtype="float32", name="global_skip")([inputs, correction])
    return ops.clip(x, -1.0, 1.0)
