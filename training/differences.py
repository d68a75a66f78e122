"""A network's weights as their differences from the initial ones, which a seed draws again: for large networks, most of
whose weights hardly move.

    draw(network, seed)                      the initial weights: a training begins with them
    save(path, network, seed, step)          after it
    weight_files.load_weights(path, network) reads the file

Initial weights come from NumPy's `RandomState`, whose numbers are frozen (NEP 19): they are the same on every machine,
backend and version. Keras' initializers and NumPy's newer generators promise no such thing. Differences are rounded to
multiples of a step. Most are 0 or close to it, and entropy coding, LZMA's, makes that a few bits per weight.
"""

import io
import zipfile
from pathlib import Path

import keras
import numpy as np

from gandeblur.files import replacing

SEED = "seed"  # its key in the file


def drawn(shape: tuple[int, ...], stddev: float, seed: int, index: int) -> np.ndarray:
    """Initial values of weight number `index`: float32, normally distributed."""
    return (stddev * np.random.RandomState([seed, index]).standard_normal(shape)).astype(np.float32)


def draw(network: keras.Model, seed: int) -> None:
    """Draws anew, by `seed`, the weights that an initializer `RandomNormal` of mean 0 has drawn."""
    for index, (weight, stddev) in enumerate(_weights(network)):
        if stddev:
            weight.assign(drawn(tuple(weight.shape), stddev, seed, index))


def save(path: Path, network: keras.Model, seed: int, step: float) -> None:
    """Writes a network's weights to a small NumPy archive, atomically.

    Weights that `draw` set become whole numbers, differences from there in units of `step` times the weight's root
    mean square; other weights of rank 2 and more float16, the rest float32.

    Args:
        path: `NAME.npz`.
        network: trained from `draw(network, seed)`.
        seed: of the initial weights.
        step: 0.25 changes a weight by a fourteenth of the root mean square, in the mean.
    """
    arrays: dict[str, np.ndarray] = {SEED: np.array(seed)}
    for index, (weight, stddev) in enumerate(_weights(network)):
        values, key = keras.ops.convert_to_numpy(weight), f"{index:04d}"
        if stddev:
            unit = np.asarray(step * np.sqrt(np.mean(np.square(values))), np.float32)
            steps = np.round((values - drawn(values.shape, stddev, seed, index)) / unit)
            arrays[key] = steps.astype(np.int8 if np.abs(steps).max() < 128 else np.int32)
            arrays[f"{key}_scale"], arrays[f"{key}_drawn"] = unit, np.asarray(stddev, np.float32)
        else:
            arrays[key] = values.astype(np.float16 if values.ndim > 1 else np.float32)
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_LZMA) as archive:
        for key, array in arrays.items():  # as `numpy.savez_compressed`, which has deflate only, a tenth larger
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr(f"{key}.npy", content.getvalue())


def _weights(network):
    """(weight, standard deviation of its initializer if that is `RandomNormal`, else None), in the network's order."""
    stddevs = {}
    for layer in network.layers:
        initializer = getattr(layer, "kernel_initializer", None)
        if isinstance(initializer, keras.initializers.RandomNormal) and not initializer.mean:
            stddevs[id(layer.kernel)] = initializer.stddev
    return [(weight, stddevs.get(id(weight))) for weight in network.weights]
