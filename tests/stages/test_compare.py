import json

import numpy as np
import pytest
import tiny_experiment

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
    assert cli.main(["compare", *map(str, runs), "--conditions=gan_d", f"--out={out}"]) == 0
    assert str(out / "comparison.json") in capfd.readouterr().out
    results = json.loads((out / "comparison.json").read_text())
    (scored,) = results["sets"].values()
    assert list(scored["methods"]) == ["input", "tv", "gain undone", "gain undone + Wiener", "a", "b"]
    # The same scores as the run's own evaluation finds.
    own = gandeblur.evaluate(runs[1]).results
    assert next(iter(own.sets.values()))["methods"]["GAN-D"] == scored["methods"]["b"]
    network = results["networks"]["a"]
    assert network["sha256"] == weight_files.weights_sha256(gandeblur.load(runs[0]).generator)
    assert network["phases"][0]["steps"] == 3 and network["seconds_per_megapixel"] > 0  # all are resized to one size

    head, blurred, *restored = compare.rows(results)
    assert [row[0] for row in (blurred, *restored)] == results["methods"] and len({len(row) for row in restored}) == 1
    assert [row[head.index("training, crops")] for row in restored[-2:]] == ["6", "6"]
    gain = head.index("gain, dB")
    means = [scored["methods"][name]["psnr_db"]["mean"] for name in ("input", "b")]
    assert blurred[gain] == "" and float(restored[-1][gain]) == pytest.approx(np.diff(means)[0], abs=0.006)


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
