#!/usr/bin/env bash
# keras 3.15.1: `import keras` imports matplotlib.pyplot and pandas where they are installed, though only its galleries and
# data frames need them; who only calls a model waits for both. Without them Keras imports as well and is complete otherwise.
# Seen with numpy 2.4.6, matplotlib 3.11.2 and pandas 3.1.1; the back end, here NumPy, makes no difference.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet keras==3.15.1 numpy==2.4.6 matplotlib==3.11.2 pandas==3.1.1
cd "$folder"
KERAS_BACKEND=numpy "$folder/env/bin/python" - <<'PYTHON'
import subprocess
import sys

code = (
    "import sys, time; {}started = time.perf_counter(); import keras; "
    "print(*(name in sys.modules and sys.modules[name] is not None for name in ('matplotlib.pyplot', 'pandas')), "
    "round(time.perf_counter() - started, 1), keras.__version__)"
)
hidden = "sys.modules.update(matplotlib=None, pandas=None); "


def seen(before):
    return subprocess.run([sys.executable, "-c", code.format(before)], capture_output=True, text=True, check=True).stdout.split()


seen("")  # once, for Python's caches
drawn, plain = seen(""), seen(hidden)
print("matplotlib.pyplot, pandas imported; seconds; version")
print("installed:", *drawn)
print("hidden:   ", *plain)
sys.exit(drawn[:2] != ["True", "True"] or plain[:2] != ["False", "False"])
PYTHON
