"""Colours that no network knows, CMYK and Lab, as RGB."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms


@functools.cache
def srgb() -> bytes:
    """The ICC profile of sRGB, without the date of its making, so that it is always the same."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes(12) + profile[36:]


def to_rgb(image: Image.Image, profile: bytes) -> tuple[np.ndarray, str]:
    """CMYK by its profile, Lab by definition, as sRGB.

    Args:
        image: of mode CMYK or LAB.
        profile: the ICC profile of the file; empty: CMYK is taken as the complement of RGB.

    Returns:
        uint8 `[H, W, 3]`, and what was done, in words.
    """
    kind = "Lab" if image.mode == "LAB" else image.mode
    try:
        source = ImageCms.createProfile("LAB") if image.mode == "LAB" else ImageCms.getOpenProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return np.asarray(converted), f"{kind} became RGB" + (" by its profile" if image.mode == "CMYK" else "")
    except (ImageCms.PyCMSError, OSError, TypeError, AttributeError):
        return np.asarray(image.convert("RGB")), f"{kind} became RGB"
