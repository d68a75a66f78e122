"""What a network learns from photographs blurred in stored values, in light, in light along two paths, and by laws of
light that are steeper than gamma 2.2.

    python benchmarks/light.py --data=PHOTOGRAPHS,... --test=PAIRS,... --start=WEIGHTS --steps=120

IRD-GAN's generator goes on from `--start` by its pixel losses, each time on the same crops. Prints the PSNR (dB, 8-bit
RGB, mean over a test set's images) of blurred and restored images, and by how many of 255 grey levels they are brighter
than the sharp ones.
"""

import argparse
import dataclasses

import keras
import numpy as np

from gandeblur.data.blur.motion import TwoMotions
from gandeblur.evaluation import metrics
from gandeblur.experiments import ird_gan
from gandeblur.experiments.changes import blurred_by, chain, lasting
from gandeblur.experiments.recipes import DEBLURGAN, LIGHT_BLUR
from gandeblur.experiments.spec import Experiment
from gandeblur.inference.restore import Deblurrer
from gandeblur.models.layers import hardware
from gandeblur.stages import inputs, train
from gandeblur.stages.run import choose
from gandeblur.stages.score import pairs

ONE = LIGHT_BLUR.motion
BLURS = {
    "stored": ONE,
    "light": dataclasses.replace(ONE, gamma=2.2),
    "two in light": TwoMotions(ONE, (2.2, 2.2)),
    "gamma 3": TwoMotions(ONE, (3.0, 3.0)),
    "gamma 4": TwoMotions(ONE, (4.0, 4.0)),
    "gamma 2.2 to 4": TwoMotions(ONE, (2.2, 4.0)),
}


def settings_of(blur, options):
    pixels = DEBLURGAN["pixels"]
    change = chain(pixels.change, blurred_by(blur), lasting(1, options.steps))
    experiment = Experiment({"ird": ird_gan.PAPER}, {"quick": dataclasses.replace(pixels, change=change)})
    data = {
        "train_data": options.data,
        "test_data": options.test,
        "start": options.start,
        "learning_rate": options.rate,
    }
    return choose(experiment, seed=options.seed, precision=options.precision, workdir="unused", **data)


def trained(settings):
    model = train.build(settings)
    sets, _ = zip(*inputs.training_images(settings), strict=True)
    stream = inputs.training_batches(settings, sets, 0)
    model.fit(stream, steps_per_epoch=settings.paper.training.steps_per_epoch, verbose=0, shuffle=False)
    return model.generator


def score(name, generator, settings):
    paper = settings.paper
    restore = Deblurrer(generator, paper.value_range, paper.generator.size_multiple).restore
    for test, condition, source in inputs.scored(settings, inputs.test_images(settings)):
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
    parser.add_argument("--blur", choices=BLURS, action="append", help="all if left out")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    options = parser.parse_args()
    keras.config.set_dtype_policy(hardware.dtype_policy(options.precision))
    print(f"{'':12} {'test':28}  blurred brighter restored brighter")
    start = settings_of(LIGHT_BLUR, options)
    score("start", train.build(start).generator, start)
    for name in options.blur or BLURS:
        settings = settings_of(BLURS[name], options)
        score(name, trained(settings), settings)


if __name__ == "__main__":
    main()
