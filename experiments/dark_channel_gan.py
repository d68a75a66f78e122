"""Dark-channel cGAN: blur undone by a U-Net whose dark channel is held to the truth's (Zhang et al., Notre Dame).

python experiments/dark_channel_gan.py                  the embedded photographs, blurred by random camera paths: at
                                                        most 11 minutes on 2 CPU cores; stays below the blurred input
python experiments/dark_channel_gan.py --stage=audit    layers and parameters
python experiments/dark_channel_gan.py --variant=all    dc250, dc0 and dc250p, and Table 1; with
    --deblurgan_weights=FILE                            also its DeblurGAN column (sharingan.py --variant=deblurgan)
python experiments/dark_channel_gan.py --preset=cpu_hour --train_data=PAIRS,PHOTOGRAPHS --test_data=PAIRS
                                                        at most an hour on 2 CPU cores (docs/dark_channel_gan.md)
python experiments/dark_channel_gan.py --preset=paper --train_data=GOPRO,PHOTOGRAPHS --test_data=GOPRO --blurred=blur
                                                        the paper's schedule, "2 days" on its GPU; about two
                                                        photographs per pair, with sides of 512 pixels or more
A checkpoint takes 1.1 GB, the generator's weights 0.34 GB.
"""

from functools import partial

from gandeblur.data.degradations import gaussian_noise
from gandeblur.evaluation import metrics
from gandeblur.experiments import run, sharingan
from gandeblur.experiments.paper import Condition, Experiment, Layer, Preset, Variant
from gandeblur.losses import adversarial, dark_channel, pixel
from gandeblur.models import dark_channel_gan
from gandeblur.training import schedules
from gandeblur.training.gan import Term, between_images, of_both_logits, of_restored_logits

# Figure 2's digits.
ENCODER_MAPS = (64, 128, 256, 512, 512, 512, 512, 512)
DECODER_MAPS = (512, 512, 512, 512, 256, 128, 64, 3)
DISCRIMINATOR_MAPS = (64, 128, 256, 512)
DROPOUT = 0.5
DROPOUT_LAYERS = 3


def _conv(name, stride, maps_in, maps_out):
    return Layer(name, "5x5", stride, maps_in, maps_out, (25 * maps_in + 1) * maps_out)


def _norm(name, maps):
    return Layer(f"{name}_norm", "", None, maps, maps, 4 * maps)


def _decoder(k):
    """Layer k of 8; all but the first see the layer before and the encoder's layer of its size."""
    maps_in = ENCODER_MAPS[-1] if k == 1 else DECODER_MAPS[k - 2] + ENCODER_MAPS[-k]
    convolution = _conv(f"dec{k}", 2, maps_in, DECODER_MAPS[k - 1])
    return (convolution,) if k == 8 else (convolution, _norm(f"dec{k}", DECODER_MAPS[k - 1]))


GENERATOR_LAYERS = (
    _conv("enc1", 2, 3, 64),
    *(
        layer
        for k in range(2, 9)
        for layer in (
            _conv(f"enc{k}", 2, ENCODER_MAPS[k - 2], ENCODER_MAPS[k - 1]),
            _norm(f"enc{k}", ENCODER_MAPS[k - 1]),
        )
    ),
    *(layer for k in range(1, 9) for layer in _decoder(k)),
)
DISCRIMINATOR_LAYERS = (
    _conv("conv1", 2, 6, 64),
    _conv("conv2", 2, 64, 128),
    _norm("conv2", 128),
    _conv("conv3", 2, 128, 256),
    _norm("conv3", 256),
    _conv("conv4", 1, 256, 512),
    _norm("conv4", 512),
    Layer("dense", "", None, 32 * 32 * 512, 1, 32 * 32 * 512 + 1),
)

# Equation 5. As in the authors' released code, the L1 norm is that of images in [-1, 1], twice that of [0, 1], which
# loss terms see here; the dark channel's is on [0, 1]. Its window is that of He et al.
L1 = Term("l1", between_images(pixel.mean_absolute_error), 2 * 100.0)
DARK_CHANNEL = Term("dark_channel", between_images(partial(dark_channel.dark_channel_loss, window_px=15)), 250.0)
ADVERSARIAL = Term("adversarial", of_restored_logits(adversarial.non_saturating))
PERCEPTUAL_WEIGHT = 100.0  # "follows" DeblurGAN


