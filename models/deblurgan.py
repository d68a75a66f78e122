"""DeblurGAN: Blind Motion Deblurring Using Conditional Adversarial Networks (Kupyn et al., CVPR 2018), section 3.2.

Generator, every convolution but the last followed by instance normalisation without weights (IN):

    layer                          kernel   stride   maps
    conv, IN, ReLU                 7        1        maps (64)
    conv, IN, ReLU                 3        2        2 maps
    conv, IN, ReLU                 3        2        4 maps
    9 blocks: conv, IN, ReLU,      3        1        4 maps
      dropout, conv, IN, add       3        1        4 maps
    transposed conv, IN, ReLU      3        2        2 maps
    transposed conv, IN, ReLU      3        2        maps
    conv, tanh                     7        1        3
    add the input, clip to [-1, 1]

Critic: PatchGAN, five convolutions 4x4; IN between the first and the last.
What the paper leaves open is as in the authors' code: reflection at stride 1, zeros at stride 2 and in the
critic, no normalisation behind the critic's first convolution, dropout behind the block's first ReLU.
"""

import keras

from gandeblur.models.layers import deblurgan


def generator(*, maps: int, blocks: int, dropout: float, output_stddev: float = 0.02) -> keras.Model:
    """Blurred float `[B, H, W, 3]` in [-1, 1] -> restored `[B, H, W, 3]` float32 in [-1, 1].

    H and W are multiples of 4, at least 8.

    Args:
        maps: output maps of the first layer (64).
        blocks: residual blocks (9).
        dropout: share of values dropped inside each block in training (0.5).
        output_stddev: of the last convolution's initial weights (the authors' code: 0.02).
    """
    inputs = keras.Input((None, None, 3), name="blurred")
    x = deblurgan.encoder(inputs, maps)
    for number in range(1, blocks + 1):
        x = deblurgan.residual_block(x, 4 * maps, dropout, f"block{number}")
    restored = deblurgan.global_skip(inputs, deblurgan.decoder(x, maps, output_stddev))
    return keras.Model(inputs, restored, name="deblurgan_generator")


def critic(*, maps: int) -> keras.Model:
    """Float `[B, H, W, 3]` in [-1, 1] -> map of unbounded scores `[B, h, w, 1]` float32, h = H/8 + 3 for 8 | H.

    Args:
        maps: output maps of the first layer (64); the next three have 2, 4 and 8 times as many.
    """
    inputs = keras.Input((None, None, 3), name="image")
    return keras.Model(inputs, deblurgan.patch_scores(inputs, maps), name="deblurgan_critic")
