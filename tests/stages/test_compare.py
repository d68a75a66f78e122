import json

import numpy as np
import pytest
import tiny_experiment
from vgg_file import random_arrays

import gandeblur
from gandeblur import cli
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.stages import compare
from gandeblur.training import weight_files


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, "gan_d", tiny_experiment.EXPERIMENT)


@pytest.mark.slow
def test_one_table_of_all_networks(tmp_path, capfd):
    runs = [gandeblur.train("gan_d", workdir=tmp_path / name, epochs=1, seed=n).folder for n, name in enumerate("ab")]
    out = tmp_path / "out"
    np.savez(tmp_path / "vgg.npz", **random_arrays())
    options = ["--conditions=gan_d", f"--vgg_weights={tmp_path / 'vgg.npz'}", f"--out={out}"]
    assert cli.main(["compare", *map(str, runs), *options]) == 0
    assert str(out / "comparison.json") in capfd.readouterr().out
    results = json.loads((out / "comparison.json").read_text())
    (scored,) = results["sets"].values()
    assert list(scored["methods"]) == ["input", "tv", "gain undone", "gain undone + Wiener", "a", "b"]
    # The same scores as the run's own evaluation finds.
    own = gandeblur.evaluate(runs[1]).results
    expected = next(iter(own.sets.values()))["methods"]["GAN-D"]
    assert {metric: scored["methods"]["b"][metric] for metric in expected} == expected
    assert scored["methods"]["b"]["feature_distance"]["min"] > 0
    assert results["features"].startswith("vgg19-directions-12-22-33: ")
    network = results["networks"]["a"]
    assert network["sha256"] == weight_files.weights_sha256(gandeblur.load(runs[0]).generator)
    assert network["phases"][0]["steps"] == 3 and network["seconds_per_megapixel"] > 0  # all are resized to one size

    head, blurred, *restored, seeds = compare.rows(results)
    assert seeds[0] == "mean of 2 seeds: a, b"
    assert [row[0] for row in (blurred, *restored)] == results["methods"] and len({len(row) for row in restored}) == 1
    assert [row[head.index("training, crops")] for row in restored[-2:]] == ["6", "6"]
    gain = head.index("gain, dB")
    means = [scored["methods"][name]["psnr_db"]["mean"] for name in ("input", "b")]
    assert blurred[gain] == "" and float(restored[-1][gain]) == pytest.approx(np.diff(means)[0], abs=0.006)


def table_of(networks, **scores):
    """`compare.rows` of one set, in which each method has these means."""
    means = {"psnr_db": 20.0, "ssim": 0.5, "grid_2px_db": 0.0}
    methods = {
        name: {metric: {"mean": value} for metric, value in (means | own).items()} for name, own in scores.items()
    }
    known = {name: {"parameters": 1, "seconds_per_megapixel": None, "phases": p} for name, p in networks.items()}
    head, *body = compare.rows(
        {"methods": list(methods), "networks": known, "sets": {"set": {"methods": methods}}, "detection": {}}
    )
    return [dict(zip(head, row, strict=True)) for row in body]


def test_looks_are_tabled_where_they_were_measured_and_networks_trained_on_features_marked():
    pixels, eye = (
        {"images": 4, "losses": [loss], "trained_by": "pixels"}
        for loss in ("1 x mse", "3 x directions of VGG19 block1_conv2")
    )
    networks = {"pixels": [pixels], "eye": [pixels, eye]}
    rows = table_of(
        networks,
        input={"gradient_energy": 0.5, "feature_distance": 1.5},
        pixels={"gradient_energy": 0.75, "feature_distance": 1.2},
        eye={"gradient_energy": None, "feature_distance": 0.9},
    )
    assert [row["gradient energy"] for row in rows] == ["0.50", "0.75", "-"]
    assert [row["feature distance, closed"] for row in rows] == ["1.500", "1.200, 20%", "0.900, 40% *"]
    assert "gradient energy" not in table_of(networks, input={}, pixels={})[0]


def test_runs_that_differ_in_the_seed_alone_have_a_row_of_their_mean():
    def run(seed, rate=1.0):
        identity = {"run": {"seed": seed}, "training": {"learning_rate": rate}}
        description = {"identity": identity, "paper": {"experiment": "gan_d"}, "training": {"length": "9 steps"}}
        return {"parameters": 1, "seconds_per_megapixel": None, "phases": [], **compare._trained_alike(description)}

    def means(psnr_db, ssim):
        values = {"psnr_db": psnr_db, "ssim": ssim, "grid_2px_db": 0.0, "gradient_energy": 0.5}
        return {metric: {"mean": value} for metric, value in values.items()}

    networks = {"a": run(0), "b": run(1), "faster": run(0, 2.0), "c": run(2)}
    methods = {"input": means(19.0, 0.4), "a": means(20.0, 0.5), "b": means(23.0, 0.7), "faster": means(50.0, 1.0)}
    methods["c"] = means(21.0, 0.6)
    found = {name: {"f1": 0.5, "object_score": 0.5, "objectness": 0.5} for name in methods}
    results = {"methods": list(methods), "networks": networks, "sets": {"set": {"methods": methods}}}
    for detection in ({}, {"set": {"methods": found}}):
        head, *_, last = compare.rows(results | {"detection": detection})
        assert len(last) == len(head) and last[0] == "mean of 3 seeds: a, b, c"
        assert last[5:7] == ["21.33 (20.00 to 23.00) / 0.600", "+2.33"] and not any(last[7:])
        assert ("the detector's own objectness" in head) == bool(detection)
    networks.pop("b"), networks.pop("c")
    assert len(compare.rows(results | {"methods": ["input", "a", "faster"], "detection": {}})) == 4


def test_the_first_image_of_each_size_is_not_timed():
    clock = compare._Clock(lambda image: image)
    for width in (10, 20):
        clock(np.zeros((10, width, 3)))
    assert clock.seconds_per_megapixel is None
    clock(np.zeros((10, 20, 3)))
    assert clock.megapixels == 200 / 1e6 and clock.seconds_per_megapixel > 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--conditions=x"], "x: unknown experiment; use one of gan_d, "),
        (["none"], "none: no such file or folder"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(arguments, line, tmp_path, capfd):
    assert cli.main(["compare", *arguments, f"--out={tmp_path / 'out'}"]) == 2
    assert capfd.readouterr().err.startswith(f"error: {line}")
    assert not (tmp_path / "out").exists()
