"""Which folders hold blurred images and which the sharp ones, by their names in data sets as they are downloaded."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from gandeblur.names import left_by_system

SPLITS = ("train", "validation", "val", "valid", "test")

# Folder of blurred images -> folders of their sharp ones, in lower case. Of a name that goes on (`blur_gamma`,
# `blur_300`, `input_crops`) the partner may go on alike.
_TRUTHS = ("ground_truth", "groundtruth")
PARTNERS = {
    "blur": ("sharp", "gt", *_TRUTHS),  # GoPro, BSD; RealBlur
    "blurry": ("sharp", "gt", *_TRUTHS),
    "blurred": ("sharp", "gt", *_TRUTHS),
    "input": ("target", "gt", *_TRUTHS),  # as MPRNet's and Restormer's authors arrange GoPro, HIDE and RealBlur
    "inputc": ("target",),  # DPDD as Restormer's authors arrange it: both views together, the left, the right
    "inputl": ("target",),
    "inputr": ("target",),
    "lq": ("gt", "hq", "sharp"),
    "low": ("label", "gt", "high"),
    "source": ("target",),  # DPDD as its authors zip it
}
_ALONE = ("blur", "blur_gamma")  # pairs by their names, even where the sharp ones are missing
_SHARP = {"sharp", "gt", "target", "label", "hq", "high", *_TRUTHS}
_SPLIT = re.compile(rf"({'|'.join(SPLITS)})[_-](.+)")
_TOKEN = rf"(?:{'|'.join(sorted({*PARTNERS, *_SHARP}, key=len, reverse=True))})"
_IN_NAME = re.compile(rf"(?:(?<=/)|^){_TOKEN}[_-]|[_-]{_TOKEN}$", re.IGNORECASE)

Partners = Mapping[str, tuple[Path, Path]]  # variant -> folder of the blurred images, folder of the sharp ones


def visible_folders(folder: Path) -> list[Path]:
    """The sub-folders of a folder, without folders that systems left."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not left_by_system(Path(path.name)))


def partners_in(folder: Path, folders: Iterable[Path]) -> Mapping[str | None, Partners]:
    """The pairs of folders among the sub-folders of a folder.

    Args:
        folder: the folder.
        folders: its sub-folders.

    Returns:
        split -> variant -> folders. The split begins the names (`train_blur`); None where none does. The variant is the
        rest of the blurred folder's name, without `.lmdb`.
    """
    named = {_plain(path): path for path in folders}
    found: dict[str | None, dict[str, tuple[Path, Path]]] = {}
    for name, blurred in named.items():
        start = _SPLIT.fullmatch(name)
        split, rest = start.groups() if start else (None, name)
        sharp = next((named[one] for one in _partners(name, rest) if one in named), None)
        if blurred.name == "A":  # beside B, in this case: else they are the first folders of an alphabet
            sharp = next((path for path in named.values() if path.name == "B"), None)
        if sharp is None and name in _ALONE:
            sharp = folder / "sharp"
        if sharp is not None:
            variant = blurred.name.removesuffix(".lmdb")[len(name) - len(rest) :]
            found.setdefault(split, {})[variant] = (_inner(blurred), _inner(sharp))
    return found


def is_sharp(folder: Path) -> bool:
    """Whether a folder's name says that it holds sharp images: `sharp`, `gt`, `train_sharp`, `target.lmdb`."""
    name = _plain(folder)
    start = _SPLIT.fullmatch(name)
    return (start[2] if start else name) in _SHARP


def is_blurred(folder: Path) -> bool:
    """Whether a folder's name says that it holds blurred images, whatever lies beside it."""
    return "blur" in folder.name.lower() or _plain(folder) in ("lq", "inputc", "inputl", "inputr")


def bare(name: str) -> str:
    """A name without the part that tells blurred from sharp: "scene001/1" of "scene001/blur_1" and "scene001/gt_1"."""
    return _IN_NAME.sub("", name)


def _partners(name: str, rest: str) -> list[str]:
    """The names that the folder of the sharp images may have, the most telling first."""
    before = name[: len(name) - len(rest)]
    for role, sharps in PARTNERS.items():
        after = rest.removeprefix(role)
        if rest.startswith(role) and (not after or after[0] in "_- "):
            return [before + sharp + tail for sharp in sharps for tail in dict.fromkeys((after, ""))]
    return []


def _plain(folder: Path) -> str:
    return folder.name.lower().removesuffix(".lmdb")


def _inner(folder: Path) -> Path:
    """BSD keeps its images in `Blur/RGB`, the camera's own beside them in `Blur/Raw`."""
    return folder / "RGB" if (folder / "RGB").is_dir() else folder
