"""Times every convolution of the networks in each way that it can take, in turns in one process.

    python benchmarks/convolutions.py                      forward, as in restoring 1280x720
    python benchmarks/convolutions.py --train --size=96x96 --batch=2
    python benchmarks/convolutions.py --errors             of Winograd's filtering, by tile size and points
    python benchmarks/convolutions.py --networks --train --size=256x256    whole generators, direct / as taken

The shapes are those of the six papers' networks at the given size of the image. The ways are those of
`models/layers/convolution.py`; `taken` is the one that its rule takes. `direct / way` is the median over the rounds of
the ratio of two neighbours in time. Run it alone on the machine.
"""

import argparse
import time
from collections.abc import Callable
from unittest import mock

import keras
import numpy as np
from keras import ops

from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.models.layers import convolution, winograd


def shapes(height: int, width: int) -> dict[tuple, tuple[keras.layers.Layer, str]]:
    """(H, W, C) and the layer's config -> one layer of that kind and the first network that has it."""
    found: dict[tuple, tuple[keras.layers.Layer, str]] = {}
    for name, experiment in EXPERIMENTS.items():
        generator = experiment.paper.generator.build(experiment.paper.data.crop_px)
        layers = [layer for layer in generator.layers if isinstance(layer, convolution.Conv2D)]
        if not layers:
            continue
        outputs = keras.Model(generator.inputs, [layer.input for layer in layers])
        for layer, shape in zip(layers, outputs.compute_output_shape((1, height, width, 3)), strict=True):
            key = (*shape[1:], layer.filters, *layer.kernel_size, layer.strides[0], layer.padding)
            found.setdefault(key, (layer, name))
    return found


def function(layer: keras.layers.Layer, way: str, train: bool) -> Callable:
    import tensorflow as tf

    def forward(x, w):
        with mock.patch.object(convolution.Conv2D, "way", lambda *_: way):
            return layer.convolution_op(x, w)

    def both(x, w):
        with tf.GradientTape() as tape:
            tape.watch([x, w])
            loss = tf.reduce_sum(forward(x, w))
        return tape.gradient(loss, [x, w])[1]

    return tf.function(both if train else forward)


def ways(layer: keras.layers.Layer) -> list[str]:
    possible = ["direct"]
    if layer.strides == (1, 1):
        if layer.kernel_size in [(taps, taps) for taps in winograd.TAPS]:
            possible.append("winograd")
        if layer.kernel_size[0] * layer.kernel_size[1] > 9:
            possible.append("spectral")
    return possible


POINTS = {
    "F(2x2), 0, 1, -1": (0, 1, -1),
    "F(4x4), 0, +-1, +-2": (0, 1, -1, 2, -2),
    "F(4x4), as taken": winograd.POINTS,
    "F(6x6), 0, +-1, +-2, +-1/2": (0, 1, -1, 2, -2, 0.5, -0.5),
}


