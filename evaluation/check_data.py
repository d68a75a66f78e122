"""What a folder of images holds, how blurred it is, and everything that is wrong with it (`gandeblur check-data`)."""

import io
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from gandeblur.data.datasets import File, ImageSet, PairSet, SideBySide
from gandeblur.data.datasets.find import Images, choose, look
from gandeblur.data.images import png_bits, read_image
from gandeblur.errors import InputError
from gandeblur.names import shown

_SCORES = ("psnr_db", "ssim")
_SSIM_WINDOW_PX = 11
_FEW_SEQUENCES = 12  # are listed one by one
_EXCHANGED_RATIO = 1.1  # of the edges' energies, see `edge_ratio`
_GREY = ("1", "L", "LA", "I", "I;16")  # Pillow's modes


@dataclass(frozen=True)
class Item:
    """One image or pair: what was found when it was read."""

    name: str
    size: tuple[int, int] | None = None  # (height, width) in pixels; None if it cannot be read
    formats: tuple[str, ...] = ()  # of its files: "RGB 8 bit"
    psnr_db: float | None = None  # of the blurred image; None for sharp images
    ssim: float | None = None
    exchanged: bool = False  # whether the blurred image looks sharper than the sharp one
    problems: tuple[str, ...] = ()

    @property
    def sequence(self) -> str:
        return self.name.rpartition("/")[0]


@dataclass(frozen=True)
class Part:
    """One variant of one split."""

    name: str  # the set's: "GOPRO_Large/test/blur"
    has_pairs: bool
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Report:
    """The findings of `check_data`."""

    kind: str  # of the folder, in words
    parts: tuple[Part, ...]
    problems: tuple[str, ...]  # one line each


def main(folder: str | Path, **choices: Any) -> int:
    """Checks a folder and prints the report; returns the exit status, 1 if anything is wrong."""
    report = check_data(folder, **choices)
    print_report(folder, report)
    return int(bool(report.problems))


def check_data(
    folder: str | Path,
    *,
    variant: str | None = None,
    split: str | None = None,
    layout: str | None = None,
    pairs: Path | None = None,
) -> Report:
    """Reads every file of a folder of images or pairs, and scores each blurred image against its sharp one.

    Problems are all errors at which the data set's readers stop, blurred images that equal the sharp one, and blurred
    images that look exchanged with it.

    Args:
        folder: see `data.datasets.find`.
        variant: the only blurred images to check; all if left out.
        split: the only split to check; all if left out.
        layout: "side_by_side", or None.
        pairs: a list of pairs, see `data.datasets.listed`.
    """
    parts, problems = [], []
    try:
        contents = look(folder, layout, pairs)
        chosen = [
            (name, kind)
            for name in _chosen(folder, "--split", split, tuple(contents.choices))
            for kind in _chosen(folder, "--blurred", variant, contents.choices[name])
        ]
        for name, kind in chosen:
            images, wrong = contents.read(name, kind)
            items = tuple(_examine_all(images))
            parts.append(Part(images.name, images.has_pairs, items))
            problems += wrong + [line for item in items for line in item.problems] + _exchanged(images, items)
    except InputError as error:  # of the folder as a whole, or the choice
        problems.append(str(error))
    kind = contents.kind if parts else "nothing to check"
    # The sharp files of two variants are the same.
    return Report(kind, tuple(parts), tuple(dict.fromkeys(problems)))


def print_report(folder: str | Path, report: Report) -> None:
    """Prints the folder's kind, a table of its parts, and the problems."""
    print(f"{shown(folder)}: {report.kind}")
    if report.parts:
        paired = any(part.has_pairs for part in report.parts)
        Console(markup=False, emoji=False).print(_table(report.parts, paired))
        if paired:
            from gandeblur.evaluation import metrics

            print(f"PSNR and SSIM of the blurred images, means over images. {metrics.RGB}.")
    for line in report.problems:
        print(shown(line))
    count = len(report.problems)
    print("no problems found" if not count else f"{count} problem{'s' * (count > 1)} found")


def _chosen(folder: str | Path, flag: str, asked: str | None, there: Sequence[str | None]) -> Sequence[str | None]:
    return (choose(folder, flag, asked, there),) if asked else there


def _examine_all(images: Images) -> Iterable[Item]:
    # No more threads than CPUs: SSIM takes many times the memory of its images.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from track(
            pool.map(partial(_examine, images), range(len(images))),
            "checking",
            total=len(images),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )


def _examine(images: Images, index: int) -> Item:
    name, files = images.names[index], _files(images, index)
    try:
        pixels = images.read(index)
    except InputError as error:
        # A reader stops at the first file that is wrong; the other one may be wrong, too.
        problems = [str(error)] + [line for path in files for line in _unreadable(path)]
        return Item(name, problems=tuple(dict.fromkeys(problems)))
    size = pixels.shape[1:3]
    formats = tuple(_format(path) for path in files) or ("RGB 8 bit",)
    if not images.has_pairs:
        return Item(name, size, formats)
    where = images.where(index)
    if min(size) < _SSIM_WINDOW_PX:
        least = f"{_SSIM_WINDOW_PX}x{_SSIM_WINDOW_PX}"
        problem = f"{where}: is {size[1]}x{size[0]}, smaller than the {least} window of SSIM; remove it"
        return Item(name, size, formats, problems=(problem,))
    blurred, sharp = pixels
    identical: tuple[str, ...] = ()
    if np.array_equal(blurred, sharp):
        identical = (f"{where}: is identical to its sharp image; replace it by the blurred one, or remove the pair",)
    from gandeblur.evaluation import metrics  # here: scikit-image's take half a second to import

    psnr_db, ssim = (score(blurred, sharp, metrics.RGB) for score in (metrics.psnr_db, metrics.ssim))
    return Item(name, size, formats, psnr_db, ssim, edge_ratio(blurred, sharp) > _EXCHANGED_RATIO, identical)


