"""BMP files: 8 bits, with the transparency and the colour profile that headers of version 4 and 5 have."""

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from gandeblur.inference.formats.photograph import Photograph, from_channels, opened

_FILE, _INFO, _V4, _V5 = 14, 40, 108, 124
_PROFILE_LINKED, _PROFILE_EMBEDDED = b"KNIL", b"DEBM"  # as little-endian numbers are written


class Kept(NamedTuple):
    """Data for the new file.

    Attributes:
        colour: from the header of version 4 or 5: colour space, primaries, gamma, and of version 5 the intent.
        profile: embedded, or the name of a file; empty if there is none.
        density: pixels per metre, across and down.
    """

    colour: bytes
    profile: bytes
    density: bytes


def read(path: Path) -> Photograph:
    """Reads a BMP file; one that ends too early as far as it goes."""
    data = path.read_bytes()
    (header,) = struct.unpack_from("<I", data, _FILE)
    colour = profile = b""
    if header >= _V4:
        colour = data[_FILE + 56 : _FILE + min(header, _V5)]
        if header >= _V5 and colour[:4] in (_PROFILE_LINKED, _PROFILE_EMBEDDED):
            place, size = struct.unpack_from("<II", data, _FILE + 112)
            profile = data[_FILE + place : _FILE + place + size]
    density = data[_FILE + 24 : _FILE + 32] if header >= _INFO else bytes(8)
    image, damage = _opened(data)
    transparent = image.mode in ("RGBA", "LA", "PA")
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("L" if image.mode == "1" else "RGBA" if transparent else "RGB")
    array = np.asarray(image)
    kept = Kept(colour, profile, density)
    return from_channels(
        array.reshape(*array.shape[:2], -1), 1, "BMP", kept, profile if colour[:4] == _PROFILE_EMBEDDED else None
    ).noted(damage=damage)


def write(path: Path, restored: np.ndarray, photograph: Photograph) -> None:
    """Writes 8 bits grey, 24 bits of colour, or 32 with transparency."""
    kept: Kept = photograph.kept
    array = photograph.array(restored)
    height, width, channels = array.shape
    if channels == 2:
        array, channels = array[..., [0, 0, 0, 1]], 4
    version = _V5 if len(kept.colour) > 52 or kept.profile else _V4 if kept.colour or channels == 4 else _INFO
    rows = array[::-1, :, [2, 1, 0, 3][:channels]] if channels > 1 else array[::-1]
    rows = rows.reshape(height, -1)
    rows = np.pad(rows, [(0, 0), (0, -rows.shape[1] % 4)])
    palette = np.repeat(np.arange(256, dtype=np.uint8), 4).reshape(256, 4) * [1, 1, 1, 0] if channels == 1 else None
    table = palette.astype(np.uint8).tobytes() if palette is not None else b""
    bits, fields = 8 * channels, 3 if channels == 4 else 0
    start = _FILE + version + len(table)
    size = start + rows.size + len(kept.profile)
    info = struct.pack("<IiiHHII", version, width, height, 1, bits, fields, rows.size) + kept.density + bytes(8)
    if version > _INFO:
        masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000) if channels == 4 else (0, 0, 0, 0)
        info += struct.pack("<4I", *masks) + (kept.colour or b"BGRs").ljust(version - 56, b"\0")
        if version == _V5:
            place = version + len(table) + rows.size if kept.profile else 0
            info = info[:112] + struct.pack("<III", place, len(kept.profile), 0)
    path.write_bytes(struct.pack("<2sIHHI", b"BM", size, 0, 0, start) + info + table + rows.tobytes() + kept.profile)


def _opened(data: bytes) -> tuple[Image.Image, list[str]]:
    try:
        with opened(data, "BMP") as image:
            image.load()
            return image, []
    except OSError as error:
        if "truncated" not in str(error):
            raise
    with opened(data, "BMP") as image:
        size = image.width * image.height * 4  # more than any file of these sizes needs
    with opened(data + bytes(size), "BMP") as image:
        image.load()
        return image, ["the file ends too early: what is missing of the picture stays black"]
