"""Batch normalisation over all replicas' images, at test time if wanted by the image's own statistics."""

from typing import Any

import keras
from keras import layers

from gandeblur.models.layers import backend
from gandeblur.models.layers.own_statistics import OwnStatistics


@keras.saving.register_keras_serializable("gandeblur")
class BatchNormalization(OwnStatistics, layers.BatchNormalization):
    """Keras' own (Ioffe & Szegedy 2015), trained with the statistics of all replicas' images.

    It has Keras' class name, under which Keras files weights.

    Args:
        own_statistics: at test time, too, take the statistics of the image at hand, as pix2pix does, in place of the
            moving averages. A layer that sees one value per map in training (one image, one pixel) has a moving
            variance of 0: moving averages would magnify what another image has there by 1 / sqrt(epsilon).
    """

    def __init__(self, *, own_statistics: bool = False, **config: Any) -> None:
        # Keras refuses the option on JAX (where a mean is one over all devices), also in a file from TensorFlow.
        super().__init__(**config | {"synchronized": backend.synchronises()})
        self.own_statistics = own_statistics

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if training or not self.own_statistics:
            return super().call(inputs, training=training, mask=mask)
        return self._normalise(inputs, self.epsilon, self.gamma, self.beta)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "own_statistics": self.own_statistics}
