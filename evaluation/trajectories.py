"""Scores on Köhler et al.'s benchmark (ECCV 2012): `gandeblur score RESTORED FRAMES --trajectories`.

Each blurred picture was taken by a camera on a robot that repeats a recorded shake; the truth is some 200 sharp frames
along the shake. The restored picture is scored against each of them, and the best score counts. Before that, as in the
authors' evaluation (`eval_image.m`): the picture z is scaled by the one factor that brings it nearest to the frame x,
sum(x z) / sum(z z), and moved by the whole number of pixels at which the two correlate most; where it then has no
pixels, the frame has none either (both are 0 there). Both become luma, 0.299 R + 0.587 G + 0.114 B.
"""

import csv as csv_files
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from gandeblur.data.images import SUFFIXES, read_image
from gandeblur.errors import InputError
from gandeblur.files import replacing
from gandeblur.names import ESCAPED, search, shown

PROTOCOL = "koehler: PSNR and SSIM of luma, scaled and aligned, the best over the frames of the trajectory"
_LUMA = np.array([0.299, 0.587, 0.114])

Read = Callable[[Path], np.ndarray]


def aligned(restored: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Luma, float64 `[H, W]` on 0..255, of a restored picture that is scaled and moved, and of the frame.

    Args:
        restored: uint8 `[H, W, 3]`.
        frame: uint8 `[H, W, 3]`, sharp.
    """
    from skimage.registration import phase_cross_correlation  # here: it takes half a second

    z, x = restored.astype(np.float64), frame.astype(np.float64)
    z *= np.sum(x * z) / max(np.sum(z * z), np.finfo(np.float64).tiny)
    shift, _, _ = phase_cross_correlation(x.mean(axis=-1), z.mean(axis=-1), normalization=None)
    down, right = (round(float(pixels)) for pixels in shift)
    moved, there = _moved(z @ _LUMA, down, right), _moved(np.ones(x.shape[:2]), down, right)
    return moved, (x @ _LUMA) * there


def _moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """The image `[H, W]`, moved; zeros come in."""
    height, width = image.shape
    moved = np.zeros_like(image)
    moved[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = image[
        max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)
    ]
    return moved


def score(restored: np.ndarray, frames: Iterable[np.ndarray]) -> tuple[float, float]:
    """The best PSNR (dB) and the best SSIM of a restored picture over the frames, each its own frame's.

    SSIM's window is the Gaussian of 11x11 and sigma 1.5, its data range 255.
    """
    from skimage.metrics import structural_similarity

    best_psnr, best_ssim = -np.inf, -np.inf
    for frame in frames:
        ours, truth = aligned(restored, frame)
        error = np.mean((ours - truth) ** 2)
        with np.errstate(divide="ignore"):  # the same image
            best_psnr = max(best_psnr, float(10 * np.log10(255**2 / error)))
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        best_ssim = max(best_ssim, float(structural_similarity(ours, truth, data_range=255, **options)))
    return best_psnr, best_ssim


def score_trajectories(
    restored: Path, frames: Path, csv: Path | None = None, *, read: Read = read_image
) -> dict[str, tuple[float, float]]:
    """Scores each restored file against the frames of its picture and shake, and prints the table.

    Args:
        restored: folder; names end in the numbers of picture and shake, as `Blurry1_8.png`.
        frames: folder, its sub-folders included; names end in picture, shake and frame, as `GroundTruth1_8_30.png`.
        csv: file to write: image, frames, psnr_db, ssim, protocol; None: none.
        read: file -> uint8 `[H, W, 3]`.

    Returns:
        Name -> (PSNR in dB, SSIM).

    Raises:
        InputError: a folder is missing or empty, a name has no such numbers, a picture has no frames, or another size.
    """
    known: dict[tuple[int, ...], list[Path]] = {}
    for path in _images(frames):
        known.setdefault(_numbers(path, 3)[:2], []).append(path)
    pictures = _images(restored)
    for path in pictures:
        if _numbers(path, 2) not in known:
            picture, shake = _numbers(path, 2)
            raise InputError(f"{path}: {frames} has no frames of its name, as GroundTruth{picture}_{shake}_1.png")
    scores: dict[str, tuple[float, float]] = {}
    console = Console(stderr=True)
    for path in track(pictures, "scoring", console=console, transient=True, disable=not sys.stderr.isatty()):
        own = known[_numbers(path, 2)]
        image = read(path)
        scores[path.stem] = score(image, _of_one_size(path, image.shape, read, own))
    means = tuple(np.mean(list(scores.values()), axis=0))
    table = Table("image", "frames", "PSNR dB", "SSIM", title=PROTOCOL.partition(":")[0])
    for path in pictures:
        psnr_db, ssim = scores[path.stem]
        table.add_row(shown(path.stem), str(len(known[_numbers(path, 2)])), f"{psnr_db:.2f}", f"{ssim:.4f}")
    table.add_section()
    table.add_row(f"mean of {len(scores)}", "", f"{means[0]:.2f}", f"{means[1]:.4f}")
    Console(markup=False, emoji=False).print(table)
    if csv:
        with replacing(csv) as temporary, temporary.open("w", newline="", encoding="utf-8", errors=ESCAPED) as file:
            writer = csv_files.writer(file)
            writer.writerow(("image", "frames", "psnr_db", "ssim", "protocol"))
            for path in pictures:
                writer.writerow((path.stem, len(known[_numbers(path, 2)]), *scores[path.stem], "koehler"))
    return scores


def _of_one_size(path, shape, read, frames):
    """The frames' pixels, each of the restored picture's size."""
    for frame in frames:
        pixels = read(frame)
        if pixels.shape != shape:
            sizes = [f"{one[1]}x{one[0]}" for one in (shape, pixels.shape)]
            raise InputError(f"{path}: is {sizes[0]}, {frame} {sizes[1]}; scores need images of one size")
        yield pixels


def _numbers(path: Path, count: int) -> tuple[int, ...]:
    """The last numbers of a name."""
    numbers = re.findall(r"\d+", path.stem)[-count:]
    if len(numbers) < count:
        example = "Blurry1_8.png (picture, shake)" if count == 2 else "GroundTruth1_8_30.png (picture, shake, frame)"
        raise InputError(f"{path}: its name lacks numbers; it must be such as {example}")
    return tuple(map(int, numbers))


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; give the folders of restored pictures and of sharp frames")
    files, closed, _ = search(folder)
    if closed:
        raise InputError(f"{closed[0]}: cannot be listed; allow it, or move the folder elsewhere")
    images = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not images:
        raise InputError(f"{folder}: holds no image ({', '.join(SUFFIXES)}); name another folder")
    return sorted(images, key=lambda path: ([int(number) for number in re.findall(r"\d+", path.stem)], str(path)))
