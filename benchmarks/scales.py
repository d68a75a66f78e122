"""At which scale a network undoes a blur of which size, and what a rule that sees only the photograph makes of it.

    python benchmarks/scales.py --images=FOLDER --out=docs/results/scales.csv        measures; goes on where it stopped
    python benchmarks/scales.py --out=docs/results/scales.csv --table                what the rules lose, from the file

Sharp photographs are blurred in light (gamma 2.2) along straight and curved paths, by two motions, and out of focus;
some get the noise of a phone at night or a JPEG of quality 70. Each is restored at five scales as `inference.scale`
does it, but with the shrunk picture in 8 bits and flat areas as the network leaves them, and scored by PSNR against the
sharp one. `change` is the mean absolute correction at a scale, `gradient` the mean absolute difference of neighbours of
the photograph there, both in grey levels.
"""

import argparse
import csv
import itertools
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gandeblur.inference import scale
from gandeblur.inference.scale import SCALES

SIZES_PX = (0, 4, 8, 15, 30, 50, 80, 120)
KINDS = ("straight", "curved", "two motions", "defocus", "noise", "jpeg")
SPARSE_PX = (0, 8, 30, 50, 80)  # of all kinds but the first two
WINDOW = (512, 768)
GAMMA = 2.2
FIELDS = ("network", "image", "kind", "px", "scale", "blurred_db", "restored_db", "change", "gradient")


def path(kind: str, length: float, rng: np.random.Generator) -> np.ndarray:
    """Points (y, x) of a camera's path, of this extent."""
    angle = rng.uniform(0, np.pi)
    ahead = np.array([np.sin(angle), np.cos(angle)])
    aside = np.array([ahead[1], -ahead[0]])
    t = np.linspace(-0.5, 0.5, int(8 * length) + 1)[:, None]
    bow = rng.uniform(0.3, 0.6) if kind == "curved" else 0.0
    return length * (t * ahead + bow * (t**2 * 4 - 0.5) * aside)


def kernel(kind: str, length: int, rng: np.random.Generator) -> np.ndarray:
    """Point spread function, float64, odd sides, sum 1."""
    side = 2 * length + 3
    if kind == "defocus":
        y, x = np.indices((side, side)) - side // 2
        spread = np.clip(length / 2 + 0.5 - np.hypot(y, x), 0, 1)
        return spread / spread.sum()
    spread = np.zeros((side, side))
    points = path(kind, length, rng) + side // 2
    low = np.floor(points).astype(int)
    for dy, dx in itertools.product((0, 1), repeat=2):
        weight = np.prod(1 - np.abs(points - low - (dy, dx)), axis=1)
        np.add.at(spread, (low[:, 0] + dy, low[:, 1] + dx), weight)
    return spread / spread.sum()


