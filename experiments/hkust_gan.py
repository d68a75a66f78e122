"""HKUST ResNet GAN: motion blur undone by a residual network, every parameter counted (Zhengdong Li, HKUST).

python experiments/hkust_gan.py                      the embedded photographs, about 4 minutes on 2 CPU cores
python experiments/hkust_gan.py --preset=cpu_hour --train_data=PAIRS,PHOTOGRAPHS --test_data=PAIRS --vgg_weights=FILE
python experiments/hkust_gan.py --preset=paper --train_data=GOPRO --train_images=500 --test_data=GOPRO --blurred=blur
                                                     the paper's
"""

import dataclasses
from functools import partial

from gandeblur.data.degradations import enlarge
from gandeblur.evaluation import metrics
from gandeblur.experiments.deblurgan import BLUR, CRITIC, GAP, PENALTY, WASSERSTEIN  # it has no blur of its own
from gandeblur.experiments.spec import Condition, Data, Layer, Network, Paper, Reported, Training
from gandeblur.losses.perceptual import Perceptual
from gandeblur.losses.terms import OnFeatures, Term
from gandeblur.models import hkust_gan

TABLE_1 = {"generator": (24, 11_399_171), "discriminator": (6, 3_098_370)}  # layers, parameters

GENERATOR: Network = Network(
    hkust_gan.generator,
    {"maps": 64, "blocks": 9, "identity_start": None, "own_statistics": False},  # section 2.1: "9 ResNet block"
    tiny={"maps": 3, "blocks": 1},
    parameters=TABLE_1["generator"][1],
    parameters_printed=True,  # with what stands between the convolutions
    size_multiple=4,
    layers=(  # Table 2, without the K and S that it prints for the input
        Layer("input_1", "", None, 3, 3, 0),
        Layer("conv2d", "7x7", 1, 3, 64, 9_472),
        Layer("conv2d_1", "3x3", 2, 64, 128, 73_856),
        Layer("conv2d_2", "3x3", 2, 128, 256, 295_168),
        *(Layer(f"conv2d_{number}", "3x3", 1, 256, 256, 590_080) for number in range(3, 21)),
        Layer("conv2d_21", "3x3", 1, 256, 128, 295_040),
        Layer("conv2d_22", "3x3", 1, 128, 64, 73_792),
        Layer("conv2d_23", "7x7", 1, 64, 3, 9_411),
    ),
)
DISCRIMINATOR: Network = Network(
    hkust_gan.discriminator,
    {"maps": 64, "dense_units": 1024},  # with 1024 units, and only with them, Table 1's total is reached
    sized=True,
    tiny={"maps": 3, "dense_units": 5},
    parameters=TABLE_1["discriminator"][1],
    parameters_printed=True,
    layers=(  # Table 3
        Layer("input_1", "", None, 3, 3, 0),
        Layer("conv2d_24", "4x4", 2, 3, 64, 3_136),
        Layer("conv2d_25", "4x4", 2, 64, 64, 65_600),
        Layer("conv2d_26", "4x4", 2, 64, 128, 131_200),
        Layer("conv2d_27", "4x4", 2, 128, 256, 524_544),
        Layer("conv2d_28", "4x4", 1, 256, 512, 2_097_664),
        Layer("conv2d_29", "4x4", 1, 512, 1, 8_193),
    ),
)

# Section 2.3 gives no weights; those of the Keras code whose parameter counts match.
PERCEPTUAL: Term = Term("content", OnFeatures(Perceptual("vgg16", "block3_conv3")), 100.0)

PAPER: Paper = Paper(
    name="hkust_gan",
    title="Image Deblurring using GAN (HKUST)",
    citation="Z. Li. Department of Electronic and Computer Engineering, HKUST.",
    description="ResNet generator, Wasserstein and perceptual loss",
    undoes="motion blur, of the camera and of what moves, up to some 20 pixels",
    ours="HKUST",
    generator=GENERATOR,
    discriminator=DISCRIMINATOR,
    value_range=(-1.0, 1.0),
    generator_terms=(PERCEPTUAL, WASSERSTEIN),
    discriminator_terms=(GAP,),
    data=Data(
        photographs=(BLUR,),
        pairs=(),
        test={
            "motion": Condition((BLUR,), ()),
            # The matching Keras code resizes whole frames in training and test: a second reading of Table 4.
            "motion-256px": Condition((BLUR,), (), size_px=256),
            "enlargement": Condition((partial(enlarge, factor=3.0),), None),  # section 3.3
        },
        crop_px=256,
    ),
    training=Training(
        learning_rate=1e-4,
        beta_1=0.9,
        epsilon=1e-8,
        batch_size=16,
        epochs=40,
        steps_per_epoch=31,  # of 500 images
        discriminator_steps=5,  # open, as the weights
    ),
    protocol=metrics.RGB,  # open
    reported=Reported(
        "Tables 4 and 5",
        {
            "GoPro": {  # HKUST: "This work"
                **{"Kupyn et al.": (28.7, 0.958), "Nah et al.": (28.93, 0.91), "Ji et al.": (31.15, 0.96)},
                "HKUST": (29.3, 0.72),
            }
        },
        sets={"GoPro": r"gopro.*/test/.*-motion"},
        columns={"deblurgan": "Kupyn et al."},
        ranges={
            "psnr_db": {"max": 32.33, "min": 25.39, "mean": 29.30},
            "ssim": {"max": 0.77, "min": 0.65, "mean": 0.72},
        },
    ),
    departures=(
        "one random crop of each image per epoch takes the place of 256x256 tiles; crops are also flipped horizontally",
        "each of the five discriminator steps takes crops of its own; the generator sees those of the last",
        "a discriminator step is one on sharp and restored crops, restored in training mode; the matching code takes "
        "one step on each, restored in inference mode",
        "a part of the set validates; all is taken, 500 images by --train_images; no dropout, the matching code: 0.5",
        "perceptual loss: features of Keras' VGG16 in its own range, divided by 127.5, the units of images in [-1, 1]",
    ),
)
# The paper's critic ends in a sigmoid, which has no gradient once it is sure; for the eye it is DeblurGAN's.
EYE: Paper = dataclasses.replace(
    PAPER,
    description="with DeblurGAN's critic, WGAN-GP and perceptual loss",
    discriminator=CRITIC,
    discriminator_terms=(GAP, PENALTY),
)
VARIANTS: dict[str, Paper] = {"hkust": PAPER, "eye": EYE}

if __name__ == "__main__":
    from gandeblur.stages.options import main

    main("hkust_gan")
