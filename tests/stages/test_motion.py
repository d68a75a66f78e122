"""The experiments of the papers on motion blur, with small networks: pairs, photographs, penalty, detector."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from tiny_experiments import tiny

from gandeblur.data.datasets.find import find
from gandeblur.data.datasets.packed import pack
from gandeblur.errors import INTERRUPTED
from gandeblur.evaluation import detectors
from gandeblur.experiments.papers import EXPERIMENTS as ALL
from gandeblur.stages import opening, options, sequence
from gandeblur.stages.run import choose
from gandeblur.training import progress

EXPERIMENTS = {name: experiment for name, experiment in ALL.items() if experiment.paper.data.pairs is not None}


def call(experiment, *arguments):
    return options.run(experiment, list(map(str, arguments)))


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


@pytest.mark.slow  # a run each, from files to report
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_pairs_and_photographs_are_mixed_and_the_variant_of_the_blur_is_recorded(name, data, tmp_path, capsys):
    experiment = tiny(EXPERIMENTS[name], downsample=1)
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
    conditions = {"hkust_gan": ["-motion", "-motion-256px"], "dark_channel_gan": ["-original", "-noisy"]}.get(
        name, [""]
    )
    assert list(results["sets"]) == ["pairs/test/blur_gamma" + condition for condition in conditions]
    assert results["test"]["sets"] == {"pairs/test/blur_gamma": 2}
    trained = choose(experiment).paper
    terms = (*trained.generator_terms, *trained.discriminator_terms)
    logged = {f"loss/{term.name}{'_weighted' * weighted}" for term in terms for weighted in {False, term.weight != 1}}
    assert logged <= results["history"].keys()
    with open(tmp_path / "run" / "scores.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["image"] for row in rows} == {"scene_test/000000", "scene_test/000001"}
    assert results["paper"]["measured"] == {}
    assert "pairs/test/blur_gamma" in (tmp_path / "run" / "report.html").read_text()
    # Another variant is another run.
    other = [option.replace("blur_gamma", "blur") for option in options]
    assert call(experiment, *other, f"--workdir={tmp_path / 'run'}") == 2
    assert "holds a run with data.blurred=blur_gamma, not blur" in capsys.readouterr().err


def test_the_variant_must_be_said_where_there_are_two(data, tmp_path, capsys):
    arguments = (f"--train_data={data / 'pairs'}", f"--workdir={tmp_path}")
    assert call(tiny(EXPERIMENTS["sharingan"], downsample=1), *arguments, "--stage=train") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "choose --blurred=blur|blur_gamma" in error


@pytest.mark.slow
def test_training_on_packed_pairs_gives_the_same_weights(data, tmp_path):
    pack(find(data / "pairs", split="train", variant="blur"), tmp_path / "packed")
    hashes = []
    for number, folder in enumerate((data / "pairs", tmp_path / "packed")):
        workdir = tmp_path / str(number)
        options = (f"--train_data={folder}", "--blurred=blur", "--stage=train", f"--workdir={workdir}")
        assert call(tiny(EXPERIMENTS["sharingan"], downsample=1), *options) == 0
        with np.load(workdir / "checkpoint.npz") as archive:
            hashes.append([archive[key].tobytes() for key in archive.files if key != "meta"])
    assert hashes[0] == hashes[1]


@pytest.mark.slow
def test_a_resumed_run_ends_as_one_that_was_not_stopped(data, tmp_path, monkeypatch):
    """Dropout, the penalty's mixture and the learning rates included."""
    shown = progress.Progress.on_epoch_begin

    def interrupt_in_the_second(self, epoch, logs=None):
        if epoch:
            raise KeyboardInterrupt
        shown(self, epoch, logs)

    experiment = tiny(EXPERIMENTS["sharingan"], downsample=1)
    options = (f"--train_data={data / 'sharp'}", "--stage=train")
    assert call(experiment, *options, f"--workdir={tmp_path / 'whole'}") == 0
    with monkeypatch.context() as patched:
        patched.setattr(progress.Progress, "on_epoch_begin", interrupt_in_the_second)
        assert call(experiment, *options, f"--workdir={tmp_path / 'parts'}") == INTERRUPTED
    assert call(experiment, *options, f"--workdir={tmp_path / 'parts'}") == 0
    with np.load(tmp_path / "whole/checkpoint.npz") as whole, np.load(tmp_path / "parts/checkpoint.npz") as parts:
        for key in whole.files:
            if key != "meta":
                np.testing.assert_array_equal(parts[key], whole[key])


