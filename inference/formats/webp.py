"""WebP files: lossless where they were, with their profile, EXIF and XMP data."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gandeblur.errors import InputError
from gandeblur.inference.formats import exif, xmp
from gandeblur.inference.formats.photograph import Photograph, from_channels, opened, without

_QUALITY = 95  # of lossy ones, which do not tell their own
_KNOWN = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP ", b"ANIM", b"ANMF")


class Kept(NamedTuple):
    """Pillow's options."""

    options: dict[str, Any]


def read(path: Path) -> Photograph:
    """Reads a WebP file of one picture."""
    data = path.read_bytes()
    chunks = list(_chunks(data))
    names = [name for name, _ in chunks]
    with opened(data, "WEBP") as image:
        if getattr(image, "n_frames", 1) > 1:
            raise InputError(f"{path}: holds {image.n_frames} pictures; restore them one by one, or as a video")
        array = np.asarray(image)
        profile = image.info.get("icc_profile")
    lossless = b"VP8L" in names
    options: dict[str, Any] = {"lossless": lossless, "quality": 80 if lossless else _QUALITY, "exact": True}
    options |= {"icc_profile": profile} if profile else {}
    told, gone, orientation = described(dict(chunks).get(b"EXIF"), dict(chunks).get(b"XMP "))
    gone += [
        xmp.CREDENTIALS if name == b"C2PA" else f"{name.decode('latin-1')} chunk"
        for name in names
        if name not in _KNOWN
    ]
    photograph = from_channels(array, orientation, "WEBP", Kept(options | told.options), profile)
    return photograph.noted(without(gone), damage=told.damage)


def write(path: Path, restored: np.ndarray, photograph: Photograph) -> None:
    """Writes a WebP file; colours stay where nothing is to be seen of them."""
    Image.fromarray(colours(photograph.array(restored))).save(path, "WEBP", **photograph.kept.options)


class Told(NamedTuple):
    """EXIF and XMP data as options of Pillow's `save`, and their damage, in words."""

    options: dict[str, bytes]
    damage: tuple[str, ...]


def described(metadata: bytes | None, packet: bytes | None) -> tuple[Told, list[str], int]:
    """EXIF and XMP data, true of the restored picture.

    Returns:
        They; names of parts that are gone; the EXIF orientation, 0 if there is none.
    """
    read = exif.upright(metadata) if metadata else exif.Exif(None, 0, "")
    options = {"exif": read.data} if read.data else {}
    gone: list[str] = []
    if packet:
        true = xmp.true(packet, read.orientation)
        options["xmp"] = true.data
        gone += true.gone
    return Told(options, (read.damage,) if read.damage else ()), gone, read.orientation


def colours(array: np.ndarray) -> np.ndarray:
    """For kinds without a grey of their own: RGB or RGBA, `[H, W, 3 or 4]`."""
    grey = [0] * 3
    return array[..., {1: grey, 2: [*grey, 1]}[array.shape[2]]] if array.shape[2] < 3 else array


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 12
    while position + 8 <= len(data):
        name, (size,) = data[position : position + 4], struct.unpack_from("<I", data, position + 4)
        yield name, data[position + 8 : position + 8 + size]
        position += 8 + size + size % 2
