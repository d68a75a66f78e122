"""Correlations with large kernels as products of spectra, for GAN-D's generator and ODCNN's (Xu et al. 2014).

On a CPU, backends compute large kernels tap by tap, and the weight gradient of a 16x16 convolution many times slower
than its forward pass (`benchmarks/gan_d_step.py`). Here spectra are multiplied. The transforms are
products with small constant DFT matrices, not FFT operations: on channels-last images a matrix product needs no
transposition, runs near the machine's peak, and is differentiated exactly, to any order, by either backend.

Correlation theorem, for one axis with N inputs x, k taps w, p zeros of padding in front and N_out outputs:

    y[n] = sum_j w[j] x[n + j - p] = IDFT_L(DFT_L(x) * conj(DFT_L(w)))[n - p],    n = 0 .. N_out - 1

where the circular length L has to exceed N only by what the outputs reach beyond either end: those samples are zero.
Images, and long columns, are cut into overlapping tiles (overlap-save): the spectrum of a filter is as large as a
tile's, and a transform by a matrix costs as many products per sample as the tile has samples.
"""

from typing import Any

import numpy as np
from keras import ops

# Least outputs per side of a tile: with 16 taps, 32 was as fast as 64 and 128, with the smallest spectra.
TILE_PX = 32


def correlate(x: Any, w: Any, pad: tuple[int, int], out: tuple[int, int]) -> Any:
    """Correlation of zero-padded images: float32 `[B, H, W, C]`, `[kh, kw, C, M]` -> `[B, *out, M]`, H and W known.

    Args:
        pad: zeros above the image and to its left.
        out: height and width of the result.
    """
    if w.shape[1] == 1:
        return _correlate_columns(x, w[:, 0], pad[0], out[0])
    if w.shape[0] == 1:
        return ops.swapaxes(_correlate_columns(ops.swapaxes(x, 1, 2), w[0], pad[1], out[1]), 1, 2)
    return _correlate_tiles(x, w, pad, out)


