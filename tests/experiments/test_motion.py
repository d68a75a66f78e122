"""The experiments of the papers on motion blur, with small networks: pairs, photographs, penalty, detector."""

import csv
import dataclasses
import json

import keras
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from PIL import Image

from gandeblur.data.datasets.find import find
from gandeblur.data.datasets.packed import pack
from gandeblur.evaluation import detection
from gandeblur.experiments import audit, ird_gan, run, sharingan
from gandeblur.models import ird_gan as ird_networks
from gandeblur.models import sharingan as sharingan_networks

EXPERIMENTS = {"sharingan": sharingan.EXPERIMENT, "ird_gan": ird_gan.EXPERIMENT}
BOTH = pytest.mark.parametrize("name", EXPERIMENTS)


@pytest.mark.parametrize(("name", "variant"), [(n, v) for n, e in EXPERIMENTS.items() for v in e.variants])
def test_every_layer_is_the_papers(name, variant):
    networks = EXPERIMENTS[name].variants[variant]
    for network, model in (("generator", networks.generator(None)), ("discriminator", networks.discriminator(256))):
        rows = audit.rows(model, networks.layers[network])
        assert {row["verdict"] for row in rows} == {"ok"}


@BOTH
def test_the_papers_numbers(name):
    experiment = EXPERIMENTS[name]
    preset = experiment.presets["paper"]
    assert (preset.crop_px, preset.batch_size, preset.learning_rate, preset.beta_1) == (256, 1, 1e-4, 0.5)
    assert (preset.epochs, experiment.discriminator_steps, preset.discriminator_steps) == (300, 5, None)
    assert (preset.perceptual, experiment.perceptual) == (True, ("vgg19", "block3_conv3"))
    assert (preset.pixel_weight, preset.identity_noise) == (0, None)
    weights = {
        variant: {
            term.name: term.weight
            for term in (*values.generator_terms(lambda restored, sharp: None), *values.discriminator_terms)
        }
        for variant, values in experiment.variants.items()
    }
    common = {"content": 100, "adversarial": 1, "minus_wasserstein_gap": 1}
    if name == "sharingan":
        assert weights == {"sharingan": common | {"penalty": 100}, "deblurgan": common | {"penalty": 10}}
        assert preset.downsample == 2
    else:
        whole = common | {"l1": 170, "penalty": 10}
        assert weights == {"ird": whole, "no_residual": whole, "no_skip": whole, "no_l1": common | {"penalty": 10}}


def tiny(experiment):
    """The experiment with networks and a schedule of seconds."""
    networks = {
        "sharingan": lambda: sharingan_networks.generator(maps=3, blocks=1, dropout=0.5),
        "ird_gan": lambda: ird_networks.generator(maps=3, blocks=1, dropout=0.2),
    }

    def smaller(variant):
        return dataclasses.replace(
            variant,
            generator=lambda _: networks[experiment.name](),
            discriminator=lambda _: sharingan_networks.critic(maps=3),
        )

    schedule = dict(crop_px=32, batch_size=2, epochs=2, steps_per_epoch=2, discriminator_steps=None)
    return dataclasses.replace(
        experiment,
        variants={name: smaller(variant) for name, variant in experiment.variants.items()},
        presets={name: dataclasses.replace(preset, **schedule) for name, preset in experiment.presets.items()},
    )


def call(experiment, *arguments):
    with flagsaver.flagsaver():
        flags.FLAGS.unparse_flags()
        rest = flags.FLAGS(["experiment", *map(str, arguments)])
        return run._main(experiment, rest)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Folders of pairs and of sharp photographs, smooth enough for any network."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("test", 2)):
        for kind in ("blur", "blur_gamma", "sharp"):
            (root / "pairs" / split / f"scene_{split}" / kind).mkdir(parents=True)
        for number in range(count):
            small = Image.fromarray(rng.integers(0, 256, (6, 9, 3), dtype=np.uint8))
            sharp = small.resize((54, 42), Image.Resampling.BICUBIC)
            for kind, side in (("sharp", 54), ("blur", 9), ("blur_gamma", 11)):
                image = sharp.resize((side, side)).resize(sharp.size) if kind != "sharp" else sharp
                image.save(root / "pairs" / split / f"scene_{split}" / kind / f"{number:06}.png")
    (root / "sharp").mkdir()
    for number in range(3):
        Image.fromarray(rng.integers(0, 256, (40, 44, 3), dtype=np.uint8)).save(root / "sharp" / f"{number}.png")
    return root


