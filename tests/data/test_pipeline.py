import itertools
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from gandeblur.data import datasets, pipeline
from gandeblur.data.blur.motion import MotionBlur, TwoMotions
from gandeblur.data.blur.trajectories import PAPER
from gandeblur.data.datasets import ImageSet, Pair, PairSet
from gandeblur.data.datasets.packed import open_packed, pack
from gandeblur.data.degradations import SHRINK, blur, degrade, disk_kernel, draw, gaussian_noise, jpeg, shrink
from gandeblur.data.images import center_crop, image_size, read_image, resize
from gandeblur.data.pipeline import Source, check_decodes, evaluation_stream, input_errors, random_crop, training_stream
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


def stream(images, degradations=STEPS, **changes):
    defaults = dict(crop_px=16, max_zoom=2.0, batch_size=4, seed=7, start_step=0, total_steps=6)
    return training_stream([Source(images, degradations)], **(defaults | changes))


def evaluation(images, degradations=(), **changes):
    return evaluation_stream(Source(images, degradations), **(dict(size_px=12, seed=0, batch_size=2) | changes))


def collect(dataset):
    """Degraded and sharp images of a stream (not the third part of a training stream)."""
    degraded, sharp, *_ = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(degraded), np.concatenate(sharp)


def flat_images(folder, count, side=20):
    """Image k is flat, of level 10 k: a crop tells which image it is from."""
    for k in range(count):
        Image.new("RGB", (side, side), (10 * k,) * 3).save(folder / f"{k:02}.png")
    return ImageSet("flat", tuple(sorted(folder.glob("*.png"))))


def test_batches_have_a_static_shape_a_known_number_and_a_range(images):
    dataset = stream(images, start_step=2)
    assert dataset.cardinality() == 4
    assert dataset.element_spec[2] == tf.TensorSpec([4], tf.float32)
    for spec in dataset.element_spec[:2]:
        assert spec == tf.TensorSpec([4, 16, 16, 3], tf.float32)
    degraded, sharp = collect(dataset)
    assert len(degraded) == len(sharp) == 16
    for pixels in (degraded, sharp):
        assert pixels.min() >= 0 and 0.8 < pixels.max() <= 1


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


def test_each_sample_has_a_number_of_its_own(images):
    numbers = np.concatenate([batch[2] for batch in stream(images, total_steps=50).as_numpy_iterator()])
    assert len(set(numbers)) == 200 and 0 <= numbers.min() < 0.05 and 0.95 < numbers.max() < 1
    tail = np.concatenate([batch[2] for batch in stream(images, start_step=47, total_steps=50).as_numpy_iterator()])
    np.testing.assert_array_equal(tail, numbers[-12:])


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


def test_a_small_image_is_refused_before_anything_is_decoded(write_image, truncated):
    small, _ = write_image("small.png", 40, 15)
    with pytest.raises(InputError, match=r"small\.png: is 15x40, smaller than the 16x16 crop; "):
        stream(ImageSet("s", (truncated, small)))


def test_a_damaged_file_is_refused_before_training_where_all_is_cached(truncated):
    images = ImageSet("s", (truncated,))
    with pytest.raises(InputError, match=r"truncated\.png: cannot be read"):
        stream(images)
    with pytest.raises(InputError, match=r"truncated\.png: cannot be read"):
        evaluation(images)


def test_a_file_found_damaged_while_streaming_ends_in_one_line(images, truncated):
    dataset = stream(ImageSet("s", (*images.paths, truncated)), cache_bytes=0)
    with pytest.raises(InputError) as error, input_errors():
        collect(dataset)
    assert str(error.value).startswith(f"{truncated}: cannot be read (")
    assert str(error.value).endswith("replace the file or remove it")


def test_an_image_smaller_than_the_central_crop_is_refused(images):
    with pytest.raises(InputError, match=r"2\.png: is 17x33, smaller than the 18x18 crop"):
        evaluation(images.subset([1, 2], "s"), size_px=18, fit=center_crop)
    assert len(collect(evaluation(images.subset([1, 2], "s"), size_px=17, fit=center_crop))[0]) == 2


def test_other_errors_of_tensorflow_pass_unchanged():
    with pytest.raises(tf.errors.InvalidArgumentError, match="unrelated"), input_errors():
        raise tf.errors.InvalidArgumentError(None, None, "unrelated")


