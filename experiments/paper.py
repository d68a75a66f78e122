"""What an experiment states: the schema of the literals in `experiments/<paper>.py`, and nothing else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import keras

from gandeblur.data.degradations import Step
from gandeblur.evaluation.metrics import Protocol
from gandeblur.training.gan import Term


@dataclass(frozen=True)
class Layer:
    """A layer as the paper's text or table has it, to hold against the built model."""

    name: str
    kernel: str  # "1x121"; "" but for convolutions
    stride: int | None  # None but for convolutions
    maps_in: int
    maps_out: int
    parameters: int


@dataclass(frozen=True)
class Variant:
    """One network and its losses.

    Builders take the preset's `identity_noise` and image side; a variant without `discriminator` has no adversary.
    `generator_terms` takes the content loss `(restored, sharp) -> [B]`, see `Preset.perceptual`.
    """

    description: str
    ours: str  # the method's name in tables
    generator: Callable[[float | None], keras.Model]
    discriminator: Callable[[int], keras.Model] | None
    generator_terms: Callable[[Callable], Sequence[Term]]
    discriminator_terms: Sequence[Term]
    layers: Mapping[str, Sequence[Layer]]  # network -> the paper's layers
    # network -> (convolutions, parameters) of the paper's summary, where it lists only some layers
    totals: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    content: bool = True  # whether the generator's terms hold the content loss
    crop_px: int | None = None  # of the training crops, where the network needs another than the preset's
    size_multiple: int = 1  # of the sides of the generator's images; others are mirrored at the border
    dropout_at_test: bool = False


@dataclass(frozen=True)
class Preset:
    """A schedule, and every choice that may differ from the paper's."""

    description: str
    value_range: tuple[float, float]  # (black, white) of the networks' images
    crop_px: int
    batch_size: int
    epochs: int
    steps_per_epoch: int
    learning_rate: float
    beta_1: float  # of Adam, as `epsilon`
    schedule: Callable[[Sequence[keras.optimizers.Optimizer]], keras.callbacks.Callback]
    epsilon: float = 1e-7
    max_zoom: float = 1.0  # of the crops, see `data.pipeline.training_stream`
    downsample: int = 1  # of the training and test images, by means
    identity_noise: float | None = None
    perceptual: bool = False  # content loss: features of the experiment's VGG, else mean absolute error of pixels
    pixel_weight: float = 0.0  # of a mean absolute error of pixels beside the variant's terms
    discriminator_steps: int | None = None  # where it differs from the experiment's
    departures: Sequence[str] = ()


@dataclass(frozen=True)
class Condition:
    """How test images are degraded; each condition is scored on its own."""

    degradations: Sequence[Step]  # of sharp images
    pair_degradations: Sequence[Step] | None  # further ones, of a pair's blurred image; None: pairs are left out


@dataclass(frozen=True)
class Experiment:
    """A paper: its citation, its degradation, its variants and schedules, and the scores it reports."""

    name: str
    title: str
    citation: str
    degradations: Sequence[Step]  # of sharp images
    degradation_text: str
    test_size_px: int | None  # test images are resized to squares of this side; None: whole, as they are
    protocol: Protocol
    baselines: Mapping[str, Callable]  # method -> function uint8 [H, W, 3] -> uint8 [H, W, 3]
    variants: Mapping[str, Variant]  # the first is the default
    presets: Mapping[str, Preset]  # the first is the default
    table: str
    reported: Mapping[str, Mapping[str, Sequence[float]]]  # set -> method -> (psnr_db, ssim)
    pair_degradations: Sequence[Step] | None = None  # further ones, of a pair's blurred image; None: pairs are refused
    test_conditions: Mapping[str, Condition] = field(default_factory=dict)  # empty: as in training
    reported_ranges: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # metric -> max, min, mean
    deblurgan: Variant | None = None  # compared with, where its weights are given
    perceptual: tuple[str, str] | None = None  # VGG network and layer of the content loss
    discriminator_steps: int = 1
    generator_steps: int = 1
    generator_first: bool = False
    departures: Sequence[str] = field(default=())
