"""The benchmark sets of super-resolution and denoising that papers also deblur."""

from pathlib import Path

from gandeblur.data.datasets import ImageSet
from gandeblur.data.datasets.folder import image_folder
from gandeblur.errors import InputError

ODCNN = "ODCNN set"  # Xu et al.'s test images, a row of GAN-D's Table 1
NAMES = ("set5", "set14", "bsd100", ODCNN)
_SPELLINGS = {"odcnn": ODCNN, "odcnn_set": ODCNN, "odcnn-set": ODCNN, "odcnn set": ODCNN}


def benchmark_sets(root: str | Path) -> tuple[ImageSet, ...]:
    """Those of `set5`, `set14`, `bsd100` and `ODCNN set` that are folders of `root` (in any case), in this order.

    Raises:
        InputError: no such root, none of the folders in it, one of them twice, or one without images.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the folder that holds {', '.join(NAMES)}")
    folders: dict[str, Path] = {}
    for path in sorted(root.iterdir()):
        name = _SPELLINGS.get(path.name.lower(), path.name.lower())
        if path.is_dir() and name in NAMES:
            if name in folders:
                raise InputError(f"{path}: is {name}, as {folders[name].name} is; rename or remove one of them")
            folders[name] = path
    sets = tuple(image_folder(folders[name], name) for name in NAMES if name in folders)
    if not sets:
        raise InputError(
            f"{root}: holds none of the folders {', '.join(NAMES)}; put each set's images into one of them"
        )
    return sets
