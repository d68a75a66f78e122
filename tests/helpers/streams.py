"""Streams of small images, and their pixels."""

from functools import partial

import numpy as np
import tensorflow as tf
from PIL import Image

from gandeblur.data.datasets import ImageSet
from gandeblur.data.degradations import apply, blur, disk_kernel, draw, gaussian_noise, jpeg
from gandeblur.data.pipeline import Source, evaluation_stream, training_stream

STEPS = (
    partial(blur, kernel=disk_kernel(1.5)),
    partial(gaussian_noise, variance=5e-4),
    partial(jpeg, quality=70),
)


def stream(images, degradations=STEPS, **changes):
    defaults = dict(crop_px=16, max_zoom=2.0, batch_size=4, seed=7, start_step=0, total_steps=6)
    return training_stream([Source(images, degradations)], **(defaults | changes))


def evaluation(images, degradations=(), **changes):
    return evaluation_stream(Source(images, degradations), **(dict(size_px=12, seed=0, batch_size=2) | changes))


def collect(dataset):
    """Degraded and sharp images of a stream (not the third part of a training stream)."""
    degraded, sharp, *_ = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(degraded), np.concatenate(sharp)


def flat_images(folder, count, side=20):
    """Image k is flat, of level 10 k: a crop tells which image it is from."""
    for k in range(count):
        Image.new("RGB", (side, side), (10 * k,) * 3).save(folder / f"{k:02}.png")
    return ImageSet("flat", tuple(sorted(folder.glob("*.png"))))


def degrade(image, steps, seed):
    """`draw` and `apply` for one image: float32 `[H, W, 3]` in [0, 1], integer seed `[2]`."""
    drawn = tf.nest.map_structure(lambda rows: rows[0], draw(steps, seed[tf.newaxis]))
    return apply(image, steps, drawn)
