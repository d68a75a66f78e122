"""A full disk: one line, and the last good checkpoint stays."""

import errno
import subprocess
from contextlib import contextmanager

import keras
import numpy as np
import pytest
import tiny_gan as tiny
from tiny_experiment import call

import gandeblur
from gandeblur.training import checkpoint, summaries, weight_files

resource = pytest.importorskip("resource")


@contextmanager
def files_end_at(limit_bytes):
    """The system refuses to write a file beyond this size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def one_line(capfd):
    # Of TensorFlow's own warnings a user sees none; here it was imported before gandeblur could say so.
    lines = [line for line in capfd.readouterr().err.strip().splitlines() if not line.startswith("W0000 ")]
    assert len(lines) == 1 and lines[0].startswith("error: "), lines
    return lines[0]


def test_wherever_the_room_ends_the_last_epoch_stays_whole(tmp_path):
    model = tiny.gan(lambda: keras.optimizers.Adam(1e-3))
    save = checkpoint.Checkpoint(tmp_path, checkpoint.RunLog({"experiment": "x"}))
    save.set_model(model)
    save.on_epoch_end(0, {"mse": 1.0})
    first, sha256 = tiny.weights(model), weight_files.weights_sha256(model.generator)
    model.train_on_batch(*tiny.batches(1)[0])
    sizes = [(tmp_path / name).stat().st_size for name in ("generator.weights.h5", "checkpoint.npz")]
    assert sizes[0] < sizes[1]
    for limit_bytes in (0, sizes[0] - 1, sizes[0], sizes[1] - 1):
        with pytest.raises(OSError) as full, files_end_at(limit_bytes):
            save.on_epoch_end(1, {"mse": 1.0})
        assert full.value.errno == errno.EFBIG
        assert not list(tmp_path.glob(".*"))
        assert checkpoint.load_generator(tmp_path, model.generator)["epoch"] == 1
        assert weight_files.weights_sha256(model.generator) == sha256
        assert checkpoint.restore(tmp_path / "checkpoint.npz", model)["epoch"] == 1
        for ours, theirs in zip(tiny.weights(model), first, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    save.on_epoch_end(1, {"mse": 1.0})
    assert checkpoint.read_meta(tmp_path / "checkpoint.npz")["epoch"] == 2


def test_tensorflows_error_while_it_writes_for_tensorboard_is_one_of_the_disk(tmp_path, monkeypatch):
    # Of more than its buffer holds TensorFlow does not notice the loss; the checkpoint that follows does.
    monkeypatch.setattr(summaries.tf.summary, "image", lambda *_, **__: None)
    board = summaries.TensorBoard(tmp_path / "board", "text", tiny.batches(1)[0])
    board.set_model(tiny.gan())
    board.on_train_begin()
    board.on_epoch_begin(0)
    with pytest.raises(OSError, match="File too large") as full, files_end_at(1000):
        board.on_epoch_end(0, {"mse": 1.0})
    assert full.value.filename == str(tmp_path / "board")


def test_a_training_without_room_for_its_checkpoint_ends_in_one_line(run, eagerly, capfd, monkeypatch):
    before = (run / "checkpoint.npz").read_bytes()
    save = checkpoint.Checkpoint.on_epoch_end

    def without_room(self, epoch, logs=None):
        with files_end_at(len(before) - 1000):
            save(self, epoch, logs)

    monkeypatch.setattr(checkpoint.Checkpoint, "on_epoch_end", without_room)
    assert call("--stage=train", f"--workdir={run}", "--epochs=4") == 2
    assert one_line(capfd) == f"error: {run}: File too large; free space or choose another --workdir"
    assert (run / "checkpoint.npz").read_bytes() == before
    gandeblur.load(run)
    assert capfd.readouterr().err == ""


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("a file system of 700 kB cannot be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow  # it trains until the disk is full
def test_a_disk_that_is_full_after_some_epochs(run, small_disk, capfd):
    assert call("--stage=train", f"--workdir={small_disk / 'run'}", "--epochs=100") == 2
    assert "No space left on device; free space or choose another --workdir" in one_line(capfd)
    epoch = checkpoint.read_meta(small_disk / "run/checkpoint.npz")["epoch"]
    assert 0 < epoch < 100
    gandeblur.load(small_disk / "run")
    assert capfd.readouterr().err == ""
