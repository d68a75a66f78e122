import numpy as np
import tensorflow as tf

from gandeblur.data.blur.threefry import split, threefry, uniforms

SEEDS = tf.constant([[1, 2], [1, 3], [-5, 2**31 - 1], [0, 0]])


def test_known_answers_of_the_authors():
    # Random123's kat_vectors, "threefry2x32 20": counter, key -> result.
    for word, expected in ((0, (0x6B200159, 0x99BA4EFE)), (0xFFFFFFFF, (0x1CB996FC, 0xBB002BE7))):
        words = (tf.constant(word, tf.uint32),) * 2
        assert tuple(int(word) for word in threefry(words, words)) == expected
    counter = tf.constant(0x243F6A88, tf.uint32), tf.constant(0x85A308D3, tf.uint32)
    key = tf.constant(0x13198A2E, tf.uint32), tf.constant(0x03707344, tf.uint32)
    assert tuple(int(word) for word in threefry(key, counter)) == (0xC4923A9C, 0x483DF7A0)


def test_numbers_are_uniform_and_independent():
    numbers = uniforms(SEEDS, 0, 20001).numpy().T.astype(np.float64)
    assert numbers.shape == (4, 20001) and numbers.min() > 0 and numbers.max() < 1
    for moment in (1, 2, 3):
        np.testing.assert_allclose((numbers**moment).mean(axis=1), 1 / (moment + 1), atol=0.012)
    both = np.concatenate([numbers, np.roll(numbers, 1, axis=1), uniforms(SEEDS, 1, 20001).numpy().T])
    assert np.abs(np.corrcoef(both) - np.eye(len(both))).max() < 0.04


def test_a_row_depends_on_its_seed_only():
    together = uniforms(SEEDS, 3, 7).numpy()
    for row in range(4):
        np.testing.assert_array_equal(uniforms(SEEDS[row : row + 1], 3, 7).numpy()[:, 0], together[:, row])
    np.testing.assert_array_equal(uniforms(tf.cast(SEEDS, tf.int64), 3, 7), together)


def test_all_64_bits_of_both_seeds_count():
    seeds = [[0, 0]] + [[1 << bit, 0] for bit in range(63)] + [[0, 1 << bit] for bit in range(63)]
    first = uniforms(tf.constant(seeds, tf.int64), 0, 2).numpy().T
    assert len({tuple(row) for row in first}) == len(seeds)


def test_split_gives_seeds_that_differ():
    seeds = split(SEEDS, 0, 5).numpy()
    assert seeds.shape == (5, 4, 2)
    assert len({tuple(seed) for seed in seeds.reshape(-1, 2)}) == 20
