"""IRD-GAN: Blind Motion Deblurring via InceptionResDenseNet (Chen and Chang, NTHU), section 3.1, figures 2 and 3.

DeblurGAN with other blocks (N = `maps`, 64; IN is instance normalisation without weights):

    layer                          kernel   stride   maps
    conv, IN, ReLU                 7        1        N
    conv, IN, ReLU                 3        2        2N
    conv, IN, ReLU                 3        2        4N
    IRD block k = 0 .. 8           see `_ird_block`  (4 + k)N -> (5 + k)N
    conv, IN, ReLU (transition)    1        1        7N
    conv, IN, ReLU (transition)    1        1        4N
    transposed conv, IN, ReLU      3        2        2N
    transposed conv, IN, ReLU      3        2        N
    conv, tanh                     7        1        3
    add the input (eq. 6), clip to [-1, 1]

Readings where the paper is silent or at odds with itself:
- "Width and height are not changed" is said of a generator with two stride-2 layers: the layers count.
- tanh, the clipping, the 3x3 transposed convolutions, the paddings outside the blocks and the initial weights are as
  in the DeblurGAN it improves; inside the blocks, layers pad with zeros (max-pooling with nothing).
- "Dropout after every IRD block" falls on the N maps that the block adds, as in DenseNet. On all of the block's
  output, the first block's input would be dropped nine times over: 0.8^9 = 13 % of it would reach the transition.
- The block's bottleneck normalises its input, not its output; nothing is normalised behind its last convolution.
- Critic: DeblurGAN's, as the paper says, so without normalisation behind the first convolution; its scores are
  unbounded, as the Wasserstein loss needs them, though the text also calls them probabilities.
"""

import keras
from keras import layers

from gandeblur.models.deblurgan import critic
from gandeblur.models.layers import deblurgan
from gandeblur.models.layers.convolution import Conv2D

__all__ = ["critic", "generator"]


def generator(
    *,
    maps: int,
    blocks: int,
    dropout: float,
    output_stddev: float = 0.02,
    residual: bool = True,
    skip: bool = True,
) -> keras.Model:
    """Blurred float `[B, H, W, 3]` in [-1, 1] -> restored `[B, H, W, 3]` float32 in [-1, 1].

    H and W are multiples of 4, at least 4.

    Args:
        maps: N, output maps of the first layer (64).
        blocks: IRD blocks (9).
        dropout: share of values dropped behind each block in training (0.2).
        output_stddev: of the last convolution's initial weights (DeblurGAN: 0.02).
        residual: whether a block adds its bottleneck's output to the inception's (an ablation: False).
        skip: whether the network's output is added to the blurred image (an ablation: False).
    """
    inputs = keras.Input((None, None, 3), name="blurred")
    x = deblurgan.encoder(inputs, maps)
    for number in range(1, blocks + 1):
        x = _ird_block(x, maps, dropout, residual, f"block{number}")
    for name, factor in (("transition1", 7), ("transition2", 4)):
        x = _conv_norm_relu(x, factor * maps, 1, name)
    restored = deblurgan.decoder(x, maps, output_stddev)
    if skip:
        restored = deblurgan.global_skip(inputs, restored)
    return keras.Model(inputs, restored, name="ird_gan_generator")


def _ird_block(x, maps, dropout, residual, name):
    """Figure 3, on M maps:

    bottleneck    IN, ReLU, conv 1x1 to 4N
    inception     four branches of N maps each, IN and ReLU behind each convolution, concatenated to 4N:
                  1x1 | 1x1, 3x3 | 1x1, 3x3, 3x3 | max-pool 3x3, 1x1
    residual      the bottleneck's output added
    dense         conv 3x3 to N, dropout, concatenated behind the block's input: M + N
    """
    bottleneck = _conv(deblurgan.norm_relu(x, f"{name}_in"), 4 * maps, 1, f"{name}_bottleneck")
    branches = []
    for number, kernels in enumerate([(1,), (1, 3), (1, 3, 3), (1,)], start=1):
        branch = bottleneck
        if number == 4:
            branch = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_branch4_pool")(branch)
        for place, kernel_px in enumerate(kernels, start=1):
            branch = _conv_norm_relu(branch, maps, kernel_px, f"{name}_branch{number}_conv{place}")
        branches.append(branch)
    y = layers.Concatenate(name=f"{name}_inception")(branches)
    if residual:
        y = layers.Add(name=f"{name}_residual")([bottleneck, y])
    y = _conv(y, maps, 3, f"{name}_conv")
    y = layers.Dropout(dropout, name=f"{name}_dropout")(y)
    return layers.Concatenate(name=f"{name}_out")([x, y])


def _conv_norm_relu(x, maps, kernel_px, name):
    return deblurgan.norm_relu(_conv(x, maps, kernel_px, name), name)


def _conv(x, maps, kernel_px, name):
    initializer = deblurgan.initial_weights()
    return Conv2D(maps, kernel_px, padding="same", kernel_initializer=initializer, name=name)(x)
