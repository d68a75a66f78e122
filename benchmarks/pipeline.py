"""Images per second of the training stream, stage by stage; the share of a step spent waiting for data.

python benchmarks/pipeline.py --batches 50
"""

import argparse
import time
from collections.abc import Callable, Iterable
from functools import partial

from rich.console import Console
from rich.table import Table

from gandeblur.data.datasets import sample
from gandeblur.data.degradations import blur, disk_kernel, gain_and_clip, gaussian_noise, jpeg
from gandeblur.data.pipeline import training_stream

BATCH_SIZE = 8
CROP_PX = 128
# GAN-D, section IV.
STEPS = {
    "pillbox blur": partial(blur, kernel=disk_kernel(3.5)),
    "gain and clip": partial(gain_and_clip, gain=1.3),
    "noise": partial(gaussian_noise, variance=0.0005),
    "JPEG": partial(jpeg, quality=70),
}


def images_per_second(batches: int, **options) -> float:
    """Speed of the training stream on the sample images, without the time to its first batch."""
    stream = training_stream(
        sample.train(),
        **dict(crop_px=CROP_PX, max_zoom=1.0, degradations=tuple(STEPS.values())) | options,
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=100, help="batches to time for each row (default: 100)")
    batches = parser.parse_args().batches

    table = Table("stages", "images/s", "ms/image", title=f"batch {BATCH_SIZE}, crops of {CROP_PX} px, sample images")

    def row(stages: str, **options) -> None:
        speed = images_per_second(batches, **options)
        table.add_row(stages, f"{speed:.0f}", f"{1000 / speed:.2f}")

    names, steps = list(STEPS), tuple(STEPS.values())
    row("crop, flip, batch", degradations=())
    for count, name in enumerate(names, start=1):
        row(f"... + {name}" if count < len(names) else f"... + {name} = all", degradations=steps[:count])
    row("all, crops zoomed up to 2", max_zoom=2.0)
    row("all, decoding at each use", cache_bytes=0)
    Console().print(table)


if __name__ == "__main__":
    main()
