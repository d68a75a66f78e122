import json
import os

import keras
import numpy as np
import pytest

from gandeblur import cli
from gandeblur.errors import InputError
from gandeblur.inference import export
from gandeblur.inference.restore import Deblurrer
from gandeblur.models import dark_channel_gan, deblurgan, gan_d, hkust_gan, ird_gan

RUNTIMES = {
    **{"keras": "keras", "savedmodel": "tensorflow", "onnx": "onnxruntime", "openvino": "openvino"},
    **{"litert": "ai_edge_litert", "litert-float16": "ai_edge_litert"},
}
KINDS = ["gan_d", "deblurgan", "hkust", "identity", "ird_gan", "dark_channel"]
EVERY = [(kind, format) for kind in KINDS for format in ("keras", "savedmodel", "onnx", "litert")]
EVERY += [(kind, format) for kind in ("gan_d", "identity") for format in ("openvino", "litert-float16")]
FIRST = {(kind, "keras"): [] for kind in ("gan_d", "identity")}
CASES = [
    pytest.param(*one, marks=FIRST.get(one, pytest.mark.slow if one[1] == "keras" else pytest.mark.runtimes))
    for one in EVERY
]
on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Keras exports from TensorFlow")


@pytest.fixture(autouse=True)
def _log_level(monkeypatch):
    """tf2onnx sets it for the whole process when it is first imported."""
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"))


def deblurrer(kind):
    keras.utils.set_random_seed(0)
    if kind == "gan_d":  # large kernels
        return Deblurrer(gan_d.generator(maps=3, wide_maps=4, identity_noise=0.01), (0.0, 1.0))
    if kind == "hkust":  # nearest upsampling
        return Deblurrer(hkust_gan.generator(maps=4, blocks=1, own_statistics=True), (-1.0, 1.0), 4)
    if kind == "identity":  # artanh, and moving averages, as the network that ships
        return Deblurrer(hkust_gan.generator(maps=4, blocks=1, identity_start=0.01), (-1.0, 1.0), 4)
    if kind == "ird_gan":  # max-pooling and dense blocks
        return Deblurrer(ird_gan.generator(maps=3, blocks=2, dropout=0.2, output_stddev=0.5), (-1.0, 1.0), 4)
    if kind == "dark_channel":  # concatenated halves
        return Deblurrer(
            dark_channel_gan.generator(encoder_maps=(3, 4), decoder_maps=(4, 3), dropout=0.5, dropout_layers=1),
            (-1.0, 1.0),
            4,
        )
    return Deblurrer(deblurgan.generator(maps=4, blocks=1, dropout=0.5, output_stddev=0.5), (-1.0, 1.0), 4)


@on_tensorflow
@pytest.mark.parametrize(("kind", "format"), CASES)
def test_the_file_restores_as_keras_does(format, kind, tmp_path):
    """On four sizes, two of which are no multiple; a Keras file on two."""
    pytest.importorskip(RUNTIMES[format])
    path = tmp_path / f"network{export.FORMATS[format]}"
    difference = export.export(deblurrer(kind), format, path)
    print(f"{kind} {format}: {difference:.1e}")
    assert difference < export.TOLERANCES.get(format, export.TOLERANCE)
    card = json.loads((tmp_path / f"{path.name}.json").read_text())
    multiple = 4 if format == "keras" and kind != "gan_d" else 1
    assert (card["size_multiple"], card["size"], card["largest_difference"]) == (multiple, None, difference)
    weights = {"network.bin"} if format == "openvino" else set()
    assert {entry.name for entry in tmp_path.iterdir()} == {path.name, f"{path.name}.json", *weights}
    with pytest.raises(InputError, match="exists; choose another name"):
        export.export(deblurrer(kind), format, path)


