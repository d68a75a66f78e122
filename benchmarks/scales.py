"""At which scale a network undoes a blur of which size, and what a rule that sees only the photograph makes of it.

    python benchmarks/scales.py --images FOLDER --out=FILE.csv              measures; goes on where it stopped
    python benchmarks/scales.py --out=FILE.csv --table                      what the rules lose, from the file
    python benchmarks/scales.py --local --images FOLDER --out=LOCAL.csv     each part of a picture at its own scale
    python benchmarks/scales.py --sharp PICTURE... --out=SHARP.csv          which sharp pictures are left as they are
    python benchmarks/scales.py --pairs FOLDER FOLDER --out=PAIRS.csv       blurred and sharp frames: auto against 1

Sharp photographs are blurred in light (gamma 2.2) along straight and curved paths, by two motions, and out of focus;
some get the noise of a phone at night or a JPEG of quality 70. The middle of each is restored at five scales, and at
that between them which the rule chooses, as `gandeblur restore --scale` does it, and scored by PSNR against the sharp
one. `change` is the mean absolute correction at a scale, `gradient` the mean absolute difference of neighbours of the
photograph there, both in grey levels, over the parts that `inference.scale.look` sees, by the network that tells the
blur for all networks.
"""

import argparse
import csv
import glob
import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from shaken import KINDS, as_jpeg, cases, opened

from gandeblur.files import replacing
from gandeblur.inference import flat, scale
from gandeblur.inference.fitting import Fitting
from gandeblur.inference.scale import SCALES

SIZES_PX = (0, 4, 8, 15, 30, 50, 80, 120)
FIELDS = ("network", "image", "shorter_px", "kind", "px", "scale", "blurred_db", "restored_db", "change", "gradient")
LOCAL_FIELDS = ("network", "image", "kind", "px", "blurred_db", "auto_db", "local_db", "scale")
SHARP_FIELDS = ("image", "kind", "shorter_px", "growth", "change_over_gradient", "left")
PAIR_FIELDS = ("network", "folder", "image", "blurred_db", "own_size_db", "auto_db", "scale")


def measure(options: argparse.Namespace) -> None:
    import gandeblur
    from gandeblur.evaluation.metrics import psnr_db

    deblur = gandeblur.load(options.network, precision=options.precision)
    restore, looks = flat.kept(deblur.restore), flat.kept(deblur.looks)
    found = pictures(options.out)

    def needed(*key: object) -> bool:
        known = found.get((options.network, *map(str, key)), {})
        return rule(known).scale not in known if known else not options.known

    for image, shorter, kind, px, sharp, picture in cases(options, needed):
        key = (options.network, image, str(shorter), kind, str(px))
        known = found.setdefault(key, {})
        if not known:
            for factor, change, gradient in zip(SCALES, *scale.look(looks, picture, SCALES), strict=True):
                known[factor] = {"shorter_px": str(shorter), "change": f"{change:.4f}", "gradient": f"{gradient:.4f}"}
        for factor in {*SCALES, rule(known).scale}:
            row = known.setdefault(factor, {})
            if "restored_db" not in row:
                row |= dict(zip(FIELDS, (*key, factor), strict=False))
                row["blurred_db"] = f"{psnr_db(picture, sharp):.4f}"
                row["restored_db"] = f"{psnr_db(scale.restored_at(restore, picture, factor), sharp):.4f}"
        write(
            options.out, FIELDS, (known[factor] for known in found.values() for factor in sorted(known, reverse=True))
        )
        print(*key, *(f"{factor:g}: {row['restored_db']}" for factor, row in known.items()), flush=True)


def rule(known: dict[float, dict[str, str]]) -> scale.Choice:
    """What `scale.rule` makes of the rows of a picture."""
    changes, gradients = of_scales(known, "change", "gradient")
    return scale.rule(changes, gradients, int(known[1.0]["shorter_px"]))


def of_scales(known: dict[float, dict[str, str]], *names: str) -> list[list[float]]:
    return [[float(known[factor][name]) for factor in SCALES] for name in names]


def pictures(path: Path) -> dict[tuple[str, ...], dict[float, dict[str, str]]]:
    """Network, image, its shorter side, kind and pixels of blur -> scale -> row of the file."""
    found: dict[tuple[str, ...], dict[float, dict[str, str]]] = {}
    for row in rows(path):
        found.setdefault(tuple(row[name] for name in FIELDS[:5]), {})[float(row["scale"])] = row
    return found


