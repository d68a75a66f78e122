"""The few concepts in which a paper is stated; flags and files are unknown here.

    Network      a builder and its widths
    Data         degradations of photographs, pairs and test images; the training crop
    Training     optimizer, schedule, minibatches, steps
    Reported     the paper's table of scores
    Paper        a network with its losses, data, training and scores: the paper's own, or a variant of it
    Recipe       another schedule, as a function of the paper (`experiments.recipes`)
    Experiment   a paper's variants and recipes

`experiments/<paper>.py` holds literals of these, to be read beside the PDF.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np

from gandeblur.data.blur.motion import TwoMotions
from gandeblur.data.degradations import Step
from gandeblur.evaluation.metrics import Protocol
from gandeblur.losses.terms import OnFeatures, OnImages, Term
from gandeblur.training.schedules import Constant, OverTime, Schedule
from gandeblur.training.spectral_adam import SpectralAdam

PAPERS_OWN = "paper"  # the schedule without differences


@dataclass(frozen=True)
class Layer:
    """A layer as the paper's text or table has it, to hold against the built model; None: not printed."""

    name: str
    kernel: str  # "1x121"; "" but for convolutions
    stride: int | None  # None but for convolutions
    maps_in: int | None
    maps_out: int | None
    parameters: int | None = None


@dataclass(frozen=True)
class Network:
    """A function that builds a network, its widths, and the paper's figures for the result.

    Attributes:
        builder, widths: a function and its keyword arguments.
        sized: whether the builder also takes `image_px`, the side of the images.
        tiny: widths of the smallest network of this kind, for tests; the others are as above.
        parameters, parameters_printed: at the paper's crop size, by our reading; whether the paper prints this number.
        size_multiple: the sides of its images are multiples of this.
        layers: as the paper prints them, in order; empty if it prints none.
    """

    builder: Callable[..., keras.Model]
    widths: Mapping[str, Any]
    parameters: int | None = None
    parameters_printed: bool = False
    size_multiple: int = 1
    layers: Sequence[Layer] = ()
    sized: bool = False
    tiny: Mapping[str, Any] = field(default_factory=dict)

    def build(self, image_px: int) -> keras.Model:
        return self.builder(**self.widths, **({"image_px": image_px} if self.sized else {}))

    def with_widths(self, **widths: Any) -> "Network":
        """The network with other widths.

        Raises:
            ValueError: it has none of that name.
        """
        if unknown := sorted(widths.keys() - self.widths.keys()):
            raise ValueError(f"{self.builder.__name__} has no {', '.join(unknown)}; it has {', '.join(self.widths)}")
        return dataclasses.replace(self, widths={**self.widths, **widths})


@dataclass(frozen=True)
class Condition:
    """How test images are degraded; each condition is scored on its own."""

    photographs: Sequence[Step]
    pairs: Sequence[Step] | None  # further steps, of a pair's blurred image; None: pairs are left out
    size_px: int | None = None  # images are first resized to squares of this side; None: whole, as they are
    full_size: bool = False  # images are not shrunk, whatever the training's are


@dataclass(frozen=True)
class Data:
    """Where a batch comes from.

    Attributes:
        photographs, pairs: steps from a sharp photograph; further ones of a pair's blurred image, None: refused.
        test: name (a suffix of the scored set's) -> condition.
        crop_px: side of the training crops.
        downsample: images are shrunk by this factor; steps before `degradations.SHRINK` come earlier.
        shrinking, shrunk: by "means" or "bicubic"; "all" images, or "pairs" alone.
        max_zoom, turned: see `data.pipeline.training_stream`; cut: see `data.pipeline.Source`.
    """

    photographs: Sequence[Step]
    pairs: Sequence[Step] | None
    test: Mapping[str, Condition]
    crop_px: int
    downsample: int = 1
    max_zoom: float = 1.0
    turned: bool = False
    cut: str = "anywhere"
    shrinking: str = "means"
    shrunk: str = "all"


@dataclass(frozen=True)
class Training:
    """Adam and how long it runs. A call of the train step (`steps_per_epoch`) is all discriminator and generator steps.

    Attributes:
        cosine_basis: whether the generator's Adam works in the cosine basis of its kernels, see `SpectralAdam`.
        discriminator_rate: the discriminator's learning rate, where it differs from the generator's.
        accumulate: minibatches of `batch_size` whose gradients are added up to one step.
        ema: decay of the average of the generator's weights that restores; None: the weights themselves do.
        drawn_start: whether the seed draws the generator's normal initial weights, see `training.differences`.
        terms_in_turn: whether the generator's steps take its terms in turn, one each; or all of them at every step.
        frozen_norm: whether the generator's batch normalisation stays as it starts, and normalises so in training, too.
    """

    learning_rate: float
    beta_1: float
    batch_size: int
    epochs: int
    steps_per_epoch: int
    epsilon: float = 1e-7
    schedule: Schedule = Constant()
    discriminator_steps: int = 1
    generator_steps: int = 1
    cosine_basis: bool = False
    discriminator_rate: float | None = None
    accumulate: int = 1
    ema: float | None = None
    drawn_start: bool = False
    terms_in_turn: bool = False
    frozen_norm: bool = False

    @property
    def actual_discriminator_rate(self) -> float:
        return self.discriminator_rate or self.learning_rate

    @property
    def images_per_step(self) -> int:
        """Of each step of a network."""
        return self.batch_size * self.accumulate

    @property
    def all_generator_steps(self) -> int:
        return self.epochs * self.steps_per_epoch * self.generator_steps

    @property
    def minutes(self) -> float | None:
        """What ends the training, where it is not the number of epochs."""
        return self.schedule.minutes if isinstance(self.schedule, OverTime) else None

    @property
    def length(self) -> str:
        """In words: "1,000 generator steps", or the minutes."""
        return f"{self.minutes:g} minutes" if self.minutes else f"{self.all_generator_steps:,} generator steps"

    def optimizer(self, network: str) -> keras.optimizers.Optimizer:
        """Adam for the "generator" or the "discriminator"."""
        generator = network == "generator"
        steps = self.steps_per_epoch * (self.generator_steps if generator else self.discriminator_steps)
        first = self.learning_rate if generator else self.actual_discriminator_rate
        adam = SpectralAdam if generator and self.cosine_basis else keras.optimizers.Adam
        return adam(self.schedule.rate(first, self.epochs, steps), beta_1=self.beta_1, epsilon=self.epsilon)