def edge_ratio(blurred: np.ndarray, sharp: np.ndarray) -> float:
    """The energy of the blurred image's edges over that of the sharp one's: below 1 for blur, above 1 for sharpening.

    Edges are differences of neighbouring pixels. Noise is taken off by its robust estimate from diagonal differences
    (Donoho and Johnstone 1994, eq. 5.4), and contrast by the variance of means over 8x8 pixels. On 96 real pairs
    (GoPro, REDS, DAVIS) blurred images had at most 0.86, exchanged ones at least 1.16.

    Args:
        blurred, sharp: uint8 `[H, W, 3]`, at least 8x8.

    Returns:
        1 where the edges of one of the two are all noise.
    """

    def relative_energy(image: np.ndarray) -> float:
        pixels = image.astype(np.float64)
        quads = pixels[: len(pixels) // 2 * 2, : pixels.shape[1] // 2 * 2]
        diagonal = (quads[::2, ::2] - quads[1::2, ::2] - quads[::2, 1::2] + quads[1::2, 1::2]) / 2
        noise = np.median(np.abs(diagonal)) / 0.6745
        total = sum((np.diff(pixels, axis=axis) ** 2).mean() for axis in (0, 1))
        energy = total - 4 * noise**2
        rows, columns = len(pixels) // 8, pixels.shape[1] // 8
        coarse = pixels[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8, 3).mean((1, 3))
        return float(energy / max(coarse.var(), 1e-9)) if energy > total / 10 else 0.0

    ours, theirs = relative_energy(blurred), relative_energy(sharp)
    return ours / theirs if ours and theirs else 1.0


def _exchanged(images: Images, items: Sequence[Item]) -> list[str]:
    """Where blurred and sharp look exchanged: one line if that is so of most pairs."""
    wrong = [index for index, item in enumerate(items) if item.exchanged]
    scored = sum(item.psnr_db is not None for item in items)
    if len(wrong) > 1 and 2 * len(wrong) > scored:
        return [
            f"{images.where(wrong[0])}: looks sharper than its sharp image, as do {len(wrong)} of {scored} in "
            f"{images.name}; the folders of blurred and sharp ones look exchanged, swap them"
        ]
    return [
        f"{images.where(index)}: looks sharper than its sharp image; the two look exchanged, swap them"
        for index in wrong
    ]


def _files(images: Images, index: int) -> tuple[File, ...]:
    """The files of an image or pair, the blurred one first; none if it is packed."""
    if isinstance(images, ImageSet):
        return (images.paths[index],)
    if isinstance(images, PairSet):
        pair = images.pairs[index]
        return (pair.path,) if isinstance(pair, SideBySide) else (pair.blurred, pair.sharp)
    return ()


def _unreadable(path: File) -> list[str]:
    try:
        read_image(path) if isinstance(path, Path) else path.read()
    except InputError as error:
        return [str(error)]
    return []


def _format(path: File) -> str:
    """Colours and bits per channel as stored: "RGB 8 bit", "grey 16 bit"."""
    with open(path, "rb") if isinstance(path, Path) else io.BytesIO(path.content()) as file:
        header = file.read(25)
        file.seek(0)
        with Image.open(file) as image:
            colours = {"P": "palette", **dict.fromkeys(_GREY, "grey")}.get(image.mode, image.mode)
    return f"{colours} {16 if png_bits(header) == 16 else 8} bit"  # of the formats read here only PNG has 16


def _table(parts: Sequence[Part], paired: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("set", overflow="fold")
    for column in ("pairs" if paired else "images", "size", "stored as", *(("PSNR dB", "SSIM") if paired else ())):
        table.add_column(column, justify="right", no_wrap=True)
    for part in parts:
        sequences = {item.sequence: None for item in part.items}
        count = f" ({len(sequences)} sequence{'s' * (len(sequences) > 1)})" if any(sequences) else ""
        table.add_row(*_row(shown(part.name) + count, part.items, paired))
        if paired and 1 < len(sequences) <= _FEW_SEQUENCES:
            for sequence in sequences:
                table.add_row(*_row(f"  {shown(sequence)}", [i for i in part.items if i.sequence == sequence], paired))
    return table


def _row(name: str, items: Sequence[Item], paired: bool) -> list[str]:
    sizes = Counter(f"{item.size[1]}x{item.size[0]}" for item in items if item.size)
    formats = Counter(stored for item in items for stored in item.formats)
    scored = [item for item in items if item.psnr_db is not None]
    means = [np.mean([getattr(item, metric) for item in scored]) for metric in _SCORES] if scored else []
    return [
        name,
        str(len(items)),
        _counted(sizes),
        _counted(formats),
        *(([f"{means[0]:.2f}", f"{means[1]:.4f}"] if means else ["-", "-"]) * paired),
    ]


def _counted(counts: Counter) -> str:
    """The most frequent value, and how many others there are."""
    if not counts:
        return ""
    (most, _), *others = counts.most_common()
    return most + (f" (and {len(others)} other{'s' * (len(others) > 1)})" if others else "")
