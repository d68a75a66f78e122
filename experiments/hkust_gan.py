"""HKUST ResNet GAN: motion blur undone by a residual network, every parameter counted (Zhengdong Li, HKUST).

python experiments/hkust_gan.py                      the embedded photographs, blurred by random camera paths: about 7
                                                     minutes on 2 CPU cores; stays below the blurred input
python experiments/hkust_gan.py --stage=audit        Tables 1, 2 and 3, row by row
python experiments/hkust_gan.py --preset=cpu_hour --train_data=PAIRS,PHOTOGRAPHS --test_data=PAIRS --vgg_weights=FILE
                                                     at most an hour on 2 CPU cores (docs/hkust_gan.md)
python experiments/hkust_gan.py --preset=paper --train_data=GOPRO --test_data=GOPRO --blurred=blur_gamma
                                                     the paper's schedule
"""

from functools import partial

from gandeblur.data.degradations import enlarge
from gandeblur.evaluation import metrics
from gandeblur.experiments import run
from gandeblur.experiments.paper import Condition, Experiment, Layer, Preset, Variant

# The paper has no synthetic blur of its own: DeblurGAN's, as the related papers. Its loss is Wasserstein's as well.
from gandeblur.experiments.sharingan import BLUR, CRITIC, WASSERSTEIN
from gandeblur.models import hkust_gan
from gandeblur.training import schedules
from gandeblur.training.gan import Term, between_images

# Section 2.1: "9 ResNet block"; the other widths are those of Tables 2 and 3.
MAPS = 64
BLOCKS = 9
DENSE_UNITS = 1024  # with it, and only with it, Table 3's total is reached

# Table 2, without the K and S that it prints for the input.
GENERATOR_LAYERS = (
    Layer("input_1", "", None, 3, 3, 0),
    Layer("conv2d", "7x7", 1, 3, 64, 9_472),
    Layer("conv2d_1", "3x3", 2, 64, 128, 73_856),
    Layer("conv2d_2", "3x3", 2, 128, 256, 295_168),
    *(Layer(f"conv2d_{number}", "3x3", 1, 256, 256, 590_080) for number in range(3, 21)),
    Layer("conv2d_21", "3x3", 1, 256, 128, 295_040),
    Layer("conv2d_22", "3x3", 1, 128, 64, 73_792),
    Layer("conv2d_23", "7x7", 1, 64, 3, 9_411),
)
# Table 3.
DISCRIMINATOR_LAYERS = (
    Layer("input_1", "", None, 3, 3, 0),
    Layer("conv2d_24", "4x4", 2, 3, 64, 3_136),
    Layer("conv2d_25", "4x4", 2, 64, 64, 65_600),
    Layer("conv2d_26", "4x4", 2, 64, 128, 131_200),
    Layer("conv2d_27", "4x4", 2, 128, 256, 524_544),
    Layer("conv2d_28", "4x4", 1, 256, 512, 2_097_664),
    Layer("conv2d_29", "4x4", 1, 512, 1, 8_193),
)

CONTENT_WEIGHT = 100.0  # section 2.3 gives no weights; those of the Keras code whose parameter counts match

SMALL = (
    "crops of 96x96 instead of 256x256; the discriminator's dense layer is smaller accordingly",
    "one discriminator step per generator step instead of 5, minibatches of 2 instead of 16",
    "a learning rate of 5e-4 instead of 1e-4, from half of the training on falling to 0: the mean of tanh and input "
    "must first learn to be the input",
)

