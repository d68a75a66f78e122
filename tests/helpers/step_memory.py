"""Prints by how many MiB one training step of 16 images, in so many parts, raises the process's memory:

python step_memory.py PARTS
"""

import sys
from pathlib import Path

import numpy as np
import tiny_gan

IMAGES, SIDE_PX = 16, 128


def mib(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def main(parts):
    model = tiny_gan.wgan(maps=12, accumulate=int(parts))
    images = np.random.default_rng(0).random((IMAGES, SIDE_PX, SIDE_PX, 3), np.float32)
    # A first step on small images: what a first step takes whatever its images.
    model.train_on_batch(images[:, :16, :16], images[:, :16, :16], np.full(IMAGES, 0.5, np.float32))
    before = mib("VmRSS")
    model.train_on_batch(images, images, np.full(IMAGES, 0.5, np.float32))
    print(round(mib("VmHWM") - before))


if __name__ == "__main__":
    main(*sys.argv[1:])
