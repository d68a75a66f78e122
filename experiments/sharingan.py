"""SharinGAN: motion blur undone by DeblurGAN, built again, for object detection (Chatterjee et al., Minnesota).

python experiments/sharingan.py                      the embedded photographs, blurred by random camera paths: about 5
                                                     minutes on 2 CPU cores; stays below the blurred input
python experiments/sharingan.py --stage=audit        layers and parameters
python experiments/sharingan.py --preset=cpu_hour --train_data=PAIRS,PHOTOGRAPHS --test_data=PAIRS --vgg_weights=FILE
                                                     at most an hour on 2 CPU cores (docs/sharingan.md)
python experiments/sharingan.py --preset=paper --train_data=GOPRO --test_data=GOPRO --blurred=blur_gamma
                                                     the paper's schedule, a day on a GPU
python experiments/sharingan.py --variant=deblurgan  the baseline of papers 3 and 4: penalty weight 10
"""

from functools import partial

from gandeblur.data.blur.motion import MotionBlur
from gandeblur.data.blur.trajectories import PAPER
from gandeblur.evaluation import metrics
from gandeblur.experiments import run
from gandeblur.experiments.paper import Experiment, Layer, Preset, Variant
from gandeblur.losses import adversarial, gradient_penalty
from gandeblur.models import sharingan
from gandeblur.training import schedules
from gandeblur.training.gan import Term, between_images, of_both_logits, of_restored_logits, of_slopes

# Section 3.1 and figure 4: "two strided convolution blocks [...], nine residual blocks and two transposed convolution
# blocks"; "dropout regularization with a probability of 0.5"; widths as DeblurGAN.
MAPS = 64
BLOCKS = 9
DROPOUT = 0.5

GENERATOR_LAYERS = (
    Layer("conv_in", "7x7", 1, 3, 64, 9_472),
    Layer("down1", "3x3", 2, 64, 128, 73_856),
    Layer("down2", "3x3", 2, 128, 256, 295_168),
    *(
        Layer(f"block{block}_conv{number}", "3x3", 1, 256, 256, 590_080)
        for block in range(1, BLOCKS + 1)
        for number in (1, 2)
    ),
    Layer("up1", "3x3", 2, 256, 128, 295_040),
    Layer("up2", "3x3", 2, 128, 64, 73_792),
    Layer("conv_out", "7x7", 1, 64, 3, 9_411),
)
# PatchGAN of pix2pix, as DeblurGAN.
CRITIC_LAYERS = (
    Layer("conv1", "4x4", 2, 3, 64, 3_136),
    Layer("conv2", "4x4", 2, 64, 128, 131_200),
    Layer("conv3", "4x4", 2, 128, 256, 524_544),
    Layer("conv4", "4x4", 1, 256, 512, 2_097_664),
    Layer("conv5", "4x4", 1, 512, 1, 8_193),
)

# Equation 6; the weight is open here, 100 in DeblurGAN.
CONTENT_WEIGHT = 100.0
WASSERSTEIN = Term("adversarial", of_restored_logits(adversarial.wasserstein_generator))
CRITIC = Term("minus_wasserstein_gap", of_both_logits(adversarial.wasserstein_critic))  # equation 8


def _variant(description, ours, penalty_weight):
    return Variant(
        description=description,
        ours=ours,
        generator=lambda identity_noise: sharingan.generator(
            maps=MAPS, blocks=BLOCKS, dropout=DROPOUT, output_stddev=0.02 if identity_noise is None else identity_noise
        ),
        discriminator=lambda _: sharingan.critic(maps=MAPS),
        generator_terms=lambda content: (Term("content", between_images(content), CONTENT_WEIGHT), WASSERSTEIN),
        discriminator_terms=(
            CRITIC,
            Term("penalty", of_slopes(gradient_penalty.gradient_penalty), penalty_weight),
        ),
        layers={"generator": GENERATOR_LAYERS, "discriminator": CRITIC_LAYERS},
        size_multiple=4,
    )


# DeblurGAN's script leaves out its shortest exposure, 1/100 of the path, which blurs next to nothing.
BLUR = MotionBlur(PAPER, exposures=(1 / 10, 1 / 2, 1.0))

SMALL = (
    "crops of 96x96 instead of 256x256",
    "one critic step per generator step instead of 5: a step on 2 CPU cores takes a second",
    "the last convolution starts near 0, so that the generator starts as the identity, not as noise",
)

EXPERIMENT = Experiment(
    name="sharingan",
    title="SharinGAN: Image DeBlurring with Conditional GANs",
    citation="D. Chatterjee, R. JV, K. Buddha, V. Vaidyanathan. University of Minnesota. "
    "DeblurGAN: O. Kupyn et al., CVPR 2018.",
    degradations=(BLUR,),
    degradation_text="pairs as they are; sharp photographs blurred along random camera paths (docs/blur.md, `PAPER`)",
    pair_degradations=(),
    test_size_px=None,
    protocol=metrics.RGB,  # open in the paper
    baselines={},
    variants={
        "sharingan": _variant(
            "WGAN-GP with penalty weight 100 (section 2.5.2) and perceptual loss", "SharinGAN", 100.0
        ),
        "deblurgan": _variant("the baseline of papers 3 and 4: penalty weight 10, as DeblurGAN", "DeblurGAN", 10.0),
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
                "a learning rate of 2e-4 instead of 1e-4",
                "the content loss is the mean absolute error of pixels: VGG19 features would need a download",
                "200 generator steps instead of 60,000, on five photographs",
            ),
        ),
        "cpu_hour": Preset(
            description="folders of pairs and photographs, at most an hour on 2 CPU cores",
            value_range=(-1.0, 1.0),
            crop_px=96,
            batch_size=1,
            epochs=25,
            steps_per_epoch=100,
            learning_rate=1e-4,
            beta_1=0.5,
            schedule=partial(schedules.LinearToZero, constant_share=0.5),
            identity_noise=1e-3,
            perceptual=True,
            pixel_weight=100_000.0,
            discriminator_steps=1,
            departures=(
                *SMALL,
                "2,500 generator steps instead of 60,000",
                "100,000 times the mean absolute error of pixels is added: in so few steps, the perceptual loss alone "
                "leaves a grid and a shift of brightness that it does not see",
            ),
        ),
        "paper": Preset(
            description="the paper's schedule: GoPro shrunk by 2, crops of 256x256, 300 epochs of 1,000 images",
            value_range=(-1.0, 1.0),
            crop_px=256,
            batch_size=1,
            epochs=300,
            steps_per_epoch=200,  # of 5 critic minibatches: 1,000 images
            learning_rate=1e-4,
            beta_1=0.5,  # DeblurGAN's; open in the paper
            schedule=partial(schedules.LinearToZero, constant_share=0.5),  # 150 epochs constant, 150 linear
            downsample=2,
            perceptual=True,
        ),
    },
    perceptual=("vgg19", "block3_conv3"),
    discriminator_steps=5,  # section 3.3
    table="section 4, as printed (its PSNR is out of line with every related paper)",
    reported={"GoPro, 300 test images": {"SharinGAN": (38.910459, 0.856854)}},
    departures=(
        "perceptual loss: features of Keras' VGG19 in its own range, divided by 127.5, the units of images in [-1, 1]",
        "the penalty's slope is that of the mean over the score map, as the critic's loss; DeblurGAN's code sums there",
        "a critic step never uses an image twice: each takes its own crops",
    ),
)

if __name__ == "__main__":
    run.main(EXPERIMENT)
