"""Refuses images of sizes that a network cannot take, and says why."""

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable("gandeblur")
class ImageSize(layers.Layer):
    """Passes images `[B, H, W, C]` on. Keras' own errors name the shapes of inner maps, and no reason.

    Args:
        multiple_px: H and W must be multiples of this: layers of stride 2 halve them.
        side_px: H and W must be this: a dense layer has a weight for each place. None: any.

    Raises:
        ValueError: another size.
    """

    def __init__(self, *, multiple_px: int = 1, side_px: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.multiple_px = multiple_px
        self.side_px = side_px

    def call(self, inputs: Any) -> Any:
        self._check(inputs.shape)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        self._check(input_shape)
        batch, height, width, channels = input_shape
        return batch, self.side_px or height, self.side_px or width, channels

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "multiple_px": self.multiple_px, "side_px": self.side_px}

    def _check(self, shape):
        height, width = shape[1:3]
        sides = [side for side in (height, width) if side is not None]
        if any(side % self.multiple_px for side in sides):
            raise ValueError(
                f"{height}x{width} images: this network takes sides that are a multiple of {self.multiple_px}"
            )
        if self.side_px and any(side != self.side_px for side in sides):
            raise ValueError(
                f"{height}x{width} images: the dense layer ties this discriminator to {self.side_px}x{self.side_px}; "
                "give crops of that size"
            )
