"""A set whose images are smaller than their files: as if each had been shrunk and stored."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gandeblur.data.datasets.packed import Images
from gandeblur.data.images import resize


@dataclass(frozen=True)
class Shrunk:
    """Another set's images; each pixel is the mean of `factor` x `factor` of theirs, rounded to 8 bits.

    Or, if `bicubic`, as `data.images.resize` makes them. Rows and columns that fill no such square are left out.
    """

    images: Images
    factor: int
    bicubic: bool = False

    def __len__(self) -> int:
        return len(self.images)

    @property
    def name(self) -> str:
        return self.images.name

    @property
    def has_pairs(self) -> bool:
        return self.images.has_pairs

    @property
    def names(self) -> tuple[str, ...]:
        return self.images.names

    def where(self, index: int) -> str:
        """The file, for messages."""
        return self.images.where(index)

    def size(self, index: int) -> tuple[int, int]:
        """(height, width) in pixels."""
        height, width = self.images.size(index)
        return height // self.factor, width // self.factor

    def read(self, index: int) -> np.ndarray:
        """The pixels: uint8 `[2, H, W, 3]` (blurred, sharp) or `[1, H, W, 3]`."""
        height, width = (side * self.factor for side in self.size(index))
        frames = self.images.read(index)[:, :height, :width]
        if self.bicubic:
            return np.stack([resize(frame, *self.size(index)) for frame in frames])
        return np.stack([np.asarray(Image.fromarray(frame).reduce(self.factor)) for frame in frames])

    def subset(self, indices: Sequence[int], name: str) -> "Shrunk":
        return Shrunk(self.images.subset(indices, name), self.factor, self.bicubic)
