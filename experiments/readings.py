"""Other readings of the papers, as plausible as the ones taken: `--variant=NAME`, not part of `--variant=all`.

Each differs from its paper's literal as its name says, and in nothing else. The papers' pages give the reasons for it.
Like a paper's ablations, a reading keeps the paper's schedules and recipes.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gandeblur.evaluation import metrics
from gandeblur.experiments import changes, dark_channel_gan, deblurgan, gan_d, hkust_gan, ird_gan, sharingan
from gandeblur.experiments.spec import Network, Paper
from gandeblur.losses.gradient_penalty import pixel_penalty
from gandeblur.losses.perceptual import Perceptual
from gandeblur.losses.terms import OnFeatures, OnSummedSlopes, Term

# Released code of DeblurGAN: the slope of the summed scores, each pixel's over its channels.
PIXEL_PENALTY = Term("penalty", OnSummedSlopes(pixel_penalty), deblurgan.PENALTY.weight)


def _reading(paper: Paper, ours: str, description: str, **fields: Any) -> Paper:
    return replace(paper, ours=f"{paper.ours}, {ours}", description=description, **fields)


def _widths(network: Network, **others: Any) -> Network:
    """The network with widths that the literal leaves at the builder's default; its parameters are not counted."""
    return replace(network, widths={**network.widths, **others}, parameters=None, parameters_printed=False, layers=())


GAN_D: Mapping[str, Paper] = {
    "resized": _reading(
        gan_d.PAPER,
        "resized",
        'training images are resized to 128x128 as the test images: "all images of train and validation datasets"',
        data=replace(gan_d.PAPER.data, cut="resized"),
    ),
    "mse_first": _reading(
        gan_d.PAPER,
        "MSE first",
        "the generator's two updates in turn, by the MSE, then by the adversary (end of section III-B)",
        generator_terms=(gan_d.MSE, replace(gan_d.ADVERSARIAL, weight=1.0)),
        training=replace(gan_d.PAPER.training, generator_steps=2, steps_per_epoch=250, terms_in_turn=True),
    ),
    "sum_255": _reading(
        gan_d.PAPER,
        "plain sum",
        "MSE of images in [0, 255] plus the adversarial term, both of weight 1: 1 / 65,025 in the units of [0, 1]",
        generator_terms=(gan_d.MSE, replace(gan_d.ADVERSARIAL, weight=1 / 255**2)),
    ),
    "odcnn_512": replace(  # of the paper's column, too: it tested Xu et al.'s own
        gan_d.ODCNN,
        description="the baseline as Xu et al. have it: 512 maps after the 16x16 layer",
        generator=_widths(gan_d.ODCNN.generator, deep_maps=512),
    ),
}

HKUST: Mapping[str, Paper] = {
    "resized": _reading(
        hkust_gan.PAPER,
        "resized",
        "trained on whole frames resized to 256x256, as the matching Keras code is",
        data=replace(hkust_gan.PAPER.data, cut="resized"),
    ),
    "tiles": _reading(
        hkust_gan.PAPER,
        "tiles",
        'trained on the tiles of each frame, "dividing the input image into a 256x256 matrix"; one at each visit',
        data=replace(hkust_gan.PAPER.data, cut="tiles"),
    ),
    "dropout": _reading(
        hkust_gan.PAPER,
        "dropout",
        "dropout 0.5 in each residual block, as the matching Keras code has it",
        generator=_widths(hkust_gan.GENERATOR, dropout=0.5),
    ),
}

IRD_GAN: Mapping[str, Paper] = {
    "l1_signed": _reading(
        ird_gan.PAPER,
        "L1 in [-1, 1]",
        "the L1 loss of images in [-1, 1], the range of the code that the paper improves: twice that in [0, 1]",
        generator_terms=changes.replaced(
            ird_gan.PAPER.generator_terms, l1=replace(ird_gan.L1, weight=2 * ird_gan.L1.weight)
        ),
    ),
    "vgg_conv5": _reading(
        ird_gan.PAPER,
        "conv5_1",
        'features "before the 14th convolution layer" to the letter: what enters conv5_2',
        generator_terms=changes.replaced(
            ird_gan.PAPER.generator_terms,
            content=replace(deblurgan.PERCEPTUAL, loss=OnFeatures(Perceptual("vgg19", "block5_conv1"))),
        ),
    ),
    "dropout_at_test": _reading(
        ird_gan.PAPER,
        "dropout at test",
        "dropout stays on at test time, as in both works it is taken from",
        dropout_at_test=True,
    ),
    # Section 4: "We use our training dataset to re-train both"; steps and data are IRD-GAN's, the network is DeblurGAN.
    "kupyn": replace(
        ird_gan.PAPER,
        ours="Kupyn et al.",
        description="Table 1's column Kupyn: DeblurGAN, its losses and its test, by IRD-GAN's data and steps",
        generator=deblurgan.GENERATOR,
        generator_terms=deblurgan.PAPER.generator_terms,
        dropout_at_test=deblurgan.PAPER.dropout_at_test,
    ),
    "pixel_penalty": _reading(
        ird_gan.PAPER,
        "penalty per pixel",
        "the gradient penalty of DeblurGAN's released code: per pixel, of the summed scores",
        discriminator_terms=(deblurgan.GAP, PIXEL_PENALTY),
    ),
}

