"""Blurred and sharp images of one scene: two files of one name in two folders, or side by side in one file."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from gandeblur.data.datasets import File, Pair, PairSet, SideBySide, roles
from gandeblur.data.datasets.folder import image_files, image_folder
from gandeblur.data.datasets.stored import SUFFIX, stored_images
from gandeblur.data.images import SUFFIXES
from gandeblur.errors import InputError


def side_by_side(folder: str | Path, name: str | None = None) -> PairSet:
    """All images below `folder`, each with the blurred image in its left half and the sharp one in its right.

    Args:
        folder: the folder to search, with its sub-folders.
        name: of the set; `folder/side_by_side` with the folder's own name if left out.

    Returns:
        The pairs, sorted by name: the file's path below `folder` without the suffix.

    Raises:
        InputError: no such folder, no image in it, or two images of one name.
    """
    folder = Path(folder)
    named = defaultdict(list)
    for path in image_folder(folder).paths:
        named[path.relative_to(folder).with_suffix("").as_posix()].append(path)
    raise_first(_repeated(named.values()), folder)
    pairs = tuple(SideBySide(key, *paths) for key, paths in named.items())
    return PairSet(name or f"{folder.resolve().name}/side_by_side", "side_by_side", pairs)


def match(blurred: Path, sharp: Path, prefix: str = "", more_sharp: bool = False) -> tuple[list[Pair], list[str]]:
    """Matches the images of two folders by their paths in them, without the suffix.

    Where the two share no name, the words for blurred and sharp are left out of them: `blur_1` and `gt_1` (RealBlur).
    Where that does not help either, and the folders are called `source` or `input...` and `target` (DPDD), the numbers
    in the names are compared: see `_neighbours`.

    Args:
        blurred, sharp: the folders, or `NAME.lmdb` folders.
        prefix: put before each pair's name, for example "GOPR0372_07_00/".
        more_sharp: whether sharp images without a blurred one are right.

    Returns:
        The pairs, sorted by name, and everything that is wrong: one line each, as an `InputError` holds it.
    """
    problems = [
        f"{folder}: no such folder; put the images that belong to {partner} into it"
        for folder, partner in ((blurred, sharp), (sharp, blurred))
        if not folder.is_dir()
    ]
    if problems:
        return [], problems
    named = {folder: _images(folder) for folder in (blurred, sharp)}
    problems = [
        f"{folder}: holds no images; put {', '.join(SUFFIXES)} files into it" for folder in named if not named[folder]
    ]
    if problems:
        return [], problems
    if not named[blurred].keys() & named[sharp].keys():
        bares = {folder: _renamed(images, roles.bare) for folder, images in named.items()}
        if bares[blurred].keys() & bares[sharp].keys():
            named = bares
        elif _by_numbers(blurred, sharp):
            partner = _neighbours(sorted(named[blurred]), sorted(named[sharp]))
            named[sharp] = _renamed(named[sharp], lambda stem: partner.get(stem, stem))
    problems = [line for images in named.values() for line in _repeated(images.values())]
    common = named[blurred].keys() & named[sharp].keys()
    left = {folder: [images[stem][0] for stem in sorted(images.keys() - common)] for folder, images in named.items()}
    if more_sharp:
        left[sharp] = []
    if len(left[blurred]) == len(left[sharp]) == 1:
        problems.append(
            f"{left[blurred][0]}: has no sharp image of its name, and {left[sharp][0]} no blurred one; "
            "give both the same name if they belong together, else remove them"
        )
    elif not common:
        problems.append(f"{blurred}: shares no file name with {sharp}; give the two images of a pair the same name")
    else:
        problems += [f"{path}: has no sharp image in {sharp}; add it, or remove this file" for path in left[blurred]]
        problems += [f"{path}: has no blurred image in {blurred}; add it, or remove this file" for path in left[sharp]]
    pairs = [
        Pair(prefix + stem, *named[blurred][stem], *named[sharp][stem])
        for stem in sorted(common)
        if len(named[blurred][stem]) == len(named[sharp][stem]) == 1
    ]
    return pairs, problems


def raise_first(problems: Sequence[str], folder: Path) -> None:
    """Raises the first problem, if there is one, as an `InputError` that tells how to see the others."""
    if not problems:
        return
    more = f" (and {len(problems) - 1} more: gandeblur check-data {folder} lists them)" if len(problems) > 1 else ""
    raise InputError(problems[0] + more)


def existing(folder: str | Path) -> Path:
    """The folder as a path.

    Raises:
        InputError: it is missing or no folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        wrong = "is not a folder" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {wrong}; give the folder that holds the images")
    return folder


def _images(folder: Path) -> dict[str, list[File]]:
    """The images below a folder by path without the suffix."""
    named: dict[str, list[File]] = defaultdict(list)
    if folder.suffix.lower() == SUFFIX:
        for image in stored_images(folder):
            named[image.key].append(image)
    else:
        for path in image_files(folder):
            named[path.with_suffix("").as_posix()].append(folder / path)
    return named


def _renamed(named: dict[str, list[File]], rename: Callable[[str], str]) -> dict[str, list[File]]:
    found: dict[str, list[File]] = defaultdict(list)
    for name, files in named.items():
        found[rename(name)] += files
    return found


def _by_numbers(blurred: Path, sharp: Path) -> bool:
    return blurred.name.lower().startswith(("source", "input")) and sharp.name.lower().startswith("target")


def _neighbours(blurred: Sequence[str], sharp: Sequence[str]) -> dict[str, str]:
    """Sharp name -> blurred name, for a camera that took the two pictures of a scene one after the other (DPDD).

    Both lists are in order and of one length, and the k-th numbers of the two are nearer to one another than to any
    other: `1P0A0917` and `1P0A0916`. Else nothing is matched: a missing file would shift all that follow.
    """
    numbers = [[_last_number(name) for name in names] for names in (blurred, sharp)]
    if len(blurred) != len(sharp) or None in numbers[0] + numbers[1]:
        return {}
    ours, theirs = (np.array(values) for values in numbers)
    apart = np.abs(ours[:, None] - theirs)
    own = np.diagonal(apart).copy()
    np.fill_diagonal(apart, np.iinfo(apart.dtype).max)
    if len(own) > 1 and (own >= np.minimum(apart.min(0), apart.min(1))).any():
        return {}
    return dict(zip(sharp, blurred, strict=True))


def _last_number(name: str) -> int | None:
    numbers = re.findall(r"\d+", name)
    return int(numbers[-1]) if numbers else None


def _repeated(groups: Iterable[Sequence[File]]) -> list[str]:
    """One line for each group of files that share a name but for the suffix."""
    return [
        f"{paths[0]}: has the name of {', '.join(path.name for path in paths[1:])} too; keep one of them"
        for paths in groups
        if len(paths) > 1
    ]
