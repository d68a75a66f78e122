"""Which image files make up a set, and their pixels.

A set is sharp images (`ImageSet`) or blurred and sharp images of one scene (`PairSet`, or a `packed.PackedSet` of
either kind). All of them answer the same questions: `len`, `names`, `where(k)`, `size(k)`, `read(k)`,
`subset(indices, name)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from gandeblur.data.datasets.stored import StoredImage
from gandeblur.data.images import image_size, read_image
from gandeblur.errors import InputError

File = Path | StoredImage


@dataclass(frozen=True)
class ImageSet:
    """A named list of sharp images: the files' order is the images' order."""

    name: str
    paths: tuple[Path, ...]

    has_pairs = False
    variant = None

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Each image's name: its file's, without the suffix."""
        return tuple(path.stem for path in self.paths)

    @cached_property
    def _sizes(self) -> dict[int, tuple[int, int]]:
        return {}  # a header is read once

    def where(self, index: int) -> str:
        """The file, for messages."""
        return str(self.paths[index])

    def size(self, index: int) -> tuple[int, int]:
        """(height, width) in pixels, from the file's header, which is read once.

        Raises:
            InputError: the file is missing or no image.
        """
        if index not in self._sizes:
            self._sizes[index] = image_size(self.paths[index])
        return self._sizes[index]

    def read(self, index: int) -> np.ndarray:
        """The pixels: uint8 `[1, H, W, 3]`.

        Raises:
            InputError: the file is missing, truncated or no image.
        """
        return _read(self.paths[index], self.size(index))[np.newaxis]

    def subset(self, indices: Sequence[int], name: str) -> "ImageSet":
        return ImageSet(name, tuple(self.paths[index] for index in indices))


@dataclass(frozen=True)
class Pair:
    """A blurred and a sharp image of one scene, in two files of one size."""

    name: str  # "GOPR0372_07_00/000047": unique within its set
    blurred: File
    sharp: File

    def size(self) -> tuple[int, int]:
        (height, width), sharp = _size(self.blurred), _size(self.sharp)
        if (height, width) != sharp:
            raise InputError(
                f"{self.blurred}: is {width}x{height}, but {self.sharp} is {sharp[1]}x{sharp[0]}; "
                "replace the one that is wrong"
            )
        return height, width

    def read(self, size: tuple[int, int]) -> np.ndarray:
        return np.stack([_read(path, size) for path in (self.blurred, self.sharp)])


@dataclass(frozen=True)
class SideBySide:
    """A blurred image with its sharp one to the right of it, in one file ("A|B")."""

    name: str
    path: Path

    @property
    def blurred(self) -> Path:
        return self.path

    def size(self) -> tuple[int, int]:
        height, width = image_size(self.path)
        if width % 2:
            raise InputError(
                f"{self.path}: is {width} pixels wide, no two halves of one width; replace or remove the file"
            )
        return height, width // 2

    def read(self, size: tuple[int, int]) -> np.ndarray:
        height, width = size
        both = _read(self.path, (height, 2 * width))
        return np.stack([both[:, :width], both[:, width:]])


@dataclass(frozen=True)
class PairSet:
    """A named list of blurred and sharp images. The name ends with the variant of the blur: `GOPRO_Large/test/blur`."""

    name: str
    variant: str  # "blur" or "blur_gamma" in GoPro's layout, else the name of the folder; recorded in every result
    pairs: tuple[Pair | SideBySide, ...]

    has_pairs = True

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Each pair's name: `sequence/file` without the suffix."""
        return tuple(pair.name for pair in self.pairs)

    @cached_property
    def _sizes(self) -> dict[int, tuple[int, int]]:
        return {}  # a header is read once

    def where(self, index: int) -> str:
        """The blurred image's file, for messages."""
        return str(self.pairs[index].blurred)

    def size(self, index: int) -> tuple[int, int]:
        """(height, width) in pixels of either image, from the files' headers, which are read once.

        Raises:
            InputError: a file is missing or no image, or the two differ in size.
        """
        if index not in self._sizes:
            self._sizes[index] = self.pairs[index].size()
        return self._sizes[index]

    def read(self, index: int) -> np.ndarray:
        """The pixels, blurred then sharp: uint8 `[2, H, W, 3]`.

        Raises:
            InputError: as `size`, or a file is truncated.
        """
        return self.pairs[index].read(self.size(index))

    def subset(self, indices: Sequence[int], name: str) -> "PairSet":
        return PairSet(name, self.variant, tuple(self.pairs[index] for index in indices))


def _size(file: File) -> tuple[int, int]:
    return image_size(file) if isinstance(file, Path) else file.size()


def _read(path: File, size: tuple[int, int]) -> np.ndarray:
    """The file's pixels; crops are planned by `size`, from its header."""
    pixels = read_image(path) if isinstance(path, Path) else path.read()
    if pixels.shape[:2] != size:
        raise InputError(f"{path}: its header gives another size than its pixels have; save it anew")
    return pixels
