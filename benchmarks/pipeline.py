"""Images per second of the training stream, stage by stage; the share of a step spent waiting for data.

python benchmarks/pipeline.py --batches 50
"""

import argparse
import time
from collections.abc import Callable, Iterable

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

from gandeblur.data.datasets import sample
from gandeblur.data.pipeline import training_stream
from gandeblur.experiments.gan_d import DEGRADATIONS, EXPERIMENT
from gandeblur.training.gan import GAN

BATCH_SIZE = 8
CROP_PX = 128


def images_per_second(batches: int, **options) -> float:
    """Speed of the training stream on the sample images, without the time to its first batch."""
    stream = training_stream(
        sample.train(),
        **dict(crop_px=CROP_PX, max_zoom=1.0, degradations=DEGRADATIONS) | options,
        batch_size=BATCH_SIZE,
        seed=0,
        start_step=0,
        total_steps=batches + 1,
    )
    iterator = iter(stream)
    next(iterator)
    start = time.perf_counter()
    count = sum(1 for _ in iterator)
    return count * BATCH_SIZE / (time.perf_counter() - start)


def wait_share(step: Callable[..., object], dataset: Iterable, steps: int) -> float:
    """Share of the time of a training loop that passes in waiting for the next batch.

    Args:
        step: called as `step(*batch)`; must return only when its work is done (read a loss back on a GPU).
        dataset: at least `steps + 1` batches; the first is not counted.
        steps: training steps to measure.

    Returns:
        The share, from 0 to 1.
    """
    iterator = iter(dataset)
    step(*next(iterator))
    waited = 0.0
    start = time.perf_counter()
    for _ in range(steps):
        asked = time.perf_counter()
        batch = next(iterator)
        waited += time.perf_counter() - asked
        step(*batch)
    return waited / (time.perf_counter() - start)


def training_step() -> Callable[..., object]:
    """GAN-D's training step, generator and discriminator, as `python experiments/gan_d.py` runs it."""
    variant, preset = EXPERIMENT.variants["combined"], EXPERIMENT.presets["cpu_hour"]
    model = GAN(
        variant.generator(preset.identity_noise),
        variant.discriminator(CROP_PX),
        generator_terms=variant.generator_terms,
        discriminator_terms=variant.discriminator_terms,
    )
    model.compile(*(keras.optimizers.Adam(preset.learning_rate) for _ in range(2)))
    return lambda degraded, sharp: np.asarray(model.train_on_batch(degraded, sharp)[0])  # waits for the result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=100, help="batches to time for each row (default: 100)")
    parser.add_argument("--steps", type=int, default=10, help="training steps for the data wait (default: 10)")
    arguments = parser.parse_args()
    batches = arguments.batches

    table = Table("stages", "images/s", "ms/image", title=f"batch {BATCH_SIZE}, crops of {CROP_PX} px, sample images")

    def row(stages: str, **options) -> None:
        speed = images_per_second(batches, **options)
        table.add_row(stages, f"{speed:.0f}", f"{1000 / speed:.2f}")

    names = [step.func.__name__ for step in DEGRADATIONS]
    row("crop, flip, batch", degradations=())
    for count, name in enumerate(names, start=1):
        row(f"... + {name}" if count < len(names) else f"... + {name} = all", degradations=DEGRADATIONS[:count])
    row("all, crops zoomed up to 2", max_zoom=2.0)
    row("all, decoding at each use", cache_bytes=0)
    Console().print(table)

    stream = training_stream(
        sample.train(),
        crop_px=CROP_PX,
        max_zoom=4.0,
        degradations=DEGRADATIONS,
        batch_size=BATCH_SIZE,
        seed=0,
        start_step=0,
        total_steps=arguments.steps + 1,
    )
    share = wait_share(training_step(), stream, arguments.steps)
    print(f"share of a GAN-D training step spent waiting for data, zoom up to 4: {100 * share:.2f} %")


if __name__ == "__main__":
    main()
