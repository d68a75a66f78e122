import numpy as np
import pytest
from differentiation import gradient
from keras import ops

from gandeblur.losses.grid import grid_loss

RNG = np.random.default_rng(0)
SHARP = RNG.random((2, 32, 64, 3), np.float32)
Y, X = np.indices(SHARP.shape[1:3])
PATTERNS = {"columns": (-1.0) ** X, "rows": (-1.0) ** Y, "chess board": (-1.0) ** (X + Y)}


def loss(error):
    return ops.convert_to_numpy(grid_loss(SHARP + np.asarray(error, np.float32), SHARP))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_grid_costs_a_third_of_its_amplitudes_square(pattern):
    grid = 0.03 * PATTERNS[pattern][..., None]
    np.testing.assert_allclose(loss(grid), 0.03**2 / 3, rtol=1e-3)
    np.testing.assert_allclose(loss(-grid), 0.03**2 / 3, rtol=1e-3)


def test_three_grids_at_once_cost_their_sum():
    grids = sum(amplitude * pattern for amplitude, pattern in zip((0.01, 0.02, 0.03), PATTERNS.values(), strict=True))
    np.testing.assert_allclose(loss(grids[..., None]), (1 + 4 + 9) * 1e-4 / 3, rtol=1e-3)


def test_what_is_no_grid_costs_next_to_nothing():
    assert loss(0.3).max() < 1e-12  # another brightness
    waves = np.sin(X * 2 * np.pi / 8)  # a period of 8 pixels
    assert loss(0.3 * waves[..., None]).max() < 1e-6
    # Noise of variance v has a mean of variance v / 1024 over a window.
    noise = RNG.normal(0, 0.1, SHARP.shape)
    assert loss(noise).mean() == pytest.approx(0.01 / 1024, rel=0.5)


def test_rows_and_columns_beyond_the_windows_do_not_count():
    odd = np.zeros((1, 37, 35, 3), np.float32)
    odd[:, 32::2] = odd[:, :, 32::2] = 1
    assert ops.convert_to_numpy(grid_loss(odd, np.zeros_like(odd))).tolist() == [0]


def test_its_slope_takes_the_grid_away():
    grid = (0.03 * PATTERNS["columns"])[..., None] * np.ones(3)
    slope = gradient(lambda x: ops.sum(grid_loss(x, SHARP)), (SHARP + grid).astype("float32"))
    np.testing.assert_allclose(slope, np.broadcast_to(2 * grid / 3 / grid.size, slope.shape), rtol=0.02)
