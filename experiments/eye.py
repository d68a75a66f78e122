"""Second phases for the eye: from weights that pixels have trained, by what VGG sees and by the paper's critic.

python experiments/deblurgan.py --preset=eye_first --start=weights/deblurgan.npz --vgg_weights=FILE \
    --precision=bfloat16 --train_data=PHOTOGRAPHS,PAIRS --workdir=runs/first
python experiments/deblurgan.py --preset=eye --start=runs/first (the rest as above) --workdir=runs/eye

Pixels alone make the mean of all sharp images that a blurred one may come from, and a mean is soft. The other phases
are its rivals, one difference each (docs/looks.md).
"""

from collections.abc import Mapping
from dataclasses import replace

from gandeblur.data.degradations import SHRINK
from gandeblur.experiments import recipes
from gandeblur.experiments.changes import (
    Change,
    batches_of,
    blurred_by,
    chain,
    crops_of,
    frozen_norm,
    lasting,
    pixels_as,
    replaced,
    with_own_losses,
    without_adversary,
)
from gandeblur.experiments.spec import Paper, Recipe
from gandeblur.losses import grid
from gandeblur.losses.features import DIRECTIONS, Directions
from gandeblur.losses.terms import OnFeatures, OnImages, Term


def _features(directions: Directions, weight: float) -> Term:
    return Term("features", OnFeatures(directions), weight)


FROZEN_NORM = (
    "batch normalisation keeps its moving averages, scale and offset: normalised by a crop, it would train a network "
    "that does not restore"
)

# By the norms of their gradients at the restored crops, the pixels have two fifths and the features three.
PIXELS = 3_000.0
TWO_DEPTHS = Directions("vgg19", ("block2_conv2", "block3_conv3"), "both")
FEATURES = _features(TWO_DEPTHS, 40.0)
AVERAGE = _features(replace(TWO_DEPTHS, pooling="average"), 40.0)
MEASURE = _features(DIRECTIONS, 70.0)
# At a grid of one grey level as strong as the others together; where there is none, it is a fifth of the gradient and
# mostly noise, of which the form for the eye takes a fourth.
GRID = Term("grid", OnImages(grid.grid_loss), 4e5)
GUARD = replace(GRID, weight=1e5)

# Two of thirteen paths are of one pixel: from photographs without a sharp part, a network learns to sharpen what is
# sharp, and a critic asks for more of it (docs/looks.md, "What is sharp already").
LIGHT = recipes.LIGHT_BLUR.motion
ONE_PX = 1 / LIGHT.parameters.length_px
FROM_SHARP = replace(recipes.LIGHT_BLUR, motion=replace(LIGHT, exposures=(ONE_PX, ONE_PX, *LIGHT.exposures)))

# The papers' own crops, one at a time: instance normalisation knows an image by its mean and deviation, and a crop of
# 96x96 is too little of a picture to know it by. Four such crops, in as many seconds, restore less and leave a grid.
PAPERS_CROPS = chain(crops_of(256), batches_of(1))
RIVAL = chain(PAPERS_CROPS, lasting(4, 50))
RIVALS_CRITIC = 2.0  # a fifth of the gradient beside features, a third beside pixels alone

# The form that came of the rivals: the measured distance leads; then a critic that learns faster.
FEWER_PIXELS = 2_000.0


def _form(paper: Paper) -> Paper:
    """Twenty epochs, the critic at twice the rate, with an average of the weights that restores."""
    training = replace(paper.training, learning_rate=1e-4, discriminator_rate=2e-4, ema=0.995)
    return chain(PAPERS_CROPS, lasting(20, 100))(replace(paper, training=training))


def _by(*terms: Term, critic: float = 0.0, pixels: float = PIXELS) -> Change:
    """Pixels, these terms, and the paper's adversary by the weight `critic`; 0: none."""

    def change(paper: Paper) -> Paper:
        (adversarial,) = (term for term in paper.generator_terms if term.adversarial)
        own = {"content": pixels_as("content", pixels), "adversarial": replace(adversarial, weight=critic)}
        paper = replace(paper, generator_terms=(*replaced(paper.generator_terms, **own), *terms))
        return paper if critic else without_adversary(paper)

    return change


def phases(adversary: Recipe, photographs: Change, last: Change, departures: tuple[str, ...]) -> dict[str, Recipe]:
    """Name -> phase, of networks whose second phase by pixels and adversary is `adversary`.

    Args:
        adversary: schedule, start and data are its.
        photographs: how `eye_first` and `eye` blur them.
        last: the losses of `eye`.
        departures: reasons of all of them.
    """

    def phase(description: str, *changes: Change) -> Recipe:
        described = f"a second phase for the eye, from --start: {description}"
        return Recipe(described, chain(adversary.change, *changes), departures)

    return {
        "eye_first": phase(
            "features that lead, pixels, and no grid", _form, photographs, _by(MEASURE, GUARD, pixels=FEWER_PIXELS)
        ),
        "eye": phase(
            "features that lead, pixels, a critic, and no grid, after eye_first",
            _form,
            photographs,
            last,
        ),
        "eye_pixels": phase("its control, pixels alone", RIVAL, _by()),
        "eye_features": phase("pixels and features", RIVAL, _by(FEATURES)),
        "eye_measure": phase("pixels and the measured distance", RIVAL, _by(MEASURE)),
        "eye_average": phase("features, pooled by means", RIVAL, _by(AVERAGE)),
        "eye_no_grid": phase("pixels, features, and no grid", RIVAL, _by(FEATURES, GRID)),
        "eye_adversary": phase("pixels and a critic", RIVAL, _by(critic=RIVALS_CRITIC)),
        "eye_critic": phase("pixels, the measured distance and a critic", RIVAL, _by(MEASURE, critic=RIVALS_CRITIC)),
        "eye_own_losses": Recipe(
            "a second phase, from --start: the paper's own losses",
            with_own_losses(chain(adversary.change, RIVAL)),
            departures,
        ),
    }


# With 9 % of the gradient. Critics of 20 % and more lead within 1,000 crops here, and leave a canvas (docs/looks.md).
DEBLURGAN: Mapping[str, Recipe] = phases(
    recipes.DEBLURGAN["adversary"],
    blurred_by(FROM_SHARP, SHRINK),
    _by(MEASURE, GUARD, critic=0.7, pixels=FEWER_PIXELS),
    (recipes.IDENTITY_START,),
)
# HKUST's generator, which doubles by repeating pixels, leaves no grid where the guard is felt; this critic, of 20 %,
# reaches the sharp image's gradient energy within 1,000 crops, and draws what is not there.
HKUST: Mapping[str, Recipe] = phases(
    replace(recipes.HKUST["adversary"], change=chain(recipes.HKUST["adversary"].change, frozen_norm)),
    blurred_by(FROM_SHARP),
    _by(MEASURE, replace(GRID, weight=1e6), critic=2.0, pixels=300.0),
    (recipes.AROUND_INPUT, FROZEN_NORM),
)
