"""Times one training step of DeblurGAN (WGAN-GP with VGG19's features), side by side with PyTorch in one run.

    python benchmarks/wgan_step.py --crop=128 --precision=bfloat16

Per step: `--critic_steps` steps of the critic on an image each, with gradient penalty, and one of the generator. VGG's
weights are random: its arithmetic is what counts. PyTorch, if installed, has the same networks (`torch_generator.py`).
The rounds alternate, and the fastest counts. Beside it stands what the convolutions alone would take at the rate of a
matrix product. Run it alone on the machine.
"""

import argparse
import importlib.util
import time

import keras
import numpy as np
from gan_d_step import matrix_rate

from gandeblur.experiments import deblurgan
from gandeblur.losses import perceptual
from gandeblur.losses.terms import OnImages, Term
from gandeblur.models.layers import hardware
from gandeblur.training.gan import GAN

LOSS = deblurgan.PERCEPTUAL.loss.features


def networks(crop_px):
    generator = deblurgan.GENERATOR.builder(**deblurgan.GENERATOR.widths | {"dropout": 0.0})
    critic = deblurgan.CRITIC.build(crop_px)
    keras.config.set_dtype_policy("float32")
    vgg = keras.applications.VGG19(weights=None, include_top=False)
    last = vgg.get_layer(LOSS.layer)
    last.activation = None
    return generator, critic, keras.Model(vgg.input, last.output)


def keras_step(generator, critic, vgg, images):
    vgg.trainable = False
    content = Term("content", OnImages(perceptual.perceptual_loss(vgg)), deblurgan.PERCEPTUAL.weight)
    model = GAN(
        generator,
        critic,
        generator_terms=(content, deblurgan.WASSERSTEIN),
        discriminator_terms=(deblurgan.GAP, deblurgan.PENALTY),
        discriminator_steps=len(images[0]),
        value_range=(-1.0, 1.0),
    )
    model.compile(keras.optimizers.Adam(1e-4, beta_1=0.5), keras.optimizers.Adam(1e-4, beta_1=0.5))
    tensors = [keras.ops.convert_to_tensor(part) for part in images]
    return lambda: model.train_on_batch(*tensors)


def torch_step(generator, critic, vgg, images, precision):
    """The same step, or None if torch is not installed."""
    if not importlib.util.find_spec("torch"):
        return None
    import torch
    from torch_generator import TorchGenerator

    generator, critic, vgg = (TorchGenerator(network) for network in (generator, critic, vgg))
    for network in (generator, critic):
        network.requires_grad_(True)
    adam = {network: torch.optim.Adam(network.parameters(), 1e-4, (0.5, 0.999)) for network in (generator, critic)}
    degraded, sharp = (
        torch.from_numpy(2 * part.transpose(0, 3, 1, 2) - 1).contiguous(memory_format=torch.channels_last)
        for part in images[:2]
    )
    mixing = torch.from_numpy(images[2])[:, None, None, None]
    mean = torch.tensor([103.939, 116.779, 123.68])[:, None, None]

    def seen(x):
        with torch.autocast("cpu", enabled=False):
            return vgg(127.5 * (x.float().flip(1) + 1) - mean)

    def optimise(network, loss):
        adam[network].zero_grad()
        loss.backward()
        adam[network].step()
        return float(loss.detach())

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            for number in range(len(degraded)):
                one = slice(number, number + 1)
                with torch.set_grad_enabled(number == len(degraded) - 1):
                    restored = generator(degraded[one])
                fake = restored.detach()
                between = (mixing[one] * sharp[one] + (1 - mixing[one]) * fake).requires_grad_()
                [slopes] = torch.autograd.grad(critic(between).mean(), between, create_graph=True)
                penalty = (slopes.float().square().sum().sqrt() - 1) ** 2
                optimise(critic, critic(fake).mean() - critic(sharp[one]).mean() + 10 * penalty)
            with torch.no_grad():
                target = seen(sharp[one])
            content = (seen(restored) - target).square().mean() / 127.5**2
            return optimise(generator, 100 * content - critic(restored).mean())

    return step


def gflop(network, crop_px):
    """Of the convolutions of one forward pass."""
    layers = [layer for layer in network.layers if len(getattr(layer, "kernel", np.zeros(0)).shape) == 4]
    # The kernel meets each pixel of the output once, that of a transposed convolution each pixel of the input.
    sides = [one.input if isinstance(one, keras.layers.Conv2DTranspose) else one.output for one in layers]
    shapes = keras.Model(network.inputs, sides).compute_output_shape((1, crop_px, crop_px, network.input_shape[-1]))
    pairs = zip(layers, shapes, strict=True)
    return sum(2e-9 * np.prod(layer.kernel.shape) * np.prod(shape[1:3]) for layer, shape in pairs)


def step_gflop(generator, critic, vgg, critic_steps, crop_px):
    """Forward passes, and two products of the same size wherever weights and inputs are differentiated."""
    of_generator = critic_steps + 2
    # Sharp and restored images: 3 each. The slope is a pass and its derivative; both are differentiated again: 2 and 4.
    of_critic = 12 * critic_steps + 2
    counts = (of_generator, generator), (of_critic, critic), (3, vgg)
    return sum(count * gflop(network, crop_px) for count, network in counts)


def seconds(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crop", type=int, default=128, help="pixels")
    parser.add_argument("--critic_steps", type=int, default=5)
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    side = arguments.critic_steps, arguments.crop, arguments.crop, 3
    images = rng.random(side, np.float32), rng.random(side, np.float32), rng.random(side[0], np.float32)
    keras.config.set_dtype_policy("float32")
    theirs = torch_step(*networks(arguments.crop), images, arguments.precision)
    keras.config.set_dtype_policy(hardware.dtype_policy(arguments.precision))
    steps = {"this suite": keras_step(*networks(arguments.crop), images), "PyTorch": theirs}
    times = {name: [] for name, step in steps.items() if step}
    for number in range(arguments.rounds + 2):
        for name in times:
            taken = seconds(steps[name])
            if number >= 2:  # the first ones trace and allocate
                times[name].append(taken)
    best = {name: min(values) for name, values in times.items()}
    print(f"\n{keras.backend.backend()}, {side[0]} critic steps, {side[1]} px, {arguments.precision}")
    for name, value in best.items():
        print(f"{name:12} {value:7.3f} s per step   {value / best['this suite']:.2f} of this suite's time")
    keras.config.set_dtype_policy("float32")
    work, rate = step_gflop(*networks(arguments.crop), arguments.critic_steps, arguments.crop), matrix_rate()
    print(f"convolutions {work / rate:7.3f} s: {work:.0f} GFLOP at the {rate:.0f} GFLOP/s of a float32 matrix product")


if __name__ == "__main__":
    main()
