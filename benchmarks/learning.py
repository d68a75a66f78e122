"""How fast a generator learns by Adam on taps, by Adam in the cosine basis and by Muon, at several rates.

python benchmarks/learning.py --data=FOLDER --test=FOLDER --network=gan_d --seconds=120 --out=learning.csv

Every run trains the generator alone, by its pixel loss, from the same start, on the same crops in the same order, with
a cosine from the rate to 2 % of it, and is scored on the same images. One row per run is appended to `--out`; runs
that the file holds are skipped, so that the table can be made over several sittings. The schedule is laid over the
number of steps that the time allows, which is measured first: equal seconds. With --steps it is equal steps. With --ema
the running average of the weights is scored as well; a generator with dropout is scored without it and with it.
"""

import argparse
import csv
import dataclasses
import itertools
import math
import time
from pathlib import Path

import keras
import numpy as np

from gandeblur.data import pipeline
from gandeblur.data.images import to_uint8
from gandeblur.evaluation import metrics
from gandeblur.experiments import changes, deblurgan, gan_d, ird_gan, recipes
from gandeblur.experiments.spec import Experiment, Recipe
from gandeblur.inference.restore import Deblurrer
from gandeblur.losses import pixel
from gandeblur.losses.terms import OnImages, Term
from gandeblur.stages import inputs
from gandeblur.stages.run import choose
from gandeblur.training.gan import GAN
from gandeblur.training.spectral_adam import SpectralAdam


class KernelMuon(keras.optimizers.Muon):
    """Keras' Muon, for kernels.

    Keras leaves kernels of rank 4 to AdamW. Here each is a matrix `[h w in, out]`, as Muon's author flattens it; biases
    and normalisations stay with Adam, without weight decay.
    """

    def __init__(self, learning_rate):
        super().__init__(learning_rate, weight_decay=None, adam_weight_decay=None)

    def _should_use_adamw(self, variable):
        return len(variable.shape) != 4

    def zeropower_via_newtonschulz5(self, x, steps):
        matrix = keras.ops.reshape(x, (-1, x.shape[-1]))
        return keras.ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x):
        return x * self.rms_rate * max(math.prod(x.shape[:-1]), x.shape[-1]) ** 0.5


RUN = ("network", "seed", "dropout", "rate", "optimizer")  # what tells one row from another
FIELDS = (*RUN, "steps", "seconds", "input_db", "psnr_db", "averaged_db", "dropout_kept_db")
OPTIMIZERS = {
    "taps": keras.optimizers.Adam,
    "cosine": SpectralAdam,
    "muon": KernelMuon,
}
NETWORKS = {  # paper, its small size, loss
    "gan_d": (gan_d.PAPER, recipes.GAN_D["cpu_hour"], pixel.mean_squared_error),
    "deblurgan": (deblurgan.PAPER, recipes.DEBLURGAN["quick"], pixel.mean_absolute_error),
    "ird_gan": (ird_gan.PAPER, recipes.DEBLURGAN["quick"], pixel.mean_absolute_error),
}


def settings_of(network, options, seed, dropout):
    own, recipe, loss = NETWORKS[network]

    def alone(paper):
        paper = changes.without_adversary(recipe.change(paper))
        paper = changes.lasting(1, 10_000)(dataclasses.replace(paper, generator_terms=(Term("pixel", OnImages(loss)),)))
        training = dataclasses.replace(paper.training, discriminator_steps=1)
        if "dropout" in paper.generator.widths:
            paper = changes.widths(dropout=dropout)(paper)
        return dataclasses.replace(paper, training=training)

    experiment = Experiment({"alone": own}, {"quick": Recipe("", alone)})
    return choose(experiment, seed=seed, train_data=options.data, test_data=options.test, workdir="unused")


def build(settings, optimizer, rate, steps, ema):
    paper = settings.paper
    keras.utils.set_random_seed(settings.seed)
    generator = paper.generator.build(paper.data.crop_px)
    model = GAN(
        generator,
        None,
        generator_terms=paper.generator_terms,
        discriminator_terms=(),
        value_range=paper.value_range,
        average_decay=ema,
    )
    model.compile(OPTIMIZERS[optimizer](keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.02)))
    return model


