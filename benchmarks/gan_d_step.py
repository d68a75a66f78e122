"""Times one training step of the GAN-D generator (MSE, Adam, 128x128, float32), side by side in one run.

    python benchmarks/gan_d_step.py

This suite and PyTorch (if installed) on a batch, plain keras.layers.Conv2D on one image. The rounds alternate between
the suite and PyTorch, so that a busy machine slows both; the fastest round counts.
"""

import argparse
import time

import keras
import numpy as np

from gandeblur.experiments.gan_d import EQ3, GENERATOR
from gandeblur.models import gan_d
from gandeblur.models.layers.convolution import plain_convolution
from gandeblur.training.gan import GAN

SIDE_PX = 128
MATRIX = 2048
WIDTHS = GENERATOR.widths
# Multiply-adds per pixel, of the network as the paper writes it: forward, and both gradients but the input's own.
WEIGHTS = sum(np.prod(weight.shape) for weight in gan_d.generator(**WIDTHS).weights if len(weight.shape) == 4)
FIRST_LAYER = 121 * 3 * WIDTHS["maps"]


def images(batch):
    rng = np.random.default_rng(0)
    return rng.random((2, batch, SIDE_PX, SIDE_PX, 3), np.float32)


def keras_step(batch):
    """A function that runs one step of this suite's generator on `batch` images."""
    model = GAN(gan_d.generator(**WIDTHS), None, generator_terms=EQ3.generator_terms, discriminator_terms=())
    model.compile(keras.optimizers.Adam(1e-5))
    degraded, sharp = (keras.ops.convert_to_tensor(side) for side in images(batch))
    return lambda: model.train_on_batch(degraded, sharp)


def torch_step(batch):
    """The same network and step in PyTorch, or None if torch is not installed."""
    try:
        import torch
    except ImportError:
        return None
    from torch_generator import TorchGenerator

    network = TorchGenerator(gan_d.generator(**WIDTHS)).requires_grad_()
    optimizer = torch.optim.Adam(network.parameters(), 1e-5)
    degraded, sharp = (torch.from_numpy(side.transpose(0, 3, 1, 2).copy()) for side in images(batch))

    def step():
        optimizer.zero_grad()
        loss = ((network(degraded) - sharp) ** 2).mean()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def seconds(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def matrix_rate():
    """GFLOP/s of a float32 matrix product in the running backend."""
    a = keras.random.normal((MATRIX, MATRIX))
    return max(2e-9 * MATRIX**3 / seconds(lambda: np.asarray(keras.ops.matmul(a, a))) for _ in range(5))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    steps = {"this suite": keras_step(arguments.batch), "PyTorch": torch_step(arguments.batch)}
    steps = {name: step for name, step in steps.items() if step}
    for step in steps.values():  # traces, allocations
        step()
        step()
    times = {name: [] for name in steps}
    for _ in range(arguments.rounds):
        for name, step in steps.items():
            times[name].append(seconds(step))
    per_image = {name: min(values) / arguments.batch for name, values in times.items()}
    plain = keras_step(1)
    with plain_convolution():
        plain()  # traces
    per_image["plain Conv2D"] = min(seconds(plain) for _ in range(2))

    ours = per_image["this suite"]
    rate = matrix_rate()
    direct_gflop = 2e-9 * SIDE_PX**2 * (3 * WEIGHTS - FIRST_LAYER)
    print(f"\n{keras.backend.backend()}, batch {arguments.batch}, {SIDE_PX}x{SIDE_PX}, float32")
    for name, value in per_image.items():
        ratio = "" if name == "this suite" else f"   {name} / this suite = {value / ours:.2f}"
        print(f"{name:14} {value:8.3f} s per image{ratio}")
    print(f"matrix product: {rate:.0f} GFLOP/s")
    print(f"convolutions as written, {direct_gflop:.1f} GFLOP per image: {direct_gflop / rate:.3f} s at that rate")
    print(f"this suite needs {ours * rate / direct_gflop:.2f} of that time")


if __name__ == "__main__":
    main()