@dataclass(frozen=True)
class Reported:
    """The paper's table of scores.

    Attributes:
        rows: set -> method -> (psnr_db, ssim).
        sets: row -> pattern of the names of our sets that are this set; a row without one stands for its own name.
        columns: experiment -> column that holds that paper's method, for methods of other papers.
        ranges, gains: metric -> {"max", "min", "mean"}; (row, method, method it is above) of differences in the text.
    """

    table: str
    rows: Mapping[str, Mapping[str, Sequence[float]]]
    sets: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    gains: Sequence[tuple[str, str, str]] = ()


@dataclass(frozen=True)
class Paper:
    """A paper, or one of its variants, at its own size.

    Attributes:
        description: the difference of this variant from the others.
        undoes: one line for a photographer: which blur it is trained for.
        again: the first steps of its training's degradation, where chance draws none of them; else empty. A restored
            image that goes through these steps must be the image that was restored. If it is not, the image has another
            blur (`inference.outside`).
        ours: its column in the paper's table. A variant that the paper does not print has a name of its own.
        value_range: (black, white) of the networks' images.
        generator_terms: the first one, unweighted, is also the validation loss.
        dropout_at_test: whether the generator's dropout stays active when it restores.
        departures: differences from the paper that the literal cannot say in numbers.
    """

    name: str
    title: str
    citation: str
    description: str
    undoes: str
    ours: str
    generator: Network
    discriminator: Network | None
    value_range: tuple[float, float]
    generator_terms: Sequence[Term]
    discriminator_terms: Sequence[Term]
    data: Data
    training: Training
    reported: Reported
    protocol: Protocol
    dropout_at_test: bool = False
    again: Sequence[Step] = ()
    departures: Sequence[str] = ()
    baselines: Mapping[str, Callable[[np.ndarray], np.ndarray]] = field(default_factory=dict)  # uint8 [H, W, 3] -> same

    @property
    def purpose(self) -> str:
        """`undoes`, and whether its training's photographs are blurred in light."""
        in_light = any(isinstance(step, TwoMotions) for step in self.data.photographs)
        return f"{self.undoes}, in pictures out of a camera" if in_light else self.undoes

    def trained_by(self, own: "Paper") -> str:
        """The losses that train the generator: "the paper's losses", or their kinds, as in "pixels + adversary"."""
        terms = self.generator_terms
        if (terms, self.discriminator_terms) == (own.generator_terms, own.discriminator_terms):
            return "the paper's losses"
        kinds = {
            "pixels": any(isinstance(term.loss, OnImages) for term in terms),
            "features": any(isinstance(term.loss, OnFeatures) for term in terms),
            "adversary": any(term.adversarial for term in terms),
        }
        return " + ".join(kind for kind, there in kinds.items() if there)

    @property
    def crops_per_step(self) -> int:
        """Images that one call of the train step takes: a minibatch, or one for each of the discriminator's steps."""
        minibatches = self.training.discriminator_steps if self.discriminator else 1
        return self.training.images_per_step * minibatches

    @property
    def networks(self) -> dict[str, Network]:
        both = {"generator": self.generator, "discriminator": self.discriminator}
        return {name: network for name, network in both.items() if network is not None}


@dataclass(frozen=True)
class Recipe:
    """A schedule of ours: for whom, and a function from the paper to the paper that runs in its place."""

    description: str
    change: Callable[[Paper], Paper]
    departures: Sequence[str] = ()  # reasons, and what numbers do not say

    def of(self, paper: Paper) -> Paper:
        return dataclasses.replace(self.change(paper), departures=(*paper.departures, *self.departures))


@dataclass(frozen=True)
class Experiment:
    """What a script runs: the first variant and the recipe `quick` unless told otherwise. Readings: `readings.py`."""

    variants: Mapping[str, Paper]
    recipes: Mapping[str, Recipe]
    readings: Mapping[str, Paper] = field(default_factory=dict)

    @property
    def by_name(self) -> dict[str, Paper]:
        """The variants and the readings."""
        return {**self.variants, **self.readings}

    @cached_property
    def paper(self) -> Paper:
        return next(iter(self.variants.values()))

    @property
    def presets(self) -> dict[str, Recipe]:
        """The recipes, and the paper's own schedule."""
        own = Recipe(
            f"the paper's own: {self.paper.training.all_generator_steps:,} generator steps", lambda paper: paper
        )
        return {**self.recipes, PAPERS_OWN: own}
