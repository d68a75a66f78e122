"""Each part at its own scale, with a network's place taken by one that undoes blur of some sizes only."""

import numpy as np
import pytest
from pictures import identity, of_band, ramp, squares

from gandeblur.inference import parts
from gandeblur.inference.fitting import Fitting
from gandeblur.inference.scale import SCALES, restored_at


def by_rows(image, **options):
    """`of_band(8, 15)` of each row by itself."""
    levels = image.astype(np.float32) * (255 / np.iinfo(image.dtype).max)
    gradient = np.abs(np.diff(levels, axis=1)).max((1, 2))
    fits = (gradient >= 200 / 15) & (gradient <= 200 / 8)
    changed = levels + np.where(fits, 10, 2)[:, None, None]
    return np.rint(np.clip(changed, 0, 255) * (np.iinfo(image.dtype).max / 255)).astype(image.dtype)


WAVES = 20 * np.sin(np.arange(1024) * 2 * np.pi / 64)  # along the edge: its ends would be borders of one colour
# Blurred by 10 pixels above, by 40 below.
HALVES = (np.concatenate([ramp(10)[:512], ramp(40)[:512]]) + WAVES[:, None, None]).clip(0, 255).astype(np.uint8)


def test_each_half_has_the_scale_of_its_own_blur():
    together, shares = parts.restored(by_rows, None, HALVES, SCALES)
    assert together.dtype == np.uint8 and sum(shares) == pytest.approx(1, abs=1e-4)
    assert shares[0] > 0.3 and shares[3] > 0.3
    for half, scale in ((slice(0, 200), 1.0), (slice(824, None), 0.35)):
        alone = restored_at(by_rows, HALVES, scale)[half].astype(int)
        assert np.abs(together[half] - alone).max() <= 1
        assert (alone != HALVES[half]).any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_what_the_network_leaves_stays(dtype):
    image = squares().astype(dtype) * (257 if dtype == "uint16" else 1)
    restored, _ = parts.restored(identity, None, image, SCALES)
    assert restored.dtype == image.dtype
    np.testing.assert_array_equal(restored, image)


def test_another_network_may_tell_the_scales():
    image = ramp(40)
    _, shares = parts.restored(identity, of_band(8, 15), image, SCALES)
    assert shares[3] > 0.6


def test_the_progress_goes_from_0_to_1_once():
    told = []

    def restore(image, progress):
        progress(0.5)
        progress(1.0)
        return image

    parts.restored(restore, None, squares(), (1.0, 0.5), progress=told.append)
    assert told == pytest.approx([0.4, 0.8, 0.9, 1.0])
    told.clear()
    parts.restored(restore, restore, squares(), (1.0, 0.5), progress=told.append)
    assert told == pytest.approx([0.2, 0.4, 0.45, 0.5, 0.7, 0.9, 0.95, 1.0])


def test_the_network_that_tells_the_scales_sees_the_picture_once():
    asked = []

    def looks(image, **options):
        asked.append(options)
        return image

    parts.restored(identity, looks, squares(), (1.0, 0.5), self_ensemble=True, tile=None)
    assert asked == [{"tile": None}] * 2


def test_a_user_is_told_the_shares():
    restore = Fitting(by_rows, "local", force_restore=True)
    restore(HALVES)
    [note] = restore.telling
    assert "% restored at its own size" in note and "% restored at 35 % of its size" in note
    assert restore.used in (1.0, 0.35)  # of the largest part
