"""Dark-channel cGAN: blur undone by a U-Net whose dark channel is held to the truth's (Zhang et al., Notre Dame).

python experiments/dark_channel_gan.py                  the embedded photographs, about 5 minutes on 2 CPU cores
python experiments/dark_channel_gan.py --stage=audit    layers and parameters
python experiments/dark_channel_gan.py --variant=all    dc250, dc0 and dc250p; --beside=RUN: also Table 1's DeblurGAN
python experiments/dark_channel_gan.py --preset=cpu_hour --train_data=PAIRS,PHOTOGRAPHS --test_data=PAIRS
python experiments/dark_channel_gan.py --preset=paper --train_data=GOPRO,PHOTOGRAPHS --test_data=GOPRO --blurred=blur
    the paper's schedule, "2 days" on its GPU; about two photographs per pair, with sides of 512 pixels or more
A checkpoint takes 1.1 GB, the generator's weights 0.34 GB.
"""

import dataclasses
from functools import partial

from gandeblur.data.degradations import SHRINK, gaussian_noise
from gandeblur.evaluation import metrics
from gandeblur.experiments.deblurgan import BLUR, PERCEPTUAL
from gandeblur.experiments.spec import Condition, Data, Network, Paper, Reported, Training
from gandeblur.losses import adversarial, dark_channel, pixel
from gandeblur.losses.terms import OnBothLogits, OnImages, OnRestoredLogits, Term
from gandeblur.models import dark_channel_gan

# Equation 5. As in the authors' released code, the L1 norm is that of images in [-1, 1], twice that of [0, 1], which
# loss terms see here; the dark channel's is on [0, 1]. Its window is that of He et al.
L1: Term = Term("l1", OnImages(pixel.mean_absolute_error), 2 * 100.0)
DARK_CHANNEL: Term = Term("dark_channel", OnImages(partial(dark_channel.dark_channel_loss, window_px=15)), 250.0)
ADVERSARIAL: Term = Term("adversarial", OnRestoredLogits(adversarial.non_saturating), adversarial=True)
TRAINING_NOISE = partial(gaussian_noise, variance=(0.0, 0.002))  # introduction: "variance in a limited range"
TEST_NOISE = partial(gaussian_noise, variance=0.001)  # section "Datasets": GOPRO-noise, "to original" images

PAPER: Paper = Paper(
    name="dark_channel_gan",
    title="GAN Based Image Deblurring Using Dark Channel Prior",
    citation="S. Zhang, A. Zhen, R. L. Stevenson. University of Notre Dame, 2019.",
    description="adversarial, L1 and dark-channel loss (equation 5)",
    undoes="motion blur, of the camera and of what moves, up to some 20 pixels, also with noise",
    ours="dc250",
    generator=Network(
        dark_channel_gan.generator,
        {
            "encoder_maps": (64, 128, 256, 512, 512, 512, 512, 512),  # figure 2's digits
            "decoder_maps": (512, 512, 512, 512, 256, 128, 64, 3),
            "dropout": 0.5,
            "dropout_layers": 3,
            "identity_start": None,
            "whitened_start": False,
            "own_statistics": True,
        },
        tiny={"encoder_maps": (3, 4), "decoder_maps": (4, 3), "dropout_layers": 1},
        parameters=85_033_667,
        size_multiple=256,
    ),
    discriminator=Network(
        dark_channel_gan.discriminator,
        {"maps": (64, 128, 256, 512), "logit_stddev": 0.02},
        sized=True,
        tiny={"maps": (3, 4)},
        parameters=4_839_233,
    ),
    value_range=(-1.0, 1.0),
    generator_terms=(L1, DARK_CHANNEL, ADVERSARIAL),
    discriminator_terms=(Term("discriminator", OnBothLogits(adversarial.discriminator)),),
    data=Data(
        photographs=(BLUR, SHRINK, TRAINING_NOISE),
        pairs=(SHRINK, TRAINING_NOISE),
        test={
            "original": Condition((BLUR, SHRINK), (SHRINK,)),
            "noisy": Condition((BLUR, TEST_NOISE, SHRINK), (TEST_NOISE, SHRINK)),
        },
        crop_px=256,
        downsample=2,
    ),
    training=Training(
        learning_rate=2e-4,  # open, as beta_1 and batch_size: pix2pix'
        beta_1=0.5,
        batch_size=1,
        epochs=15,
        steps_per_epoch=6_309,  # 2,103 GoPro pairs and twice as many blurred photographs, DeblurGAN's mixture
        generator_steps=2,
    ),
    protocol=metrics.RGB,  # open
    reported=Reported(
        "Table 1",
        {
            "original": {
                "DeblurGAN": (26.63, 0.8701),
                "dc0": (26.70, 0.8798),
                "dc250": (27.01, 0.8813),
                "dc250p": (26.45, 0.8680),
            },
            "noisy": {
                "DeblurGAN": (26.32, 0.8524),
                "dc0": (26.53, 0.8697),
                "dc250": (26.83, 0.8707),
                "dc250p": (26.31, 0.8604),
            },
        },
        sets={  # frames with noise before they were averaged (`build-pairs --noise`) are in a folder called so
            "original": r"gopro(?!.*noise).*/test/.*-original",
            "noisy": r"gopro(?!.*noise).*/test/.*-noisy|gopro.*noise.*/test/.*-original",
        },
        columns={"deblurgan": "DeblurGAN"},
    ),
    departures=(
        "the generator's adversarial loss is the non-saturating form of equation 5's",
        "the discriminator's fourth convolution has stride 1, as in the released code; the text says 2 throughout",
        "the norms of equations 6 and 7 are means over pixels; that of equation 7 is squared",
        "horizontal flips are added; the synthetic blur is drawn anew for each crop",
        "synthetic blur repeats the border and keeps the brightness, which DeblurGAN's code does not",
        "dropout is off at test time; the released decoder has ReLU, the text LeakyReLU",
        "test noise falls on the blurred image, the reference has none; the released code averages noisy sharp frames",
        "frames are tested whole, SSIM by the range of 8 bits; the released code: 360x360, and twice that range",
        "shrinking by means, the released code: bicubic; a part of the training set validates; Adam's epsilon 1e-7",
    ),
)
DC0: Paper = dataclasses.replace(
    PAPER, description="without the dark-channel loss", ours="dc0", generator_terms=(L1, ADVERSARIAL)
)
DC250P: Paper = dataclasses.replace(
    PAPER,
    description="with DeblurGAN's perceptual loss as well",
    ours="dc250p",
    generator_terms=(L1, DARK_CHANNEL, PERCEPTUAL, ADVERSARIAL),
)
VARIANTS: dict[str, Paper] = {"dc250": PAPER, "dc0": DC0, "dc250p": DC250P}

if __name__ == "__main__":
    from gandeblur.stages.options import main

    main("dark_channel_gan")
