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
from gandeblur.experiments import audit, dark_channel_gan, hkust_gan, ird_gan, run, sharingan
from gandeblur.models import dark_channel_gan as dark_channel_networks
from gandeblur.models import hkust_gan as hkust_networks
from gandeblur.models import ird_gan as ird_networks
from gandeblur.models import sharingan as sharingan_networks

EXPERIMENTS = {
    module.EXPERIMENT.name: module.EXPERIMENT for module in (sharingan, ird_gan, hkust_gan, dark_channel_gan)
}
EACH = pytest.mark.parametrize("name", EXPERIMENTS)
DEBLURGANS = pytest.mark.parametrize("name", ["sharingan", "ird_gan"])


@pytest.mark.parametrize(("name", "variant"), [(n, v) for n, e in EXPERIMENTS.items() for v in e.variants])
def test_every_layer_is_the_papers(name, variant):
    networks = EXPERIMENTS[name].variants[variant]
    for network, model in (("generator", networks.generator(None)), ("discriminator", networks.discriminator(256))):
        rows = audit.rows(model, networks.layers[network], networks.totals.get(network, (None, None))[1])
        assert rows[-1]["verdict"] == "ok"
        assert {row["verdict"] for row in rows} <= ({"ok", audit.NOT_LISTED} if networks.totals else {"ok"})
        holds, convolutions = audit.of_formula(model)
        assert holds == convolutions > 0


def test_what_hkusts_tables_leave_out_closes_their_totals():
    variant = hkust_gan.EXPERIMENT.variants["hkust"]
    for network, model, left_out, total in (
        ("generator", variant.generator(None), {"23 BatchNormalization": 20_992}, 11_399_171),
        (
            "discriminator",
            variant.discriminator(256),
            {"4 BatchNormalization": 3_840, "2 Dense": 263_168 + 1_025},
            3_098_370,
        ),
    ):
        rows = {row["layer"]: row for row in audit.rows(model, variant.layers[network], variant.totals[network][1])}
        assert {name: rows[name]["parameters"] for name in left_out} == left_out
        assert rows["listed layers"]["parameters"] + sum(left_out.values()) == total == rows["total"]["paper"]


