import json
import os
import shutil
import socket

import pytest
from absl import logging
from PIL import Image
from tiny_experiment import call, refused

from gandeblur import cli
from gandeblur.errors import InputError
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.stages import options
from gandeblur.stages import run as runs
from gandeblur.weights import file


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


@pytest.mark.parametrize("decay", [0, 1, -0.5])
def test_a_decay_that_is_none(decay, capfd, tmp_path):
    error = refused(capfd, f"--ema={decay}", f"--workdir={tmp_path / 'run'}")
    assert f"--ema={decay}: a decay is between 0 and 1, such as 0.999" in error


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


def test_absls_own_flags_are_taken():
    before = logging.get_verbosity()
    try:
        options.read(EXPERIMENTS["gan_d"], ["--verbosity=-1"])
        assert logging.get_verbosity() == logging.WARNING
    finally:
        logging.set_verbosity(before)


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


def test_benchmarks_and_test_data_exclude_each_other(tmp_path, capsys):
    asked = ["--stage=evaluate", "--benchmarks=a", "--test_data=b", f"--workdir={tmp_path / 'run'}"]
    assert options.run(EXPERIMENTS["gan_d"], asked) == 2
    assert "--benchmarks: is scored in place of --test_data; give one of the two" in capsys.readouterr().err
