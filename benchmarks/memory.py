"""Peak memory of a training step, and growth of the pipeline's memory over many batches. Linux.

    python benchmarks/memory.py --out=memory.csv                 a step of each experiment at its paper's batch and crop
    python benchmarks/memory.py --experiment=gan_d --accumulate=1 --accumulate=4
    python benchmarks/memory.py --pipeline --out=pipeline.csv    resident memory over 20,000 batches

The paper's batch goes through a step whole and in parts (`--accumulate`). Every measurement is a process of its own: it
builds the paper's networks, VGG with random weights, and takes one step on random images. Its peak is that of all its
memory, Python and libraries included; `before` is what it held when the networks stood. Of memory on a GPU it says
nothing. Run it alone on the machine. Rows that the file holds are skipped.
"""

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

FIELDS = ("experiment", "backend", "precision", "crop_px", "batch_size", "accumulate", "before_mib", "peak_mib")
WARM_UP = 0.1  # of the batches, left out of the slope
SAMPLES = 200


def memory_mib(name):
    """The process's resident memory now ("VmRSS") or at its highest ("VmHWM")."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def step(options):
    """Takes one step; the row of it."""
    import keras
    import numpy as np

    from gandeblur.experiments.papers import EXPERIMENTS
    from gandeblur.losses import perceptual
    from gandeblur.models.layers import hardware
    from gandeblur.stages import train
    from gandeblur.stages.run import choose

    perceptual._downloaded = lambda network: perceptual._NETWORKS[network](weights=None, include_top=False)
    keras.config.set_dtype_policy(hardware.dtype_policy(options.precision))
    accumulate = options.accumulate[0]
    own = EXPERIMENTS[options.experiment[0]].paper
    settings = choose(
        EXPERIMENTS[own.name],
        preset="paper",
        workdir="unused",
        batch_size=own.training.batch_size // accumulate,
        accumulate=accumulate,
    )
    paper = settings.paper
    model = train.build(settings)
    images = paper.crops_per_step
    degraded, sharp = np.random.default_rng(0).random((2, images, *[paper.data.crop_px] * 2, 3), np.float32)
    before = memory_mib("VmRSS")
    model.train_on_batch(degraded, sharp, np.full(images, 0.5, np.float32))
    values = (own.name, keras.backend.backend(), options.precision, paper.data.crop_px, paper.training.batch_size)
    return dict(zip(FIELDS, (*values, accumulate, round(before), round(memory_mib("VmHWM"))), strict=True))


def pipeline(options):
    """Resident memory, MiB, at `SAMPLES` moments of a stream: rows of batch and memory."""
    import dataclasses

    from gandeblur.experiments.papers import EXPERIMENTS
    from gandeblur.experiments.spec import Recipe
    from gandeblur.stages import inputs
    from gandeblur.stages.run import choose

    experiment = EXPERIMENTS[options.experiment[0]]
    training = {"batch_size": 4, "discriminator_steps": 1, "epochs": 1, "steps_per_epoch": options.batches}

    def small(paper):
        data = dataclasses.replace(paper.data, crop_px=32, downsample=1)
        return dataclasses.replace(paper, data=data, training=dataclasses.replace(paper.training, **training))

    recipes = {"quick": Recipe("small crops", small)}
    settings = choose(dataclasses.replace(experiment, recipes=recipes), workdir="unused")
    rows = []
    stream = inputs.training_batches(settings, [train for train, _ in inputs.training_images(settings)], 0)
    for number, _ in enumerate(stream, start=1):
        if number % max(1, options.batches // SAMPLES) == 0:
            rows.append({"experiment": experiment.paper.name, "batch": number, "resident_mib": memory_mib("VmRSS")})
    return rows


def slope(rows):
    """Bytes per batch of the line nearest to the memory, and its standard error, after the warm-up."""
    import numpy as np

    batch, memory = np.transpose([(row["batch"], row["resident_mib"] * 2**20) for row in rows])
    batch, memory = (values[int(WARM_UP * len(values)) :] for values in (batch, memory))
    (bytes_per_batch, _), covariance = np.polyfit(batch, memory, 1, cov=True)
    return bytes_per_batch, np.sqrt(covariance[0, 0])


def of_process(*flags):
    """What a process of its own measures, or None where it was killed."""
    done = subprocess.run([sys.executable, __file__, "--measure", *flags], stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", action="append", help="all if left out; of the pipeline: gan_d, sharingan")
    parser.add_argument("--accumulate", type=int, action="append", help="1, 4 and the paper's batch if left out")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--pipeline", action="store_true", help="the growth of the pipeline's memory, instead")
    parser.add_argument("--batches", type=int, default=20_000, help="of the pipeline")
    parser.add_argument("--out", type=Path, help="CSV file; of steps, continued if it is there")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(pipeline(options) if options.pipeline else step(options)))
    elif options.pipeline:
        of_pipelines(options)
    else:
        of_steps(options)


def of_pipelines(options):
    rows = []
    for name in options.experiment or ["gan_d", "sharingan"]:
        own = of_process("--pipeline", f"--experiment={name}", f"--batches={options.batches}")
        first, last = own[int(WARM_UP * len(own))], own[-1]
        grown, error = slope(own)
        print(
            f"{name}: {first['resident_mib']:.0f} MiB after {first['batch']:,} batches, {last['resident_mib']:.0f} "
            f"after {last['batch']:,}; slope {grown:.0f} +- {error:.0f} bytes per batch",
            flush=True,
        )
        rows += own
    if options.out:
        with options.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


def of_steps(options):
    import keras

    from gandeblur.experiments.papers import EXPERIMENTS

    held = []
    if options.out and options.out.exists():
        with options.out.open(newline="", encoding="utf-8") as file:
            held = list(csv.DictReader(file))
    print("| experiment | crop, px | batch | parts | before, MiB | peak, MiB |\n|---|---|---|---|---|---|", flush=True)
    for name in options.experiment or EXPERIMENTS:
        batch = EXPERIMENTS[name].paper.training.batch_size
        for accumulate in options.accumulate or sorted({1, min(4, batch), batch}):
            key = (name, keras.backend.backend(), options.precision, str(accumulate))
            named = ("experiment", "backend", "precision", "accumulate")
            row = next((row for row in held if tuple(row[field] for field in named) == key), None)
            if row is None:
                flags = f"--experiment={name}", f"--accumulate={accumulate}", f"--precision={options.precision}"
                row = of_process(*flags)
                if row and options.out:
                    with options.out.open("a", newline="", encoding="utf-8") as file:
                        writer = csv.DictWriter(file, FIELDS)
                        if not held:
                            writer.writeheader()
                        writer.writerow(row)
                    held.append(row)
            if row is None:
                print(f"| {name} | | {batch} | {accumulate} | | killed: the machine has too little |", flush=True)
                continue
            parts = f"{accumulate} x {row['batch_size']}"
            values = (name, row["crop_px"], batch, parts, row["before_mib"], row["peak_mib"])
            print("| " + " | ".join(map(str, values)) + " |", flush=True)


if __name__ == "__main__":
    main()
