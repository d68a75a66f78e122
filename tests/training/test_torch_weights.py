"""DeblurGAN's generator by the weights of its authors, against their network written anew in NumPy and SciPy."""

import sys
import types

import keras
import numpy as np
import pytest
from scipy.signal import correlate

import gandeblur
from gandeblur.errors import InputError
from gandeblur.models import deblurgan
from gandeblur.training import torch_weights, weight_files

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="either backend reads files alike, and JAX builds networks slowly"
)
MAPS, BLOCKS = 2, 2


def state(maps=MAPS, blocks=BLOCKS, convolutions=2):
    """As the authors' generator saves itself: names, order and shapes of PyTorch, random values."""
    rng = np.random.default_rng(0)
    arrays = {}

    def add(name, *shape, norm=None):
        arrays[f"{name}.weight"] = rng.normal(0, 0.2, shape).astype(np.float32)
        # A transposed convolution has its outputs second.
        arrays[f"{name}.bias"] = rng.normal(0, 0.1, shape[1 if norm == "up" else 0]).astype(np.float32)
        place, _, number = name.rpartition(".")
        arrays[f"{place}.{int(number) + 1}.running_mean"] = np.full(3, 7.0, np.float32)
        arrays[f"{place}.{int(number) + 1}.num_batches_tracked"] = np.array(5)

    add("model.1", maps, 3, 7, 7)
    add("model.4", 2 * maps, maps, 3, 3)
    add("model.7", 4 * maps, 2 * maps, 3, 3)
    for number in range(10, 10 + blocks):
        for place in (1, 6)[:convolutions]:  # dropout stands between the two
            add(f"model.{number}.conv_block.{place}", 4 * maps, 4 * maps, 3, 3)
    add(f"model.{10 + blocks}", 4 * maps, 2 * maps, 3, 3, norm="up")
    add(f"model.{13 + blocks}", 2 * maps, maps, 3, 3, norm="up")
    add(f"model.{17 + blocks}", 3, maps, 7, 7)
    return arrays


def conv(x, weight, bias, stride=1, pad=0, mode="reflect"):
    """PyTorch's Conv2d of `[C, H, W]`."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)), mode=mode)
    return (
        np.stack([correlate(x, kernel, "valid")[0] for kernel in weight])[:, ::stride, ::stride] + bias[:, None, None]
    )


def transposed(x, weight, bias):
    """PyTorch's ConvTranspose2d with kernel 3, stride 2, padding 1, output_padding 1: values send out kernels."""
    _, height, width = x.shape
    sent = np.zeros((weight.shape[1], 2 * height + 2, 2 * width + 2))
    for row in range(height):
        for column in range(width):
            kernel = np.einsum("i,iohw->ohw", x[:, row, column], weight)
            sent[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += kernel
    return sent[:, 1 : 2 * height + 1, 1 : 2 * width + 1] + bias[:, None, None]


def norm(x):
    return (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)


def reference(arrays, image):
    """The authors' forward pass with `learn_residual`, in evaluation but for the normalisation; `[3, H, W]`."""
    names = [name.removesuffix(".weight") for name in arrays if name.endswith(".weight")]
    layers = iter([(arrays[f"{name}.weight"].astype(float), arrays[f"{name}.bias"].astype(float)) for name in names])

    def relu(values):
        return np.maximum(values, 0)

    x = relu(norm(conv(image, *next(layers), pad=3)))
    for _ in range(2):
        x = relu(norm(conv(x, *next(layers), stride=2, pad=1, mode="constant")))
    for _ in range(BLOCKS):
        inside = relu(norm(conv(x, *next(layers), pad=1)))
        x = x + norm(conv(inside, *next(layers), pad=1))
    for _ in range(2):
        x = relu(norm(transposed(x, *next(layers))))
    return np.clip(image + np.tanh(conv(x, *next(layers), pad=3)), -1, 1)


def test_the_network_of_the_authors_weights_is_theirs():
    network = deblurgan.generator(maps=MAPS, blocks=BLOCKS, dropout=0.5)
    torch_weights.assign(state(), network)
    image = np.random.default_rng(1).uniform(-1, 1, (3, 16, 24))
    ours = network.predict_on_batch(image.transpose(1, 2, 0)[np.newaxis].astype(np.float32))[0]
    np.testing.assert_allclose(ours.transpose(2, 0, 1), reference(state(), image), atol=2e-5)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda arrays: state(convolutions=1), "it has 8 convolutions and 16 weights, the network 10 and 20"),
        (lambda arrays: arrays | {"model.20.weight": np.zeros(3)}, "10 convolutions and 21 weights"),
        (lambda arrays: state(maps=3), "model.1.weight is (7, 7, 3, 3), the network's conv_in/kernel (7, 7, 3, 2)"),
    ],
    ids=["one convolution in a block", "a weight too many", "wider"],
)
def test_what_does_not_fit_is_refused_and_nothing_assigned(change, line, tmp_path, monkeypatch):
    network = deblurgan.generator(maps=MAPS, blocks=BLOCKS, dropout=0.5)
    before = weight_files.weights_sha256(network)
    monkeypatch.setattr(torch_weights, "read", lambda path: change(state()))
    path = tmp_path / "latest_net_G.pth"
    path.touch()
    with pytest.raises(InputError) as caught:
        weight_files.load_weights(path, network)
    assert str(caught.value).startswith(f"{path}: does not fit deblurgan_generator (") and line in str(caught.value)
    assert weight_files.weights_sha256(network) == before


@pytest.mark.parametrize(
    ("torch", "line"),
    [(None, "is read by PyTorch; pip install"), (types.SimpleNamespace(__version__="2.5.1+cpu"), "needs PyTorch 2.6")],
)
def test_without_a_safe_reader_the_file_is_not_opened(torch, line, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", torch)
    path = tmp_path / "latest_net_G.pth"
    path.write_bytes(b"anything")
    with pytest.raises(InputError, match=line) as caught:
        gandeblur.load(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch, which reads .pth files, is not installed (extra `torch`)")


@pytest.mark.parametrize("zipped", [True, False], ids=["as since 1.6", "as in 2018"])
def test_files_of_pytorch_are_read_in_both_forms(torch, zipped, tmp_path):
    path = tmp_path / "latest_net_G.pth"
    tensors = {name: torch.from_numpy(np.asarray(array)) for name, array in state().items()}
    torch.save(tensors, path, _use_new_zipfile_serialization=zipped)
    read = torch_weights.read(path)
    assert list(read) == list(state())
    assert all((read[name] == array).all() for name, array in state().items())


def test_a_file_that_holds_code_is_refused_and_the_code_not_run(torch, tmp_path):
    class Code:
        def __reduce__(self):
            return (tmp_path / "ran").write_text, ("",)

    path = tmp_path / "code.pth"
    torch.save({"model.1.weight": Code()}, path)
    with pytest.raises(InputError, match="is no state dict of PyTorch") as caught:
        torch_weights.read(path)
    assert "\n" not in str(caught.value) and not (tmp_path / "ran").exists()


@pytest.mark.networks
def test_the_authors_generator_opens_by_its_file(torch, tmp_path):
    path = tmp_path / "latest_net_G.pth"
    torch.save({name: torch.from_numpy(np.asarray(array)) for name, array in state(64, 9).items()}, path)
    deblur = gandeblur.load(path)
    assert deblur.description["paper"]["experiment"] == "deblurgan" and deblur.dropout
    assert deblur.generator.count_params() == 11_378_179
