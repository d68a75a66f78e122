"""Which images a run trains on, validates with and is tested on, and their way into batches."""

import functools
from collections.abc import Iterator, Sequence

import tensorflow as tf

from gandeblur.experiments.paper import Condition
from gandeblur.data import pipeline
from gandeblur.data.datasets import benchmarks, sample
from gandeblur.data.datasets.find import Images, find, look
from gandeblur.data.datasets.folder import split
from gandeblur.data.images import center_crop, resize
from gandeblur.errors import InputError
from gandeblur.experiments.settings import Settings

VALIDATION_SHARE = 0.04
VALIDATION_IMAGES = 16  # at most: validation is to cost a small part of an epoch


def training_images(settings: Settings) -> list[tuple[Images, Images]]:
    """(training set, validation set) of each folder."""
    if not settings.train_data:
        return [(sample.train(), sample.validation())]
    sets = [_images(settings, folder, "train") for folder in settings.train_data]
    return [split(images, VALIDATION_SHARE) for images in sets]


def test_images(settings: Settings) -> Sequence[Images]:
    """What is scored, every file of it looked at and decoded: a bad one must not show after hours of training."""
    if settings.benchmarks:
        sets: Sequence[Images] = benchmarks.benchmark_sets(settings.benchmarks)
    else:
        sets = [_images(settings, folder, "test") for folder in settings.test_data] or [sample.test()]
    for images in sets:
        pipeline.check_decodes(images)
    return sets


def training_batches(
    settings: Settings, sets: Sequence[Images], start_epoch: int, skipped: dict[str, str] | None = None
) -> tf.data.Dataset:
    """The stream of `pipeline.training_stream` from an epoch's first step on; `skipped`: see `pipeline.Source`."""
    data, training = settings.paper.data, settings.paper.training
    minibatches = training.discriminator_steps if settings.paper.discriminator else 1
    return pipeline.training_stream(
        [_source(settings, images, skipped) for images in sets],
        crop_px=data.crop_px,
        max_zoom=data.max_zoom,
        batch_size=training.images_per_step * minibatches,
        seed=settings.seed,
        start_step=start_epoch * training.steps_per_epoch,
        total_steps=training.epochs * training.steps_per_epoch,
    )


def validation_batches(
    settings: Settings, sets: Sequence[Images], devices: int, skipped: dict[str, str] | None = None
) -> tf.data.Dataset:
    """Some images of each set at the crop's size, the same in every epoch; a folder named twice counts once."""
    # One image for each device at a time: Keras cannot evaluate a batch that leaves a device without images.
    sets = list({images.name: images for images in sets}.values())
    each = max(devices, VALIDATION_IMAGES // len(sets) // devices * devices)
    whole = any(condition.size_px for condition in settings.paper.data.test.values())
    fit = resize if whole and settings.paper.data.pairs is None else center_crop  # as the test images, but cheap
    streams = []
    for images in sets:
        shown = [*range(len(images))][:each]
        shown = (shown * devices)[: -(-len(shown) // devices) * devices]
        source = _source(settings, images.subset(shown, images.name), skipped)
        size_px = settings.paper.data.crop_px
        streams.append(
            pipeline.evaluation_stream(source, size_px=size_px, fit=fit, batch_size=devices, seed=settings.seed)
        )
    return functools.reduce(lambda one, other: one.concatenate(other), streams)


def scored(settings: Settings, sets: Sequence[Images]) -> Iterator[tuple[str, Condition, pipeline.Source]]:
    """(name, condition, source) of what is scored: every test set under every condition that applies to it."""
    for images in sets:
        for suffix, condition in settings.paper.data.test.items():
            steps = condition.pairs if images.has_pairs else condition.photographs
            if steps is not None:
                source = pipeline.Source(images, steps, 1 if condition.full_size else settings.paper.data.downsample)
                yield "-".join(filter(None, (images.name, suffix))), condition, source


def named(sets: Sequence[Images]) -> str:
    return ", ".join(f"{images.name} ({len(images)})" for images in sets)


def _images(settings: Settings, folder: str, part: str) -> Images:
    """The images of a folder; of one with several splits, those of `part`."""
    choices = look(folder).choices
    chosen = part if part in choices else None
    pairs = None not in choices.get(chosen, (None,))
    images = find(folder, split=chosen, variant=settings.blurred if pairs else None)
    if images.has_pairs and settings.paper.data.pairs is None:
        raise InputError(
            f"{folder}: holds pairs, but this experiment degrades sharp photographs itself; give a folder of sharp ones"
        )
    return images


def _source(settings: Settings, images: Images, skipped: dict[str, str] | None) -> pipeline.Source:
    data = settings.paper.data
    steps = data.pairs if images.has_pairs else data.photographs
    return pipeline.Source(images, steps or (), data.downsample, skipped)
