"""Restoring one picture with a trained generator."""

import numpy as np

from gandeblur.evaluation.metrics import to_uint8


def restorer(generator, value_range, size_multiple=1, dropout=False):
    """A function uint8 `[H, W, 3]` -> uint8 `[H, W, 3]` that restores one image of any size.

    A generator without padding returns a smaller image, and one that halves the image needs sides that are a multiple
    of some number; its input is then mirrored at the border, so that the result has the picture's size.

    Args:
        generator: a Keras model, float32 images `[B, H, W, 3]` in `value_range` -> the same.
        value_range: (black, white) of the generator's images.
        size_multiple: the generator takes sides that are a multiple of this.
        dropout: whether the generator's dropout stays active.
    """
    black, white = value_range
    probe = 256
    shrink = probe - generator.compute_output_shape((1, probe, probe, 3))[1]
    before, after = shrink // 2, shrink - shrink // 2

    def restore(image):
        height, width = image.shape[:2]
        bottom, right = (after + -side % size_multiple for side in (height, width))
        # "symmetric" repeats the border pixel, and so can pad by more than the image's side.
        mode = "reflect" if shrink else "symmetric"
        padded = np.pad(image, ((before, bottom), (before, right), (0, 0)), mode=mode)
        images = black + padded[None].astype(np.float32) * ((white - black) / 255)
        restored = np.array(generator(images, training=dropout))[0, :height, :width]
        return to_uint8(restored, value_range)

    return restore