def _variant(description, name, *terms, perceptual=False):
    return Variant(
        description=description,
        ours=name,
        generator=lambda _: dark_channel_gan.generator(
            encoder_maps=ENCODER_MAPS, decoder_maps=DECODER_MAPS, dropout=DROPOUT, dropout_layers=DROPOUT_LAYERS
        ),
        discriminator=lambda image_px: dark_channel_gan.discriminator(maps=DISCRIMINATOR_MAPS, image_px=image_px),
        generator_terms=lambda content: (
            L1,
            *terms,
            *([Term("content", between_images(content), PERCEPTUAL_WEIGHT)] if perceptual else []),
            ADVERSARIAL,
        ),
        discriminator_terms=(Term("discriminator", of_both_logits(adversarial.discriminator)),),
        layers={"generator": GENERATOR_LAYERS, "discriminator": DISCRIMINATOR_LAYERS},
        content=perceptual,
        size_multiple=256,
    )


# Introduction: "variance in a limited range"; 0 to 0.002 is the reading.
TRAINING_NOISE = partial(gaussian_noise, variance=(0.0, 0.002))
# Section "Datasets": GOPRO-noise.
TEST_NOISE = partial(gaussian_noise, variance=0.001)

EXPERIMENT = Experiment(
    name="dark_channel_gan",
    title="GAN Based Image Deblurring Using Dark Channel Prior",
    citation="S. Zhang, A. Zhen, R. L. Stevenson. University of Notre Dame, 2019.",
    degradations=(sharingan.BLUR, TRAINING_NOISE),
    degradation_text="pairs as they are; sharp photographs blurred along random camera paths (docs/blur.md, `PAPER`); "
    "Gaussian noise of variance 0 to 0.002 in training; in the test none (original) or 0.001 (noisy)",
    pair_degradations=(TRAINING_NOISE,),
    test_conditions={
        "original": Condition((sharingan.BLUR,), ()),
        "noisy": Condition((sharingan.BLUR, TEST_NOISE), (TEST_NOISE,)),
    },
    test_size_px=None,
    protocol=metrics.RGB,  # open in the paper
    baselines={},
    variants={
        "dc250": _variant("adversarial, L1 and dark-channel loss (equation 5)", "dc250", DARK_CHANNEL),
        "dc0": _variant("without the dark-channel loss", "dc0"),
        "dc250p": _variant("with DeblurGAN's perceptual loss as well", "dc250p", DARK_CHANNEL, perceptual=True),
    },
    deblurgan=sharingan.EXPERIMENT.variants["deblurgan"],
    presets={
        "quick": Preset(
            description="the embedded photographs, minutes on 2 CPU cores: shows that everything works, no more",
            value_range=(-1.0, 1.0),
            crop_px=256,
            batch_size=1,
            epochs=5,
            steps_per_epoch=20,
            learning_rate=2e-4,
            beta_1=0.5,
            schedule=schedules.constant,
            departures=(
                "200 generator steps instead of about 189,000, on five photographs",
                "dc250p: its perceptual loss is the mean absolute error of pixels, so that the L1 loss counts twice: "
                "VGG19 features would need a download",
            ),
        ),
        "cpu_hour": Preset(
            description="folders of pairs and photographs, at most an hour on 2 CPU cores",
            value_range=(-1.0, 1.0),
            crop_px=256,
            batch_size=1,
            epochs=10,
            steps_per_epoch=50,
            learning_rate=2e-4,
            beta_1=0.5,
            schedule=schedules.constant,
            perceptual=True,
            departures=("1,000 generator steps instead of about 189,000",),
        ),
        "paper": Preset(
            description="the paper's schedule: images shrunk by 2, crops of 256x256, 15 epochs",
            value_range=(-1.0, 1.0),
            crop_px=256,
            batch_size=1,
            epochs=15,
            steps_per_epoch=6_309,  # 2,103 GoPro pairs and twice as many blurred photographs, DeblurGAN's mixture
            learning_rate=2e-4,  # open in the paper, as beta_1 and batch_size: pix2pix'
            beta_1=0.5,
            schedule=schedules.constant,
            downsample=2,
            perceptual=True,
        ),
    },
    perceptual=("vgg19", "block3_conv3"),
    discriminator_steps=1,
    generator_steps=2,
    table="Table 1",
    reported={
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
    departures=(
        "the generator's adversarial loss is the non-saturating form of equation 5's",
        "the discriminator's fourth convolution has stride 1, as in the released code; the text says 2 throughout",
        "the norms of equations 6 and 7 are means over pixels; that of equation 7 is squared",
        "horizontal flips are added; the synthetic blur is drawn anew for each crop",
        "the test's noise is added to the shrunk images; the paper adds it before shrinking, which leaves a quarter of "
        "its variance where shrinking takes means: the noisy row is harder here",
        "dropout is off at test time",
    ),
)

if __name__ == "__main__":
    run.main(EXPERIMENT)
