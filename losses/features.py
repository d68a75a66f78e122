"""Distance of two images as several layers of VGG see them, direction by direction (after Zhang et al., CVPR 2018).

At each layer, the maps of a pixel are a vector. Both images' vectors are brought to unit length, so that their
directions count, not their strength:

    d = sum over layers of  mean over pixels of  sum over maps of  (v / |v| - v' / |v'|)^2

DIRECTIONS.load(weights)(restored, sharp)      one value per image, between 0 and 4 times the number of layers
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import ops

from gandeblur.losses import perceptual

# Keeps the slope of a vector's length finite where all maps are 0. VGG's maps of pictures have lengths of hundreds.
_FLOOR = 1e-6


@dataclass(frozen=True)
class Directions:
    """Which directions are compared, as data.

    Args:
        network: "vgg16" or "vgg19".
        layers: names of convolutions in `keras.applications`, front to back.
        relu: "behind" the ReLU of each layer, "before" it, or "both": the sum of the two distances.
        pooling: "max", as VGG has it, or "average", through whose slope no pixel of four is preferred.
    """

    network: str
    layers: tuple[str, ...]
    relu: str = "behind"
    pooling: str = "max"

    def load(self, weights: str | Path | None = None) -> Callable[[Any, Any], Any]:
        """loss(restored, sharp) -> `[B]`, from float32 `[B, H, W, 3]` in [0, 1], RGB; `sharp` gets no gradient.

        Convolutions are computed in the precision of Keras' dtype policy. `weights`, and errors, as in `model`.
        """
        model, precision = self.model(weights), keras.config.dtype_policy().compute_dtype

        def loss(restored, sharp):
            target = [ops.stop_gradient(vectors) for vectors in self.vectors(model, sharp, precision)]
            return distance(self.vectors(model, restored, precision), target)

        return loss

    def model(self, weights: str | Path | None = None) -> keras.Model:
        """The front of the network that holds the layers; `weights`, and errors, as in `perceptual.features`."""
        return perceptual.features(self.network, self.layers[-1], weights)

    def vectors(self, model: keras.Model, images: Any, precision: str) -> list[Any]:
        """What is compared: unit vectors float32 `[B, h, w, maps]` of each layer, a quarter of the pixels per pooling.

        Args:
            model: see `model`.
            images: float32 `[B, H, W, 3]` in [0, 1], RGB.
            precision: "float32" or "bfloat16", of the convolutions.
        """
        pool = ops.max_pool if self.pooling == "max" else ops.average_pool
        x = ops.cast(perceptual.preprocessed(images), precision)
        found = []
        for layer in model.layers[1:]:
            if not layer.weights:
                x = pool(x, 2, 2)
                continue
            x = ops.conv(x, ops.cast(layer.kernel, precision), padding="same") + ops.cast(layer.bias, precision)
            if layer.name in self.layers and self.relu != "behind":
                found.append(_unit(x))
            x = ops.relu(x)
            if layer.name in self.layers and self.relu != "before":
                found.append(_unit(x))
        return found

    def __str__(self) -> str:
        where = "before and behind" if self.relu == "both" else self.relu
        pooled = ", average pooling" if self.pooling == "average" else ""
        return f"directions of {self.network.upper()} {', '.join(self.layers)} {where} their ReLU{pooled}"


# The distance that the tables of looks state.
DIRECTIONS = Directions("vgg19", ("block1_conv2", "block2_conv2", "block3_conv3"))


def distance(ours: list[Any], theirs: list[Any]) -> Any:
    """The distance of two images' `Directions.vectors`: `[B]`."""
    pairs = zip(ours, theirs, strict=True)
    return sum(ops.mean(ops.sum(ops.square(one - other), axis=-1), axis=(1, 2)) for one, other in pairs)


def _unit(x):
    x = ops.cast(x, "float32")
    return x * ops.rsqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + _FLOOR)
