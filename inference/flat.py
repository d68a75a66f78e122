"""What has no texture stays as it is: borders of one colour, and areas of one colour within a picture.

A network that normalises by an image's own statistics divides by next to nothing where all of it has one colour, and a
frame around a picture takes part in the statistics of the picture.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

# Grey levels of 255.
BORDER_LEVELS = 2  # range of a border's values, channel by channel: one level about its middle
FLAT_LEVELS, TEXTURED_LEVELS = 2, 4  # range of a neighbourhood without texture, and from where it has some
MOST_CHANGED = 2  # where there is none
LEAST_BORDER_PX = 4  # a narrower one is not told from what chance leaves at the end of a picture
AROUND_PX = 16  # side of a neighbourhood


class Border(NamedTuple):
    """Widths in pixels."""

    top: int
    bottom: int
    left: int
    right: int

    def within(self, image: np.ndarray) -> np.ndarray:
        """The part of `[H, W, ...]` that the border surrounds, as a view."""
        height, width = image.shape[:2]
        return image[self.top : height - self.bottom, self.left : width - self.right]


def border(image: np.ndarray) -> Border:
    """The border of one colour, such as the bars of a film or a frame, and one within another.

    Args:
        image: uint8 or uint16 `[H, W, 3]`; of one colour, it is all border.
    """
    found = Border(0, 0, 0, 0)
    most = BORDER_LEVELS * (np.iinfo(image.dtype).max // 255)
    while (part := found.within(image)).size:
        top, bottom = _uniform(part, 1, most)
        if top + bottom >= part.shape[0]:
            return found._replace(bottom=image.shape[0] - found.top)
        left, right = _uniform(part[top : part.shape[0] - bottom], 0, most)
        if not any((top, bottom, left, right)):
            break
        more = (top, bottom, left, right)
        found = Border(*(width + further for width, further in zip(found, more, strict=True)))
    return found


def _uniform(image, across, most):
    """How many lines at both ends have one colour; `across` is the axis that a line runs along."""
    low, high = image.min(across).astype(np.int32), image.max(across).astype(np.int32)
    widths = []
    for step in (1, -1):
        ranges = np.maximum.accumulate(high[::step]) - np.minimum.accumulate(low[::step])
        uniform = (ranges <= most).all(-1)
        width = len(uniform) if uniform.all() else int(np.argmin(uniform))
        widths.append(width if width >= LEAST_BORDER_PX else 0)
    return widths


def kept(restore: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """A restorer that changes what has no texture by `MOST_CHANGED` levels at most, and what has some as `restore`.

    Args:
        restore: uint8 or uint16 `[H, W, 3]` -> the same.
    """

    def careful(image: np.ndarray, **options: Any) -> np.ndarray:
        restored = restore(image, **options)
        texture = _texture(image)
        if (texture == 1).all():
            return restored
        level = np.iinfo(image.dtype).max // 255
        most, weights = MOST_CHANGED * level, texture[..., None]
        result = restored.copy()
        for rows in range(0, len(image), 256):  # the whole in float32 would be several times the image
            part = slice(rows, rows + 256)
            change = restored[part].astype(np.float32) - image[part]
            limited = np.clip(change, -most, most)
            damped = image[part] + limited + weights[part] * (change - limited)
            result[part] = np.where(weights[part] == 1, restored[part], np.rint(damped).astype(image.dtype))
        return result

    return careful


def _texture(image):
    """float32 `[H, W]`: 1 where there is texture within `AROUND_PX` / 2 pixels, 0 far from all."""
    levels = image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)
    highest, lowest = (_around(levels, extreme) for extreme in (np.maximum, np.minimum))
    spread = (highest - lowest).max(-1)
    share = np.clip((spread.astype(np.float32) - FLAT_LEVELS) / (TEXTURED_LEVELS - FLAT_LEVELS), 0, 1)
    # Widened by as much as the mean then takes in: it rises from 0 to 1 outside of the texture, and not within.
    return _mean(_around(share, np.maximum))


def _around(image, extreme):
    """The extreme over the neighbourhood of each pixel, as far as the image reaches."""
    half = AROUND_PX // 2
    for axis in (0, 1):
        widths = [(half, half) if each == axis else (0, 0) for each in range(image.ndim)]
        image = np.moveaxis(np.pad(image, widths, mode="edge"), axis, 0)
        reach = 1
        while reach < 2 * half + 1:  # of twice as many each time
            step = min(reach, 2 * half + 1 - reach)
            image = extreme(image[:-step], image[step:])
            reach += step
        image = np.moveaxis(image, 0, axis)
    return image


def _mean(share):
    """The mean over the neighbourhood; exactly 1 where all of it is 1."""
    half = AROUND_PX // 2
    for axis in (0, 1):
        widths = [(half + 1, half) if each == axis else (0, 0) for each in (0, 1)]
        sums = np.moveaxis(np.cumsum(np.pad(share, widths, mode="edge"), axis, dtype=np.float64), axis, 0)
        share = np.moveaxis((sums[2 * half + 1 :] - sums[: -2 * half - 1]) / (2 * half + 1), 0, axis)
    return np.where(share > 1 - 1e-6, 1, share).astype(np.float32)
