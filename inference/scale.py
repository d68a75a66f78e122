"""At which size a picture is restored: a network undoes blur of some 20 pixels, a camera's pictures have up to 100.

Shrunk, a picture is blurred by fewer pixels. The correction that a network makes to the shrunk picture is enlarged and
added to the picture, whose details stay. The scale is that at which the network changes the picture most, for the
texture that the picture has at that scale (docs/scale.md).
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from gandeblur.inference import tiles

SCALES = (1.0, 0.71, 0.5, 0.35, 0.25)  # that are looked at
STEPS = (1.0, 0.84, 0.71, 0.6, 0.5, 0.42, 0.35, 0.3, 0.25)  # that pictures are restored at
PEAK = 0.93  # the best scale, over that at which the largest correction lies
# A sharp picture: its gradients hardly grow when it is shrunk to 0.71, since each pixel has its own; and the network
# changes it by less than its gradients, at its own size. Textures fool either one alone. A camera's picture at its own
# size is soft within a pixel or two even where it is sharp, by its lens and its colour filter; one that was shrunk is
# not, and a blur of as many pixels is seen in it: it has to be sharp by the sum of both.
SHARP_GROWTH, SHARP_CHANGE = 1.3, 0.7
CAMERA_PX = 1200  # shorter side from which a picture is taken for a camera's
SHARP_SMALL = 0.5  # change over gradient, and twice the growth less 1
# Where a smaller scale is the better one, the change there is twice the gradient and more. Weak blur of a few pixels
# changes less, and so do stripes that shrinking turns into other ones.
LEAST_BLURRED = 1.5
LEAST_GRADIENT = 1e-3  # grey levels: less is none
TYPICAL_PX = 29.0  # blur in the shrunk picture, at the best scale
SMALL_PX = TYPICAL_PX / 0.71**0.5  # between 1 and 0.71
WINDOWS, WINDOW_PX = 3, 512  # so many parts of the picture are looked at, of this side at most
SHARE = 0.5  # of the picture's pixels, at most, in all windows together; one of `LEAST_WINDOW_PX` in any case
LEAST_WINDOW_PX = 256
LEAST_PX = 96  # the shrunk picture's shorter side, for a scale to be tried

Restore = Callable[..., np.ndarray]  # uint8 or uint16 [H, W, 3], and options -> the same, see `Deblurrer.restore`
Scale = float | Literal["auto", "local"]
Chooser = Callable[..., "Choice"]  # a picture, and options of `restore` -> how to restore it, see `choose`


@dataclass(frozen=True)
class Choice:
    """How a picture is restored, and what was seen.

    Attributes:
        scale: in (0, 1], of its height and width.
        blur_px: about; None where it is not known.
        sharp: whether it is hardly blurred.
        changes: for each of `SCALES` that was tried, in their order, the mean amount of the correction in grey levels
            of 255.
        gradients: likewise, of all of `SCALES`, the mean amount of the differences of neighbours.
    """

    scale: float
    blur_px: float | None = None
    sharp: bool = False
    changes: tuple[float, ...] = ()
    gradients: tuple[float, ...] = ()

    @property
    def size(self) -> str:
        """The scale in words."""
        named = {1.0: "its own size", 0.5: "half its size", 0.25: "a quarter of its size"}
        return named.get(self.scale, f"{100 * self.scale:.0f} % of its size")

    @property
    def words(self) -> str:
        """What a user is told, if the picture is restored."""
        seen = f"blur of about {self.blur_px:.0f} pixels: " if self.blur_px else ""
        if self.changes and not seen:  # chosen, and the largest
            seen = "hardly blurred: " if self.sharp else f"blur of some {SMALL_PX:.0f} pixels at most: "
        return f"{seen}restored at {self.size}"


def restored_at(restore: Restore, image: np.ndarray, scale: float, **options: Any) -> np.ndarray:
    """Restores a picture at a smaller size, and adds the enlarged correction to it.

    Args:
        restore: of pictures of any size; it is given uint16 unless the scale is 1.
        image: uint8 or uint16 `[H, W, 3]`.
        scale: in (0, 1]; at 1 the result is that of `restore`.
        options: of `restore`.

    Returns:
        An array of the same type and shape.
    """
    if scale == 1:
        return restore(image, **options)
    height, width = image.shape[:2]
    small = shrunk(image, scale)
    correction = restore(small, **options).astype(np.float32) - small
    most = np.iinfo(image.dtype).max
    correction *= np.float32(most / np.iinfo(small.dtype).max)
    result = np.empty_like(image)
    for channel in range(3):
        changed = image[..., channel] + resized(correction[..., channel], height, width)
        result[..., channel] = np.rint(np.clip(changed, 0, most, out=changed), out=changed)
    return result


def look(
    restore: Restore, image: np.ndarray, scales: Sequence[float], **options: Any
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What the network does to a few parts of a picture, those with the strongest gradients, at some scales.

    Args:
        restore: see `restored_at`.
        image: uint8 or uint16 `[H, W, 3]`.
        scales: of `SCALES`.
        options: of `restore`.

    Returns:
        `Choice.changes` at these scales, and `Choice.gradients` at all of `SCALES`, which cost little.
    """
    shares, smalls = _seen(image)
    return _changes(restore, shares, smalls, scales, options), _gradients(shares, smalls)


