import numpy as np
import pytest
from differentiation import gradient
from keras import ops
from scipy.ndimage import minimum_filter

from gandeblur.losses.dark_channel import dark_channel, dark_channel_loss

RNG = np.random.default_rng(0)


def images(*shape):
    return RNG.random(shape).astype("float32")


def numpy(x):
    return ops.convert_to_numpy(x)


def test_a_constant_image_is_as_dark_as_its_darkest_channel():
    image = np.broadcast_to(np.float32([0.7, 0.2, 0.5]), (1, 9, 20, 3))
    np.testing.assert_array_equal(numpy(dark_channel(image, window_px=15)), np.full((1, 9, 20), np.float32(0.2)))


@pytest.mark.parametrize(
    ("pixel", "rows", "columns"),
    [((20, 25), (13, 28), (18, 33)), ((0, 0), (0, 8), (0, 8)), ((39, 3), (32, 40), (0, 11))],
)
def test_a_dark_value_darkens_exactly_its_window_of_15x15_clipped_at_the_border(pixel, rows, columns):
    image = np.ones((1, 40, 50, 3), "float32")
    image[0, *pixel, 1] = 0.25
    expected = np.ones((1, 40, 50), "float32")
    expected[0, slice(*rows), slice(*columns)] = 0.25
    np.testing.assert_array_equal(numpy(dark_channel(image, window_px=15)), expected)


@pytest.mark.parametrize("size", [(33, 47), (16, 21), (5, 3)])
@pytest.mark.parametrize("window_px", [1, 3, 15])
def test_it_is_scipys_minimum_filter_of_the_smallest_channel(size, window_px):
    """scipy repeats the border pixel, which is in the window already."""
    batch = images(2, *size, 3)
    expected = [minimum_filter(image.min(axis=-1), window_px, mode="nearest") for image in batch]
    np.testing.assert_array_equal(numpy(dark_channel(batch, window_px=window_px)), expected)


@pytest.mark.parametrize("window_px", [0, 4, -3])
def test_a_window_without_a_centre_pixel_is_refused(window_px):
    with pytest.raises(ValueError, match=f"window_px={window_px}: .* odd side"):
        dark_channel(images(1, 8, 8, 3), window_px=window_px)


def test_each_pixel_of_the_map_sends_its_gradient_to_the_value_it_shows():
    batch = images(2, 19, 23, 3)
    shown = numpy(dark_channel(batch, window_px=5))
    slopes = numpy(gradient(lambda x: dark_channel(x, window_px=5), batch))
    values, counts = np.unique(shown, return_counts=True)
    np.testing.assert_array_equal(slopes != 0, np.isin(batch, values))
    np.testing.assert_array_equal(slopes[slopes != 0], counts[np.searchsorted(values, batch[slopes != 0])])


def test_loss_is_the_mean_squared_difference_of_the_maps_one_value_per_image():
    restored, sharp = np.full((2, 6, 7, 3), 0.5, "float32"), np.full((2, 6, 7, 3), 0.75, "float32")
    restored[1, 0, 0, 2] = 0.25  # darkens 2 x 2 of 42 pixels with a window of 3
    expected = [0.0625, (38 * 0.0625 + 4 * 0.25) / 42]
    np.testing.assert_allclose(numpy(dark_channel_loss(restored, sharp, window_px=3)), expected, rtol=1e-6)


def test_loss_of_images_with_equal_maps_is_0():
    sharp = images(2, 12, 12, 3)
    restored = sharp.copy()
    restored[..., 0] = sharp.max(axis=-1)
    restored[..., 1] = sharp.min(axis=-1)
    restored[..., 2] = np.median(sharp, axis=-1)
    np.testing.assert_array_equal(numpy(dark_channel_loss(restored, sharp, window_px=15)), [0, 0])


def test_loss_has_a_gradient_only_where_the_maps_differ():
    """The images differ in the right half only; the windows of the maps that differ reach 2 pixels into the left."""
    sharp = images(1, 20, 30, 3)
    restored = sharp.copy()
    restored[:, :, 15:] = images(1, 20, 15, 3)
    slopes = numpy(gradient(lambda x: dark_channel_loss(x, sharp, window_px=5), restored))
    assert not slopes[:, :, :11].any()
    assert slopes[:, :, 15:].any()
    differ = numpy(dark_channel(restored, window_px=5)) != numpy(dark_channel(sharp, window_px=5))
    shown = numpy(dark_channel(restored, window_px=5))[differ]
    np.testing.assert_array_equal(slopes != 0, np.isin(restored, shown))


def test_loss_has_the_gradient_of_central_differences():
    """Levels 1/300 apart, so that steps of 1/1000 change no minimum's place; each value of the maps in turn."""
    levels = RNG.permutation(9 * 11 * 3).reshape(1, 9, 11, 3).astype("float32") / 300
    sharp = images(1, 9, 11, 3)
    slopes = numpy(gradient(lambda x: dark_channel_loss(x, sharp, window_px=3), levels))
    places = np.argwhere(np.isin(levels, numpy(dark_channel(levels, window_px=3))))
    assert len(places) > 10
    nudges = np.zeros((len(places), *levels.shape[1:]), "float32")
    nudges[(np.arange(len(places)), *places[:, 1:].T)] = 1e-3
    pair = [numpy(dark_channel_loss(levels + sign * nudges, sharp, window_px=3)) for sign in (1, -1)]
    expected = (pair[0].astype("float64") - pair[1]) / 2e-3
    np.testing.assert_allclose(slopes[tuple(places.T)], expected, rtol=1e-3, atol=3e-5)


def test_sharp_image_gets_no_gradient():
    restored, sharp = images(1, 9, 9, 3), images(1, 9, 9, 3)
    both = ops.concatenate([restored, sharp])
    slopes = numpy(gradient(lambda x: dark_channel_loss(x[:1], x[1:], window_px=3), both))
    assert slopes[0].any() and not slopes[1].any()
