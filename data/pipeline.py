"""Crops -> degraded pairs -> batches: the `tf.data` streams of a training and of an evaluation.

The training stream is indexed by step: the pixels of sample i depend on (sources, seed, i) and on nothing else, so a
stream that starts at step s is exactly the tail of one that starts at 0, on any number of workers.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from gandeblur.data import service
from gandeblur.data.crops import Source, first_indices, random_crops
from gandeblur.data.degradations import apply, draw, shrinking
from gandeblur.data.images import center_crop, resize
from gandeblur.data.python_calls import call_python
from gandeblur.data.reader import Reader
from gandeblur.errors import InputError

# One seed feeds independent streams of random numbers.
_CROPS, _ORDER, _EVALUATION, _MIXING = range(4)

# Samples whose random quantities are drawn together: 2,000 steps of a camera's path cost about as much for all of them
# as for one.
_BLOCK = 256


@dataclass(frozen=True)
class Share:
    """The part of each batch that is made here: the images of some of the replicas that train together.

    Attributes:
        replicas: all of them, on all machines.
        own: numbers of the replicas whose images are made here.
    """

    replicas: int = 1
    own: range = range(1)

    def of(self, batch_size: int) -> np.ndarray:
        """Positions in a batch of the images made here, int `[own, images]`: each replica has a stretch of it."""
        return np.arange(batch_size).reshape(self.replicas, -1)[self.own.start : self.own.stop]


ALONE = Share()


def training_stream(
    sources: Sequence[Source],
    *,
    crop_px: int,
    max_zoom: float = 1.0,
    turned: bool = False,
    batch_size: int,
    seed: int,
    start_step: int,
    total_steps: int,
    share: Share = ALONE,
    servers: Mapping[str, service.Call] | None = None,
    cache_bytes: int = 2 * 2**30,
    workers: int | None = None,
) -> tf.data.Dataset:
    """Batches `start_step` to `total_steps - 1` of randomly cropped, flipped and degraded images.

    Batch s holds the samples from `s * batch_size` on; of several replicas, each has its part of it as a batch of its
    own. Each epoch, as many samples as the sources have images together, visits every image once in an order of its
    own. Decoded images are kept in memory; if all fit, they are decoded right away. Of a packed set, only the crops are
    read.

    Args:
        sources: where the images come from; several are mixed.
        crop_px: side of the square crops; after shrinking, each side of every image has at least this many pixels.
        max_zoom: 1 takes plain crops. Above 1, a square of side `crop_px * z` is cut and shrunk (bicubic);
            log z is uniform from 0 to log(max_zoom), or to what the image's shorter side allows.
        turned: crops are also turned by quarter turns, and their colours exchanged: for few images, and for blur that
            has no direction of its own.
        batch_size: images per batch, over all devices.
        seed: of crops, order and degradations.
        start_step: first batch, 0 for a new run.
        total_steps: batches of the whole run; the stream has `total_steps - start_step` for each of the own replicas, a
            known cardinality.
        share: part of each batch that is made here.
        servers: address -> reading function, see `data.service`; they make the batches in turns. None: this process.
        cache_bytes: memory for decoded images; the images beyond it are decoded at each use.
        workers: threads; as many as pay if left out.

    Returns:
        Dataset of `(degraded, sharp, mixing)`: images float32 `[batch_size / replicas, crop_px, crop_px, 3]` in [0, 1],
        and one uniform number in [0, 1) per image, float32 `[batch_size / replicas]`, for the training step's random
        numbers (a gradient penalty's mixture), which are then the same on any number of devices.

    Raises:
        InputError: a file is no image or smaller than the crop, or a pair differs in size. A file found damaged only
            while the stream runs makes TensorFlow raise its own error: iterate within `input_errors()`.
    """
    for source in sources:
        source.check_sizes(crop_px)
    first = first_indices(sources)

    def sample(i, drawn, call):
        epoch, position = i // int(first[-1]), i % int(first[-1])
        index = tf.random.experimental.index_shuffle(position, _seed(seed, _ORDER, epoch), int(first[-1]) - 1)
        draws = tf.random.stateless_uniform([4], _sample_seeds(seed, i)[0])
        frames = call(index, draws)
        pairs = [partial(_pair, frames, source, crop_px, own) for source, own in zip(sources, drawn, strict=True)]
        number = tf.searchsorted(tf.constant(first[1:]), [index], side="right")[0]
        degraded, sharp = tf.switch_case(number, pairs) if len(pairs) > 1 else pairs[0]()
        return degraded, sharp, tf.random.stateless_uniform([], _seed(seed, _MIXING, i))

    def block(number):
        i = number * _BLOCK + tf.range(_BLOCK, dtype=tf.int64)
        seeds = tf.map_fn(lambda j: _sample_seeds(seed, j)[1], i)
        return i, tuple(draw(source.degradations, seeds) for source in sources)

    begin, end = start_step * batch_size, total_steps * batch_size
    parallel = workers or tf.data.AUTOTUNE
    blocks = tf.data.Dataset.range(begin // _BLOCK, -(-end // _BLOCK)).map(block, num_parallel_calls=parallel)
    samples = blocks.unbatch().skip(begin % _BLOCK).take(end - begin)
    positions = share.of(batch_size)
    if share.replicas > 1:
        own = tf.constant(positions.reshape(-1))
        samples = samples.batch(batch_size, drop_remainder=True)
        samples = samples.map(lambda *parts: tf.nest.map_structure(lambda part: tf.gather(part, own), parts)).unbatch()
    size, count = positions[0].size, (total_steps - start_step) * len(positions)
    samples = samples.apply(tf.data.experimental.assert_cardinality(count * size))

    def made(samples, call):
        return _batches(
            samples.map(partial(sample, call=call), num_parallel_calls=parallel), size, workers, drop_remainder=True
        )

    if not servers:
        return made(samples, partial(call_python, random_crops(sources, crop_px, max_zoom, turned, cache_bytes)))

    def part(number):
        """The batches number, number + len(servers) and so on."""
        rows = samples.batch(size, drop_remainder=True).shard(len(servers), number)
        length = len(range(number, count, len(servers)))
        return rows.unbatch().apply(tf.data.experimental.assert_cardinality(length * size))

    parts = [made(part(number), call) for number, call in enumerate(servers.values())]
    return service.in_turns(dict(zip(servers, parts, strict=True)), count).prefetch(2)


def evaluation_stream(
    source: Source,
    *,
    numbers: Sequence[int] | None = None,
    size_px: int | None = None,
    fit: Callable[[np.ndarray, int, int], np.ndarray] = resize,
    batch_size: int,
    seed: int,
    cache_bytes: int = 2 * 2**30,
) -> tf.data.Dataset:
    """All images once, in the set's order, whole, each degraded with its own seed.

    Args:
        source: the images, of any size, and their degradations.
        numbers: of the images, where they are part of a larger set; 0, 1, 2 and so on if left out.
        size_px: side of the squares that the images are brought to, after shrinking; as they are if left out.
        fit: how: `images.resize` or `images.center_crop`, of image, height and width.
        batch_size: images per batch, all of one size; the last batch may hold fewer.
        seed: of the degradations; image number k draws from `seed` and k only.
        cache_bytes: memory for the fitted images; the images beyond it are read at each use.

    Returns:
        Dataset of `(degraded, sharp)`, each float32 `[batch, H, W, 3]` in [0, 1]; its cardinality is known.

    Raises:
        InputError: a file is no image, or smaller than the central crop; see `training_stream`.
    """
    if size_px and fit is center_crop:
        source.check_sizes(size_px)
    full_px = size_px and source.full_px(size_px)

    def load(frames):
        return np.stack([fit(frame, full_px, full_px) for frame in frames]) if full_px else frames

    reader = Reader(source.images, cache_bytes, load, source.skipped)

    def twins(index):
        return reader[index][[0, -1]]  # of a sharp image, twice the same

    def sample(index, k):
        drawn = draw(source.degradations, _seed(seed, _EVALUATION, k)[tf.newaxis])
        return _pair(call_python(twins, index), source, size_px, tf.nest.map_structure(lambda rows: rows[0], drawn))

    indices = np.arange(len(source.images), dtype=np.int64)
    known_as = indices if numbers is None else np.asarray(numbers, np.int64)
    samples = tf.data.Dataset.from_tensor_slices((indices, known_as)).map(sample, num_parallel_calls=tf.data.AUTOTUNE)
    return _batches(samples, batch_size, None, drop_remainder=False)


@contextmanager
def input_errors() -> Iterator[None]:
    """Re-raises the `InputError` of a file that proved damaged while a stream ran.

    TensorFlow reports an exception of the reader as an error of its own, of many lines: iterate in this.
    """
    try:
        yield
    except tf.errors.OpError as error:
        message = re.search(rf"{InputError.__name__}: (.+)", error.message)
        if message is None:
            raise
        raise InputError(message[1]) from error


def _seed(seed: int, stream: int, index: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(tf.constant([seed, stream], tf.int64), index)


def _sample_seeds(seed: int, i: tf.Tensor) -> tf.Tensor:
    """Of sample i: the crop's seed and the degradations', `[2, 2]`."""
    return tf.random.experimental.stateless_split(_seed(seed, _CROPS, i), 2)


def _pair(frames: tf.Tensor, source: Source, size_px: int | None, drawn: tuple) -> tuple[tf.Tensor, tf.Tensor]:
    """The degraded and the sharp image in [0, 1], of `size_px` or any size."""
    full_px = size_px and source.full_px(size_px)
    blurred, sharp = tf.unstack(tf.cast(tf.ensure_shape(frames, [2, full_px, full_px, 3]), tf.float32) / 255.0)
    for step in shrinking(source.degradations):
        sharp = step(sharp, None)
    return apply(blurred, source.degradations, drawn), sharp


def _batches(samples, batch_size, workers, *, drop_remainder):
    """`drop_remainder` makes the batch's shape static; a training stream has no remainder."""
    batches = samples.batch(batch_size, drop_remainder=drop_remainder).prefetch(2)
    if workers:
        options = tf.data.Options()
        options.threading.private_threadpool_size = workers
        batches = batches.with_options(options)
    return batches
