"""The scores of a set: means over images, and the shape of what is written."""

import csv
import json
import math

import numpy as np
import pytest

from gandeblur.errors import InputError
from gandeblur.evaluation.grid import grid_db
from gandeblur.evaluation.scoring import score_set, write_csv


def flat(value):
    return np.full((16, 16, 3), value, np.uint8)


METHODS = {"input": lambda image: image, "half": lambda image: image // 2}
PAIRS = [("a", flat(110), flat(100)), ("b", flat(102), flat(100))]


def test_score_set_and_csv(tmp_path):
    kept = {}
    result = score_set(METHODS, PAIRS, keep=lambda name, method, image: kept.update({(name, method): image[0, 0, 0]}))
    assert json.loads(json.dumps(result)) == result
    assert result["protocol"] == "rgb-8bit-gaussian"
    assert [image["name"] for image in result["images"]] == ["a", "b"]
    worse, better = 20 * math.log10(255 / 10), 20 * math.log10(255 / 2)
    assert result["methods"]["input"]["psnr_db"] == pytest.approx(
        {"mean": (worse + better) / 2, "min": worse, "max": better}
    )
    assert result["images"][1]["scores"]["half"]["psnr_db"] == pytest.approx(20 * math.log10(255 / 49))
    assert result["methods"]["half"]["grid_2px_db"] == {"mean": None, "min": None, "max": None}  # 16x16: too small
    assert kept == {
        ("a", "input"): 110, ("a", "half"): 55, ("a", "sharp"): 100,
        ("b", "input"): 102, ("b", "half"): 51, ("b", "sharp"): 100,
    }  # fmt: skip

    write_csv({"flat": result}, tmp_path / "scores.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    scores = ["psnr_db", "ssim", "grid_2px_db", "grid_4px_db", "gradient_energy"]
    assert list(rows[0]) == ["set", "image", "method", *scores, "protocol"]
    assert [(row["set"], row["image"], row["method"]) for row in rows] == [
        ("flat", "a", "input"), ("flat", "a", "half"), ("flat", "b", "input"), ("flat", "b", "half"),
    ]  # fmt: skip
    assert float(rows[0]["psnr_db"]) == result["images"][0]["scores"]["input"]["psnr_db"]
    assert rows[0]["grid_2px_db"] == ""


def test_the_grids_of_a_set_are_means_over_its_images_that_are_large_enough():
    rng = np.random.default_rng(0)
    sharp = rng.integers(20, 230, (64, 64, 3), np.uint8)
    noisy = sharp + rng.integers(0, 9, sharp.shape, np.uint8)
    striped = noisy + (np.indices((64, 64))[1] % 2 * 12).astype(np.uint8)[..., np.newaxis]
    result = score_set(
        {"input": lambda image: image}, [("a", noisy, sharp), ("b", striped, sharp), ("small", flat(110), flat(100))]
    )
    scores = [image["scores"]["input"]["grid_2px_db"] for image in result["images"]]
    assert scores == [grid_db(noisy, sharp, 2), grid_db(striped, sharp, 2), None] and scores[1] > scores[0] + 10
    assert result["methods"]["input"]["grid_2px_db"] == pytest.approx(
        {"mean": (scores[0] + scores[1]) / 2, "min": scores[0], "max": scores[1]}
    )


def test_how_images_look_is_scored_beside_their_error(tmp_path):
    """A distance in features where there is one to measure; gradients always, but of flat images there are none."""
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = 100
    pairs = [("a", stripes // 2, stripes), ("flat", flat(100), flat(100))]
    result = score_set(METHODS, pairs, features=lambda restored, sharp: float(abs(restored.max() - 1.0 * sharp.max())))
    assert [image["scores"]["half"]["gradient_energy"] for image in result["images"]] == [0.25, None]
    assert result["methods"]["input"]["gradient_energy"] == {"mean": 0.5, "min": 0.5, "max": 0.5}
    assert result["methods"]["input"]["feature_distance"] == {"mean": 25, "min": 0, "max": 50}
    write_csv({"set": result}, tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="") as file:
        (first, *_) = csv.DictReader(file)
    assert (first["gradient_energy"], first["feature_distance"], first["protocol"]) == (
        "0.5",
        "50.0",
        result["protocol"],
    )


def test_an_exact_restoration_shows_in_the_mean():
    result = score_set(METHODS, [*PAIRS, ("exact", flat(100), flat(100))])
    assert result["methods"]["input"]["psnr_db"]["mean"] == math.inf
    assert math.isfinite(result["methods"]["input"]["psnr_db"]["min"])


def test_a_set_needs_images_with_names_of_their_own():
    with pytest.raises(InputError, match="no image"):
        score_set(METHODS, [])
    with pytest.raises(InputError, match="small: 10x12 are too few pixels"):
        score_set(METHODS, [("small", *(np.zeros((12, 10, 3), np.uint8),) * 2)])
    with pytest.raises(InputError, match="a: two test images"):
        score_set(METHODS, [PAIRS[0], PAIRS[0]])
