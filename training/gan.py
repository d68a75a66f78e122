"""The one train step: a generator, a discriminator, their loss terms, and how many steps each takes.

    degraded, sharp -> restored = G(degraded)                                        (forward)
                    -> D steps on (sharp, restored), each on a fresh minibatch       (eq. 3, L_D)
                    -> G steps on the weighted generator terms, D held fixed         (L_G)

The papers differ in data passed here, not in code: the terms, the numbers of steps and their order.
"""

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from gandeblur.losses import gradient_penalty, pixel
from gandeblur.training import backend


class Batch(NamedTuple):
    """What a loss term sees. Images are `[B, H, W, 3]` float32 in [0, 1]; the networks get their own value range."""

    degraded: Any
    sharp: Any
    restored: Any
    mixing: Any  # one uniform number in [0, 1) per image, [B]; None where the data hold none
    judge: Callable[[Any], Any]  # images in [0, 1] -> logits or scores of the discriminator
    slopes: Callable[[Any], Any]  # the same -> gradient of each image's mean score, in the networks' value range


@dataclass(frozen=True)
class Term:
    """A weighted loss: `loss(batch) -> [B]`, one value per image."""

    name: str
    loss: Callable[[Batch], Any]
    weight: float = 1.0

    @property
    def description(self) -> str:
        """One line: "100 x mean_absolute_error(restored, sharp)"."""
        return f"{self.weight:g} x {self.loss}"


@dataclass(frozen=True)
class _LossOf:
    """A term's loss: a function of parts of the batch that subclasses choose.

    Args:
        loss: the function; in an experiment's literal also data that become one, such as a `Perceptual`.
    """

    loss: Any
    arguments: ClassVar[str]

    def __str__(self) -> str:
        if not isinstance(self.loss, functools.partial):
            return f"{self.loss.__name__}({self.arguments})" if hasattr(self.loss, "__name__") else str(self.loss)
        keywords = [f"{name}={value}" for name, value in self.loss.keywords.items()]
        return f"{self.loss.func.__name__}({', '.join([self.arguments, *keywords])})"


class between_images(_LossOf):
    """A term's loss from `loss(restored, sharp)`."""

    arguments = "restored, sharp"

    def __call__(self, batch: Batch) -> Any:
        return self.loss(batch.restored, batch.sharp)


class of_restored_logits(_LossOf):
    """A term's loss from `loss(fake_logits)`."""

    arguments = "fake_logits"

    def __call__(self, batch: Batch) -> Any:
        return self.loss(batch.judge(batch.restored))


class of_both_logits(_LossOf):
    """A term's loss from `loss(real_logits, fake_logits)`."""

    arguments = "real_logits, fake_logits"

    def __call__(self, batch: Batch) -> Any:
        return self.loss(batch.judge(batch.sharp), batch.judge(batch.restored))


class of_slopes(_LossOf):
    """A term's loss from `loss(slopes)`, at one random point between each sharp and restored image."""

    arguments = "slopes"

    def __call__(self, batch: Batch) -> Any:
        return self.loss(batch.slopes(gradient_penalty.mix(batch.sharp, batch.restored, batch.mixing)))


