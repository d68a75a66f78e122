#!/usr/bin/env bash
# TensorFlow 2.21 on a CPU: the gradient of a bias in bfloat16 is summed in bfloat16, where 256 + 1 is 256. Of a map of
# 64x64 pixels whose gradients are all 1 the bias gets 256 for 4096, eagerly and in a tf.function; the larger the map, the
# more is lost. tf.reduce_sum of the same numbers, and float16 and float32, give 4096.
# Expected: the sum, rounded to bfloat16: 4096. Seen: 256. A bias that is added by broadcasting, in place of
# tf.nn.bias_add, has the right gradient.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet tensorflow-cpu==2.21.0 keras==3.15.1 numpy==2.4.6
TF_CPP_MIN_LOG_LEVEL=3 "$folder/env/bin/python" - <<'PYTHON'
import sys

import tensorflow as tf

SIDE = 64


def gradient(add, dtype):
    bias = tf.Variable(tf.zeros([1], dtype))
    with tf.GradientTape() as tape:
        moved = add(tf.zeros([1, SIDE, SIDE, 1], dtype), bias)
        total = tf.reduce_sum(tf.cast(moved, tf.float32))
    return float(tape.gradient(total, bias)[0])


def compiled(dtype):
    gradients = tf.ones([1, SIDE, SIDE, 1], dtype)
    return float(tf.function(lambda x: tf.raw_ops.BiasAddGrad(out_backprop=x))(gradients)[0])


seen = {
    **{f"bias_add, {dtype}": gradient(tf.nn.bias_add, dtype) for dtype in ("float32", "float16", "bfloat16")},
    "bias_add, bfloat16, in a function": compiled("bfloat16"),
    "broadcast, bfloat16": gradient(tf.add, "bfloat16"),
    "reduce_sum, bfloat16": float(tf.reduce_sum(tf.ones([1, SIDE, SIDE, 1], "bfloat16"))),
}
print("tensorflow", tf.__version__)
for name, value in seen.items():
    print(f"{name}: {value:g} of {SIDE * SIDE}")
lost = {name for name, value in seen.items() if value == 256}
whole = {name for name, value in seen.items() if value == SIDE * SIDE}
sys.exit(lost != {"bias_add, bfloat16", "bias_add, bfloat16, in a function"} or lost | whole != set(seen))
PYTHON
