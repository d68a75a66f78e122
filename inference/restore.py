"""Restoring one picture with a trained generator."""

import numpy as np

from ..evaluation.metrics import to_uint8


def restorer(generator, value_range):
    """A function uint8 `[H, W, 3]` -> uint8 `[H, W, 3]` that restores one image.

    A generator without padding returns a smaller image; its input is then mirrored at the border so that the
    result has the picture's size.

    Args:
        generator: a Keras model, images in [0, value_range] of any size -> the same.
        value_range: white, 1 or 255.
    """
    probe = 256
    shrink = probe - generator.compute_output_shape((1, probe, probe, 3))[1]
    before, after = shrink // 2, shrink - shrink // 2

    def restore(image):
        padded = np.pad(image, ((before, after), (before, after), (0, 0)), mode="reflect" if shrink else "constant")
        restored = generator.predict_on_batch(padded[None].astype(np.float32) * (value_range / 255))[0]
        return to_uint8(restored, (0, value_range))

    return restore
