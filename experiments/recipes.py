"""Our schedules: recipes that train a paper's network in minutes or hours, where the papers took days.

A recipe is a function from the paper to the paper that runs in its place, made of the small changes of `changes.py`.
The changes become the run's list of departures; the reasons are stated here. `docs/training.md` gives the purpose and
the expected result of each recipe.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from gandeblur.data.blur.motion import MotionBlur, TwoMotions
from gandeblur.data.blur.trajectories import PAPER
from gandeblur.data.degradations import SHRINK
from gandeblur.experiments.changes import (
    Change,
    batches_of,
    blurred_by,
    chain,
    crops_of,
    drawn_start,
    fast,
    features_follow,
    generator_steps,
    l1_of,
    lasting,
    pixels_as,
    replaced,
    second_phase,
    widths,
    with_own_losses,
    without_adversary,
    zoomed_to,
)
from gandeblur.experiments.spec import Paper, Recipe

# The blur of photographs in the long trainings: nearly straight paths of 4 to 34 pixels, two in each image, and means
# of light, as a camera takes them, not of stored values. On REDS light was worth 0.7 dB, the second path 0.2
# (docs/notes/learning.md).
LIGHT_BLUR = TwoMotions(
    MotionBlur(PAPER, exposures=tuple(px / PAPER.length_px for px in range(4, 35, 3))), gamma=(2.2, 4.0)
)
# Short trainings learn one law of light at the other's cost, unless each image has its own, stored values (1) included.
ANY_LIGHT = replace(LIGHT_BLUR, gamma=(1.0, 4.0))


QUICK = "the embedded photographs, minutes on 2 CPU cores"
HOUR = "folders of pairs and photographs, at most an hour on 2 CPU cores"
PIXELS = "the first of two phases: pixels alone"
ADVERSARY = "the second of two phases: pixels and adversary, from the weights of the first, --start"
OWN_LOSSES = "the second of two phases by the paper's own losses, from the weights of the first, --start"


def large(recipe: Recipe, *changes: Change, steps_per_epoch: int = 200) -> Recipe:
    """A recipe with larger batches, for an accelerator; `--minutes` gives it its time."""

    def change(paper: Paper) -> Paper:
        phase = recipe.change(paper)
        return chain(lasting(phase.training.epochs, steps_per_epoch), *changes)(phase)

    return replace(recipe, description=f"{recipe.description}; large batches, for an accelerator", change=change)


# DeblurGAN, SharinGAN, IRD-GAN ---------------------------------------------------------------------------------------

IDENTITY_START = "the last convolution starts near 0, so that the generator starts as the identity, not as noise"
PIXELS_LEAD = (
    "the pixels lead, the adversary has some 5 % of the generator's gradient; no perceptual loss: VGG's features "
    "would need a download"
)
FEATURES_FOLLOW = (
    "the pixels lead, the adversary has some 5 % of the generator's gradient: in so few steps, the perceptual loss "
    "leaves a grid and a shift of brightness that it does not see"
)


def _one_critic_step(paper: Paper) -> Paper:
    """Small crops, two at a time, one step of the critic for each of the generator, pixels for features."""
    training = replace(fast(paper.training, 5e-4), batch_size=2, discriminator_steps=1)
    terms = replaced(paper.generator_terms, content=pixels_as("content", 6_000.0))
    return chain(crops_of(96), lasting(5, 40))(replace(paper, training=training, generator_terms=terms))


def _at_full_size(paper: Paper) -> Paper:
    return replace(paper, data=replace(paper.data, downsample=1), dropout_at_test=False)


_QUICK = chain(_one_critic_step, _at_full_size, widths(output_stddev=1e-4))
_FOLDERS = chain(_QUICK, blurred_by(ANY_LIGHT, SHRINK))
_SECOND = chain(_FOLDERS, second_phase, widths(dropout=0.0))
_LARGE = chain(blurred_by(LIGHT_BLUR, SHRINK), crops_of(256), batches_of(8))
_PIXELS = Recipe(
    PIXELS,
    chain(_FOLDERS, without_adversary, lasting(10, 100), batches_of(4), widths(dropout=0.0)),
    (IDENTITY_START,),
)
_ADVERSARY = Recipe(ADVERSARY, _SECOND, (IDENTITY_START, PIXELS_LEAD))
DEBLURGAN: Mapping[str, Recipe] = {
    "quick": Recipe(QUICK, _QUICK, (IDENTITY_START, PIXELS_LEAD)),
    "cpu_hour": Recipe(
        HOUR, chain(features_follow(_FOLDERS, 5.0, 5_000.0), lasting(25, 60)), (IDENTITY_START, FEATURES_FOLLOW)
    ),
    "pixels": _PIXELS,
    "adversary": _ADVERSARY,
    "own_losses": Recipe(OWN_LOSSES, with_own_losses(_SECOND), (IDENTITY_START,)),
    "large_pixels": large(_PIXELS, _LARGE),
    "large_adversary": large(_ADVERSARY, _LARGE),
}

# HKUST ---------------------------------------------------------------------------------------------------------------

SMALL_IMAGES = "the discriminator's dense layer is smaller, as its images are"
AROUND_INPUT = (
    "tanh of the network plus artanh of 0.99 times the input takes the place of tanh of the network: the mean of "
    "tanh and input would have to learn to be the input first"
)
OWN_STATISTICS = (
    "batch normalisation takes the statistics of the image at hand at test time: moving averages over few small "
    "crops leave a tint"
)


_QUICK = chain(_one_critic_step, widths(identity_start=1e-4, own_statistics=True))
# Frames resized to 256x256, the second reading of Table 4, are blurred less: the hour's crops are zoomed. A thousand
# steps of four crops are enough for moving averages; the image's own statistics are 0.2 dB worse.
_FOLDERS = chain(_QUICK, blurred_by(ANY_LIGHT), batches_of(4), widths(own_statistics=False))
_SECOND = chain(_FOLDERS, second_phase)
_LARGE = chain(blurred_by(LIGHT_BLUR), crops_of(256), batches_of(8))
_PIXELS = Recipe(PIXELS, chain(_FOLDERS, without_adversary, lasting(10, 100)), (AROUND_INPUT,))
_ADVERSARY = Recipe(ADVERSARY, _SECOND, (SMALL_IMAGES, AROUND_INPUT, PIXELS_LEAD))
HKUST: Mapping[str, Recipe] = {
    "quick": Recipe(QUICK, _QUICK, (SMALL_IMAGES, AROUND_INPUT, OWN_STATISTICS, PIXELS_LEAD)),
    "cpu_hour": Recipe(
        HOUR,
        chain(features_follow(_FOLDERS, 3.0, 3_000.0), lasting(25, 60), zoomed_to(2.5)),
        (SMALL_IMAGES, AROUND_INPUT, FEATURES_FOLLOW),
    ),
    "pixels": _PIXELS,
    "adversary": _ADVERSARY,
    "own_losses": Recipe(OWN_LOSSES, with_own_losses(_SECOND), (SMALL_IMAGES, AROUND_INPUT)),
    "large_pixels": large(_PIXELS, _LARGE),
    "large_adversary": large(replace(_ADVERSARY, departures=(AROUND_INPUT, PIXELS_LEAD)), _LARGE),
}

# Dark channel --------------------------------------------------------------------------------------------------------

IDENTITY_AND_PATTERNS = (
    "tanh of the network plus artanh of 0.99 times the input takes the place of tanh of the network, which would "
    "have to learn its input first",
    "the first layer starts as cosine patterns of equal strength: behind noise, all its maps are nearly one",
)
PIXELS_LEAD_HERE = (
    "the pixels lead: with the paper's weights the adversary and the dark channel have 80 % of the generator's "
    "gradient; the discriminator's dense layer, of 524,288 inputs, needs a smaller start and a lower rate"
)
NO_FEATURES = "dc250p has a second L1 loss for its perceptual loss: VGG's features would need a download"


def _careful(paper: Paper) -> Paper:
    """At full size, with a discriminator that starts small and learns slowly."""
    return replace(
        paper,
        data=replace(paper.data, downsample=1),
        training=fast(paper.training, 4e-4, discriminator_rate=5e-6),
        discriminator=paper.discriminator and paper.discriminator.with_widths(logit_stddev=1e-3),
    )


def _without_features(paper: Paper) -> Paper:
    """Pixels in the place of features, in the variant that has any."""
    terms = (pixels_as("content", 100.0) if term.name == "content" else term for term in paper.generator_terms)
    return replace(paper, generator_terms=tuple(terms))


def _some_noise(paper: Paper) -> Paper:
    """Noise in a quarter of the images.

    A network that never sees an image without noise smooths images that have none. This one cannot tell in what light
    an image was blurred: trained on means of light alone, it fails at pairs that are means of stored values (gamma 1,
    docs/dark_channel_gan.md).
    """
    *_, noise = paper.data.photographs
    assert isinstance(noise, partial)
    noise = partial(noise.func, **noise.keywords, share=0.25)
    return replace(paper, data=replace(paper.data, photographs=(ANY_LIGHT, SHRINK, noise), pairs=(SHRINK, noise)))


_QUICK = chain(_careful, l1_of(4_000.0), lasting(5, 20), widths(identity_start=1e-4, whitened_start=True))
# Moving averages of several images are what the training saw.
_FOLDERS = chain(_QUICK, _some_noise, batches_of(4), widths(dropout=0.0, own_statistics=False))
_PIXELS = Recipe(
    PIXELS,
    chain(_FOLDERS, _without_features, without_adversary, generator_steps(1), lasting(10, 100)),
    (*IDENTITY_AND_PATTERNS, NO_FEATURES),
)
_ADVERSARY = Recipe(
    ADVERSARY,
    chain(_FOLDERS, _without_features, second_phase),
    (*IDENTITY_AND_PATTERNS, PIXELS_LEAD_HERE, NO_FEATURES),
)
DARK_CHANNEL: Mapping[str, Recipe] = {
    "quick": replace(_ADVERSARY, description=QUICK, change=chain(_QUICK, _without_features)),
    "cpu_hour": Recipe(
        HOUR, chain(_FOLDERS, l1_of(10_000.0), lasting(10, 50)), (*IDENTITY_AND_PATTERNS, PIXELS_LEAD_HERE)
    ),
    "pixels": _PIXELS,
    "adversary": _ADVERSARY,
    "large_pixels": large(_PIXELS, batches_of(16), drawn_start, steps_per_epoch=50),
    "large_adversary": large(_ADVERSARY, batches_of(16), drawn_start, steps_per_epoch=50),
}

# GAN-D ---------------------------------------------------------------------------------------------------------------

HOUR_DEPARTURES = (
    "the generator starts as the identity with noise, on [0, 1]: from Keras' default, the first steps on [0, 255] "
    "are wild (fan-in 4,598 and 9,728)",
    "crops are cut at random scale and shrunk to 128x128, as the test images are",
)
TURNED = "crops are also turned, and their colours exchanged: five photographs are few"


def _on_0_to_1(paper: Paper) -> Paper:
    return replace(paper, value_range=(0.0, 1.0), training=fast(paper.training, 4e-4))


def _turned(paper: Paper) -> Paper:
    training = replace(paper.training, learning_rate=6e-4)
    return replace(paper, data=replace(paper.data, turned=True), training=training)


_HOUR = chain(_on_0_to_1, zoomed_to(4.0), batches_of(4), lasting(16, 100), widths(identity_noise=1e-3))
_PIXELS = Recipe(PIXELS, chain(_HOUR, without_adversary, lasting(5, 60)), HOUR_DEPARTURES)
_ADVERSARY = Recipe(ADVERSARY, chain(_HOUR, second_phase, lasting(10, 60)), HOUR_DEPARTURES)
GAN_D: Mapping[str, Recipe] = {
    "quick": Recipe(QUICK, chain(_HOUR, _turned, batches_of(1), lasting(5, 300)), (*HOUR_DEPARTURES, TURNED)),
    "cpu_hour": Recipe("a folder of photographs, at most an hour on 2 CPU cores", _HOUR, HOUR_DEPARTURES),
    "pixels": _PIXELS,
    "adversary": _ADVERSARY,
    "large_pixels": large(_PIXELS, batches_of(16)),
    "large_adversary": large(_ADVERSARY, batches_of(16)),
}

# A paper without recipes of its own ----------------------------------------------------------------------------------


def _fast(paper: Paper) -> Paper:
    return replace(paper, training=fast(paper.training, 5e-4))


ANY_PAPER: Mapping[str, Recipe] = {"quick": Recipe(QUICK, chain(_fast, crops_of(96), batches_of(2), lasting(5, 40)))}
