"""Sharp images -> crops -> degraded pairs -> `tf.data`.

The training stream is indexed by step: the pixels of sample i depend on (image set, seed, i) and on nothing
else, so a stream that starts at step s is exactly the tail of one that starts at 0, on any number of workers.
"""

import atexit
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import track

from gandeblur.errors import InputError

from .datasets import ImageSet
from .degradations import Step, degrade
from .images import image_size, read_image, resize

# One seed feeds three independent streams of random numbers.
_CROPS, _ORDER, _EVALUATION = range(3)


def training_stream(
    images: ImageSet,
    *,
    crop_px: int,
    max_zoom: float,
    degradations: Sequence[Step],
    batch_size: int,
    seed: int,
    start_step: int,
    total_steps: int,
    value_range: float = 1.0,
    cache_bytes: int = 2 * 2**30,
) -> tf.data.Dataset:
    """Batches `start_step` to `total_steps - 1` of randomly cropped, flipped and degraded images.

    Batch s holds the samples from `s * batch_size` on. Each epoch, `len(images)` samples, visits every image
    once in an order of its own. Decoded images are kept in memory; if all fit, they are decoded right away.

    Args:
        images: the sharp images, each side at least `crop_px`.
        crop_px: side of the square crops.
        max_zoom: 1 takes plain crops. Above 1, a square of side `crop_px * z` is cut and shrunk (bicubic);
            log z is uniform from 0 to log(max_zoom), or to what the image's shorter side allows.
        degradations: steps from sharp to degraded, see `degradations.degrade`.
        batch_size: images per batch, over all devices.
        seed: of crops, order and degradations.
        start_step: first batch, 0 for a new run.
        total_steps: batches of the whole run; the stream has `total_steps - start_step`, a known cardinality.
        value_range: pixels are in [0, value_range].
        cache_bytes: memory for decoded images; the images beyond it are decoded at each use.

    Returns:
        Dataset of `(degraded, sharp)`, each float32 `[batch_size, crop_px, crop_px, 3]` in [0, value_range].

    Raises:
        InputError: a file is no image or smaller than the crop. A file found damaged only while the stream
            runs makes TensorFlow raise its own error: iterate within `input_errors()`.
    """
    sizes = [image_size(path) for path in images.paths]
    for path, (height, width) in zip(images.paths, sizes, strict=True):
        if min(height, width) < crop_px:
            raise InputError(
                f"{path}: is {width}x{height}, smaller than the {crop_px}x{crop_px} crop; "
                "remove it or take a smaller crop"
            )
    reader = _Reader(images.paths, read_image, [3 * height * width for height, width in sizes], cache_bytes)

    def crop(index, draws):
        return random_crop(reader[index], draws, crop_px=crop_px, max_zoom=max_zoom)

    def sample(i):
        epoch, position = i // len(images), i % len(images)
        index = tf.random.experimental.index_shuffle(position, _seed(seed, _ORDER, epoch), len(images) - 1)
        crop_seed, degradation_seed = tf.unstack(tf.random.experimental.stateless_split(_seed(seed, _CROPS, i), 2))
        draws = tf.random.stateless_uniform([4], crop_seed)
        sharp = _call_python(crop, index, draws)
        return _pair(sharp, crop_px, degradations, degradation_seed, value_range)

    indices = tf.data.Dataset.range(start_step * batch_size, total_steps * batch_size)
    return _batches(indices, sample, batch_size, drop_remainder=True)


def evaluation_stream(
    images: ImageSet,
    *,
    size_px: int,
    degradations: Sequence[Step],
    batch_size: int,
    seed: int,
    value_range: float = 1.0,
    cache_bytes: int = 2 * 2**30,
) -> tf.data.Dataset:
    """All images once, in the set's order, each resized (bicubic) to a square and degraded with its own seed.

    Args:
        images: the sharp images, of any size.
        size_px: side of the square.
        degradations: steps from sharp to degraded, see `degradations.degrade`.
        batch_size: images per batch; the last batch may hold fewer.
        seed: of the degradations; image k draws from `seed` and k only.
        value_range: pixels are in [0, value_range].
        cache_bytes: memory for resized images; the images beyond it are read at each use.

    Returns:
        Dataset of `(degraded, sharp)`, each float32 `[batch, size_px, size_px, 3]` in [0, value_range]; its
        cardinality is known.

    Raises:
        InputError: a file is no image; see `training_stream`.
    """

    def load(path):
        return resize(read_image(path), size_px, size_px)

    reader = _Reader(images.paths, load, [3 * size_px**2] * len(images), cache_bytes)

    def sample(k):
        sharp = _call_python(reader.__getitem__, k)
        return _pair(sharp, size_px, degradations, _seed(seed, _EVALUATION, k), value_range)

    return _batches(tf.data.Dataset.range(len(images)), sample, batch_size, drop_remainder=False)


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


