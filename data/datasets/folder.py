"""A folder of sharp images, and its split into training and validation."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from gandeblur.data.datasets import ImageSet
from gandeblur.data.datasets.packed import Images
from gandeblur.data.images import SUFFIXES
from gandeblur.errors import InputError
from gandeblur.names import search

Item = TypeVar("Item")


def image_folder(folder: str | Path, name: str | None = None) -> ImageSet:
    """All PNG, JPEG, BMP and WebP files below `folder`, sorted by relative path, without files that systems left.

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
    relative = image_files(folder)
    if not relative:
        raise InputError(f"{folder}: holds no images; put {', '.join(SUFFIXES)} files into it")
    return ImageSet(name or folder.resolve().name, tuple(folder / path for path in relative))


def image_files(folder: Path) -> list[Path]:
    """The images' paths relative to the folder, sub-folders included, sorted, without files that systems left.

    Raises:
        InputError: a sub-folder cannot be listed.
    """
    found = search(folder)
    if found.closed:
        raise InputError(f"{found.closed[0]}: cannot be listed; allow it, or move the folder elsewhere")
    images = (path for path in found.files if path.suffix.lower() in SUFFIXES and path.is_file())
    return [path.relative_to(folder) for path in images]


def split(images: Images, validation_fraction: float) -> tuple[Images, Images]:
    """Takes validation images (at least one) from the set; the rest is for training.

    Of sharp photographs they are taken at even distances. Neighbouring pairs of one film are nearly the same, so of
    pairs whole sequences are taken: as many, evenly spread over the sorted sequences, as come nearest to the fraction
    of the images. Of a single sequence it is the last pairs: those at the seam are neighbours, and how many pairs
    would have to be left out between the two parts cannot be known.

    Args:
        images: an `ImageSet`, `PairSet` or `PackedSet`; a pair's sequence is its name up to the last "/".
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
    sequence_of = [name.rpartition("/")[0] for name in images.names]
    lengths = sorted(Counter(sequence_of).items())
    if not images.has_pairs:
        chosen = _spread(held_out, range(count))
    elif len(lengths) == 1:
        chosen = set(range(count - held_out, count))
    else:
        choices = [_spread(number, lengths) for number in range(1, len(lengths))]
        nearest = min(choices, key=lambda taken: abs(sum(n for _, n in taken) - count * validation_fraction))
        chosen = {index for index, sequence in enumerate(sequence_of) if sequence in dict(nearest)}
    return (
        images.subset([index for index in range(count) if index not in chosen], f"{images.name}/train"),
        images.subset(sorted(chosen), f"{images.name}/validation"),
    )


def _spread(number: int, items: Sequence[Item]) -> set[Item]:
    """`number` of the items, at even distances."""
    return {items[(2 * k + 1) * len(items) // (2 * number)] for k in range(number)}