def _correlate_columns(x, w, pad, out):
    """Correlates along the height. x `[B, H, W, C]`, w `[k, C, M]` -> `[B, out, W, M]`, float32."""
    (_, n, width, _), (taps, _, maps) = x.shape, w.shape
    tile = taps - 1
    if n <= 3 * tile:  # up to here one long circle takes fewer products than tiles that overlap by half
        return _correlate_lines(x, w, pad, out)
    tiles = -(-out // tile)
    x = ops.pad(x, [(0, 0), (pad, (tiles + 1) * tile - pad - n), (0, 0), (0, 0)])
    x = ops.reshape(_windows(x, 1, tiles, tile, taps), (-1, tile + taps - 1, *x.shape[2:]))
    y = _correlate_lines(x, w, 0, tile)
    return _take(ops.reshape(y, (-1, tiles * tile, width, maps)), 1, 0, out)


def _correlate_lines(x, w, pad, out):
    """`_correlate_columns`, as one circle per column.

    Axis letters here and below: g, f are the frequencies along height (half of them: real input) and width,
    z = (real, imaginary).
    """
    (_, n, width, channels), (taps, _, maps) = x.shape, w.shape
    length = _circular_length(n, taps, pad, out)
    half = length // 2 + 1
    spectrum = ops.matmul(_real_dft(n, length, -1), ops.reshape(x, (-1, n, width * channels)))
    spectrum = ops.transpose(ops.reshape(spectrum, (-1, 2, half, width, channels)), (0, 2, 3, 1, 4))  # b g w z c
    filters = ops.matmul(_real_dft(taps, length, +1), ops.reshape(w, (taps, channels * maps)))
    filters = _complex_filters(ops.reshape(filters, (2, half, channels, maps)))
    y = ops.matmul(ops.reshape(spectrum, (-1, half, width, 2 * channels)), filters)
    y = ops.transpose(ops.reshape(y, (-1, half, width, 2, maps)), (0, 3, 1, 2, 4))
    y = ops.matmul(_real_inverse_dft(out, length, pad), ops.reshape(y, (-1, 2 * half, width * maps)))
    return ops.reshape(y, (-1, out, width, maps))


def _correlate_tiles(x, w, pad, out):
    """Correlates along both axes. x `[B, H, W, C]`, w `[kh, kw, C, M]` -> `[B, out_h, out_w, M]`, float32."""
    taps, (channels, maps) = w.shape[:2], w.shape[2:]
    tile = [max(TILE_PX, k - 1) for k in taps]
    tiles = [-(-size // t) for size, t in zip(out, tile, strict=True)]
    # One block more than tiles, of zeros where the image has ended; the outputs beyond `out` are cut off below.
    after = [(n + 1) * t - p - size for n, t, p, size in zip(tiles, tile, pad, x.shape[1:3], strict=True)]
    x = ops.pad(x, [(0, 0), (pad[0], after[0]), (pad[1], after[1]), (0, 0)])
    x = _windows(_windows(x, 1, tiles[0], tile[0], taps[0]), 3, tiles[1], tile[1], taps[1])
    side = [t + k - 1 for t, k in zip(tile, taps, strict=True)]
    x = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, *side, channels))
    y = ops.reshape(_correlate_images(x, w), (-1, *tiles, *tile, maps))
    y = ops.reshape(ops.transpose(y, (0, 1, 3, 2, 4, 5)), (-1, tiles[0] * tile[0], tiles[1] * tile[1], maps))
    return _take(_take(y, 1, 0, out[0]), 2, 0, out[1])


def _windows(x, axis, tiles, tile, taps):
    """Windows that overlap by `taps - 1`: an axis of `(tiles + 1) * tile` becomes two, `tiles` and `tile + taps - 1`.

    Each is a block of `tile` samples and the first `taps - 1` of the next block.
    """
    x = ops.reshape(x, (-1, *x.shape[1:axis], tiles + 1, tile, *x.shape[axis + 1 :]))
    following = _take(_take(x, axis, 1, tiles), axis + 1, 0, taps - 1)
    return ops.concatenate([_take(x, axis, 0, tiles), following], axis=axis + 1)


def _take(x, axis, start, size):
    """A slice, by an operation whose gradient is a concatenation: TensorFlow's slice gradient is slow on a CPU."""
    return ops.split(x, [start, start + size], axis=axis)[1]


def _correlate_images(x, w):
    """Valid correlation. x `[B, H, W, C]`, w `[kh, kw, C, M]` -> `[B, H-kh+1, W-kw+1, M]`, float32."""
    (_, height, width, channels), (kh, kw, _, maps) = x.shape, w.shape
    out_h, out_w = height - kh + 1, width - kw + 1
    length_h, length_w = _circular_length(height, kh, 0, out_h), _circular_length(width, kw, 0, out_w)
    half = length_h // 2 + 1

    def dft(a, size_0, size_1, rest, sign):
        """[N, n0, n1, rest] -> [g, (z, f), N * rest]: along n0 a real, along n1 a complex transform."""
        a = ops.matmul(_real_dft(size_0, length_h, sign), ops.reshape(a, (-1, size_0, size_1 * rest)))
        a = ops.transpose(ops.reshape(a, (-1, 2, half, size_1, rest)), (2, 1, 3, 0, 4))
        return ops.matmul(_complex_dft(size_1, length_w, sign), ops.reshape(a, (half, 2 * size_1, -1)))

    spectrum = ops.reshape(dft(x, height, width, channels, -1), (half, 2, length_w, -1, channels))
    spectrum = ops.transpose(spectrum, (0, 2, 3, 1, 4))  # g f b z c
    filters = ops.reshape(dft(w[None], kh, kw, channels * maps, +1), (half, 2, length_w, channels, maps))
    filters = _complex_filters(ops.transpose(filters, (1, 0, 2, 3, 4)))
    y = ops.matmul(ops.reshape(spectrum, (half, length_w, -1, 2 * channels)), filters)
    y = ops.transpose(ops.reshape(y, (half, length_w, -1, 2, maps)), (0, 3, 1, 2, 4))  # g z f b m

    y = ops.matmul(_complex_inverse_dft(out_w, length_w), ops.reshape(y, (half, 2 * length_w, -1)))
    y = ops.transpose(ops.reshape(y, (half, 2, out_w, -1, maps)), (3, 1, 0, 2, 4))
    y = ops.matmul(_real_inverse_dft(out_h, length_h, 0), ops.reshape(y, (-1, 2 * half, out_w * maps)))
    return ops.reshape(y, (-1, out_h, out_w, maps))


def _complex_filters(w):
    """`[z, ..., C, M]` -> `[..., (z, C), (z, M)]`: multiplies rows (re, im) as the complex number would."""
    real, imaginary = ops.unstack(w, axis=0)
    from_real = ops.concatenate([real, imaginary], axis=-1)
    from_imaginary = ops.concatenate([-imaginary, real], axis=-1)
    return ops.concatenate([from_real, from_imaginary], axis=-2)


def _circular_length(n, taps, pad, out):
    length = n + max(pad, out + taps - 1 - pad - n)
    return length + length % 2


def _phase(rows, columns, length):
    # Reducing the integers first keeps the angles exact for long axes.
    return 2 * np.pi * (np.outer(rows, columns) % length) / length


def _real_dft(n, length, sign):
    """`[2F, n]`: rows real then imaginary, frequencies 0 .. length/2 of exp(sign 2 pi i f n / length)."""
    angle = _phase(np.arange(length // 2 + 1), np.arange(n), length)
    return np.concatenate([np.cos(angle), sign * np.sin(angle)]).astype("float32")


def _real_inverse_dft(out, length, pad):
    """`[out, 2F]`: the samples n - pad of a real signal; every frequency but the first and last counts twice."""
    f = np.arange(length // 2 + 1)
    angle = _phase(np.arange(out) - pad, f, length)
    weight = np.where((f == 0) | (2 * f == length), 1, 2) / length
    return np.concatenate([weight * np.cos(angle), -weight * np.sin(angle)], axis=1).astype("float32")


def _complex_matrix(real, imaginary):
    return np.block([[real, -imaginary], [imaginary, real]]).astype("float32")


def _complex_dft(n, length, sign):
    angle = _phase(np.arange(length), np.arange(n), length)
    return _complex_matrix(np.cos(angle), sign * np.sin(angle))


def _complex_inverse_dft(out, length):
    angle = _phase(np.arange(out), np.arange(length), length)
    return _complex_matrix(np.cos(angle) / length, np.sin(angle) / length)
