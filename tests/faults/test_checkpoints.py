"""Damaged checkpoints and weights: the one before is used, by the training and by every reader."""

import shutil
import zipfile

import keras
import numpy as np
import pytest
import tiny_experiment
import tiny_gan as tiny

import gandeblur
from gandeblur.errors import InputError
from gandeblur.training import checkpoint, weight_files


def state(model):
    return [keras.ops.convert_to_numpy(variable) for _, variable in checkpoint.training_variables(model)]


def equal(ours, theirs):
    return all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory):
    """Folder of two checkpoints, the states in them, and a model to restore them into."""
    folder = tmp_path_factory.mktemp("two")
    model = tiny.gan(lambda: keras.optimizers.Adam(1e-3))
    save = checkpoint.Checkpoint(folder, checkpoint.RunLog({"experiment": "x"}))
    save.set_model(model)
    states = []
    for epoch, (degraded, sharp) in enumerate(tiny.batches(2)):
        model.train_on_batch(degraded, sharp)
        save.on_epoch_end(epoch, {"mse": 1.0})
        states.append(state(model))
    assert not equal(*states)
    return folder, states, model


def with_newest(folder, content, target):
    target.mkdir(exist_ok=True)
    path = target / "checkpoint.npz"
    path.write_bytes(content)
    shutil.copy(checkpoint.previous(folder / path.name), target)
    return path


def test_cut_at_any_of_50_offsets_it_is_refused_kept_aside_and_the_one_before_is_used(two_epochs, tmp_path, capsys):
    folder, (first, second), model = two_epochs
    whole = (folder / "checkpoint.npz").read_bytes()
    for number, offset in enumerate(np.linspace(0, len(whole) - 1, 50).astype(int), 1):
        path = with_newest(folder, whole[:offset], tmp_path)
        assert checkpoint.read_meta(path)["epoch"] == checkpoint.restore(path, model)["epoch"] == 1
        assert equal(state(model), first)
        checkpoint.settle(path)
        aside = f"checkpoint.damaged{number if number > 1 else ''}.npz"
        assert (tmp_path / aside).read_bytes() == whole[:offset]
        assert capsys.readouterr().err == (
            f"{path}: is damaged, and kept as {aside}; the training goes on from the one before it, epoch 1\n"
        )
        assert path.read_bytes() == checkpoint.previous(folder / path.name).read_bytes()
    path = with_newest(folder, whole, tmp_path)
    checkpoint.settle(path)
    assert checkpoint.restore(path, model)["epoch"] == 2 and equal(state(model), second)
    assert capsys.readouterr().err == ""


