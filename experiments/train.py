"""Training: networks, optimizers and streams from the settings, and `fit` with what keeps a run safe and visible."""

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from gandeblur.data import pipeline
from gandeblur.data.datasets import begun
from gandeblur.errors import InputError
from gandeblur.experiments import description, sources
from gandeblur.experiments.settings import Settings
from gandeblur.files import locked
from gandeblur.losses.perceptual import Perceptual
from gandeblur.training import backend, checkpoint, progress, summaries, workers
from gandeblur.training.gan import GAN, Term, between_images


def train(settings: Settings, strategy: Any = None) -> None:
    """Trains one variant, from the start or from where its work folder stands, to the last epoch.

    Args:
        settings: of one variant.
        strategy: of several devices, see `backend.strategy`.

    Raises:
        InputError: the work folder holds another run, another process trains in it, an image is bad, a loss is not
            finite, or another machine is gone or does something else.
    """
    batch_size = settings.paper.training.batch_size
    devices = backend.device_count(strategy)
    if batch_size % devices:
        raise InputError(
            f"--batch_size={batch_size}: not a multiple of the {devices} devices"
            f"{' of all workers' * bool(settings.cluster)}; choose one that is"
        )
    # What is wrong shows before a folder is made.
    finished_epochs(settings)
    workers.wait_for(sources.data_servers(settings), settings.worker_timeout)
    if not settings.is_chief:
        _train(settings, strategy, devices)
        return
    with locked(settings.workdir):
        checkpoint.settle(settings.checkpoint_path)
        _train(settings, strategy, devices)


