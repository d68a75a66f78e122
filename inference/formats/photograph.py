"""A photograph, as all kinds of files are read, and the words for parts that a new file cannot keep."""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gandeblur.errors import InputError


@dataclass(frozen=True)
class Photograph:
    """An image file, read.

    Attributes:
        pixels: uint8 or uint16 `[H, W, 3]`, upright; of a grey image, three times the same.
        alpha: opacity, `[H, W]` of the same type; None where the file has none.
        grey: whether the file has one channel.
        format: the kind of the file and of the new one, a key of `photographs.FORMATS`.
        kept: that kind's `write` puts it into the new file.
        profile: the ICC profile of the pixels; None where the file has none.
        notes: for the user, in words: first the file's damage, then the things that could not be kept.
        damage: the notes on damage alone; the file is restored as far as it goes.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    grey: bool
    format: str
    kept: Any = field(default=None, repr=False)
    profile: bytes | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()

    def array(self, restored: np.ndarray) -> np.ndarray:
        """The new file's channels.

        Args:
            restored: as `pixels`.

        Returns:
            `[H, W, 1 to 4]`: grey or RGB, and the alpha channel, if there is one.
        """
        channels = [neutral(self.pixels, restored)]
        if self.grey:
            channels = [channels[0][..., :1]]
        if self.alpha is not None:
            channels.append(self.alpha[..., None])
        return np.concatenate(channels, axis=2) if len(channels) > 1 else channels[0]

    def noted(self, *notes: str, damage: Iterable[str] = ()) -> "Photograph":
        """The same with more to say."""
        wrong = tuple(filter(None, damage))
        return replace(self, notes=(*wrong, *self.notes, *filter(None, notes)), damage=(*wrong, *self.damage))


def from_channels(
    array: np.ndarray, orientation: int, kind: str, kept: Any, profile: bytes | None = None
) -> Photograph:
    """From `[H, W, 1 to 4]` as it lies in the file: grey or RGB, with a last channel of alpha if there are 2 or 4."""
    array = upright(array, orientation)
    grey, transparent = array.shape[2] < 3, array.shape[2] in (2, 4)
    colours = np.repeat(array[..., :1], 3, axis=2) if grey else array[..., :3]
    return Photograph(colours, array[..., -1] if transparent else None, grey, kind, kept, profile or None)


def neutral(pixels: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Restored pixels, without colour where the picture had none: the mean of the channels, three times.

    Args:
        pixels: `[H, W, 3]`, before.
        restored: the same, after.
    """
    if not (np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 0], pixels[..., 2])):
        return restored
    if restored.shape != pixels.shape or np.array_equal(restored, pixels):
        return restored
    return np.repeat(np.rint(restored.mean(axis=2, keepdims=True)).astype(restored.dtype), 3, axis=2)


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """EXIF orientations: how the stored rows and columns lie in the upright picture."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array[::-1] if orientation in (3, 4, 7, 8) else array


def opened(file: bytes | io.BytesIO | Path, kind: str) -> Any:
    """An image that Pillow opens, of that kind alone.

    Raises:
        Image.DecompressionBombError: it has too many pixels.
    """
    return Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=[kind])


def limit(width: int, height: int) -> None:
    """As Pillow does for what it opens.

    Raises:
        Image.DecompressionBombError: a picture of that size has too many pixels.
    """
    if Image.MAX_IMAGE_PIXELS and width * height > 2 * Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError


def without(names: Iterable[str]) -> str:
    """A note on parts that are no longer true of the new picture; empty if there are none."""
    listed = list(dict.fromkeys(names))
    return f"without its {' and its '.join(listed)}" if listed else ""


def sixteen(array: np.ndarray, bits: int) -> np.ndarray:
    """Whole numbers of 9 to 16 bits as uint16: white stays white."""
    if bits == 16:
        return array.astype(np.uint16, copy=False)
    most = 2**bits - 1
    return ((array.astype(np.uint32) * 65535 + most // 2) // most).astype(np.uint16)


def refusal(path: Any, what: str, remedy: str) -> InputError:
    """A line that says what a file is, and what to do with it."""
    return InputError(f"{path}: {what}; {remedy}")
