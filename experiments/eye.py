"""Second phases for the eye: from weights that pixels have trained, by what VGG sees and by the paper's critic.

python experiments/hkust_gan.py --variant=eye --preset=eye --start=weights/hkust_gan.npz --vgg_weights=FILE \
    --precision=bfloat16 --train_data=PHOTOGRAPHS,PAIRS --workdir=runs/eye

Pixels alone make the mean of all sharp images that a blurred one may come from, and a mean is soft. The other phases
are its rivals, one difference each (docs/looks.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gandeblur.data.degradations import SHRINK
from gandeblur.experiments import recipes
from gandeblur.experiments.changes import (
    Change,
    batches_of,
    blurred_by,
    chain,
    lasting,
    pixels_as,
    replaced,
    without_adversary,
)
from gandeblur.experiments.spec import Paper, Recipe
from gandeblur.losses import grid
from gandeblur.losses.features import DIRECTIONS, Directions
from gandeblur.losses.terms import OnFeatures, OnImages, Term


def _features(directions: Directions, weight: float) -> Term:
    return Term("features", OnFeatures(directions), weight)


# By the norms of their gradients at the restored crops of 96x96, the pixels have a third and the features two thirds.
PIXELS = 3_000.0
TWO_DEPTHS = Directions("vgg19", ("block2_conv2", "block3_conv3"), "both")
FEATURES = _features(TWO_DEPTHS, 40.0)
AVERAGE = _features(replace(TWO_DEPTHS, pooling="average"), 40.0)
MEASURE = _features(DIRECTIONS, 70.0)
# At a grid of one grey level as strong as the others together; where there is none, it is a fifth of the gradient and
# mostly noise, of which the form for the eye takes a fourth.
GRID = Term("grid", OnImages(grid.grid_loss), 4e5)
GUARD = replace(GRID, weight=1e5)
RIVAL = chain(lasting(4, 50), batches_of(4))

# The form that came of the rivals: fewer pixels, all depths pooled by means, and a critic with 7 % of the gradient that
# learns faster. A critic of four times this weight leads within 1,000 crops (docs/looks.md).
FEWER_PIXELS = 2_000.0
ALL_DEPTHS = _features(replace(DIRECTIONS, relu="both", pooling="average"), 40.0)


def _form(paper: Paper) -> Paper:
    """Twenty epochs, the critic at twice the rate, with an average of the weights that restores."""
    training = replace(paper.training, learning_rate=1e-4, discriminator_rate=2e-4, ema=0.995)
    return chain(lasting(20, 100), batches_of(4))(replace(paper, training=training))


def _by(*terms: Term, critic: float = 0.0, pixels: float = PIXELS) -> Change:
    """Pixels, these terms, and the paper's adversary by the weight `critic`; 0: none."""

    def change(paper: Paper) -> Paper:
        (adversarial,) = (term for term in paper.generator_terms if term.adversarial)
        own = {"content": pixels_as("content", pixels), "adversarial": replace(adversarial, weight=critic)}
        paper = replace(paper, generator_terms=(*replaced(paper.generator_terms, **own), *terms))
        return paper if critic else without_adversary(paper)

    return change


def phases(
    adversary: Recipe, photographs: Change, departures: Sequence[str], of_critic: Sequence[str] = ()
) -> dict[str, Recipe]:
    """Name -> phase, of networks whose second phase by pixels and adversary is `adversary`.

    Args:
        adversary: schedule, start and data are its.
        photographs: how `eye` blurs them.
        departures: reasons of all of them.
        of_critic: of those with the critic, besides.
    """

    def phase(description: str, *changes: Change, critic: bool = False) -> Recipe:
        return Recipe(
            f"a second phase for the eye, from --start: {description}",
            chain(adversary.change, *changes),
            (*(of_critic if critic else ()), *departures),
        )

    return {
        "eye": phase(
            "features and a critic that lead, pixels, and no grid",
            _form,
            photographs,
            _by(ALL_DEPTHS, GUARD, critic=2.0, pixels=FEWER_PIXELS),
            critic=True,
        ),
        "eye_pixels": phase("its control, pixels alone", RIVAL, _by()),
        "eye_features": phase("pixels and features", RIVAL, _by(FEATURES)),
        "eye_measure": phase("pixels and the measured distance", RIVAL, _by(MEASURE)),
        "eye_average": phase("features, pooled by means", RIVAL, _by(AVERAGE)),
        "eye_no_grid": phase("pixels, features, and no grid", RIVAL, _by(FEATURES, GRID)),
        "eye_critic": phase("pixels, features and a critic", RIVAL, _by(FEATURES, critic=16.0), critic=True),
    }


DEBLURGAN: Mapping[str, Recipe] = phases(
    recipes.DEBLURGAN["adversary"], blurred_by(recipes.LIGHT_BLUR, SHRINK), (recipes.IDENTITY_START,)
)
HKUST: Mapping[str, Recipe] = phases(
    recipes.HKUST["adversary"], blurred_by(recipes.LIGHT_BLUR), (recipes.AROUND_INPUT,), (recipes.SMALL_IMAGES,)
)
