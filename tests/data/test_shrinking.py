from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from streams import collect

from gandeblur.data.datasets.shrunk import Shrunk
from gandeblur.data.degradations import SHRINK, blur, disk_kernel, shrink, shrunk_by
from gandeblur.data.images import center_crop
from gandeblur.data.pipeline import Source, evaluation_stream, training_stream
from gandeblur.errors import InputError


def test_factord_crops_are_crops_of_the_factord_image(pairs):
    # Of 33 x 37 pixels the last row and the last column fill no square of 2 x 2.
    one = pairs.subset([1], "one")
    frame = np.round(one.read(0)[:, :32, :36].reshape(2, 16, 2, 18, 2, 3).mean((2, 4)) + 1e-6)
    source = Source(Shrunk(one, 2))
    dataset = training_stream([source], crop_px=16, batch_size=8, seed=0, start_step=0, total_steps=4)
    for crop in np.round(255 * np.stack(collect(dataset), axis=1)):
        windows = [frame[:, :, left : left + 16] for left in range(3)]
        assert any((crop == window).all() or (crop[:, :, ::-1] == window).all() for window in windows)
    whole = next(evaluation_stream(source, batch_size=1, seed=0).as_numpy_iterator())
    np.testing.assert_array_equal(np.round(255 * np.concatenate(whole)), frame)
    inside = next(evaluation_stream(source, size_px=12, fit=center_crop, batch_size=1, seed=0).as_numpy_iterator())
    np.testing.assert_array_equal(np.round(255 * np.concatenate(inside)), frame[:, 2:14, 3:15])
    with pytest.raises(InputError, match=r"1\.png: is 18x16 when shrunk, smaller than .* or lower --downsample"):
        training_stream([source], crop_px=17, batch_size=1, seed=0, start_step=0, total_steps=1)


@pytest.mark.parametrize("factor", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_steps_before_shrink_act_on_the_full_size(pairs, factor):
    before = (partial(blur, kernel=disk_kernel(2.5)),)
    after = (lambda image, seed: 0.5 * image,)
    source = Source(pairs, shrunk_by((*before, SHRINK, *after), factor))
    for k, (degraded, sharp) in enumerate(evaluation_stream(source, batch_size=1, seed=0)):
        images = tf.constant(pairs.read(k), tf.float32) / 255
        blurred = blur(images[0], None, kernel=disk_kernel(2.5))
        for got, full in ((degraded, 0.5 * blurred), (sharp, images[1])):
            height, width = (side // factor for side in full.shape[:2])
            squares = full[: height * factor, : width * factor].numpy()
            expected = squares.reshape(height, factor, width, factor, 3).mean((1, 3))
            np.testing.assert_allclose(got[0], expected, atol=1e-6)
    inside = evaluation_stream(source, size_px=12, fit=center_crop, batch_size=1, seed=0)
    assert inside.element_spec[0].shape == inside.element_spec[1].shape == [None, 12, 12, 3]

    options = dict(crop_px=8, max_zoom=1.5, batch_size=4, seed=7, start_step=0, total_steps=4)
    small = training_stream([source], **options)
    assert small.element_spec[0].shape == small.element_spec[1].shape == [4, 8, 8, 3]
    large = training_stream([Source(pairs, before)], **(options | dict(crop_px=8 * factor)))
    for got, full, light in zip(collect(small), collect(large), (0.5, 1), strict=True):
        np.testing.assert_allclose(got, [light * shrink(image, None, factor=factor) for image in full], atol=1e-6)
    # Beside a source that is shrunk first.
    mixed = training_stream([source, Source(Shrunk(pairs, factor))], **options)
    assert collect(mixed)[0].shape == (16, 8, 8, 3)


@pytest.mark.parametrize("stored", [True, False], ids=["as if stored so", "as a step"])
def test_bicubic_shrinking_is_pillows(pairs, stored):
    """Of 33 x 37 pixels the last row and column are left out, as by means."""
    one = pairs.subset([1], "one")
    source = Source(Shrunk(one, 2, bicubic=True)) if stored else Source(one, shrunk_by((SHRINK,), 2, bicubic=True))
    made = next(evaluation_stream(source, batch_size=1, seed=0).as_numpy_iterator())
    for got, frame in zip(made, one.read(0), strict=True):
        planes = [Image.fromarray(plane) for plane in np.moveaxis(frame[:32, :36].astype(np.float32), -1, 0)]
        small = np.stack([np.asarray(plane.resize((18, 16), Image.Resampling.BICUBIC)) for plane in planes], -1)
        # Of 8 bits Pillow rounds between its two passes, too.
        np.testing.assert_allclose(255 * got[0], np.clip(small, 0, 255), atol=2 if stored else 0.01)
    if stored:
        assert source.images.subset([0], "again") == Shrunk(one.subset([0], "again"), 2, bicubic=True)