def blurred(sharp: np.ndarray, kind: str, length: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 `[H, W, 3]`, of which a border of `length` pixels has seen beyond the picture's end."""
    from scipy.signal import fftconvolve

    light = (sharp / 255) ** GAMMA

    def along(spread):
        return fftconvolve(light, spread[..., None], mode="same", axes=(0, 1))

    if length:
        path_kind = kind if kind in ("curved", "defocus") else "straight"
        seen = along(kernel(path_kind, length, rng))
        if kind == "two motions":
            half = sharp.shape[1] // 2
            seen[:, half:] = along(kernel("straight", max(length // 2, 1), rng))[:, half:]
        light = seen
    picture = 255 * np.clip(light, 0, 1) ** (1 / GAMMA)
    if kind == "noise":
        picture += rng.normal(size=picture.shape) * np.sqrt(4 + 0.06 * picture)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def as_jpeg(picture: np.ndarray) -> np.ndarray:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=70)
    return np.asarray(Image.open(file))


def cases(folder: Path, seed: int) -> Iterator[tuple[str, str, int, np.ndarray, np.ndarray]]:
    """Image, kind, pixels of blur, sharp and blurred windows."""
    from PIL import Image

    for kind, file in itertools.product(KINDS, sorted(folder.glob("*.png"))):
        sharp = np.asarray(Image.open(file).convert("RGB"))
        top, left = ((side - window) // 2 for side, window in zip(sharp.shape, WINDOW, strict=False))
        inside = np.s_[top : top + WINDOW[0], left : left + WINDOW[1]]
        for px in SIZES_PX if kind in KINDS[:2] else SPARSE_PX:
            if px == 0 and kind in KINDS[1:4]:
                continue  # the same as a straight path of no length
            rng = np.random.default_rng([seed, zlib.crc32(f"{file.name} {kind} {px}".encode())])
            picture = blurred(sharp, kind, px, rng)[inside]
            yield file.stem, kind, px, sharp[inside], as_jpeg(picture) if kind == "jpeg" else picture


def measure(network: str, folder: Path, out: Path, seed: int) -> None:
    import gandeblur
    from gandeblur.evaluation.metrics import psnr_db

    deblur = gandeblur.load(network)
    done = {tuple(row[name] for name in FIELDS[:4]) for row in rows(out)} if out.exists() else set()
    with out.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not done:
            writer.writeheader()
        for image, kind, px, sharp, picture in cases(folder, seed):
            if (network, image, kind, str(px)) in done:
                continue
            blurred_db, found = psnr_db(picture, sharp), []
            for factor in SCALES:
                restored, change, gradient = corrected(deblur, picture, factor)
                scores = (blurred_db, psnr_db(restored, sharp), change, gradient)
                values = (network, image, kind, px, factor, *(f"{value:.4f}" for value in scores))
                found.append(dict(zip(FIELDS, values, strict=True)))
            writer.writerows(found)
            file.flush()
            print(image, kind, px, *(row["restored_db"] for row in found), flush=True)


def corrected(deblur: Callable, picture: np.ndarray, factor: float) -> tuple[np.ndarray, float, float]:
    """The picture restored at a scale, uint8; the mean correction and the mean gradient there."""
    from gandeblur.data.images import resize

    height, width = picture.shape[:2]
    small = picture if factor == 1 else resize(picture, round(height * factor), round(width * factor))
    correction = np.asarray(deblur(small)).astype(np.float32) - small
    grey = small.mean(axis=2)
    gradient = (np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()) / 2
    change = float(np.abs(correction).mean())
    if factor != 1:
        correction = enlarged(correction, height, width)
    return np.clip(np.round(picture + correction), 0, 255).astype(np.uint8), change, float(gradient)


def enlarged(correction: np.ndarray, height: int, width: int) -> np.ndarray:
    from PIL import Image

    maps = [
        Image.fromarray(map_).resize((width, height), Image.Resampling.BICUBIC) for map_ in correction.T.swapaxes(1, 2)
    ]
    return np.stack([np.asarray(map_) for map_ in maps], axis=-1)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def table(path: Path) -> None:
    """Prints what rules lose, dB below the best of the scales, and what is gained over the blurred picture."""
    groups = defaultdict(list)
    for row in rows(path):
        groups[row["image"], row["kind"], int(row["px"])].append(row)
    cases = {key: group for key, group in groups.items() if len(group) == len(SCALES)}
    change, gradient, restored = (
        np.array([[float(row[name]) for row in group] for group in cases.values()])
        for name in ("change", "gradient", "restored_db")
    )
    blurred_db = np.array([float(group[0]["blurred_db"]) for group in cases.values()])
    px = np.array([key[2] for key in cases])
    lines = {
        "its own size": np.zeros(len(px), int),
        **{
            f"largest change / gradient^{power:g}": np.argmax(change / gradient**power, axis=1)
            for power in (0, 0.25, 0.5, 0.75, 1)
        },
    }
    sizes = [size for size in SIZES_PX if size and (px == size).any()]
    kinds = ", ".join(dict.fromkeys(key[1] for key in cases))
    print(f"{len(px)} pictures of {len({key[0] for key in cases})} scenes, {kinds}")
    print("| dB below the best scale: mean, worst |" + "".join(f" {size} px |" for size in sizes) + " all |")
    print("|---|" + "---|" * (len(sizes) + 1))
    best = restored.max(axis=1)
    for name, chosen in lines.items():
        lost = best - restored[np.arange(len(px)), chosen]
        cells = [lost[px == size] for size in sizes] + [lost[px > 0]]
        print(f"| {name} |" + "".join(f" {cell.mean():.2f}, {cell.max():.2f} |" for cell in cells))
    for name, db in (("gain at its own size, dB", restored[:, 0]), ("gain at the best scale, dB", best)):
        print(f"| {name} |" + "".join(f" {(db - blurred_db)[px == size].mean():+.2f} |" for size in sizes) + " |")
    growth, share = gradient[:, 1] / gradient[:, 0], change[:, 0] / gradient[:, 0]
    for name, sharp in (
        ("change < 0.7 gradient", share < scale.SHARP_CHANGE),
        ("gradient grows by less than 1.3", growth < scale.SHARP_GROWTH),
        ("both", (share < scale.SHARP_CHANGE) & (growth < scale.SHARP_GROWTH)),
    ):
        print(
            f"sharp by {name}: {sharp[px == 0].sum()} of {(px == 0).sum()} sharp, {sharp[px > 0].sum()} of "
            f"{(px > 0).sum()} blurred ones"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="folder of sharp PNG files, 1100x800 pixels and more")
    parser.add_argument("--network", default="hkust_gan")
    parser.add_argument("--out", type=Path, required=True, help="CSV file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        table(options.out)
    else:
        measure(options.network, options.images, options.out, options.seed)


if __name__ == "__main__":
    main()
