"""The images of a user's folder: packed, pairs in two folders, side by side or by a list, or sharp images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gandeblur.data.datasets import ImageSet, PairSet, alike, gopro, listed, packed, roles
from gandeblur.data.datasets.folder import image_folder
from gandeblur.data.datasets.packed import Images
from gandeblur.data.datasets.pairs import existing, raise_first, side_by_side
from gandeblur.errors import InputError

SIDE_BY_SIDE = "side_by_side"
_BLURRED = ("blur", "blur_gamma", "blurry", "blurred", "lq", "inputc", "inputl", "inputr")


@dataclass(frozen=True)
class Contents:
    """The sets in a folder, as `look` finds them."""

    kind: str  # in words
    choices: Mapping[str | None, tuple[str | None, ...]]  # split (None: no splits) -> variants (None: sharp images)
    read: Callable[[str | None, str | None], tuple[Images, list[str]]]  # split, variant -> set, all that is wrong


def find(
    folder: str | Path,
    *,
    variant: str | None = None,
    split: str | None = None,
    layout: str | None = None,
    pairs: Path | None = None,
) -> Images:
    """The images of a folder, whatever its layout:

        packed         shards written by `gandeblur pack`
        two folders    `blur` beside `sharp` and their kin (`roles.PARTNERS`), with or without sequences and splits
        a list         two paths a line, in `pairs`, or in a file that is given instead of the folder
        side by side   only if `layout` says so: nothing tells these files from sharp images
        sharp images   everything else: all images in it, sub-folders included

    Args:
        folder: the path that the user gave.
        variant: which blurred images; may be left out if there is one kind.
        split: "train", "validation", "val", "valid" or "test"; may be left out if there is at most one.
        layout: "side_by_side", or None.
        pairs: a list of pairs, see `listed`; then its paths are relative to `folder`.

    Raises:
        InputError: nothing usable in the folder, a choice that is missing or not there, an image without its
            partner, or blurred images that would be taken for sharp ones.
    """
    contents = look(folder, layout, pairs)
    split = choose(folder, "--split", split, tuple(contents.choices))
    variant = choose(folder, "--blurred", variant, contents.choices[split])
    images, problems = contents.read(split, variant)
    raise_first(problems, Path(folder))
    return images


def look(folder: str | Path, layout: str | None = None, pairs: Path | None = None) -> Contents:
    """The sets in a folder, for `find` and `gandeblur check-data`.

    Raises:
        InputError: nothing usable in the folder, or blurred images that would be taken for sharp ones.
    """
    if layout not in (None, SIDE_BY_SIDE):
        raise InputError(f"--layout={layout}: unknown; use {SIDE_BY_SIDE}, or leave it out")
    if pairs or (Path(folder).is_file() and Path(folder).suffix.lower() in listed.SUFFIXES):
        above = existing(folder) if pairs else None
        of_list = listed.listed_pairs(pairs or Path(folder), above)
        return Contents("pairs of a list", {None: (listed.VARIANT,)}, lambda split, variant: of_list)
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
    """All images below the folder, unless the names or the looks of some say that they are blurred."""
    images = image_folder(folder)
    files = [path.relative_to(folder) for path in images.paths]
    blurred = [folder] if folder.resolve().name.lower() in _BLURRED else []
    blurred += [folder / file.parent for file in files if any(roles.is_blurred(Path(part)) for part in file.parts[:-1])]
    if blurred:
        raise InputError(
            f"{blurred[0]}: holds blurred images by its name, and would be taken for sharp ones; "
            "give the folder above blur and sharp, or one of sharp images only"
        )
    if sharp := alike.blurred_beside_sharp(folder, files):
        raise InputError(
            f"{folder}: holds the blurred images of {sharp} by its name, and would be taken for sharp ones; "
            "give the folder above the two"
        )
    if both := alike.two_of_one_scene(folder, files):
        raise InputError(
            f"{both[0]} and {both[1]}: hold other images of the same names; if one is blurred, call them blur and "
            "sharp, or give a list of the pairs; if both are sharp, give them one by one"
        )
    return images
