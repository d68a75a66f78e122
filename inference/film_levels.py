"""Levels of films: tables from a frame's values, or swscale's, to the network's, and back."""

import functools

import numpy as np

WHITE_NITS, PEAK_NITS = 203, 10_000  # of ITU-R BT.2408, and of PQ


@functools.cache
def grey(depth: int, full: bool, is_pq: bool) -> tuple[np.ndarray, np.ndarray]:
    """Of a grey film; swscale would take its limited range for full.

    Args:
        depth: bits of a level.
        full: whether black is 0.
        is_pq: see `curves`.

    Returns:
        Level -> uint8 or, of more than 8 bits, uint16; and back.
    """
    black, white = (0, 2**depth - 1) if full else (16 << depth - 8, 235 << depth - 8)
    kind, most = (np.uint8, 255) if depth == 8 else (np.uint16, 65535)
    there = np.rint(np.clip((np.arange(most + 1) - black) / (white - black), 0, 1) * most).astype(kind)
    back = np.rint(black + np.arange(most + 1) / most * (white - black)).astype(kind)
    if is_pq and depth > 8:
        seen, coded = curves(True, most)
        there, back = seen[there], back[coded]
    return there, back


def white(depth: int, is_rgb: bool, full: bool) -> tuple[int, int]:
    """White in swscale's RGB of 16 bits, as it reads and as it writes it. It shifts values of YCbCr to the left.

    Args:
        depth: bits of the frame's levels.
        is_rgb: whether the frame holds RGB.
        full: whether its black is 0.
    """
    if is_rgb:
        return 65535, 65535
    return (2**depth - 1) << 16 - depth if full else 65280, 65280


@functools.cache
def curves(is_pq: bool, white: int) -> tuple[np.ndarray, np.ndarray]:
    """From swscale's 16 bits to the network's and back, uint16 `[65536]` each.

    PQ gives most of its values to light that few pictures have, so that it looks flat and grey; what a viewer sees is
    nearer to the light, relative to white, through Reinhard's curve (2002, equation 4: 10,000 nits become 1) and a
    gamma of 2.2. HLG is made to be looked at as it is.

    Args:
        is_pq: whether values are coded by PQ.
        white: the largest of swscale's values.
    """
    value = np.minimum(np.arange(65536) / white, 1)
    if is_pq:
        light = _pq_nits(value) / WHITE_NITS
        value = (light * (1 + light / (PEAK_NITS / WHITE_NITS) ** 2) / (1 + light)) ** (1 / 2.2)
    there = np.rint(value * 65535).astype(np.uint16)
    # Where neighbours fall together the middle one comes back; nothing of 12 bits or less does.
    back = np.interp(np.arange(65536) / 65535, value[: white + 1], np.arange(white + 1))
    return there, np.rint(back).astype(np.uint16)


def _pq_nits(value):
    """SMPTE ST 2084's electro-optical transfer function: [0, 1] -> nits."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = value ** (1 / m2)
    return PEAK_NITS * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
