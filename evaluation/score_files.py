"""Scores restored image files against sharp ones: `gandeblur score`."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from gandeblur.data.datasets import File, Pair, PairSet
from gandeblur.data.datasets.find import choose, look
from gandeblur.data.images import SUFFIXES, read_image
from gandeblur.errors import InputError
from gandeblur.evaluation import metrics, scoring
from gandeblur.evaluation.results import SetScores
from gandeblur.names import search, shown

PROTOCOLS = {one.name: one for one in metrics.PROTOCOLS}
_NAMED = 20  # of the images that are missing

Read = Callable[[Path], np.ndarray]

COLUMNS = {  # metric -> head, digits
    "psnr_db": ("PSNR dB", 2),
    "ssim": ("SSIM", 4),
    "grid_2px_db": ("2 px\ngrid dB", 1),
    "grid_4px_db": ("4 px\ngrid dB", 1),
    "gradient_energy": ("gradient\nenergy", 2),
    "feature_distance": ("feature\ndistance", 3),
}


def score_files(
    restored: Path,
    sharp: Path | None,
    protocol: str,
    csv: Path | None = None,
    *,
    features: Callable[[np.ndarray, np.ndarray], float] | None = None,
    partial: bool = False,
    read: Read = read_image,
    kinds: Sequence[str] = SUFFIXES,
    **choices: Any,
) -> SetScores:
    """Scores each restored file against the sharp file of its name, prints the table, and writes the scores to `csv`.

    Args:
        restored: image file, or folder with such. A folder of pairs (`data.datasets.find`) alone, or given twice, is
            scored as it is: its blurred images.
        sharp: the same; names may differ in their suffix. Or a folder of pairs: its sharp images, under the names of
            the pairs, or of the blurred files, as `gandeblur restore` of that folder keeps them.
        protocol: name of one of `PROTOCOLS`.
        csv: file to write, see `scoring.write_csv`; None: none.
        features: see `scoring.score_set`; None: that distance is left out.
        partial: whether sharp images may lack a restored one.
        read: file -> uint8 `[H, W, 3]`.
        kinds: suffixes of the files that are taken from a folder.
        choices: `variant` and `split`, of a folder of pairs.

    Returns:
        What `scoring.score_set` returns, with one method, "restored".

    Raises:
        InputError: a file is missing, no image, or has no partner of its size.
    """
    if sharp is None and restored.is_file():
        raise InputError(f"{restored}: is one file; give the sharp one, too")
    pairs = _matched(restored, sharp or restored, partial, kinds, choices)
    scores = scoring.score_set(
        {"restored": lambda image: image}, _read(pairs, read), PROTOCOLS[protocol], features=features
    )
    means = {metric: summary["mean"] for metric, summary in scores["methods"]["restored"].items()}
    table = Table(title=str(PROTOCOLS[protocol]).split(":")[0])
    table.add_column("image", overflow="fold")
    for metric in means:
        table.add_column(COLUMNS[metric][0], justify="right", no_wrap=True)
    for image in scores["images"]:
        table.add_row(shown(image["name"]), *_cells(image["scores"]["restored"]))
    table.add_section()
    table.add_row(f"mean of {len(scores['images'])}", *_cells(means))
    Console(markup=False, emoji=False).print(table)
    _tell_identical(scores)
    if csv:
        scoring.write_csv({restored.name: scores}, csv)
    return scores


def _cells(scores):
    return ["-" if value is None else f"{value:.{COLUMNS[metric][1]}f}" for metric, value in scores.items()]


def _matched(
    restored: Path, sharp: Path, partial: bool, kinds: Sequence[str], choices: Mapping[str, Any]
) -> dict[str, tuple[File, File]]:
    """Name -> (restored, sharp) of what is scored."""
    for path in (restored, sharp):
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; check its name")
    if restored.is_dir() != sharp.is_dir():
        raise InputError(f"{sharp}: give two files, or two folders")
    if not restored.is_dir():
        return {restored.stem: (restored, sharp)}  # two files may be named as they like
    one_folder = restored.resolve() == sharp.resolve()
    pairs = _pairs(sharp, choices)
    if one_folder and pairs:
        print(f"{shown(sharp)}: pairs; its blurred images are scored, as they are", file=sys.stderr)
        return {pair.name: (pair.blurred, pair.sharp) for pair in pairs}
    if one_folder:
        print(f"{shown(sharp)}: is given twice; every image is scored against itself", file=sys.stderr)
    ours = _files(restored, kinds)
    theirs: dict[str, File] = dict(_files(sharp, kinds)) if pairs is None else {}
    for pair in pairs or ():
        own = (
            pair.blurred.relative_to(sharp).with_suffix("").as_posix() if isinstance(pair.blurred, Path) else pair.name
        )
        theirs[own if own in ours else pair.name] = pair.sharp
        if isinstance(pair.sharp, Path) and own in ours:  # a restored copy of the sharp image is no result
            ours.pop(pair.sharp.relative_to(sharp).with_suffix("").as_posix(), None)
    strange = [name for name in ours if name not in theirs]
    if strange:
        raise InputError(f"{ours[strange[0]]}: has no sharp image of its name in {sharp}; remove it, or add that")
    missing = [f"{name}{getattr(file, 'suffix', '')}" for name, file in theirs.items() if name not in ours]
    if missing:
        line = f"{len(missing)} of {len(theirs)} sharp images have no restored one: {', '.join(missing[:_NAMED])}"
        line += f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        if not partial:
            raise InputError(f"{restored}: {line}; restore them, or score the others by --partial")
        print(shown(f"{restored}: {line}; the mean is of the others"), file=sys.stderr)
    return {name: (path, theirs[name]) for name, path in ours.items()}


def _pairs(folder: Path, choices: Mapping[str, Any]) -> list[Pair] | None:
    """The pairs of a folder, None if it holds sharp images alone or names that nobody knows."""
    try:
        contents = look(folder)
    except InputError:
        return None
    if contents.kind != "pairs of files":
        return None
    split = choose(folder, "--split", choices.get("split"), tuple(contents.choices))
    variant = choose(folder, "--blurred", choices.get("variant"), contents.choices[split])
    images, problems = contents.read(split, variant)
    if problems:
        raise InputError(problems[0])
    return [pair for pair in images.pairs if isinstance(pair, Pair)] if isinstance(images, PairSet) else None


def _read(pairs: dict[str, tuple[File, File]], read: Read) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, restored, sharp) of each pair of files."""
    for name, files in pairs.items():
        image, truth = (read(file) if isinstance(file, Path) else file.read() for file in files)
        if image.shape != truth.shape:
            sizes = [f"{one.shape[1]}x{one.shape[0]}" for one in (image, truth)]
            raise InputError(f"{files[0]}: is {sizes[0]}, {files[1]} {sizes[1]}; scores need images of one size")
        yield name, image, truth


