"""Pictures of known sharpness, and restorers that take the place of a network."""

import numpy as np
from PIL import Image, ImageFilter


def squares(side=256, seed=0):
    """Squares of many sizes and colours: sharp edges, and areas between them."""
    rng = np.random.default_rng(seed)
    image = np.full((side, side, 3), 128, np.uint8)
    for size in (96, 48, 24, 12, 6):
        for top, left in rng.integers(0, side - size, (400 // size, 2)):
            image[top : top + size, left : left + size] = rng.integers(0, 256, 3)
    return image


def blurred(image, radius):
    return np.asarray(Image.fromarray(image).filter(ImageFilter.BoxBlur(radius)))


def ramp(px, side=1024):
    """An edge of 200 levels that is blurred over `px` pixels."""
    column = 28 + 200 * np.clip((np.arange(side) - side / 2) / px + 0.5, 0, 1)
    rows = np.broadcast_to(column[None, :, None], (side, side, 3))
    return np.rint(rows).astype(np.uint8)


def identity(image, **options):
    return image.copy()


def inverted(image, **options):
    return np.iinfo(image.dtype).max - image


def of_band(low, high):
    """A restorer that changes a picture by 10 levels where it is blurred by this many pixels, else by 2."""

    def restore(image, **options):
        levels = image.astype(np.float32) * (255 / np.iinfo(image.dtype).max)
        gradient = np.abs(np.diff(levels, axis=1)).max()
        changed = levels + (10 if 200 / high <= gradient <= 200 / low else 2)
        return np.rint(np.clip(changed, 0, 255) * (np.iinfo(image.dtype).max / 255)).astype(image.dtype)

    return restore
