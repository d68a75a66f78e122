"""Nearest upsampling that every export format takes."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("gandeblur")
class UpSampling2D(keras.layers.Layer):
    """Each pixel four times, as Keras' layer of this name with size 2 and nearest interpolation.

    By concatenation and reshaping: where height and width are unknown, Keras' own forgets the number of channels, and
    LiteRT cannot run what follows.

    Input: `[B, H, W, C]`. Output: `[B, 2H, 2W, C]` of the same type.
    """

    def call(self, inputs: Any) -> Any:
        batch, height, width, channels = ops.shape(inputs)
        x = ops.reshape(ops.concatenate([inputs, inputs], axis=3), (batch, height, 2 * width, channels))
        return ops.reshape(ops.concatenate([x, x], axis=2), (batch, 2 * height, 2 * width, channels))

    def compute_output_shape(self, input_shape: Any) -> Any:
        batch, height, width, channels = input_shape
        return batch, height and 2 * height, width and 2 * width, channels
