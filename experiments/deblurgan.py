"""DeblurGAN: motion blur undone by a Wasserstein GAN with perceptual loss (Kupyn et al., CVPR 2018).

python experiments/deblurgan.py                      the embedded photographs, blurred by random camera paths: about 4
                                                     minutes on 2 CPU cores
python experiments/deblurgan.py --stage=audit        layers and parameters
python experiments/deblurgan.py --preset=paper --train_data=GOPRO,PHOTOGRAPHS --test_data=GOPRO --blurred=blur
    the paper's schedule, "6 days" on its GPU; about two photographs per pair, with sides of 512 pixels or more; with
    MS COCO's, which hardly ever have them: --variant=coco
Quotations are second-hand: of the authors' code and of papers that cite it (docs/deblurgan.md). Three other papers
compare with it, and take from here what they share with it.
"""

from gandeblur.data.blur.motion import MotionBlur
from gandeblur.data.blur.trajectories import SCRIPT
from gandeblur.data.degradations import SHRINK
from gandeblur.evaluation import metrics
from gandeblur.experiments.spec import Condition, Data, Network, Paper, Reported, Training
from gandeblur.losses import adversarial, gradient_penalty
from gandeblur.losses.perceptual import Perceptual
from gandeblur.losses.terms import OnBothLogits, OnFeatures, OnRestoredLogits, OnSlopes, Term
from gandeblur.models import deblurgan
from gandeblur.training import schedules

# What the authors' script draws, without the shortest of Algorithm 1's exposures, which it leaves out.
BLUR: MotionBlur = MotionBlur(SCRIPT, exposures=(1 / 10, 1 / 2, 1.0))

# Section 3.2: "two strided convolution blocks [...], nine residual blocks", "dropout [...] 0.5".
GENERATOR: Network = Network(
    deblurgan.generator,
    {"maps": 64, "blocks": 9, "dropout": 0.5, "output_stddev": 0.02},
    tiny={"maps": 3, "blocks": 1},
    parameters=11_378_179,
    size_multiple=4,
)
CRITIC: Network = Network(deblurgan.critic, {"maps": 64}, tiny={"maps": 3}, parameters=2_764_737)

# Equation 2: L = L_GAN + 100 L_X. "Layer 14" of VGG19 in the authors' code is conv3_3 before its ReLU.
PERCEPTUAL: Term = Term("content", OnFeatures(Perceptual("vgg19", "block3_conv3", relu=False)), 100.0)
WASSERSTEIN: Term = Term("adversarial", OnRestoredLogits(adversarial.wasserstein_generator), adversarial=True)
GAP: Term = Term("minus_wasserstein_gap", OnBothLogits(adversarial.wasserstein_critic))
PENALTY: Term = Term("penalty", OnSlopes(gradient_penalty.gradient_penalty), 10.0)

TRAINING: Training = Training(  # section 5: "5 gradient descent steps on D, then one step on G"
    learning_rate=1e-4,
    beta_1=0.5,  # the authors' code
    batch_size=1,
    epochs=300,
    steps_per_epoch=1000,  # a generator step on each of 1,000 GoPro images, in the authors' code
    schedule=schedules.LinearToZero(constant_share=0.5),  # 150 epochs constant, 150 linear
    discriminator_steps=5,
)
DEPARTURES: tuple[str, ...] = (  # of all papers that follow the authors' code
    "perceptual loss: features of Keras' VGG19 in its own range, divided by 127.5, the units of images in [-1, 1]",
    "no normalisation behind the critic's first convolution, as in DeblurGAN's code; the text leaves out the last "
    "one only",
    "the penalty's slope is that of the mean over the score map, over all of the image; DeblurGAN's code sums the map "
    "and takes the slope of each pixel, which asks for some 0.2 of this slope",
    "each of the five critic steps takes crops of its own; DeblurGAN's code shows the critic one image five times",
    "crops are also flipped horizontally; a part of the set validates; all is taken, 1,000 images by --train_images",
    "shrinking by means, the authors' code: bicubic; Adam's epsilon 1e-7, PyTorch's 1e-8",
    "synthetic blur repeats the border and keeps the brightness; the authors' code has black beyond the border and "
    "stretches kernel and image between their least and greatest values",
)

PAPER: Paper = Paper(
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

VARIANTS: dict[str, Paper] = {"deblurgan": PAPER}

if __name__ == "__main__":
    from gandeblur.stages.options import main

    main("deblurgan")