def test_evaluation_keeps_the_order_and_resizes(images):
    dataset = evaluation(images)
    assert dataset.cardinality() == 3
    assert dataset.element_spec[0].shape.as_list() == [None, 12, 12, 3]  # fixed: layers can plan by it
    assert [len(sharp) for _, sharp in dataset] == [2, 2, 1]
    _, sharp = collect(dataset)
    for path, pixels in zip(images.paths, sharp, strict=True):
        np.testing.assert_allclose(255 * pixels, resize(read_image(path), 12, 12), atol=1e-4)


def test_evaluation_pixels_depend_on_seed_and_position_only(images):
    evaluate = partial(evaluation, images, STEPS)
    expected = collect(evaluate(batch_size=2, seed=0))
    for _ in range(2):
        np.testing.assert_array_equal(collect(evaluate(batch_size=5, seed=0, cache_bytes=0)), expected)
    assert not np.array_equal(collect(evaluate(batch_size=2, seed=1))[0], expected[0])


@pytest.mark.machines
def test_the_interpreter_exits_while_a_stream_is_open():
    script = """
from gandeblur.data.datasets import sample
from gandeblur.data.pipeline import Source, training_stream
stream = training_stream([Source(sample.train())], crop_px=128, max_zoom=2.0, batch_size=2, seed=0,
                         start_step=0, total_steps=800, cache_bytes=0)
iterator = iter(stream)
next(iterator)
raise SystemExit(2)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True).returncode == 2


@pytest.mark.machines
def test_the_interpreter_exits_although_a_stream_waits_for_itself():
    # Garbage collection in the stream's own call frees the stream, whose end waits for the call.
    script = """
import gc, threading, time
import numpy as np
import tensorflow as tf
from gandeblur.data import python_calls
gc.disable()
python_calls._CALLS._LOST_S = 1.0
abandoned = threading.Event()
def read(i):
    if i > 0:
        abandoned.wait()
        gc.collect()
    return np.zeros([1], np.uint8)
iterator = iter(tf.data.Dataset.range(5).map(lambda i: python_calls.call_python(read, i)).prefetch(1))
next(iterator)
cycle = [iterator]
cycle.append(cycle)
del iterator, cycle
abandoned.set()
time.sleep(0.5)
raise SystemExit(3)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True).returncode == 3


# Pairs, packed sets and mixtures --------------------------------------------------------------------------------


@pytest.fixture
def pairs(write_image):
    sizes = [(40, 48), (33, 37), (36, 64)]

    def pair(k, size):
        return Pair(f"seq/{k}", *(write_image(f"pairs/{kind}/{k}.png", *size)[0] for kind in ("blur", "sharp")))

    return PairSet("pairs/blur", "blur", tuple(pair(k, size) for k, size in enumerate(sizes)))


def test_a_pair_is_cropped_alike_and_degraded_from_its_blurred_image(pairs):
    blurred, sharp = collect(stream(pairs, (), max_zoom=1.0, total_steps=5))
    frames = [pairs.read(k) for k in range(len(pairs))]
    for crops in np.round(255 * np.stack([blurred, sharp], axis=1)).astype(np.uint8):
        found = 0
        for frame in frames:
            windows = np.lib.stride_tricks.sliding_window_view(frame, (2, 16, 16, 3))[0, :, :, 0]
            found += sum((windows == flipped).all(axis=(2, 3, 4, 5)).sum() for flipped in (crops, crops[:, :, ::-1]))
        assert found == 1
    noisy, same = collect(stream(pairs, STEPS[1:2], max_zoom=1.0, total_steps=5))
    np.testing.assert_array_equal(same, sharp)
    assert 0.01 < np.std(noisy - blurred) < 0.03


def test_downsampled_crops_are_crops_of_the_downsampled_image(pairs):
    # Of 33 x 37 pixels the last row and the last column fill no square of 2 x 2.
    one = pairs.subset([1], "one")
    frame = np.round(one.read(0)[:, :32, :36].reshape(2, 16, 2, 18, 2, 3).mean((2, 4)) + 1e-6)
    source = Source(one, downsample=2)
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


