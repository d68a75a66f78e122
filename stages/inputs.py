"""Which images a run trains on, validates with and is tested on, and their way into batches."""

import collections
import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from gandeblur.data import pipeline, service
from gandeblur.data.crops import Source, random_crops
from gandeblur.data.datasets import benchmarks, sample
from gandeblur.data.datasets.find import Images, find, look
from gandeblur.data.datasets.folder import split
from gandeblur.data.datasets.shrunk import Shrunk
from gandeblur.data.degradations import SHRINK, Step, shrunk_by
from gandeblur.data.images import center_crop, resize
from gandeblur.data.reader import check_decodes
from gandeblur.errors import InputError
from gandeblur.experiments.spec import Condition
from gandeblur.stages.run import Settings

VALIDATION_SHARE = 0.04
VALIDATION_IMAGES = 16  # at most: validation is to cost a small part of an epoch


def training_images(settings: Settings) -> list[tuple[Images, Images]]:
    """(training set, validation set) of each folder."""
    if not settings.train_data:
        return [(sample.train(), sample.validation())]
    sets = [_images(settings, folder, "train") for folder in settings.train_data]
    if settings.train_images:
        sets = [_some(images, settings.train_images) for images in sets]
    return [split(images, VALIDATION_SHARE) for images in sets]


def _some(images: Images, count: int) -> Images:
    """`count` of the images, evenly spaced: of every sequence a part."""
    if count >= len(images):
        return images
    return images.subset(np.linspace(0, len(images) - 1, count).round().astype(int).tolist(), images.name)


def test_images(settings: Settings) -> Sequence[Images]:
    """The images to score. Every file is decoded here: a bad one must not show after hours of training."""
    if settings.benchmarks and settings.test_data:
        raise InputError("--benchmarks: is scored in place of --test_data; give one of the two")
    if settings.benchmarks:
        sets: Sequence[Images] = benchmarks.benchmark_sets(settings.benchmarks)
    else:
        sets = [_images(settings, folder, "test") for folder in settings.test_data] or [sample.test()]
    if twice := _twice(images.name for images in sets):
        raise InputError(f"--test_data: two folders hold a set called {twice}; score them one by one")
    for images in sets:
        if twice := _twice(images.names):
            raise InputError(f"{images.name}: two images are called {twice}; rename one of them")
        check_decodes(images)
    return sets


def _twice(names: Iterable[str]) -> str | None:
    """A name that comes twice, if there is one."""
    return next((name for name, count in collections.Counter(names).items() if count > 1), None)


def training_batches(
    settings: Settings,
    sets: Sequence[Images],
    start_epoch: int,
    share: pipeline.Share = pipeline.ALONE,
    skipped: dict[str, str] | None = None,
) -> tf.data.Dataset:
    """The stream of `pipeline.training_stream` from an epoch's first step on; `skipped`: see `crops.Source`.

    Raises:
        InputError: see there; or a data server reads something else.
    """
    data, training = settings.paper.data, settings.paper.training
    reads = what_is_read(settings, sets) if settings.data_service else ""
    return pipeline.training_stream(
        [_source(settings, images, skipped) for images in sets],
        crop_px=data.crop_px,
        max_zoom=data.max_zoom,
        turned=data.turned,
        batch_size=settings.paper.crops_per_step,
        share=share,
        servers={
            address: service.connect(address, reads, settings.worker_timeout) for address in settings.data_service
        },
        seed=settings.seed,
        start_step=start_epoch * training.steps_per_epoch,
        total_steps=training.epochs * training.steps_per_epoch,
    )


def data_servers(settings: Settings) -> dict[str, str]:
    """ "host:port" -> its name in messages, of the servers that read the training images."""
    return {service.host_and_port(address): "data server" for address in settings.data_service}


