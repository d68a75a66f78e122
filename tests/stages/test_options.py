import csv
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_experiment
from PIL import Image

from gandeblur import cli
from gandeblur.errors import INTERRUPTED, InputError
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.stages import options
from gandeblur.stages import run as runs
from gandeblur.training import checkpoint, schedules, weight_files
from gandeblur.weights import file


def call(*arguments):
    """Runs the tiny experiment with these flags in this process; returns the exit status."""
    return options.run(tiny_experiment.EXPERIMENT, list(map(str, arguments)))


def arrays(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files if name != checkpoint.META}


def trained_weights(folder):
    """The generator's, of a run."""
    network = tiny_experiment.EXPERIMENT.paper.generator.build(tiny_experiment.SIDE_PX)
    weight_files.load_weights(folder / "generator.weights.h5", network)
    return network.get_weights()


@pytest.fixture
def finished(tiny_run):
    """The work folder of a finished run, to be read."""
    return tiny_run


@pytest.fixture
def two_seconds_an_epoch(monkeypatch):
    """Whatever a training takes, its clock says so."""
    clock = itertools.count(0, 2.0)
    monkeypatch.setattr(schedules, "time", SimpleNamespace(monotonic=lambda: next(clock)))


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "c.jpg"):
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(folder / name)
    return folder


