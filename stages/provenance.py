"""What made a file: the versions of the libraries, and the commit of the checkout."""

import functools
import importlib
import subprocess
from pathlib import Path

import keras


def versions() -> dict[str, str]:
    # Not by the distributions' metadata: TensorFlow is also installed as tensorflow-cpu, this as a folder on the path.
    modules = {"pillow": "PIL", "scikit-image": "skimage"}
    names = ("gandeblur", "tensorflow", "keras", "numpy", *modules)
    found = {name: importlib.import_module(modules.get(name, name)).__version__ for name in names}
    return found | {"backend": keras.backend.backend()}


@functools.cache  # a run asks several times
def commit() -> str | None:
    """The checkout's commit, with "-dirty" when files differ from it; None outside a checkout."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    git = ["git", "-C", str(root)]
    try:
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("-dirty" if changed.strip() else "")
