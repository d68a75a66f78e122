"""Scores against TensorFlow's and scikit-image's own, closed forms, and the shape of what is written."""

import csv
import json
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from gandeblur.errors import InputError
from gandeblur.evaluation import metrics


@pytest.fixture(scope="module")
def sharp():
    return data.astronaut()[:96, 160:271]  # odd width


@pytest.fixture(scope="module")
def restored(sharp):
    noise = np.random.default_rng(0).normal(0, 12, sharp.shape)
    return metrics.to_uint8(sharp * 0.9 + noise, (0, 255))


def matlab_luma(image):
    """Rec. 601 as MATLAB's rgb2ycbcr documents it for uint8, written out for each pixel's channels."""
    red, green, blue = (image[..., channel].astype(float) for channel in range(3))
    return np.round(16 + (65.481 * red + 128.553 * green + 24.966 * blue) / 255).astype(np.uint8)[..., None]


def test_rgb_is_tensorflows(restored, sharp):
    assert metrics.psnr_db(restored, sharp, metrics.RGB) == pytest.approx(
        float(tf.image.psnr(restored, sharp, 255)), abs=1e-4
    )
    assert metrics.ssim(restored, sharp, metrics.RGB) == pytest.approx(
        float(tf.image.ssim(tf.constant(restored), tf.constant(sharp), 255)), abs=1e-4
    )


def test_y_is_tensorflows_on_matlabs_luma(restored, sharp):
    a, b = tf.constant(matlab_luma(restored)), tf.constant(matlab_luma(sharp))
    assert metrics.psnr_db(restored, sharp, metrics.Y) == pytest.approx(float(tf.image.psnr(a, b, 255)), abs=1e-4)
    assert metrics.ssim(restored, sharp, metrics.Y) == pytest.approx(float(tf.image.ssim(a, b, 255)), abs=1e-4)


def test_rgb_skimage_is_its_default(restored, sharp):
    protocol = metrics.RGB_SKIMAGE
    assert metrics.psnr_db(restored, sharp, protocol) == peak_signal_noise_ratio(sharp, restored)
    expected = structural_similarity(sharp, restored, channel_axis=-1)
    assert metrics.ssim(restored, sharp, protocol) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("colour", "luma"),
    [((0, 0, 0), 16), ((255, 255, 255), 235), ((255, 0, 0), 81), ((0, 255, 0), 145), ((0, 0, 255), 41)],
)
def test_luma_of_primaries_is_matlabs(colour, luma):
    """A flat image of the colour against black: the PSNR gives its luma away."""
    image = np.full((12, 12, 3), colour, np.uint8)
    black = np.zeros_like(image)
    expected = 20 * math.log10(255 / (luma - 16)) if luma != 16 else math.inf
    assert metrics.psnr_db(image, black, metrics.Y) == pytest.approx(expected)


def test_the_protocols_disagree(restored, sharp):
    """Else the tests above could not tell one from another."""
    scores = [metrics.ssim(restored, sharp, p) for p in (metrics.RGB, metrics.RGB_SKIMAGE, metrics.Y)]
    assert min(abs(a - b) for a, b in zip(scores, scores[1:] + scores[:1], strict=True)) > 1e-3


def test_constant_error_in_closed_form():
    sharp = np.full((16, 16, 3), 100, np.uint8)
    assert metrics.psnr_db(sharp + 5, sharp) == pytest.approx(20 * math.log10(255 / 5))
    luminance_term = (2 * 105 * 100 + 2.55**2) / (105**2 + 100**2 + 2.55**2)
    assert metrics.ssim(sharp + 5, sharp) == pytest.approx(luminance_term)


def test_identical_images(sharp):
    assert metrics.psnr_db(sharp, sharp) == math.inf
    assert metrics.ssim(sharp, sharp) == 1


def test_the_border_is_cropped(restored, sharp):
    protocol = metrics.Protocol("cropped", crop_border_px=8)
    inside = (slice(8, -8), slice(8, -8))
    assert metrics.psnr_db(restored, sharp, protocol) == metrics.psnr_db(restored[inside], sharp[inside])
    assert "8 px cropped" in str(protocol)


def grids_db(restored, sharp):
    return metrics.grid_db(restored, sharp, 2), metrics.grid_db(restored, sharp, 4)


def with_grid(image, pattern, amplitude=2.0):
    """Adds a pattern of rows y and columns x, in grey levels, to every channel."""
    y, x = np.indices(image.shape[:2])
    return metrics.to_uint8(image + amplitude * pattern(y, x)[..., None], (0, 255))


