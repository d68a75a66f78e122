from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage
from skimage import data as pictures

from gandeblur.data.blur.motion import MotionBlur, TwoMotions, passage
from gandeblur.data.blur.trajectories import PAPER, SCRIPT

SEED = tf.constant([3, 9])
CAT = tf.constant(pictures.chelsea()[50:178, 100:260], tf.float32) / 255

both_parameters = pytest.mark.parametrize("parameters", [PAPER, SCRIPT], ids=["paper", "script"])


@both_parameters
def test_the_brightness_of_an_image_is_kept(parameters):
    # Content inside, a constant rim as wide as the kernel: nothing leaves the image.
    inside = np.full((160, 150, 3), 0.25, np.float32)
    inside[64:-64, 64:-64] = np.random.default_rng(0).random((32, 22, 3))
    step = MotionBlur(parameters)
    for kernel in step.draw(SEED, 6):
        blurred = step(tf.constant(inside), kernel).numpy()
        assert blurred.shape == inside.shape and blurred.min() >= 0 and blurred.max() <= 1
        np.testing.assert_allclose(blurred.mean(axis=(0, 1)), inside.mean(axis=(0, 1)), rtol=1e-3)


@both_parameters
def test_a_constant_image_stays_as_it_is_and_black_stays_black(parameters):
    step = MotionBlur(parameters)
    for kernel in step.draw(SEED, 6):
        for value in (0.0, 0.3, 1.0):
            np.testing.assert_allclose(step(tf.fill([40, 50, 3], value), kernel), value, atol=2e-6)


def test_a_path_of_length_0_changes_nothing():
    step = MotionBlur(replace(PAPER, length_px=0.0))
    for kernel in step.draw(SEED, 6):
        np.testing.assert_allclose(step(CAT, kernel), CAT, atol=2e-6)


def test_with_a_gamma_it_is_light_that_is_averaged():
    kernel = MotionBlur(SCRIPT).draw(SEED, 1)[0]
    blurred = MotionBlur(SCRIPT, gamma=2.2)(CAT, kernel).numpy()
    light = [ndimage.convolve(CAT.numpy()[..., c] ** 2.2, kernel.numpy(), mode="nearest") for c in range(3)]
    np.testing.assert_allclose(blurred, np.stack(light, axis=-1) ** (1 / 2.2), atol=1e-4)
    plain = MotionBlur(SCRIPT)(CAT, kernel).numpy()
    assert blurred.mean() > plain.mean() + 0.002 and (blurred > plain - 1e-3).all()  # a convex mean


def test_only_the_exposures_asked_for_are_drawn():
    spread = [
        [np.count_nonzero(kernel) for kernel in MotionBlur(PAPER, exposures).draw(SEED, 40)]
        for exposures in ((0.01,), (1.0,), (0.01, 1.0))
    ]
    between = (max(spread[0]) + min(spread[1])) / 2
    assert max(spread[0]) < min(spread[1])
    assert 8 < sum(count < between for count in spread[2]) < 32


def test_blocks_are_drawn_and_applied_within_tf_data():
    step = MotionBlur(SCRIPT)
    blocks = tf.data.Dataset.range(2).map(lambda block: step.draw(tf.stack([3, block]), 4))
    blurred = list(blocks.unbatch().map(lambda kernel: step(CAT, kernel)))
    expected = [step(CAT, kernel) for block in range(2) for kernel in step.draw(tf.constant([3, block], tf.int64), 4)]
    assert len(blurred) == 8 and np.abs(blurred[0] - blurred[4]).max() > 0.01
    np.testing.assert_allclose(blurred, expected, atol=1e-4)


def test_the_size_of_the_image_may_be_unknown():
    step = MotionBlur(SCRIPT)
    kernel = step.draw(SEED, 1)[0]
    function = tf.function(lambda image: step(image, kernel), input_signature=[tf.TensorSpec([None, None, 3])])
    for height, width in ((20, 90), (64, 33)):
        np.testing.assert_allclose(function(CAT[:height, :width]), step(CAT[:height, :width], kernel), atol=1e-6)


def test_far_from_the_line_each_of_two_motions_blurs_its_own_side():
    step = TwoMotions(MotionBlur(SCRIPT), gamma=(2.2, 4.0))
    kernels, line, gamma = step.draw(SEED, 3)
    assert kernels.shape[:2] == (3, 2) and line.shape == (3, 3) and gamma.shape == (3,)
    right = tf.constant([0.0, 0.5, 0.0])  # along x, through the middle, 2 pixels wide
    blurred = step(CAT, (kernels[0], right, gamma[0]))
    alone = MotionBlur(SCRIPT, gamma=float(gamma[0]))
    one, other = (alone(CAT, kernel) for kernel in kernels[0])
    np.testing.assert_allclose(blurred[:, 90:], one[:, 90:], atol=1e-5)
    np.testing.assert_allclose(blurred[:, :70], other[:, :70], atol=1e-5)
    assert np.abs(one - other).max() > 0.05


def test_two_motions_are_drawn_anew_for_each_image_and_again_from_the_seed():
    step = TwoMotions(MotionBlur(PAPER), gamma=(2.2, 4.0))
    kernels, line, gamma = step.draw(SEED, 3)
    assert len({kernel.tobytes() for kernel in kernels.numpy().reshape(6, -1)}) == 6
    assert len(set(line.numpy().reshape(-1))) == 9
    assert len(set(gamma.numpy())) == 3
    for once, again in zip((kernels, line, gamma), step.draw(SEED, 3), strict=True):
        np.testing.assert_array_equal(once, again)


def test_the_gammas_of_two_motions_are_log_uniform():
    gamma = TwoMotions(MotionBlur(PAPER, (0.1,)), gamma=(2.2, 4.0)).draw(SEED, 1000)[2].numpy()
    assert 2.2 <= gamma.min() < 2.21 and 3.98 < gamma.max() <= 4.0
    np.testing.assert_allclose(np.median(gamma), np.sqrt(2.2 * 4.0), atol=0.06)
    assert "gamma 2.2 to 4:" in str(TwoMotions(MotionBlur(PAPER), gamma=(2.2, 4.0)))
    np.testing.assert_array_equal(TwoMotions(MotionBlur(PAPER), gamma=(2.2, 2.2)).draw(SEED, 2)[2], np.float32(2.2))


def test_two_motions_have_one_gamma():
    with pytest.raises(ValueError, match="their own"):
        TwoMotions(MotionBlur(PAPER, gamma=2.2), gamma=(2.2, 4.0))


def test_two_equal_motions_are_one():
    motion = MotionBlur(SCRIPT, gamma=2.2)
    kernel = motion.draw(SEED, 1)[0]
    for line in tf.random.stateless_uniform([4, 3], SEED):
        blurred = TwoMotions(MotionBlur(SCRIPT), (2.2, 2.2))(CAT, (tf.stack([kernel, kernel]), line, 2.2))
        np.testing.assert_allclose(blurred, motion(CAT, kernel), atol=1e-5)


def test_the_passage_is_a_logistic_function_of_the_distance_from_the_line():
    for width, passage_px in ((0.0, 2.0), (0.5, 2 * 4.0), (1.0, 32.0)):  # 2 (32 / 2)^width
        weight = passage(tf.constant([0.25, 0.75, width]), 32, 48)[..., 0].numpy()  # along y, 8 below the middle
        y = np.arange(32) - 15.5
        np.testing.assert_allclose(weight[:, 0], 1 / (1 + np.exp(-4 * (y - 8) / passage_px)), atol=1e-5)
        np.testing.assert_allclose(np.ptp(weight, axis=1), 0, atol=1e-4)
