"""A small picture as a file."""

import numpy as np
from PIL import Image

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)


def picture(path, kind=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(PIXELS).save(path, kind)
    return path
