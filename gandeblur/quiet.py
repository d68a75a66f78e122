"""Importing TensorFlow without the lines that it writes where all is well; no setting of TensorFlow 2.21 stops them."""

import os
import subprocess
import sys
from contextlib import suppress

_HARMLESS = r"WARNING: All log messages before absl::InitializeLog\(\) .*|.*\] oneDNN custom operations are on\. .*"
_WITHOUT_GPU = r"|.*\] Could not find cuda drivers on your machine, .*|.*\] failed call to cuInit: .*ERROR \(303\)"
_FILTER = """import os, re, sys
for line in sys.stdin.buffer:
    if not re.fullmatch(sys.argv[1], line.decode(errors="replace").rstrip()):
        os.write(1, line)"""


def import_tensorflow_quietly() -> None:
    """Imports TensorFlow and looks for devices; stderr gets every line but those known to be harmless.

    With TF_CPP_MIN_LOG_LEVEL=0 it gets all. CUDA_VISIBLE_DEVICES is read here, later changes have no effect.
    """
    lines = _HARMLESS + ("" if os.path.exists("/proc/driver/nvidia") else _WITHOUT_GPU)
    reader = None
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") != "0":
        with suppress(OSError):  # no stderr, or no process to be had
            stderr, (pipe, end) = os.dup(2), os.pipe()
            command = [sys.executable, "-I", "-S", "-c", _FILTER, lines]
            # A process, so that all comes out should TensorFlow crash; in its own session, as Ctrl-C is not for it.
            reader = subprocess.Popen(command, stdin=pipe, stdout=stderr, start_new_session=True)
            os.dup2(end, 2)
            os.close(end)
            os.close(pipe)
    try:
        import tensorflow as tf

        tf.config.list_physical_devices()
    finally:
        if reader:
            os.dup2(stderr, 2)  # closes the pipe's last end; the reader finishes
            os.close(stderr)
            with suppress(subprocess.TimeoutExpired):  # a child of TensorFlow's may hold the pipe
                reader.wait(5)
