"""What a network learns from photographs blurred in light, and from the same blurred in stored values.

    python benchmarks/light.py --data=PHOTOGRAPHS,... --test=PAIRS,... --steps=120

IRD-GAN's generator goes on from `--start` by its pixel losses, for each gamma on the same crops, blurred along the same
paths. Prints the PSNR (dB, 8-bit RGB, mean over a test set's images) of blurred and restored images, and by how many of
255 grey levels they are brighter than the sharp ones.
"""

import argparse
import dataclasses

import numpy as np

from gandeblur.experiments.paper import Experiment
from gandeblur.evaluation import metrics
from gandeblur.experiments import ird_gan, sources, train
from gandeblur.experiments.evaluate import pairs
from gandeblur.experiments.settings import choose
from gandeblur.inference.restore import Deblurrer


def settings_of(gamma, options):
    blur, *others = ird_gan.PIXELS.changes["photographs"]
    photographs = (dataclasses.replace(blur, gamma=gamma), *others)
    changes = {"photographs": photographs, "learning_rate": options.rate, "epochs": 1, "steps_per_epoch": options.steps}
    smaller = dataclasses.replace(ird_gan.PIXELS, changes={**ird_gan.PIXELS.changes, **changes})
    experiment = Experiment({"ird": ird_gan.PAPER}, {"quick": smaller})
    data = {"train_data": options.data, "test_data": options.test, "start": options.start}
    return choose(experiment, seed=options.seed, workdir="unused", **data)


def trained(settings):
    model = train.build(settings)
    sets, _ = zip(*sources.training_images(settings), strict=True)
    stream = sources.training_batches(settings, sets, 0)
    model.fit(stream, steps_per_epoch=settings.paper.training.steps_per_epoch, verbose=0, shuffle=False)
    return model.generator


def score(name, generator, settings):
    paper = settings.paper
    restore = Deblurrer(generator, paper.value_range, paper.generator.size_multiple).restore
    for test, condition, source in sources.scored(settings, sources.test_images(settings)):
        rows = []
        for _, blurred, sharp in pairs(source, condition):
            for image in (blurred, restore(blurred)):
                rows.append((metrics.psnr_db(image, sharp), image.mean() - sharp.mean()))
        blurred, restored = np.mean(np.reshape(rows, (-1, 2, 2)), axis=0)
        told = f"{blurred[0]:8.2f} {blurred[1]:8.1f} {restored[0]:8.2f} {restored[1]:8.1f}"
        print(f"{name:12} {test:28} {told}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=lambda text: text.split(","), required=True)
    parser.add_argument("--test", type=lambda text: text.split(","), required=True)
    parser.add_argument("--start", required=True, help="generator weights, or a run's folder")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{'':12} {'test':28}  blurred brighter restored brighter")
    for gamma in (1.0, 2.2):
        settings = settings_of(gamma, options)
        if gamma == 1.0:
            score("start", train.build(settings).generator, settings)
        score(f"gamma {gamma:g}", trained(settings), settings)


if __name__ == "__main__":
    main()
