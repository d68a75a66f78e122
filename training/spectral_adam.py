"""Adam in the cosine basis of each kernel.

Photographs and feature maps have spectra that fall with frequency, so the gradients of all taps of a convolution's
kernel are dominated by the same slow frequencies, and Adam, which scales each tap by itself, spends its steps on them.
With the orthonormal DCT-II matrices C_h, C_w of the kernel's height and width, and G the gradient of one pair of maps:

    G' = C_h G C_w^T        Adam takes its moments and its step S' from G'        W <- W - C_h^T S' C_w

Every frequency has a scale of its own. It is SOAP's idea (Vyas et al., arXiv 2409.11321: Adam in the eigenbasis of the
gradient's covariance) with the eigenbasis that stationary images have; a fixed DCT basis serves low-rank Adam in
language models (arXiv 2505.17967). `docs/notes/learning.md` measures it.
"""

import functools

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("gandeblur")
class SpectralAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam` whose moments of a convolution's kernel live in the cosine basis of its two axes.

    Kernels are variables of rank 4, `[h, w, in, out]`, or transposed `[h, w, out, in]`. For all other variables, and
    for kernels of 1x1, it is Adam. Arguments, state and its size are Adam's.
    """

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(_along_axes(gradient, forward=True), variable, learning_rate)

    def assign_sub(self, variable, value):
        # Adam subtracts nothing but its step, and that from the variable.
        super().assign_sub(variable, _along_axes(value, forward=False))


def _along_axes(kernel, forward):
    """The kernel's taps to frequencies, or back; anything but a kernel as it is."""
    if len(kernel.shape) != 4:
        return kernel
    height, width, maps_in, maps_out = kernel.shape
    if height > 1:
        rows = _cosines(height) if forward else _cosines(height).T
        kernel = ops.matmul(ops.cast(rows, kernel.dtype), ops.reshape(kernel, (height, -1)))
    if width > 1:
        columns = _cosines(width) if forward else _cosines(width).T
        kernel = ops.matmul(ops.cast(columns, kernel.dtype), ops.reshape(kernel, (height, width, -1)))
    return ops.reshape(kernel, (height, width, maps_in, maps_out))


@functools.cache
def _cosines(count):
    """The orthonormal DCT-II of `count` samples, float32 `[frequency, sample]`."""
    frequency, sample = np.ogrid[:count, :count]
    matrix = np.cos(np.pi * frequency * (2 * sample + 1) / (2 * count)) * np.sqrt(2 / count)
    matrix[0] /= np.sqrt(2)
    return matrix.astype("float32")
