"""Two processes on this machine, held against one."""

import functools
import os
import re
import signal
import socket
import subprocess
import sys

import keras
import numpy as np
import plain_keras
import pytest
import tiny_gan
import tiny_sgd

from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.experiments.spec import Training
from gandeblur.stages import options, record
from gandeblur.stages.run import choose
from gandeblur.training import checkpoint

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="MultiWorkerMirroredStrategy")
SPEED = {"epoch_s", "images_per_s", "data_wait_share"}


def addresses():
    """Two that are free."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in (one, other)]


def start(name, folder, where, index, *more, **environment):
    """A worker's process."""
    command = [sys.executable, tiny_sgd.__file__, name, "--stage=train", f"--workdir={folder}"]
    command += [f"--workers={','.join(where)}", f"--worker_index={index}", "--worker_timeout=60", *more]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"} | environment
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def ends(process):
    """(exit status, its lines of error)."""
    _, error = process.communicate(timeout=300)
    return process.returncode, [line for line in error.splitlines() if line.startswith("error: ")]


def state(folder):
    """(arrays of the checkpoint, history without times)."""
    path = folder / "checkpoint.npz"
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files if name != checkpoint.META}
    history = checkpoint.read_meta(path)["history"]
    return arrays, {name: values for name, values in history.items() if name not in SPEED}


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """The work folder of a finished run of two workers, by the experiment's name."""

    @functools.cache
    def run(name):
        folder, where = tmp_path_factory.mktemp(name), addresses()
        for process in [start(name, folder, where, index) for index in (0, 1)]:
            assert ends(process) == (0, [])
        return folder

    return run


@pytest.mark.machines
@pytest.mark.parametrize("name", tiny_sgd.RATES)
def test_two_workers_train_as_one_process(name, two_workers, tmp_path, monkeypatch):
    monkeypatch.setattr(Training, "optimizer", tiny_sgd.sgd(name))
    assert options.run(tiny_sgd.experiment(name), ["--stage=train", f"--workdir={tmp_path}"]) == 0
    alone, losses_alone = state(tmp_path)
    shared, losses = state(two_workers(name))
    weights = [key for key in alone if alone[key].dtype.kind == "f" and "metric" not in key]
    difference = tiny_gan.relative_difference([shared[key] for key in weights], [alone[key] for key in weights])
    # The norms are those of each replica's share of the gradient.
    kept = [one for one in losses_alone if not one.endswith(("_gradient_norm", "_gradient_share"))]
    # The critic's gap is the small difference of scores of some 0.2: relative to these.
    of_losses = max(
        np.max(np.abs(np.subtract(losses[one], losses_alone[one])) / np.maximum(np.abs(losses_alone[one]), 0.1))
        for one in kept
    )
    print(f"\n{name}, 2 workers against 1 process, {tiny_sgd.EPOCHS} steps: largest relative difference of")
    print(f"  {len(weights)} arrays of weights {difference:.1e}, {len(kept)} losses {of_losses:.1e}")
    assert len(losses_alone["val_loss"]) == tiny_sgd.EPOCHS and len(weights) > 10
    for rate, network in zip(tiny_sgd.RATES[name], ("generator", "discriminator"), strict=True):
        assert rate * losses_alone[f"{network}_gradient_norm"][0] > 1e-4  # it has moved by more than is allowed
    assert difference < 1e-5 and of_losses < 1e-5
    assert {path.name for path in two_workers(name).iterdir()} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.machines
def test_a_killed_worker_is_named_and_the_run_goes_on_where_it_was(two_workers, tmp_path):
    where = addresses()

    def start_both(**environment):
        return [start("gan_d", tmp_path, where, index, **environment) for index in (0, 1)]

    def reaches(chief, epoch):
        assert any(line.startswith(f"epoch {epoch}/") for line in chief.stdout)

    chief, worker = start_both(PAUSE_S="2")
    reaches(chief, 1)
    worker.send_signal(signal.SIGKILL)
    status, (error,) = ends(chief)
    assert status == 2 and f"error: {where[1]} (worker 1): has died" in error and "the same command" in error
    ends(worker)

    both = start_both(PAUSE_S="2")
    reaches(both[0], 3)
    for process in both:
        process.send_signal(signal.SIGKILL)
    for process in both:
        ends(process)

    for process in start_both():
        assert ends(process) == (0, [])
    arrays, losses = state(tmp_path)
    whole, losses_whole = state(two_workers("gan_d"))
    for key, array in arrays.items():
        np.testing.assert_array_equal(array, whole[key], err_msg=key)
    assert losses == losses_whole


