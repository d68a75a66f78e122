#!/usr/bin/env bash
# tf2onnx writes TensorFlow's remainder of whole numbers (FloorMod, Python's `%`) as Div, Mul and Sub. ONNX divides
# whole numbers towards zero, so that the remainder of a negative number comes out negative: -65 % 4 is 3 in
# TensorFlow and -1 in the file, with no warning at conversion. Padding "to the next multiple", written as `-side % 4`,
# then cuts where it should pad. Written with numbers that are not negative, the two agree.
#
# Exits with 0 while this is so, with 1 once the file computes what TensorFlow does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet tensorflow==2.21.0 tf2onnx==1.17.0 onnx==1.23.2 onnxruntime==1.31.1
cat > "$folder/remainder.py" <<'PYTHON'
import sys

import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

print("tensorflow", tf.__version__, "tf2onnx", tf2onnx.__version__, "onnxruntime", onnxruntime.__version__)


@tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="x")])
def remainder(x):
    return x % 4


x = np.array([-65, -4, -1, 0, 1, 65], np.int32)
model, _ = tf2onnx.convert.from_function(remainder, input_signature=remainder.input_signature, opset=18)
expected = remainder(tf.constant(x)).numpy()
found = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
print("x         ", x)
print("TensorFlow", expected)
print("ONNX file ", found, "by", [node.op_type for node in model.graph.node])
assert expected.tolist() == [3, 0, 3, 0, 1, 1]
sys.exit(found.tolist() != [-1, 0, -1, 0, 1, 1])
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 "$folder/env/bin/python" "$folder/remainder.py" 2> "$folder/log" || { cat "$folder/log" >&2; exit 1; }
