"""At which size a picture is restored: a network undoes blur of some 20 pixels, a camera's pictures have up to 100.

Shrunk, a picture is blurred by fewer pixels. The correction that a network makes to the shrunk picture is enlarged and
added to the picture, whose details stay. The scale is that at which the network changes the picture most, for the
texture that the picture has at that scale (docs/scale.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from gandeblur.data.images import to_8_bits
from gandeblur.errors import InputError
from gandeblur.inference import flat, tiles

SCALES = (1.0, 0.71, 0.5, 0.35, 0.25)
# A sharp picture: its gradients hardly grow when it is shrunk to 0.71, since each pixel has its own; and the network
# changes it by less than its gradients, at its own size. Textures fool either one alone.
SHARP_GROWTH, SHARP_CHANGE = 1.3, 0.7
TYPICAL_PX = 27.0  # blur in the shrunk picture, where the correction is the largest
WINDOWS, WINDOW_PX = 3, 512  # so many parts of the picture are looked at, of this side at most
SHARE = 0.25  # of the picture's pixels, at most, in all windows together; one of `LEAST_WINDOW_PX` in any case
LEAST_WINDOW_PX = 256
LEAST_PX = 128  # the shrunk picture's shorter side, for a scale to be tried
LEAST_TEXTURE = 0.5  # grey levels, mean of the gradients' amounts: a frame with less says nothing of its scene
OTHER_SCENE = 20.0  # grey levels between frames that were shrunk to `SCENE_PX`, mean of their amounts
SCENE_PX = 32

Restore = Callable[..., np.ndarray]  # uint8 or uint16 [H, W, 3], and options -> the same, see `Deblurrer.restore`
Scale = float | Literal["auto"]


@dataclass(frozen=True)
class Choice:
    """How a picture is restored, and what was seen.

    Attributes:
        scale: in (0, 1], of its height and width.
        blur_px: about; None where it is not known.
        sharp: whether it is hardly blurred.
        changes: for each of `SCALES` that was tried, in their order, the mean amount of the correction in grey levels
            of 255.
        gradients: likewise, the mean amount of the differences of neighbours.
    """

    scale: float
    blur_px: float | None = None
    sharp: bool = False
    changes: tuple[float, ...] = ()
    gradients: tuple[float, ...] = ()

    @property
    def words(self) -> str:
        """What a user is told, if the picture is restored."""
        named = {1.0: "its own size", 0.5: "half its size", 0.25: "a quarter of its size"}
        size = named.get(self.scale, f"{100 * self.scale:.0f} % of its size")
        seen = f"blur of about {self.blur_px:.0f} pixels: " if self.blur_px else ""
        return f"{'hardly blurred: ' if self.sharp else seen}restored at {size}"


LEFT = "hardly blurred: left as it is"


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
    small = _shrunk(image, scale)
    correction = restore(small, **options).astype(np.float32) - small
    most = np.iinfo(image.dtype).max
    correction *= np.float32(most / np.iinfo(small.dtype).max)
    result = np.empty_like(image)
    for channel in range(3):
        changed = image[..., channel] + _resized(correction[..., channel], height, width)
        result[..., channel] = np.rint(np.clip(changed, 0, most, out=changed), out=changed)
    return result


def choose(restore: Restore, image: np.ndarray, **options: Any) -> Choice:
    """The scale at which the network changes a few parts of the picture most, those with the strongest gradients.

    Scales that make the picture too small are not tried.

    A correction is held against the square root of the gradient at its scale: a shrunk picture has more texture, which
    the network changes more, blurred or not; the gradient itself would favour the largest scales.

    Args:
        restore: see `restored_at`.
        image: uint8 or uint16 `[H, W, 3]`.
        options: of `restore`.
    """
    shorter = min(image.shape[:2])
    tried = [scale for scale in SCALES if scale == 1 or scale * shorter >= LEAST_PX]
    parts = _windows(image)
    shares = np.array([part.shape[0] * part.shape[1] for part in parts], float)
    shares /= shares.sum()
    changes, gradients = [], []
    for scale in tried:
        smalls = [part if scale == 1 else _shrunk(part, scale) for part in parts]
        changes.append(
            float(shares @ [np.abs(_levels(restore(small, **options)) - _levels(small)).mean() for small in smalls])
        )
        gradients.append(float(shares @ [_gradient(_levels(small)) for small in smalls]))
    best = int(
        np.argmax([change / np.sqrt(max(gradient, 1e-3)) for change, gradient in zip(changes, gradients, strict=True)])
    )
    if len(tried) > 1:
        shrunk = gradients[1]
    else:
        shrunk = float(shares @ [_gradient(_levels(_shrunk(part, SCALES[1]))) for part in parts])
    sharp = shrunk < SHARP_GROWTH * gradients[0] and changes[0] < SHARP_CHANGE * gradients[0]
    scale = 1.0 if sharp else tried[best]
    return Choice(scale, None if scale == 1 else TYPICAL_PX / scale, sharp, tuple(changes), tuple(gradients))


class Fitting:
    """Restores pictures, each at the scale that fits it; borders and areas of one colour stay.

    Args:
        restore: see `restored_at`.
        scale: "auto": chosen by `choose`; or one for all.
        force_restore: whether a picture that is hardly blurred is restored, too.

    Attributes:
        notes: what to tell the user of the last picture.
    """

    def __init__(self, restore: Restore, scale: Scale = "auto", force_restore: bool = False) -> None:
        if scale != "auto" and not 0 < scale <= 1:
            raise InputError(f'the scale is {scale!r}; give "auto" or a number above 0, 1 at most')
        self.careful = flat.kept(restore)
        self.scale, self.force_restore = scale, force_restore
        self.notes: tuple[str, ...] = ()

    def __call__(self, image: np.ndarray, **options: Any) -> np.ndarray:
        """Restores the picture: uint8 or uint16 `[H, W, 3]` -> the same; `options` of `restore`."""
        border = flat.border(image)
        part = np.ascontiguousarray(border.within(image))
        if not part.size:
            self.notes = ("of one colour: left as it is",)
            return image.copy()
        return self._restored(image, border, part, self._choice(part, options), options)

    def film(self) -> Restore:
        """As the restorer itself, of the frames of a film in their order: what is chosen stays for a scene."""
        choice = Choice(1.0)
        last: np.ndarray | None = None

        def frame(image: np.ndarray, **options: Any) -> np.ndarray:
            nonlocal choice, last
            border = flat.border(image)
            part = np.ascontiguousarray(border.within(image))
            if not part.size or _gradient(_levels(part)) < LEAST_TEXTURE:
                return image.copy()  # black, or nearly: of no scene
            seen = _levels(np.asarray(Image.fromarray(to_8_bits(image)).convert("L").resize((SCENE_PX, SCENE_PX))))
            if last is None or np.abs(seen - last).mean() > OTHER_SCENE:
                choice = self._choice(part, options)
            last = seen
            return self._restored(image, border, part, choice, options)

        return frame

    def _choice(self, part, options):
        if self.scale != "auto":
            return Choice(float(self.scale))
        # The parts are small: whole, once, and not a share of the progress.
        few = {name: value for name, value in options.items() if name not in ("progress", "self_ensemble")}
        return choose(self.careful, part, **few)

    def _restored(self, image, border, part, choice, options):
        left = choice.sharp and not self.force_restore
        self.notes = (LEFT if left else choice.words,)
        result = image.copy()
        if not left:
            border.within(result)[:] = restored_at(self.careful, part, choice.scale, **options)
        return result


def _shrunk(image, scale):
    """uint16, of 8 bits too: the correction is enlarged, and so would be the rounding."""
    height, width = (max(1, round(scale * side)) for side in image.shape[:2])
    result = np.empty((height, width, 3), np.uint16)
    factor = np.float32(65535 / np.iinfo(image.dtype).max)
    for channel in range(3):
        small = _resized(image[..., channel].astype(np.float32), height, width) * factor
        result[..., channel] = np.rint(np.clip(small, 0, 65535, out=small), out=small)
    return result


def _resized(channel, height, width):
    """float32 `[H, W]`, bicubic, smoothed before it is shrunk."""
    return np.array(Image.fromarray(channel).resize((width, height), Image.Resampling.BICUBIC))


def _levels(image):
    return image.astype(np.float32) * np.float32(255 / np.iinfo(image.dtype).max)


def _gradient(image):
    """The mean amount of the differences of neighbours, down and across."""
    return float(np.mean([np.abs(np.diff(image, axis=axis)).mean() for axis in (0, 1) if image.shape[axis] > 1] or [0]))


def _windows(image):
    """Views of the parts of the picture with the strongest gradients, of those of a grid."""
    height, width = image.shape[:2]
    side = np.sqrt(SHARE * height * width / WINDOWS)
    number = WINDOWS if side >= LEAST_WINDOW_PX else 1
    side = int(np.clip(np.sqrt(SHARE * height * width / number), LEAST_WINDOW_PX, WINDOW_PX))
    high, wide = min(side, height), min(side, width)
    step = max(1, max(height, width) // 2048)
    seen = _levels(image[::step, ::step, 1])
    places = [
        (top, left)
        for top in tiles.spread(height, high, height // high, 1)
        for left in tiles.spread(width, wide, width // wide, 1)
    ]

    def energy(place):
        part = seen[place[0] // step :, place[1] // step :][: high // step, : wide // step]
        return sum(float(np.square(np.diff(part, axis=axis)).mean()) for axis in (0, 1) if part.shape[axis] > 1)

    chosen = sorted(places, key=energy, reverse=True)[:number]
    return [np.ascontiguousarray(image[top : top + high, left : left + wide]) for top, left in chosen]