def _tell_identical(scores: SetScores) -> None:
    """An image restored exactly has an infinite PSNR, and then so has the mean."""
    values = [image["scores"]["restored"]["psnr_db"] for image in scores["images"]]
    finite = [value for value in values if np.isfinite(value)]
    if len(finite) == len(values):
        return
    same = [image["name"] for image in scores["images"] if not np.isfinite(image["scores"]["restored"]["psnr_db"])]
    others = f"; the mean of the other {len(finite)} is {np.mean(finite):.2f} dB" if finite else ""
    named = ", ".join(same[:_NAMED]) + (f" and {len(same) - _NAMED} more" if len(same) > _NAMED else "")
    line = (
        f"identical to the sharp image, so that PSNR and its mean are infinite: {len(same)} of {len(values)} ({named})"
    )
    print(shown(line + others), file=sys.stderr)


def _files(path: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """Name without suffix -> file, of the images below a folder."""
    found: dict[str, Path] = {}
    copies = path / "compare" if (path / "compare.html").exists() else None  # of `restore --compare`'s page
    files, closed, _ = search(path)
    if closed:
        raise InputError(f"{closed[0]}: cannot be listed; allow it, or move the folder elsewhere")
    for file in files:
        if file.suffix.lower() in kinds and file.parent != copies:
            name = file.relative_to(path).with_suffix("").as_posix()
            if name in found:
                raise InputError(f"{file}: has the name of {found[name]} but for the suffix; remove one")
            found[name] = file
    if not found:
        raise InputError(f"{path}: holds no image ({', '.join(kinds)}); name another folder")
    return found
