"""Random numbers of many independent rows at once: the counter-based generator Threefry-2x32.

Salmon, Moraes, Dror, Shaw: *Parallel Random Numbers: As Easy as 1, 2, 3*, SC 2011, with the 20 rounds that JAX
uses, too. TensorFlow's stateless operations take one seed per call, and a call per row would take longer than all
the rest of a kernel; here each row has its own key, and compiled by XLA the rows run side by side.
"""

import tensorflow as tf

_PARITY = 0x1BD11BDA
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def threefry(key: tuple[tf.Tensor, tf.Tensor], counter: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Two random words for each pair of key and counter.

    Args:
        key, counter: two uint32 tensors each; all four broadcast.

    Returns:
        Two uint32 tensors.
    """
    keys = (*key, key[0] ^ key[1] ^ _PARITY)
    x, y = counter[0] + keys[0], counter[1] + keys[1]
    for turn in range(5):
        for bits in _ROTATIONS[turn % 2]:
            x += y
            y = x ^ (_shift_left(y, bits) | _shift_right(y, 32 - bits))
        x += keys[(turn + 1) % 3]
        y += keys[(turn + 2) % 3] + (turn + 1)
    return x, y


def uniforms(seeds: tf.Tensor, stream: int, count: int) -> tf.Tensor:
    """`count` independent numbers per row, uniform in (0, 1), the ends left out.

    Args:
        seeds: integer `[rows, 2]`; int32 and int64 of one value give the same numbers.
        stream: each stream of a seed has its own numbers.
        count: how many.

    Returns:
        float32 `[count, rows]`: column k depends on `seeds[k]` and `stream` only.
    """
    return _uniforms(_key(seeds), stream, count)


def split(seeds: tf.Tensor, stream: int, count: int) -> tf.Tensor:
    """`count` new seeds from each seed, as `uniforms` draws numbers.

    Returns:
        int64 `[count, rows, 2]`.
    """
    return _split(_key(seeds), stream, count)


# A function of its own: within `_uniforms`, XLA would compute the key again for each number.
@tf.function(jit_compile=True)
def _key(seeds):
    words = tf.bitcast(tf.cast(seeds, tf.int64), tf.uint32)  # [rows, 2, 2]: the last axis is low, high
    # 128 bits of seed make 64 of key: the low words, as a key, encrypt the high ones.
    return threefry((words[:, 0, 0], words[:, 1, 0]), (words[:, 0, 1], words[:, 1, 1]))


@tf.function(jit_compile=True)
def _uniforms(key, stream, count):
    words = tf.concat(_words(key, stream, -(-count // 2)), axis=0)[:count]
    # 23 bits and a half: exact in float32, never 0 or 1.
    return (tf.cast(_shift_right(words, 9), tf.float32) + 0.5) * 2.0**-23


@tf.function(jit_compile=True)
def _split(key, stream, count):
    return tf.cast(tf.stack(_words(key, stream, count), axis=-1), tf.int64)


def _words(key, stream, count):
    return threefry(key, (tf.cast(tf.range(count), tf.uint32)[:, None], tf.constant(stream, tf.uint32)))


def _shift_left(words, bits):
    return tf.bitwise.left_shift(words, tf.constant(bits, tf.uint32))


def _shift_right(words, bits):
    return tf.bitwise.right_shift(words, tf.constant(bits, tf.uint32))
