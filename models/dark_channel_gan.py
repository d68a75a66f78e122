"""GAN Based Image Deblurring Using Dark Channel Prior (Zhang, Zhen and Stevenson, University of Notre Dame), figure 2.

Generator, a U-Net whose encoder takes a 256x256 image to one pixel; kernels 5x5, stride 2; BN is batch
normalisation; "+ enc7" concatenates that layer's output behind:

    layer                                                maps    pixels
    enc1         conv, LeakyReLU                           64       128
    enc2         conv, BN, LeakyReLU                      128        64
    enc3         conv, BN, LeakyReLU                      256        32
    enc4 .. 8    conv, BN, LeakyReLU                      512        16 .. 1
    dec1 .. 3    transposed conv, BN, LeakyReLU, dropout  512         2 .. 8   + enc7 .. 5
    dec4         transposed conv, BN, LeakyReLU           512        16        + enc4
    dec5         transposed conv, BN, LeakyReLU           256        32        + enc3
    dec6         transposed conv, BN, LeakyReLU           128        64        + enc2
    dec7         transposed conv, BN, LeakyReLU            64       128        + enc1
    dec8         transposed conv, tanh                      3       256

Discriminator, on the blurred image and the sharp or restored one, stacked to 6 channels; kernels 5x5:

    layer                                              stride      maps
    conv1        conv, LeakyReLU                            2        64
    conv2, 3     conv, BN, LeakyReLU                        2  128, 256
    conv4        conv, BN, LeakyReLU                        1       512
    dense        logit                                                1

Readings where the paper is silent or at odds with itself:
- The widths are the digits of figure 2. LeakyReLU stands in the decoder too, as the text says of "each block".
- The discriminator's last convolution has stride 1, where the text has stride 2 throughout.
- A block is convolution, normalisation, LeakyReLU, dropout, and the skip carries a block's output. pix2pix
  activates behind the skip: the same function, as LeakyReLU acts on each value alone and lets dropout's factor pass.
- The real pair is (blurred, sharp), as in equations 2 and 4; the caption of figure 2 has (sharp, sharp).
- "Weights" of standard deviation 0.02 are kernels. Biases start as 0, normalisations with scale 1 and shift 0.
- Epsilon of the normalisations, 1e-5, and dropout in three layers are pix2pix's.
- At test time, the normalisations take the statistics of the image at hand, as pix2pix does. The paper is silent, but
  with one 256x256 image per batch enc8 has a single value per map, which is normalised to the shift: nothing of the
  image passes, its kernel gets no gradient, and its moving variance is 0, so that moving averages restore noise.
  Images of more than 256 pixels have more values there, for which enc8 and dec1 are not trained.
  Batches of several images have moving averages (momentum 0.99, Keras' default): `own_statistics=False`.
"""

from collections.abc import Sequence

import keras
from keras import layers

from gandeblur.models.layers.batch_norm import BatchNormalization
from gandeblur.models.layers.deblurgan import initial_weights
from gandeblur.models.layers.identity_start import tanh_around
from gandeblur.models.layers.image_size import ImageSize
from gandeblur.models.layers.patch_whitening import PatchWhitening