@pytest.fixture(scope="module")
def photograph():
    return data.coffee()[:301, :403]  # neither a multiple of 4


@pytest.fixture(scope="module")
def smoothed(photograph):
    """Blurred, with noise: an error of all frequencies without a grid."""
    blurred = gaussian_filter(photograph.astype(float), (2, 2, 0))
    return metrics.to_uint8(blurred + np.random.default_rng(0).normal(0, 2, photograph.shape), (0, 255))


# Each of the 16 pixels of a cell has a value of its own: all frequencies of period 4, those of period 2 among them.
CELL = np.random.default_rng(2).permutation(np.linspace(-1.5, 1.5, 16)).reshape(4, 4)
CHECKERBOARD, STRIPES, WAVE, GENERAL = (
    lambda y, x: (-1.0) ** (x + y),
    lambda y, x: (-1.0) ** x,
    lambda y, x: np.cos(np.pi / 2 * x),
    lambda y, x: CELL[y % 4, x % 4],
)


@pytest.mark.parametrize("size", [(101, 67), (128, 160)])
def test_white_noise_has_no_grid(size):
    rng = np.random.default_rng(0)
    sharp = np.full((*size, 3), 128, np.uint8)
    scores = [grids_db(metrics.to_uint8(sharp + rng.normal(0, 5, sharp.shape), (0, 255)), sharp) for _ in range(20)]
    np.testing.assert_allclose(np.mean(scores, axis=0), 0, atol=1.5)


@pytest.mark.parametrize("photo", ["coffee", "astronaut"])
def test_a_blurred_photograph_has_no_grid(photo):
    sharp = getattr(data, photo)()
    blurred = metrics.to_uint8(gaussian_filter(sharp.astype(float), (2, 2, 0)), (0, 255))
    np.testing.assert_allclose(grids_db(blurred, sharp), 0, atol=2)


@pytest.mark.parametrize("pattern", [CHECKERBOARD, STRIPES])
def test_a_grid_of_2_pixels_shows_at_period_2_only(smoothed, photograph, pattern):
    before, after = grids_db(smoothed, photograph), grids_db(with_grid(smoothed, pattern), photograph)
    assert abs(before[0]) < 2 and after[0] > 20
    assert after[1] == pytest.approx(before[1], abs=0.2) and abs(after[1]) < 2


def test_a_wave_of_4_pixels_shows_at_period_4_only(smoothed, photograph):
    before, after = grids_db(smoothed, photograph), grids_db(with_grid(smoothed, WAVE), photograph)
    assert abs(before[1]) < 2 and after[1] > 6
    assert after[0] == pytest.approx(before[0], abs=0.2)


def test_any_other_pattern_of_4_pixels_has_harmonics_at_period_2(smoothed, photograph):
    assert min(grids_db(with_grid(smoothed, GENERAL), photograph)) > 6


def test_a_grid_whose_strength_follows_the_detail_is_seen(smoothed, photograph):
    detail = gaussian_filter(np.abs(photograph.mean(axis=-1) - smoothed.mean(axis=-1)), 8)
    restored = with_grid(smoothed, lambda y, x: CHECKERBOARD(y, x) * detail / detail.mean())
    assert metrics.grid_db(restored, photograph, 2) > 10


@pytest.mark.parametrize(("pattern", "period_px"), [(CHECKERBOARD, 2), (GENERAL, 4)])
@pytest.mark.parametrize("shift", [(0, 1), (1, 0), (1, 1), (3, 2)])
def test_where_the_grid_starts_does_not_matter(smoothed, photograph, pattern, period_px, shift):
    shifted = with_grid(smoothed, lambda y, x: pattern(y + shift[0], x + shift[1]))
    expected = metrics.grid_db(with_grid(smoothed, pattern), photograph, period_px)
    assert metrics.grid_db(shifted, photograph, period_px) == pytest.approx(expected, abs=1)


def test_a_grid_in_the_truth_counts_only_where_it_is_missing(photograph):
    """The truth's grid, restored with an even error of 3 grey levels, and not restored."""
    grid = with_grid(np.clip(photograph, 10, 240), GENERAL, amplitude=4)
    np.testing.assert_allclose(grids_db(grid + 3, grid), 0, atol=0.01)
    assert min(grids_db(np.clip(photograph, 10, 240), grid)) > 15


def test_identical_images_have_no_grid(photograph):
    assert grids_db(photograph, photograph) == (0, 0)


