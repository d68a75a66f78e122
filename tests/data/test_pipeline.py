import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gandeblur.data.datasets import ImageSet
from gandeblur.data.degradations import blur, disk_kernel, gaussian_noise, jpeg
from gandeblur.data.images import read_image, resize
from gandeblur.data.pipeline import evaluation_stream, input_errors, random_crop, training_stream
from gandeblur.errors import InputError

STEPS = (
    partial(blur, kernel=disk_kernel(1.5)),
    partial(gaussian_noise, variance=5e-4),
    partial(jpeg, quality=70),
)


@pytest.fixture
def images(write_image):
    sizes = [(16, 16), (40, 48), (33, 17), (20, 64), (50, 18)]
    return ImageSet("test", tuple(write_image(f"{k}.png", *size)[0] for k, size in enumerate(sizes)))


def stream(images, **changes):
    defaults = dict(crop_px=16, max_zoom=2.0, degradations=STEPS, batch_size=4, seed=7, start_step=0, total_steps=6)
    return training_stream(images, **(defaults | changes))


def collect(dataset):
    degraded, sharp = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(degraded), np.concatenate(sharp)


def flat_images(folder, count, side=20):
    """Image k is flat, of level 10 k: a crop tells which image it is from."""
    for k in range(count):
        Image.new("RGB", (side, side), (10 * k,) * 3).save(folder / f"{k:02}.png")
    return ImageSet("flat", tuple(sorted(folder.glob("*.png"))))


def test_batches_have_a_static_shape_a_known_number_and_a_range(images):
    dataset = stream(images, start_step=2, value_range=255.0)
    assert dataset.cardinality() == 4
    for spec in dataset.element_spec:
        assert spec == tf.TensorSpec([4, 16, 16, 3], tf.float32)
    degraded, sharp = collect(dataset)
    assert len(degraded) == len(sharp) == 16
    for pixels in (degraded, sharp):
        assert pixels.min() >= 0 and 200 < pixels.max() <= 255


def test_a_resumed_stream_is_the_tail_of_the_whole_one(images):
    whole, tail = collect(stream(images)), collect(stream(images, start_step=4))
    for expected, got in zip(whole, tail, strict=True):
        np.testing.assert_array_equal(got, expected[16:])


def test_pixels_depend_on_the_sample_not_on_its_batch(images):
    # Other batches, total, and no cache: the samples are the same.
    expected = collect(stream(images))
    for got, pixels in zip(collect(stream(images, batch_size=3, total_steps=8, cache_bytes=0)), expected, strict=True):
        np.testing.assert_array_equal(got, pixels)


def test_a_small_cache_changes_nothing(images):
    expected, got = collect(stream(images)), collect(stream(images, cache_bytes=3 * (16 * 16 + 40 * 48)))
    np.testing.assert_array_equal(got, expected)


def test_seeds_differ(images):
    first, second = collect(stream(images)), collect(stream(images, seed=8))
    assert not np.array_equal(first[1], second[1])
    assert not np.array_equal(first[0] - first[1], second[0] - second[1])


def test_every_epoch_visits_each_image_once_in_a_new_order(tmp_path):
    images = flat_images(tmp_path, 7)
    _, sharp = collect(stream(images, batch_size=7, total_steps=5, degradations=()))
    visited = np.round(sharp[:, 0, 0, 0] * 25.5).astype(int).reshape(5, 7)
    assert (np.sort(visited) == np.arange(7)).all()
    assert len({tuple(epoch) for epoch in visited}) > 1


def test_one_image_is_enough(tmp_path):
    assert len(collect(stream(flat_images(tmp_path, 1)))[0]) == 24


def test_the_degraded_crop_is_aligned_with_the_sharp_one(images):
    degraded, sharp = collect(stream(images, degradations=()))
    np.testing.assert_array_equal(degraded, sharp)


def test_random_numbers_of_a_sample_are_its_own(tmp_path):
    images = flat_images(tmp_path, 1)
    degraded, sharp = collect(
        stream(images, degradations=(lambda x, s: x + tf.random.stateless_normal([16, 16, 3], s),))
    )
    noise = (degraded - sharp).reshape(len(sharp), -1)
    assert np.abs(np.corrcoef(noise) - np.eye(len(noise))).max() < 0.2


