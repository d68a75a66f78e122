"""How networks look: PSNR, SSIM, grids, gradient energy, and the distance in VGG19's features, on parts of test images.

    python benchmarks/looks.py --models=hkust_gan,runs/eye --test=PAIRS,... --vgg_weights=FILE --out=looks.csv

`gandeblur compare --vgg_weights` takes every whole image; this takes the middle of every N-th, in a tenth of the
time, for trainings of minutes. One row per network and set is written to `--out`, which is continued: what it holds is
not scored again. "Closed" is the share of the blurred images' feature distance that the restored ones no longer have.
`--table` prints the file as Markdown.
"""

import argparse
import csv
import functools
import itertools
import re
from pathlib import Path

from gandeblur.data.datasets.find import find
from gandeblur.data.images import center_crop
from gandeblur.evaluation.scoring import score_set
from gandeblur.stages import opening, publish
from gandeblur.stages.features import FeatureDistance

METRICS = ("psnr_db", "ssim", "grid_2px_db", "grid_4px_db", "gradient_energy", "feature_distance")
FIELDS = ("network", "set", "images", "crop_px", *METRICS, "closed", "crops", "losses")
INPUT = "input"
ENSEMBLE = " --self_ensemble"


def pairs(folder, every, crop_px):
    """(name, blurred, sharp): the middle of every N-th image of a folder."""
    images = find(folder, split="test")
    for index in range(0, len(images), every):
        blurred, sharp = images.read(index)
        high, wide = (min(side, crop_px) for side in sharp.shape[:2])
        blurred, sharp = (center_crop(image, high, wide) for image in (blurred, sharp))
        yield images.names[index], blurred, sharp


def phase_of(model):
    """Crops and losses of the last phase of a run or of a published network."""
    path = Path(model)
    phases = publish.phases(path) if path.is_dir() else opening.deblurrer(path).description["weights"]["phases"]
    last = phases[-1]
    return {"crops": last["images"], "losses": " + ".join(last["losses"])}


def restoring(model, options):
    """What restores an image: a network, or nothing."""
    if model == INPUT:
        return lambda image: image
    restore = opening.deblurrer(Path(model), options.precision).restore
    return functools.partial(restore, self_ensemble=options.self_ensemble)


def row_of(model, folder, options, measure):
    """The row of one network, or of the blurred images, without names."""
    restore = restoring(model, options)
    scored = score_set({model: restore}, pairs(folder, options.every, options.crop), features=measure)
    return {
        "images": len(scored["images"]),
        "crop_px": options.crop,
        **{metric: round(scored["methods"][model][metric]["mean"], 4) for metric in METRICS},
        **(phase_of(model) if model != INPUT else {}),
    }


def table(held):
    """The file as Markdown; runs called NAME_seedN of several N are one row: the mean, the lowest and the highest."""
    print("| network | set | PSNR dB | closed | gradient energy | 2, 4 px grid dB | crops |\n" + "|---" * 7 + "|")
    alike = {}
    for row in held:
        alike.setdefault((re.sub(r"_seed\d+$", "", row["network"]), row["set"]), []).append(row)
    for (network, of_set), rows in alike.items():

        def told(metric, form, rows=rows):
            values = [float(row[metric]) for row in rows]
            mean = form.format(sum(values) / len(values))
            return f"{mean} ({form.format(min(values))} to {form.format(max(values))})" if len(rows) > 1 else mean

        seeds = f", {len(rows)} seeds" if len(rows) > 1 else ""
        print(
            f"| {network}{seeds} | {of_set} | {told('psnr_db', '{:.2f}')} | {told('closed', '{:.1%}')} "
            f"| {told('gradient_energy', '{:.2f}')} | {told('grid_2px_db', '{:.1f}')}, {told('grid_4px_db', '{:.1f}')} "
            f"| {rows[0].get('crops') or ''} |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=lambda text: text.split(","), default=[], help="names, runs, weights files")
    parser.add_argument("--test", type=lambda text: text.split(","), default=[], help="folders of pairs")
    parser.add_argument("--every", type=int, default=6, help="take every N-th image (default: 6)")
    parser.add_argument(
        "--crop",
        type=int,
        default=320,
        help="and the middle square of this side, or what there is of it (default: 320)",
    )
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--self_ensemble", action="store_true", help="the mean over the 8 flips and turns")
    parser.add_argument("--vgg_weights", type=Path, help="VGG19's weights; else Keras downloads them")
    parser.add_argument("--out", type=Path, required=True, help="CSV file, continued if it is there")
    parser.add_argument("--table", action="store_true", help="print the file as Markdown")
    options = parser.parse_args()
    held = []
    if options.out.exists():
        with options.out.open(newline="", encoding="utf-8") as file:
            held = list(csv.DictReader(file))
    known = {(row["network"], row["set"]): row for row in held}
    with options.out.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not held:
            writer.writeheader()
        measure = None
        for folder, model in itertools.product(options.test, [INPUT, *options.models]):
            name = Path(model).name + (ENSEMBLE if options.self_ensemble and model != INPUT else "")
            key = name, Path(folder).name
            if key not in known:
                measure = measure or FeatureDistance(options.vgg_weights)
                row = row_of(model, folder, options, measure)
                before = known.get((INPUT, key[1]), row)["feature_distance"]
                closed = round(1 - row["feature_distance"] / float(before), 4)
                known[key] = {"network": key[0], "set": key[1], **row, "closed": closed}
                writer.writerow(known[key])
                file.flush()
    if options.table:
        table(known.values())


if __name__ == "__main__":
    main()
