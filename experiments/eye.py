"""Second phases for the eye: from weights that pixels have trained, by what VGG sees and by the paper's critic.

python experiments/deblurgan.py --preset=eye --start=weights/deblurgan.npz --vgg_weights=FILE --precision=bfloat16 \
    --minutes=40 --train_data=PHOTOGRAPHS,PAIRS --workdir=runs/eye

Pixels alone make the mean of all sharp images that a blurred one may come from, and a mean is soft. The other phases
are its rivals, one difference each (docs/looks.md).
"""

import dataclasses
from collections.abc import Sequence

from gandeblur.experiments.paper import Smaller
from gandeblur.data.degradations import Step
from gandeblur.losses import grid, pixel
from gandeblur.losses.features import DIRECTIONS, Directions
from gandeblur.training.gan import Term, between_images

# By the norms of their gradients at the restored crops of 96x96, the pixels have a third and the features two thirds.
PIXELS = Term("content", between_images(pixel.mean_absolute_error), 3_000.0)
TWO_DEPTHS = Directions("vgg19", ("block2_conv2", "block3_conv3"), "both")
FEATURES = Term("features", between_images(TWO_DEPTHS), 40.0)
RIVALS = {"batch_size": 4, "steps_per_epoch": 50, "epochs": 4}

# The form that came of the rivals: fewer pixels, all depths pooled by means, a critic that learns faster, and a guard
# against its grid.
# Shares of the gradient in the first 100 steps: 18 % pixels, 42 % features, 18 % grid, 22 % critic. With half the
# pixels and twice the critic they were 7, 44, 14 and 34 %, and the validation PSNR was 0.2 dB lower.
FEWER_PIXELS = dataclasses.replace(PIXELS, weight=2_000.0)
ALL_DEPTHS = Term("features", between_images(dataclasses.replace(DIRECTIONS, relu="both", pooling="average")), 40.0)
GRID = Term("grid", between_images(grid.grid_loss), 4e5)  # at a grid of one grey level as strong as the others together
EYE = {
    "batch_size": 4,
    "steps_per_epoch": 100,
    "epochs": 20,
    "learning_rate": 2e-4,
    "discriminator_rate": 2e-4,
    "ema": 0.995,
}


def phases(
    adversary: Smaller,
    wasserstein: Term,
    photographs: Sequence[Step],
    departures: Sequence[str],
    of_critic: Sequence[str] = (),
) -> dict[str, Smaller]:
    """Name -> phase, of a network whose second phase by pixels and its critic is `adversary`.

    Args:
        adversary: schedule, start and data are its.
        wasserstein: the generator's term by the critic.
        photographs: how `eye` blurs them.
        departures: reasons of all of them.
        of_critic: of those with the critic, besides.
    """

    def phase(description, *terms, critic=0.0, pixels=PIXELS, changes=RIVALS):
        losses = {"content": pixels, "adversarial": dataclasses.replace(wasserstein, weight=critic)}
        return dataclasses.replace(
            adversary,
            changes={**adversary.changes, **changes},
            description=f"a second phase for the eye, from --start: {description}",
            losses=losses,
            terms=terms,
            adversary=critic > 0,
            departures=(*(of_critic if critic else ()), *departures),
        )

    average = dataclasses.replace(TWO_DEPTHS, pooling="average")
    average = dataclasses.replace(TWO_DEPTHS, pooling="average")
    form = {"critic": 8.0, "pixels": FEWER_PIXELS, "changes": {**EYE, "photographs": photographs}}
    return {
        "eye": phase("features and a critic that lead, pixels, and no grid", ALL_DEPTHS, GRID, **form),
        "eye_pixels": phase("its control, pixels alone"),
        "eye_features": phase("pixels and features", FEATURES),
        "eye_measure": phase("pixels and the measured distance", Term("features", between_images(DIRECTIONS), 70.0)),
        "eye_average": phase("features, pooled by means", Term("features", between_images(average), 40.0)),
        "eye_no_grid": phase("pixels, features, and no grid", FEATURES, GRID),
        "eye_critic": phase("pixels, features and a critic", FEATURES, critic=16.0),
    }
