"""What `import gandeblur` offers, as the README shows it."""

import doctest
import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tiny_experiment
from PIL import Image
from tiny_experiments import tiny

import gandeblur
from gandeblur import api, cli
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.stages import publish, record
from gandeblur.stages.run import choose

README = Path(__file__).parent.parent / "README.md"


@pytest.fixture
def small(monkeypatch):
    """The experiments with small networks and seconds of training."""
    monkeypatch.setitem(EXPERIMENTS, "gan_d", tiny_experiment.EXPERIMENT)
    monkeypatch.setitem(EXPERIMENTS, "sharingan", tiny(EXPERIMENTS["sharingan"], downsample=1))


@pytest.fixture
def trained(tiny_run, small):
    """The run that all tests share, to be read."""
    return gandeblur.Run(choose(tiny_experiment.EXPERIMENT, workdir=tiny_run))


def write_pairs(folder, split, count=3):
    rng = np.random.default_rng(0)
    for number in range(count):
        for kind in ("blur", "sharp"):
            (folder / split / f"scene{number}" / kind).mkdir(parents=True)
            pixels = rng.integers(0, 256, (40, 44, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / split / f"scene{number}" / kind / "000001.png")


@pytest.mark.slow  # three runs
def test_the_readmes_python_block_runs_as_it_stands(small, tmp_path, monkeypatch):
    block = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[0]
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "PAIRS", "train")
    write_pairs(tmp_path / "TEST", "test", count=2)
    pixels = np.random.default_rng(1).integers(0, 256, (50, 61, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("photo.jpg")
    gandeblur.train("gan_d", epochs=1)  # what a reader has done before, by the command above the block
    names = {}
    exec(block, names)
    assert Image.open("restored.png").size == (61, 50)
    assert names["run"].folder == Path("runs/mine")
    told = json.loads(Path("runs/mine/run.json").read_text())
    assert told["paper"]["experiment"] == "sharingan" and told["data"]["train"] == [str(tmp_path / "PAIRS")]
    assert "TEST/test/blur" in Path("runs/mine/report.html").read_text()


def test_a_picture_comes_back_as_it_came(trained, tmp_path):
    deblur = gandeblur.load(trained.folder)
    pixels = np.random.default_rng(1).integers(0, 256, (50, 61, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    restored = deblur(pixels)
    assert restored.dtype == np.uint8 and restored.shape == pixels.shape
    assert not np.array_equal(restored, pixels)
    for picture in (Image.fromarray(pixels), tmp_path / "photo.png", str(tmp_path / "photo.png")):
        np.testing.assert_array_equal(np.asarray(deblur(picture)), restored)
    with pytest.raises(ValueError, match=r"float64 .* give uint8 or uint16 \[H, W, 3\]"):
        deblur(pixels / 255)


def test_a_weights_file_with_its_description_is_a_model(trained, tmp_path):
    file = tmp_path / "mine.weights.h5"
    file.write_bytes((trained.folder / "generator.weights.h5").read_bytes())
    with pytest.raises(gandeblur.InputError, match=r"mine.weights.h5: is not described; it needs a run.json"):
        gandeblur.load(file)
    (tmp_path / "mine.json").write_text((trained.folder / "run.json").read_text())
    pixels = np.full((40, 40, 3), 90, np.uint8)
    np.testing.assert_array_equal(gandeblur.load(file)(pixels), gandeblur.load(trained.folder)(pixels))


def test_the_folder_alone_is_enough_to_score_it(run):
    for name in ("results.json", "report.html"):
        (run / name).unlink()
    scored = gandeblur.evaluate(str(run))
    assert scored.run == gandeblur.Run(choose(tiny_experiment.EXPERIMENT, workdir=run))
    assert scored.results.methods[-1] == "GAN-D" and scored.report().exists()


@pytest.mark.slow
def test_a_run_is_scored_wherever_it_lies_and_on_what_it_is_told(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = gandeblur.train("gan_d", workdir="first", epochs=1)
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 44, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photographs / f"{number}.png")
    others = {"start": first.folder / "generator.weights.h5", "benchmarks": "sets", "epochs": 1}
    second = gandeblur.train("gan_d", ["photographs"], workdir="second", **others)
    monkeypatch.chdir(tmp_path / "second")
    assert [phase["steps"] for phase in publish.phases(tmp_path / "second")] == [3, 3]
    shutil.rmtree(tmp_path / "first")
    moved = shutil.move(tmp_path / second.folder, tmp_path / "moved")
    scored = gandeblur.evaluate(moved, photographs)
    assert list(scored.results.sets) == ["photographs"]  # not the benchmarks of the training's own command
    assert [phase["steps"] for phase in publish.phases(Path(moved))] == [3]


@pytest.mark.parametrize(
    ("name", "told", "line"),
    [
        ("none", None, "none: no such file or folder"),
        ("empty", "", "cannot be read as a run's description"),
        ("text", "[]", "cannot be read as a run's description"),
        ("newer", '{"format": 99}', "another version wrote it"),
        (
            "cut",
            '{"format": 1, "paper": {"experiment": "x"}, "generator": {}}',
            "cannot be read as a run's description",
        ),
        ("other", '{"format": 2, "paper": {"experiment": "x"}, "generator": {}}', "is of x, unknown here"),
    ],
)
def test_what_is_no_run_is_refused_in_one_line(name, told, line, tmp_path):
    if told is not None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(told)
    for function in (gandeblur.load, gandeblur.evaluate):
        with pytest.raises(gandeblur.InputError, match=line) as error:
            function(tmp_path / name)
        assert "\n" not in str(error.value)


def test_the_examples_of_the_docstrings_are_right():
    found = doctest.testmod(api, extraglobs={"gandeblur": gandeblur})
    assert found.attempted >= 2 and found.failed == 0


def test_a_network_is_built_by_its_paper_s_name(small):
    network = gandeblur.build("gan_d")
    assert (
        isinstance(network, keras.Model)
        and network.count_params() == EXPERIMENTS["gan_d"].paper.generator.build(32).count_params()
    )
    restored = network(np.zeros((1, 40, 44, 3), np.float32))
    assert restored.shape == (1, 40, 44, 3)
    policy = keras.config.dtype_policy().name
    half = gandeblur.build("sharingan", dtype="mixed_bfloat16")
    assert half.layers[1].compute_dtype == "bfloat16" and keras.config.dtype_policy().name == policy
    with pytest.raises(gandeblur.InputError, match="nonesuch: unknown experiment; use one of gan_d"):
        gandeblur.build("nonesuch")


@pytest.mark.networks
def test_trained_weights_are_built_in_and_are_those_of_the_paper():
    network = gandeblur.build("ird_gan", weights="ird_gan")
    for ours, theirs in zip(network.get_weights(), gandeblur.load("ird_gan").generator.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(gandeblur.InputError, match="ird_gan: are weights of ird_gan, not of deblurgan"):
        gandeblur.build("deblurgan", weights="ird_gan")


def test_a_training_returns_its_history_and_leaves_the_process_as_it_was(small, eagerly, tmp_path):
    policy, numbers, numpy_numbers = keras.config.dtype_policy().name, random.getstate(), np.random.get_state()[1]
    run = gandeblur.train("gan_d", workdir=tmp_path, epochs=2, precision="bfloat16")
    assert keras.config.dtype_policy().name == policy and random.getstate() == numbers
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_numbers)
    assert len(run.history["mse"]) == len(run.history["val_psnr_db"]) == len(run.history["epoch_s"]) == 2


@pytest.mark.parametrize(
    ("choices", "line"),
    [
        ({"lr": 1e-3}, "lr: no such option; there are variant, preset, workdir"),
        ({"preset": "x"}, "preset=x: unknown; use one of quick"),
        ({"epochs": 0}, "epochs=0: must be 1 or more"),
        ({"train_data": "nowhere"}, "nowhere: no such folder"),  # one folder, not seven
    ],
)
def test_a_wrong_argument_is_named_as_python_has_it(choices, line, small, tmp_path):
    with pytest.raises(gandeblur.InputError) as error:
        gandeblur.train("gan_d", workdir=tmp_path, **choices)
    assert str(error.value).startswith(line) and "--" not in str(error.value)


def test_an_unknown_experiment_lists_the_known_ones():
    with pytest.raises(gandeblur.InputError, match=r"gand: unknown experiment; use one of gan_d, "):
        gandeblur.train("gand")


def test_a_description_holds_all_that_makes_a_run_this_run(trained):
    told = record.read(trained.folder)
    assert told["generator"]["widths"] == {"maps": 3, "wide_maps": 4, "identity_noise": 0.01}
    assert (told["generator"]["builder"], told["generator"]["value_range"]) == ("gan_d.generator", [0, 1])
    assert told["losses"]["generator"] == [
        "1 x mean_squared_error(restored, sharp)",
        "0.0001 x non_saturating(fake_logits)",
    ]
    assert told["training"]["learning_rate"] == 1e-4 and told["training"]["schedule"].startswith("Plateau(")
    assert told["data"]["photographs"] == (
        "blur(7x7), gain_and_clip(gain=1.3), gaussian_noise(variance=0.0005), jpeg(quality=70)"
    )
    assert (told["run"]["seed"], told["run"]["precision"], told["data"]["crop_px"]) == (0, "float32", 32)
    assert told["versions"].keys() >= {"gandeblur", "tensorflow", "keras", "backend"}
    again = record.describe(trained.settings)
    assert record.difference(told, again) is None


def test_the_command_restores_and_never_overwrites(trained, tmp_path, capsys):
    Image.fromarray(np.full((40, 50, 3), 90, np.uint8)).save(tmp_path / "photo.jpg")
    arguments = ["restore", str(tmp_path / "photo.jpg"), "--model", str(trained.folder), "-o", str(tmp_path / "out")]
    assert cli.main(arguments) == 0
    out = tmp_path / "out" / "photo.jpg"
    assert Image.open(out).size == (50, 40)
    before = out.read_bytes()
    said = capsys.readouterr()
    line = f"{out} (not the blur that this network undoes: expect a wrong picture)"  # a grey square is not restored
    assert said.out == f"{line}\n" and said.err.startswith(f"{trained.folder}: for a lens out of focus")
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith(f"error: {out}: exists; ")
    assert out.read_bytes() == before
    assert cli.main([*arguments, "--skip_existing"]) == 0
    assert capsys.readouterr().err == f"{out.parent}: holds all of them already; nothing to do\n"

    (tmp_path / "bad.jpg").write_text("x")
    (tmp_path / "out" / "bad.jpg").write_bytes(before)  # of an earlier run
    options = ["--force", "--compare", "--precision", "bfloat16"]
    assert cli.main([*arguments[:1], str(tmp_path / "bad.jpg"), *arguments[1:], *options]) == 1
    said = capsys.readouterr()
    assert "1 of 2 failed (1 .jpg):\n" in said.err and said.out.splitlines() == [
        line,
        str(out.with_name("compare.html")),
    ]
    page = out.with_name("compare.html").read_text()
    for kind in ("before", "after"):
        assert f'src="compare/0001_{kind}.png"' in page and "0002" not in page and "bad.jpg" not in page
        assert Image.open(out.parent / f"compare/0001_{kind}.png").size == (50, 40)
    assert cli.main([*arguments, "--skip_existing", "--compare"]) == 0  # nothing to compare
    out.unlink()
    assert cli.main([*arguments, "--compare"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: {out.with_name('compare.html')}: exists; ")


@pytest.mark.slow
def test_the_command_trains_and_scores(small, tmp_path, capsys):
    assert cli.main(["train", "gan_d", "--workdir", str(tmp_path / "run")]) == 0
    assert cli.main(["evaluate", str(tmp_path / "run")]) == 0
    assert f"report: {tmp_path / 'run' / 'report.html'}" in capsys.readouterr().out
    assert cli.main(["train", "nonesuch"]) == 2
    assert capsys.readouterr().err.startswith("error: nonesuch: unknown experiment")


def test_importing_it_imports_no_tensorflow():
    script = (
        "import sys, gandeblur; gandeblur.InputError; assert not {'tensorflow', 'keras', 'absl'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nonesuch'"):
        gandeblur.nonesuch  # noqa: B018