class GAN(keras.Model):
    """Trains `generator` against `discriminator` with Keras' `fit`; calling or predicting restores images.

    Data: pairs `(degraded, sharp)` of float32 `[discriminator_steps * B, H, W, 3]` in [0, 1], or triples with a uniform
    number per image. Each discriminator step takes its own B images, the generator steps take the last B. Where a
    generator without padding returns a smaller image, sharp and degraded are cropped to its centre. In validation the
    third part is a factor of each image's scores, whose plain mean is taken.

    Args:
        generator: images -> images.
        discriminator: images -> logits, or None to train the generator alone. One that takes twice as many channels
            is conditional: it judges the degraded image and the candidate, stacked.
        generator_terms: the first one, unweighted, is also the validation loss.
        discriminator_terms: empty without a discriminator.
        discriminator_steps, generator_steps: per call of `train_step`.
        generator_first: whether the generator steps come before the discriminator's.
        value_range: (black, white) of the networks' images.
    """

    train_function: Any
    discriminator: Any
    _maybe_symbolic_build = backend.no_symbolic_build

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model | None,
        *,
        generator_terms: Sequence[Term],
        discriminator_terms: Sequence[Term],
        discriminator_steps: int = 1,
        generator_steps: int = 1,
        generator_first: bool = False,
        value_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        super().__init__(name="gan")
        self.generator = generator
        self.discriminator = discriminator
        self.generator_terms = tuple(generator_terms)
        self.discriminator_terms = tuple(discriminator_terms)
        self.discriminator_steps = discriminator_steps if discriminator is not None else 0
        self.generator_steps = generator_steps
        self.generator_first = generator_first
        self.conditional = discriminator is not None and discriminator.input_shape[-1] == 2 * generator.output_shape[-1]
        self.black, self.white = value_range
        self.data_clock = DataClock()

        networks = ["generator", "discriminator"] if discriminator is not None else ["generator"]
        terms = (*self.generator_terms, *self.discriminator_terms)
        names = [term.name for term in terms] + [f"{term.name}_weighted" for term in terms if term.weight != 1]
        names += [f"{network}_gradient_norm" for network in networks]
        names += [f"{term.name}_gradient_share" for term in self.generator_terms]
        self.train_means = {name: keras.metrics.Mean(name) for name in names}
        self.validation_means = {name: keras.metrics.Mean(name) for name in ("loss", "psnr_db")}
        self.built = True

    def compile(self, generator_optimizer: keras.optimizers.Optimizer, discriminator_optimizer: Any = None) -> None:
        # On TensorFlow, compiling the whole step with XLA fails under MirroredStrategy and is slower on a CPU.
        super().compile(optimizer=generator_optimizer, jit_compile=keras.backend.backend() == "jax")
        generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer = discriminator_optimizer
        if self.discriminator is not None:
            discriminator_optimizer.build(self.discriminator.trainable_variables)
            # Keras passes only `optimizer`'s variables through a JAX step; this list makes them the model's state.
            self.discriminator_optimizer_variables = list(discriminator_optimizer.variables)

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """Network -> its optimizer."""
        both = {"generator": self.optimizer, "discriminator": self.discriminator_optimizer}
        return {name: optimizer for name, optimizer in both.items() if optimizer is not None}

    def call(self, degraded: Any, training: bool = False) -> Any:
        """Restores float32 `[B, H, W, 3]` in [0, 1]."""
        return self._from_network(self.generator(self._to_network(degraded), training=training))

    def _to_network(self, images):
        return self.black + (self.white - self.black) * images

    def _from_network(self, images):
        return (images - self.black) / (self.white - self.black)

    def make_train_function(self, force: bool = False) -> None:
        if self.train_function is not None and not force:
            return
        super().make_train_function(force)
        function = self.train_function
        # The iterator is the last argument on either backend.
        self.train_function = lambda *arguments: function(*arguments[:-1], self.data_clock.timed(arguments[-1]))

    def _update(self, data):
        minibatches = max(1, self.discriminator_steps)
        # Keras takes a third part for weights of the samples.
        parts = [
            [None] * minibatches if part is None else ops.split(part, minibatches)
            for part in keras.utils.unpack_x_y_sample_weight(data)
        ]
        parts = list(zip(*parts, strict=True))
        if self.generator_first:
            self._train_generator(parts[-1], self._forward(parts[-1][0]))
        for part in parts:
            forward = self._forward(part[0])
            if self.discriminator is not None:
                self._train_discriminator(part, forward[0])
        if not self.generator_first:
            self._train_generator(parts[-1], forward)
        return {name: mean.result() for name, mean in self.train_means.items()}

    train_step = backend.step(_update)

    def _validate(self, data):
        degraded, sharp, factor = keras.utils.unpack_x_y_sample_weight(data)
        factor = 1.0 if factor is None else factor
        batch = self._batch((degraded, sharp, None), self(degraded, training=False))
        self.validation_means["loss"].update_state(factor * self.generator_terms[0].loss(batch))
        # Scored as a saved picture would be: rounded to 8 bits.
        rounded = ops.round(255 * ops.clip(batch.restored, 0, 1)) / 255
        error = pixel.mean_squared_error(rounded, batch.sharp)
        self.validation_means["psnr_db"].update_state(factor * -10 * ops.log10(ops.maximum(error, 1e-10)))
        return {name: mean.result() for name, mean in self.validation_means.items()}

    test_step = backend.step(_validate)

    def _forward(self, degraded):
        return backend.forward(lambda: self(degraded, training=True), self.generator.trainable_variables)

    def _train_generator(self, part, forward):
        variables = self.generator.trainable_variables
        for number in range(self.generator_steps):
            # The first step differentiates the forward pass whose images the discriminator has seen.
            restored, pullback = forward if number == 0 else self._forward(part[0])
            losses: dict[str, Any] = {}
            slopes: dict[str, Any] = {}
            for term in self.generator_terms:

                def loss(x, terms=(term,)):
                    return self._weighted(terms, self._batch(part, x))

                (_, own), slopes[term.name] = backend.value_and_input_gradient(loss, restored)
                losses |= own
            gradients = pullback(sum(slopes.values()))
            self.optimizer.apply(gradients, variables)
            self._record("generator", losses, gradients)
            # Not a term's value but its gradient at the restored images says how far it leads.
            norms = {name: ops.sqrt(ops.sum(ops.square(slope))) for name, slope in slopes.items()}
            for name, norm in norms.items():
                share = norm / ops.maximum(sum(norms.values()), 1e-30)
                self.train_means[f"{name}_gradient_share"].update_state(share)

    def _train_discriminator(self, part, restored):
        variables = self.discriminator.trainable_variables
        batch = self._batch(part, backend.stop_gradient(restored))
        (_, losses), gradients = backend.value_and_gradient(
            lambda: self._weighted(self.discriminator_terms, batch), variables
        )
        self.discriminator_optimizer.apply(gradients, variables)
        self._record("discriminator", losses, gradients)

    def _batch(self, part, restored):
        degraded, sharp, mixing = part
        height, width = ops.shape(restored)[1:3]
        degraded, sharp = (center(images, height, width) for images in (degraded, sharp))

        def discriminate(images):
            if self.conditional:
                images = ops.concatenate([self._to_network(degraded), images], axis=-1)
            return self.discriminator(images, training=True)

        def judge(images):
            return discriminate(self._to_network(images))

        def slopes(images):
            def score(images):
                scores = discriminate(images)
                return ops.sum(ops.mean(scores, axis=tuple(range(1, len(scores.shape))))), None

            return backend.value_and_input_gradient(score, self._to_network(images))[1]

        return Batch(degraded, sharp, restored, mixing, judge, slopes)

    def _weighted(self, terms, batch):
        """Weighted sum of the terms' means over all replicas' images (the optimizer adds the replicas up)."""
        losses = {term.name: ops.mean(term.loss(batch)) for term in terms}
        weighted = {term.name: term.weight * losses[term.name] for term in terms}
        losses |= {f"{term.name}_weighted": weighted[term.name] for term in terms if term.weight != 1}
        return sum(weighted.values()) / backend.replicas(), losses

    def _record(self, network, losses, gradients):
        for name, loss in losses.items():
            self.train_means[name].update_state(loss)
        # On several replicas: of each replica's share, before they are added up.
        norm = ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in gradients))
        self.train_means[f"{network}_gradient_norm"].update_state(norm)


def center(images: Any, height: int, width: int) -> Any:
    """The central `height` x `width` pixels of `[B, H, W, C]` images."""
    rows, columns = ops.shape(images)[1:3]
    top, left = (rows - height) // 2, (columns - width) // 2
    return images[:, top : top + height, left : left + width]


class DataClock:
    """Seconds that training has waited for its next batch."""

    def __init__(self) -> None:
        self.waited_s = 0.0

    def timed(self, iterator: Iterator[Any]) -> Iterator[Any]:
        while True:
            start = time.perf_counter()
            batch = next(iterator)
            self.waited_s += time.perf_counter() - start
            yield batch
