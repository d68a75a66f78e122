import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from streams import STEPS, collect, degrade, evaluation, flat_images, stream

from gandeblur.data import datasets, pipeline
from gandeblur.data.blur.motion import MotionBlur, TwoMotions
from gandeblur.data.blur.trajectories import PAPER
from gandeblur.data.datasets import ImageSet
from gandeblur.data.datasets.packed import open_packed, pack
from gandeblur.data.datasets.shrunk import Shrunk
from gandeblur.data.degradations import draw
from gandeblur.data.images import center_crop, image_size, read_image, resize
from gandeblur.data.pipeline import Source, input_errors, training_stream
from gandeblur.errors import InputError


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Five of random pixels, to be read."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for number, size in enumerate([(16, 16), (40, 48), (33, 17), (20, 64), (50, 18)]):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return ImageSet("test", tuple(sorted(folder.iterdir())))


@pytest.fixture(scope="module")
def whole(images):
    """Degraded and sharp images of their stream."""
    return collect(stream(images))


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


def test_a_resumed_stream_is_the_tail_of_the_whole_one(images, whole):
    for expected, got in zip(whole, collect(stream(images, start_step=4)), strict=True):
        np.testing.assert_array_equal(got, expected[16:])


def test_pixels_depend_on_the_sample_not_on_its_batch(images, whole):
    # Other batches, total, and no cache: the samples are the same.
    for got, pixels in zip(collect(stream(images, batch_size=3, total_steps=8, cache_bytes=0)), whole, strict=True):
        np.testing.assert_array_equal(got, pixels)


def test_a_small_cache_changes_nothing(images, whole):
    np.testing.assert_array_equal(collect(stream(images, cache_bytes=3 * (16 * 16 + 40 * 48))), whole)


def test_each_sample_has_a_number_of_its_own(images):
    numbers = np.concatenate([batch[2] for batch in stream(images, total_steps=50).as_numpy_iterator()])
    assert len(set(numbers)) == 200 and 0 <= numbers.min() < 0.05 and 0.95 < numbers.max() < 1
    tail = np.concatenate([batch[2] for batch in stream(images, start_step=47, total_steps=50).as_numpy_iterator()])
    np.testing.assert_array_equal(tail, numbers[-12:])


def test_seeds_differ(images, whole):
    first, second = whole, collect(stream(images, seed=8))
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
    expected = collect(evaluation(images, STEPS))
    for _ in range(2):
        np.testing.assert_array_equal(collect(evaluation(images, STEPS, batch_size=5, cache_bytes=0)), expected)
    assert not np.array_equal(collect(evaluation(images, STEPS, seed=1))[0], expected[0])


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


@pytest.mark.parametrize("factor", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_packed_images_give_the_same_pixels_on_any_number_of_workers(tmp_path, pairs, images, factor):
    pack(pairs, tmp_path / "pairs.packed")
    pack(images, tmp_path / "images.packed")
    packed_pairs, packed_images = open_packed(tmp_path / "pairs.packed"), open_packed(tmp_path / "images.packed")
    options = dict(crop_px=8, max_zoom=1.5, batch_size=4, seed=7, start_step=1, total_steps=9)

    def mixture(pairs, images, **changes):
        sources = [Source(Shrunk(pairs, factor), STEPS[1:2]), Source(images, STEPS)]
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
