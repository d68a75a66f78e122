"""Image files as arrays: reading to 8-bit RGB, sizes without decoding, resizing, value ranges, and bit depths."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from gandeblur.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "WEBP")


@dataclass(frozen=True)
class ValueRange:
    """What black and white are in an array: (0, 1), (-1, 1), (0, 255)."""

    black: float
    white: float

    def scaled(self, images: Any, most: float = 1.0) -> Any:
        """Images in [0, `most`], in this range; of NumPy or of a backend."""
        return self.black + images * ((self.white - self.black) / most)

    def unscaled(self, images: Any) -> Any:
        """Images in this range, in [0, 1]."""
        return (images - self.black) / (self.white - self.black)


def read_image(path: str | Path) -> np.ndarray:
    """Reads a PNG, JPEG, BMP or WebP file (told by its content, not its name) as 8-bit RGB.

    Grey and palette images become RGB, alpha is dropped (not blended), 16 bits are scaled to 8 as
    `round(v / 257)`, and the EXIF orientation is applied.

    Returns:
        uint8 `[H, W, 3]`.

    Raises:
        InputError: the file is missing, truncated or no image.
    """
    with _opened(path) as image:
        image.load()
        with open(path, "rb") as file:
            deep = png_bits(file.read(25)) == 16
        rgb = _eight_bits(path, image) if deep else image.convert("RGB")
        return np.asarray(ImageOps.exif_transpose(rgb))


def image_size(path: str | Path) -> tuple[int, int]:
    """(height, width) in pixels of what `read_image` returns, from the file's header.

    The one exception is a PNG file whose EXIF data follow the pixels: its orientation is not seen here.

    Raises:
        InputError: the file is missing or no image.
    """
    with _opened(path) as image:
        # The method of the base class: PNG's own decodes the pixels to look behind them.
        orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
        return image.size if orientation in (5, 6, 7, 8) else image.size[::-1]


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bicubic resizing that smooths before it shrinks, as MATLAB's `imresize`.

    Args:
        image: uint8 `[H, W, 3]`.

    Returns:
        uint8 `[height, width, 3]`.
    """
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def center_crop(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The central `height` x `width` pixels of an image that has at least as many, `[H, W, C]`."""
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def to_uint8(image: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Rounds to 8 bits: clips to `value_range`, scales it to [0, 255], rounds to the nearest integer.

    Args:
        image: float array of any shape.
        value_range: (black, white), for example (0, 1), (-1, 1) or (0, 255).

    Returns:
        uint8 array of the same shape.

    Raises:
        ValueError: a value is NaN or infinite: no pixel value stands for it.
    """
    if not np.isfinite(image).all():
        raise ValueError("the image holds NaN or infinite values")
    scaled = 255 * ValueRange(*value_range).unscaled(np.asarray(image, np.float64))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """Pixels of 16 bits as 8 bits, `round(v / 257)`: white stays white. Those of 8 bits as they are."""
    return pixels if pixels.dtype == np.uint8 else ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def png_bits(header: bytes) -> int | None:
    """Bits per channel of a PNG file, by its first 25 bytes; None: it is no PNG file. Pillow does not tell for colour.

    The depth stands in the IHDR chunk, which is always the first.
    """
    return header[24] if header.startswith(b"\x89PNG") and len(header) > 24 else None


@contextmanager
def _opened(path: str | Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=FORMATS) as image:
            yield image
    except UnidentifiedImageError:
        reason = "not a PNG, JPEG, BMP or WebP image"
    except Exception as error:  # a damaged file makes Pillow's decoders raise almost anything
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
    else:
        return
    raise InputError(f"{path}: cannot be read ({reason}); replace the file or remove it")


def _eight_bits(path: str | Path, image: Image.Image) -> Image.Image:
    """A 16-bit PNG file as 8-bit RGB, by TensorFlow: Pillow keeps only the upper bytes of 16-bit colour."""
    import tensorflow as tf  # here: no other image needs it, and it takes seconds

    pixels = tf.io.decode_png(Path(path).read_bytes(), channels=3, dtype=tf.uint16).numpy()
    rgb = Image.fromarray(to_8_bits(pixels))
    rgb.getexif().update(image.getexif())
    return rgb
