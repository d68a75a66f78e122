"""At which scale a network undoes a blur of which size, and what a rule that sees only the photograph makes of it.

    python benchmarks/scales.py --images FOLDER --out=FILE.csv              measures; goes on where it stopped
    python benchmarks/scales.py --out=FILE.csv --table                      what the rules lose, from the file
    python benchmarks/scales.py --local --images FOLDER --out=LOCAL.csv     each part of a picture at its own scale
    python benchmarks/scales.py --pairs FOLDER FOLDER --out=PAIRS.csv       blurred and sharp frames: auto against 1

Sharp photographs are blurred in light (gamma 2.2) along straight and curved paths, by two motions, and out of focus;
some get the noise of a phone at night or a JPEG of quality 70. The middle of each is restored at five scales as
`gandeblur restore --scale` does it, and scored by PSNR against the sharp one. `change` is the mean absolute correction
at a scale, `gradient` the mean absolute difference of neighbours of the photograph there, both in grey levels, over
the parts that `inference.scale.look` sees, by the network that tells the blur for all networks.
"""

import argparse
import csv
import glob
import itertools
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gandeblur.inference import flat, scale
from gandeblur.inference.fitting import Fitting
from gandeblur.inference.scale import SCALES

SIZES_PX = (0, 4, 8, 15, 30, 50, 80, 120)
KINDS = ("straight", "curved", "two motions", "defocus", "noise", "jpeg")
WINDOW = (384, 512)
GAMMA = 2.2
FIELDS = ("network", "image", "shorter_px", "kind", "px", "scale", "blurred_db", "restored_db", "change", "gradient")
LOCAL_FIELDS = ("network", "image", "kind", "px", "blurred_db", "auto_db", "local_db")
PAIR_FIELDS = ("network", "folder", "image", "blurred_db", "own_size_db", "auto_db", "scale")


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
    """uint8 `[H, W, 3]`; beyond its end the picture is mirrored."""
    from scipy.signal import fftconvolve

    light = (np.pad(sharp, [(length, length), (length, length), (0, 0)], mode="symmetric") / 255) ** GAMMA

    def along(spread):
        return fftconvolve(light, spread[..., None], mode="same", axes=(0, 1))

    if length:
        path_kind = kind if kind in ("curved", "defocus") else "straight"
        seen = along(kernel(path_kind, length, rng))
        if kind == "two motions":
            half = length + sharp.shape[1] // 2
            seen[:, half:] = along(kernel("straight", max(length // 2, 1), rng))[:, half:]
        light = seen[length:-length, length:-length]
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


def opened(file: Path) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(file).convert("RGB"))


def cases(options: argparse.Namespace) -> Iterator[tuple[str, int, str, int, np.ndarray, np.ndarray]]:
    """Image, its shorter side, kind and pixels of blur, sharp and blurred windows."""
    files = [file for one in options.images for file in (sorted(one.iterdir()) if one.is_dir() else [one])]
    for file, kind, px in itertools.product(files, options.kinds, options.px):
        if px == 0 and kind in KINDS[1:4]:
            continue  # the same as a straight path of no length
        sharp = opened(file)
        sides = sharp.shape[:2]
        places = [(max(0, side - most) // 2, most) for side, most in zip(sides, WINDOW, strict=True)]
        inside = tuple(slice(start, start + most) for start, most in places)
        rng = np.random.default_rng([options.seed, zlib.crc32(f"{file.name} {kind} {px}".encode())])
        picture = blurred(sharp, kind, px, rng)[inside]
        yield file.stem, min(sides), kind, px, sharp[inside], as_jpeg(picture) if kind == "jpeg" else picture


def measure(options: argparse.Namespace) -> None:
    import gandeblur
    from gandeblur.evaluation.metrics import psnr_db

    deblur = gandeblur.load(options.network, precision=options.precision)
    restore, looks = flat.kept(deblur.restore), flat.kept(deblur.looks)
    done = {tuple(row[name] for name in FIELDS[:4]) for row in rows(options.out)}
    with options.out.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not file.tell():
            writer.writeheader()
        for image, shorter, kind, px, sharp, picture in cases(options):
            if (options.network, image, str(shorter), kind, str(px)) in done:
                continue
            changes, gradients = scale.look(looks, picture, SCALES)
            blurred_db, found = psnr_db(picture, sharp), []
            for factor, change, gradient in zip(SCALES, changes, gradients, strict=True):
                restored_db = psnr_db(scale.restored_at(restore, picture, factor), sharp)
                scores = (f"{value:.4f}" for value in (blurred_db, restored_db, change, gradient))
                found.append(
                    dict(zip(FIELDS, (options.network, image, shorter, kind, px, factor, *scores), strict=True))
                )
            writer.writerows(found)
            file.flush()
            print(options.network, image, kind, px, *(row["restored_db"] for row in found), flush=True)


def measure_pairs(options: argparse.Namespace) -> None:
    """What `--scale=auto` makes of blurred frames beside their sharp ones, as many as `--most` of each folder."""
    import gandeblur
    from gandeblur.evaluation.metrics import psnr_db

    deblur = gandeblur.load(options.network, precision=options.precision)
    fitting = Fitting(deblur.restore, deblur.scale_of("auto"))
    with options.out.open("a", newline="") as file:
        writer = csv.writer(file)
        if not file.tell():
            writer.writerow(PAIR_FIELDS)
        for folder in options.pairs:
            every = [
                Path(one) for one in sorted(glob.glob(f"{folder}/**/blur/*.[pj][np]g", recursive=True))
            ]  # through links
            for number in sorted(set(np.linspace(0, len(every) - 1, options.most).astype(int))):
                picture, sharp = opened(every[number]), opened(every[number].parents[1] / "sharp" / every[number].name)
                auto, own = fitting(picture), deblur.restore(picture)
                scores = (f"{psnr_db(one, sharp):.4f}" for one in (picture, own, auto))
                name = every[number].relative_to(folder).as_posix()
                writer.writerow([options.network, folder.name, name, *scores, fitting.notes[0]])
                file.flush()


def measure_local(options: argparse.Namespace) -> None:
    """What `--scale=local` makes of the pictures, beside `--scale=auto`; prints the means of each kind and blur."""
    import gandeblur
    from gandeblur.evaluation.metrics import psnr_db

    deblur = gandeblur.load(options.network, precision=options.precision)
    ways = [Fitting(deblur.restore, deblur.scale_of(scale), force_restore=True) for scale in ("auto", "local")]
    found = defaultdict(list)
    with options.out.open("a", newline="") as file:
        writer = csv.writer(file)
        if not file.tell():
            writer.writerow(LOCAL_FIELDS)
        for image, _, kind, px, sharp, picture in cases(options):
            scores = [psnr_db(one, sharp) for one in (picture, *(way(picture) for way in ways))]
            found[kind, px].append(scores)
            writer.writerow([options.network, image, kind, px, *(f"{score:.4f}" for score in scores)])
            file.flush()
    for (kind, px), scores in found.items():
        print(f"| {kind}, {px} px | " + " | ".join(f"{score:.2f}" for score in np.mean(scores, axis=0)) + " |")


def rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def table(path: Path) -> None:
    """Prints what rules lose, dB below the best of the scales, and what is gained over the blurred picture."""
    networks = dict.fromkeys(row["network"] for row in rows(path))
    for network in networks:
        groups = defaultdict(list)
        for row in rows(path):
            if row["network"] == network:
                groups[row["image"], int(row["shorter_px"]), row["kind"], int(row["px"])].append(row)
        print(f"\n{network}\n")
        _table({key: group for key, group in groups.items() if len(group) == len(SCALES)})


def _table(cases):
    change, gradient, restored = (
        np.array([[float(row[name]) for row in group] for group in cases.values()])
        for name in ("change", "gradient", "restored_db")
    )
    blurred_db = np.array([float(group[0]["blurred_db"]) for group in cases.values()])
    px = np.array([key[3] for key in cases])
    choices = [scale.rule(*seen) for seen in zip(change, gradient, (key[1] for key in cases), strict=True)]
    left = np.array([choice.sharp for choice in choices])
    lines = {
        "its own size": np.zeros(len(px), int),
        **{
            f"largest change / gradient^{power:g}": np.argmax(change / gradient**power, axis=1)
            for power in (0, 0.25, 0.5, 0.75, 1)
        },
    }
    sizes = [size for size in SIZES_PX if size and (px == size).any()]
    kinds = ", ".join(dict.fromkeys(key[2] for key in cases))
    print(f"{len(px)} pictures of {len({key[0] for key in cases})} scenes, {kinds}")
    print("| dB below the best scale: mean, worst |" + "".join(f" {size} px |" for size in sizes) + " all |")
    print("|---|" + "---|" * (len(sizes) + 1))
    best = restored.max(axis=1)
    lost = {name: best - restored[np.arange(len(px)), chosen] for name, chosen in lines.items()}
    chosen = [SCALES.index(choice.scale) for choice in choices]
    # Where all scales lose, so does the best one against the picture itself.
    got = np.where(left, blurred_db, restored[np.arange(len(px)), chosen])
    lost["the rule taken"] = np.maximum(best, blurred_db) - got
    for name, decibels in lost.items():
        cells = [decibels[px == size] for size in sizes] + [decibels[px > 0]]
        print(f"| {name} |" + "".join(f" {cell.mean():.2f}, {cell.max():.2f} |" for cell in cells))
    for name, db in (
        ("gain at its own size, dB", restored[:, 0]),
        ("gain at the best scale, dB", best),
        ("gain by the rule, dB", got),
    ):
        print(f"| {name} |" + "".join(f" {(db - blurred_db)[px == size].mean():+.2f} |" for size in sizes) + " |")
    sets = defaultdict(list)
    for key, decibels in zip(cases, lost["the rule taken"], strict=True):
        if key[3]:
            sets[key[2:]].append(decibels)
    kind, size = max(sets, key=lambda one: np.mean(sets[one]))
    print(f"the worst set, {kind}, {size} px: {np.mean(sets[kind, size]):.2f} dB below the best")
    print(
        f"left: {left[px == 0].sum()} of {(px == 0).sum()} sharp, {left[px > 0].sum()} of {(px > 0).sum()} blurred ones"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--images", nargs="+", type=Path, help="sharp photographs, or folders of them, 384 pixels and more"
    )
    parser.add_argument("--pairs", nargs="+", type=Path, help="folders that hold folders blur beside folders sharp")
    parser.add_argument("--network", default="hkust_gan")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--px", nargs="+", type=int, choices=SIZES_PX, default=SIZES_PX)
    parser.add_argument("--most", type=int, default=20, help="of the pairs of a folder")
    parser.add_argument("--out", type=Path, required=True, help="CSV file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--local", action="store_true", help="auto and local beside one another")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        table(options.out)
    elif options.pairs:
        measure_pairs(options)
    elif options.local:
        measure_local(options)
    else:
        measure(options)


if __name__ == "__main__":
    main()
