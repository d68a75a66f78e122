"""Training curves in bfloat16 and in float32: validation PSNR at equal seconds and at equal steps.

    python benchmarks/precision.py --minutes=30 --experiment=deblurgan --preset=pixels --workdir=runs/precision

Both train from the same weights on the same crops in the same order, one after the other, at a constant rate, for so
many minutes. From the two curves follow both comparisons: `--workdir` receives a run for each precision, `curves.csv`
and the table. The same command goes on with what it holds, also with more minutes. Run it alone on the machine.
"""

import argparse
import csv
import dataclasses
from pathlib import Path

import numpy as np

from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.experiments.spec import Experiment
from gandeblur.stages import sequence
from gandeblur.stages.run import MOST_EPOCHS, Settings, choose
from gandeblur.training import checkpoint
from gandeblur.training.schedules import OverTime

PRECISIONS = ("float32", "bfloat16")
FIELDS = ("precision", "epoch", "steps", "seconds", "val_psnr_db", "val_loss")
ROWS = 10  # of each comparison


def settings_of(options, precision) -> Settings:
    experiment = EXPERIMENTS[options.experiment]
    preset = experiment.presets[options.preset]
    changes = {
        **preset.changes,
        "schedule": OverTime(options.minutes, floor=1.0),  # the full rate all along
        "epochs": MOST_EPOCHS,
        "steps_per_epoch": options.steps_per_epoch,
    }
    timed = Experiment(experiment.variants, {options.preset: dataclasses.replace(preset, changes=changes)})
    return choose(
        timed,
        preset=options.preset,
        workdir=options.workdir / precision,
        train_data=options.data,
        vgg_weights=options.vgg_weights,
        precision=precision,
    )


def curve(settings):
    """Rows of `FIELDS`, one per epoch; seconds are those of training, without validation."""
    history = checkpoint.read_meta(settings.checkpoint_path)["history"]
    seconds = np.cumsum(history["epoch_s"])
    rows = []
    for epoch, values in enumerate(zip(seconds, history["val_psnr_db"], history["val_loss"], strict=True), start=1):
        steps = epoch * settings.paper.training.steps_per_epoch
        rows.append(dict(zip(FIELDS, (settings.precision, epoch, steps, *values), strict=True)))
    return rows


def table(curves):
    """Both comparisons as Markdown: the PSNR of each precision where the shorter curve has been, at even distances."""
    lines = [f"| at equal | | {' | '.join(f'{name}, dB' for name in curves)} | difference |", "|---|---|---|---|---|"]
    for what in ("seconds", "steps"):
        along = {name: [row[what] for row in rows] for name, rows in curves.items()}
        psnr = {name: [row["val_psnr_db"] for row in rows] for name, rows in curves.items()}
        first, last = (pick(values[end] for values in along.values()) for pick, end in ((max, 0), (min, -1)))
        for at in np.unique(np.linspace(first, last, ROWS).round(1)):
            found = [np.interp(at, along[name], psnr[name]) for name in curves]
            numbers = " | ".join(f"{value:.2f}" for value in found)
            lines.append(f"| {what} | {at:,.0f} | {numbers} | {found[1] - found[0]:+.2f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="of training, for each precision")
    parser.add_argument("--experiment", choices=EXPERIMENTS, default="deblurgan")
    parser.add_argument("--preset", default="quick", help="its sizes, rate and losses")
    parser.add_argument("--steps_per_epoch", type=int, default=20, help="steps between two points of a curve")
    parser.add_argument("--data", action="append", default=[], help="folders; the embedded photographs if left out")
    parser.add_argument("--vgg_weights", help="file, where the schedule has a perceptual loss")
    parser.add_argument("--workdir", type=Path, default=Path("runs/precision"))
    options = parser.parse_args()
    curves = {}
    for precision in PRECISIONS:
        settings = settings_of(options, precision)
        sequence.run(settings, ["train"])
        curves[precision] = curve(settings)
    with (options.workdir / "curves.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(row for rows in curves.values() for row in rows)
    told = table(curves)
    (options.workdir / "table.md").write_text(told + "\n", encoding="utf-8")
    print(told)
    for precision, rows in curves.items():
        print(f"{precision}: {rows[-1]['seconds'] / rows[-1]['steps']:.3f} s per step")


if __name__ == "__main__":
    main()
