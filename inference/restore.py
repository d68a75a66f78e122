"""Restoring pictures with a trained generator."""

from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from PIL import Image

from gandeblur.data.images import read_image, to_uint8


class Deblurrer:
    """Restores pictures of any size: a path, a Pillow image or an array in, the same kind out.

    A generator without padding returns a smaller image, and one that halves the image needs sides that are a multiple
    of some number; its input is then mirrored at the border, so that the result has the picture's size.

    Args:
        generator: a Keras model, float32 images `[B, H, W, 3]` in `value_range` -> the same.
        value_range: (black, white) of the generator's images.
        size_multiple: the generator takes sides that are a multiple of this.
        dropout: whether the generator's dropout stays active: each call then gives another result.
        description: of the run that trained it, see `experiments.description`; empty if unknown.
    """

    def __init__(
        self,
        generator: keras.Model,
        value_range: tuple[float, float],
        size_multiple: int = 1,
        dropout: bool = False,
        description: dict | None = None,
    ):
        self.generator = generator
        self.value_range = value_range
        self.size_multiple = size_multiple
        self.dropout = dropout
        self.description = description or {}
        probe = 256
        self._shrink = probe - generator.compute_output_shape((1, probe, probe, 3))[1]

    def __call__(self, picture: str | Path | Image.Image | np.ndarray) -> Any:
        """Restores one picture.

        Args:
            picture: the path of an image file (see `data.images.read_image`), a Pillow image, which becomes RGB, or
                an array, uint8 `[H, W, 3]`.

        Returns:
            A Pillow image for a path or a Pillow image; an array, uint8 `[H, W, 3]`, for an array.

        Raises:
            InputError: the file is missing, truncated or no image.
            ValueError: the array is not uint8 `[H, W, 3]`.
        """
        if isinstance(picture, np.ndarray):
            return self.restore(picture)
        pixels = np.asarray(picture.convert("RGB")) if isinstance(picture, Image.Image) else read_image(picture)
        return Image.fromarray(self.restore(pixels))

    def restore(self, image: np.ndarray) -> np.ndarray:
        """uint8 `[H, W, 3]` -> uint8 `[H, W, 3]`; see `__call__`."""
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
            raise ValueError(f"the picture is {image.dtype} {image.shape}; give uint8 [H, W, 3]")
        black, white = self.value_range
        before, after = self._shrink // 2, self._shrink - self._shrink // 2
        height, width = image.shape[:2]
        bottom, right = (after + -side % self.size_multiple for side in (height, width))
        # "symmetric" repeats the border pixel, and so can pad by more than the image's side.
        mode: Literal["reflect", "symmetric"] = "reflect" if self._shrink else "symmetric"
        padded = np.pad(image, [(before, bottom), (before, right), (0, 0)], mode=mode)
        images = black + padded[None].astype(np.float32) * ((white - black) / 255)
        restored = keras.ops.convert_to_numpy(self.generator(images, training=self.dropout))[0, :height, :width]
        return to_uint8(restored, self.value_range)
