"""How far a restored image is from the truth to VGG19, as a measure with a name and its weights' hash."""

import hashlib
from pathlib import Path

import numpy as np
from keras import ops

from gandeblur.evaluation.metrics import checked
from gandeblur.losses.features import DIRECTIONS, distance


class FeatureDistance:
    """The distance of two images in `losses.features.DIRECTIONS`, in float32; 0 for identical images, at most 12.

    "Closed" is the share of the degraded image's distance that a restored one no longer has.

    Args:
        weights: file of VGG19's weights, see `losses.perceptual.features`; None: Keras downloads them, once.

    Raises:
        InputError: there are no weights.
    """

    name = "vgg19-directions-12-22-33"

    def __init__(self, weights: str | Path | None = None) -> None:
        self.model = DIRECTIONS.model(weights)
        digest = hashlib.sha256()
        for array in self.model.get_weights():
            digest.update(array.tobytes())
        self.sha256 = digest.hexdigest()
        self._last: tuple[np.ndarray, list] | None = None  # of several methods in turns, the truth is seen once

    def __call__(self, restored: np.ndarray, sharp: np.ndarray) -> float:
        """The distance of two images uint8 [H, W, 3], RGB, of 4x4 pixels or more.

        Raises:
            ValueError: the shapes differ, or an image is not uint8 [H, W, 3].
        """
        checked(restored, sharp)
        if self._last is None or not np.array_equal(self._last[0], sharp):
            self._last = sharp.copy(), self.vectors(sharp)
        return float(ops.convert_to_numpy(distance(self.vectors(restored), self._last[1]))[0])

    def vectors(self, image: np.ndarray) -> list:
        """What is compared of an image uint8 [H, W, 3], RGB: see `losses.features.Directions.vectors`."""
        return DIRECTIONS.vectors(self.model, image[None].astype("float32") / 255, "float32")

    def __str__(self) -> str:
        """The name and its meaning in one line, for reports."""
        return f"{self.name}: distance in {DIRECTIONS}, weights {self.sha256[:16]}"