def generator(
    *,
    encoder_maps: Sequence[int],
    decoder_maps: Sequence[int],
    dropout: float,
    dropout_layers: int,
    identity_start: float | None = None,
    whitened_start: bool = False,
    own_statistics: bool = True,
) -> keras.Model:
    """Blurred float `[B, H, W, 3]` in [-1, 1] -> restored `[B, H, W, 3]` float32 in (-1, 1).

    H and W are multiples of 2^n for n encoder layers (256 for the paper's 8).

    Args:
        encoder_maps: output maps of the n encoder layers (64, 128, 256, 512, 512, 512, 512, 512).
        decoder_maps: output maps of the n decoder layers (512, 512, 512, 512, 256, 128, 64, 3).
        dropout: share of values dropped in training (0.5).
        dropout_layers: the first so many decoder layers have dropout (3).
        identity_start: standard deviation of the last layer's initial weights with which the generator starts as
            nearly the identity, see `layers.identity_start`; None: 0.02, and the paper's tanh.
        whitened_start: whether the first layer starts as cosine patterns, see `layers.patch_whitening`, not as noise.
        own_statistics: whether normalisations take the statistics of the image at hand at test time, or moving
            averages, which batches of one 256x256 image do not give (see above).
    """
    inputs = keras.Input((None, None, 3), name="blurred")
    x = ImageSize(multiple_px=2 ** len(encoder_maps), name="size")(inputs)
    skips = []
    for number, maps in enumerate(encoder_maps, start=1):
        skips.append(x)
        start = PatchWhitening() if whitened_start and number == 1 else initial_weights()
        x = _conv(layers.Conv2D, x, maps, 2, f"enc{number}", kernel_initializer=start)
        x = _norm_relu(x, f"enc{number}", norm=number > 1, own_statistics=own_statistics)
    for number, maps in enumerate(decoder_maps[:-1], start=1):
        x = _conv(layers.Conv2DTranspose, x, maps, 2, f"dec{number}")
        x = _norm_relu(x, f"dec{number}", own_statistics=own_statistics)
        if number <= dropout_layers:
            x = layers.Dropout(dropout, name=f"dec{number}_dropout")(x)
        x = layers.Concatenate(name=f"dec{number}_skip")([x, skips.pop()])
    last, stddev = f"dec{len(decoder_maps)}", 0.02 if identity_start is None else identity_start
    start = initial_weights(stddev)
    x = _conv(layers.Conv2DTranspose, x, decoder_maps[-1], 2, last, kernel_initializer=start, dtype="float32")
    restored = tanh_around(inputs if identity_start is not None else None, x)
    return keras.Model(inputs, restored, name="dark_channel_gan_generator")


def discriminator(*, maps: Sequence[int], image_px: int, logit_stddev: float = 0.02) -> keras.Model:
    """`[B, image_px, image_px, 6]` in [-1, 1] -> logit `[B, 1]` float32, the paper's sigmoid left to the loss.

    The first three channels are the blurred image, the others the sharp or restored one.

    Args:
        maps: output maps of the convolutions (64, 128, 256, 512); all but the last halve the image.
        image_px: side of the images; ties the dense layer to the image size.
        logit_stddev: of the dense layer's initial weights. With 524,288 inputs, 0.02 starts with logits of some 10.

    Raises:
        ValueError: `image_px` cannot be halved so often, or the discriminator is given images of another size.
    """
    factor = 2 ** (len(maps) - 1)
    if image_px % factor:
        raise ValueError(f"image_px={image_px}: the discriminator takes sides that are a multiple of {factor}")
    inputs = keras.Input((None, None, 6), name="blurred_and_candidate")
    x = ImageSize(side_px=image_px, name="size")(inputs)
    for number, width in enumerate(maps, start=1):
        x = _conv(layers.Conv2D, x, width, 2 if number < len(maps) else 1, f"conv{number}")
        x = _norm_relu(x, f"conv{number}", norm=number > 1)
    x = layers.Flatten(name="flatten")(x)
    logit = layers.Dense(1, kernel_initializer=initial_weights(logit_stddev), dtype="float32", name="dense")(x)
    return keras.Model(inputs, logit, name="dark_channel_gan_discriminator")


def _conv(layer, x, maps, strides, name, **options):
    options = {"strides": strides, "padding": "same", "kernel_initializer": initial_weights(), **options}
    return layer(maps, 5, name=name, **options)(x)


def _norm_relu(x, name, norm=True, own_statistics=True):
    if norm:
        x = BatchNormalization(own_statistics=own_statistics, momentum=0.99, epsilon=1e-5, name=f"{name}_norm")(x)
    return layers.LeakyReLU(0.2, name=f"{name}_relu")(x)
