import csv
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_experiment
from PIL import Image
from tiny_experiment import call, refused

from gandeblur.errors import INTERRUPTED
from gandeblur.training import checkpoint, schedules, weight_files


def arrays(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files if name != checkpoint.META}


def trained_weights(folder):
    """The generator's, of a run."""
    network = tiny_experiment.EXPERIMENT.paper.generator.build(tiny_experiment.SIDE_PX)
    weight_files.load_weights(folder / "generator.weights.h5", network)
    return network.get_weights()


def before_the_last_epoch(folder):
    """Takes the last epoch out of a run: it is as if it had been killed there."""
    epoch = checkpoint.read_meta(folder / "checkpoint.npz")["epoch"]
    for name in ("checkpoint.npz", "generator.weights.h5"):
        (folder / name).unlink()
    assert checkpoint.read_meta(folder / "checkpoint.previous.npz")["epoch"] == epoch - 1


@pytest.fixture
def two_seconds_an_epoch(monkeypatch):
    """Whatever a training takes, its clock says so."""
    clock = itertools.count(0, 2.0)
    monkeypatch.setattr(schedules, "time", SimpleNamespace(monotonic=lambda: next(clock)))


def test_all_stages_leave_their_files(finished):
    names = {path.name for path in finished.iterdir()}
    assert names == {
        ".lock",
        "checkpoint.npz",
        "checkpoint.previous.npz",
        "generator.weights.h5",
        "generator.previous.weights.h5",
        "images.json",
        "run.json",
        "tensorboard",
        "images",
        "scores.csv",
        "results.json",
        "report.html",
    }
    results = json.loads((finished / "results.json").read_text())
    run = results["runs"]["GAN-D"]
    assert run["run"]["seed"] == 0 and run["settings"]["preset"] == "quick"
    assert run["paper"]["variant"].startswith("combined: ")
    assert run == json.loads((finished / "run.json").read_text())
    assert results["training"] == {
        "GAN-D": {"steps": 9, "seconds": results["training"]["GAN-D"]["seconds"], "images": 18}
    }
    assert results["history"]["step"] == [3, 6, 9]
    assert len(results["history"]["loss/mse"]) == 3
    assert len(results["weights_sha256"]["GAN-D"]) == 64
    sample = results["sets"]["sample/test"]
    assert list(sample["methods"]) == ["input", "tv", "gain undone", "gain undone + Wiener", "GAN-D"]
    rows = list(csv.DictReader((finished / "scores.csv").open()))
    assert len(rows) == 3 * 5
    for row in rows:  # the two files are of one run
        image = next(image for image in sample["images"] if image["name"] == row["image"])
        assert float(row["psnr_db"]) == image["scores"][row["method"]]["psnr_db"]
    assert (finished / "report.html").stat().st_size > 10_000


def test_a_finished_run_is_scored_again_without_training(run, capfd):
    before = (run / "checkpoint.npz").read_bytes()
    assert call(f"--workdir={run}") == 0
    assert "already trained for 3 epochs" in capfd.readouterr().out
    assert (run / "checkpoint.npz").read_bytes() == before


def test_interrupted_before_its_last_epoch_it_continues_bit_for_bit(finished, run):
    before_the_last_epoch(run)
    assert call("--stage=train", f"--workdir={run}") == 0
    whole = arrays(finished / "checkpoint.npz")
    for name, array in arrays(run / "checkpoint.npz").items():
        np.testing.assert_array_equal(array, whole[name], err_msg=name)
    history = checkpoint.read_meta(run / "checkpoint.npz")["history"]
    assert history["mse"] == checkpoint.read_meta(finished / "checkpoint.npz")["history"]["mse"]


