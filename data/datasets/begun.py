"""Which images a training began with: going on with others is another training."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from gandeblur.data.datasets import ImageSet, PairSet, SideBySide
from gandeblur.data.datasets.packed import Images
from gandeblur.errors import InputError
from gandeblur.files import replacing

FILE = "images.json"
_NAMED = 5


def check_images(folder: Path, sets: Sequence[Sequence[Images]], resumed: bool) -> None:
    """Writes which images a run begins with, or compares a resumed run's images with them.

    The order of an epoch and the validation images follow from the list of images: with another list a resumed training
    repeats some, leaves out others, and validates with images that it was trained on. Compared are names and, of files,
    sizes in bytes; a run that was begun before there was a list is not compared.

    Args:
        folder: of the run; holds `images.json`.
        sets: of each folder of images, the parts that are trained on and validated with.
        resumed: whether the run has a finished epoch.

    Raises:
        InputError: the images are others; the line says which are new, gone or changed.
    """
    now = [_sizes(parts) for parts in sets]
    file = folder / FILE
    if not resumed or not file.exists():
        with replacing(file) as temporary:
            temporary.write_text(json.dumps(now), encoding="utf-8")
        return
    try:
        begun = json.loads(file.read_text(encoding="utf-8"))
        before = {(k, name): size for k, one in enumerate(begun) for name, size in one.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file}: cannot be read; choose another --workdir") from error
    after = {(k, name): size for k, one in enumerate(now) for name, size in one.items()}
    changes = {
        "new": [name for name in after if name not in before],
        "gone": [name for name in before if name not in after],
        "changed": [name for name, size in after.items() if name in before and before[name] != size],
    }
    words = [f"{len(names)} {what} ({_some(names)})" for what, names in changes.items() if names]
    if words:
        raise InputError(
            f"{folder}: the run began with other images: {', '.join(words)}; give it those, or choose another --workdir"
        )


def _sizes(parts: Sequence[Images]) -> dict[str, int]:
    """Name -> bytes of the image's files; of one in a larger file, -1."""
    paths = [path for images in parts if isinstance(images, ImageSet) for path in images.paths]
    root = os.path.commonpath([path.parent for path in paths]) if paths else ""
    sizes = {os.path.relpath(path, root): path.stat().st_size for path in paths}  # stems may come twice
    for images in parts:
        if isinstance(images, PairSet):
            for pair in images.pairs:
                files = (pair.path,) if isinstance(pair, SideBySide) else (pair.blurred, pair.sharp)
                sizes[pair.name] = sum(file.stat().st_size if isinstance(file, Path) else -1 for file in files)
        elif not isinstance(images, ImageSet):
            sizes |= dict.fromkeys(images.names, -1)
    return sizes


def _some(names: Sequence[tuple[int, str]]) -> str:
    first = ", ".join(name for _, name in sorted(names)[:_NAMED])
    return first + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
