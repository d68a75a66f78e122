"""Instance normalisation whose gradient can itself be differentiated."""

from typing import Any

import keras
from keras import ops

from gandeblur.models.layers.own_statistics import OwnStatistics


@keras.saving.register_keras_serializable("gandeblur")
class InstanceNormalization(OwnStatistics, keras.layers.Layer):
    """Each channel of each image to mean 0 and variance 1 over its pixels (Ulyanov et al., 2016), without weights.

        y = (x - m) / sqrt(v + epsilon),    m = mean x, v = mean (x - m)^2 over height and width

    Keras' own normalisation layers rest on TensorFlow's `tf.nn.moments`, which stops the gradient of the mean: second
    derivatives, and so a gradient penalty, come out wrong. Here they are exact, whichever way it is computed.

    Input: float `[B, H, W, C]`. Output: the same shape and type, computed in at least float32.

    Args:
        epsilon: added to the variance.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs: Any) -> Any:
        return self._normalise(ops.cast(inputs, self.compute_dtype), self.epsilon)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}