def _seen(image):
    """The share of each part in all of them; scale -> the parts at that scale."""
    parts = _windows(image)
    shares = np.array([part.shape[0] * part.shape[1] for part in parts], float)
    smalls = {scale: [part if scale == 1 else shrunk(part, scale) for part in parts] for scale in SCALES}
    return shares / shares.sum(), smalls


def _changes(restore, shares, smalls, scales, options):
    def change(small):
        return np.abs(levels(restore(small, **options)) - levels(small)).mean()

    return tuple(float(shares @ [change(small) for small in smalls[scale]]) for scale in scales)


def _gradients(shares, smalls):
    return tuple(float(shares @ [gradient(levels(small)) for small in smalls[scale]]) for scale in SCALES)


def ratio(scale: float, change: Any, gradient: Any) -> Any:
    """What `rule` compares: the correction for the texture, 0 at a smaller scale where no blur shows.

    Args:
        scale: in (0, 1].
        change: amount of the correction in grey levels, of a picture or at each of its places.
        gradient: amount of the differences of neighbours there, likewise.
    """
    shows = (scale == 1) | (change >= LEAST_BLURRED * gradient)
    return np.where(shows, _held(change, gradient), 0.0)


def _held(change, gradient):
    return change / np.sqrt(np.maximum(gradient, LEAST_GRADIENT))


def _peak(ratios, neighbours):
    """The step next to the top of the parabola, over the logarithm of the scale, through the largest ratio."""
    best = int(np.argmax(ratios))
    if not 0 < best < len(ratios) - 1:
        return SCALES[best]
    three = slice(best - 1, best + 2)
    curve, slope, _ = np.polyfit(np.log(SCALES[three]), neighbours[three], 2)
    top = -slope / (2 * curve) if curve < 0 else np.log(SCALES[best])
    return min(STEPS, key=lambda step: abs(np.log(step / PEAK) - top))


def rule(changes: Sequence[float], gradients: Sequence[float], shorter_px: int) -> Choice:
    """The scale at which the network changes a picture most, for the texture that the picture has there.

    A correction is held against the square root of the gradient at its scale: a shrunk picture has more texture, which
    the network changes more, blurred or not; the gradient itself would favour the largest scales. docs/scale.md holds
    rules against each other.

    Args:
        changes: of `look`, at as many of `SCALES`, from the first one on, as were tried.
        gradients: of `look`.
        shorter_px: side of the picture.
    """
    ratios = [float(ratio(*seen)) for seen in zip(SCALES, changes, gradients, strict=False)]
    texture = max(gradients[0], LEAST_GRADIENT)
    growth, change = gradients[1] / texture, changes[0] / texture
    sharp = growth < SHARP_GROWTH and change < SHARP_CHANGE
    if shorter_px < CAMERA_PX:
        sharp = sharp and change + 2 * (growth - 1) < SHARP_SMALL
    scale = 1.0 if sharp else _peak(ratios, [_held(*seen) for seen in zip(changes, gradients, strict=False)])
    return Choice(scale, None if scale == 1 else TYPICAL_PX / scale, sharp, tuple(changes), tuple(gradients))