def test_a_grid_far_below_rounding_does_not_count():
    """One channel of one pixel in 256 is off: by 1 grey level that is nothing, by 100 it is a grid."""
    sharp = np.full((128, 128, 3), 100, np.uint8)
    faint, strong = sharp.copy(), sharp.copy()
    faint[::16, ::16, 1] += 1
    strong[::16, ::16, 1] += 100
    np.testing.assert_allclose(grids_db(faint, sharp), 0, atol=0.5)
    assert min(grids_db(strong, sharp)) > 20


@pytest.mark.parametrize("size", [(31, 64), (64, 31)])
def test_small_images_have_no_grid_measure(size):
    image = np.zeros((*size, 3), np.uint8)
    assert grids_db(image, image) == (None, None)


@pytest.mark.parametrize("score", [metrics.psnr_db, metrics.ssim, lambda *pair: metrics.grid_db(*pair, 2)])
@pytest.mark.parametrize(
    "wrong",
    [np.zeros((16, 17, 3), np.uint8), np.zeros((16, 16, 3), np.float32), np.zeros((16, 16), np.uint8)],
)
def test_wrong_images_are_refused(score, wrong):
    with pytest.raises(ValueError, match="restored image is"):
        score(wrong, np.zeros((16, 16, 3), np.uint8))


def test_to_uint8_clips_and_rounds():
    values = np.array([-1, 0, 0.4, 0.6, 254.4, 254.6, 255, 300])
    expected = [0, 0, 0, 1, 254, 255, 255, 255]
    assert metrics.to_uint8(values, (0, 255)).tolist() == expected
    assert metrics.to_uint8(values / 255, (0, 1)).tolist() == expected
    assert metrics.to_uint8((values / 127.5 - 1).astype(np.float32), (-1, 1)).tolist() == expected


def test_to_uint8_refuses_nan():
    with pytest.raises(ValueError, match="NaN"):
        metrics.to_uint8(np.array([0.0, np.nan]), (0, 1))


def flat(value):
    return np.full((16, 16, 3), value, np.uint8)


METHODS = {"input": lambda image: image, "half": lambda image: image // 2}
PAIRS = [("a", flat(110), flat(100)), ("b", flat(102), flat(100))]


def test_score_set_and_csv(tmp_path):
    kept = {}
    result = metrics.score_set(
        METHODS, PAIRS, keep=lambda name, method, image: kept.update({(name, method): image[0, 0, 0]})
    )
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

    metrics.write_csv({"flat": result}, tmp_path / "scores.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["set", "image", "method", "psnr_db", "ssim", "grid_2px_db", "grid_4px_db", "protocol"]
    assert [(row["set"], row["image"], row["method"]) for row in rows] == [
        ("flat", "a", "input"), ("flat", "a", "half"), ("flat", "b", "input"), ("flat", "b", "half"),
    ]  # fmt: skip
    assert float(rows[0]["psnr_db"]) == result["images"][0]["scores"]["input"]["psnr_db"]
    assert rows[0]["grid_2px_db"] == ""


def test_the_grids_of_a_set_are_means_over_its_images_that_are_large_enough(smoothed, photograph):
    grid = with_grid(smoothed, CHECKERBOARD)
    pairs = [("a", smoothed, photograph), ("b", grid, photograph), ("small", flat(110), flat(100))]
    result = metrics.score_set({"input": lambda image: image}, pairs)
    scores = [image["scores"]["input"]["grid_2px_db"] for image in result["images"]]
    assert scores == [metrics.grid_db(smoothed, photograph, 2), metrics.grid_db(grid, photograph, 2), None]
    assert result["methods"]["input"]["grid_2px_db"] == pytest.approx(
        {"mean": (scores[0] + scores[1]) / 2, "min": scores[0], "max": scores[1]}
    )
    assert result["methods"]["input"]["grid_4px_db"]["max"] < 2


def test_an_exact_restoration_shows_in_the_mean():
    result = metrics.score_set(METHODS, [*PAIRS, ("exact", flat(100), flat(100))])
    assert result["methods"]["input"]["psnr_db"]["mean"] == math.inf
    assert math.isfinite(result["methods"]["input"]["psnr_db"]["min"])


def test_a_set_needs_images_with_names_of_their_own():
    with pytest.raises(InputError, match="no image"):
        metrics.score_set(METHODS, [])
    with pytest.raises(InputError, match="a: two test images"):
        metrics.score_set(METHODS, [PAIRS[0], PAIRS[0]])
