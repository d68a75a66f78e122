"""Second phases for the eye: from weights that pixels have trained, by what VGG sees and by the paper's critic.

python experiments/deblurgan.py --preset=eye --start=weights/deblurgan.npz --vgg_weights=FILE --precision=bfloat16 \
    --minutes=40 --train_data=PHOTOGRAPHS,PAIRS --workdir=runs/eye

Pixels alone make the mean of all sharp images that a blurred one may come from, and a mean is soft. The other phases
are its rivals, one difference each (docs/looks.md).
"""

import dataclasses

from gandeblur.experiments.paper import Smaller
from gandeblur.losses import pixel
from gandeblur.losses.features import DIRECTIONS, Directions
from gandeblur.training.gan import Term, between_images

# By the norms of their gradients at the restored crops of 96x96, the pixels have a third and the features two thirds.
PIXELS = Term("content", between_images(pixel.mean_absolute_error), 3_000.0)
TWO_DEPTHS = Directions("vgg19", ("block2_conv2", "block3_conv3"), "both")
FEATURES = Term("features", between_images(TWO_DEPTHS), 40.0)
CHANGES = {"batch_size": 4, "steps_per_epoch": 50, "epochs": 4}


def phases(adversary: Smaller, wasserstein: Term) -> dict[str, Smaller]:
    """Name -> phase, of a network whose second phase by pixels and its critic is `adversary`.

    Args:
        adversary: schedule, start and data are its.
        wasserstein: the generator's term by the critic.
    """

    def phase(description, features=FEATURES, critic=0.0, pixels=PIXELS):
        losses = {"content": pixels, "adversarial": dataclasses.replace(wasserstein, weight=critic)}
        return dataclasses.replace(
            adversary,
            changes={**adversary.changes, **CHANGES},
            description=f"a second phase for the eye, from --start: {description}",
            losses=losses,
            terms=(features,) if features else (),
            adversary=critic > 0,
        )

    return {
        "eye_pixels": phase("its control, pixels alone", features=None),
        "eye_features": phase("pixels and features"),
        "eye_measure": phase(
            "pixels and the measured distance itself", Term("features", between_images(DIRECTIONS), 70.0)
        ),
        "eye_average": phase(
            "pixels and features, pooled by means",
            Term("features", between_images(dataclasses.replace(TWO_DEPTHS, pooling="average")), 40.0),
        ),
        "eye_critic_1": phase("pixels, features, and a critic of a tenth of the gradient", critic=4.0),
        "eye_critic_3": phase("pixels, features, and a critic of three tenths", critic=16.0),
    }
