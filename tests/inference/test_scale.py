"""The scale that a picture is restored at, with a network's place taken by one that undoes blur of some sizes only."""

import numpy as np
import pytest
from pictures import blurred, identity, inverted, of_band, ramp, squares

from gandeblur.inference import scale


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_at_its_own_size_the_result_is_the_networks(dtype):
    image = squares().astype(dtype) * (257 if dtype == "uint16" else 1)
    np.testing.assert_array_equal(scale.restored_at(inverted, image, 1.0), inverted(image))


@pytest.mark.parametrize("factor", [0.71, 0.25])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_at_a_smaller_size_what_the_network_leaves_stays(dtype, factor):
    image = squares().astype(dtype) * (257 if dtype == "uint16" else 1)
    restored = scale.restored_at(identity, image, factor)
    assert restored.dtype == image.dtype
    np.testing.assert_array_equal(restored, image)


def test_the_enlarged_correction_is_added():
    image = blurred(squares(), 6)

    def brighter(small, **options):
        return (small.astype(np.int64) + (2570 if small.dtype == np.uint16 else 10)).clip(0, 65535).astype(small.dtype)

    restored = scale.restored_at(brighter, np.minimum(image, 240), 0.5)
    assert np.abs(restored.astype(int) - np.minimum(image, 240) - 10).max() <= 1


@pytest.mark.parametrize(("px", "expected"), [(10, 1.0), (20, 0.71), (40, 0.35)])
def test_the_scale_is_that_of_the_strongest_correction(px, expected):
    choice = scale.choose(of_band(8, 15), ramp(px))
    assert choice.scale == expected and not choice.sharp
    assert len(choice.changes) == len(choice.gradients) == len(scale.SCALES)


def test_a_picture_that_would_become_too_small_is_not_tried_there():
    assert len(scale.choose(identity, squares(130)).changes) == 1  # 0.71 of it is 92


def test_the_words_name_the_blur_and_the_size():
    assert scale.Choice(0.5, 54.0).words == "blur of about 54 pixels: restored at half its size"
    assert scale.Choice(0.35, 77.1).words == "blur of about 77 pixels: restored at 35 % of its size"
    assert scale.Choice(1.0).words == "restored at its own size"
    assert scale.Choice(1.0, changes=(3.0,)).words == "blur of some 32 pixels at most: restored at its own size"
    assert scale.Choice(1.0, changes=(3.0,), sharp=True).words == "hardly blurred: restored at its own size"
