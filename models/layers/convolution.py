"""A `Conv2D` that takes the fastest of three ways on a CPU; docs/convolutions.md has the measurements."""

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any, Literal

import keras
from keras import ops

from gandeblur.models.layers import spectral, winograd
from gandeblur.models.layers.hardware import emulates_bfloat16, has_accelerator

Way = Literal["direct", "winograd", "spectral"]

# From this length on, along either axis, kernels are faster as products of spectra.
_SPECTRAL_TAPS = 16
# Winograd's filtering pays for the transforms of its tiles where enough maps share them.
_WINOGRAD_MAPS = 64

_plain = contextvars.ContextVar("plain_convolution", default=False)


@contextlib.contextmanager
def plain_convolution() -> Iterator[None]:
    """Within this context, the layer traces to the backend's convolution (for export, and to compare)."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


@keras.saving.register_keras_serializable("gandeblur")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` in every respect; on a CPU, computed in the fastest of three ways.

    Weights, names, config, padding rules and weight files are those of Keras' `Conv2D` (Keras files weights under the
    class's name, hence this one). The ways:

    - "spectral", for kernels of 16 taps and more along an axis: `layers.spectral`.
    - "winograd", for 3x3 kernels between 64 maps and more: `layers.winograd`.
    - "direct", the backend's own: for all other kernels, on accelerators, inside `plain_convolution()`, for strides,
      dilation or groups other than 1 and channels-first data; in place of "spectral" where the image's size is unknown
      when the graph is traced, in place of "winograd" where the processor multiplies bfloat16 numbers.

    Input: float `[B, H, W, C]`. Output: `[B, H, W, filters]` (`same`) or `[B, H-kh+1, W-kw+1, filters]` (`valid`),
    equal to Keras' within 1e-6 of its deviation.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        way = self.way(inputs.shape)
        if way == "direct":
            return super().convolution_op(inputs, kernel)
        # Spectra of thousands of pixels do not fit the 8 bits of bfloat16's mantissa.
        x, w = ops.cast(inputs, "float32"), ops.cast(kernel, "float32")
        above, left = ((size - 1) // 2 if self.padding == "same" else 0 for size in self.kernel_size)
        if way == "winograd":
            around = [(0, 0), (above, above), (left, left), (0, 0)]
            y = winograd.correlate(ops.pad(x, around) if above else x, w)
        else:
            valid = self.padding == "valid"
            height, width = (
                n - k + 1 if valid else n for n, k in zip(inputs.shape[1:3], self.kernel_size, strict=True)
            )
            y = spectral.correlate(x, w, (above, left), (height, width))
        return ops.cast(y, self.compute_dtype)

    def way(self, shape: Any) -> Way:
        """How an input of this shape `(B, H, W, C)`, of which B, H and W may be None, is convolved."""
        if (
            _plain.get()
            or self.data_format != "channels_last"
            or self.strides != (1, 1)
            or self.dilation_rate != (1, 1)
            or self.groups != 1
            # Too small for a valid convolution: Keras raises its own error.
            or (self.padding == "valid" and any(n and n < k for n, k in zip(shape[1:3], self.kernel_size, strict=True)))
            or has_accelerator()
        ):
            return "direct"
        if max(self.kernel_size) >= _SPECTRAL_TAPS:
            return "direct" if None in shape[1:3] else "spectral"
        if (
            self.kernel_size == (winograd.TAPS, winograd.TAPS)
            and min(shape[-1], self.filters) >= _WINOGRAD_MAPS
            and (self.compute_dtype == "float32" or self.compute_dtype == "bfloat16" and emulates_bfloat16())
        ):
            return "winograd"
        return "direct"


def fixes_size(network: keras.Model) -> bool:
    """Whether a network's graph is to be traced for each size of the image: a layer's way asks for a known size."""
    layers = [layer for layer in network.layers if isinstance(layer, Conv2D)]
    return any(layer.way(layer.input.shape) != layer.way((1, 512, 512, layer.input.shape[-1])) for layer in layers)
