"""What `gandeblur restore` makes of shaken photographs of a camera's size, in which time and memory.

    python benchmarks/large.py PHOTOGRAPH... --out=FOLDER --megapixels=12 --px 30 60 90
    python benchmarks/large.py PHOTOGRAPH --out=FOLDER --megapixels=24 --px 60 --options=--scale=1 --checkout=FOLDER

Each sharp photograph is enlarged to so many megapixels, blurred in light along a camera's path of so many pixels, the
next one of `--px` and of `--kinds` for each, and stored as JPEG of quality 95. The command restores it in a process of
its own, of this checkout or another. A line tells PSNR (dB, over RGB, all pixels) before and after, seconds and peak
memory of the process, its start included, and what the command said. Crops of 512 pixels lie beside one another in
`NAME_crops.png`: blurred, restored, sharp. `--picture` is one file for all photographs, a row for each, half as large:
blurred, restored at its own size, and as the command chooses.
"""

import argparse
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import shaken
from PIL import Image
from skimage import data

CROP_PX = 512


def photograph(file: Path, megapixels: float) -> np.ndarray:
    """uint8 `[H, W, 3]`, enlarged, or shrunk; of a name that is no file, scikit-image's."""
    image = Image.open(file).convert("RGB") if file.exists() else Image.fromarray(getattr(data, str(file))())
    factor = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
    size = tuple(round(side * factor) for side in image.size)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))


def blurred_large(sharp: np.ndarray, kind: str, px: int, rng: np.random.Generator) -> np.ndarray:
    """As `shaken.blurred`, channel by channel in float32: there are many pixels."""
    from scipy.signal import oaconvolve

    kernel = shaken.kernel(kind, px, rng).astype(np.float32)
    result = np.empty_like(sharp)
    for channel in range(3):
        light = (np.pad(sharp[..., channel], px, mode="symmetric") / np.float32(255)) ** np.float32(shaken.GAMMA)
        light = np.clip(oaconvolve(light, kernel, mode="same")[px:-px, px:-px], 0, 1)
        result[..., channel] = np.rint(255 * light ** np.float32(1 / shaken.GAMMA))
    return result


def psnr_db(image: np.ndarray, sharp: np.ndarray) -> float:
    errors = [np.square(image[..., channel].astype(np.float32) - sharp[..., channel]).mean() for channel in range(3)]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def restored(file: Path, out: Path, checkout: Path | None, options: list[str]) -> tuple[str, float, float]:
    """What the command says of a file; seconds; GiB."""
    environment = dict(os.environ) | ({"PYTHONPATH": str(checkout.resolve())} if checkout else {})
    command = [sys.executable, "-m", "gandeblur", "restore", str(file.resolve()), "-o", str(out.resolve()), "--force"]
    began = time.monotonic()
    process = subprocess.Popen([*command, *options], cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{file}: the command failed")
    return said.strip(), time.monotonic() - began, usage.ru_maxrss / 2**20


def crops(images: list[np.ndarray]) -> list[np.ndarray]:
    """The part with the strongest gradients in the last one, of a grid, of all of them."""
    sharp = images[-1]
    places = itertools.product(*(range(0, side - CROP_PX, CROP_PX // 2) for side in sharp.shape[:2]))

    def energy(place):
        part = sharp[place[0] :, place[1] :][:CROP_PX, :CROP_PX, 1].astype(np.float32)
        return sum(float(np.square(np.diff(part, axis=axis)).mean()) for axis in (0, 1))

    top, left = max(places, key=energy)
    return [image[top : top + CROP_PX, left : left + CROP_PX] for image in images]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder")
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--px", nargs="+", type=int, default=[30, 60, 90], help="extents of the paths")
    parser.add_argument("--kinds", nargs="+", choices=["straight", "curved"], default=["straight", "curved"])
    parser.add_argument("--checkout", type=Path, help="whose command restores (default: this one's)")
    parser.add_argument("--options", nargs="*", default=[], help="of the command")
    parser.add_argument("--picture", type=Path, help="JPEG file")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print("| photograph | path, px | blurred, dB | restored, dB | s | peak GiB | |\n|---|---|---|---|---|---|---|")
    pictured = []
    for number, file in enumerate(options.photographs):
        px = options.px[number % len(options.px)]
        sharp = photograph(file, options.megapixels)
        kind = options.kinds[number % len(options.kinds)]
        blurred = blurred_large(sharp, kind, px, np.random.default_rng([options.seed, number]))
        path = options.out / f"{file.stem}_{px}.jpg"
        Image.fromarray(blurred).save(path, quality=95, subsampling=0)
        said, seconds, peak = restored(path, options.out / "restored", options.checkout, options.options)
        after = np.asarray(Image.open(options.out / "restored" / path.name))
        words = said.partition(" (")[2].removesuffix(")")
        scores = f"{psnr_db(blurred, sharp):.2f} | {psnr_db(after, sharp):.2f} | {seconds:.0f} | {peak:.1f}"
        print(f"| {file.stem}, {sharp.shape[1]}x{sharp.shape[0]} | {kind}, {px} | {scores} | {words} |", flush=True)
        parts = crops([blurred, after, sharp])
        Image.fromarray(np.concatenate(parts, axis=1)).save(options.out / f"{path.stem}_crops.png")
        if options.picture:
            restored(path, options.out / "own", options.checkout, [*options.options, "--scale=1"])
            own = np.asarray(Image.open(options.out / "own" / path.name))
            pictured.append(np.concatenate(crops([blurred, own, after, sharp])[:3], axis=1))
    if options.picture:
        joined = Image.fromarray(np.concatenate(pictured, axis=0))
        joined.resize((joined.width // 2, joined.height // 2), Image.Resampling.LANCZOS).save(
            options.picture, quality=88
        )


if __name__ == "__main__":
    main()
