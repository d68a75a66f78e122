"""IRD-GAN: motion blur undone by inception, residual and dense connections at once (Chen and Chang, NTHU).

python experiments/ird_gan.py                        the embedded photographs, blurred by random camera paths: about 5
                                                     minutes on 2 CPU cores; stays below the blurred input
python experiments/ird_gan.py --stage=audit          layers and parameters
python experiments/ird_gan.py --preset=cpu_hour --train_data=PAIRS,PHOTOGRAPHS --test_data=PAIRS --vgg_weights=FILE
                                                     at most an hour on 2 CPU cores (not yet measured)
python experiments/ird_gan.py --preset=paper --train_data=GOPRO,COCO --test_data=GOPRO --blurred=blur_gamma
                                                     the paper's schedule, days on a GPU
python experiments/ird_gan.py --variant=no_residual  an ablation; also no_l1, no_skip
"""

from functools import partial

from gandeblur.evaluation import metrics
from gandeblur.experiments import run
from gandeblur.experiments.paper import Experiment, Layer, Preset, Variant

# Section 3 takes DeblurGAN's critic and losses, and blurs photographs as it does.
from gandeblur.experiments.sharingan import BLUR, CRITIC, CRITIC_LAYERS, WASSERSTEIN
from gandeblur.losses import gradient_penalty, pixel
from gandeblur.models import ird_gan
from gandeblur.training import schedules
from gandeblur.training.gan import Term, between_images, of_slopes

# Section 3.1: N = 64, nine blocks, "dropout [...] 0.2".
MAPS = 64
BLOCKS = 9
DROPOUT = 0.2


def _layer(name, kernel_px, stride, maps_in, maps_out):
    return Layer(name, f"{kernel_px}x{kernel_px}", stride, maps_in, maps_out, (kernel_px**2 * maps_in + 1) * maps_out)


def _block(number):
    """Figure 3: the block's input has 4N maps and N more for each block before it."""
    name = f"block{number}"
    return (
        _layer(f"{name}_bottleneck", 1, 1, (3 + number) * MAPS, 4 * MAPS),
        _layer(f"{name}_branch1_conv1", 1, 1, 4 * MAPS, MAPS),
        _layer(f"{name}_branch2_conv1", 1, 1, 4 * MAPS, MAPS),
        _layer(f"{name}_branch2_conv2", 3, 1, MAPS, MAPS),
        _layer(f"{name}_branch3_conv1", 1, 1, 4 * MAPS, MAPS),
        _layer(f"{name}_branch3_conv2", 3, 1, MAPS, MAPS),
        _layer(f"{name}_branch3_conv3", 3, 1, MAPS, MAPS),
        _layer(f"{name}_branch4_conv1", 1, 1, 4 * MAPS, MAPS),
        _layer(f"{name}_conv", 3, 1, 4 * MAPS, MAPS),
    )


GENERATOR_LAYERS = (
    _layer("conv_in", 7, 1, 3, MAPS),
    _layer("down1", 3, 2, MAPS, 2 * MAPS),
    _layer("down2", 3, 2, 2 * MAPS, 4 * MAPS),
    *(layer for number in range(1, BLOCKS + 1) for layer in _block(number)),
    _layer("transition1", 1, 1, 13 * MAPS, 7 * MAPS),
    _layer("transition2", 1, 1, 7 * MAPS, 4 * MAPS),
    _layer("up1", 3, 2, 4 * MAPS, 2 * MAPS),
    _layer("up2", 3, 2, 2 * MAPS, MAPS),
    _layer("conv_out", 7, 1, MAPS, 3),
)

# Equation 7: L = L_WGAN + 100 L_per + 170 L_1.
CONTENT_WEIGHT = 100.0
L1 = Term("l1", between_images(pixel.mean_absolute_error), 170.0)
PENALTY = Term("penalty", of_slopes(gradient_penalty.gradient_penalty), 10.0)  # open; Gulrajani et al.


