#!/usr/bin/env bash
# OpenVINO and an ONNX model whose tensors are all float32, on a processor that multiplies bfloat16: it computes
# convolutions in bfloat16 unless told otherwise. Pixels of 1 + 1/1024 come out of a convolution by 1 as 1; onnxruntime,
# and OpenVINO with the hint "f32", give them back. A network exported for float32 then differs between two machines.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet openvino==2026.4.1 onnxruntime==1.31.1 onnx==1.23.2 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper

MAPS = 32
kernel = np.zeros((MAPS, MAPS, 3, 3), "float32")
kernel[np.arange(MAPS), np.arange(MAPS), 1, 1] = 1  # gives every map back
shape = [1, MAPS, 64, 64]
graph = helper.make_graph(
    [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])],
    "identity",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    [numpy_helper.from_array(kernel, "w")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
x = np.full(shape, 1 + 2**-10, "float32")

seen = {}
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
seen["onnxruntime"] = session.run(None, {"x": x})[0]
core = openvino.Core()
for name, options in (("openvino", {}), ("openvino, f32", {"INFERENCE_PRECISION_HINT": "f32"})):
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", options)
    seen[name] = compiled(x)[0]
    print(name, "computes in", compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())

print("onnxruntime", onnxruntime.__version__, "openvino", openvino.__version__)
for name, y in seen.items():
    print(f"{name}: {x.flat[0]:.7f} -> {y.flat[0]:.7f}")
flags = set(Path("/proc/cpuinfo").read_text().split())
multiplies = bool(flags & {"avx512_bf16", "amx_bf16"})
print("the processor multiplies bfloat16:", multiplies)
expected = {"onnxruntime": x.flat[0], "openvino": 1 if multiplies else x.flat[0], "openvino, f32": x.flat[0]}
sys.exit(any(y.flat[0] != expected[name] for name, y in seen.items()))
PYTHON
# Seen (Python 3.11, Linux x86-64 with amx_bf16): onnxruntime 1.0009766, openvino 1.0000000 (bf16), with the hint
# 1.0009766 (f32).
