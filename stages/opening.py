"""Opens a finished training: its generator, or its settings. The description tells all; no flags are needed."""

import functools
from pathlib import Path

import keras

from gandeblur.errors import InputError
from gandeblur.experiments.papers import EXPERIMENTS
from gandeblur.experiments.spec import PAPERS_OWN, Experiment
from gandeblur.inference.restore import Deblurrer
from gandeblur.models.layers import hardware
from gandeblur.stages import record
from gandeblur.stages.run import Settings, choose
from gandeblur.training import torch_weights
from gandeblur.weights import file, names

# It tells the blur of a picture, whichever network restores it (docs/scale.md): its normalisation has fixed statistics,
# so that parts of a picture, and small ones, are treated as a whole large one.
JUDGE = "hkust_gan"


def deblurrer(path: Path, precision: str | None = None) -> Deblurrer:
    """The generator in a run folder, or in a weights file with a description beside it, or a name in `weights/`.

    Args:
        path: where it is. Or a `.pth` file of DeblurGAN's authors, which is restored with as its paper says.
        precision: "float32" or "bfloat16", of the layers' arithmetic; None: Keras' present policy.

    Raises:
        InputError: there is no description or no generator, or the two do not fit.
    """
    if not path.exists() and str(path) in names():
        path = file(str(path))
    card = _of_the_authors(path) if path.suffix in torch_weights.SUFFIXES else record.read(path)
    network = card["generator"]
    variant = _experiment(path, card).by_name.get(card["settings"]["variant"])
    if variant is None:
        raise InputError(f"{path}: is of a variant unknown here; use the version that wrote it")
    policy = keras.config.dtype_policy()
    try:
        if precision:
            keras.config.set_dtype_policy(hardware.dtype_policy(precision))
        generator = variant.generator.builder(**network["widths"])
    finally:
        keras.config.set_dtype_policy(policy)
    record.load_generator(path, generator)
    black, white = network["value_range"]
    multiple, dropout = network["size_multiple"], network["dropout_at_test"]
    judge = None if path == file(JUDGE) or not file(JUDGE).exists() else _judge
    return Deblurrer(generator, (black, white), multiple, dropout, card, variant.again, judge)


@functools.cache
def _judge():
    return deblurrer(file(JUDGE), "float32")


def _of_the_authors(path: Path) -> dict:
    """The card of weights from elsewhere: the paper's network; its training is not known."""
    card = record.of_weights(path) if path.exists() else {}
    if not card:
        card = record.describe(choose(EXPERIMENTS["deblurgan"], preset=PAPERS_OWN))
        card["paper"] |= {"trained_by": "not told by its file", "preset": "of another program"}
        del card["identity"], card["training"], card["data"], card["departures"]  # ours, not theirs
    return card


def settings(folder: Path) -> Settings:
    """The settings of the run in a folder.

    Raises:
        InputError: the folder holds no run.
    """
    card = record.read(folder)
    return choose(_experiment(folder, card), workdir=folder, **card["settings"])


def _experiment(path: Path, card: dict) -> Experiment:
    name = card["paper"]["experiment"]
    if name not in EXPERIMENTS:
        raise InputError(f"{path}: is of {name}, unknown here; use the version that wrote it")
    return EXPERIMENTS[name]
