import json
import os

import keras
import numpy as np
import pytest
import tiny_gan as tiny

from gandeblur.errors import InputError
from gandeblur.models import gan_d, hkust_gan
from gandeblur.training import checkpoint, weight_files


def adam():
    return keras.optimizers.Adam(1e-3)


def train(model, batches):
    for degraded, sharp in batches:
        model.train_on_batch(degraded, sharp)


@pytest.mark.slow  # traces two; of a whole run stages/test_sequence.py says it
def test_resumed_training_is_the_uninterrupted_one_bit_for_bit(tmp_path):
    batches = tiny.batches(4)
    whole = tiny.gan(adam)
    train(whole, batches[:2])
    checkpoint.save(tmp_path / "c.npz", whole, {"epoch": 2})
    train(whole, batches[2:])

    keras.utils.set_random_seed(99)
    resumed = tiny.gan(adam)
    assert checkpoint.restore(tmp_path / "c.npz", resumed) == {"epoch": 2}
    assert int(resumed.optimizer.iterations) == int(resumed.discriminator_optimizer.iterations) == 2
    train(resumed, batches[2:])
    for ours, theirs in zip(tiny.weights(resumed), tiny.weights(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_random_state_is_part_of_it(tmp_path):
    def model():
        noisy = tiny.gan()
        noisy.seeds = keras.random.SeedGenerator()
        return noisy

    first, second = model(), model()
    keras.random.normal((3,), seed=first.seeds)
    checkpoint.save(tmp_path / "c.npz", first, {})
    checkpoint.restore(tmp_path / "c.npz", second)
    draws = [keras.ops.convert_to_numpy(keras.random.normal((3,), seed=m.seeds)) for m in (first, second)]
    np.testing.assert_array_equal(*draws)


def test_a_learning_rate_that_was_lowered_stays_lowered(tmp_path):
    model = tiny.gan(adam)
    model.optimizer.learning_rate = 1e-5
    checkpoint.save(tmp_path / "c.npz", model, {})
    other = tiny.gan(adam)
    checkpoint.restore(tmp_path / "c.npz", other)
    assert float(other.optimizer.learning_rate) == pytest.approx(1e-5)


def test_another_architecture_is_refused_and_nothing_changes(tmp_path):
    checkpoint.save(tmp_path / "c.npz", tiny.gan(discriminator=False), {})
    model = tiny.gan()
    before = tiny.weights(model)
    with pytest.raises(InputError, match="c.npz: a checkpoint of another architecture"):
        checkpoint.restore(tmp_path / "c.npz", model)
    for ours, theirs in zip(tiny.weights(model), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "c.npz"
    if content is None:  # cut in the middle
        checkpoint.save(path, tiny.gan(), {})
        content = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(content)
    with pytest.raises(InputError, match="c.npz: not a readable checkpoint"):
        checkpoint.read_meta(path)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "c.npz"
    checkpoint.save(path, tiny.gan(), {"epoch": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(path, tiny.gan(), {"epoch": 2})
    assert checkpoint.read_meta(path) == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["c.npz"]


def test_weights_file_of_another_network_is_refused(tmp_path):
    small = gan_d.generator(maps=3, wide_maps=4)
    weight_files.save_weights(tmp_path / "g.weights.h5", small)
    other = gan_d.generator(maps=4, wide_maps=4)
    with pytest.raises(InputError, match="g.weights.h5: does not fit gan_d_generator"):
        weight_files.load_weights(tmp_path / "g.weights.h5", other)
    with pytest.raises(InputError, match="missing.weights.h5: no such file"):
        weight_files.load_weights(tmp_path / "missing.weights.h5", other)
    same = gan_d.generator(maps=3, wide_maps=4)
    assert weight_files.weights_sha256(same) != weight_files.weights_sha256(small)
    weight_files.load_weights(tmp_path / "g.weights.h5", same)
    assert weight_files.weights_sha256(same) == weight_files.weights_sha256(small)


def test_callback_writes_each_epoch_and_continues_the_history(tmp_path):
    model = tiny.gan(adam)
    history = {"mse": [3.0]}

    class Schedule:
        def get_state(self):
            return {"wait": 7}

    callback = checkpoint.Checkpoint(tmp_path, checkpoint.RunLog({"experiment": "x"}, history), Schedule())
    callback.set_model(model)
    callback.on_epoch_end(1, {"mse": np.float32(2.5)})
    meta = checkpoint.read_meta(tmp_path / "checkpoint.npz")
    assert meta == {
        "run": {"experiment": "x", "weights": {"sha256": weight_files.weights_sha256(model.generator)}},
        "epoch": 2,
        "history": {"mse": [3.0, 2.5]},
        "schedule": {"wait": 7},
    }
    assert json.loads((tmp_path / "run.json").read_text()) == meta["run"]
    other = tiny.gan()
    other.generator.load_weights(tmp_path / "generator.weights.h5")
    for ours, theirs in zip(other.generator.get_weights(), model.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("bits", "largest"), [(8, 0.5 / 127), (16, 2.0**-11)])
def test_small_weights_are_the_weights_but_for_their_rounding(bits, largest, tmp_path):
    network = hkust_gan.generator(maps=3, blocks=1)  # batch normalisation's moving averages are weights as well
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(size=weight.shape) ** 2 for weight in network.weights])
    weight_files.save_small_weights(tmp_path / "g.npz", network, bits)
    again = hkust_gan.generator(maps=3, blocks=1)
    weight_files.load_weights(tmp_path / "g.npz", again)
    for weight, loaded in zip(network.get_weights(), again.get_weights(), strict=True):
        scale = np.abs(weight).max(axis=tuple(range(weight.ndim - 1)))
        assert np.all(np.abs(loaded - weight) <= 1.001 * largest * scale * (weight.ndim > 1))


def test_small_weights_of_zeros_stay_zeros(tmp_path):
    network = gan_d.generator(maps=3, wide_maps=4)
    network.set_weights([np.zeros(weight.shape) for weight in network.weights])
    weight_files.save_small_weights(tmp_path / "g.npz", network, 8)
    again = gan_d.generator(maps=3, wide_maps=4)
    weight_files.load_weights(tmp_path / "g.npz", again)
    assert all(not np.any(weight) for weight in again.get_weights())


def test_small_weights_of_another_network_damaged_or_pickled_are_refused(tmp_path):
    path = tmp_path / "g.npz"
    weight_files.save_small_weights(path, gan_d.generator(maps=3, wide_maps=4), 8)
    for other in (
        gan_d.generator(maps=4, wide_maps=4),
        gan_d.discriminator(block_maps=(3,), dense_units=(), image_px=8),
    ):
        with pytest.raises(InputError, match="g.npz: does not fit .*; use the --variant"):
            weight_files.load_weights(path, other)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="g.npz: does not fit"):
        weight_files.load_weights(path, gan_d.generator(maps=3, wide_maps=4))
    same = gan_d.generator(maps=3, wide_maps=4)
    np.savez(path, **{f"{index:04d}": np.array({}, dtype=object) for index in range(len(same.weights))})
    with pytest.raises(InputError, match="g.npz: does not fit .*allow_pickle=False"):
        weight_files.load_weights(path, same)