def test_all_stages_leave_their_files(finished):
    names = {path.name for path in finished.iterdir()}
    assert names == {
        ".lock",
        "checkpoint.npz",
        "checkpoint.previous.npz",
        "generator.weights.h5",
        "generator.previous.weights.h5",
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


def test_interrupted_after_an_epoch_it_continues_bit_for_bit(finished, tmp_path):
    assert call("--stage=train", f"--workdir={tmp_path}", "--epochs=1") == 0
    assert checkpoint.read_meta(tmp_path / "checkpoint.npz")["epoch"] == 1
    assert call("--stage=train", f"--workdir={tmp_path}") == 0
    whole = arrays(finished / "checkpoint.npz")
    for name, array in arrays(tmp_path / "checkpoint.npz").items():
        np.testing.assert_array_equal(array, whole[name], err_msg=name)
    history = checkpoint.read_meta(tmp_path / "checkpoint.npz")["history"]
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


def test_described_weights_bring_their_schedule_along(tmp_path):
    weights = f"--weights={file('hkust_gan')}"

    def read(experiment, *flags_given, weights=weights):
        return options.read(experiment, [weights, *flags_given])[1]

    own = read(EXPERIMENTS["hkust_gan"])
    assert own.preset == "large_pixels" and own.variant == "hkust"
    assert not own.paper.generator.widths["own_statistics"]  # as they were trained
    with pytest.raises(InputError, match="hkust_gan.npz: tells of widths.own_statistics=False, not True"):
        read(EXPERIMENTS["hkust_gan"], "--preset=quick")  # whose network would restore otherwise
    assert read(EXPERIMENTS["deblurgan"]).preset == "quick"  # they are of another paper

    gan_d = f"--weights={file('gan_d')}"
    assert read(EXPERIMENTS["gan_d"], "--variant=eq3", weights=gan_d).preset == "large_pixels"  # the same network
    with pytest.raises(InputError, match="gan_d.npz: tells of .*; name the --preset and --variant that fit"):
        read(EXPERIMENTS["gan_d"], "--variant=odcnn", weights=gan_d)
    with pytest.raises(InputError, match="belongs to one variant"):
        read(EXPERIMENTS["gan_d"], "--variant=all", weights=gan_d)

    told = json.loads(file("hkust_gan").with_suffix(".json").read_text())
    foreign = tmp_path / "other.npz"  # a run's description is not that of another file in its folder
    shutil.copy(file("hkust_gan"), foreign)
    (tmp_path / "run.json").write_text(json.dumps(told))
    assert read(EXPERIMENTS["hkust_gan"], weights=f"--weights={foreign}").preset == "quick"
    told["generator"]["widths"]["own_statistics"] = True
    (tmp_path / "other.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match="other.npz: tells of widths.own_statistics=True, not False"):
        read(EXPERIMENTS["hkust_gan"], weights=f"--weights={foreign}")


@pytest.mark.slow  # two trainings
def test_two_devices_train_the_same_network_and_resume(finished, tmp_path):
    for epochs in (1, 3):
        assert call("--stage=train", "--devices=cpu:2", f"--workdir={tmp_path}", f"--epochs={epochs}") == 0
    history, alone = (checkpoint.read_meta(folder / "checkpoint.npz")["history"] for folder in (tmp_path, finished))
    for name in ("mse", "discriminator"):
        np.testing.assert_allclose(history[name], alone[name], rtol=1e-3)


@pytest.mark.slow  # three trainings
def test_parts_and_averaged_weights_are_recorded_and_resumed_bit_for_bit(tmp_path, capfd):
    flags = ["--stage=train", "--batch_size=1", "--accumulate=2", "--ema=0.5"]
    assert call(*flags, f"--workdir={tmp_path / 'whole'}", "--epochs=2") == 0
    for epochs in (1, 2):
        assert call(*flags, f"--workdir={tmp_path / 'parts'}", f"--epochs={epochs}") == 0
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


@pytest.mark.parametrize("decay", [0, 1, -0.5])
def test_a_decay_that_is_none(decay, capfd, tmp_path):
    error = refused(capfd, f"--ema={decay}", f"--workdir={tmp_path / 'run'}")
    assert f"--ema={decay}: a decay is between 0 and 1, such as 0.999" in error


@pytest.mark.slow
def test_a_folder_of_photographs_trains(photographs, tmp_path):
    assert call("--stage=train", f"--train_data={photographs}", f"--workdir={tmp_path / 'run'}", "--epochs=1") == 0


# Bad input ---------------------------------------------------------------------------------------------------------


def refused(capfd, *arguments):
    """The one line of error that these flags give."""
    capfd.readouterr()
    status = call(*arguments)
    error = capfd.readouterr().err.strip().splitlines()
    assert status == 2
    assert len(error) == 1 and error[0].startswith("error: "), error
    return error[0]


@pytest.mark.parametrize("flag", ["stage", "preset", "variant"])
def test_unknown_choice_lists_the_known_ones(flag, capfd, tmp_path):
    error = refused(capfd, f"--{flag}=nonesuch", f"--workdir={tmp_path / 'run'}")
    assert f"--{flag}=nonesuch: unknown; use one of" in error
    assert not (tmp_path / "run").exists()


def test_a_value_of_another_kind_and_one_that_is_too_small(capfd, tmp_path):
    workdir = f"--workdir={tmp_path / 'run'}"
    assert refused(capfd, "--epochs=x", workdir) == "error: argument --epochs: invalid int value: 'x'; see --help"
    assert "--batch_size=0: must be 1 or more" in refused(capfd, "--batch_size=0", workdir)
    assert "argument --precision: invalid choice: 'half'" in refused(capfd, "--precision=half", workdir)
    assert not (tmp_path / "run").exists()


def test_every_option_of_a_run_is_offered_by_the_script_and_by_the_command(capsys):
    for run in (lambda: call("--help"), lambda: cli.main(["train", "--help"])):
        with pytest.raises(SystemExit) as ended:
            run()
        assert ended.value.code == 0
        printed = capsys.readouterr().out
        assert {"--preset", "--minutes", "--noresume", "--skip_corrupt", "--data_service"} <= set(printed.split())
    with pytest.raises(SystemExit):
        call("--help")
    printed = capsys.readouterr().out.split()
    for name, one in runs.options().items():
        assert (f"--no{name}" if one.default is True else f"--{name}") in printed
        assert one.metadata["help"]


def test_stray_argument(capfd):
    assert "train: unexpected argument" in refused(capfd, "train")


@pytest.mark.parametrize("flag", ["train_data", "benchmarks"])
def test_missing_folder(flag, capfd, tmp_path):
    error = refused(capfd, f"--{flag}={tmp_path / 'nowhere'}", f"--workdir={tmp_path / 'run'}")
    assert f"{tmp_path / 'nowhere'}: no such folder" in error
    assert not (tmp_path / "run" / "checkpoint.npz").exists()


def test_folder_without_images(capfd, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty: holds no images" in refused(capfd, f"--train_data={tmp_path / 'empty'}", f"--workdir={tmp_path}/run")


def test_truncated_image(capfd, photographs, tmp_path):
    whole = (photographs / "b.png").read_bytes()
    (photographs / "b.png").write_bytes(whole[: len(whole) // 2])
    assert "b.png: " in refused(capfd, f"--train_data={photographs}", f"--workdir={tmp_path}/run")


def test_a_damaged_test_image_and_wrong_weights_are_found_before_the_training(capfd, photographs, tmp_path):
    workdir = f"--workdir={tmp_path}/run"
    (photographs / "x.weights.h5").write_text("none")
    error = refused(capfd, f"--weights={photographs / 'x.weights.h5'}", workdir)
    assert "x.weights.h5: does not fit gan_d_generator" in error
    whole = (photographs / "b.png").read_bytes()
    (photographs / "b.png").write_bytes(whole[: len(whole) // 2])
    assert "b.png: " in refused(capfd, f"--test_data={photographs}", workdir)
    assert not (tmp_path / "run").exists()


def test_text_named_png(capfd, photographs, tmp_path):
    (photographs / "b.png").write_text("not an image")
    assert "b.png: " in refused(capfd, f"--train_data={photographs}", f"--workdir={tmp_path}/run")


def test_image_smaller_than_the_crop(capfd, photographs, tmp_path):
    Image.new("RGB", (31, 200)).save(photographs / "a.png")
    error = refused(capfd, f"--train_data={photographs}", f"--workdir={tmp_path}/run")
    assert "a.png: is 31x200, smaller than the 32x32 crop" in error


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("--seed=5", "run.seed"),
        ("--batch_size=4", "training.batch_size"),
        ("--learning_rate=0.002", "training.learning_rate"),
    ],
)
def test_work_folder_of_another_run(finished, capfd, flag, name):
    before = (finished / "checkpoint.npz").read_bytes()
    error = refused(capfd, f"--workdir={finished}", flag)
    assert f"holds a run with {name}=" in error
    assert (finished / "checkpoint.npz").read_bytes() == before


def test_checkpoint_of_another_architecture(finished, capfd, tmp_path):
    error = refused(
        capfd,
        f"--weights={finished / 'checkpoint.npz'}",
        f"--workdir={tmp_path}/run",
    )
    assert "checkpoint.npz: does not fit" in error
    shutil.copy(finished / "checkpoint.npz", tmp_path)
    assert "holds a run with generator.builder=gan_d.generator, not gan_d.odcnn" in refused(
        capfd, f"--workdir={tmp_path}", "--variant=odcnn"
    )
    shutil.copy(finished / "run.json", tmp_path)
    assert "holds a network with builder=gan_d.generator, not gan_d.odcnn; choose another" in refused(
        capfd, f"--workdir={tmp_path}", "--variant=odcnn", "--stage=evaluate"
    )


@pytest.mark.slow
def test_noresume_in_a_new_folder_goes_through(tmp_path):
    assert call(f"--workdir={tmp_path}", "--noresume", "--epochs=1") == 0
    assert call(f"--workdir={tmp_path}", "--noresume", "--epochs=1", "--stage=evaluate") == 0


def test_images_of_one_name_and_sets_of_one_name_are_found_before_the_training(capfd, photographs, tmp_path):
    workdir = f"--workdir={tmp_path / 'run'}"
    (tmp_path / "other").mkdir()
    same = shutil.copytree(photographs, tmp_path / "other" / photographs.name)
    error = refused(capfd, f"--test_data={photographs},{same}", workdir)
    assert "--test_data: two folders hold a set called photographs; score them one by one" in error
    shutil.copy(photographs / "a.png", photographs / "c.png")
    assert "two images are called c; rename one of them" in refused(capfd, f"--test_data={photographs}", workdir)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_the_split_that_is_wanted_is_refused(capfd, tmp_path):
    for kind in ("blur", "sharp"):
        (tmp_path / "pairs/train/scene" / kind).mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(tmp_path / "pairs/train/scene" / kind / "000001.png")
    error = refused(capfd, f"--test_data={tmp_path / 'pairs'}", f"--workdir={tmp_path / 'run'}")
    assert "pairs: holds train, no test; give one of these folders itself" in error


def test_noresume_keeps_the_old_run(finished, capfd):
    assert "holds a run; choose another --workdir" in refused(capfd, f"--workdir={finished}", "--noresume")


def test_weights_never_write_into_a_trained_run(finished, capfd):
    weights = finished / "generator.weights.h5"
    assert "holds a run of its own" in refused(capfd, f"--weights={weights}", f"--workdir={finished}")


def test_report_without_results(capfd, tmp_path):
    assert "run --stage=evaluate first" in refused(capfd, "--stage=report", f"--workdir={tmp_path}")


def test_evaluation_without_training(capfd, tmp_path):
    assert "holds no trained generator" in refused(capfd, "--stage=evaluate", f"--workdir={tmp_path}")


def test_work_folder_that_is_a_file(capfd, tmp_path):
    (tmp_path / "file").write_text("mine")
    assert f"{tmp_path / 'file'}" in refused(capfd, f"--workdir={tmp_path / 'file'}")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_read_only_work_folder(capfd, tmp_path):
    tmp_path.chmod(0o500)
    assert "choose another --workdir" in refused(capfd, f"--workdir={tmp_path / 'run'}")


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a folder that takes no files")
def test_work_folder_that_cannot_be_made(capfd):
    error = refused(capfd, "--workdir=/proc/gandeblur")
    assert "/proc/gandeblur" in error and "choose another --workdir" in error


def test_batch_that_devices_cannot_share(capfd, tmp_path):
    error = refused(capfd, "--devices=cpu:2", "--batch_size=3", f"--workdir={tmp_path}/run")
    assert "not a multiple of the 2 devices" in error


def test_a_worker_and_a_data_server_that_never_come(capfd, tmp_path):
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        here, there = (f"127.0.0.1:{each.getsockname()[1]}" for each in (one, other))
    workdir = f"--workdir={tmp_path / 'run'}"
    error = refused(capfd, f"--workers={here},{there}", "--worker_index=0", "--worker_timeout=0.3", workdir)
    assert f"{there} (worker 1): no answer within 0.3 s; start it" in error
    error = refused(capfd, f"--data_service=grpc://{there}", "--worker_timeout=0.3", workdir)
    assert f"{there} (data server): no answer within 0.3 s; start it" in error
    assert "--data_service=grpc://nowhere: nowhere is not host:port" in refused(
        capfd, "--data_service=grpc://nowhere", workdir
    )
    assert "--stage=serve: give --data_service=grpc://host:port" in refused(capfd, "--stage=serve", workdir)
    assert not (tmp_path / "run").exists()


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


def test_a_training_starts_with_the_weights_of_another(finished, capfd, tmp_path):
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