def test_hkusts_audit_is_whole_in_80_columns_and_holds_table_1(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert call(hkust_gan.EXPERIMENT, "--stage=audit") == 0
    printed = capsys.readouterr().out
    table = printed[printed.index("(HKUST) discriminator") :]
    assert "…" not in table and "conv2d_28" in table
    assert "generator: 24 convolutions, 11,399,171 parameters; the paper: 24 and 11,399,171" in printed
    assert "discriminator: 6 convolutions, 3,098,370 parameters; the paper: 6 and 3,098,370" in printed
    assert "together: 30 convolutions, 14,497,541 parameters" in printed
    assert printed.count("gives the parameters of 24 of the 24") == printed.count("of 6 of the 6") == 1


def test_hkusts_numbers():
    experiment = hkust_gan.EXPERIMENT
    assert experiment.variants["hkust"].size_multiple == 4
    preset = experiment.presets["paper"]
    assert (preset.crop_px, preset.batch_size, preset.epochs, preset.steps_per_epoch) == (256, 16, 40, 500 // 16)
    assert (preset.learning_rate, preset.beta_1, preset.epsilon) == (1e-4, 0.9, 1e-8)
    assert (experiment.discriminator_steps, experiment.perceptual) == (5, ("vgg16", "block3_conv3"))
    terms = experiment.variants["hkust"].generator_terms(lambda restored, sharp: None)
    assert {term.name: term.weight for term in terms} == {"content": 100, "adversarial": 1}


def test_dark_channels_numbers():
    experiment = dark_channel_gan.EXPERIMENT
    assert {variant.size_multiple for variant in experiment.variants.values()} == {
        2 ** len(dark_channel_gan.ENCODER_MAPS)
    }
    assert [len(dark_channel_gan.DECODER_MAPS), dark_channel_gan.DROPOUT, dark_channel_gan.DROPOUT_LAYERS] == [
        8,
        0.5,
        3,
    ]
    assert dark_channel_gan.TRAINING_NOISE.keywords == {"variance": (0.0, 0.002)}
    preset = experiment.presets["paper"]
    assert (preset.crop_px, preset.batch_size, preset.epochs, preset.downsample) == (256, 1, 15, 2)
    assert (preset.learning_rate, preset.beta_1) == (2e-4, 0.5)
    assert (experiment.discriminator_steps, experiment.generator_steps) == (1, 2)
    weights = {
        name: {term.name: term.weight for term in variant.generator_terms(lambda restored, sharp: None)}
        for name, variant in experiment.variants.items()
    }
    dc0 = {"l1": 2 * 100, "adversarial": 1}  # 100 on [-1, 1]
    dc250 = dc0 | {"dark_channel": 250}
    assert weights == {"dc250": dc250, "dc0": dc0, "dc250p": dc250 | {"content": 100}}


@DEBLURGANS
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
        "hkust_gan": lambda: hkust_networks.generator(maps=3, blocks=1),
        "dark_channel_gan": lambda: dark_channel_networks.generator(
            encoder_maps=(3, 4), decoder_maps=(4, 3), dropout=0.5, dropout_layers=1
        ),
    }
    discriminators = {
        "hkust_gan": lambda px: hkust_networks.discriminator(maps=3, dense_units=5, image_px=px),
        "dark_channel_gan": lambda px: dark_channel_networks.discriminator(maps=(3, 4), image_px=px),
    }

    def smaller(variant):
        return dataclasses.replace(
            variant,
            generator=lambda _: networks[experiment.name](),
            discriminator=discriminators.get(experiment.name, lambda _: sharingan_networks.critic(maps=3)),
            size_multiple=4,
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


@EACH
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
    # On pairs, HKUST's blur by enlargement does not apply.
    conditions = {"hkust_gan": ["-motion"], "dark_channel_gan": ["-original", "-noisy"]}.get(name, [""])
    assert list(results["sets"]) == ["pairs/test/blur_gamma" + condition for condition in conditions]
    assert results["data"]["test"] == "pairs/test/blur_gamma (2)"
    assert results["data"]["size"] == "whole images"  # 54 x 42: no multiple of 4
    assert results["data"]["dropout at test time"] == "off"
    logged = {
        "hkust_gan": {"loss/content", "loss/content_weighted", "loss/adversarial", "loss/minus_wasserstein_gap"},
        "dark_channel_gan": {"loss/l1", "loss/dark_channel_weighted", "loss/adversarial", "loss/discriminator"},
    }.get(name, {"loss/content", "loss/penalty", "loss/penalty_weighted", "loss/minus_wasserstein_gap"})
    assert logged <= results["history"].keys()
    with open(tmp_path / "run" / "scores.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == {"scene_test/000000", "scene_test/000001"}
    page = (tmp_path / "run" / "report.html").read_text()
    assert "pairs/test/blur_gamma" in page and "none of the paper's names" in page
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


def test_enlarged_and_motion_blurred_photographs_are_scored_apart(data, tmp_path):
    """HKUST's section 3.3: a network for motion blur may fail on blur by enlargement."""
    options = (f"--train_data={data / 'sharp'}", f"--test_data={data / 'sharp'}")
    assert call(tiny(hkust_gan.EXPERIMENT), *options, f"--workdir={tmp_path}") == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert list(results["sets"]) == ["sharp-motion", "sharp-enlargement"]
    motion, enlarged = (results["sets"][name]["images"] for name in results["sets"])
    assert [image["name"] for image in motion] == [image["name"] for image in enlarged]
    assert motion[0]["scores"]["input"] != enlarged[0]["scores"]["input"]
    page = (tmp_path / "report.html").read_text()
    assert "32.33" in page and "25.39" in page and "Ji et al." in page  # Tables 4 and 5


@pytest.fixture(scope="module")
def all_variants(data, tmp_path_factory):
    """The work folder of `--variant=all`, with DeblurGAN's weights."""
    folder = tmp_path_factory.mktemp("all")
    deblurgan = tiny(sharingan.EXPERIMENT).variants["deblurgan"]
    deblurgan.generator(None).save_weights(folder / "deblurgan.weights.h5")
    experiment = dataclasses.replace(tiny(dark_channel_gan.EXPERIMENT), deblurgan=deblurgan)
    options = (f"--train_data={data / 'sharp'}", f"--test_data={data / 'sharp'}", "--variant=all")
    weights = f"--deblurgan_weights={folder / 'deblurgan.weights.h5'}"
    assert call(experiment, *options, weights, f"--workdir={folder / 'run'}") == 0
    return folder / "run"


@pytest.mark.slow
def test_all_variants_are_trained_and_scored_side_by_side(all_variants):
    results = json.loads((all_variants / "results.json").read_text())
    assert results["methods"] == ["input", "DeblurGAN", "dc250", "dc0", "dc250p"]
    assert list(results["sets"]) == ["sharp-original", "sharp-noisy"]
    for scores in results["sets"].values():
        values = [scores["methods"][method]["psnr_db"]["mean"] for method in results["methods"]]
        assert len(set(values)) == 5  # three trainings, another network, the input
    assert results["training"]["steps"] == "dc250: 4; dc0: 4; dc250p: 4"
    assert results["weights_sha256"].count(": ") == 4  # DeblurGAN's as well
    assert {f"val_psnr_db/{name}" for name in ("dc250", "dc0", "dc250p")} < results["history"].keys()
    for name in ("dc250", "dc0", "dc250p"):
        assert (all_variants / name / "generator.weights.h5").exists()
    page = (all_variants / "report.html").read_text()
    assert "27.01" in page and "sharp-noisy" in page


@pytest.mark.slow
def test_the_noisy_test_images_are_the_original_ones_with_noise_of_variance_0_001(all_variants):
    for number in range(3):
        original, noisy = (
            np.asarray(Image.open(all_variants / "images" / f"sharp-{condition}" / f"{number}_input.png"), float) / 255
            for condition in ("original", "noisy")
        )
        unclipped = (original > 0.2) & (original < 0.8)
        assert (noisy - original)[unclipped].var() == pytest.approx(0.001, rel=0.15)


def test_weights_of_another_paper_are_refused_where_there_is_no_column_for_them(data, tmp_path, capsys):
    arguments = (f"--test_data={data / 'sharp'}", f"--workdir={tmp_path}", "--deblurgan_weights=x.weights.h5")
    assert call(tiny(sharingan.EXPERIMENT), *arguments) == 2
    assert capsys.readouterr().err == (
        "error: --deblurgan_weights=x.weights.h5: this paper has no such column; leave it out\n"
    )
    assert call(tiny(dark_channel_gan.EXPERIMENT), *arguments) == 2  # before the training
    error = capsys.readouterr().err
    assert error.startswith("error: x.weights.h5: ") and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_all_variants_look_for_vggs_weights_before_the_first_training(data, tmp_path, capsys):
    arguments = (f"--train_data={data / 'sharp'}", f"--workdir={tmp_path}", "--preset=cpu_hour", "--variant=all")
    assert call(tiny(dark_channel_gan.EXPERIMENT), *arguments, "--vgg_weights=none.npz") == 2
    assert capsys.readouterr().err.startswith("error: none.npz: no such file")
    assert not list(tmp_path.iterdir())


def test_a_variant_without_perceptual_loss_asks_for_no_weights_of_vgg(data, tmp_path):
    arguments = (f"--train_data={data / 'sharp'}", f"--workdir={tmp_path}", "--preset=cpu_hour", "--stage=train")
    assert call(tiny(dark_channel_gan.EXPERIMENT), *arguments, "--vgg_weights=none.npz") == 0


def test_epsilon_reaches_the_optimizer():
    optimizer = run._optimizer(hkust_gan.EXPERIMENT.presets["paper"])
    assert (optimizer.epsilon, optimizer.beta_1, optimizer.beta_2) == (1e-8, 0.9, 0.999)


def test_weights_belong_to_one_variant(data, tmp_path, capsys):
    arguments = (f"--test_data={data / 'sharp'}", "--variant=all", "--weights=x.weights.h5", f"--workdir={tmp_path}")
    assert call(tiny(dark_channel_gan.EXPERIMENT), *arguments) == 2
    assert "belongs to one variant; name it with --variant" in capsys.readouterr().err
