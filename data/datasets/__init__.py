"""Which image files make up a set."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ImageSet:
    """A named list of sharp images: the files' order is the images' order."""

    name: str
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)
