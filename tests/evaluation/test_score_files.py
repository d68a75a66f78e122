import csv

import numpy as np
import pytest
from PIL import Image
from vgg_file import random_arrays

from gandeblur import cli
from gandeblur.evaluation import metrics
from gandeblur.evaluation.features import FeatureDistance
from gandeblur.evaluation.looks import gradient_energy
from gandeblur.evaluation.score_files import PROTOCOLS

RNG = np.random.default_rng(0)


@pytest.fixture
def folders(tmp_path):
    for name in ("a", "sub/b"):
        sharp = RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        for kind, pixels, suffix in (("sharp", sharp, "png"), ("restored", np.clip(sharp, 20, 240), "bmp")):
            path = tmp_path / kind / f"{name}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return tmp_path


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_folders_are_scored_by_name_under_a_named_protocol(protocol, folders, capsys):
    table = folders / "scores.csv"
    arguments = ["score", str(folders / "restored"), str(folders / "sharp"), "--csv", str(table)]
    assert cli.main([*arguments, "--protocol", protocol]) == 0
    said = capsys.readouterr().out
    rows = list(csv.DictReader(table.open()))
    assert [row["image"] for row in rows] == ["a", "sub/b"]
    sharp = np.asarray(Image.open(folders / "sharp/a.png"))
    expected = metrics.psnr_db(np.clip(sharp, 20, 240), sharp, PROTOCOLS[protocol])
    assert float(rows[0]["psnr_db"]) == pytest.approx(expected) and rows[0]["protocol"] == protocol
    assert protocol in said and "mean of 2" in said and f"{expected:.2f}" in said


def test_the_command_offers_every_protocol(capsys):
    with pytest.raises(SystemExit):
        cli.main(["score", "--help"])
    said = capsys.readouterr().out
    assert all(name in said for name in PROTOCOLS)


def test_two_files_need_not_have_one_name(folders, capsys):
    assert cli.main(["score", str(folders / "restored/a.bmp"), str(folders / "sharp/sub/b.png")]) == 0
    assert "mean of 1" in capsys.readouterr().out


def test_features_are_scored_by_name_or_refused_in_one_line(folders, capsys):
    arguments = ["score", str(folders / "restored"), str(folders / "sharp"), "--csv", str(folders / "scores.csv")]
    assert cli.main([*arguments, "--features", "--vgg_weights", str(folders / "none.npz")]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "none.npz: no such file; fetch https" in line
    assert not (folders / "scores.csv").exists()
    np.savez(folders / "vgg.npz", **random_arrays())
    assert cli.main([*arguments, "--features", "--vgg_weights", str(folders / "vgg.npz")]) == 0
    measure = FeatureDistance(folders / "vgg.npz")
    said = capsys.readouterr().out
    assert str(measure) in " ".join(said.split()) and "gradient" in said
    rows = list(csv.DictReader((folders / "scores.csv").open()))
    sharp = np.asarray(Image.open(folders / "sharp/a.png"))
    restored = np.clip(sharp, 20, 240)
    assert float(rows[0]["feature_distance"]) == pytest.approx(measure(restored, sharp), rel=1e-5)
    assert float(rows[0]["gradient_energy"]) == gradient_energy(restored, sharp)


def test_what_cannot_be_scored_is_named_in_one_line(folders, capsys):
    def refused(restored, sharp):
        assert cli.main(["score", str(folders / restored), str(folders / sharp)]) == 2
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        return line

    assert "none: no such file or folder" in refused("none", "sharp")
    assert "sharp: give two files, or two folders" in refused("restored/a.bmp", "sharp")
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folders / "restored/a.bmp")
    assert "a.bmp: is 9x9, " in refused("restored", "sharp")
    (folders / "sharp/a.png").unlink()
    assert "a.bmp: has no sharp image of its name" in refused("restored", "sharp")
    (folders / "empty").mkdir()
    assert "empty: holds no image" in refused("empty", "sharp")
