"""Makes the pictures of README.md and docs/: what the networks in weights/ restore, and how those for the eye learned.

    python docs/pictures.py

GAN-D's are the embedded test photographs, degraded as its paper's test images. The cat moved in two ways is blurred as
the photographs of the long trainings, and cut out at full size.
"""

import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import gandeblur
from gandeblur.data.datasets import sample
from gandeblur.data.pipeline import Source
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.experiments.recipes import LIGHT_BLUR
from gandeblur.experiments.spec import Condition
from gandeblur.stages import inputs
from gandeblur.stages.run import choose
from gandeblur.stages.score import pairs

FOLDER = Path(__file__).resolve().parent / "images"
CURVES = FOLDER.parent / "results" / "eye_curves.csv"  # benchmarks/curves.py
GAP_PX = 4
CAT = (slice(40, 296), slice(95, 351))  # rows and columns
CONTROL = "eye_pixels"  # the phase that the others are held against
MOVED = {"hkust": "hkust_gan", "sharingan": "sharingan", "eye": "hkust_gan-eye"}  # name of the picture -> network


def save(name: str, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(FOLDER / f"{name}.png", optimize=True)


def gan_d() -> None:
    """The cat at its size, and all three photographs in rows: degraded, restored, truth, twice as large."""
    settings, restore = choose(EXPERIMENTS["gan_d"]), gandeblur.load("gan_d").restore
    ((_, condition, source),) = inputs.scored(settings, inputs.test_images(settings))
    rows = []
    for name, degraded, sharp in pairs(source, condition):
        shown = {"input": degraded, "gan-d": restore(degraded), "sharp": sharp}
        if name == "chelsea":
            for method, pixels in shown.items():
                save(f"chelsea_{method}", pixels)
        large = [np.kron(pixels, np.ones((2, 2, 1), np.uint8)) for pixels in shown.values()]
        rows.append(_joined(large, axis=1))
    save("gan_d_restored", _joined(rows, axis=0))


def blurred(name: str) -> tuple[np.ndarray, np.ndarray]:
    """An embedded test photograph, blurred along two paths, and as it was."""
    steps = (LIGHT_BLUR,)
    return {name: both for name, *both in pairs(Source(sample.test(), steps), Condition(steps, None))}[name]


def moved() -> None:
    """The cat, restored by each of `MOVED`."""
    moved, sharp = blurred("chelsea")
    shown = {"input": moved, "sharp": sharp}
    shown |= {name: gandeblur.load(network).restore(moved) for name, network in MOVED.items()}
    for method, pixels in shown.items():
        save(f"chelsea_moved_{method}", pixels[CAT])


def curves() -> None:
    """Validation of the phases beside pixels alone, and of the trainings that made the form for the eye."""
    with CURVES.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    runs = {name: [row for row in rows if row["run"] == name] for name in dict.fromkeys(row["run"] for row in rows)}
    figure = Figure(figsize=(10, 3.6), dpi=100, layout="constrained")
    beside, form = figure.subplots(1, 2)
    phases = sorted({name.partition("_seed")[0] for name in runs})
    for name, points in runs.items():
        crops = [int(row["crops"]) for row in points]
        psnr = np.array([float(row["val_psnr_db"]) for row in points])
        phase, _, seed = name.partition("_seed")
        if not seed:
            form.plot(crops, psnr - psnr[0], label=name)  # their validation images differ
        elif phase != CONTROL:
            control = [float(row["val_psnr_db"]) for row in runs[f"{CONTROL}_seed{seed}"]]
            line = {"color": f"C{phases.index(phase)}", "marker": "o", "markersize": 4}
            # Named once, not for each seed.
            beside.plot(crops, psnr - control[: len(psnr)], **line, label=phase if seed == "0" else None)
    beside.set_title(f"Validation PSNR above that of {CONTROL}, dB", fontsize=10)
    form.set_title("Validation PSNR above that of the first epoch, dB", fontsize=10)
    for axes in (beside, form):
        axes.set_xlabel("crops of 256x256")
        axes.grid(axis="y", linewidth=0.5)
        axes.legend(fontsize=7)
    figure.savefig(FOLDER / "eye_curves.png")


def _joined(pictures, axis):
    gap = [(0, 0), (0, 0), (0, 0)]
    gap[axis] = (0, GAP_PX)
    padded = [np.pad(picture, gap, constant_values=255) for picture in pictures[:-1]]
    return np.concatenate([*padded, pictures[-1]], axis=axis)


if __name__ == "__main__":
    gan_d()
    moved()
    curves()
