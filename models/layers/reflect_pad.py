"""Padding by reflection."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("gandeblur")
class ReflectPadding2D(keras.layers.Layer):
    """Pads height and width by mirroring the image at its border pixels, which are not repeated: `c b | a b c`.

    Input: `[B, H, W, C]`. Output: `[B, H + 2 padding, W + 2 padding, C]`.

    Args:
        padding: pixels on each of the four sides.

    Raises:
        ValueError: height or width has fewer than `padding + 1` pixels (JAX would pad by something else).
    """

    def __init__(self, padding: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs: Any) -> Any:
        self._check(inputs.shape)
        pad = (self.padding, self.padding)
        return ops.pad(inputs, [(0, 0), pad, pad, (0, 0)], mode="reflect")

    def compute_output_shape(self, input_shape: Any) -> Any:
        self._check(input_shape)
        batch, height, width, channels = input_shape
        height, width = (None if size is None else size + 2 * self.padding for size in (height, width))
        return batch, height, width, channels

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.padding}

    def _check(self, shape):
        height, width = shape[1:3]
        if any(size is not None and size <= self.padding for size in (height, width)):
            raise ValueError(
                f"{self.name}: {height}x{width} (height x width) is too small to mirror {self.padding} pixels; "
                f"each side needs {self.padding + 1} or more"
            )
