"""What comes out of a photograph when nothing is restored: how it is measured, and what it has to be."""

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from PIL import Image

from gandeblur.inference import files


class Out(NamedTuple):
    """What became of a file: the source, the new one (None if it was refused), and what was said of it."""

    source: Path
    path: Path | None
    said: str

    @property
    def data(self) -> bytes:
        return self.path.read_bytes() if self.path else b""

    @property
    def pixels(self) -> np.ndarray:
        return pixels(self.path)

    @property
    def db(self) -> float:
        """Against the pixels of the source, 99 for the same."""
        return psnr(pixels(self.source), self.pixels)


class Case(NamedTuple):
    """A file.

    Attributes:
        what: it shows, for the table.
        name: of the file.
        make: content, or what writes it to a path.
        seen: what is measured.
        right: what it has to be.
    """

    what: str
    name: str
    make: bytes | Callable[[Path], Any]
    seen: Callable[[Out], Any]
    right: Any
    needs: str = "PIL"  # a package; without it the file is refused


def restored(folder: Path, name: str, make: bytes | Callable[[Path], Any]) -> Out:
    """A file after `restore_photograph` with the identity."""
    source, target = folder / name, folder / "out" / name
    if isinstance(make, bytes):
        source.write_bytes(make)
    else:
        make(source)
    try:
        notes = files.restore_photograph(lambda image, **options: image, source, target)
    except Exception as error:
        return Out(source, None, files.failure(source, error).replace(str(source), name))
    return Out(source, target, "; ".join(notes))


def pixels(path):
    try:
        with Image.open(path) as image:
            if image.mode.startswith("I;16"):
                return np.asarray(image).astype(float)
            return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB")).astype(float)
    except OSError:
        return tifffile.imread(path).astype(float)


def psnr(one, other):
    error = np.mean((np.asarray(one, float) - np.asarray(other, float)) ** 2)
    return float(round(min(99.0, 10 * np.log10(255**2 / max(error, 1e-9))), 1))


def layers(out):
    return [component[1:3] for component in Image.open(out.path).layer]


def makers_name(data):
    """As a reader finds it that follows the offset."""
    start = data.index(b"MM\0*")
    place = data.index(struct.pack(">HHHI", 1, 6, 2, 32))
    (offset,) = struct.unpack(">I", data[place + 10 : place + 14])
    return data[start + offset : start + offset + 20].decode("latin-1")


def extension(out):
    """Whether what the first packet points to is there, whole; None: it points to nothing."""
    at = out.data.find(b'HasExtendedXMP="')
    if at < 0:
        return None
    digest, content, size = out.data[at + 16 : at + 48], b"", (0, 0)
    for part in out.data.split(b"http://ns.adobe.com/xmp/extension/\0" + digest)[1:]:
        size = struct.unpack(">II", part[:8])
        content += part[8 : 8 + min(60000, size[0] - size[1], size[0])]
    return hashlib.md5(content[: size[0]]).hexdigest().upper().encode() == digest


def transparent_share(out):
    return round(float((out.pixels[..., -1] == 0).mean()), 5)


def share_of(values):
    return round(float((values == values[5, 5]).all(axis=-1).mean()), 5)


def extras(path):
    return tuple(int(kind) for kind in tifffile.TiffFile(path).pages[0].extrasamples)


def has(content):
    return lambda out: content in out.data


def refused(what, name, make, words):
    return Case(
        what, name, make, lambda out: (out.path is None, words in out.said, "\n" in out.said), (True, True, False)
    )
