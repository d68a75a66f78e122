"""gandeblur: papers on restoring blurred photographs with GANs, in TensorFlow/Keras.

gandeblur.models       one file per paper: generator() and discriminator(), functional Keras models
gandeblur.losses       one value per image, unweighted
gandeblur.data         image files -> crops -> degradations -> tf.data
gandeblur.training     the one train step, checkpoints, schedules, TensorBoard
gandeblur.evaluation   named score protocols, baselines, the report
gandeblur.experiments  one literal per paper, and the flags that run it
gandeblur.cli          the command `gandeblur`: builds, checks and packs image pairs
"""

import os
from pathlib import Path

# Both are read when TensorFlow starts; a user's own setting wins. Its log of CPU features and missing GPU drivers is
# no news; and a training step whose tensors are taken from the system anew each time spends a third of it there.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

__version__ = "0.1.0"

# In a checkout, symbolic links beside this file lead to the folders; an installed package holds them. A checkout that
# keeps no links (Windows) has the folders one level up.
if not (Path(__file__).parent / "models").is_dir():
    __path__.append(str(Path(__file__).resolve().parent.parent))
