"""Each part of a picture at the scale that fits it, as where a subject moves before a background that does not.

The picture is restored at several scales, and the corrections blend by a map: `scale.ratio` says at each place how much
the network changes it at a scale, for the texture that is there (docs/scale.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gandeblur.inference.scale import Restore, levels, part_of, ratio, resized, shrunk

CELL_PX = 8  # of the picture, to a cell of the map
REACH = 0.1  # of the picture's shorter side, over which the map is smoothed
YIELDING = 0.05  # a scale whose change is less than the largest by this share of it has 1/e of its weight


@dataclass(frozen=True)
class Locally:
    """Asks `fitting.Fitting` to restore each part of a picture at its own scale.

    Attributes:
        looks: the network whose changes tell the scale; None: those of the one that restores.
    """

    looks: Restore | None = None


def restored(
    restore: Restore, looks: Restore | None, image: np.ndarray, scales: Sequence[float], **options: Any
) -> tuple[np.ndarray, tuple[float, ...]]:
    """Restores a picture at all scales, and takes of each what fits.

    Args:
        restore: of pictures of any size; it is given uint16 but at scale 1.
        looks: see `Locally`.
        image: uint8 or uint16 `[H, W, 3]`.
        scales: in (0, 1].
        options: of `restore`.

    Returns:
        An array of the same type and shape; the share of the picture that each scale has.
    """
    height, width = image.shape[:2]
    smalls = [image if scale == 1 else shrunk(image, scale) for scale in scales]
    share = 0.5 if looks else 1.0  # of the work
    once = {name: value for name, value in options.items() if name != "self_ensemble"}
    corrections = _corrections(restore, smalls, part_of(options, 0, share))
    seen = _corrections(looks, smalls, part_of(once, share, share)) if looks else corrections
    weights = _weights(scales, seen, smalls, height, width)
    most = np.iinfo(image.dtype).max
    total = image.astype(np.float32)
    for weight, correction in zip(weights, corrections, strict=True):
        here = resized(weight, height, width) * np.float32(most / 255)
        for channel in range(3):
            total[..., channel] += here * resized(correction[..., channel], height, width)
    np.rint(np.clip(total, 0, most, out=total), out=total)
    return total.astype(image.dtype), tuple(float(weight.mean()) for weight in weights)


def _corrections(restore, smalls, options):
    """Of each picture, float32 `[h, w, 3]`, in grey levels of 255."""
    work = [small.shape[0] * small.shape[1] for small in smalls]
    shares = [(sum(work[:number]) / sum(work), one / sum(work)) for number, one in enumerate(work)]
    return [
        levels(restore(small, **part_of(options, *share))) - levels(small)
        for small, share in zip(smalls, shares, strict=True)
    ]


def _weights(scales, corrections, smalls, height, width):
    """float32 `[scales, cells down, cells across]`, 1 together."""
    from scipy.ndimage import gaussian_filter

    cells = [max(1, round(side / CELL_PX)) for side in (height, width)]
    reach = REACH * min(cells)

    def smoothed(values):
        return gaussian_filter(np.maximum(resized(values, *cells), 0), reach, mode="nearest")

    def seen_at(scale, correction, small):
        grey = levels(small).mean(-1)
        down, across = (np.abs(np.diff(grey, axis=axis, append=grey.take([-1], axis))) for axis in (0, 1))
        change, gradient = smoothed(np.abs(correction).mean(-1)), smoothed((down + across) / 2)
        return ratio(scale, change, gradient)

    ratios = np.stack([seen_at(*of_scale) for of_scale in zip(scales, corrections, smalls, strict=True)])
    largest = ratios.max(0)
    weights = np.exp((ratios - largest) / max(YIELDING * float(largest.mean()), 1e-9))
    return (weights / weights.sum(0)).astype(np.float32)
