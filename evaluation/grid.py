"""How strongly an image shows the grid artifacts that layers of stride 2 leave."""

import math

import numpy as np

from gandeblur.evaluation.metrics import checked

GRID_METRICS = {"grid_2px_db": 2, "grid_4px_db": 4}  # name -> period in pixels


def grid_db(restored: np.ndarray, sharp: np.ndarray, period_px: int) -> float | None:
    """Grid artifacts: energy of the error at the frequencies of a grid against the energy around them.

    Layers of stride 2 leave grids of 2, two of them grids of 4 pixels. With P = |FFT2(window * error)|^2, the error
    restored - sharp averaged over the channels, the window of Hann, and F the frequencies (k/p, m/p) cycles per pixel
    that no shorter period shares (3 for p = 2, 12 for p = 4):

        10 log10( mean over F of (peak + floor) / (neighbours + floor) )

    Peak and neighbours are the means of P over the bins at most 1 and 3 to 5 away, in rows or columns, whichever is
    more. The floor is the energy per bin of rounding to 8 bits, 1/12 / 3 * sum of window^2: errors below it do
    not count, and identical images score 0. Each frequency has a ratio of its own: photographs have much more
    energy at some than at others, and one ratio of sums would miss a grid at the weaker ones.

    0 dB is no grid; one image of noise scatters by 2 dB (p = 2) and 1 dB (p = 4), so compare means over images.
    A grid that sharp has and restored lacks is an error like any other: some photographs are stored with one, and
    the degraded input's score shows it.

    Args:
        restored: uint8 [H, W, 3], RGB. Up to 3 rows and columns at the bottom and right are left out, so that the
            frequencies fall on bins.
        sharp: uint8 [H, W, 3], the truth.
        period_px: period p of the grid, 2 or 4.

    Returns:
        dB, or None for an image of less than 32 pixels in height or width: its bins are too few.

    Raises:
        ValueError: the shapes differ, or an image is not uint8 [H, W, 3].
    """
    checked(restored, sharp)
    height, width = (side // 4 * 4 for side in sharp.shape[:2])
    if min(height, width) < 32:
        return None
    error = (restored.astype(np.float64) - sharp).mean(axis=-1)[:height, :width]
    window = np.outer(np.hanning(height + 1)[:-1], np.hanning(width + 1)[:-1])
    power = np.abs(np.fft.fft2(window * error)) ** 2
    floor = np.sum(window**2) / 12 / 3
    offsets = np.arange(-5, 6)
    distance = np.maximum.outer(abs(offsets), abs(offsets))
    ratios = []
    for k, m in np.ndindex(period_px, period_px):
        if math.gcd(k, m, period_px) == 1:
            rows, columns = k * height // period_px + offsets, m * width // period_px + offsets
            around = power[np.ix_(rows % height, columns % width)]
            ratios.append((around[distance <= 1].mean() + floor) / (around[distance >= 3].mean() + floor))
    return float(10 * np.log10(np.mean(ratios)))