def write(path: Path, fields: Sequence[str], lines: Iterable[dict[str, str]]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(lines)


def measure_pairs(options: argparse.Namespace) -> None:
    """What `--scale=auto` makes of blurred frames beside their sharp ones, as many as `--most` of each folder."""
    import gandeblur
    from gandeblur.evaluation.metrics import psnr_db

    deblur = gandeblur.load(options.network, precision=options.precision)
    fitting = Fitting(deblur.restore, deblur.scale_of("auto"))
    found = {tuple(row[name] for name in PAIR_FIELDS[:3]): row for row in rows(options.out)}
    for folder in options.pairs:
        every = [
            Path(one) for one in sorted(glob.glob(f"{folder}/**/blur/*.[pj][np]g", recursive=True))
        ]  # through links
        for number in sorted(set(np.linspace(0, len(every) - 1, options.most).astype(int))):
            key = (options.network, folder.name, every[number].relative_to(folder).as_posix())
            row = found.setdefault(key, dict.fromkeys(PAIR_FIELDS, "") | dict(zip(PAIR_FIELDS, key, strict=False)))
            picture, sharp = opened(every[number]), opened(every[number].parents[1] / "sharp" / every[number].name)
            row["blurred_db"] = f"{psnr_db(picture, sharp):.4f}"
            row["own_size_db"] = row["own_size_db"] or f"{psnr_db(deblur.restore(picture), sharp):.4f}"
            if not row["auto_db"]:
                row["auto_db"] = f"{psnr_db(fitting(picture), sharp):.4f}"
                row["scale"] = fitting.notes[0]
            write(options.out, PAIR_FIELDS, found.values())


def measure_local(options: argparse.Namespace) -> None:
    """What `--scale=auto` and `--scale=local` make of the pictures; prints the means of each kind and blur."""
    import gandeblur
    from gandeblur.evaluation.metrics import psnr_db

    deblur = gandeblur.load(options.network, precision=options.precision)
    ways = {way: Fitting(deblur.restore, deblur.scale_of(way), force_restore=True) for way in options.local}
    found = {tuple(row[name] for name in LOCAL_FIELDS[:4]): row for row in rows(options.out)}
    for image, _, kind, px, sharp, picture in cases(options):
        key = (options.network, image, kind, str(px))
        row = found.setdefault(key, dict.fromkeys(LOCAL_FIELDS, "") | dict(zip(LOCAL_FIELDS, key, strict=False)))
        row["blurred_db"] = f"{psnr_db(picture, sharp):.4f}"
        for way, fitting in ways.items():
            if not row[f"{way}_db"]:
                row[f"{way}_db"] = f"{psnr_db(fitting(picture), sharp):.4f}"
                row |= {"scale": f"{fitting.used:g}"} if way == "auto" else {}
        write(options.out, LOCAL_FIELDS, found.values())
    groups = defaultdict(list)
    for row in found.values():
        groups[row["kind"], row["px"]].append([float(row[name] or "nan") for name in LOCAL_FIELDS[4:7]])
    for (kind, px), scores in groups.items():
        print(f"| {kind}, {px} px | " + " | ".join(f"{score:.2f}" for score in np.mean(scores, axis=0)) + " |")


def measure_sharp(options: argparse.Namespace) -> None:
    """Which sharp pictures, as they are and as JPEG of quality 70, are left as they are, and by which two numbers."""
    import gandeblur

    looks = flat.kept(gandeblur.load(options.network, precision=options.precision).looks)
    found = {tuple(row[name] for name in SHARP_FIELDS[:2]): row for row in rows(options.out)}
    for file, kind in itertools.product(options.sharp, ("", "jpeg")):
        picture = as_jpeg(opened(file)) if kind else opened(file)
        choice = scale.choose(looks, np.ascontiguousarray(flat.border(picture).within(picture)), scales=(1.0,))
        growth, change = choice.gradients[1] / choice.gradients[0], choice.changes[0] / choice.gradients[0]
        told = (file.stem, kind, str(min(picture.shape[:2])), f"{growth:.3f}", f"{change:.3f}", str(choice.sharp))
        found[told[:2]] = dict(zip(SHARP_FIELDS, told, strict=True))
        write(options.out, SHARP_FIELDS, found.values())


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
    choices = {key: rule(known) for key, known in cases.items()}
    lacking = [key for key, choice in choices.items() if choice.scale not in cases[key]]
    if lacking:
        print(f"{len(lacking)} pictures are left out: they lack the scale chosen, which --known restores")
    cases = {key: known for key, known in cases.items() if key not in lacking}
    choices = [choices[key] for key in cases]
    change, gradient, restored = (
        np.array(values)
        for values in zip(
            *(of_scales(known, "change", "gradient", "restored_db") for known in cases.values()), strict=True
        )
    )
    blurred_db = np.array([float(known[1.0]["blurred_db"]) for known in cases.values()])
    px = np.array([int(key[3]) for key in cases])
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
    for kind in dict.fromkeys(key[2] for key in cases):
        of_kind = np.array([key[2] == kind for key in cases])
        parts = [of_kind & (px == size) for size in sizes]
        cells = [
            f"{(got - blurred_db)[part].mean():+.2f} ({(restored[:, 0] - blurred_db)[part].mean():+.2f})"
            if part.any()
            else ""
            for part in parts
        ]
        below = lost["the rule taken"][of_kind & (px > 0)]
        print(f"| {kind}: gain, at its own size | {' | '.join(cells)} | {below.mean():.2f}, {below.max():.2f} |")
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
    parser.add_argument("--sharp", nargs="+", type=Path, help="sharp pictures: which are left as they are")
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
    parser.add_argument(
        "--known", action="store_true", help="of the pictures of the file alone, what another rule asks for"
    )
    parser.add_argument("--most", type=int, default=20, help="of the pairs of a folder")
    parser.add_argument("--out", type=Path, required=True, help="CSV file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--local", nargs="*", choices=["auto", "local"], help="beside one another; one alone, if it is named"
    )
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        table(options.out)
    elif options.sharp:
        measure_sharp(options)
    elif options.pairs:
        measure_pairs(options)
    elif options.local is not None:
        options.local = options.local or ["auto", "local"]
        measure_local(options)
    else:
        measure(options)


if __name__ == "__main__":
    main()
