"""What each paper's schedule needs on 1, 8 and 64 accelerators: arithmetic from the literals, and one measured rate.

    python benchmarks/needs.py --tflops=100

`--tflops` is what one accelerator sustains. Measured is how many crops a core reads from packed photographs of 1280x720
and degrades in a second: each paper's own stream runs for `--seconds`, and crops are divided by the processor time that
all threads took. Papers that train on pairs need no more than that.

Counted are convolutions: forward, and two products of the same size wherever inputs and weights are differentiated. The
images of all steps, hence the schedule's arithmetic, stay the same: a batch smaller than the number of accelerators
grows to one image each, in so many fewer steps. The last columns: crops that all accelerators take in a second, those
that a core makes, cores that are wanted, and megabytes of gradients that each accelerator sends.
"""

import argparse
import tempfile
import time
from pathlib import Path

import keras
from pipeline import make_pairs
from wgan_step import gflop

from gandeblur.data.datasets import ImageSet
from gandeblur.data.datasets.packed import open_packed, pack
from gandeblur.data.degradations import shrunk_by
from gandeblur.data.pipeline import Source, training_stream
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.losses.terms import OnFeatures, OnSlopes

ACCELERATORS = (1, 8, 64)


def step_gflop(paper):
    """Of one call of the train step, for one image of each minibatch."""
    training, crop_px = paper.training, paper.data.crop_px
    work = {name: gflop(network.build(crop_px), crop_px) for name, network in paper.networks.items()}
    critic_steps = training.discriminator_steps
    penalty = any(isinstance(term.loss, OnSlopes) for term in paper.discriminator_terms)
    perceptual = any(isinstance(term.loss, OnFeatures) for term in paper.generator_terms)
    # The critic sees sharp and restored images, 3 passes each, and a penalty takes 6 (see `wgan_step.py`).
    total = (critic_steps + 3 * training.generator_steps - 1) * work["generator"]
    total += ((12 if penalty else 6) * critic_steps + 2 * training.generator_steps) * work["discriminator"]
    if perceptual:
        vgg = keras.applications.VGG19(weights=None, include_top=False)
        features = keras.Model(vgg.input, vgg.get_layer("block3_conv3").output)
        total += 3 * training.generator_steps * gflop(features, crop_px)
    return total


def crops_per_core(data, photographs, seconds):
    """Crops that a paper's stream makes of photographs in a second of one core."""
    batch_size = 8
    stream = training_stream(
        [Source(photographs, shrunk_by(data.photographs, data.downsample))],
        crop_px=data.crop_px,
        max_zoom=data.max_zoom,
        turned=data.turned,
        batch_size=batch_size,
        seed=0,
        start_step=0,
        total_steps=10**6,
    )
    batches = iter(stream)
    for _ in range(40):  # the buffers are full, the kernels' program is compiled
        next(batches)
    began, used, count = time.monotonic(), time.process_time(), 0
    while time.monotonic() < began + seconds:
        next(batches)
        count += batch_size
    return count / (time.process_time() - used)


def packed_photographs(folder):
    """Photographs of 1280x720, made, read as the crops of large sets are."""
    make_pairs(folder / "made")
    pack(ImageSet("made", tuple(sorted((folder / "made").rglob("sharp/*")))), folder / "packed")
    return open_packed(folder / "packed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tflops", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=20, help="for each paper's stream")
    options = parser.parse_args()
    print(f"{options.tflops:g} TFLOP/s each\n")
    heads = ("TFLOP / image", "images", "devices", "batch", "minutes", "crops / s", "of one core", "cores", "MB / s")
    print(f"{'':17}" + "".join(f"{head:>14}" for head in heads))
    with tempfile.TemporaryDirectory() as folder:
        photographs = packed_photographs(Path(folder))
        rates = {
            name: crops_per_core(one.paper.data, photographs, options.seconds) for name, one in EXPERIMENTS.items()
        }
    for name, experiment in EXPERIMENTS.items():
        paper = experiment.paper
        training = paper.training
        work = step_gflop(paper) / 1000
        calls = training.epochs * training.steps_per_epoch * training.batch_size
        gradients = paper.generator.parameters * training.generator_steps
        if paper.discriminator:
            gradients += paper.discriminator.parameters * training.discriminator_steps
        for count in ACCELERATORS:
            batch = max(training.batch_size, count)
            used = min(count, batch)
            seconds = calls * work / (options.tflops * used)
            crops = calls * max(1, training.discriminator_steps) / seconds
            steps = calls / batch / seconds
            # A ring passes each gradient twice, but for the accelerator's own share.
            sent = 8e-6 * (1 - 1 / used) * steps * gradients
            row = (f"{work:.2f}", f"{calls:,}", count, batch, f"{seconds / 60:.1f}", f"{crops:.0f}")
            row += (f"{rates[name]:.0f}", f"{crops / rates[name]:.1f}", f"{sent:.0f}")
            print(f"{name:17}" + "".join(f"{value:>14}" for value in row), flush=True)


if __name__ == "__main__":
    main()
