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


@pytest.mark.parametrize(("px", "expected"), [(10, 1.0), (20, 0.6), (40, 0.3)])
def test_the_scale_is_that_of_the_strongest_correction(px, expected):
    choice = scale.choose(of_band(8, 15), ramp(px))
    assert choice.scale == expected and not choice.sharp
    assert len(choice.changes) == len(choice.gradients) == len(scale.SCALES)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((2, 6, 9, 6, 2), 0.5),  # the top of the parabola lies at 0.5, and the best scale a little below: no step there
        ((2, 9, 8, 4, 2), 0.6),
        ((2, 4, 9, 8, 2), 0.42),
        ((9, 8, 4, 2, 2), 1.0),  # the largest of all is not left for the second one
        ((2, 4, 6, 8, 12), 0.25),
        ((2, 9, 9, 2, 2), 0.6),
    ],
)
def test_the_scale_lies_between_those_that_were_looked_at_where_the_correction_asks(changes, expected):
    choice = scale.rule(changes, (1.0, 1.4, 2.0, 2.8, 4.0), 1500)  # a change below 1.5 of these shows no blur
    held = [change / gradient**0.5 for change, gradient in zip(changes, choice.gradients, strict=True)]
    assert choice.scale == expected, held
    assert choice.blur_px == (None if expected == 1 else pytest.approx(29 / expected))


@pytest.mark.parametrize(
    ("growth", "change", "shorter_px", "sharp"),
    [
        (1.14, 0.20, 384, True),  # a sharp picture as JPEG of quality 70
        (1.14, 0.28, 384, False),  # a frame of 28.6 dB
        (1.14, 0.28, 1200, True),
        (1.31, 0.10, 1200, False),
        (1.14, 0.71, 1200, False),
    ],
)
def test_a_picture_is_sharp_by_its_gradients_growth_and_its_change(growth, change, shorter_px, sharp):
    choice = scale.rule((change,), (1.0, growth, 1.5, 2.0, 2.5), shorter_px)
    assert choice.sharp == sharp and choice.scale == 1 and choice.blur_px is None


def test_each_third_of_a_picture_is_looked_at():
    image = np.full((600, 1800, 3), 128, np.uint8)
    for left in (100, 700, 1500):  # the last one with the strongest gradients
        image[200:400, left : left + 200] = squares(200) // (3000 // left)
    seen = scale._windows(image)
    assert len(seen) == 3 and all(len(np.unique(part)) > 5 for part in seen)
    turned = scale._windows(image.transpose(1, 0, 2))
    for part, one in zip(seen, turned, strict=True):
        np.testing.assert_array_equal(part, one.transpose(1, 0, 2))


def test_the_share_of_the_choosing_is_that_of_its_pixels():
    assert scale.looking(np.zeros((4000, 6000, 3), np.uint8), (1.0,), (0.5,)) == pytest.approx(
        3 * 512**2 / (3 * 512**2 + 6e6)
    )
    assert scale.looking(np.zeros((100, 100, 3), np.uint8), (1.0,), (1.0,)) == 0.5


def test_a_picture_that_would_become_too_small_is_not_tried_there():
    assert len(scale.choose(identity, squares(130)).changes) == 1  # 0.71 of it is 92


def test_the_words_name_the_blur_and_the_size():
    assert scale.Choice(0.5, 58.0).words == "blur of about 58 pixels: restored at half its size"
    assert scale.Choice(0.35, 82.9).words == "blur of about 83 pixels: restored at 35 % of its size"
    assert scale.Choice(1.0).words == "restored at its own size"
    assert scale.Choice(1.0, changes=(3.0,)).words == "blur of some 34 pixels at most: restored at its own size"
    assert scale.Choice(1.0, changes=(3.0,), sharp=True).words == "hardly blurred: restored at its own size"
