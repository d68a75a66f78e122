"""TensorFlow starts without the lines that it writes where all is well; no setting of TensorFlow 2.21 stops them.

It writes them while it is imported. `import gandeblur` therefore leaves a finder that holds back what comes to stderr
during that import, whoever asks for it, and then writes all of it but the lines that are known to be harmless.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder

_HARMLESS = r"WARNING: All log messages before absl::InitializeLog\(\) .*|.*\] oneDNN custom operations are on\. .*"
_WITHOUT_GPU = r"|.*\] Could not find cuda drivers on your machine, .*|.*\] failed call to cuInit: .*ERROR \(303\)"


class QuietTensorFlow:
    """A finder of TensorFlow alone.

    With TF_CPP_MIN_LOG_LEVEL=0, nothing is held back: also where TensorFlow crashes while it starts. Devices are looked
    for as well, which writes further lines: CUDA_VISIBLE_DEVICES is read there, later changes have no effect.
    """

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "tensorflow" or os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_quietly(module):
                with _held_back():
                    run(module)
                    module.config.list_physical_devices()

            spec.loader.exec_module = run_quietly  # type: ignore[method-assign]
        return spec


def import_keras() -> None:
    """Imports Keras without matplotlib and pandas, which it imports where they are installed; they stay importable.

    It takes them to draw galleries and for data frames; a command that restores pictures waits three seconds for them.
    """
    absent = [name for name in ("matplotlib", "pandas") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: "there is no such module"
    try:
        import keras  # noqa: F401
    finally:
        for name in absent:
            del sys.modules[name]


@contextmanager
def _held_back() -> Iterator[None]:
    """Holds back what is written to file number 2: TensorFlow does not write through Python."""
    lines = _HARMLESS + ("" if os.path.exists("/proc/driver/nvidia") else _WITHOUT_GPU)
    sys.stderr and sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        try:
            stderr = os.dup(2)
        except OSError:  # there is no stderr
            yield
            return
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if not re.fullmatch(lines, line.decode(errors="replace").rstrip()):
                    os.write(2, line)
