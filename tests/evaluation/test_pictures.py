"""Names of stored images, and the window that is magnified."""

import numpy as np
import pytest

from gandeblur.evaluation import pictures


@pytest.mark.parametrize(
    ("method", "expected"),
    [("gain undone + Wiener", "gain-undone-wiener"), ("GAN-D", "gan-d"), ("sharp", "sharp")],
)
def test_slug(method, expected):
    assert pictures.slug(method) == expected


def test_the_window_lies_on_the_detail():
    image = np.zeros((32, 48, 3), np.uint8)
    image[10:18, 30:38] = np.random.default_rng(0).integers(0, 255, (8, 8, 1))
    left, top, side = pictures.detailed_window(image)
    assert side == 8 and abs(left - 30) <= 1 and abs(top - 10) <= 1