def _train(settings: Settings, strategy: Any, devices: int) -> None:
    training = settings.paper.training
    done = finished_epochs(settings)
    over = done >= training.epochs or (
        done and training.schedule.over(checkpoint.read_meta(settings.checkpoint_path)["schedule"])
    )
    sets = [] if over else sources.training_images(settings)
    if settings.cluster:
        _check_agreement(settings, strategy, done, sets)
    if over:
        if settings.is_chief:
            print(f"{settings.checkpoint_path}: already trained for {done} epochs; nothing to do")
        return
    train_sets, validation_sets = zip(*sets, strict=True)
    together = backend.devices_together(strategy)
    share = pipeline.Share(devices // together, backend.own_replicas(strategy))
    skipped: dict[str, str] | None = {} if settings.skip_corrupt else None
    stream = sources.training_batches(settings, train_sets, done, share, skipped)
    validation = sources.validation_batches(settings, validation_sets, share, together, skipped)
    if settings.is_chief:
        begun.check_images(settings.workdir, sets, resumed=done > 0)
    model = build(settings, strategy)
    rates = training.schedule.callback(list(model.optimizers.values()))
    history: dict[str, list[float]] = {}
    described = description.describe(settings)
    if done:
        meta = checkpoint.restore(settings.checkpoint_path, model)
        described |= {part: meta["run"][part] for part in ("weights", "skipped") if part in meta["run"]}
        if settings.is_chief:  # the file may be of an epoch that was killed before its checkpoint
            checkpoint.save_weights(settings.weights_path, model.restorer)
        backend.separate_seeds(model)
        if rates:
            rates.set_state(meta["schedule"])
        history = meta["history"]
        if settings.is_chief:
            print(f"resuming {settings.checkpoint_path} after epoch {done}")

    callbacks = [
        progress.StopAtNonFinite(training.steps_per_epoch, settings.checkpoint_path),
        *([rates] if rates else []),
        *([progress.Skipped(skipped, described)] if skipped is not None else []),
    ]
    shown_progress = progress.Progress(training.epochs, training.steps_per_epoch, rates)
    if settings.is_chief:
        checkpoint.write_run(settings.workdir, described)
        shown = next(validation.unbatch().batch(4).as_numpy_iterator())[:2]
        images = settings.paper.crops_per_step * training.steps_per_epoch
        callbacks += [
            summaries.TensorBoard(settings.workdir / "tensorboard", summaries.markdown(described), shown, images),
            shown_progress,
        ]
    callbacks.append(checkpoint.Checkpoint(settings.workdir, described, history, rates, settings.is_chief))
    who = f", worker {settings.worker_index} of {len(settings.workers)}" if settings.cluster else ""
    print(f"training on {sources.named(train_sets)}, work folder {settings.workdir}{who}", flush=True)
    servers = sources.data_servers(settings)
    with (
        contextlib.closing(shown_progress),
        progress.StopAtInterrupt() as interrupts,
        workers.watched(servers, settings.worker_timeout, backend.abort_step),
        pipeline.input_errors(),
        strategy.scope() if strategy else contextlib.nullcontext(),
    ):
        model.fit(
            backend.distributed(strategy, stream),
            validation_data=backend.distributed(strategy, validation),
            validation_steps=int(validation.cardinality()) // len(share.own),
            initial_epoch=done,
            epochs=training.epochs,
            steps_per_epoch=training.steps_per_epoch,
            callbacks=[interrupts, *callbacks],
            shuffle=False,  # the stream's own order
            verbose=0,
        )


def _check_agreement(settings: Settings, strategy: Any, done: int, sets: Sequence) -> None:
    """Whether all workers were given the same command, read the same images and stand at the same epoch.

    Raises:
        InputError: one does not see the chief's checkpoint, or trains something else; on every worker.
    """
    reads = [sources.what_is_read(settings, part) for part in zip(*sets, strict=True)]  # to train, to validate
    told = backend.of_all(strategy, [done, description.digest(settings, str(reads))])
    for address, (epochs, digest) in zip(settings.workers, told, strict=True):
        if epochs != told[0, 0]:
            raise InputError(
                f"{address}: sees {int(epochs)} finished epochs in {settings.workdir}, the chief {settings.workers[0]} "
                f"{int(told[0, 0])}; the work folder must be one that all workers share"
            )
        if digest != told[0, 1]:
            raise InputError(
                f"{address}: has another command, other training images or other versions than the chief "
                f"{settings.workers[0]}; only --worker_index may differ"
            )


def finished_epochs(settings: Settings) -> int:
    """Finished epochs of the run in the work folder, 0 if there is none.

    Raises:
        InputError: it is another run, or must not be resumed.
    """
    asked = description.describe(settings)
    if not checkpoint.exists(settings.checkpoint_path):
        return 0
    if not settings.resume:
        raise InputError(f"{settings.checkpoint_path}: holds a run; choose another --workdir to start anew")
    meta = checkpoint.read_meta(settings.checkpoint_path)
    differs = description.difference(meta["run"], asked)
    if differs:
        raise InputError(f"{settings.checkpoint_path}: holds a run with {differs}; choose another --workdir")
    return meta["epoch"]


def build(settings: Settings, strategy: Any = None) -> GAN:
    """Networks, optimizers and the train step, under the distribution strategy."""
    paper = settings.paper
    with strategy.scope() if strategy else contextlib.nullcontext():
        generator_terms = loaded_terms(settings)
        keras.utils.set_random_seed(settings.seed)  # here, so that nothing earlier has drawn from it
        networks = {name: network.build(paper.data.crop_px) for name, network in paper.networks.items()}
        if settings.start_path:
            description.load_generator(settings.start_path, networks["generator"])
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
        )
        model.compile(*(paper.training.optimizer(name) for name in networks))
    backend.separate_seeds(model)
    return model


def loaded_terms(settings: Settings) -> list[Term]:
    """The generator's terms, those that see by a trained network with its weights.

    Raises:
        InputError: they cannot be had.
    """
    terms = []
    for term in settings.paper.generator_terms:
        if isinstance(term.loss, between_images) and isinstance(term.loss.loss, Perceptual):
            weights = Path(settings.vgg_weights) if settings.vgg_weights else None
            term = dataclasses.replace(term, loss=between_images(term.loss.loss.load(weights)))
        terms.append(term)
    return terms
