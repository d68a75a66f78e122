"""Motion kernels and blurred crops per second, all on one core; with --picture, a picture of 24 kernels instead.

python benchmarks/blur.py
python benchmarks/blur.py --picture=docs/images/motion_kernels.png
"""

import argparse
import cmath
import math
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from rich.console import Console
from rich.table import Table

from gandeblur.data.blur.kernels import EXPOSURES, kernel_side_px, motion_kernels
from gandeblur.data.blur.motion import MotionBlur
from gandeblur.data.blur.trajectories import PAPER, SCRIPT, Parameters
from gandeblur.files import replacing

BLOCK = 256
CROP_PX = 256
# What a training run on an accelerator is taken to need: 100 steps a second of 4 crops.
NEEDED_PER_SECOND = 100 * 4
CORES = 8


def plain_kernel(parameters: Parameters) -> list[list[float]]:
    """The same kernel step by step in plain Python: complex numbers, the `random` module, lists."""
    uniform, gauss = random.random, random.gauss
    steps, length = parameters.steps, parameters.length_px
    inertia, p_b, p_g = (
        random.uniform(*low_high)
        for low_high in (parameters.inertia, parameters.shake_probability, parameters.gaussian_shake)
    )
    p_s = random.choice(parameters.impulsiveness)
    step = length / (steps - 1)
    probability = p_b * p_s
    velocity = step * cmath.exp(2j * math.pi * uniform())
    position = 0j
    path = [position]
    for _ in range(steps - 1):
        change = p_s * (p_g * complex(gauss(0, 1), gauss(0, 1)) - inertia * position) * step
        if uniform() < probability:
            change += 2 * velocity * cmath.exp(1j * (math.pi + uniform() - 0.5))
        velocity += change
        velocity *= step / abs(velocity)
        position += velocity
        path.append(position)

    path = path[: max(1, round(random.choice(EXPOSURES) * steps))]
    side = kernel_side_px(length)
    shift = complex(side // 2, side // 2) - sum(path) / len(path)
    weight = 1 / len(path)
    kernel = [[0.0] * side for _ in range(side)]
    for point in path:
        point += shift
        row, column = int(point.imag), int(point.real)
        down, right = point.imag - row, point.real - column
        upper, lower = kernel[row], kernel[row + 1]
        upper[column] += weight * (1 - down) * (1 - right)
        upper[column + 1] += weight * (1 - down) * right
        lower[column] += weight * down * (1 - right)
        lower[column + 1] += weight * down * right
    return kernel


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Median duration of one call after a first one that is not counted."""
    call()
    durations = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return float(np.median(durations))


def crops_per_second(step: MotionBlur, blocks: int) -> float:
    """Crops through `tf.data`, the drawing of their kernels included, without the time to the first block."""
    crop = tf.constant(np.random.default_rng(0).random((CROP_PX, CROP_PX, 3), dtype=np.float32))
    drawn = tf.data.Dataset.range(blocks + 1).map(lambda block: step.draw(tf.stack([0, block]), BLOCK)).unbatch()
    crops = drawn.map(lambda row: step(crop, row))
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    iterator = iter(crops.with_options(options))
    for _ in range(BLOCK):
        next(iterator)
    start = time.perf_counter()
    count = sum(1 for _ in iterator)
    return count / (time.perf_counter() - start)


def report(repeats: int) -> None:
    """Prints the table of kernels and the speed of crops."""
    side = kernel_side_px(PAPER.length_px)
    table = Table("", "kernels/s", "us/kernel", "ratio", title=f"kernels of {side} px, one core")
    for name, parameters in (("paper", PAPER), ("script", SCRIPT)):
        draw = tf.function(lambda seed, parameters=parameters: motion_kernels(seed, BLOCK, parameters))
        ours = seconds(lambda draw=draw: draw(tf.constant([0, 0])).numpy(), 5 * repeats) / BLOCK
        plain = seconds(lambda parameters=parameters: plain_kernel(parameters), 20 * repeats)
        for row, duration in ((f"{name}, blocks of {BLOCK}", ours), (f"{name}, plain Python loop", plain)):
            table.add_row(row, f"{1 / duration:.0f}", f"{1e6 * duration:.0f}", f"{plain / duration:.1f}")
    Console().print(table)

    speed = crops_per_second(MotionBlur(SCRIPT), max(1, repeats // 5))
    print(f"crops of {CROP_PX} px/s, one core: {speed:.0f}; x {CORES} cores: {CORES * speed:.0f}")
    print(f"needed: {NEEDED_PER_SECOND} crops/s (100 steps/s of 4); {CORES} cores are extrapolated, not measured")


def picture(path: Path) -> None:
    """Writes 24 kernels: three paths of PAPER above, of SCRIPT below, each at the four exposures."""
    seed = tf.constant([0, 0])
    rows = []
    for parameters in (PAPER, SCRIPT):
        kernels = np.stack([motion_kernels(seed, 3, parameters, (exposure,)).numpy() for exposure in EXPOSURES], axis=1)
        scaled = np.sqrt(kernels / kernels.max(axis=(2, 3), keepdims=True))  # the root shows faint parts
        framed = np.pad(scaled, ((0, 0), (0, 0), (2, 2), (2, 2)), constant_values=0.3)
        rows.append(np.hstack(framed.reshape(-1, *framed.shape[2:])))
    pixels = np.kron(np.uint8(np.rint(255 * np.vstack(rows))), np.ones((2, 2), np.uint8))
    with replacing(path) as temporary:
        Image.fromarray(pixels).save(temporary)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10, help="scales how long each row is timed (default: 10)")
    parser.add_argument("--picture", type=Path, help="PNG file to write instead of the timings")
    arguments = parser.parse_args()
    if arguments.picture:
        picture(arguments.picture)
        return
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    report(arguments.repeats)


if __name__ == "__main__":
    main()
