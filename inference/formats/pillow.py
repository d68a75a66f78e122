"""Pillow's images, as a program has them in its memory."""

import numpy as np
from PIL import ExifTags, Image

from gandeblur.data.images import to_8_bits
from gandeblur.inference.formats import colour
from gandeblur.inference.formats.photograph import Photograph, from_channels

_OPAQUE = {"1": "L", "P": "RGB", "YCbCr": "RGB", "HSV": "RGB", "RGBX": "RGB"}
_TRANSPARENT = {"P": "RGBA", "PA": "RGBA", "RGBa": "RGBA", "La": "LA", "L": "LA", "1": "LA", "RGB": "RGBA"}


def from_image(image: Image.Image) -> Photograph:
    """An image's pixels, turned as its EXIF orientation says.

    Raises:
        ValueError: the mode is "F", or "I" with values outside of 16 bits.
    """
    image.load()
    notes: list[str] = []
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF data make Pillow raise almost anything
        orientation = 1
        notes.append("its EXIF data cannot be read")
    profile = image.info.get("icc_profile", b"")
    if image.mode in ("CMYK", "LAB"):
        array, said = colour.to_rgb(image, profile)
        notes.append(said)
        profile = colour.srgb()
    elif image.mode == "F" or (image.mode == "I" and not _fits(np.asarray(image))):
        raise ValueError(f"the image is of mode {image.mode}; give one of 8 bits, or of mode I;16, or an array")
    elif image.mode.startswith("I"):
        array = np.asarray(image).astype(np.uint16)
    else:
        modes = _TRANSPARENT if image.has_transparency_data else _OPAQUE
        array = np.asarray(image.convert(modes.get(image.mode, image.mode)))
    array = array.reshape(*array.shape[:2], -1)
    return from_channels(array, orientation, "PNG", None, profile).noted(*notes)


def to_image(photograph: Photograph, restored: np.ndarray) -> tuple[Image.Image, tuple[str, ...]]:
    """An image of the photograph's kind: grey or RGB, with its transparency and its colour profile.

    Args:
        photograph: as it was.
        restored: as its `pixels`.

    Returns:
        The image, and what it could not keep, in words.
    """
    array = photograph.array(restored)
    notes: tuple[str, ...] = ()
    if array.dtype == np.uint16 and array.shape[2] > 1:
        array = to_8_bits(array)
        notes = ("16 bits became 8, as a Pillow image of colours or transparency has no more",)
    image = Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
    if photograph.profile:
        image.info["icc_profile"] = photograph.profile
    return image, notes


def _fits(array):
    """Into 16 bits."""
    return array.min() >= 0 and array.max() <= 65535
