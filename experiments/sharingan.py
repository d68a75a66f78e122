"""SharinGAN: motion blur undone by DeblurGAN, built again, for object detection (Chatterjee et al., Minnesota).

python experiments/sharingan.py                      the embedded photographs, blurred by random camera paths: about 5
                                                     minutes on 2 CPU cores; stays below the blurred input
python experiments/sharingan.py --stage=audit        layers and parameters
python experiments/sharingan.py --preset=cpu_hour --train_data=PAIRS,PHOTOGRAPHS --test_data=PAIRS --vgg_weights=FILE
                                                     at most an hour on 2 CPU cores (docs/sharingan.md)
python experiments/sharingan.py --preset=paper --train_data=GOPRO --test_data=GOPRO --blurred=blur_gamma
                                                     the paper's schedule, a day on a GPU
"""

from gandeblur.experiments.paper import Condition, Data, Experiment, Network, Paper, Reported, Smaller, Training
from gandeblur.data.blur.motion import MotionBlur
from gandeblur.data.blur.trajectories import PAPER as PATHS
from gandeblur.data.degradations import SHRINK
from gandeblur.evaluation import metrics
from gandeblur.losses import adversarial, gradient_penalty, pixel
from gandeblur.losses.perceptual import Perceptual
from gandeblur.models import sharingan
from gandeblur.training import schedules
from gandeblur.training.gan import Term, between_images, of_both_logits, of_restored_logits, of_slopes

# DeblurGAN's script leaves out its shortest exposure, 1/100 of the path, which blurs next to nothing.
BLUR = MotionBlur(PATHS, exposures=(1 / 10, 1 / 2, 1.0))
CRITIC = Network(sharingan.critic, {"maps": 64}, parameters=2_764_737)
WASSERSTEIN = Term("adversarial", of_restored_logits(adversarial.wasserstein_generator))
GAP = Term("minus_wasserstein_gap", of_both_logits(adversarial.wasserstein_critic))
# "Layer 14" of VGG19 in DeblurGAN's code.
PERCEPTUAL = Term("content", between_images(Perceptual("vgg19", "block3_conv3", relu=False)), 100.0)

PAPER = Paper(
    name="sharingan",
    title="SharinGAN: Image DeBlurring with Conditional GANs",
    citation="D. Chatterjee, R. JV, K. Buddha, V. Vaidyanathan. University of Minnesota.",
    description="WGAN-GP with penalty weight 100 (section 2.5.2) and perceptual loss",
    ours="SharinGAN",
    # Section 3.1 and figure 4; widths as DeblurGAN.
    generator=Network(
        sharingan.generator,
        {"maps": 64, "blocks": 9, "dropout": 0.5, "output_stddev": 0.02},
        parameters=11_378_179,
        size_multiple=4,
    ),
    discriminator=CRITIC,
    value_range=(-1.0, 1.0),
    generator_terms=(PERCEPTUAL, WASSERSTEIN),  # equation 6; the weight is open, 100 in DeblurGAN
    discriminator_terms=(GAP, Term("penalty", of_slopes(gradient_penalty.gradient_penalty), 100.0)),  # 8 and 2.5.2
    data=Data(
        photographs=(BLUR, SHRINK),
        pairs=(),
        test={"": Condition((BLUR, SHRINK), ())},
        crop_px=256,
        downsample=2,
    ),
    training=Training(
        learning_rate=1e-4,
        beta_1=0.5,  # DeblurGAN's; open in the paper
        batch_size=1,
        epochs=300,
        steps_per_epoch=1000,  # "1000 images"; DeblurGAN's code takes a generator step on each
        schedule=schedules.LinearToZero(constant_share=0.5),  # 150 epochs constant, 150 linear, as DeblurGAN
        discriminator_steps=5,  # section 3.3
    ),
    protocol=metrics.RGB,  # open
    reported=Reported(
        "section 4, as printed",
        # "A test set of size 300", which "majorly contains the aerial images of weed fields": not GoPro's.
        {"300 images, mostly aerial photographs of weed fields": {"SharinGAN": (38.910459, 0.856854)}},
    ),
    departures=(
        "perceptual loss: features of Keras' VGG19 in its own range, divided by 127.5, the units of images in [-1, 1]",
        "no normalisation behind the critic's first convolution, as in DeblurGAN's code; the text leaves out the last "
        "one only",
        "the penalty's slope is that of the mean over the score map, as the critic's loss; DeblurGAN's code sums there",
        "each of the five critic steps takes crops of its own; DeblurGAN's code shows the critic one image five times",
        "crops are also flipped horizontally",
    ),
)

QUICK = Smaller(
    "the embedded photographs, minutes on 2 CPU cores: shows that everything works, no more",
    {
        "crop_px": 96,
        "downsample": 1,
        "learning_rate": 2e-4,
        "epochs": 5,
        "steps_per_epoch": 40,
        "discriminator_steps": 1,
        "output_stddev": 1e-3,
    },
    losses={"content": pixel.mean_absolute_error},
    departures=(
        "the last convolution starts near 0, so that the generator starts as the identity, not as noise",
        "no perceptual loss: VGG's features would need a download",
    ),
)
CPU_HOUR = Smaller(
    "folders of pairs and photographs, at most an hour on 2 CPU cores",
    {**QUICK.changes, "learning_rate": 1e-4, "epochs": 25, "steps_per_epoch": 100},
    terms=(Term("pixel", between_images(pixel.mean_absolute_error), 100_000.0),),
    departures=(
        QUICK.departures[0],
        "the pixel term: in so few steps, the perceptual loss alone leaves a grid and a shift of brightness that it "
        "does not see",
    ),
)

EXPERIMENT = Experiment({"sharingan": PAPER}, {"quick": QUICK, "cpu_hour": CPU_HOUR})

if __name__ == "__main__":
    from gandeblur.experiments.script import main

    main(EXPERIMENT)