@pytest.mark.parametrize("downsample", [1, 2])
def test_packed_images_give_the_same_pixels_on_any_number_of_workers(tmp_path, pairs, images, downsample):
    pack(pairs, tmp_path / "pairs.packed")
    pack(images, tmp_path / "images.packed")
    packed_pairs, packed_images = open_packed(tmp_path / "pairs.packed"), open_packed(tmp_path / "images.packed")
    options = dict(crop_px=8, max_zoom=1.5, batch_size=4, seed=7, start_step=1, total_steps=9)

    def mixture(pairs, images, **changes):
        sources = [Source(pairs, STEPS[1:2], downsample), Source(images, STEPS, downsample)]
        return collect(training_stream(sources, **(options | changes)))

    expected = mixture(pairs, images)
    for got in (
        mixture(pairs, images, workers=1),
        mixture(pairs, images, workers=2, cache_bytes=0),
        mixture(packed_pairs, packed_images, workers=1),
        mixture(packed_pairs, packed_images, workers=2),
        mixture(pairs, packed_images, cache_bytes=7000),
    ):
        np.testing.assert_array_equal(got, expected)


def test_a_mixture_visits_every_image_of_every_source_with_its_own_degradations(tmp_path):
    images = flat_images(tmp_path, 7)
    sources = [
        Source(images.subset(range(3), "left"), (lambda image, seed: image + 1.0,)),
        Source(images.subset(range(3, 7), "right"), (lambda image, seed: image + 2.0, lambda image, seed: image)),
    ]
    dataset = training_stream(sources, crop_px=16, batch_size=7, seed=7, start_step=0, total_steps=5)
    degraded, sharp = collect(dataset)
    level = np.round(sharp[:, 0, 0, 0] * 25.5).astype(int)
    assert (np.sort(level.reshape(5, 7)) == np.arange(7)).all()
    np.testing.assert_allclose((degraded - sharp)[:, 0, 0, 0], np.where(level < 3, 1, 2), rtol=1e-5)


class Offset:
    """A step that draws in blocks: adds a number of its own to each image."""

    def draw(self, seed, count):
        return tf.random.stateless_uniform([count], seed)

    def __call__(self, image, offset):
        return image + offset


def test_what_is_drawn_in_blocks_belongs_to_the_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "_BLOCK", 7)
    images = flat_images(tmp_path, 3)

    def offsets(**changes):
        degraded, sharp = collect(stream(images, (lambda image, seed: image, Offset()), **changes))
        return (degraded - sharp)[:, 0, 0, 0]

    expected = offsets(total_steps=10)
    assert len(set(expected.round(5))) == 40
    np.testing.assert_array_equal(offsets(start_step=7, total_steps=10), expected[28:])
    np.testing.assert_array_equal(offsets(batch_size=5, total_steps=8), expected)
    seed = tf.constant([5, 6], tf.int64)
    alone = degrade(tf.zeros([4, 4, 3]), (Offset(),), seed)
    np.testing.assert_array_equal(alone[0, 0, 0], draw((Offset(),), seed[None])[0][0])


def test_two_motions_belong_to_the_sample_on_any_replica(images, monkeypatch):
    """What they draw for an image is a tuple: kernels, a line and a gamma."""
    monkeypatch.setattr(pipeline, "_BLOCK", 6)
    steps = (TwoMotions(MotionBlur(PAPER, (0.2,)), gamma=(2.2, 4.0)),)
    whole = collect(stream(images, steps, total_steps=4))[0]
    assert np.isfinite(whole).all() and len({image.tobytes() for image in whole}) == len(whole)
    np.testing.assert_allclose(collect(stream(images, steps, start_step=1, total_steps=4))[0], whole[4:], atol=1e-6)
    halves = collect(stream(images, steps, share=pipeline.Share(2, range(2)), total_steps=4))[0]
    np.testing.assert_allclose(halves, whole, atol=1e-6)


