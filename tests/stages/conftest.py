import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def finished(tiny_run):
    """The work folder of a finished run, to be read."""
    return tiny_run


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "c.jpg"):
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(folder / name)
    return folder
