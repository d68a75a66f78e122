"""gandeblur: papers on restoring blurred photographs with GANs, in TensorFlow/Keras.

    deblur = gandeblur.load("runs/gan_d/quick-combined")     a trained generator: a run's folder or weights
    deblur("photo.jpg").save("restored.png")
    run = gandeblur.train("sharingan", data=["PAIRS"])       see gandeblur.api
    gandeblur.evaluate(run, "TEST").report()

gandeblur.models       one file per paper: generator() and discriminator(), functional Keras models
gandeblur.losses       one value per image, unweighted
gandeblur.data         image files -> crops -> degradations -> tf.data
gandeblur.training     the one train step, checkpoints, schedules, TensorBoard
gandeblur.evaluation   named score protocols, baselines, the report
gandeblur.inference    restoring pictures
gandeblur.experiments  one literal per paper, and our recipes
gandeblur.stages       what happens to a paper on a machine: train, score, compare, publish
gandeblur.cli          the command `gandeblur`
"""

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandeblur.errors import InputError
from gandeblur.quiet import QuietTensorFlow

if TYPE_CHECKING:
    from gandeblur.api import Evaluation, Run, build, evaluate, list_models, load, train

__all__ = ["Evaluation", "InputError", "Run", "build", "evaluate", "list_models", "load", "train"]

# Both are read when TensorFlow starts; a user's own setting wins. Its log of CPU features and missing GPU drivers is
# no news; and a training step whose tensors are taken from the system anew each time spends a third of it there.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "true")

sys.meta_path.insert(0, QuietTensorFlow)

__version__ = "0.1.0"

# In a checkout, symbolic links beside this file lead to the folders; an installed package holds them. A checkout that
# keeps no links (Windows) has the folders one level up.
if not (Path(__file__).parent / "models").is_dir():

    class _Folders:
        """Finds the folders one level up, and nothing else that lies there."""

        @staticmethod
        def find_spec(name, path=None, target=None):
            folders = "models losses data training evaluation inference experiments stages weights"
            if name in [f"{__name__}.{folder}" for folder in folders.split()]:
                return PathFinder.find_spec(name, [str(Path(__file__).resolve().parent.parent)])
            return None

    sys.meta_path.append(_Folders)


def __getattr__(name: str) -> Any:
    # On demand: the commands that need no TensorFlow do not wait for it.
    if name in __all__:
        from gandeblur import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