_RELEASED = {  # `--fine_size 360`
    name: replace(condition, size_px=360) for name, condition in dark_channel_gan.PAPER.data.test.items()
}
DARK_CHANNEL: Mapping[str, Paper] = {
    "released_test": _reading(
        dark_channel_gan.PAPER,
        "released test",
        "tested as by the released code: frames squashed to 360x360, SSIM of data range 2, dropout on",
        data=replace(dark_channel_gan.PAPER.data, test=_RELEASED),
        protocol=metrics.RGB_RANGE_2,
        dropout_at_test=True,
    ),
    "bicubic": _reading(
        dark_channel_gan.PAPER,
        "bicubic",
        "frames are shrunk as by the released code, bicubic, not by means",
        data=replace(dark_channel_gan.PAPER.data, shrinking="bicubic"),
    ),
    "coco": _reading(
        dark_channel_gan.PAPER,
        "photographs not shrunk",
        "pairs are shrunk, photographs are not, so that MS COCO can be used",
        data=replace(dark_channel_gan.PAPER.data, shrunk="pairs"),
    ),
    "one_step": _reading(
        dark_channel_gan.PAPER,
        "one step",
        'one generator step for each of the discriminator; the paper: two "to prevent discriminator loss from zero"',
        training=replace(dark_channel_gan.PAPER.training, generator_steps=1),
    ),
}


def _deblurgan(ours: str, description: str, **fields: Any) -> Paper:
    return replace(deblurgan.PAPER, ours=ours, description=description, **fields)


# Photographs are blurred at full size and not shrunk: COCO's sides are some 640 pixels.
_UNSHRUNK = replace(deblurgan.PAPER.data, photographs=(deblurgan.BLUR,), downsample=1)
DEBLURGAN: Mapping[str, Paper] = {
    "wild": _deblurgan("DeblurGAN WILD", "the column WILD: give GoPro's pairs alone, --train_images=1000"),
    "synth": _deblurgan("DeblurGAN Synth", "trained on blurred photographs, not shrunk", data=_UNSHRUNK),
    "unshrunk": _deblurgan(
        "DeblurGAN Comb", "neither pairs nor photographs are shrunk, so that MS COCO can be used", data=_UNSHRUNK
    ),
    "coco": _deblurgan(
        "DeblurGAN Comb",
        "pairs are shrunk, photographs are not, so that MS COCO can be used",
        data=replace(deblurgan.PAPER.data, shrunk="pairs"),
    ),
    "comb_steps": _reading(
        deblurgan.PAPER,
        "3,000 steps",
        "a generator step on each image of Comb, 1,000 pairs and 2,000 photographs: 3,000 an epoch",
        training=replace(deblurgan.TRAINING, steps_per_epoch=3000),
    ),
    "bicubic": _reading(
        deblurgan.PAPER,
        "bicubic",
        "images are shrunk as by the authors' code, bicubic, not by means",
        data=replace(deblurgan.PAPER.data, shrinking="bicubic"),
    ),
    "pixel_penalty": _reading(
        deblurgan.PAPER,
        "penalty per pixel",
        "the gradient penalty of the released code: per pixel, of the summed scores",
        discriminator_terms=(deblurgan.GAP, PIXEL_PENALTY),
    ),
}

SHARINGAN: Mapping[str, Paper] = {
    "lambda_10": _reading(
        sharingan.PAPER,
        "penalty 10",
        "the penalty's weight 10, if the paper's lambda of 100 is the perceptual loss' by mistake: DeblurGAN",
        discriminator_terms=deblurgan.PAPER.discriminator_terms,
    )
}