def _variant(description, ours="IRD-GAN", pixel_terms=(L1,), **network):
    return Variant(
        description=description,
        ours=ours,
        generator=lambda identity_noise: ird_gan.generator(
            maps=MAPS,
            blocks=BLOCKS,
            dropout=DROPOUT,
            output_stddev=0.02 if identity_noise is None else identity_noise,
            **network,
        ),
        discriminator=lambda _: ird_gan.critic(maps=MAPS),
        generator_terms=lambda content: (
            Term("content", between_images(content), CONTENT_WEIGHT),
            *pixel_terms,
            WASSERSTEIN,
        ),
        discriminator_terms=(CRITIC, PENALTY),
        layers={"generator": GENERATOR_LAYERS, "discriminator": CRITIC_LAYERS},
        size_multiple=4,
    )


SMALL = (
    "crops of 96x96 instead of 256x256",
    "one critic step per generator step instead of 5, and a higher learning rate: a step on 2 CPU cores takes a second",
    "the last convolution starts near 0, so that the generator starts as the identity (without `skip`: as grey)",
)

EXPERIMENT = Experiment(
    name="ird_gan",
    title="IRD-GAN: Blind Motion Deblurring via InceptionResDenseNet by Using GAN Model",
    citation="Z.-M. Chen, L.-W. Chang. National Tsing Hua University.",
    degradations=(BLUR,),
    degradation_text="pairs as they are; sharp photographs blurred along random camera paths (docs/blur.md, `PAPER`)",
    pair_degradations=(),
    test_size_px=None,
    protocol=metrics.RGB,  # open in the paper
    baselines={},
    variants={
        "ird": _variant("the whole network, WGAN-GP, perceptual and L1 loss (equation 7)"),
        "no_residual": _variant("ablation: no residual connection inside the blocks", residual=False),
        "no_l1": _variant("ablation: without the L1 term", pixel_terms=()),
        "no_skip": _variant("ablation: without the global skip connection (equation 6)", skip=False),
    },
    presets={
        "quick": Preset(
            description="the embedded photographs, minutes on 2 CPU cores: shows that everything works, no more",
            value_range=(-1.0, 1.0),
            crop_px=96,
            batch_size=1,
            epochs=5,
            steps_per_epoch=40,
            learning_rate=2e-4,
            beta_1=0.5,
            schedule=partial(schedules.LinearToZero, constant_share=0.5),
            identity_noise=1e-3,
            discriminator_steps=1,
            departures=(
                *SMALL,
                "the content loss is the mean absolute error of pixels: VGG19 features would need a download",
                "200 generator steps instead of 192,900, on five photographs",
            ),
        ),
        "cpu_hour": Preset(
            description="folders of pairs and photographs, at most an hour on 2 CPU cores",
            value_range=(-1.0, 1.0),
            crop_px=96,
            batch_size=1,
            epochs=20,
            steps_per_epoch=100,
            learning_rate=2e-4,
            beta_1=0.5,
            schedule=partial(schedules.LinearToZero, constant_share=0.5),
            identity_noise=1e-3,
            perceptual=True,
            discriminator_steps=1,
            departures=(*SMALL, "2,000 generator steps instead of 192,900"),
        ),
        "paper": Preset(
            description="the paper's schedule: crops of 256x256, 300 epochs of 3,217 images",
            value_range=(-1.0, 1.0),
            crop_px=256,
            batch_size=1,
            epochs=300,
            steps_per_epoch=643,  # of 5 critic minibatches: 3,217 images less 2
            learning_rate=1e-4,
            beta_1=0.5,  # DeblurGAN's; open in the paper
            schedule=partial(schedules.LinearToZero, constant_share=0.5),  # 150 epochs constant, 150 linear
            perceptual=True,
        ),
    },
    perceptual=("vgg19", "block3_conv3"),
    discriminator_steps=5,
    table="Table 1",
    reported={
        "GoPro test": {
            "Kupyn et al.": (27.1739, 0.8338),
            "Ramakrishnan et al.": (25.8340, 0.7898),
            "IRD-GAN": (27.7883, 0.8472),
        }
    },
    departures=(
        "perceptual loss: features of Keras' VGG19 in its own range, divided by 127.5, the units of images in [-1, 1]",
        "scores of the critic are unbounded, as WGAN-GP needs them; the text also speaks of [0, 1]",
        "the penalty's slope is that of the mean over the score map, as the critic's loss",
        "the L1 loss is that of images in [0, 1]; in [-1, 1] (the paper does not say) it would count twice",
    ),
)

if __name__ == "__main__":
    run.main(EXPERIMENT)
