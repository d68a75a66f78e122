"""AVIF files, by Pillow: 8 bits a sample."""

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, features

from gandeblur.errors import InputError
from gandeblur.inference.formats import boxes, exif
from gandeblur.inference.formats.photograph import Photograph, from_channels, opened, without
from gandeblur.inference.formats.webp import described

_QUALITY = 90  # the file does not tell its own
_NO_TAG = 0xFEFE


class Kept(NamedTuple):
    """For the new file: Pillow's options, EXIF data, primaries and transfer as `boxes.colours` has them."""

    options: dict[str, Any]
    metadata: bytes
    colours: bytes


def read(path: Path) -> Photograph:
    """Reads an AVIF file of one picture."""
    if not features.check("avif"):
        raise InputError(f"{path}: an AVIF file, which this Pillow does not read; save it as JPEG or PNG first")
    data = path.read_bytes()
    with opened(data, "AVIF") as image:
        if image.n_frames > 1:
            raise InputError(f"{path}: holds {image.n_frames} pictures; restore them one by one, or as a video")
        profile = image.info.get("icc_profile")
        array = np.asarray(image)
        # Where the file turns the picture, Pillow writes the EXIF data in `info` anew, as ASCII: not those.
        *_, stored, orientation, packet = image._decoder.get_info()
    told, gone, _ = described(stored, packet)
    array = array.reshape(*array.shape[:2], -1)
    options: dict[str, Any] = {"quality": _QUALITY, "subsampling": boxes.av1_sampling(data)}
    options |= {"icc_profile": profile} if profile else {}
    options |= {"xmp": told.options["xmp"]} if "xmp" in told.options else {}
    kept = Kept(options, told.options.get("exif", b""), b"" if profile else boxes.colours(data))
    bits = boxes.av1_bits(data)
    notes = [] if bits == 8 else [f"{bits} bits became 8"]
    photograph = from_channels(array, orientation, "AVIF", kept, profile)
    return photograph.noted(*notes, without([*gone, *boxes.gone(path)]), damage=told.damage)


def write(path: Path, restored: np.ndarray, photograph: Photograph) -> None:
    """Writes an AVIF file."""
    kept: Kept = photograph.kept
    array = photograph.array(restored)
    image = Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)
    buffer = io.BytesIO()
    # Pillow writes EXIF data anew that state an orientation, as they do after all: so it gets them disguised.
    hidden = exif.renamed(kept.metadata, exif.ORIENTATION, _NO_TAG) if kept.metadata else b""
    image.save(buffer, "AVIF", exif=hidden, **kept.options)
    data = buffer.getvalue().replace(hidden, kept.metadata) if hidden else buffer.getvalue()
    path.write_bytes(boxes.with_colours(data, kept.colours))
