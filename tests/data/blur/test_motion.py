from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from skimage import data as pictures

from gandeblur.data.blur.motion import MotionBlur, VaryingBlur, region_mask
from gandeblur.data.blur.trajectories import PAPER, RELEASED_CODE
from gandeblur.data.degradations import blur

SEEDS = tf.stack([tf.range(6, dtype=tf.int64), tf.fill([6], tf.constant(9, tf.int64))], axis=1)
CAT = tf.constant(pictures.chelsea()[50:178, 100:260], tf.float32) / 255

both_parameters = pytest.mark.parametrize("parameters", [PAPER, RELEASED_CODE], ids=["paper", "released code"])
both_steps = pytest.mark.parametrize("step", [MotionBlur, VaryingBlur])


def rows(drawn):
    return [tf.nest.map_structure(lambda tensor, k=k: tensor[k], drawn) for k in range(len(SEEDS))]


@both_steps
@both_parameters
def test_the_brightness_of_an_image_is_kept(step, parameters):
    # Content inside, a constant rim as wide as the kernel: nothing leaves the image. Two kernels with a mask that
    # changes slowly keep it only on average, so that here the regions share one kernel.
    inside = np.full((160, 150, 3), 0.25, np.float32)
    inside[64:-64, 64:-64] = np.random.default_rng(0).random((32, 22, 3))
    step = step(parameters=parameters)
    for drawn in rows(step.draw(SEEDS)):
        if isinstance(step, VaryingBlur):
            drawn = (tf.stack([drawn[0][0]] * 2), drawn[1])
        blurred = step(tf.constant(inside), drawn).numpy()
        assert blurred.shape == inside.shape and blurred.min() >= 0 and blurred.max() <= 1
        np.testing.assert_allclose(blurred.mean(axis=(0, 1)), inside.mean(axis=(0, 1)), rtol=1e-3)


@both_steps
@both_parameters
def test_a_constant_image_stays_as_it_is_and_black_stays_black(step, parameters):
    step = step(parameters=parameters)
    for drawn in rows(step.draw(SEEDS)):
        for value in (0.0, 0.3, 1.0):
            np.testing.assert_allclose(step(tf.fill([40, 50, 3], value), drawn), value, atol=2e-6)


@both_steps
def test_a_path_of_length_0_changes_nothing(step):
    step = step(parameters=replace(PAPER, length_px=0.0))
    for drawn in rows(step.draw(SEEDS)):
        np.testing.assert_allclose(step(CAT, drawn), CAT, atol=2e-6)


@both_steps
def test_the_same_seed_blurs_the_same_and_another_differs(step):
    step = step(RELEASED_CODE)
    first, again = (step(CAT, rows(step.draw(SEEDS))[0]).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    alone = tf.nest.map_structure(lambda tensor: tensor[0], step.draw(SEEDS[:1]))
    np.testing.assert_allclose(step(CAT, alone), first, atol=1e-4)
    assert np.abs(step(CAT, rows(step.draw(SEEDS))[1]) - first).max() > 0.01


def test_both_weights_lie_in_the_unit_interval_and_sum_to_one():
    masks = [region_mask(waves, 256, 240).numpy() for waves in VaryingBlur(RELEASED_CODE).draw(SEEDS)[1]]
    for mask in masks:
        assert mask.shape == (256, 240) and mask.min() >= 0 and mask.max() <= 1
        assert max(np.abs(np.diff(mask, axis=axis)).max() for axis in (0, 1)) < 0.3  # smooth
    assert np.mean([(mask > 0.9).mean() for mask in masks]) > 0.1  # regions, not a mixture throughout
    assert np.mean([(mask < 0.1).mean() for mask in masks]) > 0.1


def test_two_equal_kernels_are_one_uniform_blur():
    step = VaryingBlur(RELEASED_CODE)
    for kernels, waves in rows(step.draw(SEEDS)):
        equal = step(CAT, (tf.stack([kernels[0], kernels[0]]), waves))
        np.testing.assert_allclose(equal, blur(CAT, None, kernel=kernels[0]), atol=1e-6)


def test_each_side_of_the_edge_has_its_own_kernel():
    step = VaryingBlur(RELEASED_CODE)
    kernels, _ = rows(step.draw(SEEDS))[1]
    left_to_right = tf.constant([[0.0, 3.0, 0.0], [0.0] * 3, [0.0] * 3])
    blurred = step(CAT, (kernels, left_to_right)).numpy()
    first, second = (blur(CAT, None, kernel=kernel).numpy() for kernel in kernels)
    assert np.abs(first - second).max() > 0.02
    np.testing.assert_allclose(blurred[:, :40], first[:, :40], atol=1e-5)
    np.testing.assert_allclose(blurred[:, -40:], second[:, -40:], atol=1e-5)


@both_steps
def test_blocks_are_drawn_and_applied_within_tf_data(step):
    step = step(RELEASED_CODE)
    blocks = tf.data.Dataset.from_tensor_slices(SEEDS).batch(4).map(step.draw)  # a block of 4, then one of 2
    drawn = blocks.unbatch().map(lambda *row: row if len(row) > 1 else row[0])
    images = drawn.map(lambda *row: step(CAT, row if len(row) > 1 else row[0]))
    blurred = list(images)
    assert len(blurred) == len(SEEDS) and images.element_spec.shape == CAT.shape
    for ours, expected in zip(blurred, rows(step.draw(SEEDS)), strict=True):
        np.testing.assert_allclose(ours, step(CAT, expected), atol=1e-4)


@both_steps
def test_the_size_of_the_image_may_be_unknown(step):
    step = step(RELEASED_CODE)
    drawn = rows(step.draw(SEEDS))[0]
    function = tf.function(lambda image: step(image, drawn), input_signature=[tf.TensorSpec([None, None, 3])])
    for height, width in ((20, 90), (64, 33)):
        np.testing.assert_allclose(function(CAT[:height, :width]), step(CAT[:height, :width], drawn), atol=1e-6)
