"""The papers by name: each paper's literal with the recipes that train it here."""

from gandeblur.errors import InputError
from gandeblur.experiments import (
    dark_channel_gan,
    deblurgan,
    eye,
    gan_d,
    hkust_gan,
    ird_gan,
    readings,
    recipes,
    sharingan,
)
from gandeblur.experiments.spec import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    "gan_d": Experiment(gan_d.VARIANTS, recipes.GAN_D, readings.GAN_D),
    "hkust_gan": Experiment(hkust_gan.VARIANTS, {**recipes.HKUST, **eye.HKUST}, readings.HKUST),
    "ird_gan": Experiment(ird_gan.VARIANTS, {**recipes.DEBLURGAN, **eye.DEBLURGAN}, readings.IRD_GAN),
    "dark_channel_gan": Experiment(dark_channel_gan.VARIANTS, recipes.DARK_CHANNEL, readings.DARK_CHANNEL),
    "sharingan": Experiment(sharingan.VARIANTS, {**recipes.DEBLURGAN, **eye.DEBLURGAN}, readings.SHARINGAN),
    "deblurgan": Experiment(deblurgan.VARIANTS, {**recipes.DEBLURGAN, **eye.DEBLURGAN}, readings.DEBLURGAN),
}


def find(name: str) -> Experiment:
    """The experiment of this name.

    Raises:
        InputError: there is none.
    """
    if name not in EXPERIMENTS:
        raise InputError(f"{name}: unknown experiment; use one of {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
