"""A `Conv2D` that takes the fastest of three ways on a CPU; docs/convolutions.md has the measurements."""

import contextlib
import contextvars
import math
from collections.abc import Iterator
from typing import Any, Literal

import keras
from keras import ops

from gandeblur.models.layers import spectral, winograd
from gandeblur.models.layers.hardware import emulates_bfloat16, has_accelerator, uses_onednn

Way = Literal["direct", "winograd", "spectral"]

# From this length on, along either axis, kernels are faster as products of spectra.
_SPECTRAL_TAPS = 16
# Winograd's filtering pays for the transforms of its tiles where enough maps share them: half the harmonic mean of both
# numbers. From 256 to 64 maps (51) it gains 1.3, from 128 to 64 (43) it loses 0.85 on AVX-512 and gains 1.1 on AVX2.
_WINOGRAD_MAPS = 48
# Transforming 4x4 taps costs twice what 3x3 taps cost. Without oneDNN, so many tiles have to share it, or the gradients
# lose (0.6 to 0.9 at 25 and 36 tiles, 1.0 to 1.2 at 72).
_WINOGRAD_TILES = 64

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
    """`keras.layers.Conv2D` with one more padding; on a CPU, computed in the fastest of three ways.

    Weights, names, config, padding rules and weight files are those of Keras' `Conv2D` (Keras files weights under the
    class's name, hence this one). The ways:

    - "spectral", for kernels of 16 taps and more along an axis: `layers.spectral`.
    - "winograd", for 3x3 and 4x4 kernels between enough maps (96 and 96, 256 and 64), 4x4 where TensorFlow uses
      oneDNN or the batch is large: `layers.winograd`.
    - "direct", the backend's own: for all other kernels, on accelerators, inside `plain_convolution()`, for strides,
      dilation or groups other than 1 and channels-first data; in place of "spectral" where the image's size is unknown
      when the graph is traced, in place of "winograd" where the processor multiplies bfloat16 numbers.

    `padding="reflect"` mirrors the image at its border pixels, which are not repeated: `c b | a b c`. Kernels have odd
    sides then, and strides are 1.

    Input: float `[B, H, W, C]`. Output: `[B, H, W, filters]` (`same`, `reflect`) or `[B, H-kh+1, W-kw+1, filters]`
    (`valid`), equal to Keras' within 1e-6 of its deviation.

    Raises:
        ValueError: `reflect` with strides, even kernels or channels first; an image too small to be mirrored (JAX would
            pad by something else).
    """

    def __init__(self, *args: Any, padding: str = "valid", **kwargs: Any) -> None:
        super().__init__(*args, padding="valid" if padding == "reflect" else padding, **kwargs)
        if padding == "reflect":
            plain = self.strides == self.dilation_rate == (1, 1) and self.data_format == "channels_last"
            if not plain or not all(size % 2 for size in self.kernel_size):
                raise ValueError(
                    f"{self.name}: padding='reflect' takes kernels of odd sides, strides and dilation of 1, and "
                    f"channels last; not {self.kernel_size}, {self.strides}, {self.dilation_rate}, {self.data_format}"
                )
            self.padding = padding

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.padding != "reflect":
            return super().compute_output_shape(input_shape)
        self._check(input_shape)
        return (*input_shape[:-1], self.filters)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        way, reflect = self.way(inputs.shape), self.padding == "reflect"
        above, left = (0 if self.padding == "valid" else (size - 1) // 2 for size in self.kernel_size)
        around = [(0, 0), (above, kernel.shape[0] - 1 - above), (left, kernel.shape[1] - 1 - left), (0, 0)]
        if reflect:
            self._check(inputs.shape)
            if way != "winograd":
                inputs = ops.pad(inputs, around, mode="reflect")
        if way == "direct":
            if not reflect:
                return super().convolution_op(inputs, kernel)
            return ops.conv(inputs, kernel, padding="valid", data_format=self.data_format)
        # Spectra of thousands of pixels do not fit the 8 bits of bfloat16's mantissa.
        x, w = ops.cast(inputs, "float32"), ops.cast(kernel, "float32")
        if way == "winograd":
            y = winograd.correlate(ops.pad(x, around) if self.padding == "same" else x, w, reflect)
        elif self.padding == "same":
            y = spectral.correlate(x, w, (above, left), x.shape[1:3])
        else:
            out = tuple(n - k + 1 for n, k in zip(x.shape[1:3], self.kernel_size, strict=True))
            y = spectral.correlate(x, w, (0, 0), out)
        return ops.cast(y, self.compute_dtype)

    def _check(self, shape):
        if any(size is not None and size <= k // 2 for size, k in zip(shape[1:3], self.kernel_size, strict=True)):
            height, width = shape[1:3]
            mirrored = max(self.kernel_size) // 2
            raise ValueError(
                f"{self.name}: {height}x{width} (height x width) is too small to mirror {mirrored} pixels; "
                f"each side needs {mirrored + 1} or more"
            )

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
            self.kernel_size in [(taps, taps) for taps in winograd.TAPS]
            and (self.kernel_size == (3, 3) or uses_onednn() or self._tiles(shape) >= _WINOGRAD_TILES)
            and shape[-1] * self.filters >= _WINOGRAD_MAPS * (shape[-1] + self.filters)
            and (self.compute_dtype == "float32" or self.compute_dtype == "bfloat16" and emulates_bfloat16())
        ):
            return "winograd"
        return "direct"

    def _tiles(self, shape):
        """How many tiles Winograd's way makes of a batch; 0 if its size is not known."""
        if None in shape[:3]:
            return 0
        batch, *sides, _ = self.compute_output_shape(shape)
        return batch * math.prod(winograd.tiles(side, self.kernel_size[0]) for side in sides)


def fixes_size(network: keras.Model) -> bool:
    """Whether a network's graph is to be traced for each size of the image: a layer's way asks for a known size."""
    layers = [layer for layer in network.layers if isinstance(layer, Conv2D)]
    return any(layer.way(layer.input.shape) != layer.way((1, 512, 512, layer.input.shape[-1])) for layer in layers)
