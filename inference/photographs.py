"""A photographer's files: pixels with all that belongs to them, kept from the blurred file to the restored one.

Each kind of file has a module in `formats` that reads it and writes it. docs/photographs.md lists the parts that each
kind keeps; the photograph's notes name the parts that a new file cannot keep.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from PIL import Image

from gandeblur.data.images import to_8_bits
from gandeblur.errors import InputError
from gandeblur.files import replacing
from gandeblur.inference.formats import avif, bmp, gif, heif, jpeg, kinds, png, raw, tiff, webp
from gandeblur.inference.formats.photograph import Photograph

__all__ = ["FORMATS", "MOST_MEGAPIXELS", "SUFFIXES", "Photograph", "allowing", "read", "shown", "target", "write"]

SUFFIXES: tuple[str, ...] = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".tif", ".tiff", ".webp")
SUFFIXES += (".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".avif", *raw.SUFFIXES)
MOST_MEGAPIXELS = 178  # of a picture that is read, unless more are allowed: Pillow's own limit


class Format(NamedTuple):
    """How a kind of file is read; how it is written, None: it becomes another kind."""

    read: Callable[[Path], Photograph]
    write: Callable[[Path, np.ndarray, Photograph], None] | None


FORMATS = MappingProxyType(
    {
        "JPEG": Format(jpeg.read, jpeg.write),
        "PNG": Format(png.read, png.write),
        "TIFF": Format(tiff.read, tiff.write),
        "WEBP": Format(webp.read, webp.write),
        "BMP": Format(bmp.read, bmp.write),
        "HEIF": Format(heif.read, heif.write),
        "AVIF": Format(avif.read, avif.write),
        "GIF": Format(gif.read, None),
        "RAW": Format(raw.read, None),
    }
)


def read(path: Path, strict: bool = False) -> Photograph:
    """Reads an image file, whose kind its content tells, not its name.

    A file that is damaged in a part is read as far as it goes, and its notes say so first. A picture of more than
    `MOST_MEGAPIXELS` is refused before it is decoded, unless `allowing` allows more.

    Args:
        path: a JPEG, PNG, TIFF, WebP, HEIC, AVIF, BMP, RAW or GIF file of one picture.
        strict: whether damaged files are refused.

    Raises:
        InputError: the file is missing, no image, animated, too large, or of numbers that are no 8 or 16 bits; it lacks
            its picture; with `strict` it lacks anything.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's; what they are about is noted
            kind = kinds.kind(path)
            if kind:
                photograph = FORMATS[kind].read(path)
                if strict and photograph.damage:
                    raise InputError(f"{path}: {photograph.damage[0]}; leave out --strict to restore it all the same")
                return photograph
            reason = kinds.reason(path)
    except InputError:
        raise
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise InputError(
            f"{path}: it says to have more than {most} million pixels; allow more by --most_megapixels"
        ) from None
    except Exception as error:  # a damaged file makes decoders raise almost anything
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
    remedy = "" if "; " in reason else "; replace the file or leave it out"
    raise InputError(f"{path}: cannot be read ({reason}){remedy}")


@contextmanager
def allowing(megapixels: int) -> Iterator[None]:
    """Reads pictures of so many megapixels, no more; afterwards Pillow's limit, one for the process, is what it was."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = megapixels * 10**6 // 2  # Pillow refuses at twice this number
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def write(path: Path, restored: np.ndarray, photograph: Photograph) -> None:
    """Writes restored pixels as a file of the photograph's kind, whole or not at all.

    Args:
        path: file to write or replace.
        restored: as the photograph's `pixels`. Where these have no colour, the new picture has none.
        photograph: whose transparency, kind and metadata the file gets.
    """
    save = FORMATS[photograph.format].write
    assert save is not None, photograph.format
    with replacing(path) as temporary:
        save(temporary, restored, photograph)


def target(path: Path) -> Path:
    """The name of the restored file: of a GIF file PNG, of a RAW file TIFF."""
    suffix = path.suffix.lower()
    return path.with_suffix({".gif": ".png"}.get(suffix, ".tif")) if suffix in (".gif", *raw.SUFFIXES) else path


def shown(photograph: Photograph) -> Image.Image:
    """The picture for what shows RGB or grey of 8 bits, with the file's colour profile, which saving as PNG keeps."""
    pixels = photograph.pixels[..., 0] if photograph.grey else photograph.pixels
    image = Image.fromarray(to_8_bits(pixels))
    if photograph.profile:
        image.info["icc_profile"] = photograph.profile
    return image
