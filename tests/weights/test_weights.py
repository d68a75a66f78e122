"""The networks in weights/: each restores as its results say, and the pages say what the results say."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import gandeblur
from gandeblur import cli
from gandeblur.data.datasets import sample
from gandeblur.data.pipeline import Source
from gandeblur.evaluation.metrics import psnr_db
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.experiments.recipes import LIGHT_BLUR
from gandeblur.experiments.spec import Condition
from gandeblur.stages import inputs, record
from gandeblur.stages.run import choose
from gandeblur.stages.score import pairs
from gandeblur.training import weight_files
from gandeblur.weights import FOLDER, file, names, use

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = {path.name: json.loads(path.read_text()) for path in sorted((ROOT / "docs/results").glob("*.json"))}


def test_they_are_small_enough_for_the_repository():
    assert sum(file(name).stat().st_size for name in names()) < 85e6


@pytest.mark.networks
@pytest.mark.parametrize("name", names())
def test_a_picture_of_the_sample_is_restored_as_the_results_say(name):
    """Of scikit-image's photographs, degraded as the paper's test images."""
    conditions = "gan_d" if name == "gan_d" else "deblurgan"
    settings = choose(EXPERIMENTS[conditions])
    scored = RESULTS[f"sample_{conditions}.json"]["sets"]
    ((set_name, condition, source),) = inputs.scored(settings, inputs.test_images(settings))
    image, degraded, sharp = next(pairs(source, condition))
    (told,) = [one["scores"] for one in scored[set_name]["images"] if one["name"] == image]
    restored = gandeblur.load(name).restore(degraded)
    assert psnr_db(degraded, sharp, settings.paper.protocol) == pytest.approx(told["input"]["psnr_db"], abs=0.001)
    assert psnr_db(restored, sharp, settings.paper.protocol) == pytest.approx(told[name]["psnr_db"], abs=0.02)
    if name != "dark_channel_gan":  # which softens what is hardly blurred and has no noise (docs/dark_channel_gan.md)
        assert told[name]["psnr_db"] > told["input"]["psnr_db"]


@pytest.mark.networks
@pytest.mark.parametrize("name", [name for name in names() if name != "gan_d"])
def test_means_of_light_are_restored_as_a_camera_takes_them(name):
    paper, restore = EXPERIMENTS["deblurgan"].paper, gandeblur.load(name).restore
    steps = (LIGHT_BLUR,)
    images = [images for _, *images in pairs(Source(sample.test(), steps), Condition(steps, None))]
    before = np.mean([psnr_db(blurred, sharp, paper.protocol) for blurred, sharp in images])
    after = np.mean([psnr_db(restore(blurred), sharp, paper.protocol) for blurred, sharp in images])
    print(f"{before:.2f} -> {after:.2f} dB")
    # The dark-channel cGAN is for noise as well, and has learned little of blur (docs/dark_channel_gan.md).
    assert after > before + (0.5 if name == "dark_channel_gan" else 0.9)


@pytest.mark.networks
def test_gan_d_restores_whole_photographs_better_than_a_filter_that_is_told_the_blur():
    paper, restore = EXPERIMENTS["gan_d"].paper, gandeblur.load("gan_d").restore
    steps = paper.data.photographs
    images = [images for _, *images in pairs(Source(sample.test(), steps), Condition(steps, None))]
    assert all(min(degraded.shape[:2]) >= 300 for degraded, _ in images)

    def mean_psnr_db(method):
        return np.mean([psnr_db(method(degraded), sharp, paper.protocol) for degraded, sharp in images])

    assert mean_psnr_db(restore) > mean_psnr_db(paper.baselines["gain undone + Wiener"]) + 0.5


def test_they_are_listed_the_default_first(capsys):
    assert cli.main(["models"]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.startswith(cli.DEFAULT) and first.endswith("(the default)")
    assert {line.split()[0] for line in others} == set(names()) - {cli.DEFAULT}
    told = {line.split()[0]: line.partition("; trained by ")[2] for line in [first, *others]}
    assert told["deblurgan"] == told["gan_d"] == "pixels"
    assert told["sharingan"] == "pixels, then pixels + adversary (5 % of the gradient)"
    by, said = told["deblurgan-eye"].split("; ")
    assert by == "pixels, then pixels + features, then pixels + features + adversary (9 % of the gradient)"
    assert said == "for looking: crisper to the eye"
    assert told["hkust_gan-eye"] == f"pixels, then pixels + features; {said} (the default)"
    assert use(None) == ""


@pytest.mark.parametrize("name", names())
def test_the_cards_and_tables_say_what_trained_a_network_by_its_phases(name):
    card = json.loads((FOLDER / f"{name}.json").read_text())
    phases = card["weights"]["phases"]
    assert card["paper"]["trained_by"] == record.trained_by(phases)
    assert card["paper"]["variant"] == card["settings"]["variant"]  # without words on losses that did not train it
    for phase in phases:
        adversary = any("logits" in loss for loss in phase["losses"])
        assert ("adversary" in phase["trained_by"]) == adversary == ("adversary_share" in phase)
        assert ("features" in phase["trained_by"]) == any("VGG" in loss for loss in phase["losses"])
    for place, results in RESULTS.items():
        if name in results["networks"] and place != "equal.json":  # its are others
            assert record.trained_by(results["networks"][name]["phases"]) == card["paper"]["trained_by"]


@pytest.mark.parametrize(
    "name", [name if name == "gan_d" else pytest.param(name, marks=pytest.mark.networks) for name in names()]
)
def test_the_card_is_that_of_the_weights(name):
    deblur, card = gandeblur.load(name), json.loads((FOLDER / f"{name}.json").read_text())
    assert card["weights"]["sha256"] == weight_files.weights_sha256(deblur.generator)
    assert card["weights"]["phases"] and card["commit"]
    assert all(place not in json.dumps(card) for place in ("/tmp", "/home", "/work", "/root"))
    assert f"## {name}\n" in (FOLDER / "README.md").read_text()
    scored = [results["networks"] for file, results in RESULTS.items() if file != "equal.json"]  # its are others
    held = [networks[name]["sha256"] for networks in scored if name in networks]
    assert held and set(held) == {card["weights"]["sha256"]}, "stale results: run gandeblur compare again"


def test_the_tables_of_the_pages_are_those_of_the_results(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tables.py", "--check"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "docs/tables.py"), run_name="__main__")
    assert ended.value.code == 0, capsys.readouterr().out
    with pytest.raises(SystemExit, match="none.json: no such file, and a page's table is made of it"):
        runpy.run_path(str(ROOT / "docs/tables.py"))["results_of"]("none.json")