@pytest.mark.runtimes
@on_tensorflow
@pytest.mark.parametrize("kind", ["gan_d", "identity"])
def test_a_fixed_size_is_in_the_file_and_two_formats_lie_side_by_side(kind, tmp_path):
    """GPUs of phones want it. GAN-D's large kernels are spectra in Keras, which LiteRT gets wrong."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    onnxruntime = pytest.importorskip("onnxruntime")
    deblur = deblurrer(kind)
    for format, name in (("litert", "network.tflite"), ("onnx", "network.onnx")):
        assert export.export(deblur, format, tmp_path / name, (37, 50)) < export.TOLERANCE
    details = interpreter.Interpreter(str(tmp_path / "network.tflite")).get_input_details()
    assert details[0]["shape_signature"].tolist() == [1, 37, 50, 3]
    assert onnxruntime.InferenceSession(tmp_path / "network.onnx").get_inputs()[0].shape == [1, 37, 50, 3]
    assert json.loads((tmp_path / "network.tflite.json").read_text())["size"] == [37, 50]
    assert (tmp_path / "network.onnx.json").exists()
    with pytest.raises(InputError, match="leave out --size"):
        export.export(deblur, "keras", tmp_path / "a.keras", (37, 50))


@pytest.mark.runtimes
@on_tensorflow
def test_images_of_a_batch_are_restored_as_alone_and_small_ones_too(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    export.export(deblurrer("hkust"), "onnx", tmp_path / "d.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "d.onnx")

    def run(images):
        return session.run(None, {session.get_inputs()[0].name: images})[0]

    images = np.random.default_rng(0).uniform(-1, 1, (2, 64, 96, 3)).astype(np.float32)
    np.testing.assert_allclose(run(images)[1:], run(images[1:]), atol=1e-5)
    for size in ((16, 16), (4, 64), (1, 1), (99, 33)):
        restored = run(np.zeros((1, *size, 3), np.float32))
        assert restored.shape == (1, *size, 3) and np.isfinite(restored).all()


@pytest.mark.runtimes
@on_tensorflow
def test_weights_in_half_the_bytes_restore_a_photograph_alike(tmp_path):
    """Tests hold a value of an image of noise to 2e-2; a photograph's values differ by far less."""
    pytest.importorskip("ai_edge_litert")
    from skimage import data

    deblur = deblurrer("identity")
    export.export(deblur, "litert-float16", tmp_path / "half.tflite")
    export.export(deblur, "litert", tmp_path / "whole.tflite")
    images = data.chelsea()[None, 40:136, 80:208].astype(np.float32) / 127.5 - 1
    half, whole = (export._opened("litert", tmp_path / f"{name}.tflite")(images) for name in ("half", "whole"))
    assert 20 * np.log10(2 / np.sqrt(np.mean((half - whole) ** 2))) > 60
    assert (tmp_path / "half.tflite").stat().st_size < 0.8 * (tmp_path / "whole.tflite").stat().st_size


def test_another_backend_is_told_in_one_line(tmp_path, monkeypatch):
    deblur = deblurrer("gan_d")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match="a.onnx: onnx files are written on TensorFlow; run it with KERAS_BACKEND=te"):
        export.export(deblur, "onnx", tmp_path / "a.onnx")
    monkeypatch.setattr(cli, "_load", lambda options: pytest.fail("the network was opened"))
    assert cli.main(["export", str(tmp_path / "a.onnx"), "--format=onnx", "--model=gan_d"]) != 0
    assert not any(tmp_path.iterdir())


def test_a_file_that_restores_otherwise_is_refused_and_removed(tmp_path, monkeypatch):
    deblur = deblurrer("gan_d")
    monkeypatch.setattr(export, "_opened", lambda format, path: lambda images: images + np.float32(0.5))
    with pytest.raises(InputError, match="restores otherwise than Keras, by [0-9]"):
        export.export(deblur, "keras", tmp_path / "a.keras")
    with pytest.raises(InputError, match="a.onnx: a file of this kind is named NAME.keras"):
        export.export(deblur, "keras", tmp_path / "a.onnx")
    assert not any(tmp_path.iterdir())


def test_what_cannot_be_exported_says_why_and_leaves_nothing(tmp_path, monkeypatch):
    def refused(deblur, format, path, size):
        path.write_bytes(b"half")
        raise RuntimeError("an operation is missing\nand more")

    monkeypatch.setattr(export, "_write", refused)
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(InputError, match=r"gan_d_generator cannot be exported as onnx \(an operation is missing\)$"):
        export.export(deblurrer("gan_d"), "onnx", tmp_path / "a.onnx")
    assert not any(tmp_path.iterdir())


def test_missing_packages_are_named(tmp_path, monkeypatch):
    def missing(deblur, format, path, size):
        raise ImportError("no", name="tf2onnx")

    monkeypatch.setattr(export, "_write", missing)
    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    with pytest.raises(InputError, match=r"needs tf2onnx; pip install 'gandeblur\[export\]'"):
        export.export(deblurrer("gan_d"), "onnx", tmp_path / "a.onnx")
