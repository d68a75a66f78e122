"""What holds for every network and every layer; each has a row in `NETWORKS` or `LAYERS`."""

import functools
import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import pytest
from differentiation import gradient
from keras import ops

import gandeblur.models
import gandeblur.models.layers
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.models import dark_channel_gan, deblurgan, gan_d, hkust_gan, ird_gan
from gandeblur.models.layers.batch_norm import BatchNormalization
from gandeblur.models.layers.convolution import Conv2D
from gandeblur.models.layers.image_size import ImageSize
from gandeblur.models.layers.instance_norm import InstanceNormalization
from gandeblur.models.layers.upsampling import UpSampling2D


def same(height, width):
    return height, width, 3


def logit(height, width):
    return (1,)


def patches(height, width):
    """Padded by 2 at each of five convolutions 4x4, of which the first three have stride 2."""
    for stride in (2, 2, 2, 1, 1):
        height, width = (side // stride + 1 for side in (height, width))
    return height, width, 1


@dataclass(frozen=True)
class Row:
    """`build(**tiny)` takes images of `sizes` to images, maps or logits `output(height, width)` within `bounds`."""

    build: Callable[..., keras.Model]
    tiny: Mapping[str, Any]
    sizes: tuple[tuple[int, int], ...]  # height, width
    output: Callable[[int, int], tuple[int, ...]]
    channels: int = 3
    bounds: tuple[float, float] = (-np.inf, np.inf)

    def images(self, size, count=2):
        return np.random.default_rng(0).uniform(-1, 1, (count, *size, self.channels)).astype("float32")


NETWORKS = {
    "gan_d.generator": Row(
        gan_d.generator,
        {"maps": 4, "wide_maps": 6, "identity_noise": 0.05},
        sizes=((16, 16), (33, 47)),
        output=same,
    ),
    "gan_d.odcnn": Row(
        gan_d.odcnn,
        {"maps": 4, "wide_maps": 6, "identity_noise": 0.05},
        sizes=((136, 137), (184, 184)),
        output=lambda height, width: (height - 128, width - 128, 3),
    ),
    "gan_d.discriminator": Row(
        gan_d.discriminator,
        {"block_maps": (4, 6), "dense_units": (8,), "image_px": 33},
        sizes=((33, 33),),
        output=logit,
    ),
    "hkust_gan.generator": Row(
        hkust_gan.generator,
        {"maps": 4, "blocks": 2},
        sizes=((8, 8), (36, 52)),
        output=same,
        bounds=(-1, 1),
    ),
    "hkust_gan.discriminator": Row(
        hkust_gan.discriminator,
        {"maps": 4, "dense_units": 5, "image_px": 32},
        sizes=((32, 32),),
        output=logit,
        bounds=(0, 1),
    ),
    "ird_gan.generator": Row(
        ird_gan.generator,
        {"maps": 4, "blocks": 2, "dropout": 0.2},
        sizes=((4, 8), (36, 52)),
        output=same,
        bounds=(-1, 1),
    ),
    "dark_channel_gan.generator": Row(
        dark_channel_gan.generator,
        {"encoder_maps": (4, 5, 6), "decoder_maps": (7, 8, 3), "dropout": 0.5, "dropout_layers": 1},
        sizes=((8, 8), (24, 40)),
        output=same,
        bounds=(-1, 1),
    ),
    "dark_channel_gan.discriminator": Row(
        dark_channel_gan.discriminator,
        {"maps": (4, 5, 6, 7), "image_px": 16},
        sizes=((16, 16),),
        output=logit,
        channels=6,
    ),
    "deblurgan.generator": Row(
        deblurgan.generator,
        {"maps": 4, "blocks": 2, "dropout": 0.5},
        sizes=((8, 8), (36, 52)),
        output=same,
        bounds=(-1, 1),
    ),
    "deblurgan.critic": Row(
        deblurgan.critic,
        {"maps": 4},
        sizes=((64, 48), (31, 45)),
        output=patches,
    ),
}
for part in ("residual", "skip"):  # the ablations
    row = NETWORKS["ird_gan.generator"]
    NETWORKS[f"ird_gan.generator, no {part}"] = replace(row, tiny={**row.tiny, part: False})
for experiment in EXPERIMENTS.values():  # a paper's generator brings its own tiny widths
    network = experiment.paper.generator
    size = (2 * network.size_multiple, 3 * network.size_multiple)
    row = Row(network.builder, {**network.widths, **network.tiny}, sizes=(size,), output=same)
    NETWORKS.setdefault(f"{network.builder.__module__.rpartition('.')[2]}.{network.builder.__name__}", row)


def network_of(layer):
    """build(**config) -> a network of this layer alone, for images of any size, with float32 output."""

    def build(**config):
        images = keras.Input((None, None, 3))
        x = layer(**config)(images)
        return keras.Model(images, keras.layers.Activation("linear", dtype="float32")(x))

    return build


LAYERS = {
    "BatchNormalization": Row(
        network_of(BatchNormalization), {"own_statistics": True, "momentum": 0.9}, sizes=((8, 8), (5, 7)), output=same
    ),
    "Conv2D": Row(
        network_of(Conv2D),
        {"filters": 4, "kernel_size": 16},
        sizes=((16, 20), (35, 51)),
        output=lambda height, width: (height - 15, width - 15, 4),
    ),
    "ImageSize": Row(network_of(ImageSize), {"multiple_px": 3}, sizes=((9, 6), (3, 15)), output=same),
    "InstanceNormalization": Row(
        network_of(InstanceNormalization), {"epsilon": 0.1}, sizes=((8, 8), (5, 7)), output=same
    ),
    "UpSampling2D": Row(
        network_of(UpSampling2D),
        {},
        sizes=((3, 3), (1, 8)),
        output=lambda height, width: (2 * height, 2 * width, 3),
    ),
}
ROWS = NETWORKS | LAYERS
numpy = ops.convert_to_numpy
ABLATIONS = pytest.mark.slow  # networks of fewer parts, of which models/test_ird_gan.py says what differs
EACH = [pytest.param(name, marks=ABLATIONS) if ", no " in name else name for name in ROWS]
SIZES = [
    pytest.param(name, size, marks=ABLATIONS if ", no " in name else ())
    for name, row in ROWS.items()
    for size in row.sizes
]


@functools.cache
def built(name):
    """The row's network, with the weights of seed 0, which whoever changes them restores."""
    keras.utils.set_random_seed(0)  # whichever test builds it, and after whatever it drew
    return ROWS[name].build(**ROWS[name].tiny)


def output_of(model, images):
    """JAX compiles a batch's prediction as a whole; of a plain call it compiles each operation by itself."""
    return model.predict_on_batch(images) if keras.backend.backend() == "jax" else model(images)


def own(package, kind):
    """Names of the public functions or classes that the package's modules define: {"module.name": value}."""
    found = {}
    for info in pkgutil.iter_modules(package.__path__):
        if not info.ispkg:
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            members = inspect.getmembers(module, kind)
            found |= {f"{info.name}.{k}": v for k, v in members if k[0] != "_" and v.__module__ == module.__name__}
    return found


def test_every_builder_and_layer_has_a_row():
    assert {name.split(",")[0] for name in NETWORKS} == set(own(gandeblur.models, inspect.isfunction))
    classes = own(gandeblur.models.layers, inspect.isclass).values()
    assert set(LAYERS) == {c.__name__ for c in classes if issubclass(c, keras.layers.Layer)}


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_output_has_the_stated_shape_and_type_and_stays_within_its_bounds(name, size):
    row, model = ROWS[name], built(name)
    expected = row.output(*size)
    assert model.compute_output_shape((None, *size, row.channels)) == (None, *expected)
    images = row.images(size)
    outputs = output_of(model, images)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    assert outputs.shape == (2, *expected)
    first, second = numpy(outputs)
    assert np.abs(first - second).max() > 0
    weights = model.get_weights()
    model.set_weights([10 * weight for weight in weights])  # large enough to press against the bounds
    outputs = numpy(output_of(model, images))
    model.set_weights(weights)
    low, high = row.bounds
    assert np.isfinite(outputs).all() and outputs.min() >= low and outputs.max() <= high
    if np.isfinite(high):
        assert np.abs(outputs - (low + high) / 2).max() > 0.45 * (high - low)


@pytest.mark.parametrize("name", EACH)
def test_gradient_reaches_every_weight_and_the_images(name):
    """But for a bias that the normalisation behind it takes away."""
    row, model = ROWS[name], built(name)
    images = row.images(row.sizes[-1])
    cotangent = np.random.default_rng(1).normal(size=(2, *row.output(*row.sizes[-1]))).astype("float32")
    state = [variable.value for variable in model.non_trainable_variables]

    def loss(values):
        *weights, images = values
        return ops.sum(cotangent * model.stateless_call(weights, state, images, training=True)[0])

    # A kernel that starts at 0 lets no gradient pass.
    rng = np.random.default_rng(2)
    starts = [numpy(variable.value) for variable in model.trainable_variables]
    values = [
        rng.normal(0, 1, one.shape).astype("float32") if one.ndim > 1 and not one.any() else one for one in starts
    ]
    *slopes, of_images = (numpy(slope) for slope in gradient(loss, [*values, images]))
    assert np.isfinite(of_images).all() and np.abs(of_images).max() > 1e-5
    layers = {layer.name for layer in model.layers}
    largest = max([np.abs(slope).max() for slope in slopes], default=0)
    for variable, slope in zip(model.trainable_variables, slopes, strict=True):
        layer, kind = variable.path.split("/")[-2:]
        assert np.isfinite(slope).all(), variable.path
        normalised = f"{layer}_norm" in layers or (name == "ird_gan.generator, no residual" and "bottleneck" in layer)
        if kind == "bias" and normalised:
            assert np.abs(slope).max() < 1e-4 * largest, variable.path
        else:
            assert np.abs(slope).max() > 1e-5 * largest, variable.path


@pytest.mark.parametrize("name", EACH)
def test_saved_files_give_the_same_output(name, tmp_path):
    row = ROWS[name]
    images = row.images(row.sizes[-1])
    first, second = row.build(**row.tiny), row.build(**row.tiny)
    first(images, training=True)  # moves the averages
    first.save(tmp_path / "model.keras")
    first.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    configs = [json.dumps([layer.get_config() for layer in model.layers]) for model in (loaded, first)]
    assert configs[0] == configs[1]
    assert name not in LAYERS or row.tiny.keys() <= loaded.layers[1].get_config().keys()
    if any("kernel" in variable.path for variable in first.variables):
        assert np.abs(numpy(first(images)) - numpy(second(images))).max() > 0
    second.load_weights(tmp_path / "model.weights.h5")
    for other in (loaded, second):
        np.testing.assert_array_equal(numpy(first(images)), numpy(other(images)))


@pytest.mark.parametrize("name", EACH)
def test_mixed_precision_computes_in_bfloat16_and_returns_float32(name):
    row = ROWS[name]
    images = row.images(row.sizes[-1])
    exact = built(name)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = row.build(**row.tiny)
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(exact.get_weights())
    assert "bfloat16" in {layer.compute_dtype for layer in mixed.layers}
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in mixed.trainable_variables} <= {"float32"}
    outputs = output_of(mixed, images)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    expected = numpy(output_of(exact, images))
    error = np.abs(numpy(outputs) - expected).max() / np.abs(expected).max()
    print(f"{name}: bfloat16 is off by {error:.4f} of the largest value")
    assert 0 < error < 0.05
