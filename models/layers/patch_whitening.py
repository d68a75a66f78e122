"""A first layer that starts by telling apart the frequencies and colours of photographs.

Neighbouring pixels of a photograph are nearly one value, and so are its three colours. Behind a first layer of random
weights all maps are nearly one map, the brightness; the frequencies of sharp edges are a hundredth of the next layers'
input. Page (How to Train Your ResNet 8, 2019) starts the first layer with the eigenvectors of its input's patches, each
divided by the root of its eigenvalue. Here they are the cosine patterns that stationary images have, with the spectrum
of photographs, amplitude ~ 1 / frequency (Field 1987).
"""

import keras
import numpy as np
from keras import ops

# Brightness and two colour differences, orthonormal, and how much of them photographs in [-1, 1] have in a pattern of
# one half wave per patch: root mean squares over 20,000 patches of BSDS500, rounded.
_COLOURS = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]]) / np.sqrt([[3], [2], [6]])
_STRENGTHS = (0.64, 0.1, 0.1)
_CONSTANT = 1 / 6  # the frequency at which that law meets a patch's mean


@keras.saving.register_keras_serializable("gandeblur")
class PatchWhitening(keras.initializers.Initializer):
    """Kernels `[k, k, 3, maps]`: the strongest `maps` of the 3 k^2 cosine patterns, scaled so that all are alike.

    Raises:
        ValueError: kernels of another shape.
    """

    def __call__(self, shape, dtype=None):
        side, width, channels, maps = shape
        if side != width or channels != 3 or maps > 3 * side**2:
            raise ValueError(f"kernels of {tuple(shape)}: the patterns are square, of 3 colours, 3 k^2 at most")
        from scipy.fft import dct

        cosines = dct(np.eye(side), axis=0, norm="ortho")  # [frequency, sample]
        rows, columns = np.ogrid[:side, :side]
        frequency = np.maximum(np.hypot(rows, columns), _CONSTANT)
        expected = np.stack([strength / frequency for strength in _STRENGTHS], axis=-1)  # [u, v, colour]
        patterns = np.einsum("uy,vx,ci->uvcyxi", cosines, cosines, _COLOURS) / expected[..., None, None, None]
        strongest = np.argsort(-expected, axis=None, kind="stable")[:maps]
        kernels = patterns.reshape(-1, side, side, 3)[strongest]
        return ops.cast(np.moveaxis(kernels, 0, -1), dtype or keras.config.floatx())
