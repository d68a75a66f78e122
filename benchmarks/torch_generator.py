"""A Keras generator as the same computation in PyTorch, channels last, with the same weights: a rival for benchmarks.

Every layer becomes what a PyTorch programmer would write for it; the graph of the Keras model is walked with these in
place of its layers.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch
from torch import nn
from torch.nn import functional

BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class TorchGenerator(nn.Module):
    """float32 `[B, 3, H, W]` -> the same, as the Keras model's `[B, H, W, 3]`."""

    def __init__(self, generator: keras.Model) -> None:
        super().__init__()
        self.graph = generator
        self.kernels = nn.ParameterDict()
        self.steps = {layer.name: self._step(layer) for layer in generator.operations}
        self.to(memory_format=torch.channels_last)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        # Keras' own walk over the graph, private there: a benchmark may. It passes masks and the like by name.
        return self.graph._run_through_graph(
            [images], operation_fn=lambda layer: lambda *inputs, **_: self.steps[layer.name](*inputs)
        )

    def _step(self, layer: Any) -> Callable:
        name = layer.name
        match type(layer).__name__:
            case "InputLayer" | "Dropout" | "ImageSize":
                return lambda x: x
            case "Conv2D":
                self._keep(layer, (3, 2, 0, 1))
                return lambda x: self._convolve(x, layer)
            case "Conv2DTranspose":
                self._keep(layer, (3, 2, 0, 1))
                return lambda x: self._convolve_transposed(x, layer)
            case "InstanceNormalization":
                return lambda x: functional.instance_norm(x, eps=layer.epsilon)
            case "BatchNormalization":
                for part in BATCH_NORM:
                    self.kernels[f"{name}/{part}"] = _parameter(getattr(layer, part))
                return lambda x: self._batch_norm(x, layer)
            case "ReLU":
                return torch.relu
            case "LeakyReLU":
                return lambda x: functional.leaky_relu(x, layer.negative_slope)
            case "Activation":
                return lambda x: _activated(x, layer)
            case "Add":
                return lambda inputs: sum(inputs[1:], inputs[0])
            case "Average":
                return lambda inputs: sum(inputs[1:], inputs[0]) / len(inputs)
            case "Concatenate":
                return lambda inputs: torch.cat(inputs, 1)
            case "Clip":
                return lambda x: torch.clip(x, layer.x_min, layer.x_max)
            case "UpSampling2D":
                return lambda x: functional.interpolate(x, scale_factor=2, mode="nearest")
            case "ZeroPadding2D":
                (top, bottom), (left, right) = layer.padding
                return lambda x: functional.pad(x, [left, right, top, bottom])
            case "Cropping2D":
                (top, bottom), (left, right) = layer.cropping
                return lambda x: x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]
            case "MaxPooling2D":
                return lambda x: functional.max_pool2d(
                    _same(x, layer.pool_size, layer.strides, layer.padding, -torch.inf), layer.pool_size, layer.strides
                )
            case kind:
                raise NotImplementedError(f"{kind} {name}")

    def _keep(self, layer, axes):
        self.kernels[f"{layer.name}/kernel"] = _parameter(np.transpose(layer.kernel, axes))
        self.kernels[f"{layer.name}/bias"] = None if layer.bias is None else _parameter(layer.bias)

    def _convolve(self, x, layer):
        x = _same(x, layer.kernel_size, layer.strides, layer.padding, 0.0)
        kernel, bias = (self.kernels[f"{layer.name}/{part}"] for part in ("kernel", "bias"))
        y = functional.conv2d(x, kernel, bias, layer.strides)
        return _activated(y, layer)

    def _convolve_transposed(self, x, layer):
        kernel, bias = (self.kernels[f"{layer.name}/{part}"] for part in ("kernel", "bias"))
        y = functional.conv_transpose2d(x, kernel, bias, layer.strides)
        if layer.padding == "same":
            cut = [max(size - stride, 0) // 2 for size, stride in zip(layer.kernel_size, layer.strides, strict=True)]
            height, width = (side * stride for side, stride in zip(x.shape[2:], layer.strides, strict=True))
            y = y[:, :, cut[0] : cut[0] + height, cut[1] : cut[1] + width]
        return _activated(y, layer)

    def _batch_norm(self, x, layer):
        gamma, beta, mean, variance = (self.kernels[f"{layer.name}/{part}"] for part in BATCH_NORM)
        own = layer.own_statistics
        return functional.batch_norm(
            x, None if own else mean, None if own else variance, gamma, beta, training=own, eps=layer.epsilon
        )


def _activated(x, layer):
    name = getattr(layer.activation, "__name__", "linear")
    return x if name == "linear" else ACTIVATIONS[name](x)


def _parameter(value):
    return nn.Parameter(torch.from_numpy(np.array(value)), requires_grad=False)


def _same(x, size, strides, padding, value):
    """Padded as TensorFlow does: the odd pixel below and to the right; or mirrored."""
    if padding == "valid":
        return x
    if padding == "reflect":
        return functional.pad(x, [size[1] // 2] * 2 + [size[0] // 2] * 2, mode="reflect")
    pads = []
    for side, taps, stride in zip(x.shape[:1:-1], size[::-1], strides[::-1], strict=True):
        more = max((-(-side // stride) - 1) * stride + taps - side, 0)
        pads += [more // 2, more - more // 2]
    return functional.pad(x, pads, value=value) if any(pads) else x
