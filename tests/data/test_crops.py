import itertools
from functools import partial

import numpy as np

from gandeblur.data.crops import random_crop
from gandeblur.data.images import resize


def test_crops_reach_every_border_and_no_further():
    image = np.arange(20 * 24 * 3, dtype=np.int64).reshape(20, 24, 3) % 251
    image = image.astype(np.uint8)
    almost_one = np.nextafter(np.float32(1), np.float32(0))
    plain = partial(random_crop, image[np.newaxis], crop_px=16)
    for draws, window in (
        ([0, 0, 0, 0.5], image[:16, :16]),
        ([0, almost_one, almost_one, 0.5], image[4:, 8:]),
        ([0, 0, 0, 0.4], image[:16, 15::-1]),
    ):
        np.testing.assert_array_equal(plain(draws), [window, window])


def test_turned_crops_have_every_orientation_and_order_of_colours_alike_in_both_frames():
    sharp = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    frames = np.stack([sharp // 2, sharp])
    seen = {}
    for number in range(96):
        blurred, crop = random_crop(frames, [0, 0, 0, (number + 0.5) / 96], crop_px=16, turned=True)
        np.testing.assert_array_equal(blurred, crop // 2)
        seen[crop.tobytes()] = seen.get(crop.tobytes(), 0) + 1
    every = [
        np.ascontiguousarray(np.rot90(seen_from, turns)[..., list(order)]).tobytes()
        for seen_from in (sharp, sharp.transpose(1, 0, 2))
        for turns in range(4)
        for order in itertools.permutations(range(3))
    ]
    assert seen == dict.fromkeys(every, 2)


def test_zoom_is_log_uniform_up_to_the_limit_and_the_image():
    image = np.random.default_rng(0).integers(0, 256, (64, 90, 3), dtype=np.uint8)
    almost_one = np.nextafter(np.float32(1), np.float32(0))
    for max_zoom, drawn, side in (
        (2, 0, 16),
        (2, 0.5, 23),
        (2, almost_one, 32),
        (9, almost_one, 64),
        (9, 0.5, 32),
    ):
        crop = random_crop(image[np.newaxis], [drawn, 0, 0, 0.9], crop_px=16, max_zoom=max_zoom)[0]
        np.testing.assert_array_equal(crop, resize(image[:side, :side], 16, 16) if side > 16 else image[:16, :16])
