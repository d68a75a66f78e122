"""What the program loads is data: nothing in a file is run, and weights are those that their description tells of."""

import json
import shutil

import keras
import numpy as np
import pytest
import tiny_experiment

import gandeblur
from gandeblur.data.datasets import ImageSet, packed, sample
from gandeblur.errors import InputError
from gandeblur.inference import export
from gandeblur.losses.perceptual import features
from gandeblur.models import gan_d
from gandeblur.stages import sequence
from gandeblur.stages.run import choose
from gandeblur.training import checkpoint, weight_files


class Creates:
    """Unpickled, it creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def network():
    return tiny_experiment.EXPERIMENT.paper.generator.build(tiny_experiment.SIDE_PX)


def refused(path, line, function, *arguments):
    with pytest.raises(InputError, match=line) as error:
        function(*arguments)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


def test_no_pickled_array_is_unpickled(tmp_path):
    created = tmp_path / "created"
    pickled = np.array([Creates(created)], dtype=object)
    generator = network()

    path = tmp_path / "checkpoint.npz"
    np.savez(path, **{"0000": pickled, checkpoint.META: np.array("{}")})
    refused(path, "not a readable checkpoint .*allow_pickle=False", checkpoint.read_meta, path)
    np.savez(path, **{"0000": np.zeros(1), checkpoint.META: pickled})
    refused(path, "not a readable checkpoint .*allow_pickle=False", checkpoint.read_meta, path)

    path = tmp_path / "weights.npz"
    np.savez(path, **{f"{index:04d}": pickled for index in range(len(generator.weights))})
    refused(path, "does not fit .*allow_pickle=False", weight_files.load_weights, path, generator)

    path = tmp_path / "vgg.npz"
    np.savez(path, block1_conv1_kernel=pickled, block1_conv1_bias=pickled)
    refused(path, "does not hold the weights .*allow_pickle=False", features, "vgg19", "block1_conv1", path)

    packed.pack(ImageSet("photographs", sample.test().paths[:1]), tmp_path / "packed")
    path = tmp_path / "packed" / "shard-00000.npy"
    np.save(path, pickled, allow_pickle=True)
    refused(path, "is incomplete or no shard", packed.open_packed, path.parent)

    assert not created.exists()
    np.load(tmp_path / "weights.npz", allow_pickle=True)["0000"]
    assert created.exists()  # these files were what they had to be


def test_no_lambda_layer_is_run(tmp_path):
    created = str(tmp_path / "created")

    def create(x):
        open(created, "w").close()
        return x

    images = keras.Input((None, None, 3))
    path = tmp_path / "model.keras"
    keras.Model(images, keras.layers.Lambda(lambda x: create(x), output_shape=(None, None, 3))(images)).save(path)
    (tmp_path / "created").unlink(missing_ok=True)
    shutil.copy(path, tmp_path / "model.h5")
    (tmp_path / "run.json").write_text(json.dumps(describe()))

    refused(path, "is no weights file; give the .weights.h5 or .npz", gandeblur.load, path)
    settings = choose(tiny_experiment.EXPERIMENT, weights=str(path), workdir=tmp_path / "run")
    refused(path, "is no weights file; give the .weights.h5 or .npz", sequence.run, settings, ["evaluate"])
    refused(path, r"does not hold .* \(neither .npz nor .h5\)", features, "vgg19", "block1_conv1", path)
    h5 = tmp_path / "model.h5"
    refused(h5, "does not hold the weights", features, "vgg19", "block1_conv1", h5)
    with pytest.raises(ValueError, match="unsafe"):
        export._opened("keras", path)
    assert not (tmp_path / "created").exists()


def describe():
    from gandeblur.experiments.papers import EXPERIMENTS
    from gandeblur.stages import record

    return record.describe(choose(EXPERIMENTS["gan_d"]))


@pytest.mark.parametrize("name", ["mine.weights.h5", "mine.npz"])
def test_weights_are_those_of_their_description_or_both_files_are_named(name, run, tmp_path):
    generator = network()
    checkpoint.load_generator(run, generator)
    path, card = tmp_path / name, tmp_path / "mine.json"
    told = json.loads((run / "run.json").read_text())

    def save():
        if path.suffix == ".npz":
            weight_files.save_small_weights(path, generator, 16)
            weight_files.load_weights(path, generator)
        else:
            weight_files.save_weights(path, generator)

    save()
    told["weights"] = {"sha256": weight_files.weights_sha256(generator)}
    card.write_text(json.dumps(told))
    gandeblur.load(path)
    kernel = max(generator.weights, key=lambda weight: np.prod(weight.shape))
    kernel.assign(kernel + 0.25)
    save()
    line = f"holds other weights than {card} says; give the two files that belong together"
    refused(path, line, gandeblur.load, path)
    for choice in ({"weights": str(path)}, {"start": str(path)}):
        settings = choose(tiny_experiment.EXPERIMENT, workdir=tmp_path / "other", **choice)
        refused(path, line, sequence.run, settings, ["evaluate" if "weights" in choice else "train"])
    assert {path.name for path in (tmp_path / "other").glob("*")} <= {".lock"}
    del told["weights"]  # a description of before hashes were kept
    card.write_text(json.dumps(told))
    gandeblur.load(path)


def test_a_run_copied_without_its_checkpoint_keeps_the_hash(run, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("run.json", "generator.weights.h5"):
        shutil.copy(run / name, copy)
    gandeblur.load(copy)
    generator = gan_d.generator(maps=3, wide_maps=4)
    weight_files.save_weights(copy / "generator.weights.h5", generator)
    line = f"holds other weights than {copy / 'run.json'} says"
    refused(copy / "generator.weights.h5", line, gandeblur.load, copy)
