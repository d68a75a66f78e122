"""Crops per second of the training stream: from packed images, from PNG files, and of a PyTorch DataLoader with Pillow.

Then GAN-D's stream on the sample images, stage by stage, and the share of a training step spent waiting for data.

python benchmarks/pipeline.py                       pairs of 1280x720 made from the sample photographs
python benchmarks/pipeline.py --pairs=FOLDER        pairs of your own
"""

import argparse
import importlib.util
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import keras
import numpy as np
from PIL import Image, ImageFilter
from rich.console import Console
from rich.table import Table

from gandeblur.data.datasets import PairSet, sample
from gandeblur.data.datasets.find import find
from gandeblur.data.datasets.packed import open_packed, pack
from gandeblur.data.images import read_image
from gandeblur.data.pipeline import Source, training_stream
from gandeblur.experiments import recipes
from gandeblur.experiments.gan_d import DEGRADATIONS, PAPER
from gandeblur.training.gan import GAN

BATCH_SIZE = 8
CROP_PX = 128
PAIR_CROP_PX = 256
MADE_PAIRS = 24


def make_pairs(folder: Path) -> None:
    """Pairs of 1280x720 with the detail of photographs: mosaics of the sample images, and their box blur."""
    rng = np.random.default_rng(0)
    photographs = [read_image(path) for path in (*sample.train().paths, *sample.test().paths)]
    tile = min(min(photograph.shape[:2]) for photograph in photographs)
    for kind in ("blur", "sharp"):
        (folder / "train/made" / kind).mkdir(parents=True)
    for number in range(MADE_PAIRS):
        mosaic = np.zeros((720, 1280, 3), np.uint8)
        for top, left in itertools.product(range(0, 720, tile), range(0, 1280, tile)):
            photograph = photographs[rng.integers(len(photographs))]
            y, x = (rng.integers(side - tile + 1) for side in photograph.shape[:2])
            place = mosaic[top : top + tile, left : left + tile]
            place[:] = photograph[y : y + place.shape[0], x : x + place.shape[1]]
        sharp = Image.fromarray(mosaic)
        sharp.save(folder / f"train/made/sharp/{number:06}.png")
        sharp.filter(ImageFilter.BoxBlur(3)).save(folder / f"train/made/blur/{number:06}.png")


def crops_per_second(batches: Iterable, seconds: float) -> float:
    """Speed of a stream of batches of `BATCH_SIZE`, without the time to its first two."""
    iterator = iter(batches)
    next(iterator), next(iterator)
    start = time.perf_counter()
    count = 0
    while time.perf_counter() - start < seconds:
        next(iterator)
        count += 1
    return count * BATCH_SIZE / (time.perf_counter() - start)


def our_stream(images, **options) -> Iterable:
    return training_stream(
        [Source(images)],
        crop_px=PAIR_CROP_PX,
        batch_size=BATCH_SIZE,
        seed=0,
        start_step=0,
        total_steps=10**6,
        **options,
    )


class PillowPairs:
    """What a PyTorch `DataLoader` reads: a random crop of a pair, flipped or not, as float32 `[3, H, W]` in [0, 1]."""

    def __init__(self, pairs: PairSet):
        self.pairs = pairs

    def __len__(self):
        return 10**6

    def __getitem__(self, index):
        import torch

        pair = self.pairs.pairs[index % len(self.pairs)]
        images = [Image.open(path).convert("RGB") for path in (pair.blurred, pair.sharp)]
        left, top = (int(torch.randint(side - PAIR_CROP_PX + 1, ())) for side in images[0].size)
        flip = torch.rand(()) < 0.5
        crops = []
        for image in images:
            crop = np.array(image.crop((left, top, left + PAIR_CROP_PX, top + PAIR_CROP_PX)))
            crop = torch.from_numpy(crop).permute(2, 0, 1).float() / 255
            crops.append(crop.flip(2) if flip else crop)
        return crops


def compare_readers(pairs_folder: str | None, seconds: float) -> None:
    """Prints crops of pairs per second of the three readers."""
    cores = os.cpu_count()
    with tempfile.TemporaryDirectory() as temporary:
        temporary = Path(temporary)
        if not pairs_folder:
            make_pairs(temporary / "pairs")
        pairs = find(pairs_folder or temporary / "pairs")
        pack(pairs, temporary / "packed")
        height, width = pairs.size(0)
        speeds = {
            "packed": crops_per_second(our_stream(open_packed(temporary / "packed")), seconds),
            "PNG files": crops_per_second(our_stream(pairs, cache_bytes=0), seconds),
        }
        if importlib.util.find_spec("torch"):
            import torch

            loader = torch.utils.data.DataLoader(
                PillowPairs(pairs), BATCH_SIZE, shuffle=True, num_workers=cores, multiprocessing_context="spawn"
            )
            speeds["PNG files, PyTorch DataLoader"] = crops_per_second(loader, seconds)
        table = Table(
            "reader",
            "pairs of crops/s",
            "packed is faster by",
            title=(
                f"{len(pairs)} pairs of {width}x{height}, crops of {PAIR_CROP_PX} px, batch {BATCH_SIZE}, {cores} cores"
            ),
        )
        for reader, speed in speeds.items():
            table.add_row(reader, f"{speed:.0f}", f"{speeds['packed'] / speed:.1f}")
        Console().print(table)
        if "PNG files, PyTorch DataLoader" not in speeds:
            print("PyTorch is not installed (pip install torch): its row is left out")


def images_per_second(batches: int, **options) -> float:
    """Speed of the training stream on the sample images, without the time to its first batch."""
    degradations = options.pop("degradations", DEGRADATIONS)
    stream = training_stream(
        [Source(sample.train(), degradations)],
        crop_px=CROP_PX,
        **options,
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
    paper = recipes.GAN_D["cpu_hour"].of(PAPER)
    model = GAN(
        paper.generator.build(CROP_PX),
        paper.discriminator.build(CROP_PX),
        generator_terms=paper.generator_terms,
        discriminator_terms=paper.discriminator_terms,
        value_range=paper.value_range,
    )
    model.compile(*(keras.optimizers.Adam(paper.training.learning_rate) for _ in range(2)))
    return lambda degraded, sharp, _: np.asarray(model.train_on_batch(degraded, sharp)[0])  # waits for the result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=100, help="batches to time for each row (default: 100)")
    parser.add_argument("--steps", type=int, default=10, help="training steps for the data wait (default: 10)")
    parser.add_argument("--pairs", metavar="FOLDER", help="pairs for the first table; made ones if left out")
    parser.add_argument("--seconds", type=float, default=10, help="for each row of the first table (default: 10)")
    arguments = parser.parse_args()
    batches = arguments.batches

    compare_readers(arguments.pairs, arguments.seconds)

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
        [Source(sample.train(), DEGRADATIONS)],
        crop_px=CROP_PX,
        max_zoom=4.0,
        batch_size=BATCH_SIZE,
        seed=0,
        start_step=0,
        total_steps=arguments.steps + 1,
    )
    share = wait_share(training_step(), stream, arguments.steps)
    print(f"share of a GAN-D training step spent waiting for data, zoom up to 4: {100 * share:.2f} %")


if __name__ == "__main__":
    main()
