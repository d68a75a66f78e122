"""The default images, which need no download: colour photographs that ship inside scikit-image's wheel.

They are read where scikit-image is installed. Terms, as scikit-image states them:
    CC0: chelsea (Stefan van der Walt), coffee (Rachel Michetti), retina (Mikael Häggström)
    public domain: astronaut and hubble_deep_field (NASA), rocket (SpaceX)
    no known copyright restrictions: ihc (Center for Microscopy and Molecular Imaging)
    no licence stated: motorcycle_left and motorcycle_right (Middlebury 2014 stereo, Scharstein et al.)
"""

from pathlib import Path

import skimage

from gandeblur.data.datasets import ImageSet
from gandeblur.errors import InputError

# The two motorcycle pictures show one scene: they stay on one side of the split.
TRAIN = (
    "astronaut.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "retina.jpg",
)
VALIDATION = ("ihc.png",)
TEST = ("chelsea.png", "coffee.png", "rocket.jpg")


def train() -> ImageSet:
    """Five photographs: a portrait, deep space, two views of a garage, a retina."""
    return _shipped("sample/train", TRAIN)


def validation() -> ImageSet:
    """One photograph: stained tissue."""
    return _shipped("sample/validation", VALIDATION)


def test() -> ImageSet:
    """Three photographs: a cat's fur, a cup on wood, a rocket at dusk."""
    return _shipped("sample/test", TEST)


def _shipped(name: str, files: tuple[str, ...]) -> ImageSet:
    folder = Path(skimage.__file__).parent / "data"
    for file in files:
        if not (folder / file).is_file():
            raise InputError(f"{folder / file}: is missing; reinstall scikit-image from its wheel")
    return ImageSet(name, tuple(folder / file for file in files))