def test_plain_crops_are_windows_of_the_image(images):
    image = read_image(images.paths[1])
    windows = np.lib.stride_tricks.sliding_window_view(image, (16, 16, 3))[:, :, 0]
    _, sharp = collect(stream(ImageSet("one", images.paths[1:2]), max_zoom=1.0, total_steps=10))
    positions, flips = [], 0
    for crop in np.round(255 * sharp).astype(np.uint8):
        straight = np.argwhere((windows == crop).all(axis=(2, 3, 4)))
        mirrored = np.argwhere((windows == crop[:, ::-1]).all(axis=(2, 3, 4)))
        assert len(straight) + len(mirrored) == 1
        flips += len(mirrored)
        positions.extend([*straight, *mirrored])
    assert 10 <= flips <= 30  # of 40
    assert len({tuple(position) for position in positions}) > 30


def test_crops_reach_every_border_and_no_further():
    image = np.arange(20 * 24 * 3, dtype=np.int64).reshape(20, 24, 3) % 251
    image = image.astype(np.uint8)
    almost_one = np.nextafter(np.float32(1), np.float32(0))
    plain = partial(random_crop, image, crop_px=16, max_zoom=1.0)
    np.testing.assert_array_equal(plain([0, 0, 0, 0.5]), image[:16, :16])
    np.testing.assert_array_equal(plain([0, almost_one, almost_one, 0.5]), image[4:, 8:])
    np.testing.assert_array_equal(plain([0, 0, 0, 0.4]), image[:16, 15::-1])


def test_zoom_is_log_uniform_up_to_the_limit_and_the_image():
    image = np.random.default_rng(0).integers(0, 256, (64, 90, 3), dtype=np.uint8)
    almost_one = np.nextafter(np.float32(1), np.float32(0))
    for max_zoom, draw, side in (
        (2, 0, 16),
        (2, 0.5, 23),
        (2, almost_one, 32),
        (9, almost_one, 64),
        (9, 0.5, 32),
    ):
        crop = random_crop(image, [draw, 0, 0, 0.9], crop_px=16, max_zoom=max_zoom)
        np.testing.assert_array_equal(crop, resize(image[:side, :side], 16, 16) if side > 16 else image[:16, :16])


def test_a_small_image_is_refused_before_anything_is_decoded(write_image, truncated):
    small, _ = write_image("small.png", 40, 15)
    with pytest.raises(InputError, match=r"small\.png: is 15x40, smaller than the 16x16 crop; "):
        stream(ImageSet("s", (truncated, small)))


def test_a_damaged_file_is_refused_before_training_where_all_is_cached(truncated):
    images = ImageSet("s", (truncated,))
    with pytest.raises(InputError, match=r"truncated\.png: cannot be read"):
        stream(images)
    with pytest.raises(InputError, match=r"truncated\.png: cannot be read"):
        evaluation_stream(images, size_px=8, degradations=(), batch_size=1, seed=0)


def test_a_file_found_damaged_while_streaming_ends_in_one_line(images, truncated):
    dataset = stream(ImageSet("s", (*images.paths, truncated)), cache_bytes=0)
    with pytest.raises(InputError) as error, input_errors():
        collect(dataset)
    assert str(error.value).startswith(f"{truncated}: cannot be read (")
    assert str(error.value).endswith("replace the file or remove it")


def test_other_errors_of_tensorflow_pass_unchanged():
    with pytest.raises(tf.errors.InvalidArgumentError, match="unrelated"), input_errors():
        raise tf.errors.InvalidArgumentError(None, None, "unrelated")


def test_evaluation_keeps_the_order_and_resizes(images):
    dataset = evaluation_stream(images, size_px=12, degradations=(), batch_size=2, seed=0, value_range=255.0)
    assert dataset.cardinality() == 3
    assert [len(sharp) for _, sharp in dataset] == [2, 2, 1]
    _, sharp = collect(dataset)
    for path, pixels in zip(images.paths, sharp, strict=True):
        np.testing.assert_allclose(pixels, resize(read_image(path), 12, 12), atol=1e-4)


def test_evaluation_pixels_depend_on_seed_and_position_only(images):
    evaluate = partial(evaluation_stream, images, size_px=12, degradations=STEPS)
    expected = collect(evaluate(batch_size=2, seed=0))
    for _ in range(2):
        np.testing.assert_array_equal(collect(evaluate(batch_size=5, seed=0, cache_bytes=0)), expected)
    assert not np.array_equal(collect(evaluate(batch_size=2, seed=1))[0], expected[0])


def test_the_interpreter_exits_while_a_stream_is_open():
    script = """
from gandeblur.data.datasets import sample
from gandeblur.data.pipeline import training_stream
stream = training_stream(sample.train(), crop_px=128, max_zoom=2.0, degradations=(), batch_size=2, seed=0,
                         start_step=0, total_steps=800, cache_bytes=0)
iterator = iter(stream)
next(iterator)
raise SystemExit(2)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True).returncode == 2
