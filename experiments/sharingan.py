"""SharinGAN: motion blur undone by DeblurGAN, built again, for object detection (Chatterjee et al., Minnesota).

python experiments/sharingan.py                      the embedded photographs, blurred by random camera paths: about 4
                                                     minutes on 2 CPU cores
python experiments/sharingan.py --stage=audit        layers and parameters
python experiments/sharingan.py --preset=cpu_hour --train_data=PAIRS,PHOTOGRAPHS --test_data=PAIRS --vgg_weights=FILE
                                                     at most an hour on 2 CPU cores (docs/training.md)
python experiments/sharingan.py --preset=paper --train_data=GOPRO --train_images=1000 --test_data=GOPRO --blurred=blur
                                                     the paper's schedule (docs/notes/scaling.md counts it)
"""

import dataclasses

from gandeblur.data.degradations import SHRINK
from gandeblur.evaluation import metrics
from gandeblur.experiments import deblurgan
from gandeblur.experiments.spec import Condition, Paper, Reported

PAPER: Paper = Paper(
    name="sharingan",
    title="SharinGAN: Image DeBlurring with Conditional GANs",
    citation="D. Chatterjee, R. JV, K. Buddha, V. Vaidyanathan. University of Minnesota.",
    description="WGAN-GP with penalty weight 100 (section 2.5.2) and perceptual loss",
    undoes="motion blur, of the camera and of what moves, up to some 20 pixels",
    ours="SharinGAN",
    generator=deblurgan.GENERATOR,  # section 3.1 and figure 4
    discriminator=deblurgan.CRITIC,
    value_range=(-1.0, 1.0),
    generator_terms=(deblurgan.PERCEPTUAL, deblurgan.WASSERSTEIN),  # equation 6; the weight is open
    discriminator_terms=(deblurgan.GAP, dataclasses.replace(deblurgan.PENALTY, weight=100.0)),  # 8 and section 2.5.2
    # Section 3.3: "1000 images", "256x256 [...] downsampled by a factor of 2".
    data=dataclasses.replace(deblurgan.PAPER.data, test={"": Condition((deblurgan.BLUR, SHRINK), ())}),
    training=deblurgan.TRAINING,  # section 3.3: 300 epochs, "5 steps over D [...] one step on G"; the rest is open
    protocol=metrics.RGB,  # open
    reported=Reported(
        "section 4, as printed",
        # "A test set of size 300", which "majorly contains the aerial images of weed fields": not GoPro's.
        {"300 images, mostly aerial photographs of weed fields": {"SharinGAN": (38.910459, 0.856854)}},
        sets={"300 images, mostly aerial photographs of weed fields": r".*(aerial|weed).*"},
    ),
    departures=deblurgan.DEPARTURES,
)

VARIANTS: dict[str, Paper] = {"sharingan": PAPER}

if __name__ == "__main__":
    from gandeblur.stages.options import main

    main("sharingan")
