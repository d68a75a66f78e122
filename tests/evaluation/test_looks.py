import numpy as np
import pytest

from gandeblur.evaluation.looks import gradient_energy

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)


def stripes(height):
    """Columns of 0 and `height` in turns: every step to the right is `height`, every step down 0."""
    return np.broadcast_to(np.array([[[0], [height]] * 8], np.uint8), (12, 16, 3))


def test_it_is_the_ratio_of_the_mean_steps():
    assert gradient_energy(NOISE, NOISE) == 1
    assert gradient_energy(stripes(50), stripes(200)) == 0.25
    assert gradient_energy(stripes(200), stripes(100)) == 2
    turned = stripes(60).transpose(1, 0, 2)
    assert gradient_energy(turned, stripes(120).transpose(1, 0, 2)) == 0.5  # downwards as well as to the right
    flat = np.full_like(NOISE, 9)
    assert gradient_energy(flat, NOISE) == 0


def test_steps_of_opposite_colours_cancel_in_grey():
    """Neighbours (a, b, b) and (b, a, b) are one grey."""
    coloured = np.zeros((12, 16, 3), np.uint8)
    coloured[:, ::2, 0] = coloured[:, 1::2, 1] = 90
    assert gradient_energy(coloured, NOISE[:12, :16]) == 0


def test_both_directions_count_by_their_means():
    """Means over neighbours, not sums: a wide image and a tall one of the same steps are alike."""
    both = np.add(stripes(40), np.array([0, 80] * 6, np.uint8)[:, None, None])
    assert gradient_energy(both, stripes(40)) == pytest.approx((40 + 80) / 40)


def test_a_flat_truth_has_no_ratio_and_wrong_images_are_refused():
    assert gradient_energy(NOISE, np.zeros_like(NOISE)) is None
    with pytest.raises(ValueError, match="scores need uint8"):
        gradient_energy(NOISE / 255, NOISE)
    with pytest.raises(ValueError, match="the sharp one"):
        gradient_energy(NOISE, NOISE[1:])
