"""What a user's folder holds: packed images, pairs in GoPro's layout, pairs side by side, or sharp images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gandeblur.data.datasets import ImageSet, PairSet, gopro, packed
from gandeblur.data.datasets.folder import image_folder
from gandeblur.data.datasets.packed import Images
from gandeblur.data.datasets.pairs import existing, raise_first, side_by_side
from gandeblur.errors import InputError

SIDE_BY_SIDE = "side_by_side"


@dataclass(frozen=True)
class Contents:
    """What `look` found in a folder."""

    kind: str  # in words
    choices: Mapping[str | None, tuple[str | None, ...]]  # split (None: no splits) -> variants (None: sharp images)
    read: Callable[[str | None, str | None], tuple[Images, list[str]]]  # split, variant -> set, all that is wrong


def find(
    folder: str | Path, *, variant: str | None = None, split: str | None = None, layout: str | None = None
) -> Images:
    """The images of a folder, whatever its layout:

        packed         shards written by `gandeblur pack`
        GoPro's        `blur` or `blur_gamma` beside `sharp` (or A beside B), with or without sequences and splits
        side by side   only if `layout` says so: nothing tells these files from sharp images
        sharp images   everything else: all images in it, sub-folders included

    Args:
        folder: what the user named.
        variant: which blurred images; may be left out if there is one kind.
        split: "train", "validation", "val" or "test"; may be left out if there is at most one.
        layout: "side_by_side", or None.

    Raises:
        InputError: nothing usable in the folder, a choice that is missing or not there, an image without its
            partner, or blurred images that would be taken for sharp ones.
    """
    contents = look(folder, layout)
    split = choose(folder, "--split", split, tuple(contents.choices))
    variant = choose(folder, "--blurred", variant, contents.choices[split])
    images, problems = contents.read(split, variant)
    raise_first(problems, Path(folder))
    return images


def look(folder: str | Path, layout: str | None = None) -> Contents:
    """What a folder holds; `find` and `gandeblur check-data` read it.

    Raises:
        InputError: nothing usable in the folder, or blurred images that would be taken for sharp ones.
    """
    if layout not in (None, SIDE_BY_SIDE):
        raise InputError(f"--layout={layout}: unknown; use {SIDE_BY_SIDE}, or leave it out")
    folder = existing(folder)
    is_packed = packed.is_packed(folder)
    found = {} if is_packed else gopro.layout(folder)
    if layout and (is_packed or found):
        what = "packed images" if is_packed else "folders of blurred and sharp images"
        raise InputError(f"{folder}: holds {what}; leave out --layout={layout}")
    if is_packed:
        opened = packed.open_packed(folder)
        kind = "packed pairs" if opened.has_pairs else "packed sharp images"
        return Contents(kind, {None: (opened.variant,)}, lambda split, variant: (opened, []))
    if found:
        choices = {split: gopro.variants(sequences) or ("blur",) for split, sequences in found.items()}
        return Contents("pairs of files", choices, partial(gopro.collect, folder, found))
    if layout:
        splits: Sequence[str | None] = [split for split in gopro.SPLITS if (folder / split).is_dir()] or [None]
        return Contents("pairs side by side", {split: (SIDE_BY_SIDE,) for split in splits}, partial(_halves, folder))
    images = _sharp(folder)
    return Contents("sharp images", {None: (None,)}, lambda split, variant: (images, []))


def choose(folder: str | Path, flag: str, asked: str | None, there: Sequence[str | None]) -> str | None:
    """The one of `there` that was asked for, or the only one.

    Raises:
        InputError: there is none of that name; or there are several, and none was asked for.
    """
    if asked in there or (asked is None and len(there) == 1):
        return asked or there[0]
    if None in there:
        raise InputError(f"{folder}: holds nothing to choose by {flag}={asked}; leave it out")
    names = list(filter(None, there))
    wrong = f"holds no {asked}" if asked else f"holds {' and '.join(names)}"
    raise InputError(f"{folder}: {wrong}; choose {flag}={'|'.join(names)}")


def _halves(folder: Path, split: str | None, variant: str) -> tuple[PairSet, list[str]]:
    name = "/".join(filter(None, (folder.resolve().name, split, variant)))
    return side_by_side(folder / (split or ""), name), []


def _sharp(folder: Path) -> ImageSet:
    """All images below the folder, unless a folder's name says that they are blurred."""
    images = image_folder(folder)
    blurred = [folder] if folder.resolve().name in ("blur", "blur_gamma") else []
    blurred += [path.parent for path in images.paths if "blur" in str(path.parent.relative_to(folder)).lower()]
    if blurred:
        raise InputError(
            f"{blurred[0]}: holds blurred images by its name, and would be taken for sharp ones; "
            "give the folder above blur and sharp, or one of sharp images only"
        )
    return images