def test_without_vgg_weights_a_run_stops_in_one_line(data, tmp_path, capsys):
    arguments = (f"--train_data={data / 'sharp'}", f"--workdir={tmp_path}", "--stage=train", "--preset=cpu_hour")
    assert call(tiny(EXPERIMENTS["sharingan"], downsample=1), *arguments, f"--vgg_weights={tmp_path / 'none.npz'}") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path / 'none.npz'}: no such file") and "--vgg_weights=FILE" in error
    assert error.count("\n") == 1 and not (tmp_path / "checkpoint.npz").exists()


@pytest.mark.slow
def test_a_detector_is_asked_about_every_test_image(data, tmp_path, capsys, monkeypatch):
    def bright_parts(image):
        rows, columns = np.nonzero(image.mean(axis=2) > 100)
        box = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
        return detectors.Detections(np.float32([box]), np.array([1]), np.float32([0.9]))

    detector = detectors.Detector("bright parts", "0" * 64, {1: "light"}, bright_parts)
    monkeypatch.setattr(sequence, "load_detector", lambda path: detector)
    options = (f"--train_data={data / 'pairs'}", f"--test_data={data / 'pairs'}", "--blurred=blur", "--detector=x")
    assert call(tiny(EXPERIMENTS["sharingan"], downsample=1), *options, f"--workdir={tmp_path}") == 0
    found = json.loads((tmp_path / "results.json").read_text())["detection"]["pairs/test/blur"]
    assert list(found["methods"]) == ["input", "SharinGAN", "sharp"]
    assert found["methods"]["sharp"]["f1"] == 1 and found["methods"]["sharp"]["objects"] == 2
    printed = capsys.readouterr().out
    assert "objects as bright parts finds them" in printed and "recall" in printed
    assert "Detections" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_enlarged_and_motion_blurred_photographs_are_scored_apart(data, tmp_path):
    """HKUST's section 3.3: a network for motion blur may fail on blur by enlargement."""
    options = (f"--train_data={data / 'sharp'}", f"--test_data={data / 'sharp'}")
    assert call(tiny(EXPERIMENTS["hkust_gan"]), *options, f"--workdir={tmp_path}") == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert list(results["sets"]) == ["sharp-motion", "sharp-motion-256px", "sharp-enlargement"]
    motion, resized, enlarged = (results["sets"][name]["images"] for name in results["sets"])
    assert Image.open(tmp_path / "images" / "sharp-motion-256px" / "0_input.png").size == (256, 256)
    assert resized[0]["scores"]["input"] != motion[0]["scores"]["input"]
    assert [image["name"] for image in motion] == [image["name"] for image in enlarged]
    assert motion[0]["scores"]["input"] != enlarged[0]["scores"]["input"]
    page = (tmp_path / "report.html").read_text()
    assert "32.33" in page and "25.39" in page and "Ji et al." in page  # Tables 4 and 5


@pytest.fixture(scope="module")
def all_variants(data, tmp_path_factory):
    """The work folder of `--variant=all`, with another paper's network beside its own."""
    folder = tmp_path_factory.mktemp("all")
    experiment = tiny(EXPERIMENTS["dark_channel_gan"], downsample=1)
    options = (f"--train_data={data / 'sharp'}", f"--test_data={data / 'sharp'}")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(ALL, "sharingan", tiny(EXPERIMENTS["sharingan"]))
        assert call(ALL["sharingan"], *options, "--stage=train", f"--workdir={folder / 'other'}") == 0
        beside = f"--beside={folder / 'other'}"
        assert call(experiment, *options, beside, "--variant=all", f"--workdir={folder / 'run'}") == 0
    return folder / "run"