@BOTH
def test_pairs_and_photographs_are_mixed_and_the_variant_of_the_blur_is_recorded(name, data, tmp_path, capsys):
    experiment = tiny(EXPERIMENTS[name])
    options = (
        f"--train_data={data / 'pairs'},{data / 'sharp'}",
        f"--test_data={data / 'pairs'}",
        "--blurred=blur_gamma",
    )
    assert call(experiment, *options, f"--workdir={tmp_path / 'run'}") == 0
    printed = capsys.readouterr().out
    assert "training on pairs/train/blur_gamma/train (3), sharp/train (2)" in printed
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert list(results["sets"]) == ["pairs/test/blur_gamma"]
    assert results["data"]["test"] == "pairs/test/blur_gamma (2)"
    assert results["data"]["size"] == "whole images"  # 54 x 42: no multiple of 4
    assert results["data"]["dropout at test time"] == "off"
    logged = {"loss/content", "loss/penalty", "loss/penalty_weighted", "loss/minus_wasserstein_gap"}
    assert logged <= results["history"].keys()
    with open(tmp_path / "run" / "scores.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == {"scene_test/000000", "scene_test/000001"}
    page = (tmp_path / "run" / "report.html").read_text()
    assert "pairs/test/blur_gamma" in page and "other images than the paper" in page
    # Another variant is another run.
    other = [option.replace("blur_gamma", "blur") for option in options]
    assert call(experiment, *other, f"--workdir={tmp_path / 'run'}") == 2
    assert "holds a run with blurred=blur_gamma, not blur" in capsys.readouterr().err


def test_the_variant_must_be_said_where_there_are_two(data, tmp_path, capsys):
    arguments = (f"--train_data={data / 'pairs'}", f"--workdir={tmp_path}")
    assert call(tiny(sharingan.EXPERIMENT), *arguments, "--stage=train") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "choose --blurred=blur|blur_gamma" in error


@pytest.mark.slow
def test_training_on_packed_pairs_gives_the_same_weights(data, tmp_path):
    pack(find(data / "pairs", split="train", variant="blur"), tmp_path / "packed")
    hashes = []
    for number, folder in enumerate((data / "pairs", tmp_path / "packed")):
        workdir = tmp_path / str(number)
        options = (f"--train_data={folder}", "--blurred=blur", "--stage=train", f"--workdir={workdir}")
        assert call(tiny(sharingan.EXPERIMENT), *options) == 0
        with np.load(workdir / "checkpoint.npz") as archive:
            hashes.append([archive[key].tobytes() for key in archive.files if key != "meta"])
    assert hashes[0] == hashes[1]


@pytest.mark.slow
def test_a_resumed_run_ends_as_one_that_was_not_stopped(data, tmp_path):
    """Dropout, the penalty's mixture and the learning rates included."""
    experiment = tiny(sharingan.EXPERIMENT)
    options = (f"--train_data={data / 'sharp'}", "--stage=train")
    assert call(experiment, *options, f"--workdir={tmp_path / 'whole'}") == 0
    quick = dataclasses.replace(experiment.presets["quick"], schedule=lambda _: StopAfterOneEpoch())
    stopped = dataclasses.replace(experiment, presets=experiment.presets | {"quick": quick})
    assert call(stopped, *options, f"--workdir={tmp_path / 'parts'}") == run.INTERRUPTED
    assert call(experiment, *options, f"--workdir={tmp_path / 'parts'}") == 0
    with np.load(tmp_path / "whole/checkpoint.npz") as whole, np.load(tmp_path / "parts/checkpoint.npz") as parts:
        for key in whole.files:
            if key != "meta":
                np.testing.assert_array_equal(parts[key], whole[key])


class StopAfterOneEpoch(keras.callbacks.Callback):
    """In place of a schedule whose first epoch has the full rate; stops as Ctrl-C does."""

    def get_state(self):
        return {}

    def on_epoch_begin(self, epoch, logs=None):
        if epoch:
            raise KeyboardInterrupt


def test_without_vgg_weights_a_run_stops_in_one_line(data, tmp_path, capsys):
    arguments = (f"--train_data={data / 'sharp'}", f"--workdir={tmp_path}", "--stage=train", "--preset=cpu_hour")
    assert call(tiny(sharingan.EXPERIMENT), *arguments, f"--vgg_weights={tmp_path / 'none.npz'}") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path / 'none.npz'}: no such file") and "--vgg_weights=FILE" in error
    assert error.count("\n") == 1 and not (tmp_path / "checkpoint.npz").exists()


def test_a_detector_is_asked_about_every_test_image(data, tmp_path, capsys, monkeypatch):
    def bright_parts(image):
        rows, columns = np.nonzero(image.mean(axis=2) > 100)
        box = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
        return detection.Detections(np.float32([box]), np.array([1]), np.float32([0.9]))

    detector = detection.Detector("bright parts", "0" * 64, {1: "light"}, bright_parts)
    monkeypatch.setattr(detection, "load_detector", lambda path: detector)
    options = (f"--train_data={data / 'pairs'}", f"--test_data={data / 'pairs'}", "--blurred=blur", "--detector=x")
    assert call(tiny(sharingan.EXPERIMENT), *options, f"--workdir={tmp_path}") == 0
    found = json.loads((tmp_path / "results.json").read_text())["detection"]["pairs/test/blur"]
    assert list(found["methods"]) == ["input", "SharinGAN", "sharp"]
    assert found["methods"]["sharp"]["f1"] == 1 and found["methods"]["sharp"]["objects"] == 2
    printed = capsys.readouterr().out
    assert "objects as bright parts finds them" in printed and "recall" in printed
    assert "Detections" in (tmp_path / "report.html").read_text()


def test_dropout_at_test_time_is_the_variants_choice():
    from gandeblur.inference.restore import restorer

    generator = sharingan_networks.generator(maps=3, blocks=1, dropout=0.5, output_stddev=0.5)
    image = np.random.default_rng(0).integers(0, 256, (21, 18, 3), dtype=np.uint8)
    off, on = (restorer(generator, (-1.0, 1.0), size_multiple=4, dropout=dropout) for dropout in (False, True))
    np.testing.assert_array_equal(off(image), off(image))
    assert off(image).shape == image.shape
    assert not np.array_equal(on(image), on(image))