def choose(
    restore: Restore,
    image: np.ndarray,
    scales: Sequence[float] | None = None,
    progress: Callable[[float], None] = lambda share: None,
    **options: Any,
) -> Choice:
    """What `rule` makes of a picture.

    Args:
        restore: see `restored_at`.
        image: uint8 or uint16 `[H, W, 3]`.
        scales: to choose from, of `SCALES` from the first one on, which tells whether the picture is sharp; None: those
            of `tried`.
        progress: called with the share of the choosing that is done.
        options: of `restore`.
    """
    scales = tried(image) if scales is None else scales
    shares, smalls = _seen(image)
    gradients = _gradients(shares, smalls)
    changes: tuple[float, ...] = ()
    for number, scale in enumerate(scales, start=1):
        changes += _changes(restore, shares, smalls, [scale], options)
        progress(sum(one**2 for one in scales[:number]) / sum(one**2 for one in scales))
        choice = rule(changes, gradients, min(image.shape[:2]))
        if choice.sharp:
            break
    return choice


def tried(image: np.ndarray) -> list[float]:
    """Those of `SCALES` that do not make a picture too small."""
    return [scale for scale in SCALES if scale == 1 or scale * min(image.shape[:2]) >= LEAST_PX]


def part_of(options: dict[str, Any], before: float, share: float) -> dict[str, Any]:
    """The options with a `progress`, if there is one, that goes on from `before` by `share`."""
    if "progress" not in options:
        return options
    report: Callable[[float], None] = options["progress"]
    return options | {"progress": lambda done: report(before + share * done)}


def looking(image: np.ndarray, looked: Sequence[float], restored: Sequence[float]) -> float:
    """The share that looking at a picture, see `choose`, has in the work, if it is then restored at some scales."""
    number, high, wide = _window(*image.shape[:2])
    first, then = (sum(scale**2 for scale in scales) for scales in (looked, restored))
    seen = number * high * wide * first
    return seen / (seen + image.shape[0] * image.shape[1] * then)


def shrunk(image: np.ndarray, scale: float) -> np.ndarray:
    """A picture, uint8 or uint16 `[H, W, 3]`, at a smaller size, uint16.

    Of 8 bits too: the correction is enlarged, and so would be the rounding.
    """
    height, width = (max(1, round(scale * side)) for side in image.shape[:2])
    result = np.empty((height, width, 3), np.uint16)
    factor = np.float32(65535 / np.iinfo(image.dtype).max)
    for channel in range(3):
        small = resized(image[..., channel].astype(np.float32), height, width) * factor
        result[..., channel] = np.rint(np.clip(small, 0, 65535, out=small), out=small)
    return result


def resized(channel: np.ndarray, height: int, width: int) -> np.ndarray:
    """float32 `[H, W]`, bicubic, smoothed before it is shrunk."""
    return np.array(Image.fromarray(channel).resize((width, height), Image.Resampling.BICUBIC))


def levels(image: np.ndarray) -> np.ndarray:
    """Of uint8 or uint16, in grey levels of 255: float32 of the same shape."""
    return image.astype(np.float32) * np.float32(255 / np.iinfo(image.dtype).max)


def gradient(image: np.ndarray) -> float:
    """Of float32 `[H, W, ...]`: the mean amount of the differences of neighbours, down and across."""
    return float(np.mean([np.abs(np.diff(image, axis=axis)).mean() for axis in (0, 1) if image.shape[axis] > 1] or [0]))


def _window(height, width):
    """How many parts of a picture are looked at; height and width of each."""
    number = WINDOWS if np.sqrt(SHARE * height * width / WINDOWS) >= LEAST_WINDOW_PX else 1
    side = int(np.clip(np.sqrt(SHARE * height * width / number), LEAST_WINDOW_PX, WINDOW_PX))
    return number, min(side, height), min(side, width)


def _windows(image):
    """Of each third of the picture, along its longer side, that part of a grid with the strongest gradients."""
    height, width = image.shape[:2]
    number, high, wide = _window(height, width)
    step = max(1, max(height, width) // 2048)
    seen = levels(image[::step, ::step, 1])
    longer = 0 if height > width else 1
    least = [number if axis == longer else 1 for axis in (0, 1)]
    tops, lefts = (
        tiles.spread(length, one, max(length // one, few), 1)
        for length, one, few in zip((height, width), (high, wide), least, strict=True)
    )

    def energy(place):
        part = seen[place[0] // step :, place[1] // step :][: high // step, : wide // step]
        return sum(float(np.square(np.diff(part, axis=axis)).mean()) for axis in (0, 1) if part.shape[axis] > 1)

    thirds = defaultdict(list)
    for place in itertools.product(tops, lefts):
        middle = place[longer] + (high, wide)[longer] / 2
        thirds[int(middle * number / max(height, width))].append(place)
    chosen = [max(third, key=energy) for third in thirds.values()]
    return [np.ascontiguousarray(image[top : top + high, left : left + wide]) for top, left in chosen]