@pytest.mark.slow
def test_all_variants_are_trained_and_scored_side_by_side(all_variants):
    results = json.loads((all_variants / "results.json").read_text())
    assert results["methods"] == ["input", "other", "dc250", "dc0", "dc250p"]
    assert list(results["sets"]) == ["sharp-original", "sharp-noisy"]
    for scores in results["sets"].values():
        values = [scores["methods"][method]["psnr_db"]["mean"] for method in results["methods"]]
        assert len(set(values)) == 5  # three trainings, another network, the input
    assert {name: trained["steps"] for name, trained in results["training"].items()} == {
        name: 2 * 4 for name in ("dc250", "dc0", "dc250p")
    }
    assert len(set(results["weights_sha256"].values())) == 4
    assert results["paper"]["columns"] == {name: name for name in ("dc250", "dc0", "dc250p")}
    assert {f"val_psnr_db/{name}" for name in ("dc250", "dc0", "dc250p")} < results["history"].keys()
    for name in ("dc250", "dc0", "dc250p"):
        assert (all_variants / name / "generator.weights.h5").exists()
    page = (all_variants / "report.html").read_text()
    assert "27.01" in page and "sharp-noisy" in page


@pytest.mark.slow
def test_ird_gans_table_has_its_column_kupyn_by_the_same_data_and_steps(data, tmp_path):
    folders = (f"--train_data={data / 'sharp'}", f"--test_data={data / 'sharp'}", f"--workdir={tmp_path}")
    assert call(tiny(EXPERIMENTS["ird_gan"], downsample=1), *folders, "--variant=ird,kupyn") == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["methods"] == ["input", "ird", "kupyn"]
    assert results["paper"]["columns"] == {"ird": "IRD-GAN", "kupyn": "Kupyn et al."}
    told = {name: results["runs"][name] for name in ("ird", "kupyn")}
    assert [one["generator"]["builder"] for one in told.values()] == ["ird_gan.generator", "deblurgan.generator"]
    assert told["ird"]["data"] == told["kupyn"]["data"] and told["ird"]["training"] == told["kupyn"]["training"]
    assert results["training"]["ird"]["steps"] == results["training"]["kupyn"]["steps"]
    opened = opening.deblurrer(tmp_path / "kupyn")  # as a run of its own
    assert opened.generator.name == "deblurgan_generator"


@pytest.mark.slow
def test_the_noisy_test_images_are_the_original_ones_with_noise_of_variance_0_001(all_variants):
    for number in range(3):
        original, noisy = (
            np.asarray(Image.open(all_variants / "images" / f"sharp-{condition}" / f"{number}_input.png"), float) / 255
            for condition in ("original", "noisy")
        )
        unclipped = (original > 0.2) & (original < 0.8)
        assert (noisy - original)[unclipped].var() == pytest.approx(0.001, rel=0.15)


def test_networks_beside_that_share_a_name_are_all_scored(monkeypatch):
    class Opened:
        description = {"paper": {"experiment": "deblurgan"}}

    monkeypatch.setattr(sequence.opening, "deblurrer", lambda path: Opened())
    settings = choose(EXPERIMENTS["dark_channel_gan"], beside=["runs/a", "runs/b"])
    assert list(sequence._beside(settings)) == ["DeblurGAN", "runs/b"]


def test_what_is_scored_beside_is_opened_before_the_training(data, tmp_path, capsys):
    arguments = (f"--train_data={data / 'sharp'}", f"--workdir={tmp_path / 'run'}", f"--beside={tmp_path}")
    assert call(tiny(EXPERIMENTS["dark_channel_gan"], downsample=1), *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path}: is not described; it needs a run.json") and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_all_variants_look_for_vggs_weights_before_the_first_training(data, tmp_path, capsys):
    arguments = (f"--train_data={data / 'sharp'}", f"--workdir={tmp_path}", "--preset=cpu_hour", "--variant=all")
    assert call(tiny(EXPERIMENTS["dark_channel_gan"], downsample=1), *arguments, "--vgg_weights=none.npz") == 2
    assert capsys.readouterr().err.startswith("error: none.npz: no such file")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_variant_without_perceptual_loss_asks_for_no_weights_of_vgg(data, tmp_path):
    arguments = (f"--train_data={data / 'sharp'}", f"--workdir={tmp_path}", "--preset=cpu_hour", "--stage=train")
    assert call(tiny(EXPERIMENTS["dark_channel_gan"], downsample=1), *arguments, "--vgg_weights=none.npz") == 0


def test_weights_belong_to_one_variant(data, tmp_path, capsys):
    arguments = (f"--test_data={data / 'sharp'}", "--variant=all", "--weights=x.weights.h5", f"--workdir={tmp_path}")
    assert call(tiny(EXPERIMENTS["dark_channel_gan"], downsample=1), *arguments) == 2
    assert "belongs to one variant; name it with --variant" in capsys.readouterr().err
