"""Where networks restore: the share of VGG19's feature distance that they close, by how blurred a place is.

    python benchmarks/where.py --models=deblurgan,runs/eye --test=PAIRS,... --vgg_weights=FILE --out=where.csv

All places of every N-th image, squares of 16x16 pixels, are sorted into five equal parts by the blurred image's own
distance from the sharp one: the first fifth is all but sharp. Below 0 a network has put something further from the
truth than it was. `--out` is written anew; `--table` prints it as Markdown.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from keras import ops
from looks import pairs

from gandeblur.stages import opening
from gandeblur.stages.features import FeatureDistance

SIDES = (16, 8, 4)  # of a square in the three layers' own pixels: each pooling halves them
FIFTHS = 5
FIELDS = ("network", "set", "fifth", "blurred", "closed")


def places(ours, theirs):
    """The feature distance of each square: the mean over its pixels, summed over the layers."""
    total = 0
    for one, other, side in zip(ours, theirs, SIDES, strict=True):
        squared = ops.convert_to_numpy(ops.sum(ops.square(one - other), axis=-1))[0]
        rows, columns = (length // side for length in squared.shape)
        squares = squared[: rows * side, : columns * side].reshape(rows, side, columns, side)
        total = total + squares.mean(axis=(1, 3))
    return np.ravel(total)


def distances(folder, models, every, seen):
    """The places' distances of all images: of the blurred ones, and of each network's."""
    blurred_ones = []
    restored_ones = {name: [] for name in models}
    for _, blurred, sharp in pairs(folder, every, sys.maxsize):
        truth = seen(sharp)
        blurred_ones.append(places(seen(blurred), truth))
        for name, restore in models.items():
            restored_ones[name].append(places(seen(restore(blurred)), truth))
    return np.concatenate(blurred_ones), {name: np.concatenate(ones) for name, ones in restored_ones.items()}


def rows_of(folder, models, every, seen):
    blurred, restored = distances(folder, models, every, seen)
    parts = np.array_split(np.argsort(blurred), FIFTHS)
    for name, distance in restored.items():
        for number, part in enumerate(parts, start=1):
            before = blurred[part].mean()
            yield {
                "network": name,
                "set": Path(folder).name,
                "fifth": number,
                "blurred": round(float(before), 3),
                "closed": round(float(1 - distance[part].mean() / before), 4),
            }


def table(rows):
    """A row for each network of a set, a column for each fifth."""
    print("| network | set |" + "".join(f" {number} |" for number in range(1, FIFTHS + 1)))
    print("|---" * (2 + FIFTHS) + "|")
    for first in range(0, len(rows), FIFTHS):
        cells = [f"{row['closed']:.1%}" for row in rows[first : first + FIFTHS]]
        print(f"| {rows[first]['network']} | {rows[first]['set']} | {' | '.join(cells)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=lambda text: text.split(","), required=True, help="names, runs, weights files")
    parser.add_argument("--test", type=lambda text: text.split(","), required=True, help="folders of pairs")
    parser.add_argument("--every", type=int, default=4, help="take every N-th image (default: 4)")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--vgg_weights", type=Path, help="VGG19's weights; else Keras downloads them")
    parser.add_argument("--out", type=Path, required=True, help="CSV file")
    parser.add_argument("--table", action="store_true", help="print the file as Markdown")
    options = parser.parse_args()
    models = {Path(name).name: opening.deblurrer(Path(name), options.precision).restore for name in options.models}
    seen = FeatureDistance(options.vgg_weights).vectors
    rows = [row for folder in options.test for row in rows_of(folder, models, options.every, seen)]
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    if options.table:
        table(rows)


if __name__ == "__main__":
    main()
