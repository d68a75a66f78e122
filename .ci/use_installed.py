"""Uses an installed gandeblur once: restores a picture.

python -I use_installed.py [WEIGHTS]      -I: only what is installed can be imported

With WEIGHTS (`NAME.npz`, its description beside it) by that generator, else by a small untrained one.
"""

import sys
from pathlib import Path

import numpy as np

import gandeblur
from gandeblur.inference.restore import Deblurrer
from gandeblur.models import gan_d

place = Path(gandeblur.__file__).resolve().parent
assert Path(sys.prefix).resolve() in place.parents, f"gandeblur comes from {place}, not from {sys.prefix}"
picture = np.random.default_rng(0).integers(0, 256, (33, 47, 3), np.uint8)
small = Deblurrer(gan_d.generator(maps=3, wide_maps=4), (0.0, 255.0))
deblur = gandeblur.load(sys.argv[1]) if sys.argv[1:] else small
restored = deblur(picture)
assert restored.shape == picture.shape and restored.dtype == np.uint8
print(f"restored a picture of {restored.shape} with gandeblur {gandeblur.__version__} from {place}")
