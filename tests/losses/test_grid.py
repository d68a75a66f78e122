import numpy as np
import pytest
from differentiation import gradient
from keras import ops

from gandeblur.losses.grid import grid_loss

RNG = np.random.default_rng(0)
SHARP = RNG.random((2, 32, 64, 3), np.float32)
Y, X = np.indices(SHARP.shape[1:3])
GRIDS = {
    "columns": (-1.0) ** X,
    "rows": (-1.0) ** Y,
    "chess board": (-1.0) ** (X + Y),
    "columns of 2": (-1.0) ** (X // 2),
    "fields of 2": (-1.0) ** (X // 2 + Y // 2),
}


def loss(error):
    return ops.convert_to_numpy(grid_loss(SHARP + np.asarray(error, np.float32), SHARP))


@pytest.mark.parametrize("grid", GRIDS)
def test_a_grid_costs_its_amplitudes_square(grid):
    error = 0.03 * GRIDS[grid][..., None]
    np.testing.assert_allclose(loss(error), 0.03**2, rtol=1e-3)
    np.testing.assert_allclose(loss(-error), 0.03**2, rtol=1e-3)


def test_grids_of_several_kinds_cost_their_sum():
    error = sum(
        amplitude * grid for amplitude, grid in zip((0.01, 0.02, 0.03, 0.04, 0.05), GRIDS.values(), strict=True)
    )
    np.testing.assert_allclose(loss(error[..., None]), (1 + 4 + 9 + 16 + 25) * 1e-4, rtol=1e-3)


def test_what_is_no_grid_costs_next_to_nothing():
    assert loss(0.3).max() < 1e-12  # another brightness
    assert loss(0.3 * np.sin(X * 2 * np.pi / 16)[..., None]).max() < 1e-9  # a period of 16 pixels
    many = np.zeros((200, 32, 64, 3), np.float32)
    noise = ops.convert_to_numpy(grid_loss(RNG.normal(0, 0.1, many.shape).astype("float32"), many))
    assert noise.mean() == pytest.approx(15 * 0.01 / (32 * 64), rel=0.05)


def test_rows_and_columns_beyond_the_last_whole_period_do_not_count():
    odd = np.zeros((1, 35, 34, 3), np.float32)
    odd[:, 32::2] = odd[:, :, 32::2] = 1
    assert ops.convert_to_numpy(grid_loss(odd, np.zeros_like(odd))).tolist() == [0]


def test_its_slope_takes_the_grid_away():
    grid = (0.03 * GRIDS["columns"])[..., None] * np.ones(3)
    slope = gradient(lambda x: ops.sum(grid_loss(x, SHARP)), (SHARP + grid).astype("float32"))
    np.testing.assert_allclose(slope, np.broadcast_to(2 * grid / grid.size, slope.shape), rtol=0.02)
