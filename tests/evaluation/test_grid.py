"""What counts as a grid, and what does not."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from gandeblur.data.images import to_uint8
from gandeblur.evaluation.grid import grid_db


def grids_db(restored, sharp):
    return grid_db(restored, sharp, 2), grid_db(restored, sharp, 4)


def with_grid(image, pattern, amplitude=2.0):
    """Adds a pattern of rows y and columns x, in grey levels, to every channel."""
    y, x = np.indices(image.shape[:2])
    return to_uint8(image + amplitude * pattern(y, x)[..., None], (0, 255))


@pytest.fixture(scope="module")
def photograph():
    return data.coffee()[:301, :403]  # neither a multiple of 4


@pytest.fixture(scope="module")
def smoothed(photograph):
    """Blurred, with noise: an error of all frequencies without a grid."""
    blurred = gaussian_filter(photograph.astype(float), (2, 2, 0))
    return to_uint8(blurred + np.random.default_rng(0).normal(0, 2, photograph.shape), (0, 255))


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
    scores = [grids_db(to_uint8(sharp + rng.normal(0, 5, sharp.shape), (0, 255)), sharp) for _ in range(20)]
    np.testing.assert_allclose(np.mean(scores, axis=0), 0, atol=1.5)


@pytest.mark.parametrize("photo", ["coffee", "astronaut"])
def test_a_blurred_photograph_has_no_grid(photo):
    sharp = getattr(data, photo)()
    blurred = to_uint8(gaussian_filter(sharp.astype(float), (2, 2, 0)), (0, 255))
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
    assert grid_db(restored, photograph, 2) > 10


@pytest.mark.parametrize(("pattern", "period_px"), [(CHECKERBOARD, 2), (GENERAL, 4)])
@pytest.mark.parametrize("shift", [(0, 1), (1, 0), (1, 1), (3, 2)])
def test_where_the_grid_starts_does_not_matter(smoothed, photograph, pattern, period_px, shift):
    shifted = with_grid(smoothed, lambda y, x: pattern(y + shift[0], x + shift[1]))
    expected = grid_db(with_grid(smoothed, pattern), photograph, period_px)
    assert grid_db(shifted, photograph, period_px) == pytest.approx(expected, abs=1)


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


def test_wrong_images_are_refused():
    with pytest.raises(ValueError, match="sharp image is"):
        grid_db(np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.uint8), 2)
