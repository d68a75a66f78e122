"""DeblurGAN: motion blur undone by a Wasserstein GAN with perceptual loss (Kupyn et al., CVPR 2018).

python experiments/deblurgan.py                      the embedded photographs, blurred by random camera paths: about 4
                                                     minutes on 2 CPU cores
python experiments/deblurgan.py --stage=audit        layers and parameters
python experiments/deblurgan.py --preset=paper --train_data=GOPRO,PHOTOGRAPHS --test_data=GOPRO --blurred=blur
                                                     the paper's schedule, "6 days" on its GPU; about two
                                                     photographs per pair, with sides of 512 pixels or more
Three other papers compare with it, and take from here what they share with it; two of them its schedules, too.
"""

import dataclasses

from gandeblur.experiments.paper import (
    Condition,
    Data,
    Experiment,
    Network,
    Paper,
    Reported,
    Smaller,
    Training,
    adversarial_phase,
    large,
    own_losses,
)
from gandeblur.data.blur.motion import MotionBlur, TwoMotions
from gandeblur.data.blur.trajectories import PAPER as PRINTED
from gandeblur.data.blur.trajectories import SCRIPT
from gandeblur.data.degradations import SHRINK
from gandeblur.evaluation import metrics
from gandeblur.losses import adversarial, gradient_penalty, pixel
from gandeblur.losses.perceptual import Perceptual
from gandeblur.losses.terms import OnBothLogits, OnFeatures, OnImages, OnRestoredLogits, OnSlopes, Term
from gandeblur.models import deblurgan
from gandeblur.training import schedules

# What the authors' script draws, without the shortest of Algorithm 1's exposures, which it leaves out.
BLUR = MotionBlur(SCRIPT, exposures=(1 / 10, 1 / 2, 1.0))

GENERATOR = Network(  # section 3.2: "two strided convolution blocks [...], nine residual blocks", "dropout [...] 0.5"
    deblurgan.generator,
    {"maps": 64, "blocks": 9, "dropout": 0.5, "output_stddev": 0.02},
    parameters=11_378_179,
    size_multiple=4,
)
CRITIC = Network(deblurgan.critic, {"maps": 64}, parameters=2_764_737)

# Equation 2: L = L_GAN + 100 L_X. "Layer 14" of VGG19 in the authors' code is conv3_3 before its ReLU.
PERCEPTUAL = Term("content", OnFeatures(Perceptual("vgg19", "block3_conv3", relu=False)), 100.0)
WASSERSTEIN = Term("adversarial", OnRestoredLogits(adversarial.wasserstein_generator), adversarial=True)
GAP = Term("minus_wasserstein_gap", OnBothLogits(adversarial.wasserstein_critic))
PENALTY = Term("penalty", OnSlopes(gradient_penalty.gradient_penalty), 10.0)

TRAINING = Training(  # section 5: "5 gradient descent steps on D, then one step on G"
    learning_rate=1e-4,
    beta_1=0.5,  # the authors' code
    batch_size=1,
    epochs=300,
    steps_per_epoch=1000,  # a generator step on each of 1,000 GoPro images, in the authors' code
    schedule=schedules.LinearToZero(constant_share=0.5),  # 150 epochs constant, 150 linear
    discriminator_steps=5,
)
DEPARTURES = (  # of all papers that follow the authors' code
    "perceptual loss: features of Keras' VGG19 in its own range, divided by 127.5, the units of images in [-1, 1]",
    "no normalisation behind the critic's first convolution, as in DeblurGAN's code; the text leaves out the last "
    "one only",
    "the penalty's slope is that of the mean over the score map, as the critic's loss; DeblurGAN's code sums there",
    "each of the five critic steps takes crops of its own; DeblurGAN's code shows the critic one image five times",
    "crops are also flipped horizontally",
)