def test_a_bit_that_flips_in_an_array_is_found(two_epochs, tmp_path):
    folder, (first, _), model = two_epochs
    whole = (folder / "checkpoint.npz").read_bytes()
    with zipfile.ZipFile(folder / "checkpoint.npz") as archive:
        arrays = archive.infolist()
    for entry in arrays[:: max(1, len(arrays) // 19)][:20]:
        flipped = bytearray(whole)
        flipped[entry.header_offset + 30 + len(entry.filename) + entry.file_size - 1] ^= 1 << 3
        path = with_newest(folder, flipped, tmp_path)
        assert checkpoint.restore(path, model)["epoch"] == 1, entry.filename
        assert equal(state(model), first)


def test_a_bit_that_flips_anywhere_is_found_or_changes_nothing(two_epochs, tmp_path):
    folder, (first, second), model = two_epochs
    whole = (folder / "checkpoint.npz").read_bytes()
    found = 0
    for place in np.random.default_rng(0).integers(8 * len(whole), size=30):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path = with_newest(folder, flipped, tmp_path)
        epoch = checkpoint.restore(path, model)["epoch"]  # of a flipped time in the archive's list nothing is seen
        assert equal(state(model), [first, second][epoch - 1]), place
        found += epoch == 1
    assert found > 20


def test_two_damaged_ones_are_refused_and_stay(two_epochs, tmp_path):
    folder, _, model = two_epochs
    path = with_newest(folder, b"half", tmp_path)
    checkpoint.previous(path).write_bytes(b"half")
    for function in (checkpoint.read_meta, checkpoint.settle, lambda path: checkpoint.restore(path, model)):
        with pytest.raises(InputError, match=f"^{path}: not a readable checkpoint .*; delete it"):
            function(path)
    assert path.read_bytes() == b"half"


def test_what_a_kill_between_two_names_leaves_is_put_in_order_without_a_word(two_epochs, tmp_path, capsys):
    folder, _, model = two_epochs
    path = tmp_path / "checkpoint.npz"
    shutil.copy(folder / path.name, checkpoint.previous(path))
    unfinished = [tmp_path / f".123.{name}" for name in (path.name, "generator.weights.h5", "run.json")]
    for file in unfinished:
        file.write_text("half")
    assert checkpoint.exists(path) and checkpoint.restore(path, model)["epoch"] == 2
    checkpoint.settle(path)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.npz"]
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_training_goes_on_from_the_one_before_and_ends_as_if_nothing_had_been(run, train, capsys):
    path = run / "checkpoint.npz"
    with np.load(path) as archive:
        whole = {name: archive[name] for name in archive.files if name != checkpoint.META}
    sha256 = checkpoint.read_meta(path)["run"]["weights"]["sha256"]
    path.write_bytes(path.read_bytes()[:-1000])
    train(run, epochs=3)
    said = capsys.readouterr()
    assert said.err.startswith(f"{path}: is damaged, and kept as checkpoint.damaged.npz; the training goes on from ")
    assert f"resuming {path} after epoch 2" in said.out
    with np.load(path) as archive:
        for name, array in whole.items():
            np.testing.assert_array_equal(archive[name], array, err_msg=name)
    assert weight_files.weights_sha256(gandeblur.load(run).generator) == sha256


def opened(folder):
    """(epoch, hash of the weights) as the readers open a run."""
    network = tiny_experiment.EXPERIMENT.paper.generator.build(tiny_experiment.SIDE_PX)
    meta = checkpoint.load_generator(folder, network)
    loaded = weight_files.weights_sha256(network)
    assert loaded == meta["run"]["weights"]["sha256"]
    assert weight_files.weights_sha256(gandeblur.load(folder).generator) == loaded
    assert weight_files.weights_sha256(gandeblur.load(folder / "generator.weights.h5").generator) == loaded
    return meta["epoch"], loaded


def test_readers_take_the_epoch_whose_checkpoint_and_weights_are_whole(run, capsys):
    path, weights = run / "checkpoint.npz", run / "generator.weights.h5"
    last = opened(run)
    assert last[0] == 3 and capsys.readouterr().err == ""
    kernel = max(gandeblur.load(run).generator.get_weights(), key=np.size).tobytes()
    damaged = weights.read_bytes().replace(kernel, kernel[:-1] + b"?")  # HDF5 itself does not see it
    assert damaged != weights.read_bytes()
    for file, content in ((path, path.read_bytes()[:-1]), (weights, damaged), (weights, b"half")):
        whole = file.read_bytes()
        file.write_bytes(content)
        epoch, sha256 = opened(run)
        assert epoch == 2 and sha256 != last[1]
        lines = capsys.readouterr().err.splitlines()
        assert lines == 3 * [f"{file}: is damaged; epoch 2, generator.previous.weights.h5, is used"]
        file.write_bytes(whole)
    # A kill between the weights of the last epoch and its checkpoint.
    path.unlink()
    assert opened(run)[0] == 2 and capsys.readouterr().err == ""
    checkpoint.previous(weights).unlink()
    with pytest.raises(InputError, match=f"^{weights}: holds other weights than {checkpoint.previous(path)} says; "):
        gandeblur.load(run)
