"""Training: networks, optimizers and streams from the settings, and `fit` with its callbacks."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from gandeblur.data import pipeline
from gandeblur.data.datasets import begun
from gandeblur.errors import InputError
from gandeblur.files import locked
from gandeblur.losses.terms import Term
from gandeblur.stages import inputs, record
from gandeblur.stages.run import Settings
from gandeblur.training import checkpoint, devices, differences, progress, summaries, weight_files, workers
from gandeblur.training.gan import GAN
from gandeblur.training.schedules import StatefulCallback


def train(settings: Settings, strategy: Any = None) -> None:
    """Trains one variant, from the start or from where its work folder stands, to the last epoch.

    Args:
        settings: of one variant.
        strategy: of several devices, see `devices.strategy`.

    Raises:
        InputError: the work folder holds another run, another process trains in it, an image is bad, a loss is not
            finite, or another machine is gone or does something else.
    """
    batch_size, count = settings.paper.training.batch_size, devices.device_count(strategy)
    if batch_size % count:
        raise InputError(
            f"--batch_size={batch_size}: not a multiple of the {count} devices"
            f"{' of all workers' * bool(settings.cluster)}; choose one that is"
        )
    # What is wrong shows before a folder is made.
    described = record.describe(settings)
    plan(settings, described, checkpoint.peek(settings.checkpoint_path))
    workers.wait_for(inputs.data_servers(settings), settings.worker_timeout)
    if not settings.is_chief:
        there = checkpoint.exists(settings.checkpoint_path)
        _train(settings, strategy, described, checkpoint.read(settings.checkpoint_path) if there else None)
        return
    with locked(settings.workdir):
        _train(settings, strategy, described, checkpoint.settle(settings.checkpoint_path))


@dataclass(frozen=True)
class Plan:
    """The rest of a training: it goes on after `done` epochs, or is over."""

    done: int
    over: bool


def plan(settings: Settings, described: dict, meta: dict | None) -> Plan:
    """The rest of a training, by the checkpoint in the work folder.

    Args:
        settings: of one variant.
        described: the run that is asked for, see `record.describe`.
        meta: of the checkpoint; None: there is none.

    Raises:
        InputError: it is of another run, or must not be resumed.
    """
    if meta is None:
        return Plan(0, False)
    path, training = settings.checkpoint_path, settings.paper.training
    if not settings.resume:
        raise InputError(f"{path}: holds a run; choose another --workdir to start anew")
    if differs := record.difference(meta["run"], described):
        raise InputError(f"{path}: holds a run with {differs}; choose another --workdir")
    done = meta["epoch"]
    return Plan(done, done >= training.epochs or bool(done and training.schedule.over(meta["schedule"])))


def _train(settings: Settings, strategy: Any, described: dict, state: checkpoint.State | None) -> None:
    training = settings.paper.training
    left = plan(settings, described, state.meta if state else None)
    sets = [] if left.over else inputs.training_images(settings)
    if settings.cluster:
        _check_agreement(settings, strategy, left.done, described, sets)
    if left.over:
        if settings.is_chief:
            print(f"{settings.checkpoint_path}: already trained for {left.done} epochs; nothing to do")
        return
    train_sets, validation_sets = zip(*sets, strict=True)
    together = devices.devices_together(strategy)
    share = pipeline.Share(devices.device_count(strategy) // together, devices.own_replicas(strategy))
    skipped: dict[str, str] | None = {} if settings.skip_corrupt else None
    stream = inputs.training_batches(settings, train_sets, left.done, share, skipped)
    validation = inputs.validation_batches(settings, validation_sets, share, together, skipped)
    model = build(settings, strategy)
    rates = training.schedule.callback(list(model.optimizers.values()))
    log = checkpoint.RunLog(described)
    if state:
        _resume(settings, model, rates, log, state)
        state = None  # its arrays take as much memory as the model
    shown_progress = progress.Progress(training.epochs, training.steps_per_epoch, rates)
    if settings.is_chief:
        begun.check_images(settings.workdir, sets, resumed=left.done > 0)
        checkpoint.write_run(settings.workdir, described)
    who = f", worker {settings.worker_index} of {len(settings.workers)}" if settings.cluster else ""
    print(f"training on {inputs.named(train_sets)}, work folder {settings.workdir}{who}", flush=True)
    with (
        contextlib.closing(shown_progress),
        progress.StopAtInterrupt() as interrupts,
        workers.watched(inputs.data_servers(settings), settings.worker_timeout, devices.abort_step),
        pipeline.input_errors(),
        strategy.scope() if strategy else contextlib.nullcontext(),
    ):
        model.fit(
            devices.distributed(strategy, stream),
            validation_data=devices.distributed(strategy, validation),
            validation_steps=int(validation.cardinality()) // len(share.own),
            initial_epoch=left.done,
            epochs=training.epochs,
            steps_per_epoch=training.steps_per_epoch,
            callbacks=[interrupts, *callbacks(settings, log, rates, shown_progress, validation, skipped)],
            shuffle=False,  # the stream's own order
            verbose=0,
        )


def _resume(settings, model, rates, log, state):
    """Puts a model, its rates and its log where a checkpoint left them."""
    meta = state.restore(model)
    log.history = meta["history"]
    log.run |= {part: meta["run"][part] for part in ("weights", "skipped") if part in meta["run"]}
    if settings.is_chief:  # the file may be of an epoch that was killed before its checkpoint
        weight_files.save_weights(settings.weights_path, model.restorer)
    devices.separate_seeds(model)
    if rates:
        rates.set_state(meta["schedule"])
    if settings.is_chief:
        print(f"resuming {settings.checkpoint_path} after epoch {meta['epoch']}")


def callbacks(
    settings: Settings,
    log: checkpoint.RunLog,
    rates: StatefulCallback | None,
    shown_progress: progress.Progress,
    validation: tf.data.Dataset,
    skipped: dict[str, str] | None,
) -> list[keras.callbacks.Callback]:
    """The callbacks, in their order: some add to an epoch's logs, then some show the logs, then some keep them.

    Args:
        settings: of one variant.
        log: is kept.
        rates: sets the learning rates by the training's course; None: nothing does.
        shown_progress: bar and lines.
        validation: its first images are shown.
        skipped: see `pipeline.Source`.
    """
    training = settings.paper.training
    # First, so that nothing is shown or kept of a step that is no number.
    made: list[keras.callbacks.Callback] = [
        progress.StopAtNonFinite(training.steps_per_epoch, settings.checkpoint_path)
    ]
    if rates:  # before the timer, which logs the rates
        made.append(rates)
    made.append(progress.Timer(settings.paper.crops_per_step * training.steps_per_epoch))
    if skipped is not None:
        made.append(progress.Skipped(skipped, log))
    if settings.is_chief:
        shown = next(validation.unbatch().batch(4).as_numpy_iterator())[:2]
        made.append(summaries.TensorBoard(settings.workdir / "tensorboard", summaries.markdown(log.run), shown))
        made.append(shown_progress)
    # Last: it keeps what all before it have done.
    return [*made, checkpoint.Checkpoint(settings.workdir, log, rates, settings.is_chief)]


def _check_agreement(settings: Settings, strategy: Any, done: int, described: dict, sets: Sequence) -> None:
    """Whether all workers were given the same command, read the same images and stand at the same epoch.

    Raises:
        InputError: one does not see the chief's checkpoint, or trains something else; on every worker.
    """
    reads = [inputs.what_is_read(settings, part) for part in zip(*sets, strict=True)]  # to train, to validate
    answers = devices.of_all(strategy, [done, record.digest(settings, described, str(reads))])
    for address, (epochs, digest) in zip(settings.workers, answers, strict=True):
        if epochs != answers[0, 0]:
            raise InputError(
                f"{address}: sees {int(epochs)} finished epochs in {settings.workdir}, the chief {settings.workers[0]} "
                f"{int(answers[0, 0])}; the work folder must be one that all workers share"
            )
        if digest != answers[0, 1]:
            raise InputError(
                f"{address}: has another command, other training images or other versions than the chief "
                f"{settings.workers[0]}; only --worker_index may differ"
            )


def build(settings: Settings, strategy: Any = None) -> GAN:
    """Networks, optimizers and the train step, under the distribution strategy."""
    paper = settings.paper
    with strategy.scope() if strategy else contextlib.nullcontext():
        generator_terms = loaded_terms(settings)
        keras.utils.set_random_seed(settings.seed)  # here, so that nothing earlier has drawn from it
        networks = {name: network.build(paper.data.crop_px) for name, network in paper.networks.items()}
        if paper.training.drawn_start:
            differences.draw(networks["generator"], settings.seed)
        if settings.start_path:
            record.load_generator(settings.start_path, networks["generator"])
        if paper.training.frozen_norm:
            for layer in networks["generator"].layers:
                layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
        model = GAN(
            networks["generator"],
            networks.get("discriminator"),
            generator_terms=generator_terms,
            discriminator_terms=paper.discriminator_terms,
            discriminator_steps=paper.training.discriminator_steps,
            generator_steps=paper.training.generator_steps,
            value_range=paper.value_range,
            accumulate=paper.training.accumulate,
            average_decay=paper.training.ema,
            terms_in_turn=paper.training.terms_in_turn,
        )
        model.compile(*(paper.training.optimizer(name) for name in networks))
    devices.separate_seeds(model)
    return model


def loaded_terms(settings: Settings) -> list[Term]:
    """The generator's terms, with the weights of VGG for terms on features.

    Raises:
        InputError: they cannot be had.
    """
    weights = Path(settings.vgg_weights) if settings.vgg_weights else None
    return [term.loaded(weights) for term in settings.paper.generator_terms]
