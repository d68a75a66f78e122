"""Tells by a restored photograph that its blur is not the one that the network was trained for."""

from collections.abc import Callable, Sequence

import numpy as np

from gandeblur.inference.scale import shrunk

# Grey levels of 255, root mean square. GAN-D's own images leave 3 to 5 (noise and JPEG), other blur 8 and more.
MOST_LEFT = 6.5
# Photographs that were sharp get 1.01 to 1.06 times their differences of neighbours, blurred ones 1.05 to 1.4.
LEAST_SHARPENED = 1.05
NO_CHANCE = (0, 0)  # the steps' seed: they draw nothing
SIDE_PX = 1024  # so much of the middle is looked at


def remark(blurred: np.ndarray, restored: np.ndarray, again: Sequence[Callable] = (), scale: float = 1.0) -> str:
    """A remark for the user, empty where there is nothing to say.

    Args:
        blurred: uint8 or uint16 `[H, W, 3]`.
        restored: the same, as the network returned it.
        again: steps, (`[H, W, 3]` in [0, 1], seed) -> the same, that all images of the network's training went
            through. The restored image, blurred by them again, has to be the photograph. Empty where chance draws the
            blur: then the gain in sharpness counts.
        scale: of the picture's size, at which it was restored, and at which its sharpness counts.
    """
    before, after = (_middle(image, scale) for image in (blurred, restored))
    if again:
        for step in again:
            after = np.asarray(step(after, NO_CHANCE), np.float32)
        left = 255 * np.sqrt(np.mean(np.square(after - before)))
        return "not the blur that this network undoes: expect a wrong picture" if left > MOST_LEFT else ""
    sharpened = _differences(after) / max(_differences(before), 1e-6)
    return "hardly changed: little of the blur that this network undoes" if sharpened < LEAST_SHARPENED else ""


def _middle(image, scale):
    most = round(SIDE_PX / scale)
    rows, columns = (slice(max(0, side - most) // 2, None) for side in image.shape[:2])
    part = image[rows, columns][:most, :most]
    part, image = (part, image) if scale == 1 else (shrunk(part, scale),) * 2
    return part.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)


def _differences(image):
    """Root mean square of the differences of horizontal and of vertical neighbours."""
    return np.sqrt(sum(np.mean(np.square(np.diff(image, axis=axis))) for axis in (0, 1) if image.shape[axis] > 1))
