"""What the machine computes with."""

import os
import sys
from pathlib import Path

import keras

_CPUINFO = Path("/proc/cpuinfo")
_NEURAL = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"}
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}  # x86, x86, Arm: flags of processors that multiply such numbers


def has_accelerator() -> bool:
    """Whether tensors live on a GPU or TPU."""
    # This initialises TensorFlow, which fixes the logical devices: a layer that computes has weights, which did so.
    return not keras.distribution.list_devices()[0].startswith("cpu")


def emulates_bfloat16() -> bool:
    """Whether bfloat16 is computed by a CPU without instructions for it, several times slower than float32.

    False as well where the system does not tell (it is Linux that does).
    """
    flags = _flags()
    return bool(flags) and not _BFLOAT16 & flags and not has_accelerator()


def uses_onednn() -> bool:
    """Whether TensorFlow multiplies matrices by oneDNN, which it does by itself on processors made for networks."""
    asked = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "").lower()
    return asked in ("1", "true") if asked else bool(_NEURAL & _flags())


def _flags():
    lines = _CPUINFO.read_text().splitlines() if _CPUINFO.exists() else []
    return set(next((line for line in lines if line.lower().startswith(("flags", "features"))), "").split())


def dtype_policy(precision: str) -> str:
    """Keras' name of "float32" or "bfloat16", the values of `--precision`: weights are float32 in both."""
    return "mixed_bfloat16" if precision == "bfloat16" else "float32"


def warn_if_emulated(precision: str | None) -> None:
    """Says on stderr that a precision is none for this machine."""
    if precision == "bfloat16" and emulates_bfloat16():
        print(
            "note: --precision=bfloat16 on a processor without such arithmetic is slower than float32", file=sys.stderr
        )
