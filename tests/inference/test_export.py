import json
import os

import keras
import numpy as np
import pytest

from gandeblur.errors import InputError
from gandeblur.inference import export
from gandeblur.inference.restore import Deblurrer
from gandeblur.models import dark_channel_gan, deblurgan, gan_d, hkust_gan, ird_gan

RUNTIMES = {"keras": "keras", "savedmodel": "tensorflow", "onnx": "onnxruntime", "litert": "ai_edge_litert"}


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


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Keras exports from TensorFlow")
@pytest.mark.parametrize("kind", ["gan_d", "deblurgan", "hkust", "identity", "ird_gan", "dark_channel"])
@pytest.mark.parametrize(
    "format", [name if name == "keras" else pytest.param(name, marks=pytest.mark.runtimes) for name in RUNTIMES]
)
def test_the_file_restores_as_keras_does(format, kind, tmp_path):
    pytest.importorskip(RUNTIMES[format])
    path = tmp_path / f"network{export.FORMATS[format]}"
    difference = export.export(deblurrer(kind), format, path)
    print(f"{kind} {format}: {difference:.1e}")
    assert difference < export.TOLERANCE
    card = json.loads((tmp_path / "network.json").read_text())
    assert (card["size_multiple"], card["largest_difference"]) == (1 if kind == "gan_d" else 4, difference)
    assert {entry.name for entry in tmp_path.iterdir()} == {path.name, "network.json"}
    with pytest.raises(InputError, match="exists; choose another name"):
        export.export(deblurrer(kind), format, path)


def test_a_file_that_restores_otherwise_is_refused_and_removed(tmp_path, monkeypatch):
    deblur = deblurrer("gan_d")
    monkeypatch.setattr(export, "_opened", lambda format, path: lambda images: images + np.float32(0.5))
    with pytest.raises(InputError, match="restores otherwise than Keras, by [0-9]"):
        export.export(deblur, "keras", tmp_path / "a.keras")
    with pytest.raises(InputError, match="a.onnx: a file of this kind is named NAME.keras"):
        export.export(deblur, "keras", tmp_path / "a.onnx")
    assert not any(tmp_path.iterdir())


def test_what_cannot_be_exported_says_why_and_leaves_nothing(tmp_path, monkeypatch):
    def refused(generator, format, path):
        path.write_bytes(b"half")
        raise RuntimeError("an operation is missing\nand more")

    monkeypatch.setattr(export, "_write", refused)
    with pytest.raises(InputError, match=r"gan_d_generator cannot be exported as onnx \(an operation is missing\)$"):
        export.export(deblurrer("gan_d"), "onnx", tmp_path / "a.onnx")
    assert not any(tmp_path.iterdir())


def test_missing_packages_are_named(tmp_path, monkeypatch):
    def missing(generator, format, path):
        raise ImportError("no", name="tf2onnx")

    monkeypatch.setattr(export, "_write", missing)
    with pytest.raises(InputError, match=r"needs tf2onnx; pip install 'gandeblur\[export\]'"):
        export.export(deblurrer("gan_d"), "onnx", tmp_path / "a.onnx")
