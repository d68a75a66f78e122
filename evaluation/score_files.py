"""Scores restored image files against sharp ones: `gandeblur score`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from gandeblur.data.images import SUFFIXES, read_image
from gandeblur.errors import InputError
from gandeblur.evaluation import metrics, scoring

PROTOCOLS = {one.name: one for one in (metrics.RGB, metrics.RGB_SKIMAGE, metrics.RGB_MATLAB, metrics.Y)}


def score_files(restored: Path, sharp: Path, protocol: str, csv: Path | None = None) -> dict:
    """Scores each restored file against the sharp file of its name, prints the table, and writes the scores to `csv`.

    Args:
        restored: image file, or folder with such.
        sharp: the same; names may differ in their suffix.
        protocol: name of one of `PROTOCOLS`.
        csv: file to write, see `scoring.write_csv`; None: none.

    Returns:
        What `scoring.score_set` returns, with one method, "restored".

    Raises:
        InputError: a file is missing, no image, or has no partner of its size.
    """
    scores = scoring.score_set({"restored": lambda image: image}, _pairs(restored, sharp), PROTOCOLS[protocol])
    table = Table("image", "PSNR dB", "SSIM", title=str(PROTOCOLS[protocol]).split(":")[0])
    for image in scores["images"]:
        own = image["scores"]["restored"]
        table.add_row(image["name"], f"{own['psnr_db']:.2f}", f"{own['ssim']:.4f}")
    means = scores["methods"]["restored"]
    table.add_section()
    psnr_db, ssim = (means[metric]["mean"] for metric in metrics.METRICS)
    table.add_row(f"mean of {len(scores['images'])}", f"{psnr_db:.2f}", f"{ssim:.4f}")
    Console().print(table)
    if csv:
        scoring.write_csv({restored.name: scores}, csv)
    return scores


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
