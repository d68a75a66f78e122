"""Loss terms: weighted functions of the batch, and of the discriminator's judgement of it.

    Term("content", OnImages(pixel.mean_absolute_error), 100.0)              loss(restored, sharp)
    Term("content", OnFeatures(Perceptual("vgg19", "block3_conv3")), 100.0)  the same, seen by a trained network
    Term("adversarial", OnRestoredLogits(adversarial.non_saturating), adversarial=True)     loss(fake_logits)
    Term("discriminator", OnBothLogits(adversarial.discriminator))           loss(real_logits, fake_logits)
    Term("penalty", OnSlopes(gradient_penalty.gradient_penalty), 10.0)       loss(slopes)

The functions return one value per image, unweighted; the train step takes their mean.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from keras import ops

from gandeblur.losses import gradient_penalty
from gandeblur.losses.features import Directions
from gandeblur.losses.perceptual import Perceptual


class Batch(NamedTuple):
    """What a loss term sees. Images are `[B, H, W, 3]` float32 in [0, 1]; the networks get their own value range."""

    degraded: Any
    sharp: Any
    restored: Any
    mixing: Any  # one uniform number in [0, 1) per image, [B]; None where the data hold none
    judge: Callable[[Any], Any]  # images in [0, 1] -> logits or scores of the discriminator
    slopes: Callable[[Any], Any]  # the same -> gradient of each image's mean score, in the networks' value range


@dataclass(frozen=True)
class _LossOf:
    """A term's loss: a function of the parts of the batch that a subclass chooses."""

    loss: Callable[..., Any]
    arguments: ClassVar[str]

    def __str__(self) -> str:
        if isinstance(self.loss, functools.partial):
            keywords = [f"{name}={value}" for name, value in self.loss.keywords.items()]
            return f"{self.loss.func.__name__}({', '.join([self.arguments, *keywords])})"
        return f"{self.loss.__name__}({self.arguments})"


class OnImages(_LossOf):
    """`loss(restored, sharp)`."""

    arguments = "restored, sharp"

    def __call__(self, batch: Batch) -> Any:
        return self.loss(batch.restored, batch.sharp)


class OnRestoredLogits(_LossOf):
    """`loss(fake_logits)`."""

    arguments = "fake_logits"

    def __call__(self, batch: Batch) -> Any:
        return self.loss(batch.judge(batch.restored))


class OnBothLogits(_LossOf):
    """`loss(real_logits, fake_logits)`."""

    arguments = "real_logits, fake_logits"

    def __call__(self, batch: Batch) -> Any:
        return self.loss(batch.judge(batch.sharp), batch.judge(batch.restored))


class OnSlopes(_LossOf):
    """`loss(slopes)`, at one random point between each sharp and restored image."""

    arguments = "slopes"

    def __call__(self, batch: Batch) -> Any:
        return self.loss(batch.slopes(gradient_penalty.mix(batch.sharp, batch.restored, batch.mixing)))


class OnSummedSlopes(_LossOf):
    """`loss(slopes)`, of the sum of each score map in the place of its mean; else as `OnSlopes`."""

    arguments = "slopes of summed scores"

    def __call__(self, batch: Batch) -> Any:
        mixed = gradient_penalty.mix(batch.sharp, batch.restored, batch.mixing)
        scores = math.prod(ops.shape(batch.judge(mixed))[1:])
        return self.loss(scores * batch.slopes(mixed))


@dataclass(frozen=True)
class OnFeatures:
    """A distance between images as a trained network sees them; `Term.loaded` makes `OnImages` of it."""

    features: Perceptual | Directions

    def __str__(self) -> str:
        return str(self.features)

    def __call__(self, batch: Batch) -> Any:
        raise TypeError(f"{self}: its network is not loaded, see Term.loaded")


@dataclass(frozen=True)
class Term:
    """A weighted loss.

    Attributes:
        name: of its value in the logs.
        loss: batch -> `[B]`, one value per image: `OnImages`, `OnRestoredLogits`, ...
        weight: factor of the loss.
        adversarial: whether it trains the generator by the discriminator's judgement: a schedule without an adversary
            leaves it out.
    """

    name: str
    loss: Callable[[Batch], Any]
    weight: float = 1.0
    adversarial: bool = False

    @property
    def description(self) -> str:
        """One line: "100 x mean_absolute_error(restored, sharp)"."""
        return f"{self.weight:g} x {self.loss}"

    def loaded(self, weights: Path | None = None) -> "Term":
        """The term with the trained network that it sees by, of a file of weights or downloaded; else itself.

        Raises:
            InputError: see `perceptual.features`.
        """
        if not isinstance(self.loss, OnFeatures):
            return self
        return dataclasses.replace(self, loss=OnImages(self.loss.features.load(weights)))