def random_crop(image: np.ndarray, draws: np.ndarray, *, crop_px: int, max_zoom: float) -> np.ndarray:
    """The crop that four random numbers stand for: zoom, top, left, and (below one half) a horizontal flip.

    Args:
        image: uint8 `[H, W, 3]`, each side at least `crop_px`.
        draws: float `[4]` in [0, 1).
        crop_px, max_zoom: see `training_stream`.

    Returns:
        uint8 `[crop_px, crop_px, 3]`.
    """
    zoom, top, left, flip = (float(draw) for draw in draws)
    height, width = image.shape[:2]
    largest = min(max_zoom, height / crop_px, width / crop_px)
    side = round(crop_px * largest**zoom)
    top, left = int(top * (height - side + 1)), int(left * (width - side + 1))
    window = image[top : top + side, left : left + side]
    if side > crop_px:
        window = resize(window, crop_px, crop_px)
    return window[:, ::-1] if flip < 0.5 else window


class _Reader:
    """Decoded images by index, kept in memory as far as `cache_bytes` reach in the set's order."""

    def __init__(self, paths: Sequence[Path], load: Callable[[Path], np.ndarray], nbytes: list[int], cache_bytes: int):
        self._paths = paths
        self._load = load
        self._kept = np.cumsum(nbytes) <= cache_bytes
        self._cache: dict[int, np.ndarray] = {}
        if self._kept.all():  # a damaged file is reported now, not in the middle of a run
            with ThreadPoolExecutor() as pool:
                decoded = track(
                    pool.map(load, paths),
                    "decoding images",
                    total=len(paths),
                    console=Console(stderr=True),
                    transient=True,
                    disable=len(paths) <= 200 or not sys.stderr.isatty(),
                )
                self._cache = dict(enumerate(decoded))

    def __getitem__(self, index: int) -> np.ndarray:
        index = int(index)
        if index in self._cache:
            return self._cache[index]
        image = self._load(self._paths[index])
        if self._kept[index]:
            self._cache[index] = image
        return image


class _Calls:
    """The calls from TensorFlow's threads into Python, so that the interpreter's exit can wait for the last one.

    A stream that is still referenced at exit goes on filling its buffers (a fraction of a second). A call that came
    once the interpreter is being taken down would wait for ever, and the exit with it.
    """

    # Longer than the pause between two calls of a stream whose buffers are filling.
    _QUIET_S = 0.5

    def __init__(self):
        self._lock = threading.Lock()
        self._running = 0
        self._last_end = -self._QUIET_S
        atexit.register(self.wait)

    def __enter__(self):
        with self._lock:
            self._running += 1

    def __exit__(self, *_):
        with self._lock:
            self._running -= 1
            self._last_end = time.monotonic()

    def wait(self):
        while self._running or time.monotonic() - self._last_end < self._QUIET_S:
            time.sleep(0.02)


_CALLS = _Calls()


def _call_python(function: Callable[..., np.ndarray], *arguments: tf.Tensor) -> tf.Tensor:
    def counted(*arrays):
        with _CALLS:
            return function(*arrays)

    return tf.numpy_function(counted, arguments, tf.uint8, stateful=False)


def _seed(seed: int, stream: int, index: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(tf.constant([seed, stream], tf.int64), index)


def _pair(sharp, side_px, degradations, seed, value_range):
    sharp = tf.cast(tf.ensure_shape(sharp, [side_px, side_px, 3]), tf.float32) / 255.0
    degraded = degrade(sharp, degradations, seed)
    return value_range * degraded, value_range * sharp


def _batches(indices, sample, batch_size, *, drop_remainder):
    """`drop_remainder` makes the batch's shape static; a training stream has no remainder."""
    samples = indices.map(sample, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return samples.batch(batch_size, drop_remainder=drop_remainder).prefetch(2)
