"""A folder of sharp images, and its split into training and validation."""

from pathlib import Path

from gandeblur.data.datasets import ImageSet
from gandeblur.data.images import SUFFIXES
from gandeblur.errors import InputError


def image_folder(folder: str | Path, name: str | None = None) -> ImageSet:
    """All PNG, JPEG, BMP and WebP files below `folder`, sorted by relative path; hidden ones are left out.

    Args:
        folder: the folder to search, with its sub-folders.
        name: of the set; the folder's own name if left out.

    Raises:
        InputError: no such folder, or no image in it.
    """
    folder = Path(folder)
    if not folder.exists():
        raise InputError(f"{folder}: no such folder; give an existing folder of images")
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder; give the folder that holds the images")
    relative = sorted(
        path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    visible = [path for path in relative if not any(part.startswith(".") for part in path.parts)]
    if not visible:
        raise InputError(f"{folder}: holds no images; put {', '.join(SUFFIXES)} files into it")
    return ImageSet(name or folder.resolve().name, tuple(folder / path for path in visible))


def split(images, validation_fraction: float) -> tuple:
    """Takes validation images (at least one) at even distances from the set; the rest is for training.

    Args:
        images: an `ImageSet`, `PairSet` or `PackedSet`.
        validation_fraction: share of the images, between 0 and 1.

    Returns:
        The training set and the validation set, each in the set's order.

    Raises:
        InputError: fewer than two images.
    """
    count = len(images)
    if count < 2:
        raise InputError(f"{images.where(0)}: is the only image; add a second one, for validation")
    held_out = min(max(round(count * validation_fraction), 1), count - 1)
    chosen = {(2 * k + 1) * count // (2 * held_out) for k in range(held_out)}
    return (
        images.subset([index for index in range(count) if index not in chosen], f"{images.name}/train"),
        images.subset(sorted(chosen), f"{images.name}/validation"),
    )
