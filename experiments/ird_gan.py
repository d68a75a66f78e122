"""IRD-GAN: motion blur undone by inception-residual-dense blocks (Chen and Chang, NTHU).

python experiments/ird_gan.py                        the embedded photographs, blurred by random camera paths: about 4
                                                     minutes on 2 CPU cores
python experiments/ird_gan.py --stage=audit          layers and parameters
python experiments/ird_gan.py --preset=cpu_hour --train_data=PAIRS,PHOTOGRAPHS --test_data=PAIRS --vgg_weights=FILE
                                                     at most an hour on 2 CPU cores (docs/training.md)
python experiments/ird_gan.py --preset=paper --train_data=GOPRO,COCO --test_data=GOPRO --blurred=blur
                                                     the paper's schedule (docs/notes/scaling.md counts it)
    with --variant=ird,kupyn                         Table 1: also DeblurGAN, by the same data and steps
python experiments/ird_gan.py --variant=no_residual  an ablation; also no_l1, no_skip
"""

import dataclasses

from gandeblur.evaluation import metrics

# Section 3 takes DeblurGAN's critic and losses, and blurs photographs as it does.
from gandeblur.experiments.deblurgan import (
    BLUR,
    CRITIC,
    GAP,
    PENALTY,
    PERCEPTUAL,
    WASSERSTEIN,
)
from gandeblur.experiments.spec import Condition, Data, Network, Paper, Reported, Training
from gandeblur.losses import pixel
from gandeblur.losses.terms import OnImages, Term
from gandeblur.models import ird_gan
from gandeblur.training import schedules

L1: Term = Term("l1", OnImages(pixel.mean_absolute_error), 170.0)

PAPER: Paper = Paper(
    name="ird_gan",
    title="IRD-GAN: Blind Motion Deblurring via InceptionResDenseNet by Using GAN Model",
    citation="Z.-M. Chen, L.-W. Chang. National Tsing Hua University.",
    description="the whole network, WGAN-GP, perceptual and L1 loss (equation 7)",
    undoes="motion blur, of the camera and of what moves, up to some 20 pixels",
    ours="IRD-GAN",
    # Section 3.1: N = 64, nine blocks, "dropout [...] 0.2".
    generator=Network(
        ird_gan.generator,
        {"maps": 64, "blocks": 9, "dropout": 0.2, "output_stddev": 0.02, "residual": True, "skip": True},
        tiny={"maps": 3, "blocks": 1},
        parameters=5_343_683,
        size_multiple=4,
    ),
    discriminator=CRITIC,
    value_range=(-1.0, 1.0),
    generator_terms=(PERCEPTUAL, L1, WASSERSTEIN),  # equation 7: L = L_WGAN + 100 L_per + 170 L_1
    discriminator_terms=(GAP, PENALTY),  # its weight is open
    data=Data(photographs=(BLUR,), pairs=(), test={"": Condition((BLUR,), ())}, crop_px=256),
    training=Training(
        learning_rate=1e-4,
        beta_1=0.5,  # DeblurGAN's; open in the paper
        batch_size=1,
        epochs=300,
        steps_per_epoch=3217,  # a generator step on each image: "3 days" agree
        schedule=schedules.LinearToZero(constant_share=0.5),  # 150 epochs constant, 150 linear
        discriminator_steps=5,
    ),
    protocol=metrics.RGB,  # open
    reported=Reported(
        "Table 1",
        {
            "GoPro test": {
                "Kupyn et al.": (27.1739, 0.8338),  # re-trained on the same data, as Ramakrishnan et al.
                "Ramakrishnan et al.": (25.8340, 0.7898),
                "IRD-GAN": (27.7883, 0.8472),
            }
        },
        sets={"GoPro test": r"gopro.*/test/.*"},
        columns={"deblurgan": "Kupyn et al."},
    ),
    departures=(
        "perceptual loss: features of Keras' VGG19 in its own range, divided by 127.5, the units of images in [-1, 1]",
        "no normalisation behind the critic's first convolution, as in DeblurGAN's code; the text leaves out the last "
        "one only",
        "scores of the critic are unbounded, as WGAN-GP needs them; the text also speaks of [0, 1]",
        "the penalty's slope is that of the mean over the score map, as the critic's loss",
        "each of the five critic steps takes crops of its own",
        "the L1 loss is that of images in [0, 1]; in [-1, 1] (the paper does not say) it would count twice",
        "dropout falls on the maps that a block adds, not on all that it passes on",
        "perceptual loss: DeblurGAN's layer; the text's \"14th convolution\" is conv5_2; dropout off at test time",
        "crops are also flipped horizontally; a part of the set validates; Adam's epsilon 1e-7",
        "synthetic blur repeats the border and keeps the brightness, which DeblurGAN's code does not",
    ),
)


def _ablation(ours, description, generator_terms=PAPER.generator_terms, **widths):
    generator = dataclasses.replace(PAPER.generator, widths={**PAPER.generator.widths, **widths})
    changes = {"description": description, "generator": generator, "generator_terms": generator_terms}
    return dataclasses.replace(PAPER, ours=ours, **changes)


VARIANTS: dict[str, Paper] = {
    "ird": PAPER,
    "no_residual": _ablation(
        "IRD-GAN, no residuals", "ablation: no residual connection inside the blocks", residual=False
    ),
    "no_l1": _ablation("IRD-GAN, no L1", "ablation: without the L1 term", (PERCEPTUAL, WASSERSTEIN)),
    "no_skip": _ablation("IRD-GAN, no skip", "ablation: without the global skip connection (equation 6)", skip=False),
}

if __name__ == "__main__":
    from gandeblur.stages.options import main

    main("ird_gan")
