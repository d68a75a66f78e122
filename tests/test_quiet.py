"""What is hidden of TensorFlow's start, and that nothing else is, however the import ends."""

import os
import subprocess
import sys

import pytest

KNOWN = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795274540.262830    4154 port.cc:153] oneDNN custom operations are on. You may see slightly\n"
)
WITHOUT_GPU = "E0000 00:00:1.2 4 cuda_platform.cc:52] failed call to cuInit: INTERNAL: UNKNOWN ERROR (303)\n"
REAL = "E0000 00:00:1795274540.26 4154 cuda_dnn.cc:8579] cannot register\na line of no kind"


def stderr_of(tmp_path, module, status=0, **environment):
    """What reaches stderr when a TensorFlow with this source is imported quietly."""
    (tmp_path / "tensorflow.py").write_text(f"import os\n{module}")
    code = (
        f"import sys, gandeblur; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import tensorflow as tf\nsys.stderr.write('behind it')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    return done.stderr


def writes(text):
    return f"os.write(2, {text.encode()!r})\n"


CONFIG = f"class config:\n    list_physical_devices = lambda: {writes(WITHOUT_GPU)}\n"


def test_only_the_known_lines_are_hidden(tmp_path):
    assert stderr_of(tmp_path, writes(KNOWN + REAL + "\n") + CONFIG).removesuffix("behind it") in (
        REAL + "\n",
        REAL + "\n" + WITHOUT_GPU,  # on a machine with a GPU, that there is no driver is news
    )


def test_a_user_who_asks_for_the_log_gets_it(tmp_path):
    shown = stderr_of(tmp_path, writes(KNOWN) + CONFIG, TF_CPP_MIN_LOG_LEVEL="0")
    assert shown == KNOWN + "behind it"


@pytest.mark.parametrize(
    "end, status, last",
    [("raise ImportError('broken')\n", 1, "ImportError: broken\n")],
)
def test_a_failed_import_shows_all(tmp_path, end, status, last):
    shown = stderr_of(tmp_path, writes(KNOWN + REAL) + end, status)
    assert shown.startswith(REAL) and shown.endswith(last)


@pytest.mark.slow  # imports TensorFlow in a new process
def test_tensorflow_itself_is_imported_in_silence():
    code = "import gandeblur; import tensorflow as tf; print(tf.reduce_sum(tf.ones(3)).numpy())"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "1"}  # as JAX sets it
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3.0\n", "")


@pytest.mark.slow  # imports Keras in a new process
def test_keras_starts_without_what_it_takes_to_draw():
    code = (
        "import sys; from gandeblur.quiet import import_keras; import_keras(); "
        "assert 'keras' in sys.modules and not {'matplotlib', 'pandas', 'scipy.stats'} & set(sys.modules); "
        "import matplotlib.pyplot"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, capture_output=True)