@pytest.mark.machines
def test_ctrl_c_says_how_to_continue(tmp_path):
    command = [sys.executable, tiny_experiment.__file__, "--stage=train", f"--workdir={tmp_path}", "--epochs=1000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("epoch 2/"):
            break
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert error.strip().splitlines()[-1].startswith("interrupted; the same command continues")
    assert checkpoint.read_meta(tmp_path / "checkpoint.npz")["epoch"] >= 2


@pytest.mark.jax
def test_the_whole_run_works_on_jax_and_its_weights_load_on_tensorflow(tmp_path):
    pytest.importorskip("jax")
    command = [sys.executable, tiny_experiment.__file__, f"--workdir={tmp_path / 'run'}"]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    subprocess.run([*command, "--stage=train", "--epochs=1", "--devices=cpu:2"], env=environment, check=True)
    done = subprocess.run([*command, "--epochs=2"], env=environment, check=True, capture_output=True, text=True)
    assert "after epoch 1" in done.stdout
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["versions"]["backend"] == "jax"
    assert (tmp_path / "run" / "report.html").exists()
    weights = tmp_path / "run" / "generator.weights.h5"
    assert call(f"--weights={weights}", f"--workdir={tmp_path / 'here'}") == 0
    here = json.loads((tmp_path / "here" / "results.json").read_text())
    assert here["weights_sha256"] == results["weights_sha256"]
    for image, theirs in zip(
        here["sets"]["sample/test"]["images"], results["sets"]["sample/test"]["images"], strict=True
    ):
        assert image["scores"]["GAN-D"]["psnr_db"] == pytest.approx(theirs["scores"]["GAN-D"]["psnr_db"], abs=0.01)


@pytest.mark.slow
def test_odcnn_trains_and_restores_whole_images(tmp_path):
    assert call("--variant=odcnn", f"--workdir={tmp_path}", "--epochs=1") == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["ours"] == "ODCNN"
    assert "discriminator" not in results["audit"]


def test_weights_alone_are_evaluated(finished, tmp_path):
    status = call(f"--weights={finished / 'generator.weights.h5'}", f"--workdir={tmp_path}")
    assert status == 0
    ours, theirs = (json.loads((folder / "results.json").read_text()) for folder in (tmp_path, finished))
    assert ours["weights_sha256"] == theirs["weights_sha256"]
    assert ours["sets"] == theirs["sets"]
    assert ours["training"] == {} and ours["history"] == {}
    assert "There was no training in this run" in (tmp_path / "report.html").read_text()


@pytest.mark.slow  # a training on two devices
def test_two_devices_go_on_with_what_one_began_and_train_the_same_network(finished, run):
    before_the_last_epoch(run)
    assert call("--stage=train", "--devices=cpu:2", f"--workdir={run}") == 0
    history, alone = (checkpoint.read_meta(folder / "checkpoint.npz")["history"] for folder in (run, finished))
    assert len(history["mse"]) == 3
    for name in ("mse", "discriminator"):
        np.testing.assert_allclose(history[name], alone[name], rtol=1e-3)


@pytest.mark.slow  # two trainings
def test_parts_and_averaged_weights_are_recorded_and_resumed_bit_for_bit(tmp_path, capfd):
    flags = ["--stage=train", "--batch_size=1", "--accumulate=2", "--ema=0.5"]
    assert call(*flags, f"--workdir={tmp_path / 'whole'}", "--epochs=2") == 0
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    before_the_last_epoch(tmp_path / "parts")
    assert call(*flags, f"--workdir={tmp_path / 'parts'}", "--epochs=2") == 0
    whole, parts = (arrays(tmp_path / name / "checkpoint.npz") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(parts[name], array, err_msg=name)
    described = json.loads((tmp_path / "whole/run.json").read_text())
    assert (described["training"]["accumulate"], described["training"]["ema"]) == (2, 0.5)
    assert "an average of the generator's weights restores, decay 0.5" in described["departures"]
    # The file holds the average; the checkpoint holds it too, and the weights that go on, some steps of 1e-4 away.
    for kernel in (array for array in trained_weights(tmp_path / "whole") if array.ndim == 4):
        alike = [array for array in whole.values() if array.shape == kernel.shape]
        average, raw = sorted(np.abs(array - kernel).max() for array in alike)[:2]
        assert average == 0 < raw < 1e-3
    for flag, label in (("--ema=0.9", "ema=0.5, not 0.9"), ("--accumulate=1", "accumulate=2, not left out")):
        assert f"holds a run with training.{label}" in refused(capfd, *flags, flag, f"--workdir={tmp_path / 'whole'}")


@pytest.mark.slow
def test_a_folder_of_photographs_trains(photographs, tmp_path):
    assert call("--stage=train", f"--train_data={photographs}", f"--workdir={tmp_path / 'run'}", "--epochs=1") == 0


@pytest.mark.slow
def test_noresume_in_a_new_folder_goes_through(tmp_path):
    assert call(f"--workdir={tmp_path}", "--noresume", "--epochs=1") == 0
    assert call(f"--workdir={tmp_path}", "--noresume", "--epochs=1", "--stage=evaluate") == 0


@pytest.mark.slow
def test_minutes_end_a_training_which_may_then_be_given_more(capfd, tmp_path, two_seconds_an_epoch):
    assert call("--stage=train", f"--workdir={tmp_path}", "--minutes=0.1") == 0
    out = capfd.readouterr().out
    assert re.search(r"epoch \d+  loss .*  done$", out, re.MULTILINE)
    meta = checkpoint.read_meta(tmp_path / "checkpoint.npz")
    assert (meta["epoch"], meta["schedule"]["spent_s"]) == (3, 6)
    assert call("--stage=train", f"--workdir={tmp_path}", "--minutes=0.1") == 0
    assert "already trained" in capfd.readouterr().out
    assert call("--stage=train", f"--workdir={tmp_path}", "--minutes=0.2") == 0
    assert f"resuming {tmp_path / 'checkpoint.npz'} after epoch 3" in capfd.readouterr().out
    meta = checkpoint.read_meta(tmp_path / "checkpoint.npz")
    assert (meta["epoch"], meta["schedule"]["spent_s"]) == (6, 12)


def test_a_training_starts_with_the_weights_of_another(finished, eagerly, capfd, tmp_path):
    flags = ["--stage=train", "--epochs=1", f"--workdir={tmp_path / 'second'}"]
    assert call(*flags, f"--start={finished}") == 0
    started = json.loads((tmp_path / "second/run.json").read_text())["run"]["start"]
    assert re.fullmatch(rf"{finished}/generator.weights.h5 \([0-9a-f]{{16}}\)", started)
    # Adam's three steps at 1e-4 lead no weight further than some 3e-4 from its start.
    before, after = (trained_weights(folder) for folder in (finished, tmp_path / "second"))
    assert 0 < max(np.abs(one - other).max() for one, other in zip(before, after, strict=True)) < 1e-3
    capfd.readouterr()
    assert call(*flags) == 2
    assert "holds a run with run.start=" in capfd.readouterr().err
    assert call("--stage=train", f"--workdir={tmp_path / 'third'}", "--start=none.weights.h5") == 2
    assert capfd.readouterr().err.startswith("error: none.weights.h5: no such file; give ")
    assert not (tmp_path / "third").exists()


@pytest.mark.slow  # two trainings
def test_a_resumed_training_refuses_other_images_and_says_which(photographs, capfd, tmp_path):
    workdir = tmp_path / "run"
    assert call(f"--workdir={workdir}", f"--train_data={photographs}", "--stage=train", "--epochs=1") == 0
    (photographs / "a.png").rename(photographs / "d.png")
    again = (f"--workdir={workdir}", f"--train_data={photographs}", "--stage=train", "--epochs=2")
    assert "began with other images: 1 new (d.png), 1 gone (a.png); give it those" in refused(capfd, *again)
    (photographs / "d.png").rename(photographs / "a.png")
    assert call(*again) == 0


NAMES = [os.fsdecode(b"caf\xe9"), "[b]bold[", "two\nlines", "A", "a"]
FOLDERS = ["photographs", os.fsdecode(b"bl\xe9u [x]")]


@pytest.fixture(
    params=[pytest.param(FOLDERS[0], marks=pytest.mark.slow, id="plain"), pytest.param(FOLDERS[1], id="odd")]
)
def named(request, tmp_path):
    """A folder of photographs with names that few programs expect."""
    folder = tmp_path / request.param
    folder.mkdir()
    for name in NAMES:
        pixels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def test_any_name_is_scored_and_reported(named, finished, capfd, tmp_path):
    arguments = (f"--weights={finished / 'generator.weights.h5'}", f"--test_data={named}")
    assert call(f"--workdir={tmp_path / named.name / 'run'}", *arguments) == 0
    assert "caf\\xe9" in (tmp_path / named.name / "run/report.html").read_text(encoding="utf-8")
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.slow  # two trainings
def test_any_name_trains(named, capfd, tmp_path):
    assert call(f"--workdir={tmp_path / 'run' / named.name}", f"--train_data={named}", "--epochs=1") == 0
    assert "Traceback" not in capfd.readouterr().err
