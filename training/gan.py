"""The one train step: a generator, a discriminator, their loss terms, and how many steps each takes.

    degraded, sharp -> restored = G(degraded)                                        (forward)
                    -> D steps on (sharp, restored), each on a fresh minibatch       (eq. 3, L_D)
                    -> G steps on the weighted generator terms, D held fixed         (L_G)

The papers differ in data passed here, not in code.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from gandeblur.data.images import ValueRange
from gandeblur.losses import pixel
from gandeblur.losses.terms import Batch, Term
from gandeblur.training import devices, gradients
from gandeblur.training.progress import DataClock


class GAN(keras.Model):
    """Trains `generator` against `discriminator` with Keras' `fit`; calling or predicting restores images.

    Data: pairs `(degraded, sharp)` of float32 `[discriminator_steps * accumulate * B, H, W, 3]` in [0, 1], or triples
    with a uniform number per image. Each discriminator step takes its own `accumulate * B` images; the generator steps
    take the last discriminator step's. A generator without padding returns a smaller image: sharp and degraded are
    cropped to its centre. In validation the third part is a factor of each image's scores, whose plain mean is taken.

    Args:
        generator: images -> images.
        discriminator: images -> logits, or None to train the generator alone. One that takes twice as many channels
            is conditional: it judges the degraded image and the candidate, stacked.
        generator_terms: the first one, unweighted, is also the validation loss.
        discriminator_terms: empty without a discriminator.
        discriminator_steps, generator_steps: per call of `train_step`.
        value_range: (black, white) of the networks' images.
        accumulate: a step's images go through the networks in so many parts, one after the other, and their gradients
            are added up: the step of all the images, but for normalisation over a batch, in the memory of one part.
        average_decay: the share that a running average of the generator's weights keeps of itself at each step, in
            (0, 1); the averaged network restores and is validated. The first steps count more: after t of them the
            share is (1 + t) / (10 + t), while that is lower. None: there is no average.
        terms_in_turn: whether generator step k takes term k alone, counted round.
    """

    train_function: Any
    discriminator: Any
    averaged: Any
    _maybe_symbolic_build = devices.no_symbolic_build

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model | None,
        *,
        generator_terms: Sequence[Term],
        discriminator_terms: Sequence[Term],
        discriminator_steps: int = 1,
        generator_steps: int = 1,
        value_range: tuple[float, float] = (0.0, 1.0),
        accumulate: int = 1,
        average_decay: float | None = None,
        terms_in_turn: bool = False,
    ) -> None:
        super().__init__(name="gan")
        self.generator = generator
        self.discriminator = discriminator
        self.generator_terms = tuple(generator_terms)
        self.discriminator_terms = tuple(discriminator_terms)
        self.discriminator_steps = discriminator_steps if discriminator is not None else 0
        self.generator_steps = generator_steps
        self.conditional = discriminator is not None and discriminator.input_shape[-1] == 2 * generator.output_shape[-1]
        self.value_range = ValueRange(*value_range)
        self.accumulate = accumulate
        self.average_decay = average_decay
        self.terms_in_turn = terms_in_turn
        # A network of its own: Keras' averages live in one optimizer, whose `fit` ends by laying them over all weights.
        self.averaged = None
        if average_decay is not None:
            self.averaged = keras.models.clone_model(generator)
            self.averaged.set_weights(generator.get_weights())
            self.averaged.trainable = False
        self.data_clock = DataClock()

        networks = ["generator", "discriminator"] if discriminator is not None else ["generator"]
        terms = (*self.generator_terms, *self.discriminator_terms)
        names = [term.name for term in terms] + [f"{term.name}_weighted" for term in terms if term.weight != 1]
        names += [f"{network}_gradient_norm" for network in networks]
        names += [f"{term.name}_gradient_share" for term in self.generator_terms]
        self.train_means = {name: keras.metrics.Mean(name) for name in names}
        self.validation_means = {name: keras.metrics.Mean(name) for name in ("loss", "psnr_db")}
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """The arguments, the networks among them as they are: `GAN.from_config` makes a second trainer of them.

        Loss terms hold functions, which a file cannot: `generator.save` saves the network, a run's checkpoint the rest.
        """
        names = ("generator", "discriminator", "generator_terms", "discriminator_terms", "generator_steps")
        config = {name: getattr(self, name) for name in (*names, "accumulate", "average_decay", "terms_in_turn")}
        return config | {
            "discriminator_steps": max(1, self.discriminator_steps),
            "value_range": dataclasses.astuple(self.value_range),
        }

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer | None = None,
        run_eagerly: bool = False,
    ) -> None:
        # On TensorFlow, compiling the whole step with XLA fails under MirroredStrategy and is slower on a CPU.
        jit_compile = keras.backend.backend() == "jax" and not run_eagerly
        super().compile(optimizer=generator_optimizer, run_eagerly=run_eagerly, jit_compile=jit_compile)
        generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer = discriminator_optimizer
        if discriminator_optimizer is not None:
            discriminator_optimizer.build(self.discriminator.trainable_variables)
            # Keras passes only `optimizer`'s variables through a JAX step; this list makes them the model's state.
            self.discriminator_optimizer_variables = list(discriminator_optimizer.variables)

    @property
    def optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """Network -> its optimizer."""
        both = {"generator": self.optimizer, "discriminator": self.discriminator_optimizer}
        return {name: optimizer for name, optimizer in both.items() if optimizer is not None}

    @property
    def restorer(self) -> keras.Model:
        """The network that restores: the generator, or its average."""
        return self.generator if self.averaged is None else self.averaged

    def call(self, degraded: Any, training: bool = False) -> Any:
        """Restores float32 `[B, H, W, 3]` in [0, 1]."""
        network = self.generator if training else self.restorer
        return self.value_range.unscaled(network(self.value_range.scaled(degraded), training=training))

    def make_train_function(self, force: bool = False) -> None:
        if self.train_function is not None and not force:
            return
        super().make_train_function(force)
        function = self.train_function
        # The iterator is the last argument on either backend.
        self.train_function = lambda *arguments: function(*arguments[:-1], self.data_clock.timed(arguments[-1]))

    def _update(self, data):
        forward = None
        steps = self._shared_out(data)
        for parts in steps:
            # The generator's step differentiates the forward pass whose images the discriminator has seen. Of several
            # parts, it computes each one's again: kept, they would take the memory of all.
            forward = self._forward(parts[0][0]) if self.accumulate == 1 else None
            if self.discriminator is not None:
                self._train_discriminator(parts, forward)
        self._train_generator(steps[-1], forward)
        return {name: mean.result() for name, mean in self.train_means.items()}

    def _shared_out(self, data):
        """`steps[d][k]`: part k of what discriminator step d takes: degraded, sharp, mixing (or None).

        Neighbours in the batch go to different steps: of several devices, each of which has a stretch of the batch, all
        take part in a step, with the images that it has on one device.
        """
        steps = max(1, self.discriminator_steps)

        def pieces(images):
            if images is None:
                return [None] * (steps * self.accumulate)
            return ops.unstack(ops.reshape(images, (-1, steps * self.accumulate, *ops.shape(images)[1:])), axis=1)

        # Keras takes a third part for weights of the samples.
        parts = list(zip(*map(pieces, keras.utils.unpack_x_y_sample_weight(data)), strict=True))
        return [parts[step::steps] for step in range(steps)]

    train_step = gradients.step(_update)

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

    test_step = gradients.step(_validate)

    def _forward(self, degraded):
        return gradients.forward(lambda: self(degraded, training=True), self.generator.trainable_variables)

    def _train_generator(self, parts, forward):
        for step in range(self.generator_steps):
            own = step % len(self.generator_terms)
            terms = self.generator_terms[own : own + 1] if self.terms_in_turn else self.generator_terms
            slopes = self._summed(functools.partial(self._generator_gradients, forward, terms), parts)
            self._step("generator", self.optimizer, self.generator.trainable_variables, slopes)
            if self.averaged is not None:
                self._average()
            forward = None  # the weights have changed

    def _generator_gradients(self, forward, terms, part):
        restored, pullback = forward or self._forward(part[0])
        losses: dict[str, Any] = {}
        slopes: dict[str, Any] = {}
        for term in terms:
            loss = functools.partial(self._loss, (term,), part)
            (_, values), slopes[term.name] = gradients.value_and_input_gradient(loss, restored)
            losses |= values
        self._record(losses)
        # Not a term's value but its gradient at the restored images says how far it leads.
        norms = {name: ops.sqrt(ops.sum(ops.square(slope))) for name, slope in slopes.items()}
        total = ops.maximum(sum(norms.values()), 1e-30)
        self._record({f"{name}_gradient_share": norm / total for name, norm in norms.items()})
        return pullback(sum(slopes.values()))

    def _train_discriminator(self, parts, forward):
        slopes = self._summed(functools.partial(self._discriminator_gradients, forward), parts)
        self._step("discriminator", self.discriminator_optimizer, self.discriminator.trainable_variables, slopes)

    def _discriminator_gradients(self, forward, part):
        restored, _ = forward or self._forward(part[0])
        loss = functools.partial(self._loss, self.discriminator_terms, part, ops.stop_gradient(restored))
        (_, losses), slopes = gradients.value_and_gradient(loss, self.discriminator.trainable_variables)
        self._record(losses)
        return slopes

    def _loss(self, terms, part, restored):
        return self._weighted(terms, self._batch(part, restored))

    def _summed(self, gradients_of, parts):
        """The sum of the parts' gradients; a part begins when those before it are through."""
        total = gradients_of(parts[0])
        for part in parts[1:]:
            more = gradients_of(gradients.after(part, total))
            total = [one + other for one, other in zip(total, more, strict=True)]
        return total

    def _step(self, network, optimizer, variables, slopes):
        optimizer.apply(slopes, variables)
        # On several replicas: of each replica's share, before they are added up.
        norm = ops.sqrt(sum(ops.sum(ops.square(slope)) for slope in slopes))
        self._record({f"{network}_gradient_norm": norm})

    def _average(self):
        steps = ops.cast(self.optimizer.iterations, "float32")
        decay = ops.minimum(self.average_decay, (1 + steps) / (10 + steps))
        for average, weight in zip(self.averaged.weights, self.generator.weights, strict=True):
            average.assign(decay * average + (1 - decay) * weight)

    def _batch(self, part, restored):
        degraded, sharp, mixing = part
        height, width = ops.shape(restored)[1:3]
        degraded, sharp = (center(images, height, width) for images in (degraded, sharp))

        def discriminate(images):
            if self.conditional:
                images = ops.concatenate([self.value_range.scaled(degraded), images], axis=-1)
            return self.discriminator(images, training=True)

        def judge(images):
            return discriminate(self.value_range.scaled(images))

        def slopes(images):
            def score(images):
                scores = discriminate(images)
                return ops.sum(ops.mean(scores, axis=tuple(range(1, len(scores.shape))))), None

            return gradients.value_and_input_gradient(score, self.value_range.scaled(images))[1]

        return Batch(degraded, sharp, restored, mixing, judge, slopes)

    def _weighted(self, terms, batch):
        """Weighted sum of the terms' means, as a share of that over all images of the step.

        The optimizer adds up the replicas, `_summed` the parts.
        """
        losses = {term.name: ops.mean(term.loss(batch)) for term in terms}
        weighted = {term.name: term.weight * losses[term.name] for term in terms}
        losses |= {f"{term.name}_weighted": weighted[term.name] for term in terms if term.weight != 1}
        return sum(weighted.values()) / (self.accumulate * devices.replicas()), losses

    def _record(self, values):
        for name, value in values.items():
            self.train_means[name].update_state(value)


def center(images: Any, height: int, width: int) -> Any:
    """The central `height` x `width` pixels of `[B, H, W, C]` images."""
    rows, columns = ops.shape(images)[1:3]
    top, left = (rows - height) // 2, (columns - width) // 2
    return images[:, top : top + height, left : left + width]