def errors() -> None:
    """Prints how far output and gradients in float32 are from those in float64, for 256 maps."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 26, 26, 256)), rng.standard_normal((3, 3, 256, 256)) / 48
    upstream = rng.standard_normal((1, 24, 24, 256))

    def of(correlate, dtype):
        images, kernel, weights = (tf.constant(part, dtype) for part in (x, w, upstream))
        with tf.GradientTape() as outer:
            outer.watch([images, kernel])
            with tf.GradientTape() as tape:
                tape.watch([images, kernel])
                output = correlate(images, kernel)
                loss = tf.reduce_sum(output * weights * tf.nn.relu(output))
            gradients = tape.gradient(loss, [images, kernel])
            square = tf.reduce_sum(tf.square(gradients[0]))
        return [part.numpy() for part in (output, *gradients, outer.gradient(square, kernel))]

    def direct(images, kernel):
        return tf.nn.conv2d(images, kernel, 1, "VALID")

    exact = of(direct, tf.float64)

    def line(name, found):
        rms = [np.sqrt(np.mean((one - other) ** 2)) / other.std() for one, other in zip(found, exact, strict=True)]
        largest = np.abs(found[0] - exact[0]).max() / exact[0].std()
        print(f"{name:28}" + "".join(f"{error:12.1e}" for error in (rms[0], largest, *rms[1:])))

    print("error / standard deviation        output     largest   of x, rms   of w, rms   2nd, of w")
    line("direct", of(direct, tf.float32))
    for name, points in POINTS.items():
        with mock.patch.object(winograd, "POINTS", points):
            line(name, of(winograd.correlate, tf.float32))


def networks(names: list[str], height: int, width: int, batch: int, train: bool, rounds: int) -> None:
    """Prints the time of each generator by direct convolutions over its time by those that the rule takes."""
    import tensorflow as tf

    print("network               direct ms   direct / as taken")
    for name in names:
        experiment = EXPERIMENTS[name]
        generator = experiment.paper.generator.build(experiment.paper.data.crop_px)
        size = generator.input_shape[1:3]
        if None not in size and size != (height, width):
            continue
        x = tf.random.stateless_uniform((batch, height, width, 3), (0, 0))

        def step(images, generator=generator):
            if not train:
                return tf.reduce_sum(generator(images, training=False))
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.square(generator(images, training=True)))
            return sum(tf.reduce_sum(part) for part in tape.gradient(loss, generator.trainable_variables))

        direct, taken = tf.function(step), tf.function(step)
        with convolution.plain_convolution():
            direct(x)
        taken(x)
        times = np.array([[_seconds(call, x) for call in (direct, taken)] for _ in range(rounds)])
        median = 1e3 * np.median(times[:, 0])
        print(f"{name:20} {median:10.1f}   {np.median(times[:, 0] / times[:, 1]):.2f}", flush=True)


def _seconds(call, *args):
    started = time.perf_counter()
    np.asarray(ops.ravel(call(*args))[0])
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--train", action="store_true", help="forward and both gradients")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kernel", type=int, help="only kernels of this height")
    parser.add_argument("--errors", action="store_true")
    parser.add_argument("--networks", action="store_true", help="whole generators")
    parser.add_argument("--experiment", action="append", choices=sorted(EXPERIMENTS), help="of --networks (all)")
    options = parser.parse_args()
    if options.errors:
        errors()
        return
    width, height = map(int, options.size.split("x"))
    if options.networks:
        networks(options.experiment or list(EXPERIMENTS), height, width, options.batch, options.train, options.rounds)
        return
    rng = np.random.default_rng(0)
    print(f"{options.size}, batch {options.batch}, {'forward and gradients' if options.train else 'forward'}")
    print("first network      input           kernel    maps  direct ms   direct / way")
    for key, (layer, network) in shapes(height, width).items():
        high, wide, channels, filters, *_ = key
        if options.kernel and layer.kernel_size[0] != options.kernel:
            continue
        possible = ways(layer)
        if len(possible) == 1 and not options.kernel:
            continue
        x = ops.convert_to_tensor(rng.standard_normal((options.batch, high, wide, channels), np.float32))
        w = ops.convert_to_tensor(0.05 * rng.standard_normal((*layer.kernel_size, channels, filters), np.float32))
        calls = {way: function(layer, way, options.train) for way in possible}
        times: dict[str, list[float]] = {way: [] for way in possible}
        for number in range(options.rounds + 1):
            for way, call in calls.items():
                seconds = _seconds(call, x, w)
                if number:
                    times[way].append(seconds)
        direct = np.array(times["direct"])
        ratios = {way: np.median(direct / np.array(times[way])) for way in possible[1:]}
        kernel = "x".join(map(str, layer.kernel_size)) + (f" /{layer.strides[0]}" if layer.strides[0] > 1 else "")
        line = (
            f"{network:18} {f'{high}x{wide}x{channels}':15} {kernel:8} {filters:5} {1e3 * np.median(direct):10.1f}   "
        )
        line += ", ".join(f"{way} {ratio:.2f}" for way, ratio in ratios.items())
        print(line + f"   taken: {layer.way((options.batch, high, wide, channels))}", flush=True)


if __name__ == "__main__":
    main()