def scores(settings, generator, dropout=False):
    """Mean PSNR of the degraded and of the restored test images, dB; `dropout`: whether it stays active."""
    paper = settings.paper
    restore = Deblurrer(generator, paper.value_range, paper.generator.size_multiple, dropout).restore
    pairs = []
    for _, condition, source in inputs.scored(settings, inputs.test_images(settings)):
        stream = pipeline.evaluation_stream(source, size_px=condition.size_px, batch_size=1, seed=0)
        for degraded, sharp in stream.as_numpy_iterator():
            degraded, sharp = to_uint8(degraded[0], (0, 1)), to_uint8(sharp[0], (0, 1))
            pairs.append((metrics.psnr_db(degraded, sharp), metrics.psnr_db(restore(degraded), sharp)))
    return np.mean(pairs, axis=0)


def run(network, seed, dropout, rate, optimizer, options):
    settings = settings_of(network, options, seed, dropout)
    train_sets = [train for train, _ in inputs.training_images(settings)]
    batches = iter(inputs.training_batches(settings, train_sets, 0))
    steps = options.steps
    if not steps:  # how many fit: of a model that is thrown away
        model = build(settings, optimizer, rate, 10, options.ema)
        for _ in range(3):
            model.train_on_batch(*next(batches))
        started = time.perf_counter()
        for _ in range(10):
            model.train_on_batch(*next(batches))
        steps = max(1, round(options.seconds / (time.perf_counter() - started) * 10))
        batches = iter(inputs.training_batches(settings, train_sets, 0))
    model = build(settings, optimizer, rate, steps, options.ema)
    started = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(*next(batches))
    seconds = time.perf_counter() - started
    before_db, after_db = (round(float(db), 2) for db in scores(settings, model.generator))
    averaged_db = round(float(scores(settings, model.averaged)[1]), 2) if model.averaged else None
    kept_db = round(float(scores(settings, model.generator, dropout=True)[1]), 2) if dropout else None
    values = (network, seed, dropout, rate, optimizer)
    values += (steps, round(seconds), before_db, after_db, averaged_db, kept_db)
    return dict(zip(FIELDS, values, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, action="append", help="all if left out")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, action="append", help="all if left out")
    parser.add_argument("--rate", type=float, action="append", help="2e-4, 5e-4 and 1e-3 if left out")
    parser.add_argument("--seed", type=int, action="append", help="0, 1 and 2 if left out")
    parser.add_argument("--dropout", type=float, action="append", help="of the generator; the paper's if left out")
    parser.add_argument("--data", action="append", default=[], help="folders to train on; the embedded photographs")
    parser.add_argument("--test", action="append", default=[], help="folders to score; the embedded photographs")
    parser.add_argument("--seconds", type=float, default=120.0, help="of training per run")
    parser.add_argument("--steps", type=int, help="of training per run, in place of --seconds")
    parser.add_argument("--ema", type=float, help="decay, as 0.999, of the average")
    parser.add_argument("--out", type=Path, required=True, help="CSV file, continued if it is there")
    options = parser.parse_args()
    networks = options.network or list(NETWORKS)
    shares = {network: NETWORKS[network][0].generator.widths.get("dropout") for network in networks}
    if options.dropout and None in shares.values():
        parser.error("--dropout: gan_d has none; choose the others by --network")
    held = []
    if options.out.exists():
        with options.out.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            if tuple(rows.fieldnames or FIELDS) != FIELDS:
                parser.error(f"{options.out} has other columns than {','.join(FIELDS)}: take another --out")
            held = [tuple(row[name] for name in RUN) for row in rows]
    with options.out.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not held:
            writer.writeheader()
        for network in networks:
            for chosen in itertools.product(
                [network],
                options.seed or [0, 1, 2],
                options.dropout or [shares[network] or 0.0],
                options.rate or [2e-4, 5e-4, 1e-3],
                options.optimizer or OPTIMIZERS,
            ):
                if tuple(map(str, chosen)) not in held:
                    row = run(*chosen, options)
                    writer.writerow(row)
                    file.flush()
                    print(row, flush=True)


if __name__ == "__main__":
    main()
