"""Whether folders of images show the same scenes: blurred images must not be taken for sharp photographs."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gandeblur.data.datasets import roles
from gandeblur.data.datasets.folder import image_files
from gandeblur.data.images import read_image, resize
from gandeblur.errors import InputError

_LOOKED_AT = 3  # images that two folders share by name
_FOLDERS = 12  # beside one another, as clips of a film are
_SIDE_PX = 16
_LEAST_CORRELATION = 0.9


def two_of_one_scene(folder: Path, files: Sequence[Path]) -> tuple[Path, Path] | None:
    """Two sub-folders, or two files of one folder, that look like blurred and sharp images of the same scenes.

    Of two folders, alone beside one another, the same names and different images are all it takes. More folders with
    the same names may be clips of a film: a few of their images are compared.

    Args:
        folder: the user's folder.
        files: the images' paths relative to it.

    Returns:
        The two, the blurred one not told from the sharp one; None if there are none.
    """
    named: dict[Path, dict[str, Path]] = defaultdict(dict)
    for file in files:
        name = roles.bare(file.with_suffix("").name)
        other = named[file.parent].setdefault(name, file)
        if other != file and other.stem != file.stem and _alike(folder / other, folder / file):
            return folder / other, folder / file  # a_blur.png, a_sharp.png
    for place, children in _branches(files):
        whole = len(children) == 2 and children[0][1].keys() == children[1][1].keys() and len(children[0][1]) > 1
        children = [(name, _without_lone_folders(images)) for name, images in children]
        for (left, ours), (right, theirs) in itertools.pairwise(children[:_FOLDERS]):
            common = sorted(ours.keys() & theirs.keys())
            if 2 * len(common) < min(len(ours), len(theirs)) or not common:
                continue
            some = common[:: -(-len(common) // _LOOKED_AT)]
            both = [(folder / ours[name], folder / theirs[name]) for name in some]
            equal = all(_equal(*pair) for pair in both)
            if not equal and (whole or all(_alike(*pair) for pair in both)):
                return folder / place / left, folder / place / right
    return None


def blurred_beside_sharp(folder: Path, files: Sequence[Path]) -> Path | None:
    """The folder of sharp images whose blurred ones a folder holds, by the names of both: the folder is one of a pair.

    Args:
        folder: the user's folder, such as `GoPro/train/input` or `HIDE/test/test-close-ups`.
        files: its images' paths relative to it.
    """
    folder = folder.resolve()
    if roles.is_sharp(folder):
        return None
    some = [roles.bare(path.stem) for path in files[:_LOOKED_AT]]
    for above in (folder.parent, folder.parent.parent):
        try:
            truths = [path for path in roles.visible_folders(above) if roles.is_sharp(path) and path != folder.parent]
        except OSError:  # not ours to look into
            continue
        for truth in truths:
            if {roles.bare(path.stem) for path in image_files(truth)}.issuperset(some):
                return truth
    return None


def _branches(files: Sequence[Path]) -> Iterator[tuple[Path, list[tuple[str, dict[str, Path]]]]]:
    """Every folder with its sub-folders: the name of each, and the images in it by name."""
    below: dict[Path, dict[str, dict[str, Path]]] = defaultdict(lambda: defaultdict(dict))
    for file in files:
        parts = file.parts
        for depth in range(len(parts) - 1):
            name = roles.bare(Path(*parts[depth + 1 :]).with_suffix("").as_posix())
            below[Path(*parts[:depth])][parts[depth]][name] = file
    for place, children in below.items():
        if len(children) > 1:
            yield place, sorted(children.items())


def _without_lone_folders(images: dict[str, Path]) -> dict[str, Path]:
    """Images by their names below the sub-folder that holds all of them: `RGB/0` and `RGB/1` as `0` and `1`."""
    while all("/" in name for name in images) and len({name.split("/")[0] for name in images}) == 1:
        images = {name.partition("/")[2]: path for name, path in images.items()}
    return images


def _equal(one: Path, other: Path) -> bool:
    if one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes():
        return True
    first, second = _pixels(one), _pixels(other)
    return first is not None and second is not None and np.array_equal(first, second)


def _alike(one: Path, other: Path) -> bool:
    """Whether two images have one size and show one scene, not the same pixels."""
    first, second = _pixels(one), _pixels(other)
    if first is None or second is None or first.shape != second.shape or np.array_equal(first, second):
        return False
    small = [resize(image, _SIDE_PX, _SIDE_PX).astype(np.float64).mean(-1).ravel() for image in (first, second)]
    if min(values.std() for values in small) < 1:  # flat: nothing to compare
        return abs(small[0].mean() - small[1].mean()) < 8
    return np.corrcoef(small)[0, 1] > _LEAST_CORRELATION


def _pixels(path: Path) -> np.ndarray | None:
    try:
        return read_image(path)
    except InputError:  # said when the set is read
        return None