@pytest.mark.machines
def test_a_frozen_chief_is_named(tmp_path):
    """Its port still takes connections; TensorFlow's heartbeats find out, after 20 seconds."""
    where = addresses()
    chief, worker = [start("gan_d", tmp_path, where, index, PAUSE_S="2") for index in (0, 1)]
    assert any(line.startswith("epoch 1/") for line in chief.stdout)
    chief.send_signal(signal.SIGSTOP)
    try:
        status, errors = ends(worker)
    finally:
        chief.send_signal(signal.SIGKILL)
    ends(chief)
    assert status == 2 and len(errors) == 1 and f"{where[0]} (worker 0): has died or does not answer" in errors[0]


@pytest.mark.machines
@pytest.mark.parametrize("fault", ["none", "killed", "started again"])
def test_a_training_on_images_that_a_data_server_reads(fault, tmp_path):
    [one, _] = addresses()
    served = [sys.executable, tiny_sgd.__file__, "gan_d", f"--data_service=grpc://{one}"]

    def server():
        process = subprocess.Popen([*served, "--stage=serve"], stdout=subprocess.PIPE, text=True)
        assert "serves" in process.stdout.readline()
        return process

    serving = [server()]
    training = subprocess.Popen(
        [*served, "--stage=train", f"--workdir={tmp_path}", "--worker_timeout=20", "--epochs=20"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PAUSE_S": "0" if fault == "none" else "0.5"},
    )
    try:
        assert any(line.startswith("epoch 1/") for line in training.stdout)
        if fault != "none":
            serving[0].kill()
            serving[0].wait()
        if fault == "started again":
            serving.append(server())
        status, errors = ends(training)
        if fault == "none":
            assert (status, errors) == (0, [])
            assert checkpoint.read_meta(tmp_path / "checkpoint.npz")["epoch"] == 20
        else:
            assert status == 2 and len(errors) == 1, errors
            assert f"{one} (data server): has died or does not answer" in errors[0]
            assert checkpoint.read_meta(tmp_path / "checkpoint.npz")["epoch"] >= 1
    finally:
        for process in (*serving, training):
            process.kill()
            process.communicate()


@pytest.mark.machines
def test_a_worker_that_does_not_see_the_checkpoint_is_named(two_workers, tmp_path):
    where, folder = addresses(), two_workers("gan_d")
    for process in [start("gan_d", one, where, index) for index, one in enumerate((folder, tmp_path))]:
        status, (error,) = ends(process)
        assert status == 2
        assert f"{where[1]}: sees 0 finished epochs" in error and "must be one that all workers share" in error


@pytest.mark.machines
def test_a_worker_with_another_command_is_named(tmp_path):
    where = addresses()
    for process in [start("gan_d", tmp_path, where, index, f"--epochs={3 + index}") for index in (0, 1)]:
        status, (error,) = ends(process)
        assert status == 2 and f"{where[1]}: has another command, other training images or other versions" in error
    assert not list(tmp_path.glob("*.npz"))


def test_what_workers_must_agree_in():
    def digest(reads="10 images", **choices):
        settings = choose(EXPERIMENTS["gan_d"], workdir="unused", **choices)
        return record.digest(settings, record.describe(settings), reads)

    assert digest() == digest()
    others = [{"epochs": 3}, {"minutes": 1.0}, {"minutes": 2.0}, {"skip_corrupt": True}, {"vgg_weights": "a.npz"}]
    assert len({digest(), digest("9 images"), *(digest(**one) for one in others)}) == 7


@pytest.mark.machines
def test_when_keras_override_can_go():
    """Keras issue 20585: `devices.no_symbolic_build`, and logs of rank 1 in `gradients.step`, work around it."""
    ports = ",".join(address.split(":")[1] for address in addresses())
    command = [sys.executable, plain_keras.__file__, ports]
    both = [subprocess.Popen([*command, index], stdout=subprocess.PIPE, text=True) for index in "01"]
    for process in both:
        lines = dict(re.findall(r"^(\w+): (.*)$", process.communicate(timeout=300)[0], re.MULTILINE))
        assert lines["AsOurs"] == "fits"
        assert lines["Plain"] != "fits", "Keras builds by itself now: remove devices.no_symbolic_build"
        assert lines["WithScalars"] != "fits", "Keras means scalars now: remove the reshaping in gradients.step"
