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
from collections import defaultdict
from pathlib import Path

import numpy as np
from shaken import KINDS, cases, opened

from gandeblur.files import replacing
from gandeblur.inference import flat, scale
from gandeblur.inference.fitting import Fitting
from gandeblur.inference.scale import SCALES

SIZES_PX = (0, 4, 8, 15, 30, 50, 80, 120)
FIELDS = ("network", "image", "shorter_px", "kind", "px", "scale", "blurred_db", "restored_db", "change", "gradient")
LOCAL_FIELDS = ("network", "image", "kind", "px", "blurred_db", "auto_db", "local_db")
PAIR_FIELDS = ("network", "folder", "image", "blurred_db", "own_size_db", "auto_db", "scale")


def measure(options: argparse.Namespace) -> None:
    import gandeblur
    from gandeblur.evaluation.metrics import psnr_db

    deblur = gandeblur.load(options.network, precision=options.precision)
    restore, looks = flat.kept(deblur.restore), flat.kept(deblur.looks)
    found = pictures(options.out)
    for image, shorter, kind, px, sharp, picture in cases(options):
        key = (options.network, image, str(shorter), kind, str(px))
        known = found.setdefault(key, {})
        if options.look or not known:
            seen = zip(SCALES, *scale.look(looks, picture, SCALES), strict=True)
        else:
            seen = zip(SCALES, *of_scales(known, "change", "gradient"), strict=True)
        told = {factor: {"change": f"{change:.4f}", "gradient": f"{gradient:.4f}"} for factor, change, gradient in seen}
        asked = SCALES if options.look and known else {*SCALES, rule(shorter, told).scale}
        if not options.look and all(factor in known for factor in asked):
            continue
        for factor in asked:
            row = known.setdefault(factor, dict(zip(FIELDS, (*key, factor), strict=False)))
            row |= told.get(factor, {})
            if not row.get("restored_db"):
                row["blurred_db"] = f"{psnr_db(picture, sharp):.4f}"
                row["restored_db"] = f"{psnr_db(scale.restored_at(restore, picture, factor), sharp):.4f}"
        write(options.out, found)
        print(*key, *(f"{factor:g}: {row['restored_db']}" for factor, row in known.items()), flush=True)


def rule(shorter_px: int | str, known: dict[float, dict[str, str]]) -> scale.Choice:
    """What `scale.rule` makes of the rows of a picture."""
    changes, gradients = of_scales(known, "change", "gradient")
    return scale.rule(changes, gradients, int(shorter_px))


def of_scales(known: dict[float, dict[str, str]], *names: str) -> list[list[float]]:
    return [[float(known[factor][name]) for factor in SCALES] for name in names]


def pictures(path: Path) -> dict[tuple[str, ...], dict[float, dict[str, str]]]:
    """Network, image, its shorter side, kind and pixels of blur -> scale -> row of the file."""
    found: dict[tuple[str, ...], dict[float, dict[str, str]]] = {}
    for row in rows(path):
        found.setdefault(tuple(row[name] for name in FIELDS[:5]), {})[float(row["scale"])] = row
    return found


def write(path: Path, found: dict[tuple[str, ...], dict[float, dict[str, str]]]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        for known in found.values():
            writer.writerows(known[factor] for factor in sorted(known, reverse=True))


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
    found = pictures(path)
    for network in dict.fromkeys(key[0] for key in found):
        print(f"\n{network}\n")
        _table({key[1:]: known for key, known in found.items() if key[0] == network})


def _table(cases):
    change, gradient, restored = (
        np.array(values)
        for values in zip(
            *(of_scales(known, "change", "gradient", "restored_db") for known in cases.values()), strict=True
        )
    )
    blurred_db = np.array([float(known[1.0]["blurred_db"]) for known in cases.values()])
    px = np.array([int(key[3]) for key in cases])
    choices = [rule(key[1], known) for key, known in cases.items()]
    lacking = sum(choice.scale not in known for choice, known in zip(choices, cases.values(), strict=True))
    if lacking:
        raise SystemExit(f"{lacking} pictures are not restored at the scale chosen; run it without --table first")
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
    best = np.array([max(float(row["restored_db"]) for row in known.values()) for known in cases.values()])
    lost = {name: best - restored[np.arange(len(px)), chosen] for name, chosen in lines.items()}
    at = [float(known[choice.scale]["restored_db"]) for choice, known in zip(choices, cases.values(), strict=True)]
    # Where all scales lose, so does the best one against the picture itself.
    got = np.where(left, blurred_db, at)
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
        if key[3] != "0":
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
    parser.add_argument(
        "--window",
        nargs=2,
        type=int,
        default=(384, 512),
        metavar=("HEIGHT", "WIDTH"),
        help="of the middle",
    )
    parser.add_argument("--look", action="store_true", help="look again at pictures of the file, as after another rule")
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