def reading(settings: Settings, sets: Sequence[Images]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The reading function of a data server: `random_crops`."""
    data = settings.paper.data
    skipped: dict[str, str] | None = {} if settings.skip_corrupt else None
    read = [_source(settings, images, skipped) for images in sets]
    return random_crops(read, data.crop_px, data.max_zoom, data.turned)


def what_is_read(settings: Settings, sets: Sequence[Images]) -> str:
    """All that the result of `reading` depends on, in words that a trainer compares with its own."""
    data = settings.paper.data
    names = hashlib.sha256(repr([list(images.names) for images in sets]).encode()).hexdigest()[:8]
    sources = [_source(settings, images) for images in sets]
    factors = [source.images.factor if isinstance(source.images, Shrunk) else 1 for source in sources]
    kind = ", bicubic" if data.shrinking == "bicubic" else ""
    sides = [source.full_px(data.crop_px) for source in sources]
    crops = f"crops of {sides} px, zoom to {data.max_zoom:g}{', turned' * data.turned}"
    crops += f", {data.cut}" if data.cut != "anywhere" else ""
    words = f"{named(sets)}, names {names}, {crops}, shrunk by {factors}{kind}"
    return words + ", without those that cannot be read" * settings.skip_corrupt


def validation_batches(
    settings: Settings,
    sets: Sequence[Images],
    share: pipeline.Share = pipeline.ALONE,
    batch_size: int = 1,
    skipped: dict[str, str] | None = None,
) -> tf.data.Dataset:
    """Some images of each set at the crop's size, the same in every epoch; a folder named twice counts once.

    Args:
        settings: of the run.
        sets: to choose from.
        share: whose images are made here.
        batch_size: images that a replica gets at a time.
        skipped: see `crops.Source`.

    Returns:
        Dataset of `(degraded, sharp, factor)` batches. The own replicas get theirs in turns, each as many. To fill the
        last batches some images come twice; the second copy has the factor 0. A score of each image times its factor,
        averaged over all replicas, is the mean over all images.
    """
    sets = list({(images.name, images.where(0)): images for images in sets}.values())
    counts = [min(len(images), max(1, VALIDATION_IMAGES // len(sets))) for images in sets]
    at_once = share.replicas * batch_size
    places = [-(-count // at_once) * at_once for count in counts]
    data = settings.paper.data
    whole = any(condition.size_px for condition in data.test.values()) and data.pairs is None
    fit = resize if whole or data.cut == "resized" else center_crop  # as the test images, but cheap
    streams = []
    for images, count, filled in zip(sets, counts, places, strict=True):
        own = np.concatenate([start + share.of(at_once).reshape(-1) for start in range(0, filled, at_once)])
        numbers = own % count
        source = _source(settings, images.subset(numbers.tolist(), images.name), skipped)
        size_px = settings.paper.data.crop_px
        stream = pipeline.evaluation_stream(
            source, numbers=numbers.tolist(), size_px=size_px, fit=fit, batch_size=batch_size, seed=settings.seed
        )
        factors = np.where(own < count, sum(places) / sum(counts), 0).astype(np.float32)
        weighted = tf.data.Dataset.zip(stream, tf.data.Dataset.from_tensor_slices(factors).batch(batch_size))
        streams.append(weighted.map(lambda images, factor: (*images, factor)))
    return functools.reduce(lambda one, other: one.concatenate(other), streams)


def scored(settings: Settings, sets: Sequence[Images]) -> Iterator[tuple[str, Condition, Source]]:
    """(name, condition, source) of what is scored: every test set under every condition that applies to it."""
    for images in sets:
        for suffix, condition in settings.paper.data.test.items():
            steps = condition.pairs if images.has_pairs else condition.photographs
            if steps is not None:
                source = _shrunk(settings, images, steps, full_size=condition.full_size)
                yield "-".join(filter(None, (images.name, suffix))), condition, source


def named(sets: Sequence[Images]) -> str:
    return ", ".join(f"{images.name} ({len(images)})" for images in sets)


def _images(settings: Settings, folder: str, part: str) -> Images:
    """The images of a folder; if it has several splits, the images of `part`."""
    choices = look(folder).choices
    if part not in choices and None not in choices:
        raise InputError(f"{folder}: holds {', '.join(map(str, choices))}, no {part}; give one of these folders itself")
    chosen = part if part in choices else None
    images = find(folder, split=chosen, variant=None if None in choices[chosen] else settings.blurred)
    if images.has_pairs and settings.paper.data.pairs is None:
        raise InputError(
            f"{folder}: holds pairs, but this experiment degrades sharp photographs itself; give a folder of sharp ones"
        )
    return images


def _source(settings: Settings, images: Images, skipped: dict[str, str] | None = None) -> Source:
    data = settings.paper.data
    steps = data.pairs if images.has_pairs else data.photographs
    return _shrunk(settings, images, steps or (), skipped, data.cut)


def _shrunk(
    settings: Settings,
    images: Images,
    steps: Sequence[Step],
    skipped: dict[str, str] | None = None,
    cut: str = "anywhere",
    full_size: bool = False,
) -> Source:
    """A source whose images are shrunk, if they are to be: where the steps say so, else first, as if stored so."""
    data = settings.paper.data
    factor, bicubic = data.downsample, data.shrinking == "bicubic"
    if full_size or (data.shrunk == "pairs" and not images.has_pairs):
        factor = 1
    if factor > 1 and SHRINK not in steps:
        return Source(Shrunk(images, factor, bicubic), steps, skipped, cut)
    return Source(images, shrunk_by(steps, factor, bicubic), skipped, cut)