@pytest.mark.parametrize("downsample", [1, 2])
def test_steps_before_shrink_act_on_the_full_size(pairs, downsample):
    before = (partial(blur, kernel=disk_kernel(2.5)),)
    after = (lambda image, seed: 0.5 * image,)
    source = Source(pairs, (*before, SHRINK, *after), downsample)
    for k, (degraded, sharp) in enumerate(evaluation_stream(source, batch_size=1, seed=0)):
        images = tf.constant(pairs.read(k), tf.float32) / 255
        blurred = blur(images[0], None, kernel=disk_kernel(2.5))
        for got, full in ((degraded, 0.5 * blurred), (sharp, images[1])):
            height, width = (side // downsample for side in full.shape[:2])
            squares = full[: height * downsample, : width * downsample].numpy()
            expected = squares.reshape(height, downsample, width, downsample, 3).mean((1, 3))
            np.testing.assert_allclose(got[0], expected, atol=1e-6)
    inside = evaluation_stream(source, size_px=12, fit=center_crop, batch_size=1, seed=0)
    assert inside.element_spec[0].shape == inside.element_spec[1].shape == [None, 12, 12, 3]

    options = dict(crop_px=8, max_zoom=1.5, batch_size=4, seed=7, start_step=0, total_steps=4)
    small = training_stream([source], **options)
    assert small.element_spec[0].shape == small.element_spec[1].shape == [4, 8, 8, 3]
    large = training_stream([Source(pairs, before)], **(options | dict(crop_px=8 * downsample)))
    for got, full, factor in zip(collect(small), collect(large), (0.5, 1), strict=True):
        np.testing.assert_allclose(got, [factor * shrink(image, None, factor=downsample) for image in full], atol=1e-6)
    # Beside a source that is shrunk first.
    mixed = training_stream([source, Source(pairs, (), downsample)], **options)
    assert collect(mixed)[0].shape == (16, 8, 8, 3)


def test_a_damaged_image_is_found_before_a_training(pairs, truncated):
    check_decodes(pairs)
    damaged = PairSet("p", "blur", (*pairs.pairs, Pair("bad", truncated, truncated)))
    with pytest.raises(InputError, match=r"truncated\.png: cannot be read"):
        check_decodes(damaged)


def test_a_files_header_is_read_once(pairs, monkeypatch):
    opened = []
    monkeypatch.setattr(datasets, "image_size", lambda path: opened.append(path) or image_size(path))
    collect(stream(pairs, cache_bytes=0))
    assert sorted(opened) == sorted(path for pair in pairs.pairs for path in (pair.blurred, pair.sharp))


def test_pairs_are_evaluated_whole_in_order(pairs):
    whole = [
        np.round(255 * np.concatenate(pair))
        for pair in evaluation(pairs, size_px=None, batch_size=1).as_numpy_iterator()
    ]
    assert [frames.shape[1:3] for frames in whole] == [(40, 48), (33, 37), (36, 64)]
    for k, frames in enumerate(whole):
        np.testing.assert_array_equal(frames, pairs.read(k))


def test_a_pair_of_two_sizes_is_refused_before_anything_is_decoded(pairs, write_image):
    write_image("pairs/sharp/1.png", 20, 20)
    with pytest.raises(InputError, match=r"blur/1\.png: is 37x33, but .*sharp/1\.png is 20x20; replace"):
        stream(pairs)


def test_replicas_on_several_machines_share_each_batch(images):
    """Two machines of two replicas: each replica has a stretch of the batch, in order."""
    options = dict(batch_size=24, start_step=1, total_steps=3)
    whole = np.concatenate([mixing for _, _, mixing in stream(images, **options).as_numpy_iterator()])
    parts = []
    for first in (0, 2):
        dataset = stream(images, share=pipeline.Share(4, range(first, first + 2)), **options)
        assert dataset.cardinality() == 4 and dataset.element_spec[0].shape == [6, 16, 16, 3]
        # [step, image of the two replicas]
        parts.append(np.stack([mixing for _, _, mixing in dataset.as_numpy_iterator()]).reshape(2, 12))
    np.testing.assert_array_equal(np.concatenate(parts, axis=1).reshape(-1), whole)
    pixels = collect(stream(images, **options))[0][6:12]
    second = collect(stream(images, share=pipeline.Share(4, range(1, 2)), **options))[0][:6]
    np.testing.assert_array_equal(second, pixels)


def test_images_of_a_part_are_degraded_as_in_the_whole(images):
    whole = collect(evaluation(images, STEPS))
    part = collect(evaluation(images.subset([4, 1], "part"), STEPS, numbers=[4, 1]))
    for some, all_of_them in zip(part, whole, strict=True):
        np.testing.assert_array_equal(some, all_of_them[[4, 1]])
