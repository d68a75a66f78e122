"""Scores restored image files against sharp ones: `gandeblur score`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from gandeblur.data.images import SUFFIXES, read_image
from gandeblur.errors import InputError
from gandeblur.evaluation import metrics, scoring

PROTOCOLS = {one.name: one for one in (metrics.RGB, metrics.RGB_SKIMAGE, metrics.RGB_MATLAB, metrics.Y)}

COLUMNS = {  # metric -> head, digits
    "psnr_db": ("PSNR dB", 2),
    "ssim": ("SSIM", 4),
    "grid_2px_db": ("2 px grid dB", 1),
    "grid_4px_db": ("4 px grid dB", 1),
    "gradient_energy": ("gradient energy", 2),
    "feature_distance": ("feature distance", 3),
}


def score_files(
    restored: Path,
    sharp: Path,
    protocol: str,
    csv: Path | None = None,
    features: Callable[[np.ndarray, np.ndarray], float] | None = None,
) -> dict:
    """Scores each restored file against the sharp file of its name, prints the table, and writes the scores to `csv`.

    Args:
        restored: image file, or folder with such.
        sharp: the same; names may differ in their suffix.
        protocol: name of one of `PROTOCOLS`.
        csv: file to write, see `scoring.write_csv`; None: none.
        features: see `features.FeatureDistance`; None: that distance is left out.

    Returns:
        What `scoring.score_set` returns, with one method, "restored".

    Raises:
        InputError: a file is missing, no image, or has no partner of its size.
    """
    scores = scoring.score_set(
        {"restored": lambda image: image}, _pairs(restored, sharp), PROTOCOLS[protocol], features=features
    )
    means = {metric: summary["mean"] for metric, summary in scores["methods"]["restored"].items()}
    table = Table("image", *(COLUMNS[metric][0] for metric in means), title=str(PROTOCOLS[protocol]).split(":")[0])
    for image in scores["images"]:
        table.add_row(image["name"], *_cells(image["scores"]["restored"]))
    table.add_section()
    table.add_row(f"mean of {len(scores['images'])}", *_cells(means))
    Console().print(table)
    if csv:
        scoring.write_csv({restored.name: scores}, csv)
    return scores


def _cells(scores):
    return ["-" if value is None else f"{value:.{COLUMNS[metric][1]}f}" for metric, value in scores.items()]


def _pairs(restored: Path, sharp: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, restored, sharp) of each pair of files."""
    ours, theirs = _files(restored), _files(sharp)
    if restored.is_dir() != sharp.is_dir():
        raise InputError(f"{sharp}: give two files, or two folders")
    if not restored.is_dir():
        theirs = dict(zip(ours, theirs.values(), strict=True))  # two files may be named as they like
    for name, path in ours.items():
        if name not in theirs:
            raise InputError(f"{path}: has no sharp image of its name in {sharp}; remove it, or add that")
        image, truth = read_image(path), read_image(theirs[name])
        if image.shape != truth.shape:
            sizes = [f"{one.shape[1]}x{one.shape[0]}" for one in (image, truth)]
            raise InputError(f"{path}: is {sizes[0]}, {theirs[name]} {sizes[1]}; scores need images of one size")
        yield name, image, truth


def _files(path: Path) -> dict[str, Path]:
    """Name without suffix -> file."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; check its name")
    if not path.is_dir():
        return {path.stem: path}
    found: dict[str, Path] = {}
    copies = path / "compare" if (path / "compare.html").exists() else None  # of `restore --compare`'s page
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in SUFFIXES and file.parent != copies:
            name = str(file.relative_to(path).with_suffix(""))
            if name in found:
                raise InputError(f"{file}: has the name of {found[name]} but for the suffix; remove one")
            found[name] = file
    if not found:
        raise InputError(f"{path}: holds no image ({', '.join(SUFFIXES)}); name another folder")
    return found