PAPER = Paper(
    name="deblurgan",
    title="DeblurGAN: Blind Motion Deblurring Using Conditional Adversarial Networks",
    citation="O. Kupyn, V. Budzan, M. Mykhailych, D. Mishkin, J. Matas. CVPR 2018.",
    description="WGAN-GP with penalty weight 10 and perceptual loss",
    undoes="motion blur, of the camera and of what moves, up to some 20 pixels",
    ours="DeblurGAN Comb",
    generator=GENERATOR,
    discriminator=CRITIC,
    value_range=(-1.0, 1.0),
    generator_terms=(PERCEPTUAL, WASSERSTEIN),
    discriminator_terms=(GAP, PENALTY),
    data=Data(
        photographs=(BLUR, SHRINK),
        pairs=(),
        test={"": Condition((BLUR,), (), full_size=True)},
        crop_px=256,
        downsample=2,
    ),
    training=TRAINING,
    protocol=metrics.RGB,  # open
    reported=Reported(
        "Table 1",
        {
            "GoPro test": {
                "DeblurGAN WILD": (27.2, 0.954),  # trained on GoPro,
                "DeblurGAN Synth": (23.6, 0.884),  # on blurred photographs,
                "DeblurGAN Comb": (28.7, 0.958),  # on one of the former to two of the latter
            }
        },
        sets={"GoPro test": r"gopro.*/test/blur"},  # "the linear image subset"
    ),
    dropout_at_test=True,  # section 5: "At inference time [...] apply both dropout and instance normalization"
    departures=DEPARTURES,
)
IDENTITY_START = "the last convolution starts near 0, so that the generator starts as the identity, not as noise"
FEATURES_FOLLOW = (
    "the pixels lead, the adversary has some 5 % of the generator's gradient: in so few steps, the perceptual loss "
    "leaves a grid and a shift of brightness that it does not see"
)
QUICK = Smaller(
    "the embedded photographs, minutes on 2 CPU cores",
    {
        "crop_px": 96,
        "downsample": 1,
        "batch_size": 2,
        "learning_rate": 5e-4,
        "discriminator_rate": 1e-4,
        "cosine_basis": True,
        "schedule": schedules.Cosine(),
        "epochs": 5,
        "steps_per_epoch": 40,
        "discriminator_steps": 1,
        "output_stddev": 1e-4,
        "dropout_at_test": False,
    },
    losses={"content": Term("content", OnImages(pixel.mean_absolute_error), 6_000.0)},
    departures=(
        IDENTITY_START,
        "the pixels lead, the adversary has some 5 % of the generator's gradient; no perceptual loss: VGG's features "
        "would need a download",
    ),
)

# What the long trainings blur photographs by: nearly straight paths of 4 to 34 pixels, two in each image, and means of
# light, as a camera takes them, not of stored values. On REDS light was worth 0.7 dB, the second path 0.2
# (docs/learning.md).
LIGHT_BLUR = TwoMotions(
    MotionBlur(PRINTED, exposures=tuple(px / PRINTED.length_px for px in range(4, 35, 3))), gamma=(2.2, 4.0)
)
# Short trainings learn one law of light at the other's cost, unless each image has its own, stored values (1) included.
ANY_LIGHT = dataclasses.replace(LIGHT_BLUR, gamma=(1.0, 4.0))

CPU_HOUR = Smaller(
    "folders of pairs and photographs, at most an hour on 2 CPU cores",
    {**QUICK.changes, "photographs": (ANY_LIGHT, SHRINK), "epochs": 25, "steps_per_epoch": 60},
    losses={"content": dataclasses.replace(PERCEPTUAL, weight=5.0)},
    terms=(Term("pixel", OnImages(pixel.mean_absolute_error), 5_000.0),),
    departures=(IDENTITY_START, FEATURES_FOLLOW),
)

PIXELS = Smaller(
    "the first of two phases: pixels alone",
    {
        **QUICK.changes,
        "photographs": (ANY_LIGHT, SHRINK),
        "batch_size": 4,
        "dropout": 0.0,
        "epochs": 10,
        "steps_per_epoch": 100,
    },
    losses=QUICK.losses,
    adversary=False,
    departures=(IDENTITY_START,),
)
ADVERSARY = adversarial_phase(QUICK, photographs=(ANY_LIGHT, SHRINK), dropout=0.0)
LARGE = {"photographs": (LIGHT_BLUR, SHRINK), "crop_px": 256, "batch_size": 8}
PRESETS = {
    "quick": QUICK,
    "cpu_hour": CPU_HOUR,
    "pixels": PIXELS,
    "adversary": ADVERSARY,
    "own_losses": own_losses(ADVERSARY, (IDENTITY_START,)),
    "large_pixels": large(PIXELS, **LARGE),
    "large_adversary": large(ADVERSARY, **LARGE),
}

EXPERIMENT = Experiment({"deblurgan": PAPER}, PRESETS)

if __name__ == "__main__":
    from gandeblur.experiments.script import main

    main(EXPERIMENT)
