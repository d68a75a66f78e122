"""The benchmark sets of super-resolution and denoising that papers also deblur."""

from pathlib import Path

from gandeblur.data.datasets import ImageSet
from gandeblur.data.datasets.folder import image_folder
from gandeblur.errors import InputError

NAMES = ("set5", "set14", "bsd100")


def benchmark_sets(root: str | Path) -> tuple[ImageSet, ...]:
    """Those of `set5`, `set14` and `bsd100` that are folders of `root` (in any case), in this order.

    Raises:
        InputError: no such root, none of the folders in it, or one without images.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the folder that holds {', '.join(NAMES)}")
    folders = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    sets = tuple(image_folder(folders[name], name) for name in NAMES if name in folders)
    if not sets:
        raise InputError(
            f"{root}: holds none of the folders {', '.join(NAMES)}; put each set's images into one of them"
        )
    return sets
