"""A full disk: one line, and the last good checkpoint stays."""

import subprocess
from contextlib import contextmanager

import pytest
import tiny_experiment
from absl import flags
from absl.testing import flagsaver

import gandeblur
from gandeblur.experiments import script
from gandeblur.training import checkpoint

resource = pytest.importorskip("resource")


def call(*arguments):
    with flagsaver.flagsaver():
        flags.FLAGS.unparse_flags()
        rest = flags.FLAGS(["tiny_experiment", "--stage=train", *map(str, arguments)])
        return script.run(tiny_experiment.EXPERIMENT, rest)


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
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), lines
    return lines[0]


@pytest.mark.parametrize("room", ["none", "for the weights alone"])
def test_no_room_for_a_checkpoint(room, run, capfd, monkeypatch):
    before = (run / "checkpoint.npz").read_bytes()
    save = checkpoint.Checkpoint.on_epoch_end
    limit_bytes = 1000 if room == "none" else (run / "generator.weights.h5").stat().st_size + 1000
    assert limit_bytes < len(before)

    def without_room(self, epoch, logs=None):
        with files_end_at(limit_bytes):
            save(self, epoch, logs)

    monkeypatch.setattr(checkpoint.Checkpoint, "on_epoch_end", without_room)
    assert call(f"--workdir={run}") == 2
    assert one_line(capfd) == f"error: {run}: File too large; free space or choose another --workdir"
    assert (run / "checkpoint.npz").read_bytes() == before
    gandeblur.load(run)
    assert capfd.readouterr().err == ""
    assert not list(run.glob(".*.*"))


def test_no_room_for_tensorboard(run, capfd, monkeypatch):
    begin = checkpoint.Checkpoint.on_epoch_begin

    def without_room(self, epoch, logs=None):
        begin(self, epoch, logs)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    monkeypatch.setattr(checkpoint.Checkpoint, "on_epoch_begin", without_room)
    with files_end_at(resource.getrlimit(resource.RLIMIT_FSIZE)[0]):
        assert call(f"--workdir={run}") == 2
    assert one_line(capfd) == f"error: {run}/tensorboard: File too large; free space or choose another --workdir"
    assert checkpoint.read_meta(run / "checkpoint.npz")["epoch"] == 2


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


def test_a_disk_that_is_full_after_some_epochs(run, small_disk, capfd):
    assert call(f"--workdir={small_disk / 'run'}", "--epochs=100") == 2
    assert "No space left on device; free space or choose another --workdir" in one_line(capfd)
    epoch = checkpoint.read_meta(small_disk / "run/checkpoint.npz")["epoch"]
    assert 0 < epoch < 100
    gandeblur.load(small_disk / "run")
    assert capfd.readouterr().err == ""
