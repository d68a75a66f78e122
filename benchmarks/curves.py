"""Curves of trainings, epoch by epoch, for docs/pictures.py to draw.

    python benchmarks/curves.py RUN,... --out=FILE.csv

One row for each epoch of each run: crops that the generator has seen in this phase, PSNR of the validation images, the
loss and what each of its terms adds to it, as the run's checkpoint holds them. `--out` is written anew.
"""

import argparse
import csv
from pathlib import Path

from gandeblur.stages import publish
from gandeblur.training import checkpoint

WEIGHTED = "_weighted"


def rows_of(run):
    history = checkpoint.read_meta(run / checkpoint.CHECKPOINT_FILE)["history"]
    crops = publish.phases(run)[-1]["images"]
    epochs = len(history["val_psnr_db"])
    for epoch in range(epochs):
        terms = {
            name.removesuffix(WEIGHTED): round(values[epoch], 2)
            for name, values in history.items()
            if name.endswith(WEIGHTED)
        }
        yield {
            "run": run.name,
            "crops": crops * (epoch + 1) // epochs,
            "val_psnr_db": round(history["val_psnr_db"][epoch], 3),
            **terms,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=lambda text: [Path(one) for one in text.split(",")], help="work folders")
    parser.add_argument("--out", type=Path, required=True, help="CSV file")
    options = parser.parse_args()
    rows = [row for run in options.runs for row in rows_of(run)]
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