EXPERIMENT = Experiment(
    name="hkust_gan",
    title="Image Deblurring using GAN (HKUST)",
    citation="Z. Li. Department of Electronic and Computer Engineering, HKUST.",
    degradations=(BLUR,),
    degradation_text="pairs as they are; sharp photographs blurred along random camera paths (docs/blur.md, `PAPER`), "
    "in the test also shrunk to a third and enlarged again (section 3.3)",
    pair_degradations=(),
    test_conditions={
        "motion": Condition((BLUR,), ()),
        "enlargement": Condition((partial(enlarge, factor=3.0),), None),
    },
    test_size_px=None,
    protocol=metrics.RGB,  # open in the paper
    baselines={},
    variants={
        "hkust": Variant(
            description="ResNet generator, Wasserstein and perceptual loss",
            ours="HKUST",
            generator=lambda _: hkust_gan.generator(maps=MAPS, blocks=BLOCKS),
            discriminator=lambda image_px: hkust_gan.discriminator(
                maps=MAPS, dense_units=DENSE_UNITS, image_px=image_px
            ),
            generator_terms=lambda content: (Term("content", between_images(content), CONTENT_WEIGHT), WASSERSTEIN),
            discriminator_terms=(CRITIC,),
            layers={"generator": GENERATOR_LAYERS, "discriminator": DISCRIMINATOR_LAYERS},
            totals={"generator": (24, 11_399_171), "discriminator": (6, 3_098_370)},  # Table 1
            size_multiple=4,
        )
    },
    presets={
        "quick": Preset(
            description="the embedded photographs, minutes on 2 CPU cores: shows that everything works, no more",
            value_range=(-1.0, 1.0),
            crop_px=96,
            batch_size=2,
            epochs=5,
            steps_per_epoch=40,
            learning_rate=5e-4,
            beta_1=0.9,
            epsilon=1e-8,
            schedule=partial(schedules.LinearToZero, constant_share=0.5),
            discriminator_steps=1,
            departures=(
                *SMALL,
                "the content loss is the mean absolute error of pixels: VGG16 features would need a download",
                "200 generator steps instead of 1,240, on five photographs",
            ),
        ),
        "cpu_hour": Preset(
            description="folders of pairs and photographs, at most an hour on 2 CPU cores",
            value_range=(-1.0, 1.0),
            crop_px=96,
            batch_size=2,
            epochs=20,
            steps_per_epoch=60,
            learning_rate=5e-4,
            beta_1=0.9,
            epsilon=1e-8,
            schedule=partial(schedules.LinearToZero, constant_share=0.5),
            perceptual=True,
            pixel_weight=20_000.0,
            discriminator_steps=1,
            departures=(
                *SMALL,
                "20,000 times the mean absolute error of pixels is added: VGG hardly sees a shift of brightness",
            ),
        ),
        "paper": Preset(
            description="the paper's schedule: crops of 256x256, 40 epochs of 500 images",
            value_range=(-1.0, 1.0),
            crop_px=256,
            batch_size=16,
            epochs=40,
            steps_per_epoch=31,
            learning_rate=1e-4,
            beta_1=0.9,
            epsilon=1e-8,
            schedule=schedules.constant,
            perceptual=True,
        ),
    },
    perceptual=("vgg16", "block3_conv3"),
    discriminator_steps=5,  # open in the paper, as the weights
    table="Tables 4 and 5",
    reported={
        "GoPro": {
            "Kupyn et al.": (28.7, 0.958),
            "Nah et al.": (28.93, 0.91),
            "Ji et al.": (31.15, 0.96),
            "HKUST": (29.3, 0.72),  # "This work"
        }
    },
    reported_ranges={
        "psnr_db": {"max": 32.33, "min": 25.39, "mean": 29.30},
        "ssim": {"max": 0.77, "min": 0.65, "mean": 0.72},
    },
    departures=(
        "one random crop of each image per epoch takes the place of dividing it into 256x256 tiles, of which the "
        "paper does not say how many",
        "each of the five discriminator steps takes crops of its own, so that an epoch's discriminator sees five of "
        "each image; the generator sees one",
        "perceptual loss: features of Keras' VGG16 in its own range, divided by 127.5, the units of images in [-1, 1]",
    ),
)

if __name__ == "__main__":
    run.main(EXPERIMENT)
