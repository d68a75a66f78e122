"""The layout of GoPro (Nah et al. 2017), and how GoPro and its kin are arranged, zipped and flattened by others.

    ROOT/{train,validation,val,valid,test}/<sequence>/{blur,blur_gamma,sharp}/NNNNNN.png

The split's folder, the sequence's folder, or both, may be left out. The folders of images may have the other names that
`roles` knows (`input` and `target`). The split may begin their names (`train_blur`), and sequences may lie below them
(REDS). HIDE has one folder `GT` for all of its blurred images. docs/data.md draws the trees.

`blur` is the mean of the frames' stored values, as if the camera's response were linear; `blur_gamma`, the paper's own,
the mean of light under a response of gamma 2.2. Scores on the two differ, so a set's name always ends with its variant.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gandeblur.data.datasets import PairSet, roles
from gandeblur.data.datasets.folder import image_files
from gandeblur.data.datasets.pairs import existing, match
from gandeblur.data.datasets.roles import SPLITS
from gandeblur.errors import InputError

_VIEW = re.compile(rf"({'|'.join(SPLITS)})_([clr])")  # DPDD: both views together, the left, the right


@dataclass(frozen=True)
class Place:
    """A folder that holds folders of blurred and of sharp images."""

    path: Path
    partners: roles.Partners
    more_sharp: bool = False  # whether the sharp images of other places are among its own


Layout = dict[str | None, dict[str, Place]]


def layout(root: str | Path) -> Layout:
    """Which folders below `root` hold pairs.

    Returns:
        split -> sequence -> folder with `blur` and so on, sorted. The split is None, the sequence "", where there is
        no such level. Empty if nothing below `root` looks like pairs.

    Raises:
        InputError: no such folder, or pairs at another depth, or only some of them within a split.
    """
    root = existing(root)
    places = list(_places(root))
    if not any(place.partners for _, place in places):
        return {}
    found: Layout = defaultdict(dict)
    for said, place in places:
        parts = place.path.relative_to(root).parts
        view = _VIEW.fullmatch(parts[-1]) if parts else None
        above = parts[0] if parts and parts[0] in SPLITS else None
        split = said or (view and view[1]) or above
        sequence = parts[above is not None : len(parts) - (view is not None)]
        if len(sequence) > 1:
            raise InputError(f"{place.path}: holds pairs, too far below {root}; give {_root_of(place.path)} instead")
        name = "".join(sequence)
        if view:
            views = {f"{variant}_{view[2]}": folders for variant, folders in place.partners.items()}
            other = found[split].get(name)
            place = Place(place.path.parent, {**(other.partners if other else {}), **views})
        found[split][name] = place
    if None in found and len(found) > 1:
        outside = next(iter(found.pop(None).values())).path
        splits = ", ".join(filter(None, found))
        raise InputError(f"{outside}: holds pairs outside of {splits}; move it into one of them")
    return {split: found[split] for split in (None, *SPLITS) if split in found}


def variants(sequences: dict[str, Place]) -> tuple[str, ...]:
    """The variants that the sequences of a split hold, each in at least one of them; `blur` before `blur_gamma`."""
    return tuple(sorted({variant for place in sequences.values() for variant in place.partners}))


def collect(root: Path, found: Layout, split: str | None, variant: str) -> tuple[PairSet, list[str]]:
    """The pairs of a split, and everything that is wrong with their folders and names, one line each.

    Args:
        root, split, variant: see `gopro`.
        found: `layout(root)`.

    Raises:
        InputError: no such split or variant.
    """
    if split not in found:
        raise InputError(f"{root}: {_no_split(found, split)}")
    held = variants(found[split])
    if held and variant not in held:
        raise InputError(f"{root / (split or '')}: holds no folder {variant}; choose {' or '.join(held)}")
    problems = [
        f"{place.path}: is a sequence of {other}, too; remove one of the two, or rename it if it shows another scene"
        for sequence, place in found[split].items()
        for other in found
        if other != split and sequence and sequence in found[other]
    ]
    pairs = []
    for sequence, place in found[split].items():
        if variant in place.partners:
            prefix = f"{sequence}/" if sequence else ""
            matched, wrong = match(*place.partners[variant], prefix, place.more_sharp)
            pairs += matched
            problems += wrong
        else:
            there = " and ".join(place.partners) or "sharp"
            problems.append(f"{place.path / variant}: no such folder, only {there}; add it, or remove {place.path}")
    own = root.resolve().name
    name = "/".join(filter(None, (own, split if split != own else None, variant)))
    return PairSet(name, variant, tuple(pairs)), problems


def _no_split(found: Layout, split: str | None) -> str:
    if not found:
        return "holds no folders called blur and sharp; give the folder of a data set in GoPro's layout"
    if None in found:
        return f"has no split {split}; leave out the split"
    return f"has no split {split}; choose {' or '.join(filter(None, found))}"


def _places(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[tuple[str | None, Place]]:
    """The folders at and below `folder` that hold pairs, or one half of pairs, each with the split that it tells of."""
    real = folder.resolve()
    if real in above:  # a link to a folder it lies in
        return
    children = roles.visible_folders(folder)
    found = roles.partners_in(folder, children)
    own = {path for partners in found.values() for folders in partners.values() for path in folders}
    own |= {child for child in children if child.name == "sharp"}
    if found or own:
        yield from ((split, Place(folder, partners)) for split, partners in (found or {None: {}}).items())
    elif hide := list(_hide(children)):
        yield from hide
        return
    for child in children:
        if not any(path.is_relative_to(child) for path in own) and child.suffix != ".lmdb":
            yield from _places(child, (*above, real))


def _hide(children: list[Path]) -> Iterator[tuple[str, Place]]:
    """HIDE as its authors zip it: `train`, `test/test-close-ups` and `test/test-long-shot` beside `GT`, for all."""
    truth = next((child for child in children if child.name.lower() == "gt"), None)
    splits = [child for child in children if truth and child.name in SPLITS]
    folders = {folder: split.name for split in splits for folder in roles.visible_folders(split) or [split]}
    names = {folder: {path.name for path in image_files(folder)} for folder in (*folders, *filter(None, [truth]))}
    if truth and any(names[folder] & names[truth] for folder in folders):
        for folder, split in folders.items():
            yield split, Place(folder, {"blur": (folder, truth)}, more_sharp=True)


def _root_of(place: Path) -> Path:
    """The folder that would be the root of the data set with this place."""
    if place.name in SPLITS:
        return place.parent
    return place.parent.parent if place.parent.name in SPLITS else place.parent
